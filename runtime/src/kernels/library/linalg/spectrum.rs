//! Singular values and vectors, eigenvalues and eigenvectors.

use super::{Fault, Matrices, Real, for_each, is_finite, is_turned, with_real};
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::kernels::library::LibraryCx;
use faer::{Mat, MatRef, Side};

/// What faer says of a matrix that it gives up on.
const DIVERGED: Fault = "the iteration did not converge";

/// See the table.
pub fn svd(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.svd";
    cx.expect(NAME, 1, 3, 0)?;
    let x = Matrices::of(cx, NAME, 0)?;
    let outputs = cx.outputs.iter().map(|o| o.dtype());
    cx.expect_same_dtype(NAME, &outputs.chain([cx.inputs[0].dtype()]).collect::<Vec<_>>())?;
    let (m, n) = (x.rows, x.columns);
    let [wide_u, wide_v] = [1, 2].map(|o: usize| cx.outputs[o].dims().last().copied().unwrap_or(0));
    let thin = wide_u == m.min(n) && wide_v == m.min(n);
    let lens = [x.count() * m.min(n), x.count() * m * wide_u, x.count() * n * wide_v];
    if !(thin || (wide_u == m && wide_v == n)) || (0..3).any(|o| cx.outputs[o].len() != lens[o]) {
        return Err(cx.bad(NAME, Kind::Shape, "results must be thin or full factors"));
    }
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), 20 * m * n * m.min(n), &|k, to| {
        let (s, u, v) = singular::<T>(x.at(&cx.inputs[0], x.batch, k), wide_u, wide_v)?;
        to.get::<T>(0).copy_from_slice(&s);
        to.write(1, wide_u, |i, j| u[(i, j)]);
        to.write(2, wide_v, |i, j| v[(i, j)]);
        Ok(())
    }))
}

/// Singular values, left vectors, right vectors.
type Singular<T> = (Vec<T>, Mat<T>, Mat<T>);

fn singular<T: Real>(x: MatRef<'_, T>, wide_u: usize, wide_v: usize) -> std::result::Result<Singular<T>, Fault> {
    let (m, n) = (x.nrows(), x.ncols());
    let size = m.min(n);
    if size == 0 {
        return Ok((Vec::new(), Mat::identity(m, wide_u), Mat::identity(n, wide_v)));
    }
    if !is_finite(x) {
        let nan = |rows, columns| Mat::from_fn(rows, columns, |_, _| T::NAN);
        return Ok((vec![T::NAN; size], nan(m, wide_u), nan(n, wide_v)));
    }
    let (x, undo) = scaled(x);
    let factors = if wide_u == size && wide_v == size { x.thin_svd() } else { x.svd() };
    let factors = factors.map_err(|_| DIVERGED)?;
    let (mut u, mut v) = (factors.U().to_owned(), factors.V().to_owned());
    for j in (0..size).filter(|&j| is_turned(&factors.U().to_owned(), j)) {
        (0..m).for_each(|i| u[(i, j)] = -u[(i, j)]);
        (0..n).for_each(|i| v[(i, j)] = -v[(i, j)]);
    }
    Ok((factors.S().column_vector().iter().map(|&s| s * undo).collect(), u, v))
}

/// See the table.
pub fn svdvals(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.svdvals";
    let x = Matrices::of(cx, NAME, 0)?;
    values(cx, NAME, &x, x.rows.min(x.columns))?;
    let flops = 4 * x.rows * x.columns * x.rows.min(x.columns);
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), flops, &|k, to| {
        let x = x.at::<T>(&cx.inputs[0], x.batch, k);
        if !is_finite(x) {
            to.get::<T>(0).fill(T::NAN);
        } else {
            let (x, undo) = scaled(x);
            let values = x.singular_values().map_err(|_| DIVERGED)?;
            to.get::<T>(0).iter_mut().zip(values).for_each(|(to, s)| *to = s * undo);
        }
        Ok(())
    }))
}

