//! Evaluators in f64, each by another method than the library's where there is one: rotations for eigenvalues and
//! singular values, Gram and Schmidt for QR. Functions of matrices are in [`function`].

mod function;

use crate::base::{Error, Kind, Result};
use crate::graph::opdef::EvalCx;
use crate::ops::eval;
use tracelift_runtime::Array;

pub use function::{eig, expm, logm, sqrtm};

/// A dense matrix, row by row.
#[derive(Clone, Debug)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// One row.
    pub fn row(values: Vec<f64>) -> Matrix {
        Matrix { rows: 1, columns: values.len(), values }
    }

    fn from_fn(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f64) -> Matrix {
        let values = (0..rows * columns).map(|p| value(p / columns, p % columns)).collect();
        Matrix { rows, columns, values }
    }

    fn identity(n: usize) -> Matrix {
        Matrix::from_fn(n, n, |i, j| if i == j { 1.0 } else { 0.0 })
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.columns + j]
    }

    fn at_mut(&mut self, i: usize, j: usize) -> &mut f64 {
        &mut self.values[i * self.columns + j]
    }

    /// Its transpose.
    pub fn transpose(&self) -> Matrix {
        Matrix::from_fn(self.columns, self.rows, |i, j| self.at(j, i))
    }

    /// The lower or the upper triangle.
    pub fn triangle(&self, lower: bool) -> Matrix {
        Matrix::from_fn(self.rows, self.columns, |i, j| if i == j || (j < i) == lower { self.at(i, j) } else { 0.0 })
    }

    /// The diagonal.
    pub fn diagonal(&self) -> Vec<f64> {
        (0..self.rows.min(self.columns)).map(|i| self.at(i, i)).collect()
    }

    fn times(&self, other: &Matrix) -> Matrix {
        Matrix::from_fn(self.rows, other.columns, |i, j| {
            (0..self.columns).map(|k| self.at(i, k) * other.at(k, j)).sum()
        })
    }

    /// Plus another times `factor`.
    fn plus(&self, other: &Matrix, factor: f64) -> Matrix {
        Matrix::from_fn(self.rows, self.columns, |i, j| self.at(i, j) + factor * other.at(i, j))
    }

    fn scaled(&self, by: f64) -> Matrix {
        Matrix::from_fn(self.rows, self.columns, |i, j| self.at(i, j) * by)
    }

    /// The greatest absolute value.
    fn greatest(&self) -> f64 {
        self.values.iter().fold(0.0, |m, v| m.max(v.abs()))
    }

    fn column(&self, j: usize) -> Vec<f64> {
        (0..self.rows).map(|i| self.at(i, j)).collect()
    }

    /// The columns in this order, `count` of them times `scale`.
    fn from_columns(rows: usize, columns: &[Vec<f64>]) -> Matrix {
        Matrix::from_fn(rows, columns.len(), |i, j| columns[j][i])
    }

    fn swap_rows(&mut self, i: usize, j: usize) {
        (0..self.columns).for_each(|k| self.values.swap(i * self.columns + k, j * self.columns + k));
    }

    fn is_finite(&self) -> bool {
        self.values.iter().all(|v| v.is_finite())
    }

    fn nan(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |_, _| f64::NAN)
    }
}

/// The matrices of a batch.
pub fn matrices(x: &Array) -> Vec<Matrix> {
    let (values, rank) = (eval::floats(x), x.shape().len());
    let [rows, columns] = [x.shape()[rank - 2], x.shape()[rank - 1]];
    let count = x.shape()[..rank - 2].iter().product();
    let part = |k: usize| values[k * rows * columns..(k + 1) * rows * columns].to_vec();
    (0..count).map(|k| Matrix { rows, columns, values: part(k) }).collect()
}

