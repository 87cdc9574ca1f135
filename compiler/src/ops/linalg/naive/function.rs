//! Functions of matrices, and eigenvalues of matrices that need not be symmetric.

use super::{Matrix, solve};
use crate::base::{Error, Kind, Result};

/// A complex number.
type Complex = (f64, f64);

/// The exponential: Taylor's series of a small part, squared.
pub fn expm(x: &Matrix) -> Result<Matrix> {
    let n = x.rows;
    if !x.is_finite() {
        return Ok(Matrix::nan(n, n));
    }
    let greatest = x.values.iter().fold(0.0, |a: f64, v| a.max(v.abs())) * n as f64;
    let squarings = (greatest * 4.0).log2().ceil().clamp(0.0, 1000.0) as i32;
    let small = Matrix::from_fn(n, n, |i, j| x.at(i, j) * 2f64.powi(-squarings));
    let (mut sum, mut term) = (Matrix::identity(n), Matrix::identity(n));
    for k in 1..25 {
        term = term.times(&small);
        term.values.iter_mut().for_each(|v| *v /= f64::from(k));
        sum = sum.plus(&term, 1.0);
    }
    Ok((0..squarings).fold(sum, |y, _| y.times(&y)))
}

/// The square root, by Denman and Beavers' iteration, which goes nowhere if there is no real one.
pub fn sqrtm(x: &Matrix) -> Result<Matrix> {
    let n = x.rows;
    if !x.is_finite() {
        return Ok(Matrix::nan(n, n));
    }
    let (mut y, mut z) = (x.clone(), Matrix::identity(n));
    for _ in 0..60 {
        let (by_z, by_y) = (inverse(&z)?, inverse(&y)?);
        let next = y.plus(&by_z, 1.0).scaled(0.5);
        z = z.plus(&by_y, 1.0).scaled(0.5);
        let change = next.plus(&y, -1.0).greatest();
        y = next;
        if change <= 1e-15 * y.greatest() {
            break;
        }
    }
    if y.times(&y).plus(x, -1.0).greatest() <= 1e-7 * x.greatest() {
        return Ok(y);
    }
    Err(Error::new(Kind::Value, "the result would be complex: a matrix has an eigenvalue on the negative real axis"))
}

/// The logarithm: roots until little is left beside the identity, then the series of `2 artanh((x - 1) / (x + 1))`.
pub fn logm(x: &Matrix) -> Result<Matrix> {
    let n = x.rows;
    if !x.is_finite() {
        return Ok(Matrix::nan(n, n));
    }
    let one = Matrix::identity(n);
    let (mut small, mut roots) = (x.clone(), 0);
    while small.plus(&one, -1.0).greatest() * n as f64 > 0.25 {
        small = sqrtm(&small)?;
        roots += 1;
    }
    let ratio = solve(&small.plus(&one, 1.0), &small.plus(&one, -1.0))?;
    let square = ratio.times(&ratio);
    let (mut sum, mut power) = (Matrix::from_fn(n, n, |_, _| 0.0), ratio);
    for k in 0..20 {
        sum = sum.plus(&power, 2.0 / f64::from(2 * k + 1));
        power = power.times(&square);
    }
    Ok(sum.scaled(2f64.powi(roots)))
}

/// Eigenvalues in order of their real, then imaginary parts, and eigenvectors as columns: the roots of the
/// characteristic polynomial (Faddeev and LeVerrier; Durand and Kerner), and inverse iteration.
pub fn eig(x: &Matrix) -> Result<(Vec<Complex>, Vec<Vec<Complex>>)> {
    let n = x.rows;
    if !x.is_finite() {
        return Ok((vec![(f64::NAN, f64::NAN); n], vec![vec![(f64::NAN, f64::NAN); n]; n]));
    }
    let mut values = roots(&characteristic(x));
    // Those of a real matrix are real, or pairs of conjugates.
    let scale = values.iter().map(|&z| size(z)).fold(1e-300, f64::max);
    values.iter_mut().filter(|z| z.1.abs() < 1e-9 * scale).for_each(|z| z.1 = 0.0);
    let upper: Vec<Complex> = values.iter().copied().filter(|z| z.1 > 0.0).collect();
    values.retain(|z| z.1 == 0.0);
    values.extend(upper.into_iter().flat_map(|(re, im)| [(re, im), (re, -im)]));
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let vectors = values.iter().map(|&value| vector(x, value, scale)).collect::<Result<_>>()?;
    Ok((values, vectors))
}

