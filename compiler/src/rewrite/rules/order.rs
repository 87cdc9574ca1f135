//! Normal forms of operands and attributes: one way to write each thing, so that other rules and merging see fewer.
//! Used by the pass `canonicalize` only.

use super::x_is_signed;
use crate::base::Result;
use crate::graph::opdef::{Lower, Movement};
use crate::graph::{Attrs, ValueId};
use crate::ops::{self, ADD, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, NEGATIVE, SUBTRACT, infer};
use crate::rewrite::rule::{Action, COMMUTATIVE, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};
use crate::rules;

/// Operands: constants of equal elements are one number, constants go right, others in order of definition.
pub const OPERANDS: &[Rule] = &[
    Rule {
        name: "scalar_operand",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Class(|lower| matches!(lower, Lower::Elementwise(_))),
            apply: scalar_operand,
            examples: &["graph @f(%0: f32[2, 3] \"x\") {
                           %1 = constant {value = data f32[1, 3](2, 2, 2)} : f32[1, 3]
                           %2 = multiply %0, %1 : f32[2, 3]
                           return %2
                         }"],
        },
    },
    Rule {
        name: "order_operands",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(COMMUTATIVE),
            apply: order_operands,
            examples: &[
                "graph @f(%0: f32[3] \"x\") {
                   %1 = constant {value = data f32[](2)} : f32[]
                   %2 = multiply %1, %0 : f32[3]
                   return %2
                 }",
                "graph @f(%0: f32[3] \"x\", %1: f32[3] \"y\") {
                   %2 = add %1, %0 : f32[3]
                   return %2
                 }",
            ],
        },
    },
    Rule {
        name: "order_comparison",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&LESS, &LESS_EQUAL, &GREATER, &GREATER_EQUAL]),
            apply: order_comparison,
            examples: &[
                "graph @f(%0: f32[3] \"x\", %1: f32[3] \"y\") {
                   %2 = greater %0, %1 : bool[3]
                   return %2
                 }",
                "graph @f(%0: f32[3] \"x\") {
                   %1 = constant {value = data f32[](2)} : f32[]
                   %2 = less_equal %1, %0 : bool[3]
                   return %2
                 }",
            ],
        },
    },
];

/// Attributes: written out, non-negative, sorted; subtraction of a constant is an addition.
pub const ATTRIBUTES: &[Rule] = &[
    Rule {
        name: "plain_axes",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Class(|lower| matches!(lower, Lower::Reduction(_) | Lower::Movement(Movement::Reverse))),
            apply: plain_axes,
            examples: &[
                "graph @f(%0: f32[3, 2] \"x\") {
                   %1 = reduce_max %0 {axes = [-1], keepdims = false} : f32[3]
                   return %1
                 }",
                "graph @f(%0: f32[3, 2] \"x\") {
                   %1 = reverse %0 : f32[3, 2]
                   return %1
                 }",
            ],
        },
    },
    Rule {
        name: "plain_permutation",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&ops::TRANSPOSE]),
            apply: plain_permutation,
            examples: &["graph @f(%0: f32[3, 2] \"x\") {
                           %1 = transpose %0 : f32[2, 3]
                           return %1
                         }"],
        },
    },
    Rule {
        name: "plain_axis",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&ops::CONCAT]),
            apply: plain_axis,
            examples: &["graph @f(%0: f32[3, 2] \"x\") {
                           %1 = concat %0, %0 {axis = -1} : f32[3, 4]
                           return %1
                         }"],
        },
    },
    Rule {
        name: "plain_dims",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&ops::RESHAPE]),
            apply: plain_dims,
            examples: &["graph @f(%0: f32[3, 2] \"x\") {
                           %1 = reshape %0 {dims = dims[-1]} : f32[6]
                           return %1
                         }"],
        },
    },
    Rule {
        name: "plain_flags",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Class(|lower| matches!(lower, Lower::Contraction)),
            apply: plain_flags,
            examples: &["graph @f(%0: f32[3, 2] \"x\", %1: f32[2, 3] \"y\") {
                           %2 = matmul %0, %1 {transpose_a = false, transpose_b = false} : f32[3, 3]
                           return %2
                         }"],
        },
    },
];

/// Subtracting a constant is adding its negative (an unsigned one has no shorter form).
pub const SUBTRACTION: &[Rule] = rules! {
    exact subtract_constant: SUBTRACT(x, [c]) => ADD(x, NEGATIVE([c])) if x_is_signed;
};