/// `f` of each matrix of the operands' batches, which broadcast; results are put together in the shapes of the specs.
pub fn each(c: &EvalCx<'_>, f: impl Fn(&[Matrix]) -> Result<Vec<Matrix>>) -> Result<Vec<Array>> {
    let batches: Vec<&[usize]> = c.inputs.iter().map(|a| &a.shape()[..a.shape().len() - 2]).collect();
    let mut batch: Vec<usize> = Vec::new();
    for own in &batches {
        batch = tracelift_runtime::array::shape::broadcast(&batch, own)?.to_vec();
    }
    let operands: Vec<Vec<f64>> = c.inputs.iter().map(eval::floats).collect();
    let mut results: Vec<Vec<f64>> = vec![Vec::new(); c.outputs.len()];
    for index in eval::indices(&batch) {
        let matrix = |k: usize| {
            let [rows, columns] = [2, 1].map(|from_end| c.inputs[k].shape()[c.inputs[k].shape().len() - from_end]);
            let from = eval::broadcast_offset(batches[k], &index) * rows * columns;
            Matrix { rows, columns, values: operands[k][from..from + rows * columns].to_vec() }
        };
        let parts = f(&(0..c.inputs.len()).map(matrix).collect::<Vec<_>>())?;
        results.iter_mut().zip(parts).for_each(|(all, part)| all.extend(part.values));
    }
    let array = |(k, values): (usize, Vec<f64>)| eval::from_floats(c.outputs[k].dtype, &eval::shape_of(c, k)?, &values);
    results.into_iter().enumerate().map(array).collect()
}

/// The error of a system without a solution.
pub fn singular() -> Error {
    Error::new(Kind::Value, "input is not invertible")
}

/// The lower factor; only the lower triangle is read.
pub fn cholesky(x: &Matrix) -> Result<Matrix> {
    let mut l = Matrix::from_fn(x.rows, x.rows, |_, _| 0.0);
    for j in 0..x.rows {
        let before = |i: usize, l: &Matrix| (0..j).map(|k| l.at(i, k) * l.at(j, k)).sum::<f64>();
        let pivot = x.at(j, j) - before(j, &l);
        if pivot.is_nan() || pivot <= 0.0 {
            return Err(Error::new(Kind::Value, "input is not positive definite"));
        }
        *l.at_mut(j, j) = pivot.sqrt();
        for i in j + 1..x.rows {
            *l.at_mut(i, j) = (x.at(i, j) - before(i, &l)) / pivot.sqrt();
        }
    }
    Ok(l)
}

/// Both factors in one matrix, and which row of `x` each row of their product is. A column without a pivot is left.
pub fn lu(x: &Matrix) -> (Matrix, Vec<usize>) {
    let n = x.rows;
    let (mut lu, mut order) = (x.clone(), (0..n).collect::<Vec<_>>());
    for k in 0..n {
        let pivot = (k..n).fold(k, |best, i| if lu.at(i, k).abs() > lu.at(best, k).abs() { i } else { best });
        lu.swap_rows(k, pivot);
        order.swap(k, pivot);
        if lu.at(k, k) == 0.0 {
            continue;
        }
        for i in k + 1..n {
            let factor = lu.at(i, k) / lu.at(k, k);
            *lu.at_mut(i, k) = factor;
            (k + 1..n).for_each(|j| *lu.at_mut(i, j) -= factor * lu.at(k, j));
        }
    }
    (lu, order)
}

/// The sign of the row exchanges, and the pivots.
pub fn pivots(x: &Matrix) -> (f64, Vec<f64>) {
    let (lu, order) = lu(x);
    let inversions = |i: usize| order[i + 1..].iter().filter(|&&later| later < order[i]).count();
    let odd = (0..order.len()).map(inversions).sum::<usize>() % 2 == 1;
    (if odd { -1.0 } else { 1.0 }, lu.diagonal())
}

/// The solution by LU factors.
pub fn solve(a: &Matrix, rhs: &Matrix) -> Result<Matrix> {
    let (lu, order) = lu(a);
    let rows = Matrix::from_fn(rhs.rows, rhs.columns, |i, j| rhs.at(order[i], j));
    let unit = Matrix::from_fn(lu.rows, lu.rows, |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Greater => lu.at(i, j),
        order => f64::from(order == std::cmp::Ordering::Equal),
    });
    triangular_solve(&lu.triangle(false), &triangular_solve(&unit, &rows, true)?, false)
}

