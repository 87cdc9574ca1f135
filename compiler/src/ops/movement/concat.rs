//! Tensors joined and parted.

use crate::ops::entry::*;

/// Joined along an axis.
pub static CONCAT: OpDef = OpDef {
    name: "concat",
    doc: "Joined along `axis`; the other axes must agree.",
    inputs: Operands::Variadic { name: "values", least: 1 },
    attrs: &[required("axis", AttrKind::Int)],
    spec: |c| {
        let dtype = infer::same_dtype(c.inputs)?;
        let mut dims = c.inputs[0].dims.clone();
        let axis = infer::axis(c.attrs, 0, dims.len())?;
        for other in &c.inputs[1..] {
            let agree = other.rank() == dims.len()
                && other.dims.iter().zip(&dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
            if !agree {
                let wanted = format!("shapes equal but for axis {axis}");
                return Err(infer::wrong(Kind::Shape, wanted, format_args!("{} and {other}", c.inputs[0])));
            }
            dims[axis] = dims[axis].clone() + other.dims[axis].clone();
        }
        infer::one(dtype, dims)
    },
    grad: rule!(v => {
        let axis = infer::axis(v.b.attrs(), 0, v.y().rank()?)?;
        let mut begin = Dim::ZERO;
        let mut parts = Vec::new();
        for x in &v.x {
            let size = x.dims()?[axis].clone();
            parts.push(Some(v.g().narrow(axis, &begin, &size)?));
            begin = begin + size;
        }
        Ok(parts)
    }),
    lower: Lower::Movement(Movement::Concat),
    eval: |c| {
        let shape = eval::shape_of(c, 0)?;
        let axis = infer::axis(c.attrs, 0, shape.len())?;
        eval::with_element!(c.outputs[0].dtype, T => {
            let mut out = tracelift_runtime::Array::zeros(c.outputs[0].dtype, &shape)?;
            let mut begin = 0;
            for x in c.inputs {
                for (mut index, &element) in eval::indices(x.shape()).zip(x.as_slice::<T>()) {
                    index[axis] += begin;
                    out.as_mut_slice::<T>()[eval::offset(&shape, &index)] = element;
                }
                begin += x.shape()[axis];
            }
            Ok(vec![out])
        })
    },
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};

composite! {
    /// Joined along a new axis.
    STACK, (b, x) => {
        let axis = infer::axis(b.attrs(), 0, x[0].rank()? + 1)?;
        let shape = x[0].dims()?;
        let mut parts = Vec::new();
        for part in x {
            if part.dims()? != shape {
                let found = format!("{} and {}", x[0].spec()?, part.spec()?);
                return Err(infer::wrong(Kind::Shape, "operands of one shape", found));
            }
            parts.push(part.unsqueeze(axis)?);
        }
        Ok(vec![b.concat(&parts, axis)])
    },
    name: "stack",
    doc: "Operands of one shape joined along a new axis, `axis` of the result (default 0).",
    inputs: Operands::Variadic { name: "values", least: 1 },
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

composite! {
    /// Parted along an axis.
    SPLIT, (b, x) => {
        let dims = x[0].dims()?;
        let axis = infer::axis(b.attrs(), 0, dims.len())?;
        let sizes = split_sizes(b.attrs(), &dims[axis], axis)?;
        let mut begin = Dim::ZERO;
        let mut parts = Vec::new();
        for size in sizes {
            parts.push(x[0].narrow(axis, &begin, &size)?);
            begin = begin + size;
        }
        Ok(parts)
    },
    name: "split",
    doc: "Parted along `axis` (default 0) into `num` equal parts, or into parts of the lengths `sizes`, one of \
          which may be -1: what is left.",
    attrs: &[optional("num", AttrKind::Int), optional("sizes", AttrKind::Ints), optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

composite! {
    /// Parted along an axis, which is dropped.
    UNSTACK, (b, x) => {
        let dims = x[0].dims()?;
        let axis = infer::axis(b.attrs(), 0, dims.len())?;
        let Some(num) = dims[axis].as_const() else {
            return Err(infer::wrong(Kind::Shape, format_args!("a constant length of axis {axis}"), &dims[axis]));
        };
        if let Some(wanted) = b.attrs().int("num").filter(|&wanted| wanted != num) {
            return Err(infer::wrong(Kind::Shape, format_args!("an axis {axis} of length {wanted}, as `num`"), x[0].spec()?));
        }
        infer::result_count(num)?;
        let rest = infer::reduced(&dims, &[axis], false);
        (0..num).map(|i| Ok(x[0].narrow(axis, &Dim::from(i), &Dim::ONE)?.reshape(&rest))).collect()
    },
    name: "unstack",
    doc: "The elements along `axis` (default 0), each a result without that axis. There are `num` of them, if it is given.",
    attrs: &[optional("axis", AttrKind::Int), optional("num", AttrKind::Int)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

fn split_sizes(attrs: &Attrs, dim: &Dim, axis: usize) -> Result<Vec<Dim>> {
    match (attrs.int("num"), attrs.ints("sizes")) {
        (Some(num), None) if num > 0 => match dim.div_exact(&Dim::from(num)) {
            Some(each) => Ok(vec![each; infer::result_count(num)?]),
            None => Err(infer::wrong(
                Kind::Shape,
                format_args!("a length of axis {axis} that {num} divides"),
                format_args!("{dim}"),
            )),
        },
        (None, Some(sizes)) if !sizes.is_empty() && sizes.iter().all(|&s| s >= -1) => {
            let known = sizes.iter().filter(|&&s| s >= 0).try_fold(0i64, |a, &s| a.checked_add(s)).map(Dim::from);
            let rest = known.map(|known| dim.clone() - known);
            let open = sizes.iter().filter(|&&s| s == -1).count();
            match rest {
                Some(rest) if open == 0 && rest == Dim::ZERO || open == 1 && infer::nonnegative(&rest) => {
                    Ok(sizes.iter().map(|&s| if s == -1 { rest.clone() } else { Dim::from(s) }).collect())
                }
                _ => {
                    let wanted = format!("sizes that sum to {dim}, at most one of them -1 for the rest");
                    Err(infer::wrong(Kind::Shape, wanted, format_args!("{sizes:?}")))
                }
            }
        }
        (num, sizes) => Err(infer::wrong(
            Kind::Value,
            "either `num` above 0 or nonnegative `sizes`",
            format_args!("num {num:?}, sizes {sizes:?}"),
        )),
    }
}
