//! Movement: what moves nothing disappears, two moves become one, and moves go towards users until they meet another
//! move, a product that takes them as a flag, or a reduction that needs fewer elements.
//!
//! Elementwise ops broadcast their operands themselves, so an explicit `broadcast_to` before one is never needed.

use crate::base::spec::Dims;
use crate::base::{Dim, Result};
use crate::graph::opdef::{Domain, Lower, Movement};
use crate::graph::{Attrs, ValueId};
use crate::ops::{BROADCAST_TO, CONCAT, PAD, RESHAPE, REVERSE, SLICE, TRANSPOSE, infer};
use crate::rewrite::rule::{Action, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};
use smallvec::SmallVec;

/// An exact rule in code: its name, ops at its root, function, examples.
macro_rules! code {
    ($name:literal, $roots:expr, $apply:ident, $examples:expr $(,)?) => {
        Rule {
            name: $name,
            exactness: Exactness::Exact,
            action: Action::Code { roots: $roots, apply: $apply, examples: $examples },
        }
    };
}

/// What moves nothing.
pub const IDENTITIES: &[Rule] = &[
    code!(
        "move_nothing",
        Roots::Class(|lower| matches!(lower, Lower::Movement(_))),
        move_nothing,
        &[
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = reshape %0 {dims = dims[3, 2]} : f32[3, 2]
               return %1
             }",
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = transpose %0 {perm = [0, 1]} : f32[3, 2]
               return %1
             }",
            "graph @f(%0: f32[n0, 2] \"x\") {
               %1 = broadcast_to %0 {dims = dims[n0, 2]} : f32[n0, 2]
               return %1
             }",
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = slice %0 {begin = dims[0, 0], dims = dims[3, 2]} : f32[3, 2]
               return %1
             }",
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = concat %0 {axis = 1} : f32[3, 2]
               return %1
             }",
            "graph @f(%0: f32[3, 1] \"x\") {
               %1 = reverse %0 {axes = [1]} : f32[3, 1]
               return %1
             }",
        ],
    ),
    code!(
        "transpose_is_reshape",
        Roots::Ops(&[&TRANSPOSE]),
        transpose_is_reshape,
        &["graph @f(%0: f32[3, 1, 2] \"x\") {
             %1 = transpose %0 {perm = [1, 0, 2]} : f32[1, 3, 2]
             return %1
           }"],
    ),
];

/// Two moves in one.
pub const MERGES: &[Rule] = &[
    code!(
        "reshape_of_reshape",
        Roots::Ops(&[&RESHAPE]),
        reshape_of_reshape,
        &["graph @f(%0: f32[3, 2] \"x\") {
             %1 = reshape %0 {dims = dims[6]} : f32[6]
             %2 = reshape %1 {dims = dims[2, 3]} : f32[2, 3]
             return %2
           }"],
    ),
    code!(
        "transpose_of_transpose",
        Roots::Ops(&[&TRANSPOSE]),
        transpose_of_transpose,
        &["graph @f(%0: f32[4, 3, 2] \"x\") {
             %1 = transpose %0 {perm = [1, 2, 0]} : f32[3, 2, 4]
             %2 = transpose %1 {perm = [0, 2, 1]} : f32[3, 4, 2]
             return %2
           }"],
    ),
    code!(
        "broadcast_of_broadcast",
        Roots::Ops(&[&BROADCAST_TO]),
        broadcast_of_broadcast,
        &["graph @f(%0: f32[3, 1] \"x\") {
             %1 = broadcast_to %0 {dims = dims[3, 2]} : f32[3, 2]
             %2 = broadcast_to %1 {dims = dims[5, 3, 2]} : f32[5, 3, 2]
             return %2
           }"],
    ),
    code!(
        "reverse_of_reverse",
        Roots::Ops(&[&REVERSE]),
        reverse_of_reverse,
        &["graph @f(%0: f32[3, 2] \"x\") {
             %1 = reverse %0 {axes = [0, 1]} : f32[3, 2]
             %2 = reverse %1 {axes = [1]} : f32[3, 2]
             return %2
           }"],
    ),
    code!(
        "concat_of_concat",
        Roots::Ops(&[&CONCAT]),
        concat_of_concat,
        &["graph @f(%0: f32[3, 2] \"x\") {
             %1 = concat %0, %0 {axis = 0} : f32[6, 2]
             %2 = concat %1, %0 {axis = 0} : f32[9, 2]
             return %2
           }"],
    ),
];

