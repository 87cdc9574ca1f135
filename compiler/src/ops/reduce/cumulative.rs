//! Running sums, products, extrema and logarithms of sums along an axis, and differences, which undo sums.

use crate::ops::entry::*;
use tracelift_runtime::Array;

const ATTRS: &[AttrDef] =
    &[optional("axis", AttrKind::Int), optional("exclusive", AttrKind::Bool), optional("reverse", AttrKind::Bool)];

/// The running sum.
pub static CUMSUM: OpDef = OpDef {
    name: "cumsum",
    doc: "The running sum along `axis` (default 0); `exclusive`: of the elements before; `reverse`: from the end.",
    attrs: ATTRS,
    spec: |c| spec(c, Class::Number),
    grad: rule!(v => {
        let attrs = v.b.attrs().clone().with("reverse", !v.b.attrs().bool("reverse"));
        Ok(vec![Some(v.b.apply(&CUMSUM, attrs, &[v.g()]))])
    }),
    lower: Lower::Library(|c, _| call(c, 0)),
    eval: |c| scan(c, 0.0, |a, x| a + x, 0, |a, x| a.wrapping_add(x)),
    ..BASE
};

/// The running product.
pub static CUMPROD: OpDef = OpDef {
    name: "cumprod",
    doc: "The running product along `axis` (default 0); `exclusive`: of the elements before; `reverse`: from the end. \
          The gradient divides by nothing, and so is exact where `x` is 0.",
    attrs: ATTRS,
    spec: |c| spec(c, Class::Number),
    grad: rule!(v => {
        // Of the factors before an element, and of those after it with what flows back to each of their products.
        let reverse = v.b.attrs().bool("reverse");
        let axis = infer::axis(v.b.attrs(), 0, v.x().rank()?)?;
        let before = v.b.apply(&CUMPROD, v.b.attrs().clone().with("exclusive", true), &[v.x()]);
        let next = shifted(v.x(), axis, !reverse)?;
        let flow = if v.b.attrs().bool("exclusive") { shifted(v.g(), axis, !reverse)? } else { v.g() };
        Ok(vec![Some(before * recurrence(next, flow, axis, !reverse))])
    }),
    lower: Lower::Library(|c, _| call(c, 1)),
    eval: |c| scan(c, 1.0, |a, x| a * x, 1, |a, x| a.wrapping_mul(x)),
    ..BASE
};

/// `y[i] = a[i] y[i - 1] + b[i]`.
pub static LINEAR_RECURRENCE: OpDef = OpDef {
    name: "linear_recurrence",
    doc: "`y[i] = a[i] * y[i - 1] + b[i]` along `axis` (default 0), with 0 before the first; `reverse`: from the end.",
    inputs: Operands::Named(&["a", "b"]),
    attrs: &[ATTRS[0], ATTRS[2]],
    spec: |c| {
        infer::same_dtype(c.inputs)?;
        infer::one_shape(c.inputs)?;
        spec(c, Class::Float)
    },
    grad: rule!(v => {
        let reverse = v.b.attrs().bool("reverse");
        let axis = infer::axis(v.b.attrs(), 0, v.x().rank()?)?;
        // What flows back to a place comes from all places after it.
        let flow = recurrence(shifted(v.x(), axis, !reverse)?, v.g(), axis, !reverse);
        Ok(vec![Some(flow * shifted(v.y(), axis, reverse)?), Some(flow)])
    }),
    lower: Lower::Library(|c, _| {
        let axis = infer::axis(c.attrs, 0, c.inputs[0].rank())?;
        let params = [axis as i64, c.attrs.bool("reverse").into()];
        Ok(LibraryCall { routine: "linear_recurrence", params: params.map(Dim::from).to_vec() })
    }),
    eval: |c| {
        let (a, b) = (eval::floats(&c.inputs[0]), eval::floats(&c.inputs[1]));
        let shape = c.inputs[0].shape();
        let axis = infer::axis(c.attrs, 0, shape.len())?;
        let (length, stride) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let mut y = b.clone();
        for step in 0..length {
            // Where the step before was, if there was one.
            let (place, last) = match c.attrs.bool("reverse") {
                true => (length - 1 - step, length - step),
                false => (step, step.wrapping_sub(1)),
            };
            for i in (0..y.len()).filter(|i| i / stride % length == place) {
                let before = if step == 0 { 0.0 } else { y[i + last * stride - place * stride] };
                y[i] = a[i] * before + b[i];
            }
        }
        Ok(vec![eval::from_floats(c.inputs[0].dtype(), shape, &y)?])
    },
    ..BASE
};

/// The op [`LINEAR_RECURRENCE`].
fn recurrence<'b>(a: Expr<'b>, b: Expr<'b>, axis: usize, reverse: bool) -> Expr<'b> {
    a.b().apply(&LINEAR_RECURRENCE, Attrs::new().with("axis", axis as i64).with("reverse", reverse), &[a, b])
}

