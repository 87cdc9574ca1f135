//! Text in, text out: runs every `tests/filetests/**/*.ir`, and the examples that open the pass files.
//!
//! ```text
//! test: pass simplify strict
//! graph @f(%0: f32[4] "x") {
//!   …
//! }
//! ---
//! graph @f(%0: f32[4] "x") {
//!   …
//! }
//! ```
//!
//! The first line names a runner of [`RUNNERS`] and its words; then the input, `---`, the expected text. An error is
//! text too: `error: …`. `TRACELIFT_BLESS=1 cargo test --test filetests` rewrites expectations; words after `--`
//! choose files by name.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use tracelift_compiler::Result;
use tracelift_compiler::grad;
use tracelift_compiler::graph::{Graph, GraphBuilder, edit, parse, print, verify};
use tracelift_compiler::kernel::{self, Kernel};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::schedule::{print as listing, schedule};
use tracelift_compiler::{codegen, passes};

/// Gives the text to compare, or the error.
type Runner = fn(&Case) -> Result<String>;

/// Runners by the first word of the header.
const RUNNERS: &[(&str, Runner)] = &[
    ("parse", run_parse),
    ("print", run_print),
    ("verify", run_verify),
    ("pass", run_pass),
    ("optimize", run_optimize),
    ("grad", run_grad),
    ("schedule", run_schedule),
    ("kernel", run_kernel),
    ("codegen", run_codegen),
];

/// One test.
struct Case {
    /// The words of the header after the runner's name.
    words: Vec<String>,
    /// The text before `---`.
    input: String,
}

impl Case {
    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    /// `O0`, `O1`, `strict`, `fast_math`, `checked`, `fuel=3` among the words.
    fn options(&self) -> Options {
        let level = if self.has("O0") {
            Level::O0
        } else if self.has("O1") {
            Level::O1
        } else {
            Level::O2
        };
        let fuel = self.words.iter().find_map(|w| w.strip_prefix("fuel=")).and_then(|n| n.parse().ok());
        Options {
            strict: self.has("strict"),
            fast_math: self.has("fast_math"),
            verify: true,
            debug_bounds: self.has("checked"),
            fuel,
            ..Options::at(level)
        }
    }

    fn graph(&self) -> Result<Graph> {
        parse::parse(&self.input)
    }
}

/// The graph as printed.
fn run_parse(case: &Case) -> Result<String> {
    case.graph().map(|graph| graph.to_string())
}

/// The graph with its version line; it must read back equal.
fn run_print(case: &Case) -> Result<String> {
    let graph = case.graph()?;
    let text = print::print(&graph);
    assert!(parse::parse(&text)? == graph, "what is printed reads back as another graph:\n{text}");
    Ok(text)
}

/// `valid`, or what the verifier says.
fn run_verify(case: &Case) -> Result<String> {
    verify::verify(&case.graph()?).map(|()| "valid".to_owned())
}

/// The graph after one pass; with the word `explain`, near-misses too.
fn run_pass(case: &Case) -> Result<String> {
    let name = case.words.first().map_or("", String::as_str);
    let (graph, report) = passes::run_alone(name, &case.graph()?, &case.options())?;
    let mut text = graph.to_string();
    for miss in report.runs.iter().flat_map(|r| &r.blocked).filter(|_| case.has("explain")) {
        text.push_str(&format!("\nnot done: {} at `{}`: {}", miss.rule, miss.op, miss.why));
    }
    Ok(text)
}

/// The graph after all passes of the level.
fn run_optimize(case: &Case) -> Result<String> {
    passes::optimize(&case.graph()?, &case.options()).map(|(graph, _)| graph.to_string())
}

/// The gradients of the sum of the first output with respect to all inputs; `optimize` cleans them up.
fn run_grad(case: &Case) -> Result<String> {
    let graph = case.graph()?;
    let (target, sources) = (graph.outputs[0], graph.inputs.clone());
    let mut builder = GraphBuilder::from_graph(graph);
    let gradients = grad::gradient(&mut builder, &[(target, None)], &sources)?;
    let mut graph = builder.finish(gradients.into_iter().flatten().collect());
    edit::sweep(&mut graph);
    optimized(case, graph).map(|graph| graph.to_string())
}

/// Groups, kernels and steps of the graph; with the word `optimize`, after all passes. The kernels' text reads back.
fn run_schedule(case: &Case) -> Result<String> {
    let (graph, options) = (optimized(case, case.graph()?)?, case.options());
    for kernel in schedule(&graph, &options)?.kernels {
        assert_eq!(kernel::parse::parse(&kernel.to_string())?, kernel, "a kernel reads back as another:\n{kernel}");
    }
    listing::print(&graph, &options)
}

