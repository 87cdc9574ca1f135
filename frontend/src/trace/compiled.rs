//! [`Trace`]: a finished trace and its compiled code; [`Concrete`]: a user's handle on one.
//!
//! A run locks the variables that the trace assigns, in the order of their ids, until it is over, and takes
//! snapshots of those it only reads (see [`variables`](super::variables)). It allocates nothing of its own for up to
//! eight variables.

use super::leaf::Leaves;
use super::recorder::{InputSource, Recording};
use super::signature::Signature;
use super::variables::{Held, Variables};
use crate::autograd::tape;
use crate::config;
use crate::engine::backend::{Arg, Backend, Compilation};
use crate::engine::derivative::TapedForms;
use crate::engine::{numerics, replay};
use crate::error::{Error, Kind, Result};
use crate::tensor::Tensor;
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;
use tracelift_compiler::TensorSpec;
use tracelift_compiler::graph::builder::{GraphBuilder, attributes_line};
use tracelift_compiler::graph::opdef::Effects;
use tracelift_compiler::graph::{AttrValue, Graph, Node, edit};
use tracelift_runtime::Array;

type Line = &'static Location<'static>;

/// A compiled trace of a function. Immutable: any number of threads may run it.
pub(crate) struct Trace {
    pub(crate) signature: Signature,
    pub(crate) graph: Graph,
    /// As described for reports: `(x: f32[4])`.
    pub(crate) description: String,
    pub(crate) compilation: Compilation,
    pub(crate) timing: Timing,
    backend: Backend,
    inputs: Box<[InputSource]>,
    variables: Variables,
    captured: Box<[Tensor]>,
    random_ticks: u64,
    /// Ids of float tensors from outside that are constants in the graph.
    constants: Box<[u64]>,
    is_differentiable: bool,
    /// The programs for calls under a tape.
    taped: TapedForms,
    /// What the body returned, with symbolic leaves in place of results.
    template: Box<dyn Any + Send + Sync>,
}

/// Where the time of a function's first call went, but for the run itself.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Timing {
    /// Running the body with symbolic tensors.
    pub tracing: Duration,
    /// Simplifying the graph. The passes, the schedule and code generation are parts of `compiling`.
    pub passes: Duration,
    /// Grouping ops and lowering them to kernels.
    pub schedule: Duration,
    /// Making machine code.
    pub codegen: Duration,
    /// From the graph to code that is ready to run.
    pub compiling: Duration,
}

impl Trace {
    /// Compiles a recording that used these variables.
    pub(crate) fn compile(
        recording: Recording,
        signature: Signature,
        variables: Variables,
        names: &[&str],
        template: Box<dyn Any + Send + Sync>,
        tracing: Duration,
    ) -> Result<Trace> {
        let start = std::time::Instant::now();
        let (backend, compilation) = Backend::compile(&recording.graph)?;
        let compiling = start.elapsed();
        let timing = Timing {
            tracing,
            passes: compilation.spent(|report| report.pass_time),
            schedule: compilation.spent(|report| report.schedule_time),
            codegen: compilation.spent(|report| report.codegen_time),
            compiling,
        };
        Ok(Trace {
            description: signature.describe(names),
            signature,
            graph: recording.graph,
            compilation,
            timing,
            backend,
            inputs: recording.inputs.into(),
            variables,
            captured: recording.captured.into(),
            random_ticks: recording.random_ticks,
            constants: recording.constants.into(),
            is_differentiable: recording.is_differentiable,
            taped: TapedForms::default(),
            template,
        })
    }

    /// Whether the trace serves the call.
    pub(crate) fn admits(&self, leaves: &Leaves<'_>) -> bool {
        self.signature.admits(leaves) && self.variables.admit(leaves)
    }

    /// [`admits`](Self::admits) for a call with exactly the variables of one that it admitted.
    pub(crate) fn admits_with_known_variables(&self, leaves: &Leaves<'_>) -> bool {
        self.signature.admits_with_known_variables(leaves) && self.variables.admit_known()
    }

