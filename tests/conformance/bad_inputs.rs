//! Calls and files that must be refused, or answered as their case says: [`records`].
//!
//! A line of `bad-inputs/cases.jsonl` has a `call` or a `file`, and says what to `expect` in words that [`Expected`]
//! understands. A call runs eagerly and in a compiled function, each within the bounds of [`watch`](crate::watch).
//! An argument that has no counterpart in Rust's types (a fraction as an axis, a word where a truth value stands) is
//! refused by the reader, in the compiler's place.

use crate::calls::{self, Fault, Prepared, Refusal};
use crate::outcome::{Failure, Outcome, What};
use crate::python;
use crate::report::Record;
use crate::values::Value;
use crate::watch;
use crate::ways::{self, Way};
use serde_json::Value as Json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tracelift::Tensor;
use tracelift_compiler::ops::eval;
use tracelift_runtime::Array;

/// The name of the corpus' folder.
pub const FOLDER: &str = "bad-inputs";

/// The outcomes of all cases whose group is chosen, and how many files there are of formats that are not read yet.
pub fn records(corpora: &Path, is_chosen: &dyn Fn(&str) -> bool) -> Result<(Vec<Record>, usize), String> {
    let folder = corpora.join(FOLDER);
    let manifest = folder.join("cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&manifest) else { return Ok((Vec::new(), 0)) };
    let (mut records, mut not_run) = (Vec::new(), 0);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let line: Json = serde_json::from_str(line).map_err(|e| format!("{}:{number}: {e}", manifest.display()))?;
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let op = format!("{FOLDER}.{}", text("group"));
        if !is_chosen(&op) {
            continue;
        }
        let (call, file) = (text("call"), text("file"));
        let failures = match call.is_empty() {
            false => run_call(&call, &text("expect")),
            true if file.ends_with(".safetensors") => run_file(&folder.join("files").join(file)),
            true => {
                not_run += 1;
                continue;
            }
        };
        records.push(Record {
            subject: FOLDER,
            id: text("id"),
            op,
            has_gradients: false,
            outcome: Outcome::Ran(failures),
        });
    }
    Ok((records, not_run))
}

/// An answer that a case accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    /// A clear error.
    Error,
    /// A result without elements.
    Empty,
    /// Zeros alone.
    Zeros,
    /// NaN among the elements.
    NaN,
    /// The least or the greatest value of the result's integers.
    Extreme,
    /// A value that the docs state; there is none to compare with.
    Value,
}

/// What the words of a case stand for; the first that occurs in a part of the sentence counts.
const WORDS: &[(&str, Answer)] = &[
    ("error", Answer::Error),
    ("limit", Answer::Error),
    ("empty", Answer::Empty),
    ("zero", Answer::Zeros),
    ("nan", Answer::NaN),
    ("saturates", Answer::Extreme),
    ("int_min", Answer::Extreme),
    ("wrap", Answer::Value),
    ("promotion", Answer::Value),
    ("dropped", Answer::Value),
    ("defined value", Answer::Value),
];

/// The answers that a case accepts: one for each part of its `expect` that has a word of [`WORDS`]. Parts end at
/// `or`; what stands in brackets, behind a comma, a dash or a colon says more of the same part.
fn expected(text: &str) -> Vec<Answer> {
    let parts = text.split(" or ").map(|part| {
        let end = part.find(['(', ',', ':']).or_else(|| part.find(" - ")).unwrap_or(part.len());
        part[..end].to_lowercase()
    });
    let answer = |part: String| WORDS.iter().find(|(word, _)| part.contains(word)).map(|(_, answer)| *answer);
    parts.filter_map(answer).collect()
}

/// What a call gave.
enum Given {
    Results(Vec<Array>),
    Refused(Refusal),
    /// Rust's compiler refuses it: the reader says why.
    Untyped(String),
}

fn run_call(call: &str, expect: &str) -> Vec<Failure> {
    let answers = expected(expect);
    if answers.is_empty() {
        return vec![Failure::new(What::Unreadable, format!("no rule for `{expect}`"))];
    }
    let expr = match python::parse(call) {
        Ok(expr) => expr,
        Err(message) => return vec![Failure::new(What::Unreadable, message)],
    };
    let mut failures = Vec::new();
    for way in [&ways::EAGER, &ways::FUNCTION] {
        let expr = expr.clone();
        let outcome = watch::bounded(move || catch_unwind(AssertUnwindSafe(|| answer(&expr, way))));
        let failure = match outcome {
            Err(message) => Some((What::Bound, message)),
            Ok(Err(payload)) => Some((What::Panic, ways::panic_text(&*payload))),
            Ok(Ok(Err(failure))) => return vec![failure],
            Ok(Ok(Ok(given))) => judge(&given, &answers).err().map(|message| (What::Answer, message)),
        };
        failures.extend(failure.map(|(what, message)| Failure { way: Some(way), what, message }));
    }
    failures
}

