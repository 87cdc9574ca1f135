//! Matrix factorisations and solvers through faer (feature `linalg`), over batches: the last two axes of an operand
//! are a matrix, and each matrix is computed on its own, so that no split over threads changes a bit.
//!
//! Start with [`TABLE`]. Factorisations that are unique up to signs get theirs here, so that all engines agree: the
//! diagonal of a QR's R is not negative, and of each singular or eigenvector the first component that is not small
//! is positive. A matrix with a NaN or infinity has no factors: they are NaN.

mod expm;
mod factor;
mod general;
mod schur;
mod solve;
mod spectrum;
#[cfg(test)]
mod tests;

use super::{LibraryCx, LibraryKernel, View, ViewMut};
use crate::array::Element;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use faer::{Mat, MatRef};

/// The kernels.
pub static TABLE: &[LibraryKernel] = &[
    LibraryKernel {
        name: "linalg.cholesky",
        doc: "x -> l: l lᵀ = x, of which only the lower triangle is read",
        can_fail: true,
        run: factor::cholesky,
    },
    LibraryKernel {
        name: "linalg.lu",
        doc: "x -> lu, p (i32): row i of l u is row p[i] of x; l has ones on its diagonal, which are not stored",
        can_fail: true,
        run: factor::lu,
    },
    LibraryKernel {
        name: "linalg.qr",
        doc: "x -> q, r: thin or full, as their shapes say",
        can_fail: false,
        run: factor::qr,
    },
    LibraryKernel {
        name: "linalg.svd",
        doc: "x -> s, u, v: x = u diag(s) vᵀ, the greatest first; thin or full, as their shapes say",
        can_fail: true,
        run: spectrum::svd,
    },
    LibraryKernel {
        name: "linalg.svdvals",
        doc: "x -> s: the singular values, the greatest first",
        can_fail: true,
        run: spectrum::svdvals,
    },
    LibraryKernel {
        name: "linalg.eigh",
        doc: "x -> e, v: x v = v diag(e), the least first; only the lower triangle is read",
        can_fail: true,
        run: spectrum::eigh,
    },
    LibraryKernel {
        name: "linalg.eigvalsh",
        doc: "x -> e: the eigenvalues, the least first; only the lower triangle is read",
        can_fail: true,
        run: spectrum::eigvalsh,
    },
    LibraryKernel {
        name: "linalg.solve",
        doc: "a, b -> x; [adjoint]: a x = b, or aᵀ x = b; the axes before broadcast",
        can_fail: true,
        run: solve::solve,
    },
    LibraryKernel {
        name: "linalg.triangular_solve",
        doc: "a, b -> x; [lower, adjoint]: as linalg.solve, for one triangle of a; the other is not read",
        can_fail: true,
        run: solve::triangular_solve,
    },
    LibraryKernel { name: "linalg.det", doc: "x -> y: determinants", can_fail: false, run: solve::det },
    LibraryKernel {
        name: "linalg.slogdet",
        doc: "x -> sign, log: of the determinants, the sign and the logarithm of the absolute value",
        can_fail: false,
        run: solve::slogdet,
    },
    LibraryKernel { name: "linalg.expm", doc: "x -> y: matrix exponentials", can_fail: false, run: expm::expm },
    LibraryKernel {
        name: "linalg.sqrtm",
        doc: "x -> y: principal square roots, which must be real",
        can_fail: true,
        run: schur::sqrtm,
    },
    LibraryKernel {
        name: "linalg.logm",
        doc: "x -> y: principal logarithms, which must be real",
        can_fail: true,
        run: schur::logm,
    },
    LibraryKernel {
        name: "linalg.eig",
        doc: "x -> e, v (complex64): x v = v diag(e), in order of real, then imaginary parts",
        can_fail: true,
        run: general::eig,
    },
];

/// What is wrong with a matrix.
type Fault = &'static str;

