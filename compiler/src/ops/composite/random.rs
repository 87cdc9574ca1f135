//! Distributions over [`RANDOM_BITS`](crate::ops::RANDOM_BITS). Operand `state` is `u64[2]`: seed and tick; attribute
//! `offset` says which random op of the program it is. Nothing flows back.

use crate::base::spec::Dims;
use crate::graph::opdef::Specs;
use crate::ops::build::Builder;
use crate::ops::entry::*;
use crate::ops::source::random::check_state;
use std::f64::consts::{SQRT_2, TAU};
use tracelift_runtime::Array;
use tracelift_runtime::kernels::random::distributions::Element;

const STATE: Operands = Operands::Named(&["state"]);
const DIMS: AttrDef = required("dims", AttrKind::Dims);
pub(super) const OFFSET: AttrDef = optional("offset", AttrKind::Int);
const DTYPE: AttrDef = optional("dtype", AttrKind::DType);
const NO_PATH: Grad = Grad::Zero("random numbers do not depend on anything smoothly");

composite! {
    /// Uniform.
    RANDOM_UNIFORM, (b, x) => {
        let (low, high) = (number(b, "minval", 0.0), number(b, "maxval", 1.0));
        let unit = unit(b, x[0], &infer::lengths(b.attrs())?, dtype(b)?)?;
        Ok(vec![if (low, high) == (0.0, 1.0) { unit } else { unit * (high - low) + low }])
    },
    name: "random_uniform",
    doc: "Floats `dtype` (default f32) of shape `dims`, uniform from `minval` (default 0) to below `maxval` (default 1).",
    inputs: STATE,
    attrs: &[
        DIMS, DTYPE, optional("minval", AttrKind::Float), optional("maxval", AttrKind::Float), OFFSET,
    ],
    grad: NO_PATH,
    domain: Domain::Special("tests/ops/random.rs"),
}

composite! {
    /// Normal.
    RANDOM_NORMAL, (b, x) => {
        let (dims, dtype) = (infer::lengths(b.attrs())?, dtype(b)?);
        // Box and Muller's radius and angle, each from its own uniform number.
        let mut both = dims.clone();
        both.insert(0, Dim::from(2i64));
        let uniform = unit(b, x[0], &both, dtype)?;
        let radius = ((-uniform.narrow(0, &Dim::ZERO, &Dim::ONE)?).log1p() * -2.0).sqrt();
        let angle = uniform.narrow(0, &Dim::ONE, &Dim::ONE)? * TAU;
        let normal = (radius * angle.cos()).reshape(&dims);
        Ok(vec![normal * number(b, "stddev", 1.0) + number(b, "mean", 0.0)])
    },
    name: "random_normal",
    doc: "Floats `dtype` (default f32) of shape `dims`, normal with `mean` (default 0) and `stddev` (default 1), by Box \
          and Muller.",
    inputs: STATE,
    attrs: &[DIMS, DTYPE, optional("mean", AttrKind::Float), optional("stddev", AttrKind::Float), OFFSET],
    grad: NO_PATH,
    domain: Domain::Special("tests/ops/random.rs"),
}

composite! {
    /// Normal within two standard deviations.
    TRUNCATED_NORMAL, (b, x) => {
        let uniform = unit(b, x[0], &infer::lengths(b.attrs())?, dtype(b)?)?;
        // The inverse distribution function, between its values at -2 and 2: erf(sqrt 2) is the mass in between.
        let within = libm::erf(SQRT_2);
        let symmetric = (uniform * 2.0 - 1.0) * within;
        let normal = b.apply(&ERFINV, Attrs::new(), &[symmetric]) * SQRT_2;
        Ok(vec![normal.max(-2.0).min(2.0) * number(b, "stddev", 1.0) + number(b, "mean", 0.0)])
    },
    name: "truncated_normal",
    doc: "As `random_normal`, but never more than two standard deviations from the mean, by inversion.",
    inputs: STATE,
    attrs: &[DIMS, DTYPE, optional("mean", AttrKind::Float), optional("stddev", AttrKind::Float), OFFSET],
    grad: NO_PATH,
    domain: Domain::Special("tests/ops/random.rs"),
}