/// The kernel as printed, if it verifies.
fn run_kernel(case: &Case) -> Result<String> {
    kernel::parse::parse(&case.input).map(|kernel| kernel.to_string())
}

/// The Cranelift IR of a kernel, or of the graph's; with the word `summary`, how much there is of what.
fn run_codegen(case: &Case) -> Result<String> {
    let kernels = match case.input.starts_with("kernel") {
        true => vec![kernel::parse::parse(&case.input)?],
        false => schedule(&optimized(case, case.graph()?)?, &case.options())?.kernels,
    };
    let text = |kernel: &Kernel| {
        let code = if case.has("summary") { codegen::summary(kernel) } else { codegen::clif(kernel) };
        code.map(|code| format!("{}:\n{code}", kernel.name))
    };
    kernels.iter().map(text).collect()
}

/// The graph, with the word `optimize` after all passes.
fn optimized(case: &Case, graph: Graph) -> Result<Graph> {
    if case.has("optimize") { Ok(passes::optimize(&graph, &case.options())?.0) } else { Ok(graph) }
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let is_chosen = |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f));
    let files = support::files(&support::root().join("tests/filetests"), "ir");
    let docs = support::files(&support::root().join("compiler/src/passes"), "rs");
    let mut failures = Vec::new();
    let mut count = 0;
    let tests = files.iter().map(|p| (p, run_file as fn(&Path) -> Result<(), String>));
    let tests = tests.chain(docs.iter().map(|p| (p, run_doc as fn(&Path) -> Result<(), String>)));
    for (path, run) in tests {
        let name = support::relative(path);
        if !is_chosen(&name) {
            continue;
        }
        count += 1;
        let result = catch_unwind(AssertUnwindSafe(|| run(path))).unwrap_or_else(|_| Err("panicked".to_owned()));
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        failures.extend(result.err().map(|why| format!("---- {name}\n{why}")));
    }
    println!("\n{}\nfiletests: {count} run, {} failed", failures.join("\n"), failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one file; on a difference says it, or blesses it.
fn run_file(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let (header, rest) = text.split_once('\n').ok_or("the file has no header line")?;
    let (input, expected) = rest.split_once("---\n").unwrap_or((rest, ""));
    let received = run_header(header, input)?;
    if received == expected {
        return Ok(());
    }
    if support::bless() {
        return std::fs::write(path, format!("{header}\n{input}---\n{received}")).map_err(|e| e.to_string());
    }
    Err(format!("{}(bless with TRACELIFT_BLESS=1)", support::diff(expected, &received)))
}

/// What the runner named by the header makes of the input, as lines.
fn run_header(header: &str, input: &str) -> Result<String, String> {
    let words = header.trim().strip_prefix("test:").ok_or("the first line is not `test: …`")?;
    let mut words = words.split_whitespace().map(str::to_owned);
    let name = words.next().unwrap_or_default();
    let (_, runner) = RUNNERS.iter().find(|(n, _)| *n == name).ok_or_else(|| format!("there is no runner `{name}`"))?;
    let case = Case { words: words.collect(), input: input.to_owned() };
    let received = runner(&case).unwrap_or_else(|e| format!("error: {e}"));
    Ok(format!("{}\n", received.trim_end()))
}

/// Runs the example that opens a pass file: `Before` through the pass gives `After`. Files of other things have none.
fn run_doc(path: &Path) -> Result<(), String> {
    let source = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let is_pass = source.contains("pub static PASS: Pass");
    let doc: Vec<&str> =
        source.lines().map_while(|l| l.strip_prefix("//!")).map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
    let doc = doc.join("\n");
    let Some((before, after)) = doc.split_once("\nBefore").and_then(|(_, text)| text.split_once("\nAfter\n")) else {
        return if is_pass { Err("the file does not open with Before and After".to_owned()) } else { Ok(()) };
    };
    let (words, before) = before.split_once('\n').unwrap_or(("", before));
    let after = after.split("```").next().unwrap_or_default();
    let pass = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let received = run_header(&format!("test: pass {pass} {}", words.trim().trim_matches(['(', ')'])), before)?;
    if received == after {
        return Ok(());
    }
    if support::bless() {
        let quoted = |text: &str| text.lines().map(|l| format!("//! {l}\n")).collect::<String>();
        return std::fs::write(path, source.replacen(&quoted(after), &quoted(&received), 1)).map_err(|e| e.to_string());
    }
    Err(format!("{}(bless with TRACELIFT_BLESS=1)", support::diff(after, &received)))
}