/// f32 or f64, as faer computes with them.
trait Real: Element + faer::traits::RealField + std::ops::Neg<Output = Self> {
    const NAN: Self;
    fn is_finite(self) -> bool;
    fn abs(self) -> Self;
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

macro_rules! real {
    ($($t:ident)*) => {$(
        impl Real for $t {
            const NAN: $t = $t::NAN;
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            fn abs(self) -> $t {
                self.abs()
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
            fn from_f64(value: f64) -> $t {
                value as $t
            }
        }
    )*};
}
real!(f32 f64);

/// `with_real!(cx, kernel, T => expr)`: `expr` with `T` the element type of operand 0; an error if it is no [`Real`].
macro_rules! with_real {
    ($cx:expr, $kernel:expr, $t:ident => $body:expr) => {
        match $cx.inputs[0].dtype() {
            DType::F32 => crate::array::element::bind!($t = f32 => $body),
            DType::F64 => crate::array::element::bind!($t = f64 => $body),
            _ => Err($cx.bad($kernel, Kind::DType, "operands must be f32 or f64")),
        }
    };
}
use with_real;

/// The operand's matrices: how many, and their rows and columns.
#[derive(Clone, Copy)]
struct Matrices<'a> {
    batch: &'a [usize],
    rows: usize,
    columns: usize,
}

impl<'a> Matrices<'a> {
    /// The last two axes of operand `index`.
    fn of(cx: &LibraryCx<'a>, kernel: &str, index: usize) -> Result<Matrices<'a>> {
        match cx.inputs[index].dims() {
            [batch @ .., rows, columns] => Ok(Matrices { batch, rows: *rows, columns: *columns }),
            _ => Err(cx.bad(kernel, Kind::Shape, "operands must be matrices")),
        }
    }

    /// As [`Matrices::of`], of square ones.
    fn square(cx: &LibraryCx<'a>, kernel: &str, index: usize) -> Result<Matrices<'a>> {
        let all = Matrices::of(cx, kernel, index)?;
        if all.rows == all.columns { Ok(all) } else { Err(cx.bad(kernel, Kind::Shape, "matrices must be square")) }
    }

    fn count(&self) -> usize {
        self.batch.iter().product()
    }

    /// The matrix that broadcasting puts at place `k` of a batch of this shape.
    fn at<T: Real>(&self, view: &View<'a>, batch: &[usize], mut k: usize) -> MatRef<'a, T> {
        let (mut place, mut stride) = (0, 1);
        let own = self.batch.iter().rev().map(Some).chain(std::iter::repeat(None));
        for (&len, own) in batch.iter().rev().zip(own) {
            if let Some(&own) = own {
                place += if own == 1 { 0 } else { k % len * stride };
                stride *= own;
            }
            k /= len;
        }
        let size = self.rows * self.columns;
        MatRef::from_row_major_slice(&view.as_slice::<T>()[place * size..(place + 1) * size], self.rows, self.columns)
    }
}

/// The parts of all results that belong to one matrix of a batch.
struct Parts<'a> {
    outputs: &'a [ViewMut<'a>],
    matrix: usize,
    count: usize,
}

impl Parts<'_> {
    /// The part of one result.
    fn get<T: Element>(&mut self, output: usize) -> &mut [T] {
        let view = &self.outputs[output];
        let len = view.len() / self.count;
        // SAFETY: there is one `Parts` for each matrix, and it lends one slice at a time.
        unsafe { view.part_mut(self.matrix * len, (self.matrix + 1) * len) }
    }

    /// Writes a result's matrix, whose columns are `columns`, row by row.
    fn write<T: Element>(&mut self, output: usize, columns: usize, value: impl Fn(usize, usize) -> T) {
        for (place, to) in self.get(output).iter_mut().enumerate() {
            *to = value(place / columns, place % columns);
        }
    }
}

/// Runs `one` for each of `count` matrices, of about `flops` operations each, over the threads. The error is that of
/// the first matrix that has one.
fn for_each(
    cx: &LibraryCx<'_>,
    kernel: &str,
    count: usize,
    flops: usize,
    one: &(dyn Fn(usize, &mut Parts<'_>) -> std::result::Result<(), Fault> + Sync),
) -> Result<()> {
    if cx.outputs.iter().all(ViewMut::is_empty) {
        return Ok(());
    }
    let all = |begin: i64, end: i64| {
        let mut matrices = begin as usize..end as usize;
        matrices.try_for_each(|matrix| {
            one(matrix, &mut Parts { outputs: cx.outputs, matrix, count }).map_err(|fault| (matrix, fault))
        })
    };
    parallel::try_for_each(count as i64, flops as i64 + 500, &all).map_err(|(matrix, fault)| match count {
        1 => cx.bad(kernel, Kind::Value, fault),
        _ => cx.bad(kernel, Kind::Value, format!("{fault} (matrix {matrix} of {count})")),
    })
}

/// Whether all elements are finite.
fn is_finite<T: Real>(a: MatRef<'_, T>) -> bool {
    (0..a.nrows()).all(|i| (0..a.ncols()).all(|j| a[(i, j)].is_finite()))
}

/// Whether a column's sign must change for its first component that is not small to be positive. Components under
/// 0.37 of the greatest are small: an unusual fraction, for rounding must not decide between equal ones.
fn is_turned<T: Real>(columns: &Mat<T>, j: usize) -> bool {
    let greatest = (0..columns.nrows()).fold(T::from_f64(0.0), |most, i| {
        let size = columns[(i, j)].abs();
        if size > most { size } else { most }
    });
    let bound = greatest * T::from_f64(0.37);
    let first = (0..columns.nrows()).map(|i| columns[(i, j)]).find(|v| v.abs() > bound);
    first.is_some_and(|v| v < T::from_f64(0.0))
}