/// The solution by substitution.
pub fn triangular_solve(a: &Matrix, rhs: &Matrix, lower: bool) -> Result<Matrix> {
    let n = a.rows;
    let mut x = rhs.clone();
    for step in 0..n {
        let i = if lower { step } else { n - 1 - step };
        if a.at(i, i) == 0.0 && rhs.columns > 0 {
            return Err(singular());
        }
        for j in 0..rhs.columns {
            let known: f64 =
                (0..n).filter(|&k| k != i).filter(|&k| (k < i) == lower).map(|k| a.at(i, k) * x.at(k, j)).sum();
            *x.at_mut(i, j) = (x.at(i, j) - known) / a.at(i, i);
        }
    }
    Ok(x)
}

/// Orthonormal columns and an upper triangle.
pub fn qr(x: &Matrix, full: bool) -> (Matrix, Matrix) {
    let (m, n) = (x.rows, x.columns);
    let width = if full { m } else { m.min(n) };
    if !x.is_finite() {
        return (Matrix::nan(m, width), Matrix::nan(width, n));
    }
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for j in 0..m.min(n) {
        let column = x.column(j);
        let rest = apart(&column, &basis);
        let is_new = length(&rest) > 1e-13 * length(&column);
        basis.push(if is_new { unit(rest) } else { another(m, &basis) });
    }
    complete(&mut basis, m, width);
    let q = Matrix::from_columns(m, &basis);
    (q.clone(), q.transpose().times(x).triangle(false))
}

/// Eigenvalues from the least on, and eigenvectors, by Jacobi's rotations of the lower triangle mirrored.
pub fn eigh(x: &Matrix) -> (Vec<f64>, Matrix) {
    let n = x.rows;
    let mut a = Matrix::from_fn(n, n, |i, j| x.at(i.max(j), i.min(j)));
    if !a.is_finite() {
        return (vec![f64::NAN; n], Matrix::nan(n, n));
    }
    let mut v = Matrix::identity(n);
    sweep(n, |p, q| {
        if a.at(p, q) == 0.0 {
            return false;
        }
        let turn = rotation(a.at(p, p), a.at(q, q), a.at(p, q));
        rotate(&mut a, p, q, turn);
        rotate_rows(&mut a, p, q, turn);
        rotate(&mut v, p, q, turn);
        // What rounding leaves there would never go away.
        (*a.at_mut(p, q), *a.at_mut(q, p)) = (0.0, 0.0);
        true
    });
    let values = a.diagonal();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let columns: Vec<Vec<f64>> = order.iter().map(|&j| oriented(v.column(j)).0).collect();
    (order.iter().map(|&j| values[j]).collect(), Matrix::from_columns(n, &columns))
}

/// Singular values from the greatest on, and both sides' vectors, by rotating columns until they are orthogonal
/// (Hestenes).
pub fn svd(x: &Matrix, full: bool) -> (Vec<f64>, Matrix, Matrix) {
    let (m, n) = (x.rows, x.columns);
    let size = m.min(n);
    let [wide_u, wide_v] = [m, n].map(|all| if full { all } else { size });
    if !x.is_finite() {
        return (vec![f64::NAN; size], Matrix::nan(m, wide_u), Matrix::nan(n, wide_v));
    }
    let mut a = if m < n { x.transpose() } else { x.clone() };
    let mut v = Matrix::identity(size);
    sweep(size, |p, q| {
        let (left, right) = (a.column(p), a.column(q));
        let (pp, qq, between) = (dot(&left, &left), dot(&right, &right), dot(&left, &right));
        if between.abs() <= f64::EPSILON * (pp * qq).sqrt() {
            return false;
        }
        let turn = rotation(pp, qq, between);
        rotate(&mut a, p, q, turn);
        rotate(&mut v, p, q, turn);
        true
    });
    let lengths: Vec<f64> = (0..size).map(|j| length(&a.column(j))).collect();
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let mut long: Vec<Vec<f64>> = Vec::new();
    for &j in &order {
        let is_zero = lengths[j] <= 1e-300;
        long.push(if is_zero { another(a.rows, &long) } else { unit(a.column(j)) });
    }
    let mut short: Vec<Vec<f64>> = order.iter().map(|&j| v.column(j)).collect();
    // The sign is that of the left vectors.
    let (left, right) = if m < n { (&mut short, &mut long) } else { (&mut long, &mut short) };
    for (left, right) in left.iter_mut().zip(right.iter_mut()) {
        let (turned, sign) = oriented(std::mem::take(left));
        *left = turned;
        right.iter_mut().for_each(|v| *v *= sign);
    }
    complete(left, m, wide_u);
    complete(right, n, wide_v);
    let (u, v) = (Matrix::from_columns(m, left), Matrix::from_columns(n, right));
    (order.iter().map(|&j| lengths[j]).collect(), u, v)
}

