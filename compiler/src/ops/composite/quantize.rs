//! Numbers as whole steps of a range: fake quantisation for training, quantisation to integers and back.

use crate::ops::entry::*;
use crate::ops::indexing::search::{Expects, expected};
use crate::ops::reduce::axes_of;

composite! {
    /// Rounded to the steps of a constant range.
    FAKE_QUANT_WITH_MIN_MAX_ARGS, (b, x) => {
        let (low, high) = (b.attrs().float("min").unwrap_or(-6.0), b.attrs().float("max").unwrap_or(6.0));
        if !(low < high && (high - low).is_finite()) {
            return Err(infer::wrong(Kind::Value, "`min` below `max`", format_args!("min {low} and max {high}")));
        }
        let dtype = float(x[0])?;
        let range = Range::nudged(b, b.scalar(low, dtype), b.scalar(high, dtype))?;
        Ok(vec![range.rounded(x[0])])
    },
    name: "fake_quant_with_min_max_args",
    doc: "`x` rounded to one of `2^num_bits` (default 8; one less with `narrow_range`) evenly spaced numbers from \
          `min` to `max` (default -6 and 6), which are moved a little so that 0 is one of them. The gradient passes \
          within the range.",
    attrs: &[optional("min", AttrKind::Float), optional("max", AttrKind::Float), NUM_BITS, NARROW_RANGE],
    grad: rule!(v => {
        let dtype = v.x().dtype();
        let end = |name, default| v.b.scalar(v.b.attrs().float(name).unwrap_or(default), dtype);
        let range = Range::nudged(v.b, end("min", -6.0), end("max", 6.0))?;
        Ok(vec![Some(range.holds(v.x()).choose(v.g(), 0.0))])
    }),
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// Rounded to the steps of a range that is learned.
    FAKE_QUANT_WITH_MIN_MAX_VARS, (b, x) => {
        float(x[0])?;
        let dims = x[0].dims()?;
        for end in &x[1..] {
            let fits = match &end.dims()?[..] {
                [] => true,
                [size] => dims.last().is_some_and(|last| *size == *last || *size == Dim::ONE),
                _ => false,
            };
            if !fits {
                return Err(infer::wrong(Kind::Shape, "one number, or one for each element of the last axis", end.spec()?));
            }
        }
        let low = ordered(b, Expects::FakeQuantRange, x[1], x[2])?;
        let range = Range::nudged(b, low, x[2])?;
        // An empty range holds 0 alone.
        let is_empty = x[1].eq(x[2]);
        Ok(vec![is_empty.choose(b.scalar(0.0, x[0].dtype()), range.rounded(x[0]))])
    },
    name: "fake_quant_with_min_max_vars",
    doc: "As `fake_quant_with_min_max_args` with the range as operands, of rank 0, or of rank 1 for a range for each \
          element of the last axis. The gradients of those outside the range go to its ends.",
    inputs: Operands::Named(&["x", "min", "max"]),
    attrs: &[NUM_BITS, NARROW_RANGE],
    grad: rule!(v => {
        let (x, dims) = (v.x(), v.x().dims()?);
        let range = Range::nudged(v.b, v.x[1], v.x[2])?;
        let zero = v.b.scalar(0.0, x.dtype());
        let inside = range.holds(x).or(v.x[1].eq(v.x[2]));
        let flow = [inside, x.lt(range.low), x.gt(range.high)];
        Ok(flow.map(|taken| Some(v.b.select(taken, v.g(), zero).broadcast_to(&dims))).to_vec())
    }),
    domain: Domain::Special("tests/ops/special.rs"),
}

/// The number of steps is 2 to this.
const NUM_BITS: AttrDef = optional("num_bits", AttrKind::Int);
/// Whether the lowest step is left out.
const NARROW_RANGE: AttrDef = optional("narrow_range", AttrKind::Bool);

/// Evenly spaced numbers, one of which is 0.
struct Range<'b> {
    low: Expr<'b>,
    high: Expr<'b>,
    step: Expr<'b>,
}

