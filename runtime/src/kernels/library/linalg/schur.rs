//! The complex Schur form of a real matrix, and functions of matrices through it: square roots and logarithms.
//!
//! Start with [`schur`]. Functions of the triangle are those of Björck and Hammarling ("A Schur method for the square
//! root of a matrix", 1983) and of inverse scaling and squaring (Higham, "Functions of Matrices", 2008, 11.5). All is
//! computed in f64.

use super::{Fault, Matrices, Real, for_each, is_finite, with_real};
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::kernels::library::LibraryCx;
use faer::{Mat, c64};

/// What is wrong with a matrix whose principal square root or logarithm has imaginary parts.
const COMPLEX: Fault = "the result would be complex: a matrix has an eigenvalue on the negative real axis";

/// See the table.
pub fn sqrtm(cx: &mut LibraryCx<'_>) -> Result<()> {
    function(cx, "linalg.sqrtm", |t| root(t).ok_or("a singular matrix has no square root here"))
}

/// See the table.
pub fn logm(cx: &mut LibraryCx<'_>) -> Result<()> {
    function(cx, "linalg.logm", |t| logarithm(t).ok_or("a singular matrix has no logarithm"))
}

/// `q f(t) qᴴ` of each matrix `q t qᴴ`, which must be real.
fn function(
    cx: &LibraryCx<'_>,
    kernel: &str,
    of_triangle: impl Fn(&Mat<c64>) -> std::result::Result<Mat<c64>, Fault> + Sync,
) -> Result<()> {
    cx.expect(kernel, 1, 1, 0)?;
    let x = Matrices::square(cx, kernel, 0)?;
    cx.expect_same_dtype(kernel, &[cx.inputs[0].dtype(), cx.outputs[0].dtype()])?;
    cx.expect_shape(kernel, cx.inputs[0].dims())?;
    let n = x.rows;
    // A root of the rounding of a zero is as large as this.
    let tolerance = if cx.inputs[0].dtype() == DType::F32 { 4e-3 } else { 2e-7 };
    with_real!(cx, kernel, T => for_each(cx, kernel, x.count(), 200 * n * n * n, &|k, to| {
        let x = x.at::<T>(&cx.inputs[0], x.batch, k);
        if !is_finite(x) {
            to.get::<T>(0).fill(T::NAN);
            return Ok(());
        }
        let (t, q) = schur(&Mat::from_fn(n, n, |i, j| x[(i, j)].to_f64()))?;
        let y = &q * of_triangle(&t)? * q.adjoint();
        let parts = || (0..n).flat_map(|j| (0..n).map(move |i| (i, j)));
        let greatest = |part: fn(c64) -> f64| parts().map(|at| part(y[at]).abs()).fold(0.0, f64::max);
        if greatest(|z| z.im) > tolerance * greatest(|z| z.re) {
            return Err(COMPLEX);
        }
        to.write(0, n, |i, j| T::from_f64(y[(i, j)].re));
        Ok(())
    }))
}

/// `t, q` with `x = q t qᴴ`: an upper triangle and a unitary matrix, by shifted QR steps on a Hessenberg matrix (Golub
/// and Van Loan, 7.5).
fn schur(x: &Mat<f64>) -> std::result::Result<(Mat<c64>, Mat<c64>), Fault> {
    let n = x.nrows();
    let mut t = Mat::from_fn(n, n, |i, j| c64::new(x[(i, j)], 0.0));
    let mut q = Mat::<c64>::identity(n, n);
    for j in 0..n.saturating_sub(2) {
        for i in (j + 2..n).rev() {
            let turn = Turn::new(t[(i - 1, j)], t[(i, j)]);
            turn.rows(&mut t, i - 1, j..n);
            turn.columns(&mut t, i - 1, 0..n);
            turn.columns(&mut q, i - 1, 0..n);
            t[(i, j)] = c64::new(0.0, 0.0);
        }
    }
    let (mut last, mut steps) = (n.saturating_sub(1), 0);
    while last > 0 {
        let is_small = |k: &usize| {
            let size = length(t[(k - 1, k - 1)]) + length(t[(*k, *k)]);
            length(t[(*k, k - 1)]) <= f64::EPSILON * size + f64::MIN_POSITIVE
        };
        let first = (1..=last).rev().find(is_small).unwrap_or(0);
        if first > 0 {
            t[(first, first - 1)] = c64::new(0.0, 0.0);
        }
        if first == last {
            (last, steps) = (last - 1, 0);
            continue;
        }
        steps += 1;
        if steps > 100 {
            return Err("the iteration did not converge");
        }
        // Now and then another shift, in case that one leads in a circle.
        let shift = if steps % 11 == 10 { t[(last, last)] + length(t[(last, last - 1)]) } else { wilkinson(&t, last) };
        qr_step(&mut t, &mut q, first..last, shift);
    }
    Ok((t, q))
}

/// One QR step of the block of rows and columns `range.start..=range.end`.
fn qr_step(t: &mut Mat<c64>, q: &mut Mat<c64>, range: std::ops::Range<usize>, shift: c64) {
    let n = t.nrows();
    (range.start..=range.end).for_each(|k| t[(k, k)] -= shift);
    let turns: Vec<Turn> = range
        .clone()
        .map(|k| {
            let turn = Turn::new(t[(k, k)], t[(k + 1, k)]);
            turn.rows(t, k, k..n);
            turn
        })
        .collect();
    for (k, turn) in range.clone().zip(turns) {
        turn.columns(t, k, 0..k + 2);
        turn.columns(q, k, 0..n);
    }
    (range.start..=range.end).for_each(|k| t[(k, k)] += shift);
}