composite! {
    /// Yes or no.
    RANDOM_BERNOULLI, (b, x) => {
        let p = number(b, "p", 0.5);
        if !(0.0..=1.0).contains(&p) {
            return Err(infer::wrong(Kind::Value, "a probability `p` between 0 and 1", p));
        }
        let hit = unit(b, x[0], &infer::lengths(b.attrs())?, DType::F32)?.lt(p);
        Ok(vec![hit.cast(b.attrs().dtype("dtype").unwrap_or(DType::Bool))])
    },
    name: "random_bernoulli",
    doc: "True with probability `p` (default 0.5), as `dtype` (default bool), of shape `dims`.",
    inputs: STATE,
    attrs: &[DIMS, DTYPE, optional("p", AttrKind::Float), OFFSET],
    grad: NO_PATH,
    domain: Domain::Special("tests/ops/random.rs"),
}

composite! {
    /// Integers.
    RANDOM_INTEGERS, (b, x) => {
        let (low, high) = (b.attrs().int("minval").unwrap_or(0), b.attrs().int("maxval").unwrap_or(0));
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::I32);
        Class::Int.check(&TensorSpec::scalar(dtype))?;
        let count = i128::from(high) - i128::from(low);
        for end in [low.into(), i128::from(high) - 1] {
            if eval::ints(&eval::from_ints(dtype, &[], &[end])?) != [end] {
                return Err(infer::wrong(Kind::Value, format_args!("bounds that {dtype} holds"), format_args!("{low}..{high}")));
            }
        }
        if count < 1 {
            let received = format!("minval {low} and maxval {high}");
            return Err(infer::wrong(Kind::Value, "`minval` below `maxval`", received));
        }
        let dims = infer::lengths(b.attrs())?;
        let exact = |value: i128, dtype| b.constant(eval::from_ints(dtype, &[], &[value]).expect("one element"));
        let below = if count <= 1 << 32 {
            // The upper half of bits * count is uniform below count, to within count / 2^32.
            (bits(b, x[0], &dims).cast(DType::U64) * exact(count, DType::U64)).shift_right(exact(32, DType::U64))
        } else {
            let (high, low) = halves(b, x[0], &dims)?;
            let wide = high.shift_left(exact(32, DType::U64)).bit_or(low).reshape(&dims);
            // Uniform to within count / 2^64.
            wide.floormod(exact(count, DType::U64))
        };
        Ok(vec![below.cast(dtype) + exact(low.into(), dtype)])
    },
    name: "random_integers",
    doc: "Integers `dtype` (default i32) of shape `dims`, from `minval` (default 0) to below `maxval`.",
    inputs: STATE,
    attrs: &[DIMS, required("maxval", AttrKind::Int), optional("minval", AttrKind::Int), DTYPE, OFFSET],
    grad: NO_PATH,
    domain: Domain::Special("tests/ops/random.rs"),
}

composite! {
    /// In random order.
    RANDOM_SHUFFLE, (b, x) => {
        let dims = x[0].dims()?;
        infer::normalize(0, dims.len())?;
        // Equal draws keep their order; of n elements about n^2 / 2^33 pairs are affected.
        let keys = bits(b, x[1], &dims[..1]);
        let order = b.apply(&crate::ops::ARGSORT, Attrs::new(), &[keys]);
        Ok(vec![b.apply(&crate::ops::GATHER, Attrs::new().with("axis", 0i64), &[x[0], order])])
    },
    name: "random_shuffle",
    doc: "`x` in random order along its first axis.",
    inputs: Operands::Named(&["x", "state"]),
    attrs: &[OFFSET],
    domain: Domain::Special("tests/ops/random.rs"),
}

