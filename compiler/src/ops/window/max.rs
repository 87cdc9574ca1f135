//! The greatest element of each window.

use super::{DATA_FORMAT, Padding, Placed, Window, axes_of, channels_last, meets, result_dims};
use crate::base::spec::Dims;
use crate::ops::entry::*;
use crate::ops::indexing::search::{User, checked};
use crate::ops::movement::gather::SCATTER_ADD;
use tracelift_runtime::Array;

/// What users say about pools.
pub(super) const POOL: &[AttrDef] = &[
    required("ksize", AttrKind::Ints),
    required("strides", AttrKind::Ints),
    required("padding", AttrKind::Padding),
    optional("dilations", AttrKind::Ints),
    optional("ceil_mode", AttrKind::Bool),
];

/// What the primitives are given.
const PLACED: &[AttrDef] = &[
    required("ksize", AttrKind::Ints),
    required("strides", AttrKind::Ints),
    required("dilations", AttrKind::Ints),
    required("before", AttrKind::Dims),
    required("dims", AttrKind::Dims),
];

/// The greatest element of each window.
pub static WINDOW_MAX: OpDef = OpDef {
    name: "window_max",
    doc: "The greatest element of each window of `x`, NaN if it has one; the least number where a window is empty. \
          `before` elements of a window may come before `x`; `dims` is the result's shape.",
    attrs: PLACED,
    spec: check,
    grad: rule!(v => {
        let spec = v.x().spec()?;
        let found = v.b.apply_all(&WINDOW_ARGMAX, v.b.attrs().clone(), &[v.x()]);
        let (greatest, places) = (found[0], found[found.len() - 1]);
        // A window without elements has no greatest one: nothing flows back.
        let is_full = greatest.gt(f64::NEG_INFINITY).or(greatest.ne(greatest));
        Ok(vec![Some(put_back(v.b, is_full.choose(v.g(), 0.0), places, &spec.dims)?)])
    }),
    lower: Lower::Library(|c, _| call(c, "max_pool")),
    eval: |c| Ok(vec![evaluate(c)?.0]),
    domain: Domain::Special("tests/ops/window.rs"),
    ..BASE
};

/// The greatest element of each window, and where it is.
pub static WINDOW_ARGMAX: OpDef = OpDef {
    name: "window_argmax",
    doc: "As `window_max`, and which element of its image, counted from 0 (i64), the first of the greatest is.",
    attrs: PLACED,
    spec: |c| {
        let mut specs = check(c)?;
        specs.push(TensorSpec { dtype: DType::I64, dims: specs[0].dims.clone() });
        Ok(specs)
    },
    grad: rule!(v => {
        let Some(g) = v.g[0] else { return Ok(vec![None]) };
        Ok(vec![Some(put_back(v.b, g, v.y[1], &v.x().dims()?)?)])
    }),
    lower: Lower::Library(|c, _| call(c, "max_pool_with_argmax")),
    eval: |c| {
        let (values, places) = evaluate(c)?;
        Ok(vec![values, places])
    },
    domain: Domain::Special("tests/ops/window.rs"),
    ..BASE
};

