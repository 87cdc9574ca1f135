//! Layouts of reductions: which of two neighbouring axes the vectors run along.

use crate::base::{Dim, Result};
use crate::graph::opdef::Lower;
use crate::graph::{Attrs, ValueId};
use crate::ops::{RESHAPE, TRANSPOSE, infer};
use crate::rewrite::rule::{Action, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};

/// See the module.
pub const RULES: &[Rule] = &[Rule {
    name: "turn_shared_rows",
    exactness: Exactness::Close(64),
    action: Action::Code {
        roots: Roots::Class(|lower| matches!(lower, Lower::Reduction(_))),
        apply: turn_shared_rows,
        examples: &["graph @f(%0: f32[3, 1, 2] \"x\", %1: f32[256, 2] \"y\") {
                       %2 = subtract %0, %1 : f32[3, 256, 2]
                       %3 = reduce_sum %2 {axes = [2]} : f32[3, 256]
                       return %3
                     }"],
    },
}];

/// The longest row worth turning: longer ones fill vectors by themselves.
const SHORT_ROW: i64 = 64;

/// The fewest rows side by side for which it pays.
const MANY_ROWS: i64 = 256;

/// The largest expression that is rebuilt.
const MOST_NODES: usize = 64;

/// A sum over short rows, each of which is met again and again by other operands, as in the distances of all pairs:
/// the rows are transposed once, then many sums run side by side in contiguous vectors.
fn turn_shared_rows(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let operand = graph.operand(root, 0);
    let dims = graph.spec(operand).dims.to_vec();
    let rank = dims.len();
    let last_only = rank >= 3 && infer::axes(&graph.node(root).attrs, rank)?.as_slice() == [rank - 1];
    let at_most = |dim: &Dim, limit| dim.as_const().is_some_and(|n| 1 < n && n <= limit);
    let at_least = |dim: &Dim, limit| dim.as_const().is_some_and(|n| n >= limit);
    if !last_only || !at_most(&dims[rank - 1], SHORT_ROW) || !at_least(&dims[rank - 2], MANY_ROWS) {
        return Ok(Outcome::NoMatch);
    }
    if !is_tree(graph, operand) {
        return Ok(Outcome::Blocked("the rows have another user"));
    }
    let mut turned = Turned { done: Vec::new(), shared: 0, outer: &dims[..rank - 2] };
    let value = match turned.value(graph, operand)? {
        Some(value) if turned.shared > 0 => value,
        _ => return Ok(Outcome::Blocked("no row is read more than once")),
    };
    let reduction = graph.node(root).op;
    let sums = graph.apply(reduction, Attrs::new().with("axes", vec![rank as i64 - 2]), &[value])?;
    if graph.spec(sums).dims == graph.spec(root).dims {
        return Ok(Outcome::Applied(sums));
    }
    let attrs = Attrs::new().with("dims", graph.spec(root).dims.as_slice());
    graph.apply(&RESHAPE, attrs, &[sums]).map(Outcome::Applied)
}

/// Whether the elementwise expression that ends in `value` is small and nobody else uses a part of it.
fn is_tree(graph: &Draft<'_>, value: ValueId) -> bool {
    let mut uses: Vec<(ValueId, u32)> = vec![(value, 1)];
    let mut at = 0;
    while at < uses.len() && uses.len() <= MOST_NODES {
        let node = graph.node(uses[at].0);
        at += 1;
        if !matches!(node.op.lower, Lower::Elementwise(_)) {
            continue;
        }
        for &operand in &node.inputs {
            match uses.iter_mut().find(|(v, _)| *v == operand) {
                Some((_, count)) => *count += 1,
                None => uses.push((operand, 1)),
            }
        }
    }
    let inner = |v: ValueId| matches!(graph.node(v).op.lower, Lower::Elementwise(_));
    at == uses.len() && uses.iter().all(|&(v, count)| !inner(v) || graph.uses(v) <= count)
}

/// An elementwise expression with its last two axes exchanged.
struct Turned<'d> {
    /// Values and what they became.
    done: Vec<(ValueId, ValueId)>,
    /// Operands that had to be transposed.
    shared: usize,
    /// The axes of the whole expression before the two.
    outer: &'d [Dim],
}

impl Turned<'_> {
    /// None if an operand would have to be transposed that is read only once.
    fn value(&mut self, graph: &mut Draft<'_>, value: ValueId) -> Result<Option<ValueId>> {
        if let Some(&(_, turned)) = self.done.iter().find(|(v, _)| *v == value) {
            return Ok(Some(turned));
        }
        let node = graph.node(value).clone();
        let turned = match node.op.lower {
            Lower::Elementwise(_) => {
                let mut operands = Vec::with_capacity(node.inputs.len());
                for &operand in &node.inputs {
                    let Some(operand) = self.value(graph, operand)? else { return Ok(None) };
                    operands.push(operand);
                }
                Some(graph.apply(node.op, node.attrs, &operands)?)
            }
            _ => self.leaf(graph, value)?,
        };
        self.done.extend(turned.map(|turned| (value, turned)));
        Ok(turned)
    }

    fn leaf(&mut self, graph: &mut Draft<'_>, value: ValueId) -> Result<Option<ValueId>> {
        let mut dims = graph.spec(value).dims.to_vec();
        let rank = dims.len();
        if rank == 0 || dims[rank.saturating_sub(2)..].iter().all(|d| *d == Dim::ONE) {
            return Ok(Some(value));
        }
        if rank == 1 {
            dims.insert(0, Dim::ONE);
        }
        let rank = dims.len();
        dims.swap(rank - 2, rank - 1);
        if dims[rank - 2..].contains(&Dim::ONE) {
            return graph.apply(&RESHAPE, Attrs::new().with("dims", dims), &[value]).map(Some);
        }
        let outer = self.outer.iter().rev();
        let mut own = dims[..rank - 2].iter().rev();
        if outer.into_iter().all(|len| own.next() == Some(len)) {
            return Ok(None);
        }
        self.shared += 1;
        let perm: Vec<i64> = (0..rank as i64 - 2).chain([rank as i64 - 1, rank as i64 - 2]).collect();
        graph.apply(&TRANSPOSE, Attrs::new().with("perm", perm), &[value]).map(Some)
    }
}