/// Moves towards users.
pub const SINKS: &[Rule] = &[
    code!(
        "absorb_broadcast",
        Roots::Class(|lower| matches!(lower, Lower::Elementwise(_))),
        absorb_broadcast,
        &[
            "graph @f(%0: f32[3, 1] \"x\", %1: f32[3, 2] \"y\") {
               %2 = broadcast_to %0 {dims = dims[3, 2]} : f32[3, 2]
               %3 = add %2, %1 : f32[3, 2]
               return %3
             }",
            "graph @f(%0: f32[2] \"x\") {
               %1 = broadcast_to %0 {dims = dims[3, 2]} : f32[3, 2]
               %2 = exp %1 : f32[3, 2]
               return %2
             }",
        ],
    ),
    code!(
        "sink_move",
        Roots::Class(|lower| matches!(lower, Lower::Elementwise(_))),
        sink_move,
        &[
            "graph @f(%0: f32[3, 2] \"x\", %1: f32[3, 2] \"y\") {
               %2 = transpose %0 {perm = [1, 0]} : f32[2, 3]
               %3 = transpose %1 {perm = [1, 0]} : f32[2, 3]
               %4 = add %2, %3 : f32[2, 3]
               return %4
             }",
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = reshape %0 {dims = dims[6]} : f32[6]
               %2 = exp %1 : f32[6]
               return %2
             }",
        ],
    ),
    code!(
        "transpose_of_broadcast",
        Roots::Ops(&[&TRANSPOSE]),
        transpose_of_broadcast,
        &["graph @f(%0: f32[2] \"x\") {
             %1 = broadcast_to %0 {dims = dims[4, 3, 2]} : f32[4, 3, 2]
             %2 = transpose %1 {perm = [2, 0, 1]} : f32[2, 4, 3]
             return %2
           }"],
    ),
    code!(
        "slice_of_broadcast",
        Roots::Ops(&[&SLICE]),
        slice_of_broadcast,
        &["graph @f(%0: f32[2] \"x\") {
             %1 = broadcast_to %0 {dims = dims[4, 2]} : f32[4, 2]
             %2 = slice %1 {begin = dims[1, 0], dims = dims[2, 2]} : f32[2, 2]
             return %2
           }"],
    ),
];

fn move_nothing(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let node = graph.node(root);
    let x = node.inputs[0];
    let dims = &graph.spec(x).dims;
    let moves_nothing = match graph.movement(root) {
        _ if node.outputs[0].dims != *dims => false,
        Some(Movement::Reshape | Movement::Broadcast) => true,
        Some(Movement::Transpose) => infer::permutation(&node.attrs, dims.len())?.is_sorted(),
        Some(Movement::Slice) => node.attrs.ints("strides").is_none_or(|s| s.iter().all(|&stride| stride == 1)),
        Some(Movement::Reverse) => infer::axes(&node.attrs, dims.len())?.iter().all(|&a| dims[a] == Dim::ONE),
        Some(Movement::Pad) => std::ptr::eq(node.op, &PAD),
        Some(Movement::Concat) => node.inputs.len() == 1,
        None => false,
    };
    Ok(if moves_nothing { Outcome::Applied(x) } else { Outcome::NoMatch })
}

