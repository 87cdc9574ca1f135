//! Running one op at once.
//!
//! An op becomes a program of that one op with symbolic sizes, made once for each [`Pattern`] and kept: in a small
//! table of this thread, behind it in a map that threads share. A call that finds its program allocates nothing but
//! results. Where symbols do not do (an axis of length 0, a rule that must know a size) the program is for one shape.

use super::dispatch::Outputs;
use super::key::{self, Pattern};
use crate::config::{self, Backend};
use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};
use std::cell::RefCell;
use std::panic::Location;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tracelift_compiler::graph::opdef::{Lower, Movement, Operands, Source, SpecCx};
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::{Loc, TensorSpec, interp};
use tracelift_runtime::Array;

/// The operands' arrays.
type Arrays<'a> = SmallVec<[&'a Array; 4]>;

/// A program of one op.
struct Entry {
    op: &'static OpDef,
    attrs: Attrs,
    backend: Backend,
    pattern: Pattern,
    /// The one shape of each operand that it is for; None: every shape of the pattern.
    shapes: Option<Vec<usize>>,
    /// Whether the pattern alone says that the op takes these operands.
    decided: bool,
    code: Code,
}

enum Code {
    Interpreted(Graph),
}

/// A program that this thread used lately, and the shapes that the op's rule has accepted last.
struct Recent {
    entry: Arc<Entry>,
    accepted: Vec<usize>,
}

/// Slots of the thread's table; a power of two.
const SLOTS: usize = 256;

thread_local! {
    static RECENT: RefCell<Vec<Option<Recent>>> = RefCell::new((0..SLOTS).map(|_| None).collect());
}

/// Programs by hash.
static SHARED: LazyLock<Mutex<FxHashMap<u64, Vec<Arc<Entry>>>>> = LazyLock::new(Mutex::default);

/// Runs `op` on concrete tensors. Errors name the op, its operands and `loc`.
pub(crate) fn run(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Tensor],
    loc: &'static Location<'static>,
) -> Result<Outputs> {
    let mut arrays = Arrays::new();
    for input in inputs {
        arrays.push(input.concrete(op.name, loc)?);
    }
    match op.lower {
        Lower::Source(Source::Constant) => {
            let value = attrs.data("value").ok_or_else(|| Error::new(Kind::Internal, "a constant without value"))?;
            Ok(smallvec![Tensor::from_array(value.clone())])
        }
        Lower::Movement(Movement::Reshape) => reshape(op, attrs, &arrays, loc),
        _ => run_program(op, attrs, &arrays, loc),
    }
}

/// The same elements under another shape: nothing is copied.
fn reshape(op: &'static OpDef, attrs: &Attrs, inputs: &[&Array], loc: &'static Location<'static>) -> Result<Outputs> {
    let specs = key::concrete_specs(inputs);
    let shape = match (op.spec)(&SpecCx { inputs: &specs, attrs }).ok().and_then(|s| s[0].const_shape()) {
        Some(shape) => shape,
        // The builder words the error.
        None => return Err(build(op, attrs, &specs, loc).err().unwrap_or_else(|| Error::new(Kind::Internal, op.name))),
    };
    Ok(smallvec![Tensor::from_array(inputs[0].reshaped(&shape).map_err(|e| at(e, loc))?)])
}

fn run_program(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Array],
    loc: &'static Location<'static>,
) -> Result<Outputs> {
    let pattern = Pattern::of(inputs).unwrap_or_default();
    let (hash, backend) = (key::hash(op, attrs, &pattern), config::backend());
    let slot = (hash >> 32) as usize % SLOTS;
    let found = RECENT.with_borrow_mut(|recent| {
        let recent = recent[slot].as_mut().filter(|r| r.entry.serves(op, attrs, backend, &pattern, inputs))?;
        recent.accepts(inputs).then(|| recent.entry.run(inputs))
    });
    let outputs = match found {
        Some(outputs) => outputs,
        None => prepare(op, attrs, backend, pattern, hash, slot, inputs, loc)?.run(inputs),
    };
    outputs.map_err(|error| failed(error, op, attrs, inputs, loc))
}