/// Elementwise ops broadcast, so a constant of equal elements can be of rank 0.
fn scalar_operand(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let node = graph.node(root);
    let (op, attrs, mut inputs) = (node.op, node.attrs.clone(), node.inputs.clone());
    let mut found = false;
    for input in &mut inputs {
        let is_splat = graph.constant(*input).is_some() && graph.spec(*input).rank() > 0;
        let number = if is_splat { graph.number(*input) } else { None };
        let dtype = graph.spec(*input).dtype;
        if let Some(scalar) = number.and_then(|n| graph.scalar(n, dtype)) {
            *input = scalar;
            found = true;
        }
    }
    if !found {
        return Ok(Outcome::NoMatch);
    }
    graph.apply(op, attrs, &inputs).map(Outcome::Applied)
}

fn order_operands(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let [x, y] = graph.node(root).inputs[..] else { return Ok(Outcome::NoMatch) };
    if rank(graph, x) <= rank(graph, y) {
        return Ok(Outcome::NoMatch);
    }
    // Which of 0.0 and -0.0 an extremum gives may depend on the order.
    let is_extremum = graph.is(root, &ops::MAXIMUM) || graph.is(root, &ops::MINIMUM);
    if is_extremum && graph.spec(x).dtype.is_float() && graph.number(x).is_none_or(|v| v == 0.0) {
        return Ok(Outcome::Blocked("the order may decide the sign of a zero"));
    }
    let op = graph.node(root).op;
    graph.apply(op, Attrs::new(), &[y, x]).map(Outcome::Applied)
}

/// `x > y` is `y < x`; but a constant goes right, so `2 <= x` is `x >= 2`.
fn order_comparison(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let (x, y) = (graph.operand(root, 0), graph.operand(root, 1));
    let is_less = graph.is(root, &LESS) || graph.is(root, &LESS_EQUAL);
    let (x_constant, y_constant) = (graph.constant(x).is_some(), graph.constant(y).is_some());
    if y_constant || (is_less && !x_constant) {
        return Ok(Outcome::NoMatch);
    }
    let mirrors = [(&LESS, &GREATER), (&GREATER, &LESS), (&LESS_EQUAL, &GREATER_EQUAL), (&GREATER_EQUAL, &LESS_EQUAL)];
    match mirrors.into_iter().find(|(op, _)| graph.is(root, op)) {
        Some((_, mirror)) => graph.apply(mirror, Attrs::new(), &[y, x]).map(Outcome::Applied),
        None => Ok(Outcome::NoMatch),
    }
}

/// Where an operand goes: constants last.
fn rank(graph: &Draft<'_>, value: ValueId) -> (bool, ValueId) {
    (graph.number(value).is_some() || graph.constant(value).is_some(), value)
}

fn plain_axes(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let node = graph.node(root);
    let axes = infer::axes(&node.attrs, graph.spec(node.inputs[0]).rank())?;
    let axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    let mut attrs = Attrs::new().with("axes", axes);
    if node.attrs.bool("keepdims") {
        attrs.set("keepdims", true);
    }
    with_attrs(graph, root, attrs)
}

fn plain_permutation(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let perm = infer::permutation(&graph.node(root).attrs, graph.spec(root).rank())?;
    let perm: Vec<i64> = perm.iter().map(|&a| a as i64).collect();
    with_attrs(graph, root, Attrs::new().with("perm", perm))
}

fn plain_axis(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let axis = infer::axis(&graph.node(root).attrs, 0, graph.spec(root).rank())?;
    with_attrs(graph, root, Attrs::new().with("axis", axis as i64))
}

fn plain_dims(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let attrs = Attrs::new().with("dims", graph.spec(root).dims.as_slice());
    with_attrs(graph, root, attrs)
}

fn plain_flags(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let mut attrs = Attrs::new();
    for (name, value) in graph.node(root).attrs.iter() {
        if !matches!(value, crate::graph::AttrValue::Bool(false)) {
            attrs.set(name, value.clone());
        }
    }
    with_attrs(graph, root, attrs)
}

/// The same op on the same operands with other attributes.
fn with_attrs(graph: &mut Draft<'_>, root: ValueId, attrs: Attrs) -> Result<Outcome> {
    let node = graph.node(root);
    if node.attrs == attrs {
        return Ok(Outcome::NoMatch);
    }
    let (op, inputs) = (node.op, node.inputs.clone());
    graph.apply(op, attrs, &inputs).map(Outcome::Applied)
}
