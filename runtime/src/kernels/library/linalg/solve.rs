//! Linear systems and determinants.

use super::{Fault, Matrices, Real, for_each, is_finite, with_real};
use crate::array::DType;
use crate::array::shape::broadcast;
use crate::error::{Kind, Result};
use crate::kernels::library::LibraryCx;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::Solve;
use faer::{Mat, MatRef, Par};

/// The same words as TensorFlow's.
const SINGULAR: Fault = "input is not invertible";

/// See the table.
pub fn solve(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.solve";
    cx.expect(NAME, 2, 1, 1)?;
    let adjoint = cx.params[0] != 0;
    with_real!(cx, NAME, T => each_system::<T>(cx, NAME, &|a, x| {
        let factors = a.partial_piv_lu();
        if (0..a.nrows()).any(|i| factors.U()[(i, i)] == T::from_f64(0.0)) {
            return Err(SINGULAR);
        }
        if adjoint {
            factors.solve_transpose_in_place(x.as_mut());
        } else {
            factors.solve_in_place(x.as_mut());
        }
        Ok(())
    }))
}

/// See the table.
pub fn triangular_solve(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.triangular_solve";
    cx.expect(NAME, 2, 1, 2)?;
    let [lower, adjoint] = [cx.params[0] != 0, cx.params[1] != 0];
    with_real!(cx, NAME, T => each_system::<T>(cx, NAME, &|a, x| {
        if (0..a.nrows()).any(|i| a[(i, i)] == T::from_f64(0.0)) {
            return Err(SINGULAR);
        }
        let a = if adjoint { a.transpose() } else { a };
        if lower != adjoint {
            solve_lower_triangular_in_place(a, x.as_mut(), Par::Seq);
        } else {
            solve_upper_triangular_in_place(a, x.as_mut(), Par::Seq);
        }
        Ok(())
    }))
}

/// Solves one system in place: the right sides become the solutions.
type Solver<'a, T> = &'a (dyn Fn(MatRef<'_, T>, &mut Mat<T>) -> std::result::Result<(), Fault> + Sync);

/// Runs `one` for each pair of matrices of operands 0 and 1, whose batches broadcast.
fn each_system<T: Real>(cx: &LibraryCx<'_>, kernel: &str, one: Solver<'_, T>) -> Result<()> {
    let (a, b) = (Matrices::square(cx, kernel, 0)?, Matrices::of(cx, kernel, 1)?);
    cx.expect_same_dtype(kernel, &[cx.inputs[0].dtype(), cx.inputs[1].dtype(), cx.outputs[0].dtype()])?;
    let (n, columns) = (b.rows, b.columns);
    if a.rows != n {
        return Err(cx.bad(kernel, Kind::Shape, "the right sides must have as many rows as the matrices"));
    }
    let batch = broadcast(a.batch, b.batch)?;
    cx.expect_shape(kernel, &[&batch[..], &[n, columns]].concat())?;
    if n * columns == 0 {
        return Ok(());
    }
    for_each(cx, kernel, batch.iter().product(), n * n * (n + columns), &|k, to| {
        let right = b.at::<T>(&cx.inputs[1], &batch, k);
        let mut x = right.to_owned();
        one(a.at(&cx.inputs[0], &batch, k), &mut x)?;
        to.write(0, columns, |i, j| x[(i, j)]);
        Ok(())
    })
}

/// See the table.
pub fn det(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.det";
    cx.expect(NAME, 1, 1, 0)?;
    let x = determinants(cx, NAME)?;
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), x.rows.pow(3), &|k, to| {
        let (sign, pivots) = pivots::<T>(x.at(&cx.inputs[0], x.batch, k));
        to.get::<T>(0)[0] = pivots.into_iter().fold(sign, |product, pivot| product * pivot);
        Ok(())
    }))
}

/// See the table.
pub fn slogdet(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.slogdet";
    cx.expect(NAME, 1, 2, 0)?;
    let x = determinants(cx, NAME)?;
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), x.rows.pow(3), &|k, to| {
        let (sign, pivots) = pivots::<T>(x.at(&cx.inputs[0], x.batch, k));
        let zero = T::from_f64(0.0);
        let turn = |sign: T, &pivot: &T| match pivot {
            _ if pivot < zero => -sign,
            _ if pivot == zero => zero,
            _ if pivot > zero => sign,
            _ => T::NAN,
        };
        to.get::<T>(0)[0] = pivots.iter().fold(sign, turn);
        to.get::<T>(1)[0] = pivots.iter().fold(zero, |sum, pivot| sum + pivot.abs().ln());
        Ok(())
    }))
}

fn determinants<'a>(cx: &LibraryCx<'a>, kernel: &str) -> Result<Matrices<'a>> {
    let x = Matrices::square(cx, kernel, 0)?;
    for output in cx.outputs {
        cx.expect_same_dtype(kernel, &[cx.inputs[0].dtype(), output.dtype()])?;
        if output.dims() != x.batch {
            return Err(cx.bad(kernel, Kind::Shape, "results must be one number a matrix"));
        }
    }
    Ok(x)
}

/// The sign of the row exchanges of an LU factorisation, and its pivots.
fn pivots<T: Real>(x: MatRef<'_, T>) -> (T, Vec<T>) {
    let (n, zero) = (x.nrows(), T::from_f64(0.0));
    let factors = x.partial_piv_lu();
    let mut pivots: Vec<T> = (0..n).map(|i| factors.U()[(i, i)]).collect();
    // What follows a pivot that is 0, or has no inverse, is not a number.
    let has_no_inverse = |pivot: &T| (T::from_f64(1.0) / *pivot).abs() == T::from_f64(f64::INFINITY);
    if is_finite(x) && pivots.iter().any(has_no_inverse) {
        pivots.fill(zero);
    }
    let mut order = factors.P().arrays().0.to_vec();
    let mut sign = T::from_f64(1.0);
    for i in 0..n {
        while order[i] != i {
            let next = order[i];
            order.swap(i, next);
            sign = -sign;
        }
    }
    (sign, pivots)
}
