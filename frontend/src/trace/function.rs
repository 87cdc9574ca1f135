//! [`FunctionState`]: a traced function's traces, and the path of a call. Start with [`call`].

use super::arg::{Args, Returned};
use super::cache::{self, Last};
use super::compiled::{Concrete, Trace};
use super::key::TypeKey;
use super::leaf::Leaves;
use super::recorder::{self, Recording};
use super::report;
use super::signature::Signature;
use super::variables::Variables;
use crate::autograd::tape;
use crate::config;
use crate::engine::settings;
use crate::error::{Error, Kind, Result, at, attempt, raise};
use crate::log::{self, LogLevel};
use crate::tensor::Tensor;
use crate::variable::Variable;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tracelift_runtime::DType;

type Line = &'static Location<'static>;

/// After so many traces a function is likely traced for a reason its author does not know.
const WARN_AFTER: usize = 6;

static EAGERLY: AtomicBool = AtomicBool::new(false);

/// Runs the bodies of traced functions op by op from now on, or not: for debugging.
pub fn run_eagerly(eagerly: bool) {
    EAGERLY.store(eagerly, Ordering::Relaxed);
}

/// A traced function: who it is, and its traces. A `static` in the code that `#[function]` generates.
pub struct FunctionState {
    name: &'static str,
    parameters: &'static [&'static str],
    file: &'static str,
    line: u32,
    input_signature: Option<&'static [InputSpec]>,
    /// Given at the first call; 0 before.
    id: AtomicU64,
    /// Counts [`clear`](Self::clear)s, so that threads forget what they kept.
    generation: AtomicU64,
    book: Mutex<Book>,
    /// Held while the body is traced: others wait for the trace instead of making their own.
    tracing: Mutex<()>,
}

/// One entry of an `input_signature`.
pub struct InputSpec {
    /// Element type.
    pub dtype: DType,
    /// Sizes; None is any.
    pub dims: &'static [Option<i64>],
}

struct Book {
    traces: Vec<Arc<Trace>>,
    /// The trace made last, with the variables of its call.
    latest: Option<Concrete>,
    trace_count: usize,
    compile_count: usize,
    /// Why there is more than one trace.
    notes: Vec<String>,
    /// Variables that the body made, in order.
    created: Vec<Variable>,
    /// Why sizes are not generalised, if they cannot be.
    specialized: Option<String>,
}