    /// Whether another run of the body has recorded the same, with these variables.
    pub(crate) fn is(&self, recording: &Recording, variables: &Variables) -> bool {
        let data = |tensor: &Tensor| tensor.array().cloned().map(AttrValue::Data);
        let same_tensor = |(a, b): (&Tensor, &Tensor)| a.id() == b.id() || data(a) == data(b);
        self.random_ticks == recording.random_ticks
            && *self.inputs == *recording.inputs
            && self.variables.are(variables)
            && self.captured.len() == recording.captured.len()
            && self.captured.iter().zip(&recording.captured).all(same_tensor)
            && is_same(&self.graph, &recording.graph)
    }

    /// Other variables may be where this call has others than the traced one.
    pub(crate) fn free(&self, leaves: &Leaves<'_>) {
        self.variables.free(leaves);
    }

    /// Runs the compiled code on a call's leaves. The results are in the order of the template's symbolic leaves.
    pub(crate) fn run(&self, leaves: &Leaves<'_>, loc: Line) -> Result<SmallVec<[Array; 2]>> {
        if config::checks_numerics() {
            return self.execute(&self.backend, leaves, Some(&mut Vec::new()), loc);
        }
        self.execute(&self.backend, leaves, None, loc)
    }

    /// [`run`](Self::run) as one step of the open tapes. None if they must see the body op by op: the graph's gradient
    /// would not be the body's, or cannot be compiled.
    pub(crate) fn run_taped(&self, leaves: &Leaves<'_>, loc: Line) -> Option<Result<Vec<Tensor>>> {
        if !self.is_differentiable || tape::is_observed() || self.constants.iter().any(|&id| tape::watches(id)) {
            return None;
        }
        let wanted = self.watched(leaves);
        if !wanted.contains(&true) {
            let results = self.run(leaves, loc);
            return Some(results.map(|arrays| arrays.into_iter().map(Tensor::from_array).collect()));
        }
        let taped = self.taped.of(&self.graph, &wanted)?;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        let outputs = self.execute(&taped.forward, leaves, Some(&mut inputs), loc);
        Some(outputs.map(|outputs| taped.note(inputs, outputs, loc)))
    }

    /// For each input of the graph, whether an open tape watches it.
    fn watched(&self, leaves: &Leaves<'_>) -> Vec<bool> {
        let watched = |input: &InputSource| match *input {
            InputSource::Leaf(i) => tape::watches(leaves.tensors[i as usize].id()),
            InputSource::Captured(i) => tape::watches(self.captured[i as usize].id()),
            InputSource::Random => false,
            InputSource::Variable(i) => {
                let variable = self.variables.get(i, &leaves.variables);
                variable.dtype().is_float() && tape::watches(variable.value().id())
            }
        };
        self.inputs.iter().map(watched).collect()
    }

