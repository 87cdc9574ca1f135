//! The engine: one walk over a graph that rebuilds it, trying rules at each node.
//!
//! Nodes move in order into a new graph. When a node arrives, its operands are already as simple as the rules make
//! them; the rules for its op are tried; a replacement is built by [`Draft::apply`], which tries rules on each
//! node that it makes. Rules never look at users, so nothing has to be visited twice and one walk is a fixpoint.
//! What is left unused is dropped at the end.
//!
//! Each application costs one unit of fuel ([`Log`]). `Options::fuel` bisects a miscompile; without it, a limit
//! proportional to the graph stops a pair of rules that undo each other, and the log says so.

use super::rule::{Outcome, Rule, RuleSet};
use super::splat;
use crate::base::{DType, Error, Kind, Loc, Result, TensorSpec};
use crate::dump::{self, Dump};
use crate::graph::builder::GraphBuilder;
use crate::graph::opdef::{EvalCx, Lower, Movement, Source};
use crate::graph::{Attrs, Graph, Node, NodeId, OpDef, ValueId, edit};
use crate::ops;
use crate::options::Options;
use smallvec::SmallVec;
use std::fmt::Write;
use tracelift_runtime::Array;

/// Why rewriting ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopReason {
    /// Nothing more applies.
    #[default]
    Fixpoint,
    /// `Options::fuel` is used up.
    Fuel,
    /// The pass's own limit: rules undo each other.
    Runaway,
}

/// A rewrite that nearly applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Which rule.
    pub rule: &'static str,
    /// The op at its root.
    pub op: &'static str,
    /// Why not.
    pub why: &'static str,
    /// Where the user wrote it.
    pub loc: Loc,
}

/// What rewriting did, and how much it may still do.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Rewrites done.
    pub rewrites: u64,
    /// How often each rule applied, in order of first application.
    pub by_rule: Vec<(&'static str, u64)>,
    /// What nearly applied.
    pub blocked: Vec<NearMiss>,
    /// Why it ended.
    pub stop: StopReason,
    /// Rewrites left of `Options::fuel`; None is no limit.
    pub fuel: Option<u64>,
    /// Rewrites left before rules are taken to be running away.
    pub limit: u64,
}

impl Log {
    /// A log that allows `fuel` rewrites (None: any number).
    pub fn new(fuel: Option<u64>) -> Self {
        Self { fuel, limit: u64::MAX, ..Self::default() }
    }

    /// Whether another rewrite is allowed; notes why not.
    pub fn may_continue(&mut self) -> bool {
        match (self.fuel, self.limit) {
            (Some(0), _) => self.stop = StopReason::Fuel,
            (_, 0) => self.stop = StopReason::Runaway,
            _ => return true,
        }
        false
    }

    /// Records one optional rewrite, which uses fuel.
    pub fn applied(&mut self, rule: &'static str) {
        self.fuel = self.fuel.map(|f| f.saturating_sub(1));
        self.limit = self.limit.saturating_sub(1);
        self.count(rule, 1);
    }

    /// Records changes that must be made whatever the fuel.
    pub fn count(&mut self, rule: &'static str, changes: u64) {
        self.rewrites += changes;
        match self.by_rule.iter_mut().find(|(name, _)| *name == rule) {
            Some((_, count)) => *count += changes,
            None if changes > 0 => self.by_rule.push((rule, changes)),
            None => {}
        }
    }
}

/// Applications allowed per node: real graphs need fewer than one.
const LIMIT_PER_NODE: u64 = 16;

/// Rules applied to what rules made: deeper than this, they run away.
const MAX_DEPTH: u32 = 64;

/// Applies `rules` until none applies, fuel permitting. Returns the graph itself if no node has an op with rules.
pub fn rewrite(graph: Graph, rules: &RuleSet, options: &Options, log: &mut Log) -> Result<Graph> {
    if graph.nodes.iter().all(|n| rules.of(n.op).is_empty()) {
        return Ok(graph);
    }
    log.limit = 64 + LIMIT_PER_NODE * graph.nodes.len() as u64;
    let before = log.rewrites;
    let Graph { name, nodes, inputs, input_names, outputs, donations } = graph;
    let mut draft = Draft {
        uses: Vec::with_capacity(nodes.len() + 16),
        builder: GraphBuilder::from_graph(Graph { name, inputs, input_names, ..Graph::default() }),
        rules,
        options,
        log,
        loc: Loc::default(),
        depth: 0,
    };
    let mut old_uses = vec![0u32; nodes.len()];
    let operands = nodes.iter().flat_map(|n| &n.inputs).chain(&outputs);
    operands.for_each(|v| old_uses[v.node.index()] += 1);
    let mut map: Vec<ValueId> = Vec::with_capacity(nodes.len());
    for (mut node, uses) in nodes.into_iter().zip(old_uses) {
        node.inputs.iter_mut().for_each(|v| *v = moved(&map, *v));
        let id = draft.append(node);
        draft.uses[id.index()] = uses;
        map.push(draft.settle(id.result(0))?);
    }
    let changed = draft.log.rewrites > before;
    let outputs = outputs.into_iter().map(|v| moved(&map, v)).collect();
    let mut graph = draft.builder.finish(outputs);
    graph.donations = donations;
    if changed {
        edit::sweep(&mut graph);
    }
    Ok(graph)
}

