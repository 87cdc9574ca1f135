//! The trace in progress on this thread: what ops, variables and random generators do while a body is traced.
//!
//! A recorder holds a graph under construction. Variables become inputs, and donated outputs once assigned;
//! concrete tensors from outside become constants (up to [`MAX_CONSTANT`] elements) or hidden inputs; random ops
//! share one state input. Symbolic tensors know their trace, so one that escapes is told from one that belongs.

use crate::engine::backend;
use crate::error::{Error, Kind, Result, at};
use crate::scope;
use crate::tensor::{Symbol, Tensor};
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracelift_compiler::TensorSpec;
use tracelift_compiler::graph::builder::GraphBuilder;
use tracelift_compiler::graph::{Attrs, Graph, OpDef, ValueId, walk};
use tracelift_runtime::{Array, DType};

/// A captured tensor of more elements is an input of the compiled program instead of a constant in it.
pub(crate) const MAX_CONSTANT: usize = 16;

type Line = &'static Location<'static>;

thread_local! {
    /// Whether ops are recorded: the innermost recorder is not suspended.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    /// Whether the running trace may fail silently.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static STACK: RefCell<Vec<Recorder>> = const { RefCell::new(Vec::new()) };
}

/// A trace in progress.
pub(crate) struct Recorder {
    trace: u64,
    function: &'static str,
    builder: GraphBuilder,
    inputs: Vec<InputSource>,
    /// Values of concrete tensors met so far, by tensor id: parts of objects, and captures.
    known: FxHashMap<u64, ValueId>,
    /// Ids of concrete tensors that are inputs, as parts of objects.
    object_tensors: Vec<u64>,
    captured: Vec<Tensor>,
    variables: Vec<VariableState>,
    random: Option<(Tensor, i64)>,
    created: Vec<Variable>,
    next_created: usize,
    /// Ids of the float tensors from outside that became constants.
    constants: Vec<u64>,
    is_differentiable: bool,
}

/// Where a program's input comes from at each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSource {
    /// Tensor leaf of the arguments.
    Leaf(u32),
    /// A variable of the trace.
    Variable(u32),
    /// A captured tensor.
    Captured(u32),
    /// The random state: seed and first tick.
    Random,
}

struct VariableState {
    variable: Variable,
    value: Tensor,
    input: u32,
    written: bool,
}

/// A variable that a trace uses.
pub(crate) struct UsedVariable {
    /// Which.
    pub variable: Variable,
    /// Whether the trace assigns it.
    pub written: bool,
}

/// What a finished body leaves.
pub(crate) struct Recording {
    /// Its outputs are the results, then the new values of assigned variables (donated).
    pub graph: Graph,
    /// For each input of the graph.
    pub inputs: Vec<InputSource>,
    /// In order of first use.
    pub variables: Vec<UsedVariable>,
    /// Hidden inputs.
    pub captured: Vec<Tensor>,
    /// Ticks of the random generator that a call takes.
    pub random_ticks: u64,
    /// Variables made by the body.
    pub created: Vec<Variable>,
    /// Ids of the float tensors from outside that are constants of the graph.
    pub constants: Vec<u64>,
    /// Whether the graph's gradient is what a tape around the body would find: no gradient of the user's own, and no
    /// variable that is read after it was assigned.
    pub is_differentiable: bool,
}

/// Whether this thread is tracing.
pub(crate) fn is_active() -> bool {
    ACTIVE.get()
}

/// Whether a trace that may fail is running: its errors unwind without a message.
pub(crate) fn quiet() -> bool {
    QUIET.get()
}

/// A recorder on this thread's stack; dropped without [`finish`](Session::finish), it takes the trace with it.
pub(crate) struct Session {
    trace: u64,
    was_active: bool,
    was_quiet: bool,
}

/// Starts a trace. `created` are the variables that earlier traces of the function made, in order.
pub(crate) fn begin(function: &'static str, created: Vec<Variable>, quiet: bool) -> Session {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let trace = NEXT.fetch_add(1, Ordering::Relaxed);
    STACK.with_borrow_mut(|stack| {
        stack.push(Recorder {
            trace,
            function,
            builder: GraphBuilder::new(function),
            inputs: Vec::new(),
            known: FxHashMap::default(),
            object_tensors: Vec::new(),
            captured: Vec::new(),
            variables: Vec::new(),
            random: None,
            created,
            next_created: 0,
            constants: Vec::new(),
            is_differentiable: true,
        });
    });
    Session { trace, was_active: ACTIVE.replace(true), was_quiet: QUIET.replace(quiet) }
}

