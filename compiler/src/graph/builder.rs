//! [`GraphBuilder`]: the one way to append a node. It checks what can be checked without other passes:
//! operand count, attributes, the op's spec rule, sizes; so a built graph verifies.
//!
//! It is also the [`OpCx`] that records: gradient rules and expansions run on it append nodes.

use super::cx::{Handle, Handles, OpCx};
use super::opdef::{Operands, SpecCx, Specs};
use super::print::brief;
use super::walk;
use super::{AttrValue, Attrs, Graph, Node, NodeId, OpDef, ValueId};
use crate::base::{Dim, Error, Kind, Loc, Result, TensorSpec};
use crate::graph::opdef::AttrKind;
use crate::ops;
use smallvec::SmallVec;
use std::fmt::Write;
use std::sync::Arc;
use tracelift_runtime::Array;

/// A graph under construction.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    graph: Graph,
    /// Every value; a [`Handle`] is an index into it.
    values: Vec<ValueId>,
    /// The handle of each node's first result.
    first: Vec<u32>,
    loc: Loc,
    /// No node mentions this size slot or a later one.
    next_slot: u32,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self { graph: Graph { name: name.into(), ..Graph::default() }, ..Self::default() }
    }

    /// Continues an existing graph. Its outputs are forgotten, its donations too: they are given at the end.
    pub fn from_graph(mut graph: Graph) -> Self {
        graph.outputs.clear();
        graph.donations.clear();
        let mut builder = Self { graph, ..Self::default() };
        for index in 0..builder.graph.nodes.len() {
            builder.index_results(NodeId(index as u32));
        }
        builder
    }

    /// One more input. Sizes that are not known are symbols `n<k>`, each bound by an axis that is just the symbol.
    ///
    /// Inputs may be added late, as captures are: [`finish`](Self::finish) moves them to the front.
    pub fn parameter(&mut self, name: impl Into<Arc<str>>, spec: TensorSpec) -> ValueId {
        let attrs = Attrs::new().with("dtype", spec.dtype).with("dims", spec.dims.as_slice());
        let node = Node {
            op: &ops::PARAMETER,
            attrs,
            inputs: SmallVec::new(),
            outputs: SmallVec::from_elem(spec, 1),
            loc: self.loc.clone(),
        };
        let value = self.append(node).result(0);
        self.graph.inputs.push(value);
        self.graph.input_names.push(name.into());
        value
    }

    /// A tensor known while compiling.
    pub fn constant(&mut self, value: Array) -> ValueId {
        let spec = TensorSpec::new(value.dtype(), value.shape().iter().copied());
        let node = Node {
            op: &ops::CONSTANT,
            attrs: Attrs::new().with("value", value),
            inputs: SmallVec::new(),
            outputs: SmallVec::from_elem(spec, 1),
            loc: self.loc.clone(),
        };
        self.append(node).result(0)
    }

    /// Appends `op` and gives its results. An error names the op, its operands, its attributes and `loc`.
    pub fn apply_at(
        &mut self,
        op: &'static OpDef,
        attrs: Attrs,
        inputs: &[ValueId],
        loc: Loc,
    ) -> Result<SmallVec<[ValueId; 1]>> {
        let mut specs = SmallVec::<[TensorSpec; 3]>::with_capacity(inputs.len());
        for &input in inputs {
            let node = self.graph.nodes.get(input.node.index());
            match node.and_then(|n| n.outputs.get(input.index as usize)) {
                Some(spec) => specs.push(spec.clone()),
                None => {
                    let text = format!("`{}`: operand {input:?} is not a value of this graph", op.name);
                    return Err(Error::new(Kind::Internal, text));
                }
            }
        }
        let op = ops::complex::form(op, &attrs, &specs);
        let attrs = self.with_slot(op, attrs, inputs);
        let attrs = normalized(op, attrs).map_err(|e| op_error(e, op, &Attrs::new(), &specs, &loc))?;
        let outputs = infer(op, &attrs, &specs).map_err(|e| op_error(e, op, &attrs, &specs, &loc))?;
        let id = self.append(Node { op, attrs, inputs: inputs.into(), outputs, loc });
        Ok((0..self.graph.node(id).outputs.len() as u32).map(|i| id.result(i)).collect())
    }

    /// The line that parameters, constants and ops applied through [`OpCx`] get; gives the one before.
    pub fn set_loc(&mut self, loc: Loc) -> Loc {
        std::mem::replace(&mut self.loc, loc)
    }

    /// What has been built so far; without outputs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The handle of a value. Panics if it is not a value of this graph.
    pub fn handle(&self, value: ValueId) -> Handle {
        let handle = self.first[value.node.index()] + value.index;
        assert_eq!(self.values[handle as usize], value, "not a value of this graph");
        Handle(handle)
    }

    /// The value of a handle. Panics if the handle is not from this builder.
    pub fn value(&self, handle: Handle) -> ValueId {
        self.values[handle.0 as usize]
    }

    /// The finished graph. If an input was added after other nodes, nodes are renumbered: inputs come first.
    pub fn finish(self, outputs: Vec<ValueId>) -> Graph {
        let Self { mut graph, .. } = self;
        graph.outputs = outputs;
        let in_place = graph.inputs.iter().enumerate().all(|(i, v)| v.node.index() == i);
        if in_place { graph } else { parameters_first(graph) }
    }

    /// Moves in a node whose operands are values of this graph and whose specs are known to be right.
    pub(crate) fn append(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(node);
        self.index_results(id);
        id
    }

    /// The attributes with a number for the size slot, if the op defines one: that of a node whose size is known to be
    /// the same, or a new one.
    fn with_slot(&self, op: &OpDef, attrs: Attrs, inputs: &[ValueId]) -> Attrs {
        let Some((name, counts, operand)) = slot_attr(op).filter(|(name, ..)| attrs.get(name).is_none()) else {
            return attrs;
        };
        let same = self.graph.nodes.iter().find_map(|node| {
            let (name, other_counts, other) = slot_attr(node.op)?;
            let operand = inputs.get(operand as usize)?;
            let is_same = other_counts == counts && node.inputs.get(other as usize) == Some(operand);
            node.attrs.int(name).filter(|_| is_same)
        });
        attrs.with(name, same.unwrap_or(self.next_slot.into()))
    }

    fn index_results(&mut self, id: NodeId) {
        for slot in walk::slots(self.graph.node(id)) {
            self.next_slot = self.next_slot.max(slot + 1);
        }
        self.first.push(self.values.len() as u32);
        let count = self.graph.node(id).outputs.len() as u32;
        self.values.extend((0..count).map(|i| id.result(i)));
    }
}