/// If the axes longer than 1 keep their order, the elements do.
fn transpose_is_reshape(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let x = graph.operand(root, 0);
    let dims = &graph.spec(x).dims;
    let perm = infer::permutation(&graph.node(root).attrs, dims.len())?;
    if perm.is_sorted() || !perm.iter().filter(|&&a| dims[a] != Dim::ONE).is_sorted() {
        return Ok(Outcome::NoMatch);
    }
    let attrs = Attrs::new().with("dims", graph.spec(root).dims.as_slice());
    graph.apply(&RESHAPE, attrs, &[x]).map(Outcome::Applied)
}

fn reshape_of_reshape(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &RESHAPE) {
        return Ok(Outcome::NoMatch);
    }
    let (x, attrs) = (graph.operand(inner, 0), Attrs::new().with("dims", graph.spec(root).dims.as_slice()));
    if graph.spec(x) == graph.spec(root) {
        return Ok(Outcome::Applied(x));
    }
    graph.apply(&RESHAPE, attrs, &[x]).map(Outcome::Applied)
}

fn transpose_of_transpose(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &TRANSPOSE) {
        return Ok(Outcome::NoMatch);
    }
    let (first, then) = (permutation(graph, inner)?, permutation(graph, root)?);
    let both: Vec<i64> = then.iter().map(|&a| first[a] as i64).collect();
    let x = graph.operand(inner, 0);
    if both.is_sorted() {
        return Ok(Outcome::Applied(x));
    }
    graph.apply(&TRANSPOSE, Attrs::new().with("perm", both), &[x]).map(Outcome::Applied)
}

fn broadcast_of_broadcast(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &BROADCAST_TO) {
        return Ok(Outcome::NoMatch);
    }
    let (x, attrs) = (graph.operand(inner, 0), graph.node(root).attrs.clone());
    graph.apply(&BROADCAST_TO, attrs, &[x]).map(Outcome::Applied)
}

fn reverse_of_reverse(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &REVERSE) {
        return Ok(Outcome::NoMatch);
    }
    let rank = graph.spec(root).rank();
    let once = infer::axes(&graph.node(inner).attrs, rank)?;
    let again = infer::axes(&graph.node(root).attrs, rank)?;
    let axes: Vec<i64> = (0..rank).filter(|a| once.contains(a) != again.contains(a)).map(|a| a as i64).collect();
    let x = graph.operand(inner, 0);
    if axes.is_empty() {
        return Ok(Outcome::Applied(x));
    }
    graph.apply(&REVERSE, Attrs::new().with("axes", axes), &[x]).map(Outcome::Applied)
}

/// More operands than this are not joined: doubling an empty tensor again and again would make as many as it has
/// elements.
const MOST_PARTS: usize = 256;

fn concat_of_concat(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let rank = graph.spec(root).rank();
    let axis = infer::axis(&graph.node(root).attrs, 0, rank)?;
    let mut parts = SmallVec::<[ValueId; 8]>::new();
    let mut flattened = false;
    for part in graph.node(root).inputs.clone() {
        let is_same = graph.is(part, &CONCAT) && infer::axis(&graph.node(part).attrs, 0, rank)? == axis;
        if is_same && graph.is_used_once(part) {
            parts.extend(graph.node(part).inputs.iter().copied());
            flattened = true;
        } else {
            parts.push(part);
        }
    }
    if !flattened || parts.len() > MOST_PARTS {
        return Ok(Outcome::NoMatch);
    }
    graph.apply(&CONCAT, Attrs::new().with("axis", axis as i64), &parts).map(Outcome::Applied)
}

/// Operands are taken as they were before they were broadcast. If that makes the result smaller, it is computed
/// small and broadcast afterwards.
fn absorb_broadcast(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let node = graph.node(root);
    if !node.inputs.iter().any(|&v| graph.is(v, &BROADCAST_TO)) {
        return Ok(Outcome::NoMatch);
    }
    let (op, attrs) = (node.op, node.attrs.clone());
    let is_float = |&v: &ValueId| graph.spec(v).dtype.is_float();
    let may_be_empty = graph.spec(root).dims.iter().any(|d| !infer::nonnegative(&(d.clone() - Dim::ONE)));
    if may_be_empty && !node.inputs.iter().all(is_float) && matches!(op.domain, Domain::NonZero) {
        return Ok(Outcome::Blocked("the broadcast may have no elements, and the op refuses zeros"));
    }
    let source = |&v: &ValueId| if graph.is(v, &BROADCAST_TO) { graph.operand(v, 0) } else { v };
    let inputs: SmallVec<[ValueId; 3]> = node.inputs.iter().map(source).collect();
    graph.apply(op, attrs, &inputs).map(Outcome::Applied)
}

