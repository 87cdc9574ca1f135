//! Eigenvalues and eigenvectors of matrices that need not be symmetric: complex ones.
//!
//! They come in order of their real, then of their imaginary parts. Vectors have length 1; the first component that is
//! not small is real and positive.

use super::{Fault, Matrices, Real, for_each, is_finite, with_real};
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::kernels::library::LibraryCx;
use faer::linalg::solvers::Eigen;
use faer::{Mat, MatRef, c64};

/// See the table.
pub fn eig(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.eig";
    cx.expect(NAME, 1, 2, 0)?;
    let x = Matrices::square(cx, NAME, 0)?;
    let n = x.rows;
    if cx.outputs.iter().any(|y| y.dtype() != DType::Complex64) {
        return Err(cx.bad(NAME, Kind::DType, "results must be complex64"));
    }
    if cx.outputs[0].len() != x.count() * n || cx.outputs[1].len() != x.count() * n * n {
        return Err(cx.bad(NAME, Kind::Shape, "results must be n values and n vectors a matrix"));
    }
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), 25 * n * n * n, &|k, to| {
        let x = x.at::<T>(&cx.inputs[0], x.batch, k);
        if !is_finite(x) {
            to.get::<[f32; 2]>(0).fill([f32::NAN; 2]);
            to.get::<[f32; 2]>(1).fill([f32::NAN; 2]);
            return Ok(());
        }
        let (values, vectors) = decompose(x)?;
        let single = |z: c64| [z.re as f32, z.im as f32];
        to.get::<[f32; 2]>(0).iter_mut().zip(&values).for_each(|(to, &e)| *to = single(e));
        to.write(1, n, |i, j| single(vectors[(i, j)]));
        Ok(())
    }))
}

fn decompose<T: Real>(x: MatRef<'_, T>) -> std::result::Result<(Vec<c64>, Mat<c64>), Fault> {
    let n = x.nrows();
    let x = Mat::from_fn(n, n, |i, j| x[(i, j)].to_f64());
    let factors = Eigen::new_from_real(x.as_ref()).map_err(|_| "the iteration did not converge")?;
    let values: Vec<c64> = factors.S().column_vector().iter().copied().collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| values[i].re.total_cmp(&values[j].re).then(values[i].im.total_cmp(&values[j].im)));
    let mut vectors = Mat::from_fn(n, n, |i, j| factors.U()[(i, order[j])]);
    (0..n).for_each(|j| orient(&mut vectors, j));
    Ok((order.into_iter().map(|i| values[i]).collect(), vectors))
}

/// Gives a column length 1, and its first component that is not small the angle 0. Components under 0.37 of the
/// greatest are small, as for singular vectors.
fn orient(vectors: &mut Mat<c64>, j: usize) {
    let n = vectors.nrows();
    let size = |z: c64| z.re.hypot(z.im);
    let column: Vec<c64> = (0..n).map(|i| vectors[(i, j)]).collect();
    let greatest = column.iter().fold(0.0, |most: f64, &z| most.max(size(z)));
    let length = column.iter().map(|&z| (size(z) / greatest).powi(2)).sum::<f64>().sqrt() * greatest;
    let Some(&first) = column.iter().find(|&&z| size(z) > 0.37 * greatest) else { return };
    let turn = first.conj() / (size(first) * length);
    (0..n).for_each(|i| vectors[(i, j)] *= turn);
}