/// Each element's neighbour before it, or after it if `reverse`; 0 at the end.
fn shifted<'b>(x: Expr<'b>, axis: usize, reverse: bool) -> Result<Expr<'b>> {
    let dims = x.dims()?;
    let none = vec![Dim::ZERO; dims.len()];
    let mut one = none.clone();
    one[axis] = Dim::ONE;
    // One more, then one less: the length need not be known to be at least 1.
    match reverse {
        true => x.pad_zeros(&none, &one).narrow(axis, &Dim::ONE, &dims[axis]),
        false => x.pad_zeros(&one, &none).narrow(axis, &Dim::ZERO, &dims[axis]),
    }
}

/// One line an op: static, name, doc, the library's number, the evaluators' start and step.
macro_rules! running_extremum {
    ($($static:ident $name:literal $doc:literal $kind:literal $start:expr, $better:tt;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            attrs: &[ATTRS[0], ATTRS[2]],
            spec: |c| spec(c, Class::Number),
            grad: rule!(v => Ok(vec![Some(to_last_record(v)?)])),
            lower: Lower::Library(|c, _| call(c, $kind)),
            eval: |c| {
                let float = |a: f64, x: f64| if a.is_nan() || x.is_nan() { f64::NAN } else if x $better a { x } else { a };
                let start: f64 = $start;
                scan(c, start, float, start as i128, |a, x| if x $better a { x } else { a })
            },
            domain: Domain::NonZero,
            ..BASE
        };
    )*};
}

running_extremum! {
    CUMMAX "cummax" "The running maximum along `axis` (default 0), from the end if `reverse`; NaN from the first NaN on. Of equal \
        elements the last one met gets the gradient." 2 f64::NEG_INFINITY, >;
    CUMMIN "cummin" "The running minimum along `axis` (default 0), from the end if `reverse`; NaN from the first NaN on. Of equal \
        elements the last one met gets the gradient." 3 f64::INFINITY, <;
}

/// The cotangents of running extrema, added up at the elements that they are.
fn to_last_record<'b>(v: &Vjp<'b>) -> Result<Expr<'b>> {
    let dims = v.x().dims()?;
    let axis = infer::axis(v.b.attrs(), 0, dims.len())?;
    let reverse = v.b.attrs().bool("reverse");
    // A record is where the element is the extremum so far; of its index the latest so far is the place.
    let index = v.b.iota(&dims, axis, DType::I64);
    let nowhere = if reverse { v.b.size(&dims[axis], DType::I64) - 1.0 } else { v.b.scalar(0.0, DType::I64) };
    let records = v.b.select(v.x().eq(v.y()), index, nowhere);
    let attrs = Attrs::new().with("axis", axis as i64).with("reverse", reverse);
    let places = v.b.apply(if reverse { &CUMMIN } else { &CUMMAX }, attrs, &[records]);
    let mut swap: Vec<usize> = (0..dims.len()).collect();
    swap.swap(axis, dims.len() - 1);
    let last = dims.len() as i64 - 1;
    let flow = v.g().transpose(&swap);
    let attrs = Attrs::new().with("dims", &flow.dims()?[..]).with("axis", last).with("batch_dims", last);
    Ok(v.b.apply(&crate::ops::SCATTER_ADD, attrs, &[flow, places.transpose(&swap)]).transpose(&swap))
}

/// The running logarithm of sums of exponentials.
pub static CUMULATIVE_LOGSUMEXP: OpDef = OpDef {
    name: "cumulative_logsumexp",
    doc: "The running `log(sum(e^x))` along `axis` (default 0), without overflow; `exclusive`: of the elements \
          before; `reverse`: from the end.",
    attrs: ATTRS,
    spec: |c| spec(c, Class::Float),
    grad: rule!(v => {
        let attrs = v.b.attrs().clone().with("reverse", !v.b.attrs().bool("reverse"));
        Ok(vec![Some(v.b.apply(&SCALED_CUMSUM, attrs, &[v.g(), -v.y(), v.x()]))])
    }),
    lower: Lower::Library(|c, _| call(c, 4)),
    eval: |c| {
        let add = |a: f64, x: f64| match a.max(x) {
            greatest if greatest.is_infinite() && !a.is_nan() && !x.is_nan() => greatest,
            greatest => greatest + ((a - greatest).exp() + (x - greatest).exp()).ln(),
        };
        scan(c, f64::NEG_INFINITY, add, 0, |_, _| unreachable!("the spec admits floats only"))
    },
    ..BASE
};