/// Runs a call, its last op in this way.
fn answer(expr: &python::Expr, way: &Way) -> Result<Given, Failure> {
    let outcome = calls::prepare(expr).and_then(|prepared| match prepared {
        Prepared::Value(Value::Tensor(x)) => Ok(vec![tracelift::testing::array(&x)]),
        Prepared::Value(_) => Ok(Vec::new()),
        Prepared::Op(plan, operands) => {
            way.run(&plan, &operands).map_err(|error| Fault::Refused(Refusal::new(error, &plan, &operands)))
        }
        Prepared::Flow(flow) => {
            let run = flow.clone();
            let results = match std::ptr::eq(way, ways::EAGER) {
                true => flow.tensors(&flow.operands),
                false => tracelift::function(move |inputs: &Vec<Tensor>| run.tensors(inputs))
                    .try_call(&flow.operands)
                    .and_then(|results| results),
            };
            let results = results.map_err(|error| Fault::Refused(flow.refusal(error)))?;
            Ok(results.iter().map(tracelift::testing::array).collect())
        }
    });
    match outcome {
        Ok(results) => Ok(Given::Results(results)),
        Err(Fault::Refused(refusal)) => Ok(Given::Refused(refusal)),
        Err(Fault::Lacking(failure)) => Err(failure),
        Err(Fault::Untyped(message)) => Ok(Given::Untyped(message)),
        Err(Fault::Unreadable(message)) => Err(Failure::new(What::Unreadable, message)),
    }
}

/// Whether that is one of the accepted answers.
fn judge(given: &Given, answers: &[Answer]) -> Result<(), String> {
    match given {
        Given::Refused(refusal) if answers.contains(&Answer::Error) => clarity(refusal),
        Given::Untyped(_) if answers.contains(&Answer::Error) => Ok(()),
        Given::Untyped(message) => Err(format!("expected {answers:?}, but the call does not compile: {message}")),
        Given::Refused(refusal) => Err(format!("expected {answers:?}, received the error {}", refusal.error)),
        Given::Results(results) if answers.iter().any(|answer| answer.fits(results)) => Ok(()),
        Given::Results(results) => {
            let first = results.first().map_or(String::new(), |r| format!("{}{:?}\n{r}", r.dtype(), r.shape()));
            Err(format!("expected {answers:?}, received {} results: {first}", results.len()))
        }
    }
}

impl Answer {
    fn fits(self, results: &[Array]) -> bool {
        let floats = || results.iter().flat_map(eval::floats);
        match self {
            Answer::Error => false,
            Answer::Empty => results.iter().all(|r| r.is_empty()),
            Answer::Zeros => floats().all(|v| v == 0.0),
            Answer::NaN => floats().any(f64::is_nan),
            Answer::Extreme => results.iter().all(|r| {
                let bits = 8 * r.dtype().size() as u32;
                let (least, greatest) = (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1);
                r.dtype().is_int() && eval::ints(r).into_iter().all(|v| v == least || v == greatest)
            }),
            Answer::Value => !results.is_empty(),
        }
    }
}

/// An error must name the op, what it was applied to, and the user's line.
fn clarity(refusal: &Refusal) -> Result<(), String> {
    let text = refusal.error.to_string();
    let lacks = |what: &str| Err(format!("the error does not name {what}: {text}"));
    // A library routine has its folder in its name: `linalg.cholesky`.
    // Functions that are no ops stand before a colon: `image::random_hue: `.
    let is_named = |op: &&str| {
        let names = [format!("`{op}`"), format!(".{op}`"), format!("::{op}: ")];
        text.starts_with(&format!("{op}: ")) || names.iter().any(|name| text.contains(name))
    };
    if !refusal.ops.iter().any(is_named) {
        return lacks("the op");
    }
    if !refusal.operands.is_empty() && !refusal.operands.iter().any(|spec| text.contains(spec)) {
        return lacks("the operands");
    }
    let speaks = ["\n  attributes: ", "expected operands"];
    if refusal.operands.is_empty() && !speaks.iter().any(|words| text.contains(words)) {
        return lacks("the attributes");
    }
    match text.lines().any(|line| line.starts_with("  at ") && line.contains(".rs:")) {
        true => Ok(()),
        false => lacks("the user's line"),
    }
}

/// A file must be refused with an error that names it.
fn run_file(path: &Path) -> Vec<Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = path.to_owned();
    let outcome =
        watch::bounded(move || catch_unwind(|| tracelift::load_tensors(&path).map(|t: Vec<(String, Tensor)>| t.len())));
    let (what, message) = match outcome {
        Err(message) => (What::Bound, message),
        Ok(Err(payload)) => (What::Panic, ways::panic_text(&*payload)),
        Ok(Ok(Ok(tensors))) => (What::Answer, format!("accepted, with {tensors} tensors")),
        Ok(Ok(Err(error))) if error.to_string().contains(&name) => return Vec::new(),
        Ok(Ok(Err(error))) => (What::Answer, format!("the error does not name the file: {error}")),
    };
    vec![Failure::new(what, message)]
}