/// Coefficients of `det(λ - x)`, the highest, 1, first.
fn characteristic(x: &Matrix) -> Vec<f64> {
    let n = x.rows;
    let (mut product, mut coefficients) = (Matrix::from_fn(n, n, |_, _| 0.0), vec![1.0]);
    for k in 1..=n {
        product = x.times(&product).plus(&Matrix::identity(n), coefficients[k - 1]);
        coefficients.push(-x.times(&product).diagonal().iter().sum::<f64>() / k as f64);
    }
    coefficients
}

/// All roots of a polynomial at once.
fn roots(coefficients: &[f64]) -> Vec<Complex> {
    let bound = 1.0 + coefficients[1..].iter().fold(0.0, |m: f64, c| m.max(c.abs()));
    let start = |k: usize| (bound * (0.4 + k as f64).cos(), bound * (0.4 + k as f64).sin());
    let mut roots: Vec<Complex> = (0..coefficients.len() - 1).map(start).collect();
    for _ in 0..2000 {
        for k in 0..roots.len() {
            let z = roots[k];
            let value = coefficients.iter().fold((0.0, 0.0), |sum, &c| add(mul(sum, z), (c, 0.0)));
            let others = (0..roots.len()).filter(|&j| j != k);
            let apart = others.fold((1.0, 0.0), |all, j| mul(all, add(z, (-roots[j].0, -roots[j].1))));
            if size(apart) > 0.0 {
                let step = div(value, apart);
                roots[k] = add(z, (-step.0, -step.1));
            }
        }
    }
    roots
}

/// The eigenvector of a simple eigenvalue, of length 1, its first component that is not small positive.
fn vector(x: &Matrix, value: Complex, scale: f64) -> Result<Vec<Complex>> {
    let n = x.rows;
    // Real and imaginary parts one below the other; a little off the eigenvalue, for the system to be regular.
    let shift = (value.0 + 1e-10 * scale, value.1);
    let block = Matrix::from_fn(2 * n, 2 * n, |i, j| {
        let same = if i % n == j % n { 1.0 } else { 0.0 };
        match (i < n, j < n) {
            (true, true) | (false, false) => x.at(i % n, j % n) - shift.0 * same,
            (true, false) => shift.1 * same,
            (false, true) => -shift.1 * same,
        }
    });
    let mut v = Matrix::from_fn(2 * n, 1, |i, _| 1.0 / (1.0 + i as f64));
    for _ in 0..6 {
        v = solve(&block, &v)?;
        v = v.scaled(1.0 / v.values.iter().map(|c| c * c).sum::<f64>().sqrt());
    }
    let column: Vec<Complex> = (0..n).map(|i| (v.at(i, 0), v.at(n + i, 0))).collect();
    let greatest = column.iter().map(|&z| size(z)).fold(0.0, f64::max);
    let first = column.iter().copied().find(|&z| size(z) > 0.37 * greatest).unwrap_or((1.0, 0.0));
    let turn = (first.0 / size(first), -first.1 / size(first));
    Ok(column.into_iter().map(|z| mul(z, turn)).collect())
}

fn inverse(x: &Matrix) -> Result<Matrix> {
    solve(x, &Matrix::identity(x.rows))
}

fn size(z: Complex) -> f64 {
    z.0.hypot(z.1)
}

fn add(a: Complex, b: Complex) -> Complex {
    (a.0 + b.0, a.1 + b.1)
}

fn mul(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn div(a: Complex, b: Complex) -> Complex {
    let by = b.0 * b.0 + b.1 * b.1;
    ((a.0 * b.0 + a.1 * b.1) / by, (a.1 * b.0 - a.0 * b.1) / by)
}