composite! {
    /// Indices by their weights.
    RANDOM_CATEGORICAL, (b, x) => {
        let logits = x[0].spec()?;
        Class::Float.check(&logits)?;
        let count = b.attrs().int("num_samples").unwrap_or(1);
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::I64);
        Class::Int.check(&TensorSpec::scalar(dtype))?;
        let [rows, classes] = &logits.dims[..] else {
            return Err(infer::wrong(Kind::Shape, "`logits` of shape [rows, classes]", logits));
        };
        if classes.as_const() == Some(0) {
            return Err(infer::wrong(Kind::Shape, "at least one class", logits));
        }
        if count < 0 {
            return Err(infer::wrong(Kind::Value, "`num_samples` of at least 0", count));
        }
        // The first class up to which the summed weights exceed a uniform part of the whole.
        let weights = (x[0] - x[0].max_keep(&[-1])).exp();
        let sums = b.apply(&crate::ops::CUMSUM, Attrs::new().with("axis", 1i64), &[weights]);
        let whole = sums.narrow(1, &(classes.clone() - Dim::ONE), &Dim::ONE)?;
        let part = unit(b, x[1], &[rows.clone(), Dim::from(count)], logits.dtype)? * whole;
        let passed = sums.unsqueeze(1)?.le(part.unsqueeze(2)?);
        Ok(vec![passed.cast(dtype).sum(&[-1])])
    },
    name: "random_categorical",
    doc: "For each row of `logits` [rows, classes] `num_samples` (default 1) classes as `dtype` (default i64), class `k` \
          with probability `softmax(logits)[k]`.",
    inputs: Operands::Named(&["logits", "state"]),
    attrs: &[optional("num_samples", AttrKind::Int), DTYPE, OFFSET],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/random.rs"),
}

/// Distributions by inversion: of a uniform number from 0 to below 1.
macro_rules! by_inversion {
    ($($static:ident $name:literal $doc:literal ($u:ident) => $value:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let $u = unit(b, x[0], &infer::lengths(b.attrs())?, dtype(b)?)?;
                Ok(vec![$value])
            },
            name: $name,
            doc: $doc,
            inputs: STATE,
            attrs: &[DIMS, DTYPE, OFFSET],
            grad: NO_PATH,
            domain: Domain::Special("tests/ops/random.rs"),
        }
    )*};
}

by_inversion! {
    RANDOM_EXPONENTIAL "random_exponential"
        "Floats `dtype` (default f32) of shape `dims`, exponential with mean 1." (u) => -(-u).log1p();
    RANDOM_GUMBEL "random_gumbel"
        "Floats `dtype` (default f32) of shape `dims`, Gumbel with location 0 and scale 1." (u) => -(-(-u).log1p()).log();
    RANDOM_LOGISTIC "random_logistic"
        "Floats `dtype` (default f32) of shape `dims`, logistic with location 0 and scale 1."
        (u) => u.log() - (-u).log1p();
    RANDOM_LAPLACE "random_laplace"
        "Floats `dtype` (default f32) of shape `dims`, Laplace with location 0 and scale 1."
        (u) => {
            let centered = u * 2.0 - 1.0;
            -centered.sign() * (-centered.abs()).log1p()
        };
    RANDOM_CAUCHY "random_cauchy"
        "Floats `dtype` (default f32) of shape `dims`, Cauchy with location 0 and scale 1."
        (u) => {
            let angle = (u - 0.5) * std::f64::consts::PI;
            angle.sin() / angle.cos()
        };
}

/// Draws by a library routine, each element with parameters of its own: the op, which broadcasts them, and the routine.
macro_rules! by_rejection {
    ($($static:ident $name:literal $draws:ident $routine:literal $doc:literal [$($operand:literal)*] $one:expr, $grad:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let (state, parameters) = x.split_last().expect("a state");
                let specs = parameters.iter().map(|p| p.spec()).collect::<Result<Vec<_>>>()?;
                let dims = match b.attrs().dims("dims") {
                    Some(_) => infer::lengths(b.attrs())?,
                    None => infer::broadcast_all(&specs)?,
                };
                let mut operands: Vec<Expr<'_>> = parameters.iter().map(|p| p.broadcast_to(&dims)).collect();
                operands.push(*state);
                let attrs = Attrs::new().with("offset", b.attrs().int("offset").unwrap_or(0));
                Ok(vec![b.apply(&$draws, attrs, &operands)])
            },
            name: $name,
            doc: concat!($doc, " The parameters broadcast to `dims`, by default to each other."),
            inputs: Operands::Named(&[$($operand,)* "state"]),
            attrs: &[optional("dims", AttrKind::Dims), OFFSET],
            domain: Domain::Special("tests/ops/random.rs"),
        }

        #[doc = $doc]
        pub static $draws: OpDef = OpDef {
            name: $routine,
            doc: concat!($doc, " The parameters have one shape."),
            inputs: Operands::Named(&[$($operand,)* "state"]),
            attrs: &[OFFSET],
            spec: parameters,
            grad: $grad,
            lower: Lower::Library(|c, _| {
                Ok(LibraryCall { routine: $routine, params: vec![c.attrs.int("offset").unwrap_or(0).into()] })
            }),
            eval: |c| drawn(c, $one),
            domain: Domain::Special("tests/ops/random.rs"),
            ..BASE
        };
    )*};
}

