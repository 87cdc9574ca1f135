//! What a user is told of traces: [`explain`], and the text behind `f::explain()`.

use super::compiled::Trace;
use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::Arc;

thread_local! {
    /// The traces run since [`explain`] began, if it is running.
    static OBSERVED: RefCell<Option<Vec<Arc<Trace>>>> = const { RefCell::new(None) };
}

/// What ran inside [`explain`]; `Display` gives the text.
#[derive(Clone)]
pub struct Explanation {
    traces: Vec<(Arc<Trace>, usize)>,
}

/// Runs `f` and tells which compiled functions it called, methods and closures included: signature, passes,
/// groups of fused ops, and why the rest was not fused.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// #[function]
/// fn double(x: &Tensor) -> Tensor { x * 2.0 }
///
/// let (y, report) = tl::explain(|| double(&constant(1.0)));
/// assert_eq!(y, 2.0);
/// assert!(report.to_string().contains("double"));
/// ```
pub fn explain<R>(f: impl FnOnce() -> R) -> (R, Explanation) {
    struct Restore(Option<Vec<Arc<Trace>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OBSERVED.replace(self.0.take());
        }
    }
    let restore = Restore(OBSERVED.replace(Some(Vec::new())));
    let result = f();
    let observed = OBSERVED.take().unwrap_or_default();
    drop(restore);
    let mut traces: Vec<(Arc<Trace>, usize)> = Vec::new();
    for trace in observed {
        match traces.iter_mut().find(|(t, _)| Arc::ptr_eq(t, &trace)) {
            Some((_, calls)) => *calls += 1,
            None => traces.push((trace, 1)),
        }
    }
    (result, Explanation { traces })
}

/// Notes a run for the [`explain`] in progress.
pub(crate) fn note(trace: &Arc<Trace>) {
    OBSERVED.with_borrow_mut(|observed| {
        if let Some(traces) = observed {
            traces.push(trace.clone());
        }
    });
}

/// One trace: signature, times, and the compiler's report.
pub(crate) fn trace(trace: &Trace) -> String {
    let mut text = trace.description.clone();
    let nodes = trace.graph.nodes.len() - trace.graph.inputs.len();
    let _ = writeln!(
        text,
        "\n  {nodes} ops; traced in {:.3} ms, compiled in {:.3} ms",
        trace.timing.tracing.as_secs_f64() * 1e3,
        trace.timing.compiling.as_secs_f64() * 1e3
    );
    for line in trace.compilation.describe().lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.traces.is_empty() {
            return f.write_str("no compiled function was called\n");
        }
        for (called, calls) in &self.traces {
            write!(f, "{} ({calls} calls) {}", called.graph.name, trace(called))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
