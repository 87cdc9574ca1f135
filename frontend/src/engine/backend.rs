//! [`Backend`]: what runs a traced graph: compiled code, or the interpreter to compare it with.

use super::settings::Settings;
use crate::config;
use crate::error::{Error, Kind, Result};
use smallvec::SmallVec;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use tracelift_compiler::driver::{self, Report};
use tracelift_compiler::graph::Graph;
use tracelift_compiler::interp;
use tracelift_runtime::Array;
pub(crate) use tracelift_runtime::exec::Arg;
use tracelift_runtime::exec::Executable;

/// What the compiler made of a graph, and in how long; None if the interpreter runs it.
pub(crate) struct Compilation(Option<Report>);

impl Compilation {
    /// A time of the report.
    pub(crate) fn spent(&self, time: fn(&Report) -> Duration) -> Duration {
        self.0.as_ref().map(time).unwrap_or_default()
    }

    /// The report in words: made when somebody asks, for most programs nobody does.
    pub(crate) fn describe(&self) -> String {
        self.0.as_ref().map_or_else(|| "run by the interpreter\n".to_owned(), describe)
    }
}

/// Runs one graph, from any number of threads at once.
// The interpreter is for comparisons: that its variant is small saves nothing.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Backend {
    /// Machine code.
    Native(Executable),
    /// The executable specification.
    Interpreter(Graph),
}

impl Backend {
    /// A backend for the graph under this thread's settings, and the compiler's report.
    pub(crate) fn compile(graph: &Graph) -> Result<(Backend, Compilation)> {
        Backend::compile_with(graph, Settings::now())
    }

    /// A backend for the graph, and the compiler's report.
    pub(crate) fn compile_with(graph: &Graph, settings: Settings) -> Result<(Backend, Compilation)> {
        if settings.backend == config::Backend::Interpreter {
            return Ok((Backend::Interpreter(graph.clone()), Compilation(None)));
        }
        let compiled = driver::compile(graph, &settings.options())?;
        Ok((Backend::Native(Executable::new(compiled.program)?), Compilation(Some(compiled.report))))
    }

    /// The results that are not donated, in order. After an error every state has its old value.
    pub(crate) fn run(&self, args: &mut [Arg<'_>]) -> Result<SmallVec<[Array; 2]>> {
        match self {
            Backend::Native(executable) => executable.run(args),
            Backend::Interpreter(graph) => interpret(graph, args),
        }
    }
}

/// The value of a graph without inputs, by the interpreter: nothing is compiled for what is needed once.
pub(crate) fn evaluate(graph: &Graph) -> Result<Vec<Array>> {
    interp::run(graph, &[])
}

/// Compiles the graph and writes the program to a file.
pub(crate) fn save(graph: &Graph, path: &Path) -> Result<()> {
    let program = driver::compile(graph, &Settings::now().options())?.program;
    program.save(path).map_err(|error| match error.kind() {
        Kind::File => error,
        kind => Error::new(kind, format!("{}: {error}", path.display())),
    })
}

fn describe(report: &Report) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut text = format!(
        "passes {:.3} ms, schedule {:.3} ms, code {:.3} ms\n",
        ms(report.pass_time),
        ms(report.schedule_time),
        ms(report.codegen_time)
    );
    let _ = writeln!(text, "{}", report.passes);
    for (producer, consumer, reason) in &report.refusals {
        let _ = writeln!(text, "not fused: {producer} into {consumer}: {reason}");
    }
    for kernel in &report.kernels {
        let _ = writeln!(text, "{kernel}");
    }
    text
}

fn interpret(graph: &Graph, args: &mut [Arg<'_>]) -> Result<SmallVec<[Array; 2]>> {
    let inputs: Vec<Array> = args
        .iter()
        .map(|arg| match arg {
            Arg::Ref(array) => (*array).clone(),
            Arg::State(array) => (**array).clone(),
        })
        .collect();
    let mut results = SmallVec::new();
    for (i, array) in interp::run(graph, &inputs)?.into_iter().enumerate() {
        match graph.donations.iter().find(|d| d.1 as usize == i) {
            Some(&(input, _)) => {
                if let Arg::State(state) = &mut args[input as usize] {
                    **state = array;
                }
            }
            None => results.push(array),
        }
    }
    Ok(results)
}
