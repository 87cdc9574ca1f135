//! Reductions: of nothing, of one element, of reductions, of moved and broadcast elements.

use crate::base::{DType, Dim, Result};
use crate::graph::opdef::{Lower, Movement};
use crate::graph::{Attrs, ValueId};
use crate::kernel::ReduceKind;
use crate::ops::{BROADCAST_TO, CAST, EQUAL, MULTIPLY, RESHAPE, SELECT, SIZE_OF, TRANSPOSE, infer};
use crate::rewrite::rule::{Action, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};

/// Algebra.
pub const RULES: &[Rule] = &[
    Rule {
        name: "reduce_one",
        exactness: Exactness::Close(0),
        action: Action::Code {
            roots: REDUCTIONS,
            apply: reduce_one,
            examples: &[
                "graph @f(%0: f32[3, 1] \"x\") {
                   %1 = reduce_sum %0 {axes = [1]} : f32[3]
                   return %1
                 }",
                "graph @f(%0: i32[3, 1] \"x\") {
                   %1 = reduce_max %0 {axes = [], keepdims = true} : i32[3, 1]
                   return %1
                 }",
            ],
        },
    },
    Rule {
        name: "reduce_of_reduce",
        exactness: Exactness::Close(16),
        action: Action::Code {
            roots: REDUCTIONS,
            apply: reduce_of_reduce,
            examples: &[
                "graph @f(%0: f32[4, 3, 2] \"x\") {
                   %1 = reduce_max %0 {axes = [1]} : f32[4, 2]
                   %2 = reduce_max %1 {axes = [0]} : f32[2]
                   return %2
                 }",
                "graph @f(%0: f32[4, 3, 2] \"x\") {
                   %1 = reduce_sum %0 {axes = [2], keepdims = true} : f32[4, 3, 1]
                   %2 = reduce_sum %1 {axes = [0], keepdims = true} : f32[1, 3, 1]
                   return %2
                 }",
            ],
        },
    },
    Rule {
        name: "reduce_all_of_moved",
        exactness: Exactness::Close(16),
        action: Action::Code {
            roots: REDUCTIONS,
            apply: reduce_all_of_moved,
            examples: &["graph @f(%0: f32[4, 3] \"x\") {
                           %1 = reshape %0 {dims = dims[2, 6]} : f32[2, 6]
                           %2 = reduce_sum %1 {axes = [0, 1]} : f32[]
                           return %2
                         }"],
        },
    },
];

/// What a reduction spares its operand's moves.
pub const SINKS: &[Rule] = &[
    Rule {
        name: "reduce_of_broadcast",
        exactness: Exactness::Close(16),
        action: Action::Code {
            roots: REDUCTIONS,
            apply: reduce_of_broadcast,
            examples: &[
                "graph @f(%0: f32[3, 1] \"x\") {
                   %1 = broadcast_to %0 {dims = dims[4, 3, 2]} : f32[4, 3, 2]
                   %2 = reduce_sum %1 {axes = [0, 2]} : f32[3]
                   return %2
                 }",
                "graph @f(%0: f32[2] \"x\") {
                   %1 = broadcast_to %0 {dims = dims[4, 2]} : f32[4, 2]
                   %2 = reduce_max %1 {axes = [0, 1], keepdims = true} : f32[1, 1]
                   return %2
                 }",
                "graph @f(%0: f32[2] \"x\", %1: f32[n0] \"like\") {
                   %2 = broadcast_to %0 {dims = dims[n0, 2]} : f32[n0, 2]
                   %3 = reduce_sum %2 {axes = [0]} : f32[2]
                   return %3
                 }",
            ],
        },
    },
    Rule {
        name: "reduce_of_transpose",
        exactness: Exactness::Close(16),
        action: Action::Code {
            roots: REDUCTIONS,
            apply: reduce_of_transpose,
            examples: &["graph @f(%0: f32[4, 3, 2] \"x\") {
                           %1 = transpose %0 {perm = [2, 1, 0]} : f32[2, 3, 4]
                           %2 = reduce_sum %1 {axes = [1]} : f32[2, 4]
                           return %2
                         }"],
        },
    },
];

