//! The three primitives of convolution: the product of windows with a filter, and its gradients by input and filter.
//! Each is linear in both operands, and the gradients of each are the others: they can be derived again and again.
//!
//! `y[n, o, q] = Σ x[n, o * stride + k * dilation - before, c] f[k, c, q]` with zeros around `x`. All three take the
//! shape of their result as `dims`; fewer channels in the filter than in `x` mean groups.

use super::{Window, axes_of, meets};
use crate::ops::entry::*;

const ATTRS: &[AttrDef] = &[
    required("strides", AttrKind::Ints),
    required("dilations", AttrKind::Ints),
    required("before", AttrKind::Dims),
    required("dims", AttrKind::Dims),
];

/// Windows times a filter.
pub static CONVOLUTION: OpDef = OpDef {
    name: "convolution",
    doc: "Windows of `x` `[batch, axes.., channels]`, `strides` apart, times `filter` `[taps.., channels of a group, \
          results]` whose taps are `dilations` apart; `before` zeros come before `x`, and as many after as the \
          result's shape `dims` asks for.",
    inputs: Operands::Named(&["x", "filter"]),
    attrs: ATTRS,
    spec: |c| check(c, Role::Y),
    grad: rule!(v => {
        let (x, filter) = (v.x(), v.x1());
        let by_x = v.wanted[0].then(|| like(v, &CONV_BACKPROP_INPUT, x, &[v.g(), filter])).transpose()?;
        let by_filter = v.wanted[1].then(|| like(v, &CONV_BACKPROP_FILTER, filter, &[x, v.g()])).transpose()?;
        Ok(vec![by_x, by_filter])
    }),
    lower: Lower::Window(|c, _| call(c, "convolution")),
    eval: |c| evaluate(c, Role::Y),
    domain: Domain::Special("tests/ops/window.rs"),
    ..BASE
};

/// The gradient of a convolution by its input.
pub static CONV_BACKPROP_INPUT: OpDef = OpDef {
    name: "conv_backprop_input",
    doc: "The gradient of `convolution` by `x`, of shape `dims`, if `dy` comes back.",
    inputs: Operands::Named(&["dy", "filter"]),
    attrs: ATTRS,
    spec: |c| check(c, Role::X),
    grad: rule!(v => {
        let (dy, filter) = (v.x(), v.x1());
        let by_dy = v.wanted[0].then(|| like(v, &CONVOLUTION, dy, &[v.g(), filter])).transpose()?;
        let by_filter = v.wanted[1].then(|| like(v, &CONV_BACKPROP_FILTER, filter, &[v.g(), dy])).transpose()?;
        Ok(vec![by_dy, by_filter])
    }),
    lower: Lower::Library(|c, _| call(c, "conv_backprop_input")),
    eval: |c| evaluate(c, Role::X),
    domain: Domain::Special("tests/ops/window.rs"),
    ..BASE
};

/// The gradient of a convolution by its filter.
pub static CONV_BACKPROP_FILTER: OpDef = OpDef {
    name: "conv_backprop_filter",
    doc: "The gradient of `convolution` by `filter`, of shape `dims`, if `dy` comes back.",
    inputs: Operands::Named(&["x", "dy"]),
    attrs: ATTRS,
    spec: |c| check(c, Role::Filter),
    grad: rule!(v => {
        let (x, dy) = (v.x(), v.x1());
        let by_x = v.wanted[0].then(|| like(v, &CONV_BACKPROP_INPUT, x, &[dy, v.g()])).transpose()?;
        let by_dy = v.wanted[1].then(|| like(v, &CONVOLUTION, dy, &[x, v.g()])).transpose()?;
        Ok(vec![by_x, by_dy])
    }),
    lower: Lower::Library(|c, _| call(c, "conv_backprop_filter")),
    eval: |c| evaluate(c, Role::Filter),
    domain: Domain::Special("tests/ops/window.rs"),
    ..BASE
};

/// `op` with the attributes of the op that is differentiated, and a result as `result`.
fn like<'b>(v: &build::Vjp<'b>, op: &'static OpDef, result: Expr<'b>, operands: &[Expr<'b>]) -> Result<Expr<'b>> {
    let attrs = v.b.attrs().clone().with("dims", &result.dims()?[..]);
    Ok(v.b.apply(op, attrs, operands))
}

fn call(c: &SpecCx<'_>, routine: &'static str) -> Result<LibraryCall> {
    Ok(LibraryCall { routine, params: Window::params(c.attrs) })
}

/// What the result of a primitive is in the product of `x` with the filter to `y`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    X,
    Filter,
    Y,
}