impl Session {
    /// One more input: tensor leaf `index`. Its value stands for the concrete tensor too if that is part of an
    /// object.
    pub(crate) fn leaf(
        &self,
        index: usize,
        name: &str,
        spec: TensorSpec,
        object: Option<&Tensor>,
        loc: Line,
    ) -> Tensor {
        with_current(|r| {
            let symbol = r.input(InputSource::Leaf(index as u32), name, spec, loc);
            if let Some(tensor) = object {
                r.known.insert(tensor.id(), symbol.symbol().expect("an input is symbolic").value);
                r.object_tensors.push(tensor.id());
            }
            symbol
        })
    }

    /// What stands in a result for a tensor that the body returned: its value, if it is a part of an object.
    pub(crate) fn result(&self, tensor: &Tensor, loc: Line) -> Tensor {
        with_current(|r| match r.known.get(&tensor.id()) {
            Some(&value) if r.object_tensors.contains(&tensor.id()) => r.symbol(value, loc),
            _ => tensor.clone(),
        })
    }

    /// Ends the trace: `results` become outputs.
    pub(crate) fn finish(self, results: &[&Tensor], loc: Line) -> Result<Recording> {
        with_current(|r| {
            let mut outputs = results.iter().map(|t| r.operand(t, loc)).collect::<Result<Vec<_>>>()?;
            let mut donations = Vec::new();
            let mut variables = Vec::new();
            for state in std::mem::take(&mut r.variables) {
                if state.written {
                    donations.push((state.input, outputs.len() as u32));
                    outputs.push(r.operand(&state.value, loc)?);
                }
                variables.push(UsedVariable { variable: state.variable, written: state.written });
            }
            let mut graph = std::mem::replace(&mut r.builder, GraphBuilder::new("")).finish(outputs);
            graph.donations = donations;
            Ok(Recording {
                graph,
                inputs: std::mem::take(&mut r.inputs),
                variables,
                captured: std::mem::take(&mut r.captured),
                random_ticks: r.random.as_ref().map_or(0, |(_, ticks)| *ticks as u64),
                created: std::mem::take(&mut r.created),
                constants: std::mem::take(&mut r.constants),
                is_differentiable: r.is_differentiable,
            })
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A panic may have left the recorders of inner traces behind as well.
        let dropped = STACK.with_borrow_mut(|stack| {
            let keep = stack.iter().position(|r| r.trace == self.trace).unwrap_or(stack.len());
            stack.split_off(keep)
        });
        // Dropped outside the borrow: a variable's or tensor's drop may come back here.
        drop(dropped);
        ACTIVE.set(self.was_active);
        QUIET.set(self.was_quiet);
    }
}

/// Appends an op to the trace.
pub(crate) fn record(op: &'static OpDef, attrs: Attrs, inputs: &[&Tensor], loc: Line) -> Result<SmallVec<[Tensor; 1]>> {
    if !is_active() {
        let escaped = inputs.iter().find_map(|t| t.symbol());
        return Err(match escaped {
            Some(symbol) => leak(symbol, &format!("`{}`", op.name), loc),
            None => at(Error::new(Kind::Internal, format!("`{}` recorded without a trace", op.name)), loc),
        });
    }
    let operands =
        with_current(|r| inputs.iter().map(|t| r.operand(t, loc)).collect::<Result<SmallVec<[ValueId; 4]>>>())?;
    // The shape rule of a custom op is the user's code, which may run ops and traces of its own.
    let results = BorrowedBuilder::take().0.apply_at(op, attrs, &operands, scope::located(loc))?;
    Ok(with_current(|r| results.into_iter().map(|value| r.symbol(value, loc)).collect()))
}

/// The current recorder's builder, outside its cell until dropped.
struct BorrowedBuilder(GraphBuilder);

impl BorrowedBuilder {
    fn take() -> BorrowedBuilder {
        BorrowedBuilder(with_current(|r| std::mem::take(&mut r.builder)))
    }
}

impl Drop for BorrowedBuilder {
    fn drop(&mut self) {
        with_current(|r| r.builder = std::mem::take(&mut self.0));
    }
}

/// The trace's value of a variable; None if no trace is in progress.
pub(crate) fn read(variable: &Variable, loc: Line) -> Option<Tensor> {
    if !is_active() {
        return None;
    }
    with_current(|r| {
        let index = r.variable(variable, loc);
        r.is_differentiable &= !r.variables[index].written;
        Some(r.variables[index].value.clone())
    })
}

/// Records an assignment; false if no trace is in progress.
pub(crate) fn assign(variable: &Variable, value: &Tensor, loc: Line) -> Result<bool> {
    if !is_active() {
        return Ok(false);
    }
    with_current(|r| {
        let value = r.operand(value, loc)?;
        let (expected, received) = (variable.spec(), r.builder.graph().spec(value).clone());
        if expected != received {
            let name = variable.name();
            let text = format!("assign: variable `{name}` is {expected}, the new value is {received}");
            return Err(at(Error::new(Kind::Shape, text).hint("a variable keeps its dtype and shape"), loc));
        }
        let index = r.variable(variable, loc);
        // A tensor of its own: tapes tell the variable's values before and after by id.
        let value = r.symbol(value, loc);
        let state = &mut r.variables[index];
        (state.value, state.written) = (value, true);
        Ok(true)
    })
}

/// Notes that a part of the trace in progress, if there is one, has a gradient of the user's own.
pub(crate) fn note_custom_gradient() {
    if is_active() {
        with_current(|r| r.is_differentiable = false);
    }
}

/// The trace's random state and this op's offset in it; None if no trace is in progress.
pub(crate) fn key_state(loc: Line) -> Option<(Tensor, i64)> {
    if !is_active() {
        return None;
    }
    with_current(|r| {
        if r.random.is_none() {
            let spec = TensorSpec::new(DType::U64, [2usize]);
            r.random = Some((r.input(InputSource::Random, "random state", spec, loc), 0));
        }
        r.random.as_mut().map(|(state, ticks)| {
            *ticks += 1;
            (state.clone(), *ticks - 1)
        })
    })
}

/// An error if the host may not look at the tensor's value now: it is symbolic, or an input of the trace that
/// another call may bring with other values.
pub(crate) fn host_value(tensor: &Tensor, what: &'static str, loc: Line) -> Result<()> {
    match tensor.symbol() {
        Some(symbol) if !is_active() || with_current(|r| r.trace != symbol.trace) => Err(leak(symbol, what, loc)),
        Some(symbol) => Err(no_value(&symbol.spec, symbol.born, what, loc)),
        None if !is_active() => Ok(()),
        None if with_current(|r| r.object_tensors.contains(&tensor.id())) => {
            let text =
                format!("{what}: {} is an input of the function being traced and has no fixed value", tensor.spec());
            Err(at(Error::new(Kind::Tracer, text).hint(NO_VALUE_HINT), loc))
        }
        None => Ok(()),
    }
}

/// The variable that `make` makes: in a trace made once, and found again by position when the body is traced anew. An
/// error if its first value, of this spec, is now of another one.
pub(crate) fn variable(spec: &TensorSpec, loc: Line, make: impl FnOnce() -> Result<Variable>) -> Result<Variable> {
    if !is_active() {
        return make();
    }
    let known = with_current(|r| {
        r.next_created += 1;
        r.created.get(r.next_created - 1).cloned()
    });
    if let Some(known) = known {
        if known.spec() == *spec {
            return Ok(known);
        }
        let text = format!("Variable::new: the variable made here is {}, its first value is now {spec}", known.spec());
        let hint = "a variable made in a #[function] is made once; make it outside, or from sizes that do not change";
        return Err(at(Error::new(Kind::Shape, text).hint(hint), loc));
    }
    let variable = make()?;
    with_current(|r| r.created.push(variable.clone()));
    Ok(variable)
}

/// The value of a symbolic tensor that depends on no input but captured tensors and the random state.
pub(crate) fn constant_value(tensor: &Tensor) -> Result<Array> {
    let Some(symbol) = tensor.symbol() else {
        return Err(Error::new(Kind::Internal, "a concrete tensor is its own value"));
    };
    if !is_active() {
        return Err(leak(symbol, "Variable::new", symbol.born));
    }
    let (graph, inputs, captured) =
        with_current(|r| (r.builder.clone().finish(vec![symbol.value]), r.inputs.clone(), r.captured.clone()));
    let depends = || {
        let text = "the first value of a variable made in a #[function] depends on the function's inputs";
        Error::new(Kind::Tracer, text).hint("make the variable outside and pass it in")
    };
    let live = walk::live(&graph);
    let mut closed = GraphBuilder::new("first value");
    let mut values: FxHashMap<ValueId, ValueId> = FxHashMap::default();
    for (id, node) in graph.iter().filter(|(id, _)| live[id.index()]) {
        let source = graph.inputs.iter().position(|v| v.node == id).map(|i| inputs[i]);
        let results: SmallVec<[ValueId; 1]> = match source {
            None => {
                let operands: Option<SmallVec<[ValueId; 4]>> =
                    node.inputs.iter().map(|v| values.get(v).copied()).collect();
                let operands = operands.ok_or_else(depends)?;
                closed.apply_at(node.op, node.attrs.clone(), &operands, node.loc.clone())?
            }
            Some(InputSource::Captured(k)) => {
                let array = captured[k as usize].array().expect("captured tensors are concrete");
                smallvec![closed.constant(array.clone())]
            }
            Some(InputSource::Random) => {
                smallvec![closed.constant(Array::from_slice(&[2], &crate::random::reserve(0)))]
            }
            Some(InputSource::Leaf(_) | InputSource::Variable(_)) => continue,
        };
        for (i, value) in (0..).zip(results) {
            values.insert(id.result(i), value);
        }
    }
    let value = values.get(&graph.outputs[0]).copied().ok_or_else(depends)?;
    let graph = closed.finish(vec![value]);
    Ok(backend::evaluate(&graph)?.swap_remove(0))
}

/// Runs `f` op by op although a trace is in progress: for what must happen once, such as first values.
pub(crate) fn suspended<R>(f: impl FnOnce() -> R) -> R {
    struct Resume(bool);
    impl Drop for Resume {
        fn drop(&mut self) {
            ACTIVE.set(self.0);
        }
    }
    let _resume = Resume(ACTIVE.replace(false));
    f()
}

/// A symbolic tensor outside its trace.
#[cold]
pub(crate) fn leak(symbol: &Symbol, what: &str, loc: Line) -> Error {
    let born = symbol.born;
    let text = format!(
        "{what}: {} was made at {}:{}:{} while a #[function] was traced, and is used outside that trace",
        symbol.spec,
        born.file(),
        born.line(),
        born.column()
    );
    let hint = "return it from the function; a static, RefCell or another thread cannot carry it out";
    at(Error::new(Kind::Tracer, text).hint(hint), loc)
}

const NO_VALUE_HINT: &str =
    "use ops on tensors, such as `where_` or `map_fn`, or return the tensor and look at it outside";

#[cold]
fn no_value(spec: &TensorSpec, born: &Location<'_>, what: &str, loc: Line) -> Error {
    let text = format!(
        "{what}: {spec} made at {}:{}:{} has no value while its #[function] is traced",
        born.file(),
        born.line(),
        born.column()
    );
    at(Error::new(Kind::Tracer, text).hint(NO_VALUE_HINT), loc)
}

fn with_current<R>(f: impl FnOnce(&mut Recorder) -> R) -> R {
    STACK.with_borrow_mut(|stack| f(stack.last_mut().expect("a trace in progress")))
}

impl Recorder {
    fn input(&mut self, source: InputSource, name: &str, spec: TensorSpec, loc: Line) -> Tensor {
        self.inputs.push(source);
        let value = self.builder.parameter(name, spec);
        self.symbol(value, loc)
    }

    fn symbol(&self, value: ValueId, born: Line) -> Tensor {
        let spec = Arc::new(self.builder.graph().spec(value).clone());
        Tensor::from_symbol(Symbol { trace: self.trace, value, spec, born })
    }

    /// The value of an operand, which becomes an input or a constant if it comes from outside.
    fn operand(&mut self, tensor: &Tensor, loc: Line) -> Result<ValueId> {
        if let Some(symbol) = tensor.symbol() {
            return if symbol.trace == self.trace {
                Ok(symbol.value)
            } else {
                Err(leak(symbol, &format!("#[function] `{}`", self.function), loc))
            };
        }
        if let Some(&value) = self.known.get(&tensor.id()) {
            return Ok(value);
        }
        let array = tensor.array().expect("a tensor is symbolic or concrete");
        let value = if array.len() <= MAX_CONSTANT {
            if array.dtype().is_float() {
                self.constants.push(tensor.id());
            }
            self.builder.constant(array.clone())
        } else {
            let source = InputSource::Captured(self.captured.len() as u32);
            let name = format!("captured {}", self.captured.len());
            let input = self.input(source, &name, tensor.spec(), loc);
            input.symbol().expect("an input is symbolic").value
        };
        // Kept alive so that its id stays its own.
        if array.len() > MAX_CONSTANT {
            self.captured.push(tensor.clone());
        }
        self.known.insert(tensor.id(), value);
        Ok(value)
    }

    fn variable(&mut self, variable: &Variable, loc: Line) -> usize {
        if let Some(index) = self.variables.iter().position(|state| state.variable.id() == variable.id()) {
            return index;
        }
        let index = self.variables.len();
        let name = match variable.name() {
            name if name.is_empty() => format!("variable {index}"),
            name => name,
        };
        let input = self.inputs.len() as u32;
        let value = self.input(InputSource::Variable(index as u32), &name, variable.spec(), loc);
        self.variables.push(VariableState { variable: variable.clone(), value, input, written: false });
        index
    }
}