composite! {
    /// Running sums of numbers with exponents.
    SCALED_CUMSUM, (b, x) => {
        let (numbers, inner, outer) = (x[0], x[1], x[2]);
        let nothing = b.scalar(f64::NEG_INFINITY, numbers.dtype());
        // In logarithms for each sign, so that nothing overflows on the way.
        let [gain, loss] = [numbers, -numbers].map(|part| {
            let counts = part.gt(0.0).and(inner.lt(f64::INFINITY));
            let terms = b.select(counts, counts.choose(part, 1.0).log() + inner, nothing);
            let sum = b.apply(&CUMULATIVE_LOGSUMEXP, b.attrs().clone(), &[terms]);
            (sum + outer).exp()
        });
        Ok(vec![outer.lt(f64::INFINITY).choose(gain - loss, 0.0)])
    },
    name: "scaled_cumsum",
    doc: "`e^outer * cumsum(x * e^inner)` with the attributes of `cumsum`, without overflow; terms with an infinite \
          exponent count as 0. The derivative of `cumulative_logsumexp`.",
    inputs: Operands::Named(&["x", "inner", "outer"]),
    attrs: ATTRS,
    grad: rule!(v => {
        let attrs = v.b.attrs().clone().with("reverse", !v.b.attrs().bool("reverse"));
        let flow = v.b.apply(&SCALED_CUMSUM, attrs, &[v.g(), v.x[2], v.x[1]]);
        Ok(vec![Some(flow), Some(v.x() * flow), Some(v.g() * v.y())])
    }),
}

/// Differences of differences: each is a node, and of a length that is a symbol a size that grows.
const MOST_DIFFERENCES: i64 = 4096;
const MOST_SYMBOLIC_DIFFERENCES: i64 = 64;

composite! {
    /// Differences of neighbours.
    DIFF, (b, x) => {
        let dims = x[0].dims()?;
        Class::Number.check(&x[0].spec()?)?;
        let axis = infer::axis(b.attrs(), -1, dims.len())?;
        let n = b.attrs().int("n").unwrap_or(1);
        if n < 0 {
            return Err(infer::wrong(Kind::Value, "a number of times `n` of at least 0", n));
        }
        match dims[axis].as_const() {
            Some(length) if n >= length => return Ok(vec![x[0].narrow(axis, &Dim::ZERO, &Dim::ZERO)?]),
            Some(_) if n > MOST_DIFFERENCES => {
                return Err(infer::wrong(Kind::Value, format_args!("`n` of at most {MOST_DIFFERENCES}"), n));
            }
            None if n > MOST_SYMBOLIC_DIFFERENCES => {
                let text = format!("differences taken {n} times must know the axis's length; it is {}", dims[axis]);
                return Err(Error::new(Kind::Shape, text));
            }
            _ => {}
        }
        let (mut y, mut length) = (x[0], dims[axis].clone());
        for time in 1..=n {
            // Of a size that is a symbol there may be too few elements: then none are left.
            let next = dims[axis].clone() - Dim::from(time);
            let next = if n > 1 && !infer::nonnegative(&next) { next.maximum(&Dim::ZERO) } else { next };
            let second = length - next.clone();
            y = y.narrow(axis, &second, &next)? - y.narrow(axis, &Dim::ZERO, &next)?;
            length = next;
        }
        Ok(vec![y])
    },
    name: "diff",
    doc: "The differences of neighbours `x[i + 1] - x[i]` along `axis` (default -1), taken `n` times (default 1).",
    attrs: &[optional("n", AttrKind::Int), optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/special.rs"),
}

fn spec(c: &SpecCx<'_>, class: Class) -> Result<crate::graph::opdef::Specs> {
    class.check(&c.inputs[0])?;
    infer::axis(c.attrs, 0, c.inputs[0].rank())?;
    infer::same(c)
}

fn call(c: &SpecCx<'_>, kind: i64) -> Result<LibraryCall> {
    let axis = infer::axis(c.attrs, 0, c.inputs[0].rank())?;
    let flags = [c.attrs.bool("exclusive"), c.attrs.bool("reverse")];
    let params = [axis as i64, kind, flags[0].into(), flags[1].into()];
    Ok(LibraryCall { routine: "cumulative", params: params.map(Dim::from).to_vec() })
}

fn scan(
    c: &EvalCx<'_>,
    float_start: f64,
    float: fn(f64, f64) -> f64,
    int_start: i128,
    int: fn(i128, i128) -> i128,
) -> Result<Vec<Array>> {
    let x = &c.inputs[0];
    Ok(vec![if x.dtype().is_float() {
        eval::from_floats(x.dtype(), x.shape(), &run(c, &eval::floats(x), float_start, float)?)?
    } else {
        eval::from_ints(x.dtype(), x.shape(), &run(c, &eval::ints(x), int_start, int)?)?
    }])
}

fn run<T: Copy>(c: &EvalCx<'_>, x: &[T], start: T, f: fn(T, T) -> T) -> Result<Vec<T>> {
    let shape = c.inputs[0].shape();
    let axis = infer::axis(c.attrs, 0, shape.len())?;
    let (exclusive, reverse) = (c.attrs.bool("exclusive"), c.attrs.bool("reverse"));
    let element = |index: &[usize]| {
        let here = index[axis];
        let mut before: Vec<usize> = if reverse { (here..shape[axis]).rev().collect() } else { (0..=here).collect() };
        if exclusive {
            before.pop();
        }
        before.into_iter().fold(start, |sum, k| {
            let mut at = index.to_vec();
            at[axis] = k;
            f(sum, x[eval::offset(shape, &at)])
        })
    };
    Ok(eval::indices(shape).map(|index| element(&index)).collect())
}
