//! Products: transposes become flags, batch axes become rows.

use crate::base::{Dim, Result};
use crate::graph::opdef::Lower;
use crate::graph::{Attrs, ValueId};
use crate::ops::{BROADCAST_TO, MATMUL, REDUCE_SUM, RESHAPE, TRANSPOSE, infer};
use crate::rewrite::rule::{Action, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};

/// See the module.
pub const RULES: &[Rule] = &[
    Rule {
        name: "transpose_into_flag",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&MATMUL]),
            apply: transpose_into_flag,
            examples: &["graph @f(%0: f32[4, 3] \"x\", %1: f32[2, 3] \"y\") {
                           %2 = transpose %1 {perm = [1, 0]} : f32[3, 2]
                           %3 = matmul %0, %2 : f32[4, 2]
                           return %3
                         }"],
        },
    },
    Rule {
        name: "transpose_of_product",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&TRANSPOSE]),
            apply: transpose_of_product,
            examples: &["graph @f(%0: f32[4, 3] \"x\", %1: f32[3, 2] \"y\") {
                           %2 = matmul %0, %1 : f32[4, 2]
                           %3 = transpose %2 {perm = [1, 0]} : f32[2, 4]
                           return %3
                         }"],
        },
    },
    Rule {
        name: "broadcast_of_batch",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&MATMUL]),
            apply: broadcast_of_batch,
            examples: &["graph @f(%0: f32[5, 4, 3] \"x\", %1: f32[3, 2] \"y\") {
                           %2 = broadcast_to %1 {dims = dims[5, 3, 2]} : f32[5, 3, 2]
                           %3 = matmul %0, %2 : f32[5, 4, 2]
                           return %3
                         }"],
        },
    },
    Rule {
        name: "batch_into_rows",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&MATMUL]),
            apply: batch_into_rows,
            examples: &["graph @f(%0: f32[5, 4, 3] \"x\", %1: f32[3, 2] \"y\") {
                           %2 = matmul %0, %1 : f32[5, 4, 2]
                           return %2
                         }"],
        },
    },
    Rule {
        name: "batch_into_inner",
        exactness: Exactness::Close(64),
        action: Action::Code {
            roots: Roots::Ops(&[&REDUCE_SUM]),
            apply: batch_into_inner,
            examples: &["graph @f(%0: f32[5, 4, 3] \"x\", %1: f32[5, 4, 2] \"y\") {
                           %2 = matmul %0, %1 {transpose_a = true} : f32[5, 3, 2]
                           %3 = reduce_sum %2 {axes = [0]} : f32[3, 2]
                           return %3
                         }"],
        },
    },
];

/// `a · transpose(b)` is a product with `transpose_b`.
fn transpose_into_flag(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let mut operands = [graph.operand(root, 0), graph.operand(root, 1)];
    let mut flags = flags(graph, root);
    let mut found = false;
    for (operand, flag) in operands.iter_mut().zip(&mut flags) {
        while swaps_last_two(graph, *operand)? {
            *operand = graph.operand(*operand, 0);
            *flag = !*flag;
            found = true;
        }
    }
    if !found {
        return Ok(Outcome::NoMatch);
    }
    product(graph, operands, flags).map(Outcome::Applied)
}

/// `transpose(a · b)` is `transpose(b) · transpose(a)`.
fn transpose_of_product(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &MATMUL) {
        return Ok(Outcome::NoMatch);
    }
    if !swaps_last_two(graph, root)? {
        return Ok(Outcome::Blocked("the transpose moves batch axes"));
    }
    if !graph.is_used_once(inner) {
        return Ok(Outcome::Blocked("the product has another user"));
    }
    let [a, b] = [graph.operand(inner, 0), graph.operand(inner, 1)];
    let [flag_a, flag_b] = flags(graph, inner);
    product(graph, [b, a], [!flag_b, !flag_a]).map(Outcome::Applied)
}

/// Products broadcast batch axes themselves.
fn broadcast_of_batch(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let mut operands = [graph.operand(root, 0), graph.operand(root, 1)];
    let mut found = false;
    for operand in &mut operands {
        if !graph.is(*operand, &BROADCAST_TO) {
            continue;
        }
        let source = graph.operand(*operand, 0);
        let (from, to) = (&graph.spec(source).dims, &graph.spec(*operand).dims);
        if from.len() >= 2 && from[from.len() - 2..] == to[to.len() - 2..] {
            *operand = source;
            found = true;
        }
    }
    if !found {
        return Ok(Outcome::NoMatch);
    }
    let result = product(graph, operands, flags(graph, root))?;
    let dims = graph.spec(root).dims.clone();
    graph.broadcast(result, &dims).map(Outcome::Applied)
}

