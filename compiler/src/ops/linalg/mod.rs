//! Linear algebra over the last two axes; the axes before are a batch.
//!
//! Primitives are library routines of the runtime's feature `linalg` (faer), named in [`call`]; everything else is
//! composed of them. Gradients are made of ops, so second order works. [`naive`] has the evaluators. The spec rules
//! [`matrix`] and [`square`] word the errors that all ops share.

pub mod banded;
pub mod eigen;
pub mod factor;
pub mod function;
pub mod general;
pub mod lu;
mod naive;
pub mod norm;
pub mod product;
pub mod solve;

use crate::ops::entry::*;

/// Rows and columns of operand `name`: f32 or f64, of rank 2 at least.
fn matrix(name: &str, x: &TensorSpec) -> Result<[Dim; 2]> {
    real(x)?;
    if let [.., rows, columns] = &x.dims[..] {
        return Ok([rows.clone(), columns.clone()]);
    }
    let error = infer::wrong(Kind::Shape, format_args!("a matrix or a batch of them (rank 2 or more) for `{name}`"), x);
    Err(if x.rank() == 1 { error.hint("a vector becomes one column by `expand_dims(-1)`") } else { error })
}

/// The size of operand `name`: square, and else as for [`matrix`].
fn square(name: &str, x: &TensorSpec) -> Result<Dim> {
    let [rows, columns] = matrix(name, x)?;
    if rows == columns {
        return Ok(rows);
    }
    Err(infer::wrong(Kind::Shape, format_args!("square matrices for `{name}`"), x))
}

/// An error unless the dtype is one that factorisations are computed in.
fn real(x: &TensorSpec) -> Result<()> {
    match x.dtype {
        DType::F32 | DType::F64 => Ok(()),
        _ => Err(infer::wrong(Kind::DType, "an f32 or f64 tensor", x).hint("convert with `.cast(DType::F32)`")),
    }
}

/// The batch of a matrix operand.
fn batch(x: &TensorSpec) -> &[Dim] {
    &x.dims[..x.rank() - 2]
}

/// A result whose batch is that of `x`.
fn batched(x: &TensorSpec, last: &[Dim]) -> TensorSpec {
    TensorSpec { dtype: x.dtype, dims: batch(x).iter().chain(last).cloned().collect() }
}

/// The library routine of that name with these flags.
fn call(routine: &'static str, flags: &[bool]) -> Result<LibraryCall> {
    Ok(LibraryCall { routine, params: flags.iter().map(|&flag| i64::from(flag).into()).collect() })
}

/// The identity matrix of size `n`.
fn identity<'b>(b: build::Builder<'b>, n: &Dim, dtype: DType) -> Expr<'b> {
    b.apply(&crate::ops::EYE, Attrs::new().with("dims", vec![n.clone(), n.clone()]).with("dtype", dtype), &[])
}

/// The lesser of two sizes.
fn lesser(a: &Dim, b: &Dim) -> Dim {
    if a == b { a.clone() } else { a.minimum(b) }
}

impl<'b> Expr<'b> {
    /// Each matrix transposed.
    pub(super) fn transpose_matrix(self) -> Result<Self> {
        let rank = self.rank()?;
        if rank < 2 {
            return Err(infer::wrong(Kind::Shape, "matrices: a rank of at least 2", self.spec()?));
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(rank - 2, rank - 1);
        Ok(self.transpose(&perm))
    }

    /// The matrix product.
    fn mm(self, y: Self) -> Self {
        self.matmul(y, false, false)
    }

    /// The product with the transpose of `y`.
    fn mm_t(self, y: Self) -> Self {
        self.matmul(y, false, true)
    }

    /// The product of the transpose with `y`.
    fn t_mm(self, y: Self) -> Self {
        self.matmul(y, true, false)
    }

    /// Zero but where `kept` holds of row and column.
    fn keep(self, kept: fn(Self, Self) -> Self) -> Result<Self> {
        let dims = self.dims()?;
        let b = self.b();
        let [rows, columns] = [2, 1].map(|from_end| dims[dims.len() - from_end].clone());
        let row = b.iota(&[rows, Dim::ONE], 0, DType::I64);
        let column = b.iota(&[columns], 0, DType::I64);
        Ok(b.select(kept(row, column), self, b.scalar(0.0, self.dtype())))
    }

    /// The lower triangle; without the diagonal if `strict`.
    fn lower(self, strict: bool) -> Result<Self> {
        self.keep(if strict { |row, column| row.gt(column) } else { |row, column| row.ge(column) })
    }

    /// The upper triangle; without the diagonal if `strict`.
    fn upper(self, strict: bool) -> Result<Self> {
        self.keep(if strict { |row, column| row.lt(column) } else { |row, column| row.le(column) })
    }

    /// The diagonals of square matrices, as vectors.
    pub(super) fn diagonal(self) -> Result<Self> {
        Ok(self.keep(|row, column| row.eq(column))?.sum(&[-1]))
    }

    /// Diagonal matrices of these vectors.
    fn diagonal_matrix(self) -> Result<Self> {
        let mut dims = self.dims()?;
        dims.push(dims.last().cloned().unwrap_or(Dim::ONE));
        self.unsqueeze(dims.len() - 2)?.broadcast_to(&dims).keep(|row, column| row.eq(column))
    }

    /// Plus the identity.
    fn plus_one(self) -> Result<Self> {
        let n = square("x", &self.spec()?)?;
        Ok(self + identity(self.b(), &n, self.dtype()))
    }

    /// Half of it and of its transpose.
    fn symmetrized(self) -> Result<Self> {
        Ok((self + self.transpose_matrix()?) * 0.5)
    }

    /// Vectors as columns, for `matrix * vector.columns()` to scale rows.
    fn columns(self) -> Result<Self> {
        self.unsqueeze(self.rank()?)
    }

    /// Vectors as rows, for `matrix * vector.rows()` to scale columns.
    fn rows(self) -> Result<Self> {
        self.unsqueeze(self.rank()? - 1)
    }

    /// `1 / x`, but 0 where `x` is 0, also in derivatives.
    pub(super) fn reciprocal_or_zero(self) -> Self {
        let (none, one) = (self.eq(0.0), self.b().scalar(1.0, self.dtype()));
        let safe = none.choose(one, self);
        none.choose(one * 0.0, safe.reciprocal())
    }
}