impl Role {
    /// `[x, filter, y]`, from the two operands and the result.
    fn order<T>(self, first: T, second: T, result: T) -> [T; 3] {
        match self {
            Role::X => [result, second, first],
            Role::Filter => [first, result, second],
            Role::Y => [first, second, result],
        }
    }
}

/// Checks operands and result, and gives the result.
fn check(c: &SpecCx<'_>, role: Role) -> Result<crate::graph::opdef::Specs> {
    let dtype = infer::same_dtype(c.inputs)?;
    Class::Float.check(&c.inputs[0])?;
    let result = TensorSpec { dtype, dims: infer::lengths(c.attrs)? };
    let [x, filter, y] = role.order(&c.inputs[0], &c.inputs[1], &result);
    let axes = axes_of(x, None)?;
    for other in [filter, y] {
        axes_of(other, Some(axes))?;
    }
    for name in ["strides", "dilations"] {
        if c.attrs.ints(name).unwrap_or_default().len() != axes || super::steps(c.attrs, name, axes)?.is_none() {
            return Err(infer::wrong(Kind::Shape, format_args!("{axes} numbers in `{name}`"), "another number"));
        }
    }
    if c.attrs.dims("before").unwrap_or_default().len() != axes {
        return Err(infer::wrong(Kind::Shape, format_args!("{axes} numbers in `before`"), "another number"));
    }
    let fits = x.dims[0] == y.dims[0] && filter.dims[axes + 1] == y.dims[axes + 1];
    if !fits {
        let found = format!("x {x}, filter {filter}, result {y}");
        return Err(infer::wrong(Kind::Shape, "x and result of one batch, filter and result of equal channels", found));
    }
    groups(&x.dims[axes + 1], &filter.dims[axes], &filter.dims[axes + 1])?;
    infer::one(dtype, result.dims)
}

/// The number of groups that these channels of `x`, of a filter and of the result make.
pub(super) fn groups(channels: &Dim, depth: &Dim, results: &Dim) -> Result<Dim> {
    let wrong = |what: &str| {
        let wanted = format!("a filter for the {channels} channels of x");
        Err(infer::wrong(Kind::Shape, wanted, format_args!("one for {depth}: {what}"))
            .hint("a filter's last two axes are the input channels of a group and the output channels"))
    };
    if *depth == Dim::ZERO {
        return wrong("a filter without input channels");
    }
    let groups = if channels == depth {
        Dim::ONE
    } else if *depth == Dim::ONE {
        channels.clone()
    } else {
        match (channels.as_const(), depth.as_const()) {
            (Some(c), Some(d)) if c > 0 && c % d == 0 => Dim::from(c / d),
            _ => return wrong("which does not divide them into groups"),
        }
    };
    let divides = match (results.as_const(), groups.as_const()) {
        (Some(results), Some(groups)) => groups > 0 && results % groups == 0,
        _ => results.div_exact(&groups).is_some(),
    };
    if divides { Ok(groups) } else { wrong(&format!("{results} output channels do not divide into {groups} groups")) }
}

/// The definition, summed into the result.
fn evaluate(c: &EvalCx<'_>, role: Role) -> Result<Vec<tracelift_runtime::Array>> {
    let shape = eval::shape_of(c, 0)?;
    let before = eval::const_dims(c.attrs, "before")?;
    let shapes = role.order(c.inputs[0].shape(), c.inputs[1].shape(), &shape[..]);
    let (first, second) = (eval::floats(&c.inputs[0]), eval::floats(&c.inputs[1]));
    let axes = shapes[0].len() - 2;
    let (depth, results) = (shapes[1][axes], shapes[1][axes + 1]);
    let per_group = results * depth / shapes[0][axes + 1].max(1);
    let mut sums = vec![0.0; shape.iter().product()];
    for window in eval::indices(shapes[2]) {
        for tap in eval::indices(&shapes[1][..=axes]) {
            let source = &shapes[0][1..=axes];
            let Some(at) = meets(c.attrs, &before, source, &window[1..=axes], &tap[..axes]) else { continue };
            let result = window[axes + 1];
            let channel = result / per_group * depth + tap[axes];
            let x = eval::offset(shapes[0], &[&[window[0]], &at[..], &[channel]].concat());
            let filter = eval::offset(shapes[1], &[&tap[..], &[result]].concat());
            let y = eval::offset(shapes[2], &window);
            let (a, b, sum) = match role {
                Role::X => (y, filter, x),
                Role::Filter => (x, y, filter),
                Role::Y => (x, filter, y),
            };
            sums[sum] += first[a] * second[b];
        }
    }
    Ok(vec![eval::from_floats(c.outputs[0].dtype, &shape, &sums)?])
}
