//! Choosing by condition, clipping, and the rectifiers.

use crate::ops::entry::*;

/// `condition ? x : y`.
pub static SELECT: OpDef = OpDef {
    name: "where",
    doc: "`x` where the condition is true, `y` elsewhere; all three broadcast together. The gradient goes to the \
          chosen side alone, whatever the other holds.",
    inputs: Operands::Named(&["condition", "x", "y"]),
    spec: |c| {
        Class::Bool.check(&c.inputs[0])?;
        let dtype = infer::same_dtype(&c.inputs[1..])?;
        infer::one(dtype, infer::broadcast_all(c.inputs)?)
    },
    grad: rule!(v => {
        let zero = v.b.scalar(0.0, v.g().dtype());
        Ok(vec![None, Some(v.b.select(v.x(), v.g(), zero)), Some(v.b.select(v.x(), zero, v.g()))])
    }),
    lower: Lower::Elementwise(|s| Ok(s.select(s.inputs[0], s.inputs[1], s.inputs[2]))),
    eval: |c| {
        let [condition, x, y] = c.inputs else { unreachable!("three operands") };
        let shape = eval::shape_of(c, 0)?;
        let chosen = condition.as_slice::<bool>();
        eval::with_element!(x.dtype(), T => {
            let mut out = tracelift_runtime::Array::zeros(x.dtype(), &shape)?;
            let (x, y, xs, ys) = (x, y, x.as_slice::<T>(), y.as_slice::<T>());
            for (to, index) in out.as_mut_slice::<T>().iter_mut().zip(eval::indices(&shape)) {
                *to = if chosen[eval::broadcast_offset(condition.shape(), &index)] {
                    xs[eval::broadcast_offset(x.shape(), &index)]
                } else {
                    ys[eval::broadcast_offset(y.shape(), &index)]
                };
            }
            Ok(vec![out])
        })
    },
    domain: Domain::Special("tests/ops/elementwise.rs"),
    ..BASE
};

/// Within bounds.
pub static CLIP_BY_VALUE: OpDef = OpDef {
    name: "clip_by_value",
    doc: "`x` where it is within `low` and `high`, the nearer bound elsewhere; `high` if it is below `low`. The gradient \
          goes to what was taken.",
    inputs: Operands::Named(&["x", "low", "high"]),
    spec: |c| infer::elementwise(c, Class::Number),
    grad: rule!(v => {
        let (x, low, high) = (v.x[0], v.x[1], v.x[2]);
        let (below, above) = (x.lt(low), x.max(low).gt(high));
        let zero = v.b.scalar(0.0, v.g().dtype());
        Ok(vec![
            Some(v.b.select(below.or(above), zero, v.g())),
            Some(v.b.select(above, zero, below.choose(v.g(), 0.0))),
            Some(above.choose(v.g(), 0.0)),
        ])
    }),
    lower: Lower::Elementwise(|s| {
        let raised = s.binary(BinaryOp::Max, s.inputs[0], s.inputs[1]);
        Ok(s.binary(BinaryOp::Min, raised, s.inputs[2]))
    }),
    eval: |c| eval::elementwise(c, |x| eval::lesser(eval::greater(x[0], x[1]), x[2]), |x| x[0].max(x[1]).min(x[2])),
    domain: Domain::Special("tests/ops/elementwise.rs"),
    ..BASE
};

/// `max(x, 0)`.
pub static RELU: OpDef = OpDef {
    name: "relu",
    doc: "`max(x, 0)`. The derivative at 0 is 0.",
    spec: |c| infer::elementwise(c, Class::Number),
    grad: rule!(v => Ok(vec![Some(v.y().gt(0.0).choose(v.g(), 0.0))])),
    lower: Lower::Elementwise(|s| {
        let zero = s.constant(0.0, s.dtype);
        Ok(s.binary(BinaryOp::Max, s.inputs[0], zero))
    }),
    eval: |c| eval::elementwise(c, |x| eval::greater(x[0], 0.0), |x| x[0].max(0)),
    domain: Domain::NonZero,
    ..BASE
};

/// `min(max(x, 0), 6)`.
pub static RELU6: OpDef = OpDef {
    name: "relu6",
    doc: "`min(max(x, 0), 6)`. The derivative at 0 and at 6 is 0.",
    spec: |c| infer::elementwise(c, Class::Number),
    grad: rule!(v => Ok(vec![Some(v.y().gt(0.0).and(v.y().lt(6.0)).choose(v.g(), 0.0))])),
    lower: Lower::Elementwise(|s| {
        let (zero, six) = (s.constant(0.0, s.dtype), s.constant(6.0, s.dtype));
        let positive = s.binary(BinaryOp::Max, s.inputs[0], zero);
        Ok(s.binary(BinaryOp::Min, positive, six))
    }),
    eval: |c| eval::elementwise(c, |x| eval::lesser(eval::greater(x[0], 0.0), 6.0), |x| x[0].clamp(0, 6)),
    domain: Domain::NonZero,
    ..BASE
};

/// `x`, or `alpha * x` below 0.
pub static LEAKY_RELU: OpDef = OpDef {
    name: "leaky_relu",
    doc: "`x` above 0, `alpha * x` (default 0.2) elsewhere.",
    attrs: &[optional("alpha", AttrKind::Float)],
    spec: |c| infer::elementwise(c, Class::Float),
    grad: rule!(v => {
        let alpha = v.b.attrs().float("alpha").unwrap_or(0.2);
        Ok(vec![Some(v.b.select(v.x().gt(0.0), v.g(), v.g() * alpha))])
    }),
    lower: Lower::Elementwise(|s| {
        let (zero, alpha) = (s.constant(0.0, s.dtype), s.constant(s.attrs.float("alpha").unwrap_or(0.2), s.dtype));
        let positive = s.compare(CompareOp::Gt, s.inputs[0], zero);
        let scaled = s.binary(BinaryOp::Mul, s.inputs[0], alpha);
        Ok(s.select(positive, s.inputs[0], scaled))
    }),
    eval: |c| {
        let alpha = c.attrs.float("alpha").unwrap_or(0.2);
        eval::on_floats(c, |x| if x[0] > 0.0 { x[0] } else { x[0] * alpha })
    },
    domain: Domain::NonZero,
    ..BASE
};