impl<'b> Range<'b> {
    /// The range moved so that 0 is one of its steps (TensorFlow's `Nudge`).
    fn nudged(b: build::Builder<'b>, low: Expr<'b>, high: Expr<'b>) -> Result<Range<'b>> {
        let (least, greatest) = steps(b)?;
        let step = (high - low) / (greatest - least);
        let zero = least - low / step;
        let zero = (zero + 0.5).floor().max(least).min(greatest);
        Ok(Range { low: (least - zero) * step, high: (greatest - zero) * step, step })
    }

    fn rounded(&self, x: Expr<'b>) -> Expr<'b> {
        let above = x.max(self.low).min(self.high) - self.low;
        (above / self.step + 0.5).floor() * self.step + self.low
    }

    fn holds(&self, x: Expr<'b>) -> Expr<'b> {
        x.ge(self.low).and(x.le(self.high))
    }
}

/// The numbers of the lowest and the highest step.
fn steps(b: build::Builder<'_>) -> Result<(f64, f64)> {
    let bits = bits(b, 2)?;
    Ok((if b.attrs().bool("narrow_range") { 1.0 } else { 0.0 }, f64::from(bits as i32).exp2() - 1.0))
}

/// Attribute `num_bits`.
fn bits(b: build::Builder<'_>, least: i64) -> Result<i64> {
    match b.attrs().int("num_bits").unwrap_or(8) {
        bits if (least..=16).contains(&bits) => Ok(bits),
        other => Err(infer::wrong(Kind::Value, format_args!("`num_bits` between {least} and 16"), other)),
    }
}

composite! {
    /// To integers.
    QUANTIZE, (b, x) => {
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::U8);
        let (least, greatest) = limits(dtype)?;
        let source = float(x[0])?;
        for end in &x[1..] {
            along_axis(x[0], *end)?;
        }
        let low = ordered(b, Expects::QuantizeRange, x[1], x[2])?;
        // The range holds 0 and is not empty.
        let low = low.min(0.0);
        let gap = low.abs().max(x[2].abs()).max(1.0) * 0.01;
        let high = x[2].max(low + gap).max(0.0);
        let [from, to] = [along_axis(x[0], low)?, along_axis(x[0], high)?];
        let scaled = (x[0].max(from).min(to) - from) * ((greatest - least) / (to - from));
        let away = (scaled + 0.5).floor() + b.scalar(least, source);
        Ok(vec![away.max(least).min(greatest).cast(dtype), low, high])
    },
    name: "quantize",
    doc: "`x` as integers of `dtype` (u8, i8, u16, i16; default u8), `min_range` the least and `max_range` the \
          greatest, halves away from the least; and the range used, which is widened to hold 0 and at least a \
          hundredth of its size. NaN becomes 0. With `axis` a range for each element of that axis.",
    inputs: Operands::Named(&["x", "min_range", "max_range"]),
    attrs: &[optional("dtype", AttrKind::DType), AXIS],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// From integers.
    DEQUANTIZE, (b, x) => {
        let (least, greatest) = limits(x[0].spec()?.dtype)?;
        float(x[1])?;
        let steps = x[0].cast(x[1].dtype()) - b.scalar(least, x[1].dtype());
        let [low, high] = [along_axis(x[0], x[1])?, along_axis(x[0], x[2])?];
        Ok(vec![low + steps * ((high - low) / (greatest - least))])
    },
    name: "dequantize",
    doc: "The floats that integers of `quantize` with this range, or these ranges along `axis`, stand for.",
    inputs: Operands::Named(&["x", "min_range", "max_range"]),
    attrs: &[AXIS],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// To integers and back.
    QUANTIZE_AND_DEQUANTIZE, (b, x) => {
        let dtype = float(x[0])?;
        let (low, high) = ends(b, x)?;
        let scale = scale(b, low, high)?;
        let (least, greatest) = integers(b)?;
        let rounded = match b.attrs().str("round_mode").unwrap_or("HALF_TO_EVEN") {
            "HALF_TO_EVEN" => b.apply(&crate::ops::ROUND, Attrs::new(), &[x[0] * scale]),
            "HALF_UP" => (x[0] * scale + 0.5).floor(),
            other => return Err(infer::wrong(Kind::Value, "`round_mode` HALF_TO_EVEN or HALF_UP", format_args!("{other:?}"))),
        };
        let kept = rounded.max(least).min(greatest);
        // A range of 0 alone has no scale: everything is 0.
        let zero = b.scalar(0.0, dtype);
        Ok(vec![scale.is_finite().choose(kept / scale, zero)])
    },
    name: "quantize_and_dequantize_v2",
    doc: "`x` rounded to multiples of the least step with which `2^num_bits` of them (default 8; signed unless \
          `signed_input` is false; one less with `narrow_range`) cover the range: from `input_min` to `input_max` \
          with `range_given`, else from the least to the greatest element; with `axis` a range for each element of \
          that axis. `round_mode` is HALF_TO_EVEN (the default) or HALF_UP. The gradient passes, with `range_given` \
          only within the range.",
    inputs: Operands::Named(&["x", "input_min", "input_max"]),
    attrs: &[
        optional("signed_input", AttrKind::Bool),
        NUM_BITS,
        optional("range_given", AttrKind::Bool),
        optional("round_mode", AttrKind::Str),
        NARROW_RANGE,
        AXIS,
    ],
    grad: rule!(v => {
        if !v.b.attrs().bool("range_given") {
            return Ok(vec![Some(v.g()), None, None]);
        }
        let [low, high] = [along_axis(v.x(), v.x[1])?, along_axis(v.x(), v.x[2])?];
        let inside = v.x().ge(low).and(v.x().le(high));
        Ok(vec![Some(inside.choose(v.g(), 0.0)), None, None])
    }),
    domain: Domain::Special("tests/ops/special.rs"),
}

/// The range to cover.
fn ends<'b>(b: build::Builder<'b>, x: &[Expr<'b>]) -> Result<(Expr<'b>, Expr<'b>)> {
    let [low, high] = [along_axis(x[0], x[1])?, along_axis(x[0], x[2])?];
    if b.attrs().bool("range_given") {
        return Ok((ordered(b, Expects::QuantizeAndDequantizeRange, low, high)?, high));
    }
    let (_, all) = axes_of(&Attrs::new(), x[0])?;
    let own = match b.attrs().int("axis") {
        None | Some(-1) => None,
        Some(axis) => Some(infer::normalize(axis, all.len())? as i64),
    };
    let axes: Vec<i64> = all.into_iter().filter(|axis| Some(*axis) != own).collect();
    let shape = low.dims()?;
    let over = |x: Expr<'b>| x.reduce_max(&axes).reshape(&shape);
    Ok((-over(-x[0]), over(x[0])))
}

/// The lower end of a range; it is an error, when the program runs, if it lies above the upper one.
fn ordered<'b>(b: build::Builder<'b>, user: Expects, low: Expr<'b>, high: Expr<'b>) -> Result<Expr<'b>> {
    // One end may be a number, and the other one for each element of an axis.
    let dims = if low.rank()? > 0 { low.dims()? } else { high.dims()? };
    let (low, high) = (low.broadcast_to(&dims), high.broadcast_to(&dims));
    expected(b, user, low, low.le(high))
}

