//! The interpreter: what a graph means. Slow, obvious, and the reference for everything else.
//!
//! [`run`] binds the size symbols from the shapes of the inputs, then evaluates node by node. Each node is seen with
//! constant sizes: symbols in its attributes are replaced by their values first. Composites are expanded on the fly.
//! Every result is checked against the spec that the graph promises.

use crate::base::{Atom, Dim, Error, Kind, Result, TensorSpec};
use crate::graph::builder::{infer, op_error};
use crate::graph::cx::Handle;
use crate::graph::opdef::{EvalCx, ExpandCx, Lower, Specs};
use crate::graph::walk::{self, ValueMap};
use crate::graph::{AttrValue, Attrs, Graph, GraphBuilder, Node};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tracelift_runtime::Array;
use tracelift_runtime::alloc::memory_stats;

/// Evaluates `graph` on one array for each input, in order; gives one for each output.
///
/// Errors: an input has the wrong dtype or a shape that does not fit, or an op refuses its operands' values.
pub fn run(graph: &Graph, inputs: &[Array]) -> Result<Vec<Array>> {
    let shapes: Vec<&[usize]> = inputs.iter().map(Array::shape).collect();
    let mut sizes = Sizes { symbols: bind_symbols(graph, &shapes)?, slots: FxHashMap::default() };
    check_dtypes(graph, inputs)?;
    let last_uses = walk::last_uses(graph);
    let mut values: ValueMap<Option<Array>> = ValueMap::new(graph, None);
    let mut parameters = inputs.iter();
    for (id, node) in graph.iter() {
        let results = match node.op.lower {
            Lower::Parameter => parameters.next().cloned().into_iter().collect(),
            _ => {
                let operands: Option<Vec<Array>> = node.inputs.iter().map(|&v| values[v].clone()).collect();
                let operands = operands.ok_or_else(|| Error::new(Kind::Internal, "an operand is used too early"))?;
                run_node(node, &operands, &mut sizes)?
            }
        };
        for (i, result) in (0..).zip(results) {
            values[id.result(i)] = Some(result);
        }
        for &input in &node.inputs {
            if last_uses[input] == Some(id) && !graph.outputs.contains(&input) {
                values[input] = None;
            }
        }
    }
    let outputs: Option<Vec<Array>> = graph.outputs.iter().map(|&v| values[v].clone()).collect();
    outputs.ok_or_else(|| Error::new(Kind::Internal, "an output is not computed"))
}

/// The value of each size symbol, for inputs of these shapes.
///
/// A symbol takes the length of the first axis that is just the symbol; every other axis is checked. An error names
/// the input.
pub fn bind_symbols(graph: &Graph, shapes: &[&[usize]]) -> Result<Vec<i64>> {
    if shapes.len() != graph.inputs.len() {
        let text = format!("`{}` takes {} inputs; received {}", graph.name, graph.inputs.len(), shapes.len());
        return Err(Error::new(Kind::Value, text));
    }
    let mut bound: Vec<Option<i64>> = Vec::new();
    let specs = || graph.inputs.iter().map(|&v| graph.spec(v)).enumerate();
    let wrong = |i: usize, spec: &TensorSpec, why: String| {
        let name = graph.input_names.get(i).map_or("", |n| n);
        let text =
            format!("input {i} `{name}` of `{}` must be {spec}; received shape {:?}{why}", graph.name, shapes[i]);
        Error::new(Kind::Shape, text)
    };
    for (i, spec) in specs() {
        if spec.rank() != shapes[i].len() {
            return Err(wrong(i, spec, String::new()));
        }
        for (dim, &length) in spec.dims.iter().zip(shapes[i]) {
            let Some(k) = dim.as_symbol().map(|k| k as usize) else { continue };
            if bound.len() <= k {
                bound.resize(k + 1, None);
            }
            bound[k].get_or_insert(length as i64);
        }
    }
    let symbols: Vec<i64> = bound.iter().map(|b| b.unwrap_or(UNBOUND)).collect();
    for (i, spec) in specs() {
        for (dim, &length) in spec.dims.iter().zip(shapes[i]) {
            check_bound(dim, &bound)?;
            let expected = dim.eval(&symbols, &[])?;
            if expected != length as i64 {
                let why = if dim.as_const().is_some() { String::new() } else { format!(", where {dim} is {expected}") };
                return Err(wrong(i, spec, why));
            }
        }
    }
    Ok(symbols)
}

/// What [`bind_symbols`] gives for a symbol that no input's axis defines and nothing may use.
const UNBOUND: i64 = i64::MIN;

/// The attributes with each size replaced by what `f` gives for it, subgraphs left as they are.
pub fn map_sizes(attrs: &Attrs, f: &dyn Fn(&Dim) -> Dim) -> Attrs {
    attrs.iter().fold(Attrs::new(), |result, (name, value)| match value {
        AttrValue::Dims(dims) => result.with(name, AttrValue::Dims(dims.iter().map(f).collect::<Arc<[Dim]>>())),
        other => result.with(name, other.clone()),
    })
}

/// The values of symbols and of the slots that have been written so far.
struct Sizes {
    symbols: Vec<i64>,
    slots: FxHashMap<u32, i64>,
}

impl Sizes {
    /// The size with everything known put in.
    fn resolve(&self, dim: &Dim) -> Dim {
        dim.substitute(&|atom| match atom {
            Atom::Sym(k) => self.symbols.get(*k as usize).filter(|v| **v != UNBOUND).map(|&v| v.into()),
            Atom::Slot(k, _) => self.slots.get(k).map(|&v| v.into()),
            _ => None,
        })
    }

