//! Norms of several tensors, tensors kept within a norm, and small questions about all elements.

use crate::ops::entry::*;

const TENSORS: Operands = Operands::Variadic { name: "tensors", least: 1 };
const CLIP_NORM: AttrDef = required("clip_norm", AttrKind::Float);

composite! {
    /// The sum of several tensors.
    ADD_N, (_b, x) => {
        let specs = x.iter().map(|x| x.spec()).collect::<Result<Vec<_>>>()?;
        infer::same_dtype(&specs)?;
        infer::one_shape(&specs)?;
        Ok(vec![x[1..].iter().fold(x[0], |sum, &x| sum + x)])
    },
    name: "add_n",
    doc: "The sum of tensors of one shape.",
    inputs: TENSORS,
}

composite! {
    /// The norm of several tensors together.
    GLOBAL_NORM, (_b, x) => Ok(vec![global_norm(x)?]),
    name: "global_norm",
    doc: "The Euclidean norm of all elements of all tensors together.",
    inputs: TENSORS,
    domain: Domain::NonZero,
}

composite! {
    /// Several tensors within a norm.
    CLIP_BY_GLOBAL_NORM, (b, x) => {
        let limit = limit(b)?;
        let norm = global_norm(x)?;
        // A norm that is no number makes all elements so.
        let scale = norm.reciprocal().min(1.0 / limit) * limit + norm * 0.0;
        Ok(x.iter().map(|&x| x * scale).chain([norm]).collect())
    },
    name: "clip_by_global_norm",
    doc: "Tensors scaled so that their `global_norm` is at most `clip_norm`; and what it was.",
    inputs: TENSORS,
    attrs: &[CLIP_NORM],
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// A tensor within a norm.
    CLIP_BY_NORM, (b, x) => {
        let limit = limit(b)?;
        Class::Float.check(&x[0].spec()?)?;
        let axes: Vec<i64> = infer::axes(b.attrs(), x[0].rank()?)?.iter().map(|&axis| axis as i64).collect();
        let squares = x[0].square().sum_keep(&axes);
        // The root has no derivative at 0.
        let is_above = squares.gt(0.0);
        let norm = is_above.choose(is_above.choose(squares, 1.0).sqrt(), squares);
        Ok(vec![x[0] * limit / norm.max(limit)])
    },
    name: "clip_by_norm",
    doc: "`x` scaled so that its Euclidean norm over `axes` (default: all) is at most `clip_norm`.",
    attrs: &[CLIP_NORM, optional("axes", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// How many elements are zero.
    ZERO_FRACTION, (b, x) => {
        let spec = x[0].spec()?;
        Class::Real.check(&spec)?;
        let zeros = x[0].flat()?.eq(b.scalar(0.0, spec.dtype)).cast(DType::F32).sum(&[0]);
        Ok(vec![zeros / b.size(&spec.numel(), DType::F32)])
    },
    name: "zero_fraction",
    doc: "The number of zeros over the number of elements, as f32; NaN of no elements.",
    grad: DISCRETE,
}

macro_rules! ordered {
    ($($static:ident $name:literal $doc:literal $compare:ident;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let flat = x[0].flat()?;
                Class::Number.check(&flat.spec()?)?;
                let n = &flat.dims()?[0];
                // The last element is compared with itself, and left out.
                let place = b.iota(std::slice::from_ref(n), 0, DType::I64);
                let last = b.size(n, DType::I64) - 1.0;
                let next = b.apply(&crate::ops::GATHER, Attrs::new(), &[flat, (place + 1.0).min(last)]);
                let fits = place.ge(last).or(next.$compare(flat));
                Ok(vec![b.apply(&crate::ops::REDUCE_ALL, Attrs::new(), &[fits])])
            },
            name: $name,
            doc: $doc,
            grad: DISCRETE,
        }
    )*};
}

ordered! {
    IS_NON_DECREASING "is_non_decreasing" "Whether no element, in row-major order, is less than the one before it." ge;
    IS_STRICTLY_INCREASING "is_strictly_increasing" "Whether each element, in row-major order, is greater than the one before it." gt;
}

fn limit(b: build::Builder<'_>) -> Result<f64> {
    match b.attrs().float("clip_norm") {
        Some(limit) if limit > 0.0 => Ok(limit),
        other => Err(infer::wrong(Kind::Value, "a `clip_norm` greater than 0", format_args!("{other:?}"))),
    }
}

fn global_norm<'b>(x: &[Expr<'b>]) -> Result<Expr<'b>> {
    let specs = x.iter().map(|x| x.spec()).collect::<Result<Vec<_>>>()?;
    infer::same_dtype(&specs)?;
    Class::Float.check(&specs[0])?;
    let mut sum = x[0].flat()?.square().sum(&[0]);
    for x in &x[1..] {
        sum = sum + x.flat()?.square().sum(&[0]);
    }
    Ok(sum.sqrt())
}