/// Steps a unit: the fewer of those with which either end is the last integer of its sign.
fn scale<'b>(b: build::Builder<'b>, low: Expr<'b>, high: Expr<'b>) -> Result<Expr<'b>> {
    let (least, greatest) = integers(b)?;
    let infinity = b.scalar(f64::INFINITY, low.dtype());
    let side = |end: Expr<'b>, integer: f64, counts: Expr<'b>| {
        counts.choose(b.scalar(integer, end.dtype()) / counts.choose(end, 1.0), infinity)
    };
    let below = if least < 0.0 { side(low, least, low.lt(0.0)) } else { infinity };
    Ok(below.min(side(high, greatest, high.gt(0.0))))
}

/// The least and the greatest integer.
fn integers(b: build::Builder<'_>) -> Result<(f64, f64)> {
    let is_signed = b.attrs().get("signed_input").is_none() || b.attrs().bool("signed_input");
    let narrow = f64::from(u8::from(b.attrs().bool("narrow_range")));
    let bits = bits(b, 1 + i64::from(is_signed))? as i32;
    Ok(match is_signed {
        true => (narrow - f64::from(bits - 1).exp2(), f64::from(bits - 1).exp2() - 1.0),
        false => (0.0, f64::from(bits).exp2() - 1.0),
    })
}

/// The dtype, if it is a float.
fn float(x: Expr<'_>) -> Result<DType> {
    let spec = x.spec()?;
    Class::Float.check(&spec)?;
    Ok(spec.dtype)
}

/// Along which axis there is a range for each element; one for all if there is none.
const AXIS: AttrDef = optional("axis", AttrKind::Int);

/// The end of a range, one number or one for each element of attribute `axis`, shaped to meet `x`.
fn along_axis<'b>(x: Expr<'b>, end: Expr<'b>) -> Result<Expr<'b>> {
    let attrs = x.b().attrs();
    // TensorFlow's -1 means none.
    if attrs.int("axis").is_none_or(|axis| axis == -1) {
        expect_scalar(end)?;
        return Ok(end);
    }
    let (spec, found) = (x.spec()?, end.spec()?);
    let axis = infer::axis(attrs, 0, spec.rank())?;
    if found.dims[..] != spec.dims[axis..=axis] {
        let wanted = format!("a range for each of the {} elements of axis {axis}", spec.dims[axis]);
        return Err(infer::wrong(Kind::Shape, wanted, found));
    }
    let mut dims = vec![Dim::ONE; spec.rank()];
    dims[axis] = spec.dims[axis].clone();
    Ok(end.reshape(&dims))
}

fn expect_scalar(x: Expr<'_>) -> Result<()> {
    match x.rank()? {
        0 => Ok(()),
        _ => Err(infer::wrong(Kind::Shape, "a range of two single numbers", x.spec()?)),
    }
}

/// The least and the greatest number of a small integer dtype.
fn limits(dtype: DType) -> Result<(f64, f64)> {
    match dtype {
        DType::U8 => Ok((0.0, 255.0)),
        DType::I8 => Ok((-128.0, 127.0)),
        DType::U16 => Ok((0.0, 65535.0)),
        DType::I16 => Ok((-32768.0, 32767.0)),
        other => Err(infer::wrong(Kind::DType, "integers of dtype u8, i8, u16 or i16", other)),
    }
}