    /// Makes the number in `value` that of the slot `size`.
    fn learn(&mut self, size: &Dim, value: &Array) -> Result<()> {
        let Some(Atom::Slot(k, bound)) = size.as_slot_atom() else { return Ok(()) };
        let value = value.as_slice::<i64>()[0];
        if let Some(bound) = self.resolve(bound).as_const().filter(|bound| !(0..=*bound).contains(&value)) {
            let error = Error::new(Kind::Memory, format!("the size that the data asks for is {value}"));
            return Err(error.hint(format!("it must lie between 0 and {bound}")));
        }
        self.slots.insert(*k, value);
        Ok(())
    }

    fn resolve_spec(&self, spec: &TensorSpec) -> TensorSpec {
        TensorSpec::new(spec.dtype, spec.dims.iter().map(|d| self.resolve(d)))
    }
}

fn run_node(node: &Node, operands: &[Array], sizes: &mut Sizes) -> Result<Vec<Array>> {
    let attrs = map_sizes(&node.attrs, &|dim| sizes.resolve(dim));
    let specs: Vec<TensorSpec> = operands.iter().map(spec_of).collect();
    let results = evaluate(node, &attrs, operands, &specs, sizes);
    results.map_err(|error| op_error(error, node.op, &attrs, &specs, &node.loc))
}

fn evaluate(
    node: &Node,
    attrs: &Attrs,
    operands: &[Array],
    specs: &[TensorSpec],
    sizes: &mut Sizes,
) -> Result<Vec<Array>> {
    let outputs = infer(node.op, attrs, specs)?;
    let results = match node.op.lower {
        Lower::Composite(expand) => {
            let mut builder = GraphBuilder::new(node.op.name);
            let inputs: Vec<Handle> = specs
                .iter()
                .map(|spec| {
                    let value = builder.parameter("operand", spec.clone());
                    builder.handle(value)
                })
                .collect();
            let results = expand(&mut ExpandCx { cx: &mut builder, attrs, inputs: &inputs })?;
            let results = results.iter().map(|&h| builder.value(h)).collect();
            run(&builder.finish(results), operands)?
        }
        _ => {
            check_memory(&outputs)?;
            (node.op.eval)(&EvalCx { inputs: operands, attrs, outputs: &outputs })?
        }
    };
    if let (Lower::Slot, Some([size])) = (node.op.lower, node.attrs.dims("size")) {
        sizes.learn(size, &results[0])?;
    }
    check_results(&results, &outputs, &node.outputs, sizes)?;
    Ok(results)
}

/// Refuses results beyond the limit of memory before evaluators list their elements, at up to 16 bytes each.
fn check_memory(outputs: &[TensorSpec]) -> Result<()> {
    let limit = memory_stats().limit;
    let elements = |spec: &TensorSpec| {
        spec.const_shape().map_or(0, |shape| shape.iter().fold(1, |n: usize, &d| n.saturating_mul(d)))
    };
    match outputs.iter().find(|spec| elements(spec).saturating_mul(16) > limit) {
        Some(spec) => {
            Err(Error::new(Kind::Memory, format!("{spec} is evaluated in more than the {limit} bytes allowed")))
        }
        None => Ok(()),
    }
}

/// The results against the specs inferred from the operands, and against those that the graph promises. Slots take
/// the lengths of the axes that they are.
fn check_results(results: &[Array], inferred: &Specs, promised: &[TensorSpec], sizes: &mut Sizes) -> Result<()> {
    let wrong = |what: &str, expected: &[TensorSpec]| {
        let received: Vec<TensorSpec> = results.iter().map(spec_of).collect();
        Error::new(Kind::Internal, format!("{what} {expected:?}; its evaluation gave {received:?}"))
    };
    if results.len() != promised.len() || results.len() != inferred.len() {
        return Err(wrong("the op promises", inferred));
    }
    for (result, spec) in results.iter().zip(promised) {
        for (dim, &length) in spec.dims.iter().zip(result.shape()) {
            if let Some(k) = dim.as_slot() {
                sizes.slots.entry(k).or_insert(length as i64);
            }
        }
    }
    let fits = |spec: &TensorSpec, result: &Array| {
        let spec = sizes.resolve_spec(spec);
        let open = |d: &Dim| d.as_const().is_none();
        spec.dtype == result.dtype()
            && spec.rank() == result.shape().len()
            && spec.dims.iter().zip(result.shape()).all(|(d, &n)| open(d) || *d == n.into())
    };
    if !inferred.iter().zip(results).all(|(s, r)| fits(s, r)) {
        return Err(wrong("the op promises", inferred));
    }
    if !promised.iter().zip(results).all(|(s, r)| fits(s, r)) {
        return Err(wrong("the graph promises", promised));
    }
    Ok(())
}

fn check_dtypes(graph: &Graph, inputs: &[Array]) -> Result<()> {
    for (i, (&value, array)) in graph.inputs.iter().zip(inputs).enumerate() {
        let spec = graph.spec(value);
        if spec.dtype != array.dtype() {
            let name = graph.input_names.get(i).map_or("", |n| n);
            let text = format!("input {i} `{name}` of `{}` must be {spec}; received {}", graph.name, spec_of(array));
            return Err(Error::new(Kind::DType, text));
        }
    }
    Ok(())
}

fn check_bound(dim: &Dim, bound: &[Option<i64>]) -> Result<()> {
    let mut missing = None;
    dim.visit(&mut |atom| {
        if let Atom::Sym(k) = atom
            && bound.get(*k as usize).copied().flatten().is_none()
        {
            missing = Some(*k);
        }
    });
    match missing {
        Some(k) => Err(Error::new(Kind::Shape, format!("size n{k} is not the length of any axis of an input"))),
        None => Ok(()),
    }
}

fn spec_of(array: &Array) -> TensorSpec {
    TensorSpec::new(array.dtype(), array.shape().iter().copied())
}

#[cfg(test)]
mod tests;
