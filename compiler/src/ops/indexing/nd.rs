//! Slices addressed by tuples of indices, the last axis of the indices.

use super::scatter::{Place, Update, stride};
use super::search::{User, checked};
use crate::ops::entry::*;

composite! {
    /// Slices chosen by tuples of indices.
    GATHER_ND, (b, x) => {
        let batch = b.attrs().int("batch_dims").unwrap_or(0);
        let (dims, own) = (x[0].dims()?, x[1].dims()?);
        let batch = usize::try_from(batch).ok().filter(|&k| k < own.len().max(1) && k <= dims.len() && own[..k] == dims[..k]);
        let Some(batch) = batch else {
            let found = format!("{} and {}", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "operands whose first `batch_dims` axes agree", found));
        };
        let (positions, depth) = flat_positions(b, User::GatherNd, &dims[batch..], x[1], own.len().max(1) - 1)?;
        let merged = [&dims[..batch], &[dims[batch..batch + depth].iter().product::<Dim>()], &dims[batch + depth..]];
        let place = Place { axis: batch as i64, batch_dims: batch as i64 };
        Ok(vec![place.gather(x[0].reshape(&merged.concat()), positions)])
    },
    name: "gather_nd",
    doc: "The slices `x[indices[i.., 0], indices[i.., 1], …]` for each `i..`: the last axis of `indices` addresses as many axes \
          of `x` as it is long, after the first `batch_dims` (default 0), which go together. An index out of range is an error.",
    inputs: Operands::Named(&["x", "indices"]),
    attrs: &[optional("batch_dims", AttrKind::Int)],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Elements chosen by their place in row-major order.
    GATHER_FLAT, (_b, x) => {
        Class::Int.check(&x[1].spec()?)?;
        Ok(vec![Place::FIRST.gather(x[0].flat()?, x[1].cast(DType::I64))])
    },
    name: "gather_flat",
    doc: "The elements of `x` at these places in row-major order. A place out of range is an error.",
    inputs: Operands::Named(&["x", "indices"]),
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Zeros with updates.
    SCATTER_ND, (b, x) => {
        let dims = infer::lengths(b.attrs())?;
        let zeros = b.scalar(0.0, x[1].dtype()).broadcast_to(&dims);
        Ok(vec![updated(b, zeros, x[0], x[1], Update::Add)?])
    },
    name: "scatter_nd",
    doc: "Zeros of shape `dims` to which `updates` are added where `gather_nd` would take them from. An index out of range is \
          an error.",
    inputs: Operands::Named(&["indices", "updates"]),
    attrs: &[required("dims", AttrKind::Dims)],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

macro_rules! tensor_scatter {
    ($($static:ident $name:literal $what:literal $updates:ident => $kind:expr, $given:expr;)*) => {$(
        composite! {
            #[doc = concat!("A tensor of which slices are ", $what, ".")]
            $static, (b, x) => {
                let $updates = x[2];
                Ok(vec![updated(b, x[0], x[1], $given, $kind)?])
            },
            name: $name,
            doc: concat!("`x` with the slices that `gather_nd` would take ", $what, ", in order. An index out of range is an error."),
            inputs: Operands::Named(&["x", "indices", "updates"]),
            domain: Domain::Special("tests/ops/scatter.rs"),
        }
    )*};
}

tensor_scatter! {
    TENSOR_SCATTER_ND_UPDATE "tensor_scatter_nd_update" "replaced by `updates`" updates => Update::Replace, updates;
    TENSOR_SCATTER_ND_ADD "tensor_scatter_nd_add" "added to by `updates`" updates => Update::Add, updates;
    TENSOR_SCATTER_ND_SUB "tensor_scatter_nd_sub" "less `updates`" updates => Update::Add, -updates;
    TENSOR_SCATTER_ND_MAX "tensor_scatter_nd_max" "raised to `updates`" updates => Update::Max, updates;
    TENSOR_SCATTER_ND_MIN "tensor_scatter_nd_min" "lowered to `updates`" updates => Update::Min, updates;
}

/// `x` with slices at tuples of indices updated.
fn updated<'b>(
    b: build::Builder<'b>,
    x: Expr<'b>,
    indices: Expr<'b>,
    updates: Expr<'b>,
    update: Update,
) -> Result<Expr<'b>> {
    let (dims, own) = (x.dims()?, indices.dims()?);
    let (positions, depth) = flat_positions(b, User::ScatterNd, &dims, indices, own.len().max(1) - 1)?;
    let wanted = [&own[..own.len() - 1], &dims[depth..]].concat();
    if updates.dims()?[..] != wanted[..] {
        let wanted = format!("updates of shape {}", infer::shape(&wanted));
        return Err(infer::wrong(Kind::Shape, wanted, updates.spec()?));
    }
    let merged = [&[dims[..depth].iter().product::<Dim>()], &dims[depth..]].concat();
    Ok(Place::FIRST.scatter(x.reshape(&merged), positions, updates, update).reshape(&dims))
}

/// The flat positions that the tuples along axis `last` of `indices` mean in the first axes of `dims`, checked, and how
/// many axes those are.
fn flat_positions<'b>(
    b: build::Builder<'b>,
    user: User,
    dims: &[Dim],
    indices: Expr<'b>,
    last: usize,
) -> Result<(Expr<'b>, usize)> {
    let spec = indices.spec()?;
    let depth = spec.dims.get(last).and_then(Dim::as_const).and_then(|k| usize::try_from(k).ok());
    let Some(depth) = depth.filter(|&k| k <= dims.len()) else {
        let wanted = format!("indices whose last axis has a constant length of at most {}", dims.len());
        return Err(infer::wrong(Kind::Shape, wanted, spec));
    };
    Class::Int.check(&spec)?;
    let outer = &spec.dims[..last];
    if depth == 0 {
        // Nothing is addressed: the one slice is all.
        return Ok((b.scalar(0.0, DType::I64).broadcast_to(outer), 0));
    }
    let indices = checked(b, user, indices.cast(DType::I64), &dims[..depth]);
    let mut position = None;
    for k in 0..depth {
        let coordinate = indices.narrow(last, &Dim::from(k), &Dim::ONE)?.reshape(outer);
        let term = coordinate * b.size(&stride(&dims[..depth], k), DType::I64);
        position = Some(position.map_or(term, |sum: Expr<'b>| sum + term));
    }
    Ok((position.unwrap_or(indices), depth))
}