by_rejection! {
    RANDOM_GAMMA "random_gamma" GAMMA_DRAWS "gamma_draws"
        "Gamma with shape parameters `alpha` and scale 1 (Marsaglia and Tsang, 2000)."
        ["alpha"] |e, p| e.gamma(p[0]), rule!(v => {
            // What keeps the distribution function's value (Figurnov et al., "Implicit reparameterization gradients", 2018).
            let (alpha, y) = (v.x(), v.y());
            let lgamma = v.b.apply(&crate::ops::LGAMMA, Attrs::new(), &[alpha]);
            let is_above = y.gt(0.0);
            let safe = is_above.choose(y, 1.0);
            let density = ((alpha - 1.0) * safe.log() - safe - lgamma).exp();
            let slope = -v.b.apply(&crate::ops::IGAMMA_GRAD_A, Attrs::new(), &[alpha, safe]) / density;
            Ok(vec![Some(v.g() * is_above.choose(slope, 0.0)), None])
        });
    RANDOM_POISSON "random_poisson" POISSON_DRAWS "poisson_draws"
        "Poisson with means `rate` (Hörmann's PTRS, 1993)."
        ["rate"] |e, p| e.poisson(p[0]), NO_PATH;
    RANDOM_BINOMIAL "random_binomial" BINOMIAL_DRAWS "binomial_draws"
        "Successes in `counts` trials that succeed with probability `probs` each (Hörmann's BTRS, 1993)."
        ["counts" "probs"] |e, p| e.binomial(p[0], p[1]), NO_PATH;
}

/// The spec rule of draws with parameters: these of one dtype and shape, then the state.
fn parameters(c: &SpecCx<'_>) -> Result<Specs> {
    let (state, parameters) = c.inputs.split_last().expect("a state");
    check_state(state)?;
    let dtype = infer::same_dtype(parameters)?;
    if !matches!(dtype, DType::F32 | DType::F64) {
        return Err(infer::wrong(Kind::DType, "f32 or f64", dtype).hint("convert with `.cast(DType::F32)`"));
    }
    match parameters.iter().find(|p| p.dims != parameters[0].dims) {
        Some(other) => Err(infer::wrong(Kind::Shape, format_args!("parameters like {}", parameters[0]), other)),
        None => infer::same(c),
    }
}

/// The runtime's sampler itself: what is specified is its distribution, which its tests compare.
fn drawn(c: &EvalCx<'_>, one: fn(&mut Element, &[f64]) -> f64) -> Result<Vec<Array>> {
    let (state, parameters) = c.inputs.split_last().expect("a state");
    let state = state.as_slice::<u64>();
    let tick = state[1].wrapping_add(c.attrs.int("offset").unwrap_or(0) as u64);
    let parameters: Vec<Vec<f64>> = parameters.iter().map(eval::floats).collect();
    let value = |i: usize| {
        let own: Vec<f64> = parameters.iter().map(|p| p[i]).collect();
        one(&mut Element::new(state[0], tick, i as u64), &own)
    };
    let values: Vec<f64> = (0..parameters[0].len()).map(value).collect();
    Ok(vec![eval::from_floats(c.outputs[0].dtype, &eval::shape_of(c, 0)?, &values)?])
}

composite! {
    /// The inverse of erf.
    ERFINV, (b, x) => {
        let spec = x[0].spec()?;
        Class::Float.check(&spec)?;
        let first = giles(b, x[0]);
        if spec.dtype != DType::F64 {
            return Ok(vec![first]);
        }
        // One step of Halley's method squares the error, and more; in the tails erfc has the digits. At ±1 there is
        // nothing to improve.
        let mut y = first;
        for _ in 0..2 {
            let negative = y.lt(0.0);
            let (x, y_abs) = (x[0].abs(), y.abs());
            let miss = (1.0 - x) - y_abs.erfc();
            let slope = (-y_abs.square()).exp() * std::f64::consts::FRAC_2_SQRT_PI;
            let newton = miss / slope;
            let better = y_abs - newton / (1.0 + y_abs * newton);
            let inside = x.lt(1.0);
            let improved = inside.choose(better, y_abs);
            y = negative.choose(-improved, improved);
        }
        Ok(vec![y])
    },
    name: "erfinv",
    doc: "The inverse of the error function: ±∞ at ±1, NaN beyond. Giles, \"Approximating the erfinv function\", 2010; \
          f64 by Halley's method from there.",
    grad: Grad::Elementwise(&[partial!(v => v.y().square().exp() * (1.0 / std::f64::consts::FRAC_2_SQRT_PI))]),
    domain: Domain::Between(-0.9, 0.9),
}