impl FunctionState {
    /// A function without traces.
    pub const fn new(name: &'static str, parameters: &'static [&'static str], file: &'static str, line: u32) -> Self {
        FunctionState {
            name,
            parameters,
            file,
            line,
            input_signature: None,
            id: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            book: Mutex::new(Book {
                traces: Vec::new(),
                latest: None,
                trace_count: 0,
                compile_count: 0,
                notes: Vec::new(),
                created: Vec::new(),
                specialized: None,
            }),
            tracing: Mutex::new(()),
        }
    }

    /// With dtype and sizes of the tensor arguments fixed beforehand.
    pub const fn with_input_signature(mut self, specs: &'static [InputSpec]) -> Self {
        self.input_signature = Some(specs);
        self
    }

    /// How often the body was traced. A run of it that finds a trace good for other variables too is not counted.
    pub fn trace_count(&self) -> usize {
        self.book().trace_count
    }

    /// How often a trace was compiled.
    pub fn compile_count(&self) -> usize {
        self.book().compile_count
    }

    /// The traces with their signatures, and what the compiler made of each.
    pub fn explain(&self) -> String {
        let book = self.book();
        let mut text = format!(
            "{} ({}:{}): {} traces, {} compiled\n",
            self.name, self.file, self.line, book.trace_count, book.compile_count
        );
        for note in &book.notes {
            let _ = writeln!(text, "retraced: {}", note.replace('\n', "\n          "));
        }
        if let Some(reason) = &book.specialized {
            let _ = writeln!(text, "one trace for each size: {reason}");
        }
        for (i, trace) in book.traces.iter().enumerate() {
            let _ = write!(text, "trace {i} {}", report::trace(trace));
        }
        text
    }

    /// Forgets every trace, and the variables that the body made.
    pub fn clear(&self) {
        let mut book = self.book();
        let old = (std::mem::take(&mut book.traces), book.latest.take());
        let created = std::mem::take(&mut book.created);
        (book.trace_count, book.compile_count, book.specialized) = (0, 0, None);
        book.notes.clear();
        self.generation.fetch_add(1, Ordering::Release);
        drop(book);
        drop((old, created));
    }

    /// Writes the last trace's compiled program, with the variables of the call that was traced, to a file. An error if
    /// there is no trace yet.
    pub fn save(&self, path: &std::path::Path) -> Result<()> {
        let latest = self.book().latest.clone();
        let latest = latest.ok_or_else(|| {
            let text = format!("`{}` cannot be saved: it has not been traced", self.name);
            Error::new(Kind::Value, text).hint("call it once, or make a trace with `concrete(..)`")
        })?;
        latest.save(path)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> u64 {
        match self.id.load(Ordering::Relaxed) {
            0 => self.assign_id(),
            id => id,
        }
    }

    #[cold]
    fn assign_id(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.id.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => id,
            Err(other) => other,
        }
    }

    /// A trace that serves the call, if there is one.
    fn find(&self, leaves: &Leaves<'_>) -> Option<Arc<Trace>> {
        self.book().traces.iter().find(|t| t.admits(leaves)).cloned()
    }

    /// The signature of a trace that would serve the call if it is good for its variables.
    fn would_admit(&self, leaves: &Leaves<'_>) -> Option<Signature> {
        let book = self.book();
        let trace = book.traces.iter().find(|t| t.signature.admits(leaves))?;
        Some(trace.signature.with_leaves_of(leaves))
    }

    /// The trace that serves the call which was just recorded: one for its variables, or one that is the same but for
    /// them.
    fn find_recorded(&self, recording: &Recording, variables: &Variables, leaves: &Leaves<'_>) -> Option<Arc<Trace>> {
        let book = self.book();
        let mut fitting = book.traces.iter().filter(|t| t.signature.admits(leaves));
        let same = fitting.find(|t| t.admits(leaves) || t.is(recording, variables))?;
        same.free(leaves);
        Some(same.clone())
    }

    fn keep(&self, trace: Trace, created: Vec<Variable>, leaves: &Leaves<'_>) -> Arc<Trace> {
        let trace = Arc::new(trace);
        let mut book = self.book();
        let before = book.latest.replace(Concrete::new(trace.clone(), leaves));
        book.trace_count += 1;
        book.compile_count += 1;
        if created.len() > book.created.len() {
            book.created = created;
        }
        // Traces for exact sizes first: they are the faster ones.
        let at = match trace.signature.symbols {
            0 => book.traces.iter().position(|t| t.signature.symbols > 0).unwrap_or(book.traces.len()),
            _ => book.traces.len(),
        };
        book.traces.insert(at, trace.clone());
        let count = book.trace_count;
        let why = || match book.notes.last() {
            Some(note) if count > 1 => format!("; the last time because of:\n{note}"),
            _ => String::new(),
        };
        let level = if count == WARN_AFTER { LogLevel::Warn } else { LogLevel::Info };
        log::tell(level, || {
            format!("`{}` ({}:{}) has been traced {count} times{}", self.name, self.file, self.line, why())
        });
        drop(book);
        // Dropped outside the lock: it may be the last owner of variables.
        drop(before);
        trace
    }
}

/// Calls the function: runs the trace that fits, made now if there is none.
#[track_caller]
pub fn call<A: Args, R: Returned>(
    function: &FunctionState,
    instance: TypeKey,
    args: A,
    body: impl Fn(&A, &A::Held) -> R,
) -> R {
    let loc = Location::caller();
    match invoke(function, instance, &args, &body, loc) {
        Ok(result) => result,
        Err(error) => raise(error, loc),
    }
}

/// Like [`call`], but any error inside is the answer instead of a panic.
#[track_caller]
pub fn try_call<A: Args, R: Returned>(
    function: &FunctionState,
    instance: TypeKey,
    args: A,
    body: impl Fn(&A, &A::Held) -> R,
) -> Result<R> {
    let loc = Location::caller();
    attempt(|| invoke(function, instance, &args, &body, loc))?.map_err(|e| at(e, loc))
}

/// The trace for these arguments, made if there is none; nothing is run.
#[track_caller]
pub fn concrete<A: Args, R: Returned>(
    function: &FunctionState,
    instance: TypeKey,
    args: A,
    body: impl Fn(&A, &A::Held) -> R,
) -> Result<Concrete> {
    let loc = Location::caller();
    let mut leaves = Leaves::new();
    leaves.instance(instance);
    args.visit(function.parameters, &mut leaves);
    if let Some(trace) = function.find(&leaves) {
        return Ok(Concrete::new(trace, &leaves));
    }
    match attempt(|| trace(function, instance, &args, &body, loc))?.map_err(|e| at(e, loc))? {
        Ok(trace) => {
            // The body may have made variables that are leaves now.
            let mut leaves = Leaves::new();
            args.visit(function.parameters, &mut leaves);
            Ok(Concrete::new(trace, &leaves))
        }
        Err(_) => Err(Error::new(Kind::Value, format!("`{}` returned an error while it was traced", function.name))),
    }
}

fn invoke<A: Args, R: Returned>(
    function: &FunctionState,
    instance: TypeKey,
    args: &A,
    body: &dyn Fn(&A, &A::Held) -> R,
    loc: Line,
) -> Result<R> {
    let op_by_op = || Ok(body(args, &args.hold(&mut Tensor::clone)));
    // Inside another trace the body records itself.
    if recorder::is_active() || EAGERLY.load(Ordering::Relaxed) {
        return op_by_op();
    }
    let mut leaves = Leaves::new();
    leaves.instance(instance);
    args.visit(function.parameters, &mut leaves);
    let (id, generation) = (function.id(), function.generation.load(Ordering::Acquire));
    let last = cache::take(id, generation).filter(|last| last.admits(&leaves));
    if let Some(last) = last.or_else(|| function.find(&leaves).map(|trace| Last::new(trace, &leaves))) {
        return finish(id, generation, last, &leaves, loc, &op_by_op);
    }
    if let Some(symbol) = leaves.tensors.iter().find_map(|t| t.symbol()) {
        return Err(recorder::leak(symbol, &format!("#[function] `{}`", function.name), loc));
    }
    // A tape that is open sees the call as one step, and nothing of the tracing.
    match tape::aside(|| trace(function, instance, args, body, loc))? {
        Err(failed) => Ok(failed),
        Ok(trace) => {
            // The body may have made variables that are leaves now.
            let mut leaves = Leaves::new();
            leaves.instance(instance);
            args.visit(function.parameters, &mut leaves);
            finish(id, generation, Last::new(trace, &leaves), &leaves, loc, &op_by_op)
        }
    }
}

/// Runs the trace and puts its results in the places that the body gave them; `op_by_op` where a tape needs that.
fn finish<R: Returned>(
    id: u64,
    generation: u64,
    mut last: Last,
    leaves: &Leaves<'_>,
    loc: Line,
    op_by_op: &dyn Fn() -> Result<R>,
) -> Result<R> {
    report::note(&last.trace);
    let trace = &last.trace;
    let outcome = settings::shown(&trace.graph.name, || match tape::is_recording() {
        false => {
            let arrays = trace.run(leaves, loc).map_err(|error| match config::checks_numerics() {
                true => error,
                false => with_arguments(error, leaves),
            });
            arrays.and_then(|arrays| rebuild(trace, arrays.into_iter().map(Tensor::from_array)))
        }
        true => match trace.run_taped(leaves, loc) {
            Some(results) => results.and_then(|tensors| rebuild(trace, tensors.into_iter())),
            None => op_by_op(),
        },
    });
    last.update(leaves);
    cache::put(id, generation, last);
    outcome
}

/// The error of a run with the tensors it was called with, above the hint.
#[cold]
fn with_arguments(error: Error, leaves: &Leaves<'_>) -> Error {
    let list: Vec<String> = leaves.tensors.iter().map(|tensor| tensor.spec().to_string()).collect();
    error.map_message(|mut text| {
        let end = text.find("\n  hint:").unwrap_or(text.len());
        text.insert_str(end, &format!("\n  arguments: {}", list.join(", ")));
        text
    })
}

fn rebuild<R: Returned>(trace: &Trace, mut results: impl Iterator<Item = Tensor>) -> Result<R> {
    let value = trace.template::<R::Value>().and_then(|template| {
        super::tree::Tree::map_tensors(template, &mut |leaf| match leaf.is_symbolic() {
            true => results.next().unwrap_or_else(|| leaf.clone()),
            false => leaf.clone(),
        })
    });
    let wrong = || Error::new(Kind::Internal, format!("`{}` ran a trace of another result type", trace.graph.name));
    value.map(R::from_value).ok_or_else(wrong)
}

/// Traces the body for this call and compiles it, or finds that another thread just did. The inner `Err` is what
/// the body returned when it failed.
fn trace<A: Args, R: Returned>(
    function: &FunctionState,
    instance: TypeKey,
    args: &A,
    body: &dyn Fn(&A, &A::Held) -> R,
    loc: Line,
) -> Result<std::result::Result<Arc<Trace>, R>> {
    let _one = function.tracing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut leaves = Leaves::named();
    leaves.instance(instance);
    args.visit(function.parameters, &mut leaves);
    if let Some(trace) = function.find(&leaves) {
        return Ok(Ok(trace));
    }
    let attempt_trace = |signature: Signature, quiet: bool| {
        let start = Instant::now();
        let (recording, value) = match record(function, &signature, &leaves, args, body, quiet, loc)? {
            Ok(recorded) => recorded,
            Err(failed) => return Ok(Err(failed)),
        };
        let tracing = start.elapsed();
        let mut after = Leaves::new();
        after.instance(instance);
        args.visit(function.parameters, &mut after);
        let variables = Variables::new(&recording.variables, &after);
        if let Some(same) = function.find_recorded(&recording, &variables, &after) {
            if !same.signature.admits(&leaves) {
                // The body made a new model's variables, and now the call is one that there is a trace for.
                function.book().trace_count += 1;
            }
            return Ok(Ok(same));
        }
        note_retrace(function, &leaves);
        let created = recording.created.clone();
        let signature = signature.with_leaves_of(&after);
        let trace = Trace::compile(recording, signature, variables, function.parameters, Box::new(value), tracing)?;
        Ok(Ok(function.keep(trace, created, &after)))
    };
    if let Some(signature) = function.would_admit(&leaves) {
        return attempt_trace(signature, false);
    }
    if let Some(specs) = function.input_signature {
        let specs: Vec<_> = specs.iter().map(|spec| (spec.dtype, spec.dims)).collect();
        let signature = Signature::of(&leaves).with_specs(&specs).map_err(|reason| {
            let text = format!("#[function] `{}`: {reason}", function.name);
            at(Error::new(Kind::Shape, text).hint("the call must agree with the attribute's input_signature"), loc)
        })?;
        return attempt_trace(signature, false);
    }
    // Where panics abort, no attempt may fail.
    let general = if cfg!(panic = "abort") { None } else { generalized(function, &leaves) };
    if let Some(general) = general {
        // A body may need sizes as numbers. Then this attempt fails, quietly, and each size gets a trace.
        let reason = match catch_unwind(AssertUnwindSafe(|| attempt_trace(general, true))) {
            Ok(Ok(Ok(trace))) => return Ok(Ok(trace)),
            Ok(Ok(Err(_))) => "the body returns an error when sizes are unknown".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => match panic.downcast::<Error>() {
                Ok(error) => error.to_string(),
                Err(_) => "the body panics when sizes are unknown".to_owned(),
            },
        };
        function.book().specialized = Some(reason);
    }
    attempt_trace(Signature::of(&leaves), false)
}

/// A signature with symbolic sizes, if an earlier trace differs from this call in sizes alone.
fn generalized(function: &FunctionState, leaves: &Leaves<'_>) -> Option<Signature> {
    let book = function.book();
    if book.specialized.is_some() {
        return None;
    }
    let fixed = |i: usize| leaves.tensor_name(i).is_some_and(|(_, object)| object);
    book.traces.iter().rev().find_map(|trace| trace.signature.generalized(leaves, &fixed))
}

fn note_retrace(function: &FunctionState, leaves: &Leaves<'_>) {
    let mut book = function.book();
    // Against the trace that is nearest: the one with the fewest differences.
    let nearest = book.traces.iter().map(|t| t.signature.difference(leaves, function.parameters));
    if let Some(note) = nearest.min_by_key(|text| text.lines().count()) {
        let other = || "the body uses a variable in another way: one that it captures is an argument too".to_owned();
        book.notes.push(if note.is_empty() { other() } else { note });
    }
}

/// Runs the body with symbolic tensors.
fn record<A: Args, R: Returned>(
    function: &FunctionState,
    signature: &Signature,
    leaves: &Leaves<'_>,
    args: &A,
    body: &dyn Fn(&A, &A::Held) -> R,
    quiet: bool,
    loc: Line,
) -> Result<std::result::Result<(Recording, R::Value), R>> {
    let created = function.book().created.clone();
    let session = recorder::begin(function.name, created, quiet);
    // Data gets its symbols in the order of the walk: one tensor in two places is two inputs.
    let mut data = Vec::new();
    for (i, &tensor) in leaves.tensors.iter().enumerate() {
        let (name, object) = leaves.tensor_name(i).unwrap_or(("", false));
        let symbol = session.leaf(i, name, signature.tensors[i].spec(), object.then_some(tensor), loc);
        if !object {
            data.push(symbol);
        }
    }
    let (mut data, mut is_short) = (data.into_iter(), false);
    let held = args.hold(&mut |tensor| {
        data.next().unwrap_or_else(|| {
            is_short = true;
            tensor.clone()
        })
    });
    if is_short || data.next().is_some() {
        let text = format!("#[function] `{}`: `visit` and `map_tensors` of an argument disagree", function.name);
        return Err(at(Error::new(Kind::Value, text).hint("both go over the same tensors in the same order"), loc));
    }
    let value = match body(args, &held).into_value() {
        Ok(value) => value,
        Err(failed) => return Ok(Err(failed)),
    };
    let value = super::tree::Tree::map_tensors(&value, &mut |tensor| session.result(tensor, loc)).unwrap_or(value);
    let recording = {
        let mut results = Leaves::new();
        super::tree::Tree::visit(&value, &mut results);
        let symbolic: Vec<&Tensor> = results.tensors.iter().copied().filter(|t| t.is_symbolic()).collect();
        session.finish(&symbolic, loc)?
    };
    Ok(Ok((recording, value)))
}