macro_rules! max_pools {
    ($($static:ident $name:literal $axes:literal;)*) => {$(
        composite! {
            #[doc = concat!("The greatest element of each window over ", $axes, " of the axes.")]
            $static, (b, x) => channels_last(x[0], |y| Ok(vec![pool(b, y, $axes, &WINDOW_MAX)?[0]])),
            name: $name,
            doc: "The greatest element of each window of `x` `[batch, axes.., channels]`: `ksize` elements, `strides` \
                  apart. `padding` is `\"VALID\"`, `\"SAME\"` or [before, after] for each axis, and is never the \
                  greatest. With `ceil_mode` a last window may hang over. `data_format` is that of `conv2d`.",
            attrs: &[POOL[0], POOL[1], POOL[2], POOL[3], POOL[4], DATA_FORMAT],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

max_pools! {
    MAX_POOL1D "max_pool1d" 1;
    MAX_POOL2D "max_pool2d" 2;
    MAX_POOL3D "max_pool3d" 3;
}

composite! {
    /// The greatest element of each window, and where it is.
    MAX_POOL_WITH_ARGMAX, (b, x) => pool(b, x[0], 2, &WINDOW_ARGMAX),
    name: "max_pool_with_argmax",
    doc: "As `max_pool2d`, and for each greatest element its place in its image, `(y * width + x) * channels + \
          channel` (i64).",
    attrs: POOL,
    domain: Domain::Special("tests/ops/window.rs"),
}

composite! {
    /// The gradient of the greatest elements.
    MAX_POOL_GRAD, (b, x) => {
        let (spec, axes) = (x[0].spec()?, axes_of(&x[0].spec()?, None)?);
        let found = pool(b, x[0], axes, &WINDOW_ARGMAX)?;
        let wanted = found[0].spec()?;
        for given in &x[1..] {
            if given.spec()? != wanted {
                return Err(infer::wrong(Kind::Shape, format_args!("{wanted}, as the pool's result"), given.spec()?));
            }
        }
        Ok(vec![put_back(b, x[2], found[1], &spec.dims)?])
    },
    name: "max_pool_grad",
    doc: "The gradient by `orig_input` of the greatest elements of its windows, `orig_output`, if `grad` comes back: it goes \
          to the first of the greatest.",
    inputs: Operands::Named(&["orig_input", "orig_output", "grad"]),
    attrs: POOL,
    domain: Domain::Special("tests/ops/window.rs"),
}

composite! {
    /// The gradient of the greatest elements whose places are known.
    MAX_POOL_GRAD_WITH_ARGMAX, (b, x) => {
        let spec = x[0].spec()?;
        infer::same_dtype(&[spec.clone(), x[1].spec()?])?;
        Class::Int.check(&x[2].spec()?)?;
        let (_, _, wanted) = placed(b, &spec, 2)?;
        for given in &x[1..] {
            if given.dims()?[..] != wanted[..] {
                let wanted = format!("{}, the shape of the pool's result", infer::shape(&wanted));
                return Err(infer::wrong(Kind::Shape, wanted, given.spec()?));
            }
        }
        let image: Dim = spec.dims[1..].iter().product();
        let places = checked(b, User::MaxPoolGrad, x[2].cast(DType::I64), &[image]);
        Ok(vec![put_back(b, x[1], places, &spec.dims)?])
    },
    name: "max_pool_grad_with_argmax",
    doc: "The gradient by `x` of `max_pool_with_argmax`, which gave the places `argmax`, if `grad` comes back. A place outside \
          its image is an error.",
    inputs: Operands::Named(&["x", "grad", "argmax"]),
    attrs: POOL,
    domain: Domain::Special("tests/ops/window.rs"),
}

fn pool<'b>(b: build::Builder<'b>, x: Expr<'b>, axes: usize, op: &'static OpDef) -> Result<Vec<Expr<'b>>> {
    let (window, places, dims) = placed(b, &x.spec()?, axes)?;
    let taps: Vec<i64> = window.taps.iter().filter_map(Dim::as_const).collect();
    Ok(b.apply_all(op, window.attrs(&places, dims).with("ksize", taps), &[x]))
}

/// The windows of a pool, where they lie, and the shape of its result.
fn placed(b: build::Builder<'_>, x: &TensorSpec, axes: usize) -> Result<(Window, Vec<Placed>, Dims)> {
    axes_of(x, Some(axes))?;
    Class::Number.check(x)?;
    let window = Window::of_pool(b.attrs(), axes)?;
    check_padding(&window)?;
    let places = window.place_all(&x.dims)?;
    let dims = result_dims(&x.dims, &places, x.dims[axes + 1].clone());
    Ok((window, places, dims))
}

/// An error if windows may lie in the padding alone.
pub(super) fn check_padding(window: &Window) -> Result<()> {
    let Padding::Explicit(sides) = &window.padding else { return Ok(()) };
    for (axis, &(before, after)) in sides.iter().enumerate() {
        let extent = window.extent(axis).as_const().unwrap_or(i64::MAX);
        if before.max(after) >= extent {
            let wanted = format!("padding less than the window, which extends over {extent}");
            return Err(infer::wrong(Kind::Value, wanted, format_args!("[{before}, {after}] for axis {}", axis + 1)));
        }
    }
    Ok(())
}

/// `g` added up at the elements that `places` names in a tensor of shape `dims`, image by image.
fn put_back<'b>(b: build::Builder<'b>, g: Expr<'b>, places: Expr<'b>, dims: &[Dim]) -> Result<Expr<'b>> {
    let product = |dims: &[Dim]| dims.iter().product::<Dim>();
    let own = g.dims()?;
    let flat = [own[0].clone(), product(&own[1..])];
    let whole = [dims[0].clone(), product(&dims[1..])];
    let attrs = Attrs::new().with("dims", &whole[..]).with("axis", 1i64).with("batch_dims", 1i64);
    Ok(b.apply(&SCATTER_ADD, attrs, &[g.reshape(&flat), places.reshape(&flat)]).reshape(dims))
}