/// Has `turn` rotate each pair of `n` columns, again and again until it finds nothing to do; quadratic convergence
/// needs far fewer than 60 rounds.
fn sweep(n: usize, mut turn: impl FnMut(usize, usize) -> bool) {
    for _ in 0..60 {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                turned |= turn(p, q);
            }
        }
        if !turned {
            return;
        }
    }
}

/// Cosine and sine of the rotation that makes `[[pp, pq], [pq, qq]]` diagonal (Golub and Van Loan, 8.5.2).
fn rotation(pp: f64, qq: f64, pq: f64) -> (f64, f64) {
    let tau = (qq - pp) / (2.0 * pq);
    let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    (c, t * c)
}

/// Columns `p` and `q` rotated.
fn rotate(a: &mut Matrix, p: usize, q: usize, (c, s): (f64, f64)) {
    for i in 0..a.rows {
        let (x, y) = (a.at(i, p), a.at(i, q));
        *a.at_mut(i, p) = c * x - s * y;
        *a.at_mut(i, q) = s * x + c * y;
    }
}

/// Rows `p` and `q` rotated.
fn rotate_rows(a: &mut Matrix, p: usize, q: usize, (c, s): (f64, f64)) {
    for j in 0..a.columns {
        let (x, y) = (a.at(p, j), a.at(q, j));
        *a.at_mut(p, j) = c * x - s * y;
        *a.at_mut(q, j) = s * x + c * y;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn unit(a: Vec<f64>) -> Vec<f64> {
    let length = length(&a);
    a.into_iter().map(|v| v / length).collect()
}

/// What is left of a vector without its parts along an orthonormal basis; taken away twice, for rounding.
fn apart(a: &[f64], basis: &[Vec<f64>]) -> Vec<f64> {
    let mut rest = a.to_vec();
    for other in basis.iter().chain(basis) {
        let part = dot(&rest, other);
        rest.iter_mut().zip(other).for_each(|(r, o)| *r -= part * o);
    }
    rest
}

/// A unit vector orthogonal to a basis that is not complete: what is left of the coordinate vector that it has least.
fn another(n: usize, basis: &[Vec<f64>]) -> Vec<f64> {
    let coordinates = (0..n).map(|k| apart(&Matrix::identity(n).column(k), basis));
    let longest = coordinates.reduce(|best, other| if length(&other) > length(&best) { other } else { best });
    unit(longest.unwrap_or_default())
}

fn complete(basis: &mut Vec<Vec<f64>>, n: usize, width: usize) {
    while basis.len() < width {
        let next = another(n, basis);
        basis.push(next);
    }
}

/// A vector whose first component that is not small is positive, and the sign that made it so.
fn oriented(a: Vec<f64>) -> (Vec<f64>, f64) {
    let greatest = a.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let sign = a.iter().find(|v| v.abs() > 0.37 * greatest).map_or(1.0, |v| v.signum());
    (a.into_iter().map(|v| v * sign).collect(), sign)
}