impl OpCx for GraphBuilder {
    fn apply(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Result<Handles> {
        let inputs: SmallVec<[ValueId; 4]> = inputs.iter().map(|&h| self.value(h)).collect();
        let results = self.apply_at(op, attrs, &inputs, self.loc.clone())?;
        Ok(results.into_iter().map(|v| self.handle(v)).collect())
    }

    fn spec(&self, tensor: Handle) -> TensorSpec {
        self.graph.spec(self.value(tensor)).clone()
    }
}

/// The results' specs by the op's rule, after the checks that are the same for every op. The error is bare: it
/// does not say which op and operands.
pub(crate) fn infer(op: &OpDef, attrs: &Attrs, inputs: &[TensorSpec]) -> Result<Specs> {
    let fits = match op.inputs {
        Operands::Named(names) => inputs.len() == names.len(),
        Operands::Variadic { least, .. } => inputs.len() >= least,
    };
    if !fits {
        let expected = match op.inputs {
            Operands::Named(names) => format!("{} ({})", names.len(), names.join(", ")),
            Operands::Variadic { name, least } => format!("at least {least} ({name}...)"),
        };
        return Err(Error::new(Kind::Value, format!("expected operands: {expected}; received {}", inputs.len())));
    }
    let specs = (op.spec)(&SpecCx { inputs, attrs })?;
    specs.iter().try_for_each(check_sizes)?;
    Ok(specs)
}

/// The attributes in declared order, an integer given for a float converted, so that equal means equal.
/// An error if one is unknown, missing or of the wrong kind.
pub(crate) fn normalized(op: &OpDef, attrs: Attrs) -> Result<Attrs> {
    let mut count = 0;
    let mut result = Attrs::new();
    for def in op.attrs {
        match attrs.get(def.name) {
            Some(&AttrValue::Int(v)) if def.kind == AttrKind::Float => result.set(def.name, v as f64),
            Some(value) if def.kind.admits(value) => result.set(def.name, value.clone()),
            Some(value) => {
                let text =
                    format!("attribute `{}` must be {}; received {}", def.name, kind_name(def.kind), brief(value));
                return Err(Error::new(Kind::Value, text));
            }
            None if def.optional => continue,
            None => return Err(Error::new(Kind::Value, format!("attribute `{}` is missing", def.name))),
        }
        count += 1;
    }
    if count < attrs.iter().count() {
        let known = |name: &str| op.attrs.iter().any(|d| d.name == name);
        let unknown = attrs.iter().find(|(name, _)| !known(name)).map_or("", |(name, _)| name);
        let names: Vec<_> = op.attrs.iter().map(|d| d.name).collect();
        let text = format!("there is no attribute `{unknown}`; attributes are: {}", names.join(", "));
        return Err(Error::new(Kind::Value, text));
    }
    Ok(result)
}

/// The attribute for the slot that the op defines: its name, what is counted, and of which operand.
pub(crate) fn slot_attr(op: &OpDef) -> Option<(&'static str, &'static str, u8)> {
    op.attrs.iter().find_map(|def| match def.kind {
        AttrKind::Slot { counts, operand } => Some((def.name, counts, operand)),
        _ => None,
    })
}

/// What a user calls values of this kind.
pub(crate) fn kind_name(kind: AttrKind) -> &'static str {
    match kind {
        AttrKind::Bool => "true or false",
        AttrKind::Int | AttrKind::Slot { .. } => "an integer",
        AttrKind::Float => "a number",
        AttrKind::Str => "a string",
        AttrKind::DType => "a dtype",
        AttrKind::Ints => "a list of integers",
        AttrKind::Dims | AttrKind::KnownSizes => "a list of sizes",
        AttrKind::Padding => "a padding's name or a list of integers",
        AttrKind::Data => "a constant tensor",
        AttrKind::Graph => "a graph",
    }
}