fn check(c: &SpecCx<'_>) -> Result<crate::graph::opdef::Specs> {
    let (x, dims) = (&c.inputs[0], infer::lengths(c.attrs)?);
    Class::Number.check(x)?;
    let axes = axes_of(x, None)?;
    for name in ["ksize", "strides", "dilations"] {
        if c.attrs.ints(name).unwrap_or_default().len() != axes || super::steps(c.attrs, name, axes)?.is_none() {
            return Err(infer::wrong(Kind::Shape, format_args!("{axes} numbers in `{name}`"), "another number"));
        }
    }
    let fits = dims.len() == axes + 2 && dims[0] == x.dims[0] && dims[axes + 1] == x.dims[axes + 1];
    if !fits || c.attrs.dims("before").unwrap_or_default().len() != axes {
        let wanted = "`dims` with batch and channels of x, and as many numbers in `before` as there are axes";
        return Err(infer::wrong(Kind::Shape, wanted, infer::shape(&dims)));
    }
    infer::one(x.dtype, dims)
}

fn call(c: &SpecCx<'_>, routine: &'static str) -> Result<LibraryCall> {
    let mut params: Vec<Dim> = c.attrs.ints("ksize").unwrap_or_default().iter().map(|&v| v.into()).collect();
    params.extend(Window::params(c.attrs));
    Ok(LibraryCall { routine, params })
}

/// Values and places.
fn evaluate(c: &EvalCx<'_>) -> Result<(Array, Array)> {
    let (x, shape) = (&c.inputs[0], eval::shape_of(c, 0)?);
    let before = eval::const_dims(c.attrs, "before")?;
    let axes = shape.len() - 2;
    let taps: Vec<usize> = c.attrs.ints("ksize").unwrap_or_default().iter().map(|&v| v as usize).collect();
    let image = x.shape()[1..].to_vec();
    let mut chosen: Vec<Option<usize>> = Vec::new();
    let is_float = x.dtype().is_float();
    let floats = if is_float { eval::floats(x) } else { Vec::new() };
    let ints = if is_float { Vec::new() } else { eval::ints(x) };
    let is_greater = |a: usize, b: usize| match is_float {
        true => floats[a] > floats[b] || floats[a].is_nan() && !floats[b].is_nan(),
        false => ints[a] > ints[b],
    };
    for window in eval::indices(&shape) {
        let met = eval::indices(&taps).filter_map(|tap| {
            let at = meets(c.attrs, &before, &x.shape()[1..=axes], &window[1..=axes], &tap)?;
            Some(eval::offset(x.shape(), &[&[window[0]], &at[..], &[window[axes + 1]]].concat()))
        });
        chosen.push(met.reduce(|best, at| if is_greater(at, best) { at } else { best }));
    }
    let len: usize = image.iter().product();
    let places: Vec<i128> = chosen.iter().map(|at| at.map_or(0, |at| (at % len) as i128)).collect();
    let least = least(x.dtype());
    let values = if is_float {
        let values: Vec<f64> = chosen.iter().map(|at| at.map_or(f64::NEG_INFINITY, |at| floats[at])).collect();
        eval::from_floats(x.dtype(), &shape, &values)?
    } else {
        let values: Vec<i128> = chosen.iter().map(|at| at.map_or(least, |at| ints[at])).collect();
        eval::from_ints(x.dtype(), &shape, &values)?
    };
    Ok((values, eval::from_ints(DType::I64, &shape, &places)?))
}

/// The least integer of a dtype.
fn least(dtype: DType) -> i128 {
    if dtype.is_unsigned_int() { 0 } else { -(1i128 << (8 * dtype.size() - 1)) }
}