    /// Runs one of the trace's programs. `seen` gets its inputs as tensors.
    fn execute(
        &self,
        code: &Backend,
        leaves: &Leaves<'_>,
        mut seen: Option<&mut Vec<Tensor>>,
        loc: Line,
    ) -> Result<SmallVec<[Array; 2]>> {
        let mut held = Held::default();
        held.take(&self.variables, &leaves.variables, seen.is_some());
        let random = match self.random_ticks {
            0 => None,
            ticks => Some(Array::from_slice(&[2], &crate::random::reserve(ticks))),
        };
        if let Some(seen) = &mut seen {
            let inputs = self.input_tensors(leaves, random.as_ref(), &|k| held.shown(k));
            seen.extend(inputs.ok_or_else(missing)?);
        }
        let outcome = {
            let mut states = held.args();
            let mut args: SmallVec<[Arg<'_>; 16]> = SmallVec::new();
            for input in &self.inputs {
                let arg = match *input {
                    InputSource::Leaf(i) => leaves.tensors[i as usize].array().map(Arg::Ref),
                    InputSource::Captured(i) => self.captured[i as usize].array().map(Arg::Ref),
                    InputSource::Random => random.as_ref().map(Arg::Ref),
                    InputSource::Variable(k) => states[k as usize].take(),
                };
                args.push(arg.ok_or_else(missing)?);
            }
            code.run(&mut args)
        };
        match outcome {
            Ok(results) => {
                if let Some(seen) = seen.filter(|_| config::checks_numerics()) {
                    self.check(&results, &mut held, seen, loc)?;
                }
                Ok(results)
            }
            Err(error) => Err(self.failure(error, leaves, held, random, loc)),
        }
    }

    /// The inputs of a run as tensors, given the values of variables.
    fn input_tensors(
        &self,
        leaves: &Leaves<'_>,
        random: Option<&Array>,
        variable: &dyn Fn(u32) -> Option<Tensor>,
    ) -> Option<Vec<Tensor>> {
        let tensor = |input: &InputSource| match *input {
            InputSource::Leaf(i) => Some(leaves.tensors[i as usize].clone()),
            InputSource::Captured(i) => Some(self.captured[i as usize].clone()),
            InputSource::Random => random.cloned().map(Tensor::from_array),
            InputSource::Variable(k) => variable(k),
        };
        self.inputs.iter().map(tensor).collect()
    }

    /// The error of a failed run in words that help: which op failed, or needs most of the memory. Lets go of the
    /// variables.
    #[cold]
    fn failure(&self, error: Error, leaves: &Leaves<'_>, held: Held<'_>, random: Option<Array>, loc: Line) -> Error {
        // Memory is the whole function's.
        if error.kind() == Kind::Memory {
            return self.with_largest(error, leaves);
        }
        let inputs = self.input_tensors(leaves, random.as_ref(), &|k| held.value(k).map(Tensor::from_array));
        drop(held);
        self.explained(error, inputs, loc)
    }

    /// An error about memory with the function, and the op that needs most of it with its line.
    #[cold]
    fn with_largest(&self, error: Error, leaves: &Leaves<'_>) -> Error {
        let lengths = |input: &InputSource| match *input {
            InputSource::Leaf(i) => leaves.tensors[i as usize].array(),
            InputSource::Captured(i) => self.captured[i as usize].array(),
            InputSource::Random | InputSource::Variable(_) => None,
        };
        let mut symbols: FxHashMap<u32, i64> = FxHashMap::default();
        for (input, &value) in self.inputs.iter().zip(&self.graph.inputs) {
            let known = lengths(input).map_or(&[][..], |array| array.shape());
            for (dim, &length) in self.graph.spec(value).dims.iter().zip(known) {
                symbols.extend(dim.as_symbol().map(|k| (k, length as i64)));
            }
        }
        let values: Vec<i64> =
            (0..symbols.keys().max().map_or(0, |k| k + 1)).map(|k| symbols.get(&k).copied().unwrap_or(1)).collect();
        let computed = self.graph.iter().filter(|(id, _)| !self.graph.inputs.contains(&id.result(0)));
        let sized = computed.flat_map(|(_, node)| node.outputs.iter().map(move |spec| (node, spec))).filter_map(
            |(node, spec)| {
                let dims =
                    spec.dims.iter().map(|dim| dim.bound().eval(&values, &[]).ok()).collect::<Option<Vec<i64>>>()?;
                let count = dims.iter().try_fold(1i64, |product, &length| product.checked_mul(length))?;
                Some((count.checked_mul(spec.dtype.size() as i64)?, node, TensorSpec::new(spec.dtype, dims)))
            },
        );
        let largest = sized.max_by_key(|(bytes, ..)| *bytes);
        let blamed = largest.map(|(bytes, node, spec)| {
            let attributes = attributes_line(&node.attrs);
            format!(
                "\n  the largest value: `{}` gives {spec}, {bytes} bytes{attributes}\n  at {}",
                node.op.name, node.loc
            )
        });
        error.without_origin().map_message(|mut text| {
            let end = text.find("\n  hint:").unwrap_or(text.len());
            text.insert_str(end, &blamed.unwrap_or_default());
            format!("`{}`: {text}", self.graph.name)
        })
    }

    /// The error of a run on these inputs in the words of the op that makes it. After an error variables have their old
    /// values, so the graph can run again op by op; unless that would be seen.
    #[cold]
    fn explained(&self, error: Error, inputs: Option<Vec<Tensor>>, loc: Line) -> Error {
        let is_seen = self.graph.nodes.iter().any(|node| node.op.effects == Effects::Effect);
        match inputs {
            Some(inputs) if !is_seen && error.kind() != Kind::Internal => {
                replay::failure(&self.graph, &inputs, loc).unwrap_or(error)
            }
            _ => error,
        }
    }

    /// An error that names the op which made a value that is not finite, if there is one. The variables have their old
    /// values then.
    #[cold]
    fn check(&self, results: &[Array], held: &mut Held<'_>, inputs: &[Tensor], loc: Line) -> Result<()> {
        if results.iter().chain(held.states()).all(numerics::is_finite) {
            return Ok(());
        }
        held.restore();
        Err(numerics::blame(&self.graph, inputs, loc))
    }

    /// What the body returned, if it was a `T`.
    pub(crate) fn template<T: 'static>(&self) -> Option<&T> {
        self.template.downcast_ref()
    }