/// Giles' approximation, within 3 ulp of f32.
fn giles<'b>(b: Builder<'b>, x: Expr<'b>) -> Expr<'b> {
    const CENTER: [f64; 9] = [
        2.810_226_36e-8,
        3.432_739_39e-7,
        -3.523_387_7e-6,
        -4.391_506_54e-6,
        2.185_808_7e-4,
        -1.253_725_03e-3,
        -4.177_681_64e-3,
        2.466_407_27e-1,
        1.501_409_41,
    ];
    const TAIL: [f64; 9] = [
        -2.002_142_57e-4,
        1.009_505_58e-4,
        1.349_343_22e-3,
        -3.673_428_44e-3,
        5.739_507_73e-3,
        -7.622_461_3e-3,
        9.438_870_47e-3,
        1.001_674_06,
        2.832_976_82,
    ];
    let w = -((1.0 - x) * (x + 1.0)).log();
    let central = w.lt(5.0);
    // Outside the branch's range the root or the polynomial may be NaN; only the taken side counts.
    let t = central.choose(w - 2.5, w.max(5.0).sqrt() - 3.0);
    let mut sum = b.select(central, b.scalar(CENTER[0], x.dtype()), b.scalar(TAIL[0], x.dtype()));
    for (&c, &d) in CENTER.iter().zip(&TAIL).skip(1) {
        sum = sum * t + b.select(central, b.scalar(c, x.dtype()), b.scalar(d, x.dtype()));
    }
    let at_end = x.abs().eq(1.0);
    at_end.choose(x / 0.0, sum * x)
}

/// Random bits of this shape.
fn bits<'b>(b: Builder<'b>, state: Expr<'b>, dims: &[Dim]) -> Expr<'b> {
    let attrs = Attrs::new().with("dims", dims).with("offset", b.attrs().int("offset").unwrap_or(0));
    b.apply(&crate::ops::RANDOM_BITS, attrs, &[state])
}

/// Twice 32 random bits for each element, as u64 with one more axis in front.
fn halves<'b>(b: Builder<'b>, state: Expr<'b>, dims: &[Dim]) -> Result<(Expr<'b>, Expr<'b>)> {
    let mut both: Dims = dims.iter().cloned().collect();
    both.insert(0, Dim::from(2i64));
    let words = bits(b, state, &both).cast(DType::U64);
    Ok((words.narrow(0, &Dim::ZERO, &Dim::ONE)?, words.narrow(0, &Dim::ONE, &Dim::ONE)?))
}

/// Uniform floats from 0 to below 1: 23 bits for f32 (10 for f16, 7 for bf16), 52 for f64.
fn unit<'b>(b: Builder<'b>, state: Expr<'b>, dims: &[Dim], dtype: DType) -> Result<Expr<'b>> {
    let exact = |value: u64, dtype| b.constant(eval::from_ints(dtype, &[], &[value.into()]).expect("one element"));
    if dtype == DType::F64 {
        let (high, low) = halves(b, state, dims)?;
        let [high, low] = [high, low].map(|half| half.shift_right(exact(6, DType::U64)));
        let all = high.shift_left(exact(26, DType::U64)).bit_or(low).reshape(dims);
        return Ok(all.cast(DType::F64) * 2f64.powi(-52));
    }
    let kept = match dtype {
        DType::F16 => 10,
        DType::BF16 => 7,
        _ => 23,
    };
    let whole = bits(b, state, dims).shift_right(exact(32 - kept, DType::U32));
    Ok((whole.cast(DType::F32) * 2f64.powi(-(kept as i32))).cast(dtype))
}

fn dtype(b: Builder<'_>) -> Result<DType> {
    let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
    Class::Float.check(&TensorSpec::scalar(dtype))?;
    Ok(dtype)
}

fn number(b: Builder<'_>, name: &str, default: f64) -> f64 {
    b.attrs().float(name).unwrap_or(default)
}