/// Finds or makes the program, and puts it in the thread's table.
#[cold]
fn prepare(
    op: &'static OpDef,
    attrs: &Attrs,
    backend: Backend,
    pattern: Pattern,
    hash: u64,
    slot: usize,
    inputs: &[&Array],
    loc: &'static Location<'static>,
) -> Result<Arc<Entry>> {
    let specs = key::concrete_specs(inputs);
    let exact = build(op, attrs, &specs, loc)?;
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let entries = shared.entry(hash).or_default();
    let entry = match entries.iter().find(|e| e.serves(op, attrs, backend, &pattern, inputs)) {
        Some(entry) => entry.clone(),
        None => {
            let symbolic = match pattern == Pattern::default() && !inputs.is_empty() {
                true => None,
                false => build(op, attrs, &pattern.specs(inputs), loc).ok(),
            };
            let shapes = symbolic.is_none().then(|| shapes_of(inputs));
            let code = Code::new(symbolic.unwrap_or(exact), backend)?;
            let decided = matches!(op.lower, Lower::Elementwise(_) | Lower::Reduction(_) | Lower::Contraction);
            let entry = Arc::new(Entry { op, attrs: attrs.clone(), backend, pattern, shapes, decided, code });
            entries.push(entry.clone());
            entry
        }
    };
    drop(shared);
    let recent = Recent { entry: entry.clone(), accepted: shapes_of(inputs) };
    RECENT.with_borrow_mut(|table| table[slot] = Some(recent));
    Ok(entry)
}

/// The graph of one op; an error names the op, its operands and `loc`.
fn build(op: &'static OpDef, attrs: &Attrs, specs: &[TensorSpec], loc: &'static Location<'static>) -> Result<Graph> {
    let mut builder = GraphBuilder::new(op.name);
    let name = |i: usize| match op.inputs {
        Operands::Named(names) => names.get(i).copied().unwrap_or("operand"),
        Operands::Variadic { name, .. } => name,
    };
    let parameters: Vec<ValueId> =
        specs.iter().enumerate().map(|(i, spec)| builder.parameter(name(i), spec.clone())).collect();
    let outputs = builder.apply_at(op, attrs.clone(), &parameters, Loc { line: Some(loc), scope: None })?;
    Ok(builder.finish(outputs.into_vec()))
}

/// An error from running, with op and operands.
#[cold]
fn failed(
    error: Error,
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Array],
    loc: &'static Location<'static>,
) -> Error {
    if error.message().starts_with(&format!("`{}`", op.name)) {
        return at(error, loc);
    }
    let list: Vec<String> = key::concrete_specs(inputs).iter().map(ToString::to_string).collect();
    let mut context = format!("\n  operands: {}", list.join(", "));
    for (name, value) in attrs.iter() {
        context += &format!("\n  {name} = {value:?}");
    }
    at(error.map_message(|text| format!("`{}`: {text}{context}", op.name)), loc)
}

fn shapes_of(inputs: &[&Array]) -> Vec<usize> {
    inputs.iter().flat_map(|a| a.shape()).copied().collect()
}

fn same_shapes(shapes: &[usize], inputs: &[&Array]) -> bool {
    inputs.iter().flat_map(|a| a.shape()).eq(shapes)
}

impl Recent {
    /// Whether the op takes these operands. Shapes that it took last time need no second look; others are checked
    /// by making the program's concrete twin, unless the pattern decides.
    fn accepts(&self, inputs: &[&Array]) -> bool {
        self.entry.decided || same_shapes(&self.accepted, inputs)
    }
}

impl Entry {
    fn serves(&self, op: &OpDef, attrs: &Attrs, backend: Backend, pattern: &Pattern, inputs: &[&Array]) -> bool {
        std::ptr::eq(self.op, op)
            && self.pattern == *pattern
            && self.backend == backend
            && self.attrs == *attrs
            && self.shapes.as_ref().is_none_or(|shapes| same_shapes(shapes, inputs))
    }

    fn run(&self, inputs: &[&Array]) -> Result<Outputs> {
        let outputs = match &self.code {
            Code::Interpreted(graph) => {
                let inputs: Vec<Array> = inputs.iter().map(|&a| a.clone()).collect();
                interp::run(graph, &inputs)?
            }
        };
        Ok(outputs.into_iter().map(Tensor::from_array).collect())
    }
}

impl Code {
    fn new(graph: Graph, backend: Backend) -> Result<Code> {
        match backend {
            Backend::Interpreter => Ok(Code::Interpreted(graph)),
        }
    }
}
