//! [`Trace`]: a finished trace and its compiled code; [`Concrete`]: a user's handle on one.
//!
//! A run locks the variables that the trace assigns, in the order of their ids, until it is over, and takes
//! snapshots of those it only reads. It allocates nothing of its own for up to eight variables.

use super::leaf::Leaves;
use super::recorder::{InputSource, Recording};
use super::signature::Signature;
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
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tracelift_compiler::TensorSpec;
use tracelift_compiler::graph::builder::{GraphBuilder, attributes_line};
use tracelift_compiler::graph::opdef::Effects;
use tracelift_compiler::graph::{Graph, edit};
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
    variables: Box<[Slot]>,
    captured: Box<[Tensor]>,
    /// The variable arguments of the call that was traced: those that a saved program holds.
    traced_variables: Box<[Variable]>,
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

/// A variable of the trace.
struct Slot {
    source: VariableSource,
    written: bool,
}

enum VariableSource {
    /// Variable leaf of the arguments.
    Argument(u32),
    /// The same at every call.
    Captured(Variable),
}

impl Trace {
    /// Compiles a recording. `leaves` are those of the call now that the body has run: it may have made variables.
    pub(crate) fn compile(
        recording: Recording,
        signature: Signature,
        leaves: &Leaves<'_>,
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
        let slots = recording.variables.into_iter().map(|used| {
            let position = leaves.variables.iter().position(|v| v.id() == used.variable.id());
            let source = match position {
                Some(i) => VariableSource::Argument(i as u32),
                None => VariableSource::Captured(used.variable),
            };
            Slot { source, written: used.written }
        });
        Ok(Trace {
            description: signature.describe(names),
            signature,
            graph: recording.graph,
            compilation,
            timing,
            backend,
            inputs: recording.inputs.into(),
            variables: slots.collect(),
            captured: recording.captured.into(),
            traced_variables: leaves.variables.iter().map(|&v| v.clone()).collect(),
            random_ticks: recording.random_ticks,
            constants: recording.constants.into(),
            is_differentiable: recording.is_differentiable,
            taped: TapedForms::default(),
            template,
        })
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
                let variable = self.variables[i as usize].variable(leaves);
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
        let variables: SmallVec<[&Variable; 8]> = self.variables.iter().map(|slot| slot.variable(leaves)).collect();
        let mut order: SmallVec<[u32; 8]> = (0..variables.len() as u32).collect();
        if !variables.is_sorted_by_key(|v| v.id()) {
            order.sort_unstable_by_key(|&i| variables[i as usize].id());
        }
        let mut snapshots: SmallVec<[Option<Array>; 8]> = variables.iter().map(|_| None).collect();
        let mut guards: SmallVec<[(u32, MutexGuard<'_, Array>); 8]> = SmallVec::new();
        let mut values: SmallVec<[Option<Tensor>; 8]> = SmallVec::new();
        if seen.is_some() {
            values.resize(variables.len(), None);
        }
        for i in order {
            let variable = variables[i as usize];
            match (self.variables[i as usize].written, values.get_mut(i as usize)) {
                (true, None) => guards.push((i, variable.lock())),
                (false, None) => snapshots[i as usize] = Some(variable.peek()),
                (true, Some(value)) => {
                    let (guard, before) = variable.lock_and_read();
                    guards.push((i, guard));
                    *value = Some(before);
                }
                (false, Some(value)) => {
                    let read = variable.value();
                    snapshots[i as usize] = read.array().cloned();
                    *value = Some(read);
                }
            }
        }
        let mut states: SmallVec<[Option<&mut Array>; 8]> = variables.iter().map(|_| None).collect();
        for (i, guard) in &mut guards {
            states[*i as usize] = Some(guard);
        }
        let random = match self.random_ticks {
            0 => None,
            ticks => Some(Array::from_slice(&[2], &crate::random::reserve(ticks))),
        };
        let missing = || Error::new(Kind::Internal, "a trace's input has no source");
        if let Some(seen) = &mut seen {
            for input in &self.inputs {
                seen.push(match *input {
                    InputSource::Leaf(i) => leaves.tensors[i as usize].clone(),
                    InputSource::Captured(i) => self.captured[i as usize].clone(),
                    InputSource::Random => Tensor::from_array(random.clone().ok_or_else(missing)?),
                    InputSource::Variable(i) => values[i as usize].clone().ok_or_else(missing)?,
                });
            }
        }
        let mut args: SmallVec<[Arg<'_>; 16]> = SmallVec::new();
        for input in &self.inputs {
            args.push(match *input {
                InputSource::Leaf(i) => Arg::Ref(leaves.tensors[i as usize].array().ok_or_else(missing)?),
                InputSource::Captured(i) => Arg::Ref(self.captured[i as usize].array().ok_or_else(missing)?),
                InputSource::Random => Arg::Ref(random.as_ref().ok_or_else(missing)?),
                InputSource::Variable(i) => match states[i as usize].take() {
                    Some(state) => Arg::State(state),
                    None => Arg::Ref(snapshots[i as usize].as_ref().ok_or_else(missing)?),
                },
            });
        }
        let outcome = code.run(&mut args);
        drop(args);
        drop(states);
        let results = match outcome {
            Ok(results) => results,
            // Memory is the whole function's.
            Err(error) if error.kind() == Kind::Memory => return Err(self.with_largest(error, leaves)),
            Err(error) => {
                let state = |i: u32| guards.iter().find(|(k, _)| *k == i).map(|(_, array)| Array::clone(array));
                let variable = |i: u32| snapshots[i as usize].clone().or_else(|| state(i));
                let inputs = self.inputs.iter().map(|input| match *input {
                    InputSource::Leaf(i) => Some(leaves.tensors[i as usize].clone()),
                    InputSource::Captured(i) => Some(self.captured[i as usize].clone()),
                    InputSource::Random => random.clone().map(Tensor::from_array),
                    InputSource::Variable(i) => variable(i).map(Tensor::from_array),
                });
                let inputs: Option<Vec<Tensor>> = inputs.collect();
                drop(guards);
                return Err(self.explained(error, inputs, loc));
            }
        };
        if let Some(seen) = seen.filter(|_| config::checks_numerics()) {
            self.check(&results, &mut guards, &values, seen, loc)?;
        }
        Ok(results)
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
        error.map_message(|mut text| {
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
    fn check(
        &self,
        results: &[Array],
        guards: &mut [(u32, MutexGuard<'_, Array>)],
        before: &[Option<Tensor>],
        inputs: &[Tensor],
        loc: Line,
    ) -> Result<()> {
        if results.iter().all(numerics::is_finite) && guards.iter().all(|(_, array)| numerics::is_finite(array)) {
            return Ok(());
        }
        for (i, guard) in guards {
            if let Some(array) = before[*i as usize].as_ref().and_then(Tensor::array) {
                guard.clone_from(array);
            }
        }
        Err(numerics::blame(&self.graph, inputs, loc))
    }

    /// What the body returned, if it was a `T`.
    pub(crate) fn template<T: 'static>(&self) -> Option<&T> {
        self.template.downcast_ref()
    }

    /// The trace as a graph of the tensor arguments alone: captured tensors and variables become constants of
    /// their present value.
    pub(crate) fn frozen(&self) -> Result<Graph> {
        if !self.graph.donations.is_empty() || self.random_ticks > 0 {
            let text = format!("`{}` cannot be saved: it assigns variables or draws random numbers", self.graph.name);
            return Err(Error::new(Kind::Value, text).hint("save the function that only computes a result"));
        }
        let mut builder = GraphBuilder::new(self.graph.name.clone());
        let mut values = Vec::with_capacity(self.inputs.len());
        for ((input, &value), name) in self.inputs.iter().zip(&self.graph.inputs).zip(&self.graph.input_names) {
            let known = match *input {
                InputSource::Captured(k) => self.captured[k as usize].array().cloned(),
                InputSource::Variable(k) => match &self.variables[k as usize].source {
                    VariableSource::Captured(v) => Some(v.peek()),
                    VariableSource::Argument(i) => Some(self.traced_variables[*i as usize].peek()),
                },
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

impl Slot {
    fn variable<'s>(&'s self, leaves: &'s Leaves<'_>) -> &'s Variable {
        match &self.source {
            VariableSource::Argument(i) => leaves.variables[*i as usize],
            VariableSource::Captured(variable) => variable,
        }
    }
}

/// One trace of a function: what `f::concrete(..)` gives.
pub struct Concrete(pub(crate) Arc<Trace>);

impl Concrete {
    /// The traced graph as text, before any pass.
    pub fn graph(&self) -> String {
        self.0.graph.to_string()
    }

    /// Signature, timing, and what the compiler made of it.
    pub fn explain(&self) -> String {
        super::report::trace(&self.0)
    }

    /// What tracing and compiling cost.
    pub fn timing(&self) -> Timing {
        self.0.timing
    }

    /// Writes the compiled program to a file that the runtime alone can load. Its inputs are the tensor
    /// arguments; variables and captured tensors are saved with their present value.
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        crate::engine::backend::save(&self.0.frozen()?, path.as_ref())
    }
}

impl fmt::Debug for Concrete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Concrete({} {})", self.0.graph.name, self.0.description)
    }
}