const REDUCTIONS: Roots = Roots::Class(|lower| matches!(lower, Lower::Reduction(_)));

/// Over axes of length 1, or none.
fn reduce_one(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let x = graph.operand(root, 0);
    if reduced_axes(graph, root)?.iter().any(|&a| graph.spec(x).dims[a] != Dim::ONE) {
        return Ok(Outcome::NoMatch);
    }
    reshape(graph, x, root).map(Outcome::Applied)
}

/// The same reduction twice: once over all the axes.
fn reduce_of_reduce(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    let op = graph.node(root).op;
    if !graph.is(inner, op) {
        return Ok(Outcome::NoMatch);
    }
    if !graph.is_used_once(inner) {
        return Ok(Outcome::Blocked("the inner reduction has another user"));
    }
    let x = graph.operand(inner, 0);
    let (first, then) = (reduced_axes(graph, inner)?, reduced_axes(graph, root)?);
    // Axes of the inner result, as axes of x.
    let kept_dims = graph.node(inner).attrs.bool("keepdims");
    let left: Vec<usize> = (0..graph.spec(x).rank()).filter(|a| kept_dims || !first.contains(a)).collect();
    let mut axes: Vec<i64> = first.iter().copied().chain(then.iter().map(|&a| left[a])).map(|a| a as i64).collect();
    axes.sort_unstable();
    axes.dedup();
    let result = graph.apply(op, Attrs::new().with("axes", axes), &[x])?;
    reshape(graph, result, root).map(Outcome::Applied)
}

/// All elements in another arrangement.
fn reduce_all_of_moved(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let moved = graph.operand(root, 0);
    let kind = graph.movement(moved);
    if !matches!(kind, Some(Movement::Reshape | Movement::Transpose | Movement::Reverse))
        || reduced_axes(graph, root)?.len() < graph.spec(moved).rank()
    {
        return Ok(Outcome::NoMatch);
    }
    let (op, x) = (graph.node(root).op, graph.operand(moved, 0));
    let axes: Vec<i64> = (0..graph.spec(x).rank() as i64).collect();
    let result = graph.apply(op, Attrs::new().with("axes", axes), &[x])?;
    reshape(graph, result, root).map(Outcome::Applied)
}

/// Along axes that were broadcast, all elements are equal: only the others are reduced, and a sum is a product.
fn reduce_of_broadcast(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let spread = graph.operand(root, 0);
    if !graph.is(spread, &BROADCAST_TO) {
        return Ok(Outcome::NoMatch);
    }
    let Lower::Reduction(kind) = graph.node(root).op.lower else { return Ok(Outcome::NoMatch) };
    let x = graph.operand(spread, 0);
    let (source, whole) = (graph.spec(x).dims.clone(), graph.spec(spread).dims.clone());
    let missing = whole.len() - source.len();
    let reduced = reduced_axes(graph, root)?;
    let (mut axes, mut count) = (Vec::new(), Dim::ONE);
    for &axis in &reduced {
        match axis.checked_sub(missing) {
            Some(a) if source[a] == whole[axis] => axes.push(a as i64),
            // An axis of length 1 that was stretched is reduced too: it disappears.
            Some(a) => {
                axes.push(a as i64);
                count = count * whole[axis].clone();
            }
            None => count = count * whole[axis].clone(),
        }
    }
    let dtype = graph.spec(root).dtype;
    let blocked = match (kind, count.as_const()) {
        (_, Some(1)) => None,
        (ReduceKind::Prod, _) => Some("a product of equal elements is a power"),
        (_, Some(0)) => Some("there are no elements"),
        (_, Some(_)) => None,
        (ReduceKind::Sum, None) if matches!(dtype, DType::F32 | DType::F64) => None,
        (_, None) => Some("how many elements are equal is known only at run time"),
    };
    if let Some(why) = blocked {
        return Ok(Outcome::Blocked(why));
    }
    let op = graph.node(root).op;
    let mut result = graph.apply(op, Attrs::new().with("axes", axes), &[x])?;
    if kind == ReduceKind::Sum && count != Dim::ONE {
        result = match times(graph, result, &count)? {
            Some(product) => product,
            None => return Ok(Outcome::Blocked("the dtype does not hold the number of equal elements")),
        };
    }
    // Kept axes may have been broadcast as well: the smaller result is.
    let kept: Vec<Dim> = (0..whole.len()).filter(|a| !reduced.contains(a)).map(|a| whole[a].clone()).collect();
    let result = graph.broadcast(result, &kept)?;
    reshape(graph, result, root).map(Outcome::Applied)
}