/// `f(move(x), move(y))` is `move(f(x, y))`, for a transpose or reshape that all operands but numbers share.
fn sink_move(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inputs = graph.node(root).inputs.clone();
    let is_moved = |v: ValueId| matches!(graph.movement(v), Some(Movement::Transpose | Movement::Reshape));
    let Some(&model) = inputs.iter().find(|&&v| is_moved(v)) else { return Ok(Outcome::NoMatch) };
    let (moved, kind) = (graph.node(model), graph.movement(model));
    let source_dims = graph.spec(moved.inputs[0]).dims.clone();
    let mut sources = SmallVec::<[ValueId; 3]>::new();
    for &input in &inputs {
        let node = graph.node(input);
        let is_same = graph.movement(input) == kind
            && node.attrs == moved.attrs
            && graph.spec(node.inputs[0]).dims == source_dims;
        if graph.spec(input).rank() == 0 {
            sources.push(input);
        } else if !is_same {
            return Ok(Outcome::Blocked("operands are moved in different ways"));
        } else if !graph.is_used_once(input) {
            return Ok(Outcome::Blocked("the moved operand has another user"));
        } else {
            sources.push(node.inputs[0]);
        }
    }
    let (mover, mover_attrs) = (moved.op, moved.attrs.clone());
    let (op, attrs) = (graph.node(root).op, graph.node(root).attrs.clone());
    let result = graph.apply(op, attrs, &sources)?;
    graph.apply(mover, mover_attrs, &[result]).map(Outcome::Applied)
}

/// The transpose of few elements, then broadcast; a reshape lines up the axes.
fn transpose_of_broadcast(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &BROADCAST_TO) {
        return Ok(Outcome::NoMatch);
    }
    let x = graph.operand(inner, 0);
    let perm = permutation(graph, root)?;
    let missing = perm.len() - graph.spec(x).rank();
    let aligned: Dims = (0..missing).map(|_| Dim::ONE).chain(graph.spec(x).dims.iter().cloned()).collect();
    let aligned = graph.apply(&RESHAPE, Attrs::new().with("dims", aligned.as_slice()), &[x])?;
    let attrs = graph.node(root).attrs.clone();
    let dims = graph.spec(root).dims.clone();
    let transposed = graph.apply(&TRANSPOSE, attrs, &[aligned])?;
    graph.broadcast(transposed, &dims).map(Outcome::Applied)
}

/// A slice along broadcast axes only: a smaller broadcast.
fn slice_of_broadcast(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &BROADCAST_TO) {
        return Ok(Outcome::NoMatch);
    }
    let x = graph.operand(inner, 0);
    let (source, whole, part) = (&graph.spec(x).dims, &graph.spec(inner).dims, graph.spec(root).dims.clone());
    let strides = graph.node(root).attrs.ints("strides");
    let missing = whole.len() - source.len();
    let is_spread = |axis: usize| axis < missing || source[axis - missing] != whole[axis];
    let is_whole = |axis: usize| part[axis] == whole[axis] && strides.is_none_or(|s| s[axis] == 1);
    if !(0..whole.len()).all(|axis| is_spread(axis) || is_whole(axis)) {
        return Ok(Outcome::Blocked("the slice parts elements that were not broadcast"));
    }
    graph.broadcast(x, &part).map(Outcome::Applied)
}

fn permutation(graph: &Draft<'_>, transpose: ValueId) -> Result<infer::Axes> {
    infer::permutation(&graph.node(transpose).attrs, graph.spec(transpose).rank())
}