/// Where a value of the old graph is in the new one. Only nodes of one result are ever replaced by a value of
/// another node, so the first result tells.
fn moved(map: &[ValueId], old: ValueId) -> ValueId {
    let first = map[old.node.index()];
    if old.index == 0 { first } else { first.node.result(old.index) }
}

/// The graph under reconstruction, as rules see it: values below the root can be looked at, new ones made.
pub struct Draft<'a> {
    builder: GraphBuilder,
    /// How many users each node has or is expected to have.
    uses: Vec<u32>,
    rules: &'a RuleSet,
    options: &'a Options,
    log: &'a mut Log,
    /// The line of the node being rewritten: what replaces it was written there too.
    loc: Loc,
    depth: u32,
}

impl Draft<'_> {
    /// The node that defines a value.
    pub fn node(&self, value: ValueId) -> &Node {
        self.builder.graph().node(value.node)
    }

    /// The spec of a value.
    pub fn spec(&self, value: ValueId) -> &TensorSpec {
        self.builder.graph().spec(value)
    }

    /// Operand `k` of the node that defines a value.
    pub fn operand(&self, value: ValueId, k: usize) -> ValueId {
        self.node(value).inputs[k]
    }

    /// Whether a value is a result of `op`.
    pub fn is(&self, value: ValueId, op: &'static OpDef) -> bool {
        std::ptr::eq(self.node(value).op, op)
    }

    /// The kind of movement that makes a value, if one does.
    pub fn movement(&self, value: ValueId) -> Option<Movement> {
        match self.node(value).op.lower {
            Lower::Movement(kind) => Some(kind),
            _ => None,
        }
    }

    /// Whether a value has no other user than the one being rewritten. For profit only: it is an estimate.
    pub fn is_used_once(&self, value: ValueId) -> bool {
        self.uses[value.node.index()] <= 1
    }

    /// The number of operands that are this value. For profit only: it is an estimate.
    pub fn uses(&self, value: ValueId) -> u32 {
        self.uses[value.node.index()]
    }

    /// The options.
    pub fn options(&self) -> &Options {
        self.options
    }

    /// The array of a constant.
    pub fn constant(&self, value: ValueId) -> Option<&Array> {
        let node = self.node(value);
        match node.op.lower {
            Lower::Source(Source::Constant) => node.attrs.data("value"),
            _ => None,
        }
    }

    /// The number that every element of a value is known to be, if it is a constant (perhaps broadcast).
    pub fn number(&self, value: ValueId) -> Option<f64> {
        let mut value = value;
        while let Some(Movement::Reshape | Movement::Transpose | Movement::Broadcast) = self.movement(value) {
            value = self.operand(value, 0);
        }
        splat::number(self.constant(value)?)
    }

    /// Whether every element of a value is known to be this number (by bits for floats, so 0.0 is not -0.0).
    pub fn is_number(&self, value: ValueId, number: f64) -> bool {
        let is_float = self.spec(value).dtype.is_float();
        self.number(value).is_some_and(|v| if is_float { splat::same_bits(v, number) } else { v == number })
    }

    /// A rank-0 constant; None if `dtype` does not hold the number exactly.
    pub fn scalar(&mut self, number: f64, dtype: DType) -> Option<ValueId> {
        splat::array(number, dtype).map(|array| self.make_constant(array))
    }

    /// A constant.
    pub fn make_constant(&mut self, array: Array) -> ValueId {
        let value = self.builder.constant(array);
        self.uses.resize(value.node.index() + 1, 0);
        value
    }

    /// Applies an op of one result; the value is as simple as the rules make it.
    pub fn apply(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[ValueId]) -> Result<ValueId> {
        let value = self.builder.apply_at(op, attrs, inputs, self.loc.clone())?[0];
        if let Some(array) = self.folded(value)? {
            return Ok(self.make_constant(array));
        }
        self.uses.resize(value.node.index() + 1, 0);
        inputs.iter().for_each(|v| self.uses[v.node.index()] += 1);
        self.settle(value)
    }

    /// Applies an op of one operand and result, without attributes.
    pub fn apply_unary(&mut self, op: &'static OpDef, x: ValueId) -> Result<ValueId> {
        self.apply(op, Attrs::new(), &[x])
    }

    /// `value` broadcast to these dims; itself if it has them.
    pub fn broadcast(&mut self, value: ValueId, dims: &[crate::base::Dim]) -> Result<ValueId> {
        if self.spec(value).dims.as_slice() == dims {
            return Ok(value);
        }
        self.apply(&ops::BROADCAST_TO, Attrs::new().with("dims", dims), &[value])
    }

    /// The result of an elementwise op on constants of few elements, so that rules see numbers at once.
    fn folded(&self, value: ValueId) -> Result<Option<Array>> {
        let node = self.node(value);
        let small = |v: &ValueId| self.constant(*v).filter(|c| c.len() <= splat::MAX_SEARCHED);
        let operands: SmallVec<[Array; 3]> = match (node.op.lower, node.inputs.first()) {
            (Lower::Elementwise(_), Some(first)) if small(first).is_some() => {
                node.inputs.iter().map_while(|v| small(v).cloned()).collect()
            }
            _ => return Ok(None),
        };
        let dtypes = operands.iter().map(Array::dtype);
        let may_round = self.options().strict && !ops::eval::is_exact(node.op, dtypes);
        if operands.len() < node.inputs.len() || may_round {
            return Ok(None);
        }
        let cx = EvalCx { inputs: &operands, attrs: &node.attrs, outputs: &node.outputs };
        (node.op.eval)(&cx).map(|mut results| results.pop())
    }

    fn append(&mut self, node: Node) -> NodeId {
        let id = self.builder.append(node);
        self.uses.push(0);
        id
    }

    /// Tries the rules at a new node.
    fn settle(&mut self, root: ValueId) -> Result<ValueId> {
        let rules = self.rules;
        let candidates = rules.of(self.node(root).op);
        if candidates.is_empty() {
            return Ok(root);
        }
        if self.depth == MAX_DEPTH {
            self.log.limit = 0;
            return Ok(root);
        }
        self.depth += 1;
        let here = self.node(root).loc.clone();
        let outer = std::mem::replace(&mut self.loc, here);
        let settled = self.try_rules(candidates, root);
        self.loc = outer;
        self.depth -= 1;
        settled
    }

    fn try_rules(&mut self, candidates: &[&'static Rule], root: ValueId) -> Result<ValueId> {
        let dtype = self.spec(root).dtype;
        for rule in candidates {
            if !rule.is_allowed(self.options, dtype) {
                continue;
            }
            if !self.log.may_continue() {
                return Ok(root);
            }
            match rule.apply(self, root)? {
                Outcome::NoMatch => {}
                Outcome::Blocked(why) => self.note_blocked(rule.name, root, why),
                Outcome::Applied(new) if new == root => {}
                Outcome::Applied(new) => {
                    let new = self.fitted(new, root, rule.name)?;
                    self.replaced(root, new, rule.name);
                    return Ok(new);
                }
            }
        }
        Ok(root)
    }

    /// `new` with the spec of `root`. An elementwise expression with fewer operands may have a smaller shape.
    fn fitted(&mut self, new: ValueId, root: ValueId, rule: &str) -> Result<ValueId> {
        let (have, want) = (self.spec(new), self.spec(root).clone());
        if *have == want {
            return Ok(new);
        }
        if have.dtype != want.dtype {
            let text = format!("rule `{rule}` replaced {want} by {have}");
            return Err(Error::new(Kind::Internal, text));
        }
        self.broadcast(new, &want.dims)
    }

    fn replaced(&mut self, root: ValueId, new: ValueId, rule: &'static str) {
        dump::line(Dump::Rewrites, || format!("  {rule}: {} => {}", self.describe(root), self.describe(new)));
        self.log.applied(rule);
        self.uses[new.node.index()] += self.uses[root.node.index()];
        self.release(root.node);
    }

    /// The node is no longer used: its operands lose a user each.
    fn release(&mut self, id: NodeId) {
        let mut unused = SmallVec::<[NodeId; 4]>::from_elem(id, 1);
        while let Some(id) = unused.pop() {
            for input in &self.builder.graph().node(id).inputs {
                let uses = &mut self.uses[input.node.index()];
                if *uses == 1 {
                    unused.push(input.node);
                }
                *uses = uses.saturating_sub(1);
            }
        }
    }

    fn note_blocked(&mut self, rule: &'static str, root: ValueId, why: &'static str) {
        dump::line(Dump::Rewrites, || format!("  {rule} blocked at {}: {why}", self.describe(root)));
        let node = self.node(root);
        let miss = NearMiss { rule, op: node.op.name, why, loc: node.loc.clone() };
        self.log.blocked.push(miss);
    }

    fn describe(&self, value: ValueId) -> String {
        let node = self.node(value);
        let mut text = format!("%{} = {}", value.node.0, node.op.name);
        for (k, input) in node.inputs.iter().enumerate() {
            let _ = write!(text, "{} %{}", if k > 0 { "," } else { "" }, input.node.0);
        }
        text
    }
}