/// A stack of matrices times one matrix: one tall product instead of many small ones.
fn batch_into_rows(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let [a, b] = [graph.operand(root, 0), graph.operand(root, 1)];
    let [flag_a, flag_b] = flags(graph, root);
    let dims = graph.spec(a).dims.clone();
    let (batch, [rows, inner]) = split(&dims);
    if batch.is_empty() || graph.spec(b).rank() != 2 {
        return Ok(Outcome::NoMatch);
    }
    if flag_a {
        return Ok(Outcome::Blocked("rows of a transposed operand do not follow each other"));
    }
    let all_rows = batch.iter().product::<Dim>() * rows.clone();
    let tall = graph.apply(&RESHAPE, Attrs::new().with("dims", vec![all_rows, inner.clone()]), &[a])?;
    let result = product(graph, [tall, b], [false, flag_b])?;
    let attrs = Attrs::new().with("dims", graph.spec(root).dims.as_slice());
    graph.apply(&RESHAPE, attrs, &[result]).map(Outcome::Applied)
}

/// `Σ aᵢᵀ · bᵢ` over all batch axes, as in the gradient of a weight: one product with a long inner axis.
fn batch_into_inner(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &MATMUL) {
        return Ok(Outcome::NoMatch);
    }
    let [a, b] = [graph.operand(inner, 0), graph.operand(inner, 1)];
    let (dims_a, dims_b) = (graph.spec(a).dims.clone(), graph.spec(b).dims.clone());
    let ((batch, [rows, columns_a]), (batch_b, [_, columns_b])) = (split(&dims_a), split(&dims_b));
    let axes = infer::axes(&graph.node(root).attrs, graph.spec(inner).rank())?;
    if batch.is_empty() || batch != batch_b || !axes.iter().copied().eq(0..batch.len()) {
        return Ok(Outcome::NoMatch);
    }
    if flags(graph, inner) != [true, false] {
        return Ok(Outcome::Blocked("rows of the operands do not follow each other"));
    }
    if !graph.is_used_once(inner) {
        return Ok(Outcome::Blocked("the product has another user"));
    }
    let all_rows = batch.iter().product::<Dim>() * rows.clone();
    let attrs = |columns: &Dim| Attrs::new().with("dims", vec![all_rows.clone(), columns.clone()]);
    let a = graph.apply(&RESHAPE, attrs(columns_a), &[a])?;
    let b = graph.apply(&RESHAPE, attrs(columns_b), &[b])?;
    let result = product(graph, [a, b], [true, false])?;
    if graph.spec(result).dims == graph.spec(root).dims {
        return Ok(Outcome::Applied(result));
    }
    let attrs = Attrs::new().with("dims", graph.spec(root).dims.as_slice());
    graph.apply(&RESHAPE, attrs, &[result]).map(Outcome::Applied)
}

/// A product with these flags; those that are false are left out.
fn product(graph: &mut Draft<'_>, operands: [ValueId; 2], flags: [bool; 2]) -> Result<ValueId> {
    let mut attrs = Attrs::new();
    for (name, flag) in ["transpose_a", "transpose_b"].into_iter().zip(flags) {
        if flag {
            attrs.set(name, true);
        }
    }
    graph.apply(&MATMUL, attrs, &operands)
}

fn flags(graph: &Draft<'_>, product: ValueId) -> [bool; 2] {
    debug_assert!(matches!(graph.node(product).op.lower, Lower::Contraction));
    let attrs = &graph.node(product).attrs;
    [attrs.bool("transpose_a"), attrs.bool("transpose_b")]
}

/// Whether the value is a transpose of matrices, batch axes left in place.
fn swaps_last_two(graph: &Draft<'_>, value: ValueId) -> Result<bool> {
    if !graph.is(value, &TRANSPOSE) {
        return Ok(false);
    }
    let rank = graph.spec(value).rank();
    let perm = infer::permutation(&graph.node(value).attrs, rank)?;
    Ok(rank >= 2 && perm[..rank - 2].is_sorted() && perm[rank - 2] == rank - 1 && perm[rank - 1] == rank - 2)
}

/// Batch axes, and the matrix.
fn split(dims: &[Dim]) -> (&[Dim], [&Dim; 2]) {
    let (batch, matrix) = dims.split_at(dims.len() - 2);
    (batch, [&matrix[0], &matrix[1]])
}
