//! Stretching, filling and tiling.

use crate::base::spec::Dims;
use crate::ops::entry::*;

/// Stretched to a shape.
pub static BROADCAST_TO: OpDef = OpDef {
    name: "broadcast_to",
    doc: "Stretched to the shape `dims` by NumPy's rule.",
    attrs: &[required("dims", AttrKind::Dims)],
    spec: |c| {
        let (x, dims) = (&c.inputs[0], infer::lengths(c.attrs)?);
        match infer::broadcast(&x.dims, &dims) {
            Ok(result) if result == dims => infer::one(x.dtype, dims),
            _ => Err(infer::wrong(Kind::Shape, format_args!("a shape that broadcasts to {}", infer::shape(&dims)), x)),
        }
    },
    grad: rule!(v => Ok(vec![Some(v.g().sum_to(&v.x().dims()?)?)])),
    lower: Lower::Movement(Movement::Broadcast),
    eval: |c| {
        let x = &c.inputs[0];
        Ok(vec![eval::pick(x, &eval::shape_of(c, 0)?, |index| eval::broadcast_offset(x.shape(), index))?])
    },
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};

composite! {
    /// One value everywhere.
    FILL, (b, x) => {
        let rank = x[0].rank()?;
        if rank != 0 {
            return Err(infer::wrong(Kind::Shape, "a value of rank 0", format_args!("rank {rank}")));
        }
        Ok(vec![x[0].broadcast_to(&infer::lengths(b.attrs())?)])
    },
    name: "fill",
    doc: "A tensor of shape `dims` that holds `value` (rank 0) everywhere.",
    inputs: Operands::Named(&["value"]),
    attrs: &[required("dims", AttrKind::Dims)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

macro_rules! filled {
    ($($static:ident $name:literal $doc:literal $value:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, _) => {
                let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
                Ok(vec![b.scalar($value, dtype).broadcast_to(&infer::lengths(b.attrs())?)])
            },
            name: $name,
            doc: $doc,
            inputs: NOTHING,
            attrs: &[required("dims", AttrKind::Dims), optional("dtype", AttrKind::DType)],
            domain: Domain::Special("tests/ops/movement.rs"),
        }
    )*};
}

filled! {
    ZEROS "zeros" "Zeros of shape `dims` and dtype `dtype` (default f32)." 0.0;
    ONES "ones" "Ones of shape `dims` and dtype `dtype` (default f32)." 1.0;
}

macro_rules! filled_like {
    ($($static:ident $name:literal $doc:literal $value:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let dtype = b.attrs().dtype("dtype").unwrap_or(x[0].dtype());
                Ok(vec![b.scalar($value, dtype).broadcast_to(&x[0].dims()?)])
            },
            name: $name,
            doc: $doc,
            attrs: &[optional("dtype", AttrKind::DType)],
            grad: Grad::Zero("it depends on the operand's shape alone"),
            domain: Domain::Special("tests/ops/movement.rs"),
        }
    )*};
}

filled_like! {
    ZEROS_LIKE "zeros_like" "Zeros of the shape of `x`, also where that is not known while tracing, and of its dtype or `dtype`." 0.0;
    ONES_LIKE "ones_like" "Ones of the shape of `x`, also where that is not known while tracing, and of its dtype or `dtype`." 1.0;
}

composite! {
    /// The shape as a tensor.
    SHAPE, (b, x) => {
        let dtype = size_dtype(b.attrs())?;
        let lengths: Vec<Expr<'_>> = x[0].dims()?.iter().map(|dim| b.size(dim, dtype).reshape(&[Dim::ONE])).collect();
        match lengths.as_slice() {
            [] => Ok(vec![b.constant(tracelift_runtime::Array::zeros(dtype, &[0])?)]),
            lengths => Ok(vec![b.concat(lengths, 0)]),
        }
    },
    name: "shape",
    doc: "The length of each axis as a tensor of rank 1 and dtype `dtype` (default i32), also where it is not known while \
          tracing.",
    attrs: &[optional("dtype", AttrKind::DType)],
    grad: Grad::Zero("it depends on the operand's shape alone"),
    domain: Domain::Special("tests/ops/movement.rs"),
}