    /// The trace as a graph of the tensor arguments alone: captured tensors and variables, with these as arguments, become
    /// constants of their present value.
    fn frozen(&self, arguments: &[&Variable]) -> Result<Graph> {
        if !self.graph.donations.is_empty() || self.random_ticks > 0 {
            let text = format!("`{}` cannot be saved: it assigns variables or draws random numbers", self.graph.name);
            return Err(Error::new(Kind::Value, text).hint("save the function that only computes a result"));
        }
        let mut builder = GraphBuilder::new(self.graph.name.clone());
        let mut values = Vec::with_capacity(self.inputs.len());
        for ((input, &value), name) in self.inputs.iter().zip(&self.graph.inputs).zip(&self.graph.input_names) {
            let known = match *input {
                InputSource::Captured(k) => self.captured[k as usize].array().cloned(),
                InputSource::Variable(k) => Some(self.variables.get(k, arguments).peek()),
                InputSource::Leaf(_) | InputSource::Random => None,
            };
            values.push(match known {
                Some(array) => builder.constant(array),
                None => builder.parameter(name.clone(), self.graph.spec(value).clone()),
            });
        }
        let outputs = edit::splice(&mut builder, &self.graph, &values)?;
        Ok(builder.finish(outputs))
    }
}

/// An input without a source is a bug of the recorder.
#[cold]
fn missing() -> Error {
    Error::new(Kind::Internal, "a trace's input has no source")
}

/// Whether two graphs are equal but for names and lines.
fn is_same(a: &Graph, b: &Graph) -> bool {
    let same_node = |(a, b): (&Node, &Node)| {
        std::ptr::eq(a.op, b.op) && a.inputs == b.inputs && a.outputs == b.outputs && a.attrs == b.attrs
    };
    (&a.inputs, &a.outputs, &a.donations) == (&b.inputs, &b.outputs, &b.donations)
        && a.nodes.len() == b.nodes.len()
        && a.nodes.iter().zip(&b.nodes).all(same_node)
}

/// One trace of a function: what `f::concrete(..)` gives.
#[derive(Clone)]
pub struct Concrete {
    trace: Arc<Trace>,
    /// The variable arguments that it was asked for with: those that a saved program holds.
    variables: Arc<[Variable]>,
}

impl Concrete {
    /// The trace for a call of these leaves.
    pub(crate) fn new(trace: Arc<Trace>, leaves: &Leaves<'_>) -> Concrete {
        Concrete { trace, variables: leaves.variables.iter().map(|&v| v.clone()).collect() }
    }

    /// The traced graph as text, before any pass.
    pub fn graph(&self) -> String {
        self.trace.graph.to_string()
    }

    /// Signature, timing, and what the compiler made of it.
    pub fn explain(&self) -> String {
        super::report::trace(&self.trace)
    }

    /// What tracing and compiling cost.
    pub fn timing(&self) -> Timing {
        self.trace.timing
    }

    /// Writes the compiled program to a file that the runtime alone can load. Its inputs are the tensor
    /// arguments; variables, those that `concrete` was called with, and captured tensors are saved with their present
    /// value.
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        crate::engine::backend::save(&self.trace.frozen(&self.variables.iter().collect::<Vec<_>>())?, path.as_ref())
    }
}

impl fmt::Debug for Concrete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Concrete({} {})", self.trace.graph.name, self.trace.description)
    }
}
