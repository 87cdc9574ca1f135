//! Axes in another order, or backwards.

use crate::ops::entry::*;

/// Axes permuted.
pub static TRANSPOSE: OpDef = OpDef {
    name: "transpose",
    doc: "Axis `i` of the result is axis `perm[i]` of `x`; absent: all axes reversed.",
    attrs: &[optional("perm", AttrKind::Ints)],
    spec: |c| {
        let x = &c.inputs[0];
        let perm = infer::permutation(c.attrs, x.rank())?;
        infer::one(x.dtype, perm.iter().map(|&p| x.dims[p].clone()).collect())
    },
    grad: rule!(v => {
        let perm = infer::permutation(v.b.attrs(), v.x().rank()?)?;
        let mut inverse = vec![0; perm.len()];
        for (to, &from) in perm.iter().enumerate() {
            inverse[from] = to;
        }
        Ok(vec![Some(v.g().transpose(&inverse))])
    }),
    lower: Lower::Movement(Movement::Transpose),
    eval: |c| {
        let x = &c.inputs[0];
        let perm = infer::permutation(c.attrs, x.shape().len())?;
        let source = |index: &[usize]| {
            let mut at = vec![0; perm.len()];
            for (to, &from) in perm.iter().enumerate() {
                at[from] = index[to];
            }
            eval::offset(x.shape(), &at)
        };
        Ok(vec![eval::pick(x, &eval::shape_of(c, 0)?, source)?])
    },
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};

/// Reversed along axes.
pub static REVERSE: OpDef = OpDef {
    name: "reverse",
    doc: "Backwards along `axes`; absent: along all.",
    attrs: &[optional("axes", AttrKind::Ints)],
    spec: |c| {
        infer::axes(c.attrs, c.inputs[0].rank())?;
        infer::same(c)
    },
    grad: rule!(v => Ok(vec![Some(v.b.apply(&REVERSE, v.b.attrs().clone(), &[v.g()]))])),
    lower: Lower::Movement(Movement::Reverse),
    eval: |c| {
        let x = &c.inputs[0];
        let axes = infer::axes(c.attrs, x.shape().len())?;
        let flip = |(i, &at): (usize, &usize)| if axes.contains(&i) { x.shape()[i] - 1 - at } else { at };
        let source = |index: &[usize]| eval::offset(x.shape(), &index.iter().enumerate().map(flip).collect::<Vec<_>>());
        Ok(vec![eval::pick(x, x.shape(), source)?])
    },
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};