/// The eigenvalue of the block that ends at `last` which is nearer to its last element.
fn wilkinson(t: &Mat<c64>, last: usize) -> c64 {
    let (a, b, c, d) = (t[(last - 1, last - 1)], t[(last - 1, last)], t[(last, last - 1)], t[(last, last)]);
    let half = (a - d) * 0.5;
    let root = square_root(half * half + b * c);
    let far = if (half.conj() * root).re >= 0.0 { half + root } else { half - root };
    if length(far) == 0.0 { d } else { d - b * c / far }
}

/// A rotation of two neighbouring rows or columns that makes the second of two numbers 0.
struct Turn {
    c: c64,
    s: c64,
}

impl Turn {
    fn new(a: c64, b: c64) -> Turn {
        let size = length(a).hypot(length(b));
        if size == 0.0 {
            return Turn { c: c64::new(1.0, 0.0), s: c64::new(0.0, 0.0) };
        }
        Turn { c: a / size, s: b / size }
    }

    /// Rows `k` and `k + 1`.
    fn rows(&self, t: &mut Mat<c64>, k: usize, columns: std::ops::Range<usize>) {
        for j in columns {
            let (a, b) = (t[(k, j)], t[(k + 1, j)]);
            t[(k, j)] = self.c.conj() * a + self.s.conj() * b;
            t[(k + 1, j)] = self.c * b - self.s * a;
        }
    }

    /// Columns `k` and `k + 1`, by the adjoint.
    fn columns(&self, t: &mut Mat<c64>, k: usize, rows: std::ops::Range<usize>) {
        for i in rows {
            let (a, b) = (t[(i, k)], t[(i, k + 1)]);
            t[(i, k)] = a * self.c + b * self.s;
            t[(i, k + 1)] = b * self.c.conj() - a * self.s.conj();
        }
    }
}

/// The square root of an upper triangle; None if it is singular in a way that has none.
fn root(t: &Mat<c64>) -> Option<Mat<c64>> {
    let n = t.nrows();
    let zero = c64::new(0.0, 0.0);
    let mut u = Mat::from_fn(n, n, |i, j| if i == j { square_root(t[(i, i)]) } else { zero });
    for j in 0..n {
        for i in (0..j).rev() {
            let known = (i + 1..j).fold(zero, |sum, k| sum + u[(i, k)] * u[(k, j)]);
            let (rest, by) = (t[(i, j)] - known, u[(i, i)] + u[(j, j)]);
            u[(i, j)] = match (length(rest) == 0.0, length(by) == 0.0) {
                (true, _) => zero,
                (false, true) => return None,
                (false, false) => rest / by,
            };
        }
    }
    Some(u)
}

/// Places and weights of Gauss and Legendre's rule of 8 places on 0 to 1: the [8/8] Padé approximant of `log(1 + x)`.
const RULE: [(f64, f64); 4] = [
    (0.019_855_071_751_231_884, 0.050_614_268_145_188_13),
    (0.101_666_761_293_186_63, 0.111_190_517_226_687_24),
    (0.237_233_795_041_835_5, 0.156_853_322_938_943_64),
    (0.408_282_678_752_175_1, 0.181_341_891_689_181),
];

/// The logarithm of an upper triangle; None if it is singular.
fn logarithm(t: &Mat<c64>) -> Option<Mat<c64>> {
    let n = t.nrows();
    if (0..n).any(|i| length(t[(i, i)]) == 0.0) {
        return None;
    }
    let one = Mat::<c64>::identity(n, n);
    let (mut small, mut roots) = (t.clone(), 0);
    let far = |t: &Mat<c64>| {
        let row = |i: usize| (i..n).map(|j| length(t[(i, j)] - one[(i, j)])).sum::<f64>();
        (0..n).map(row).fold(0.0, f64::max)
    };
    while far(&small) > 0.25 && roots < 1100 {
        (small, roots) = (root(&small)?, roots + 1);
    }
    let x = &small - &one;
    let mut sum = Mat::<c64>::zeros(n, n);
    for (place, weight) in RULE.into_iter().flat_map(|(place, weight)| [(place, weight), (1.0 - place, weight)]) {
        // x (1 + place x)⁻¹, of two triangles that commute, column by column.
        let by = |i: usize, j: usize| one[(i, j)] + x[(i, j)] * place;
        for j in 0..n {
            let mut column = vec![c64::new(0.0, 0.0); j + 1];
            for i in (0..=j).rev() {
                let known = (i + 1..=j).fold(x[(i, j)], |rest, k| rest - by(i, k) * column[k]);
                column[i] = known / by(i, i);
                sum[(i, j)] += column[i] * weight;
            }
        }
    }
    let scale = 2f64.powi(roots);
    // The diagonal is known without the roots' rounding.
    let log = |z: c64| c64::new(length(z).ln(), z.im.atan2(z.re));
    Some(Mat::from_fn(n, n, |i, j| if i == j { log(t[(i, i)]) } else { sum[(i, j)] * scale }))
}

fn length(z: c64) -> f64 {
    z.re.hypot(z.im)
}

/// The root with no negative real part.
fn square_root(z: c64) -> c64 {
    if z.re == 0.0 && z.im == 0.0 {
        return z;
    }
    let greater = ((length(z) + z.re.abs()) * 0.5).sqrt();
    let lesser = z.im / (2.0 * greater);
    if z.re >= 0.0 { c64::new(greater, lesser) } else { c64::new(lesser.abs(), greater.copysign(z.im)) }
}