composite! {
    /// The number of elements as a tensor.
    SIZE, (b, x) => {
        let dtype = size_dtype(b.attrs())?;
        Ok(vec![b.size(&x[0].spec()?.numel(), dtype)])
    },
    name: "size",
    doc: "The number of elements as a tensor of rank 0 and dtype `dtype` (default i32), also where it is not known while \
          tracing.",
    attrs: &[optional("dtype", AttrKind::DType)],
    grad: Grad::Zero("it depends on the operand's shape alone"),
    domain: Domain::Special("tests/ops/movement.rs"),
}

/// The dtype that sizes are given in.
fn size_dtype(attrs: &Attrs) -> Result<DType> {
    match attrs.dtype("dtype").unwrap_or(DType::I32) {
        dtype @ (DType::I32 | DType::I64) => Ok(dtype),
        other => Err(infer::wrong(Kind::DType, "`dtype` i32 or i64", other)),
    }
}

composite! {
    /// Repeated as a whole.
    TILE, (b, x) => {
        let dims = x[0].dims()?;
        let multiples = b.attrs().ints("multiples").unwrap_or_default();
        if multiples.len() != dims.len() || multiples.iter().any(|&m| m < 0) {
            let wanted = format!("{} multiples of at least 0, one an axis", dims.len());
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{multiples:?}")));
        }
        let (mut apart, mut stretched, mut joined) = (Dims::new(), Dims::new(), Dims::new());
        for (dim, &multiple) in dims.iter().zip(multiples) {
            apart.extend([Dim::ONE, dim.clone()]);
            stretched.extend([Dim::from(multiple), dim.clone()]);
            joined.push(dim.clone() * Dim::from(multiple));
        }
        Ok(vec![x[0].reshape(&apart).broadcast_to(&stretched).reshape(&joined)])
    },
    name: "tile",
    doc: "Repeated as a whole, `multiples[i]` times along axis `i`.",
    attrs: &[required("multiples", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

composite! {
    /// Each element repeated.
    REPEAT, (b, x) => {
        let dims = x[0].dims()?;
        let axis = infer::axis(b.attrs(), 0, dims.len())?;
        let repeats = b.attrs().ints("repeats").unwrap_or(&[1]);
        if let Some(bad) = repeats.iter().find(|&&count| count < 0) {
            return Err(infer::wrong(Kind::Value, "repeats of at least 0", bad));
        }
        if let &[count] = repeats {
            let (mut stretched, mut joined) = (dims.clone(), dims.clone());
            stretched.insert(axis + 1, Dim::from(count));
            joined[axis] = dims[axis].clone() * Dim::from(count);
            return Ok(vec![x[0].unsqueeze(axis + 1)?.broadcast_to(&stretched).reshape(&joined)]);
        }
        if Dim::from(repeats.len()) != dims[axis] {
            let wanted = format!("one number in `repeats`, or {} for axis {axis}", dims[axis]);
            return Err(infer::wrong(Kind::Shape, wanted, repeats.len()));
        }
        let total = repeats.iter().try_fold(0i64, |sum, &count| sum.checked_add(count)).filter(|&n| n <= MOST_REPEATS);
        if total.is_none() {
            return Err(infer::wrong(Kind::Memory, format_args!("at most {MOST_REPEATS} elements"), format_args!("repeats {repeats:?}")));
        }
        let of = |(i, &count): (usize, &i64)| std::iter::repeat_n(i as i64, count as usize);
        let positions: Vec<i64> = repeats.iter().enumerate().flat_map(of).collect();
        let positions = b.constant(tracelift_runtime::Array::from_slice(&[positions.len()], &positions));
        Ok(vec![b.apply(&super::gather::GATHER, Attrs::new().with("axis", axis as i64), &[x[0], positions])])
    },
    name: "repeat",
    doc: "Each element `repeats` times in a row along `axis` (default 0), or element `i` `repeats[i]` times.",
    attrs: &[required("repeats", AttrKind::Ints), optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

/// The most elements that a list of repeats may ask for: the positions are a constant of the program.
const MOST_REPEATS: i64 = 1 << 24;