/// An error if a size is negative or, without its axes of length 0, the tensor cannot be addressed.
pub fn check_sizes(spec: &TensorSpec) -> Result<()> {
    let mut bytes = Some(spec.dtype.size() as i64);
    for size in spec.dims.iter().filter_map(Dim::as_const).filter(|&size| size != 0) {
        if size < 0 {
            return Err(Error::new(Kind::Shape, format!("the result {spec} would have a negative size")));
        }
        bytes = bytes.and_then(|b| b.checked_mul(size));
    }
    match bytes.filter(|&b| b <= i64::MAX / 2) {
        Some(_) => Ok(()),
        None => Err(Error::new(Kind::Memory, format!("the result {spec} overflows the address space"))),
    }
}

/// Adds to the bare error of an op's rule which op failed, on what and where; a hint stays last.
pub fn op_error(error: Error, op: &OpDef, attrs: &Attrs, inputs: &[TensorSpec], loc: &Loc) -> Error {
    error.map_message(|message| {
        let (reason, hint) = match message.find("\n  hint: ") {
            Some(at) => message.split_at(at),
            None => (message.as_str(), ""),
        };
        let mut text = format!("`{}`: {reason}", op.name);
        for (i, spec) in inputs.iter().enumerate() {
            let name = match op.inputs {
                Operands::Named(names) => names.get(i).copied().unwrap_or("operand").to_owned(),
                Operands::Variadic { name, .. } => format!("{name}[{i}]"),
            };
            let _ = write!(text, "{}{name}: {spec}", if i == 0 { "\n  operands: " } else { ", " });
        }
        text.push_str(&attributes_line(attrs));
        if *loc != Loc::default() {
            let _ = write!(text, "\n  at {loc}");
        }
        text + hint
    })
}