/// The sum of `count` elements that are all `value`; None if the dtype does not hold a constant count.
fn times(graph: &mut Draft<'_>, value: ValueId, count: &Dim) -> Result<Option<ValueId>> {
    let dtype = graph.spec(value).dtype;
    if let Some(count) = count.as_const() {
        let Some(count) = graph.scalar(count as f64, dtype) else { return Ok(None) };
        return graph.apply(&MULTIPLY, Attrs::new(), &[value, count]).map(Some);
    }
    let size = graph.apply(&SIZE_OF, Attrs::new().with("dims", vec![count.clone()]), &[])?;
    let count = graph.apply(&CAST, Attrs::new().with("dtype", dtype), &[size])?;
    let product = graph.apply(&MULTIPLY, Attrs::new(), &[value, count])?;
    // A sum of no infinities is 0.
    let Some(zero) = graph.scalar(0.0, dtype) else { return Ok(None) };
    let is_empty = graph.apply(&EQUAL, Attrs::new(), &[count, zero])?;
    graph.apply(&SELECT, Attrs::new(), &[is_empty, zero, product]).map(Some)
}

/// The axes as they were before the transpose; the smaller result is transposed if need be.
fn reduce_of_transpose(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let moved = graph.operand(root, 0);
    if !graph.is(moved, &TRANSPOSE) {
        return Ok(Outcome::NoMatch);
    }
    let rank = graph.spec(moved).rank();
    let perm = infer::permutation(&graph.node(moved).attrs, rank)?;
    let reduced = reduced_axes(graph, root)?;
    if reduced.is_empty() {
        return Ok(Outcome::NoMatch);
    }
    let (op, x) = (graph.node(root).op, graph.operand(moved, 0));
    let mut axes: Vec<i64> = reduced.iter().map(|&a| perm[a] as i64).collect();
    axes.sort_unstable();
    let mut result = graph.apply(op, Attrs::new().with("axes", axes), &[x])?;
    // The kept axes of x in the order in which the root has them, counted among the kept ones.
    let kept: Vec<usize> = (0..rank).filter(|a| !reduced.contains(a)).map(|a| perm[a]).collect();
    let order: Vec<i64> = kept.iter().map(|&a| kept.iter().filter(|&&b| b < a).count() as i64).collect();
    if !order.is_sorted() {
        result = graph.apply(&TRANSPOSE, Attrs::new().with("perm", order), &[result])?;
    }
    reshape(graph, result, root).map(Outcome::Applied)
}

fn reduced_axes(graph: &Draft<'_>, reduction: ValueId) -> Result<infer::Axes> {
    let node = graph.node(reduction);
    infer::axes(&node.attrs, graph.spec(node.inputs[0]).rank())
}

/// `value` with the shape of `like`.
fn reshape(graph: &mut Draft<'_>, value: ValueId, like: ValueId) -> Result<ValueId> {
    if graph.spec(value).dims == graph.spec(like).dims {
        return Ok(value);
    }
    let attrs = Attrs::new().with("dims", graph.spec(like).dims.as_slice());
    graph.apply(&RESHAPE, attrs, &[value])
}