/// See the table.
pub fn eigh(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.eigh";
    cx.expect(NAME, 1, 2, 0)?;
    let x = Matrices::square(cx, NAME, 0)?;
    let dtypes = [cx.inputs[0].dtype(), cx.outputs[0].dtype(), cx.outputs[1].dtype()];
    cx.expect_same_dtype(NAME, &dtypes)?;
    let n = x.rows;
    if cx.outputs[0].len() != x.count() * n || cx.outputs[1].len() != x.count() * n * n {
        return Err(cx.bad(NAME, Kind::Shape, "results must be n values and n vectors a matrix"));
    }
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), 10 * n * n * n, &|k, to| {
        let x = x.at::<T>(&cx.inputs[0], x.batch, k);
        if !is_lower_finite(x) {
            to.get::<T>(0).fill(T::NAN);
            to.get::<T>(1).fill(T::NAN);
            return Ok(());
        }
        let (x, undo) = scaled(symmetric(x).as_ref());
        let factors = x.self_adjoint_eigen(Side::Lower).map_err(|_| DIVERGED)?;
        let v = factors.U().to_owned();
        let turned: Vec<bool> = (0..n).map(|j| is_turned(&v, j)).collect();
        to.get::<T>(0).iter_mut().zip(factors.S().column_vector().iter()).for_each(|(to, &e)| *to = e * undo);
        to.write(1, n, |i, j| if turned[j] { -v[(i, j)] } else { v[(i, j)] });
        Ok(())
    }))
}

/// See the table.
pub fn eigvalsh(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.eigvalsh";
    let x = Matrices::square(cx, NAME, 0)?;
    let n = x.rows;
    values(cx, NAME, &x, n)?;
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), 2 * n * n * n, &|k, to| {
        let x = x.at::<T>(&cx.inputs[0], x.batch, k);
        if !is_lower_finite(x) {
            to.get::<T>(0).fill(T::NAN);
            return Ok(());
        }
        let (x, undo) = scaled(symmetric(x).as_ref());
        let values = x.self_adjoint_eigenvalues(Side::Lower).map_err(|_| DIVERGED)?;
        to.get::<T>(0).iter_mut().zip(values).for_each(|(to, e)| *to = e * undo);
        Ok(())
    }))
}

/// An error unless there is one operand and `count` values of its dtype for each of its matrices.
fn values(cx: &LibraryCx<'_>, kernel: &str, x: &Matrices<'_>, count: usize) -> Result<()> {
    cx.expect(kernel, 1, 1, 0)?;
    cx.expect_same_dtype(kernel, &[cx.inputs[0].dtype(), cx.outputs[0].dtype()])?;
    cx.expect_shape(kernel, &[x.batch, &[count]].concat())
}

/// The matrix, and the power of two by which it has been divided so that squares of its elements stay in range (as
/// LAPACK's drivers do): the values must be multiplied by it. 1 unless the greatest element is far from 1.
fn scaled<T: Real>(x: MatRef<'_, T>) -> (Mat<T>, T) {
    let elements = (0..x.ncols()).flat_map(|j| (0..x.nrows()).map(move |i| x[(i, j)].abs().to_f64()));
    let greatest = elements.fold(0.0, f64::max);
    let (far, most) = if T::DTYPE == DType::F32 { (40, 126) } else { (340, 1022) };
    let exponent = if greatest > 0.0 { greatest.log2() as i32 } else { 0 };
    let exponent = if exponent.abs() > far { exponent.clamp(-most, most) } else { 0 };
    let [divisor, undo] = [-exponent, exponent].map(|e| T::from_f64(2f64.powi(e)));
    (Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)] * divisor), undo)
}

/// The symmetric matrix of this lower triangle.
fn symmetric<T: Real>(x: MatRef<'_, T>) -> Mat<T> {
    Mat::from_fn(x.nrows(), x.nrows(), |i, j| if j <= i { x[(i, j)] } else { x[(j, i)] })
}

fn is_lower_finite<T: Real>(x: MatRef<'_, T>) -> bool {
    (0..x.nrows()).all(|i| (0..=i).all(|j| x[(i, j)].is_finite()))
}
