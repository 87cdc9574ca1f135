//! Triangular and orthogonal factors: Cholesky, LU, QR.

use super::{Fault, Matrices, Real, for_each, is_finite, with_real};
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::kernels::library::LibraryCx;
use faer::{Mat, MatRef, Side};

/// See the table.
pub fn cholesky(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.cholesky";
    cx.expect(NAME, 1, 1, 0)?;
    let x = Matrices::square(cx, NAME, 0)?;
    cx.expect_same_dtype(NAME, &[cx.inputs[0].dtype(), cx.outputs[0].dtype()])?;
    cx.expect_shape(NAME, cx.inputs[0].dims())?;
    let n = x.rows;
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), n * n * n / 3, &|k, to| {
        let l = lower::<T>(x.at(&cx.inputs[0], x.batch, k))?;
        to.write(0, n, |i, j| l[(i, j)]);
        Ok(())
    }))
}

fn lower<T: Real>(x: MatRef<'_, T>) -> std::result::Result<Mat<T>, Fault> {
    let factor = x.llt(Side::Lower).map_err(|_| "input is not positive definite")?.L().to_owned();
    // A NaN is no pivot either.
    if is_finite(factor.as_ref()) { Ok(factor) } else { Err("input is not positive definite") }
}

/// See the table.
pub fn lu(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.lu";
    cx.expect(NAME, 1, 2, 0)?;
    let x = Matrices::square(cx, NAME, 0)?;
    cx.expect_same_dtype(NAME, &[cx.inputs[0].dtype(), cx.outputs[0].dtype()])?;
    cx.expect_same_dtype(NAME, &[DType::I32, cx.outputs[1].dtype()])?;
    cx.expect_shape(NAME, cx.inputs[0].dims())?;
    let n = x.rows;
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), n * n * n, &|k, to| {
        let factors = x.at::<T>(&cx.inputs[0], x.batch, k).partial_piv_lu();
        let (l, u) = (factors.L(), factors.U());
        if (0..n).any(|i| u[(i, i)] == T::from_f64(0.0)) {
            return Err("input is not invertible");
        }
        to.write(0, n, |i, j| if j < i { l[(i, j)] } else { u[(i, j)] });
        let order = factors.P().arrays().0;
        to.get::<i32>(1).iter_mut().zip(order).for_each(|(to, &from)| *to = from as i32);
        Ok(())
    }))
}

/// See the table.
pub fn qr(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.qr";
    cx.expect(NAME, 1, 2, 0)?;
    let x = Matrices::of(cx, NAME, 0)?;
    let dtypes = [cx.inputs[0].dtype(), cx.outputs[0].dtype(), cx.outputs[1].dtype()];
    cx.expect_same_dtype(NAME, &dtypes)?;
    let (m, n) = (x.rows, x.columns);
    let width = cx.outputs[0].dims().last().copied().unwrap_or(0);
    if (width != m && width != m.min(n)) || cx.outputs[1].len() != x.count() * width * n {
        return Err(cx.bad(NAME, Kind::Shape, "results must be thin or full factors"));
    }
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), 4 * m * n * m.min(n), &|k, to| {
        let (q, r) = orthogonal(x.at::<T>(&cx.inputs[0], x.batch, k), width);
        to.write(0, width, |i, j| q[(i, j)]);
        to.write(1, n, |i, j| r[(i, j)]);
        Ok(())
    }))
}

/// `width` columns of Q, and as many rows of R.
fn orthogonal<T: Real>(x: MatRef<'_, T>, width: usize) -> (Mat<T>, Mat<T>) {
    let (m, n) = (x.nrows(), x.ncols());
    let zero = T::from_f64(0.0);
    if m.min(n) == 0 {
        let one_at = |i, j| T::from_f64(if i == j { 1.0 } else { 0.0 });
        return (Mat::from_fn(m, width, one_at), Mat::from_fn(width, n, |_, _| zero));
    }
    if !is_finite(x) {
        return (Mat::from_fn(m, width, |_, _| T::NAN), Mat::from_fn(width, n, |_, _| T::NAN));
    }
    let factors = x.qr();
    let mut q = if width == m { factors.compute_Q() } else { factors.compute_thin_Q() };
    let mut r = Mat::from_fn(width, n, |i, j| if i <= j { factors.R()[(i, j)] } else { zero });
    for k in (0..m.min(n)).filter(|&k| factors.R()[(k, k)] < zero) {
        (0..m).for_each(|i| q[(i, k)] = -q[(i, k)]);
        (k..n).for_each(|j| r[(k, j)] = -r[(k, j)]);
    }
    (q, r)
}