/// The attributes as a line of an error, a line break before; nothing if there are none.
pub fn attributes_line(attrs: &Attrs) -> String {
    let mut text = String::new();
    for (i, (name, value)) in attrs.iter().enumerate() {
        let _ = write!(text, "{}{name} = {}", if i == 0 { "\n  attributes: " } else { ", " }, brief(value));
    }
    text
}

/// Moves the parameters to the front and renumbers.
fn parameters_first(mut graph: Graph) -> Graph {
    let is_input = |id: NodeId| graph.inputs.iter().any(|v| v.node == id);
    let (first, rest): (Vec<NodeId>, Vec<NodeId>) =
        (0..graph.nodes.len() as u32).map(NodeId).partition(|&id| is_input(id));
    let order: Vec<NodeId> = graph.inputs.iter().map(|v| v.node).chain(rest).collect();
    debug_assert_eq!(first.len(), graph.inputs.len());
    let mut new_id = vec![NodeId(0); order.len()];
    for (new, old) in order.iter().enumerate() {
        new_id[old.index()] = NodeId(new as u32);
    }
    let map = |v: ValueId| new_id[v.node.index()].result(v.index);
    let mut old: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
    graph.nodes = order.iter().filter_map(|id| old[id.index()].take()).collect();
    graph.nodes.iter_mut().flat_map(|n| &mut n.inputs).for_each(|v| *v = map(*v));
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|v| *v = map(*v));
    graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::DType;

    #[test]
    fn late_parameters_move_to_the_front() {
        let mut b = GraphBuilder::new("f");
        let x = b.parameter("x", TensorSpec::new(DType::F32, [2i64]));
        let c = b.constant(Array::from_slice(&[], &[1f32]));
        let y = b.parameter("y", TensorSpec::new(DType::F32, [3i64]));
        let g = b.finish(vec![c, y, x]);
        assert_eq!(g.inputs, [NodeId(0).result(0), NodeId(1).result(0)]);
        assert_eq!(g.outputs, [NodeId(2).result(0), NodeId(1).result(0), NodeId(0).result(0)]);
        assert_eq!(g.spec(g.outputs[1]).to_string(), "f32[3]");
        assert_eq!(&*g.input_names[1], "y");
    }

    #[test]
    fn attributes_and_operands_are_checked() {
        let mut b = GraphBuilder::new("f");
        let x = b.parameter("x", TensorSpec::new(DType::F32, [2i64]));
        let loc = Loc { line: None, scope: Some("model/dense".into()) };
        let e = b.apply_at(&ops::CONSTANT, Attrs::new(), &[x], loc.clone()).unwrap_err();
        assert_eq!(
            e.message(),
            "`constant`: attribute `value` is missing\n  operands: operand: f32[2]\n  at unknown line in model/dense"
        );
        let e = b.apply_at(&ops::CONSTANT, Attrs::new().with("value", 1i64), &[], Loc::default()).unwrap_err();
        assert_eq!(e.message(), "`constant`: attribute `value` must be a constant tensor; received 1");
        let dims: Vec<Dim> = vec![i64::MAX.into(), 4i64.into()];
        let attrs = Attrs::new().with("dtype", DType::F32).with("dims", dims);
        let e = b.apply_at(&ops::PARAMETER, attrs, &[], Loc::default()).unwrap_err();
        assert_eq!(e.kind(), Kind::Memory);
    }

    #[test]
    fn handles_and_values_agree() {
        let mut b = GraphBuilder::new("f");
        let x = b.parameter("x", TensorSpec::scalar(DType::F32));
        let out = OpCx::apply(&mut b, &ops::CONSTANT, Attrs::new().with("value", Array::from_slice(&[], &[2i64])), &[]);
        let c = out.unwrap()[0];
        assert_eq!(b.value(b.handle(x)), x);
        assert_eq!(b.spec(c).to_string(), "i64[]");
    }
}
