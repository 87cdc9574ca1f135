//! Linear algebra: TensorFlow's `tf.linalg`. Matrices are the last two axes, f32 or f64; the axes before are a batch.
//!
//! Most are ops of the table, which are in the crate's root too; here are those that give several tensors, as tuples.
//! A program that uses them needs a runtime with feature `linalg`.

use crate::engine::dispatch;
use crate::error::{Result, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops;

pub use crate::tensor::ops::{
    adjoint, band_part, cholesky, cholesky_solve, cross, det, diag, diag_part, eigvals, eigvalsh, eigvalsh_tridiagonal,
    expm, eye, global_norm, inv, inv_with, l2_normalize, logdet, logm, lstsq, lstsq_with, lu_matrix_inverse,
    lu_reconstruct, lu_solve, matmul, matmul_with, matrix_norm, matrix_norm_with, matrix_power, matrix_rank,
    matrix_rank_with, matrix_transpose, matvec, matvec_with, multi_dot, norm, normalize, pinv, pinv_with, set_diag,
    solve, solve_with, sqrtm, svdvals, tensor_diag, tensor_diag_part, tensordot, trace, triangular_solve,
    triangular_solve_with, tridiagonal_matmul, tridiagonal_solve, try_adjoint, try_band_part, try_cholesky,
    try_cholesky_solve, try_cross, try_det, try_eigvals, try_eigvalsh, try_expm, try_eye, try_inv, try_logdet,
    try_logm, try_lstsq, try_matmul, try_matrix_norm, try_matrix_power, try_matrix_rank, try_matrix_transpose,
    try_matvec, try_multi_dot, try_pinv, try_solve, try_sqrtm, try_svdvals, try_tensordot, try_trace,
    try_triangular_solve,
};

/// A type for each name.
macro_rules! tensors {
    ($($name:ident)*) => { ($(tensors!(@ $name)),*) };
    (@ $name:ident) => { Tensor };
}

macro_rules! factors {
    ($($(#[$doc:meta])* $name:ident $twin:ident $op:ident $count:literal ($($result:ident)*);)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(x: impl IntoTensor) -> tensors!($($result)*) {
            let [$($result),*] = unwrap(several::<$count>(&ops::$op, Attrs::new(), x, Location::caller()));
            ($($result),*)
        }

        #[doc = concat!("The twin of [`", stringify!($name), "`].")]
        #[track_caller]
        pub fn $twin(x: impl IntoTensor) -> Result<tensors!($($result)*)> {
            let [$($result),*] = several::<$count>(&ops::$op, Attrs::new(), x, Location::caller())?;
            Ok(($($result),*))
        }
    )*};
}

factors! {
    /// `(q, r)` of `q r = x`: orthonormal columns, and an upper triangle whose diagonal is not negative.
    ///
    /// ```
    /// use tracelift as tl;
    /// let (q, r) = tl::linalg::qr(tl::constant([[0.0, -2.0], [3.0, 4.0]]));
    /// assert_eq!(r, tl::constant([[3.0, 4.0], [0.0, 2.0]]));
    /// assert_eq!(q, tl::constant([[0.0, -1.0], [1.0, 0.0]]));
    /// ```
    qr try_qr QR 2 (q r);
    /// `(s, u, v)` of `x = u diag(s) vᵀ`: singular values, the greatest first, left vectors and right vectors.
    ///
    /// ```
    /// use tracelift as tl;
    /// let (s, u, v) = tl::linalg::svd(tl::constant([[3.0, 0.0], [0.0, -4.0]]));
    /// assert_eq!(s, tl::constant([4.0, 3.0]));
    /// tl::testing::assert_all_close(&(u * s).matmul_with(v, false, true), &tl::constant([[3.0, 0.0], [0.0, -4.0]]));
    /// ```
    svd try_svd SVD 3 (s u v);
    /// `(e, v)` of `x v = v diag(e)` for symmetric matrices: eigenvalues, the least first, and eigenvectors. Only the
    /// lower triangle is read.
    ///
    /// ```
    /// use tracelift as tl;
    /// let (e, _) = tl::linalg::eigh(tl::constant([[2.0, 1.0], [1.0, 2.0]]));
    /// tl::testing::assert_all_close(&e, &tl::constant([1.0, 3.0]));
    /// ```
    eigh try_eigh EIGH 2 (e v);
    /// `(e, v)` of `x v = v diag(e)` for square f32 matrices: complex eigenvalues, in order of their real, then imaginary
    /// parts, and eigenvectors of length 1.
    ///
    /// ```
    /// use tracelift as tl;
    /// let (e, _) = tl::linalg::eig(tl::constant([[0.0, -2.0], [2.0, 0.0]]));
    /// tl::testing::assert_all_close(&e.imag(), &tl::constant([-2.0, 2.0]));
    /// ```
    eig try_eig EIG 2 (e v);
    /// `(lu, p)`: both triangular factors in one matrix, and which row of `x` each row of their product is.
    ///
    /// ```
    /// use tracelift as tl;
    /// let (lu, p) = tl::linalg::lu(tl::constant([[1.0, 2.0], [4.0, 6.0]]));
    /// assert_eq!(lu, tl::constant([[4.0, 6.0], [0.25, 0.5]]));
    /// assert_eq!(p, tl::constant([1, 0]));
    /// ```
    lu try_lu LU 2 (lu p);
    /// `(sign, log)`: of the determinants, the sign and the logarithm of the absolute value.
    ///
    /// ```
    /// use tracelift as tl;
    /// let (sign, log) = tl::linalg::slogdet(tl::constant([[0.0, 1.0], [1.0, 0.0]]));
    /// assert_eq!((sign.item(), log.item()), (-1.0, 0.0));
    /// ```
    slogdet try_slogdet SLOGDET 2 (sign log);
}

/// `(e, v)` as [`eigh`] gives them, of symmetric matrices with the diagonal `alpha` `[.., n]` and `beta` `[.., n - 1]` above
/// and below it. [`eigvalsh_tridiagonal`] gives the values alone.
///
/// ```
/// use tracelift as tl;
/// let (e, _) = tl::linalg::eigh_tridiagonal(tl::constant([2.0, 2.0]), tl::constant([1.0]));
/// tl::testing::assert_all_close(&e, &tl::constant([1.0, 3.0]));
/// ```
#[track_caller]
pub fn eigh_tridiagonal(alpha: impl IntoTensor, beta: impl IntoTensor) -> (Tensor, Tensor) {
    unwrap(of_diagonals(alpha, beta, Location::caller()))
}

/// The twin of [`eigh_tridiagonal`].
#[track_caller]
pub fn try_eigh_tridiagonal(alpha: impl IntoTensor, beta: impl IntoTensor) -> Result<(Tensor, Tensor)> {
    of_diagonals(alpha, beta, Location::caller())
}

fn of_diagonals(
    alpha: impl IntoTensor,
    beta: impl IntoTensor,
    loc: &'static Location<'static>,
) -> Result<(Tensor, Tensor)> {
    let operands = [alpha.operand(), beta.operand()];
    let mut both = dispatch::call_many(&ops::EIGH_TRIDIAGONAL, Attrs::new(), &operands, loc)?;
    let vectors = both.swap_remove(1);
    Ok((both.swap_remove(0), vectors))
}

/// As [`qr`], with a square `q`.
#[track_caller]
pub fn qr_full(x: impl IntoTensor) -> (Tensor, Tensor) {
    let attrs = Attrs::new().with("full_matrices", true);
    let [q, r] = unwrap(several::<2>(&ops::QR, attrs, x, Location::caller()));
    (q, r)
}

/// As [`svd`], with square `u` and `v`.
#[track_caller]
pub fn svd_full(x: impl IntoTensor) -> (Tensor, Tensor, Tensor) {
    let attrs = Attrs::new().with("full_matrices", true);
    let [s, u, v] = unwrap(several::<3>(&ops::SVD, attrs, x, Location::caller()));
    (s, u, v)
}

/// The results of an op that has `N`.
fn several<const N: usize>(
    op: &'static OpDef,
    attrs: Attrs,
    x: impl IntoTensor,
    loc: &'static Location<'static>,
) -> Result<[Tensor; N]> {
    let results = dispatch::call_many(op, attrs, &[x.operand()], loc)?;
    let count = results.len();
    Ok(results.try_into().unwrap_or_else(|_| unreachable!("`{}` has {count} results", op.name)))
}
