//! House rules as tests: start with [`files_have_headers_and_one_subject`].
//!
//! A rule that only a reviewer could enforce is not here; a rule that is here has no exceptions.

mod support;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use support::{files, relative, root};

const MAX_LINES: usize = 640;

/// Folders of Rust code; each is scanned whole.
const CODE: [&str; 6] = ["runtime", "compiler", "frontend", "tests", "benches", "examples"];

#[test]
fn files_have_headers_and_one_subject() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//!") && !is_ui_example(&path) {
            wrong.push(format!("{}: does not start with `//!`", relative(&path)));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines; at most {MAX_LINES}", relative(&path)));
        }
    }
    report(&wrong);
}

#[test]
fn nothing_is_left_to_do() {
    // In pieces, so that this file does not find itself.
    let forbidden = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = forbidden.iter().find(|w| line.contains(**w)) {
                wrong.push(format!("{}:{number}: `{word}`", relative(&path)));
            }
        }
    }
    report(&wrong);
}

#[test]
fn crates_depend_one_way() {
    // A crate's folder, and names that its code must not contain.
    let rules: [(&str, &[&str]); 3] = [
        ("runtime/src", &["tracelift_compiler", "cranelift", "tracelift::"]),
        ("compiler/src", &["tracelift::"]),
        ("frontend/src", &["cranelift", "compiler::kernel", "compiler::schedule", "compiler::codegen"]),
    ];
    let mut wrong = Vec::new();
    for (folder, forbidden) in rules {
        for (path, text) in sources_in(folder) {
            for (number, line) in (1..).zip(text.lines()).filter(|(_, l)| is_code(l)) {
                if let Some(name) = forbidden.iter().find(|n| line.contains(**n)) {
                    wrong.push(format!("{}:{number}: names `{name}`", relative(&path)));
                }
            }
        }
    }
    report(&wrong);
}

/// What of compiler and runtime makes and runs code; the rest is the vocabulary of graphs, dtypes and arrays.
const MACHINERY: [&str; 13] = [
    "tracelift_compiler::driver",
    "tracelift_compiler::compile",
    "tracelift_compiler::dump",
    "tracelift_compiler::interp",
    "tracelift_compiler::options",
    "tracelift_compiler::passes",
    "tracelift_compiler::rewrite",
    "tracelift_compiler::vjp",
    "tracelift_runtime::alloc",
    "tracelift_runtime::exec",
    "tracelift_runtime::kernels",
    "tracelift_runtime::profile",
    "tracelift_runtime::program",
];

#[test]
fn compiler_and_runtime_meet_in_the_engine_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources_in("frontend/src").into_iter().filter(|(p, _)| !is_in(p, "frontend/src/engine")) {
        for (number, line) in (1..).zip(text.lines()).filter(|(_, l)| is_code(l)) {
            if let Some(name) = MACHINERY.iter().find(|n| line.contains(**n)) {
                wrong.push(format!("{}:{number}: names `{name}`", relative(&path)));
            }
        }
    }
    report(&wrong);
}

/// Stages of the compiler from first to last: a stage uses earlier ones only.
const STAGES: [&str; 6] = ["graph", "rewrite", "passes", "codegen", "schedule", "driver"];

#[test]
fn compiler_stages_use_earlier_ones_only() {
    let mut wrong = Vec::new();
    for (position, stage) in STAGES.iter().enumerate() {
        let later: Vec<String> = STAGES[position + 1..].iter().map(|s| format!("crate::{s}")).collect();
        let own = [format!("compiler/src/{stage}"), format!("compiler/src/{stage}.rs")];
        for (path, text) in sources_in("compiler/src").into_iter().filter(|(p, _)| own.iter().any(|o| is_in(p, o))) {
            let is_test = relative(&path).contains("test");
            let lines = (1..).zip(text.lines()).take_while(|(_, l)| !l.starts_with("#[cfg(test)]"));
            for (number, line) in lines.filter(|(_, l)| is_code(l) && !is_test) {
                if let Some(name) = later.iter().find(|n| names_module(line, n)) {
                    wrong.push(format!("{}:{number}: `{stage}` uses `{name}`", relative(&path)));
                }
            }
        }
    }
    report(&wrong);
}

#[test]
fn only_dump_prints_in_the_compiler() {
    let macros = ["println!(", "print!(", "eprint!(", "dbg!("];
    let mut wrong = Vec::new();
    for (path, text) in sources_in("compiler/src") {
        if relative(&path) == "compiler/src/dump.rs" || relative(&path).contains("test") {
            continue;
        }
        let lines = (1..).zip(text.lines()).take_while(|(_, l)| !l.starts_with("#[cfg(test)]"));
        for (number, line) in lines.filter(|(_, l)| is_code(l)) {
            if let Some(name) = macros.iter().find(|m| line.contains(**m)) {
                wrong.push(format!("{}:{number}: `{name}..)`", relative(&path)));
            }
        }
    }
    report(&wrong);
}

#[test]
fn paths_in_the_documents_exist() {
    let mut wrong = Vec::new();
    for name in ["ARCHITECTURE.md", "README.md", "tests/README.md", "compiler/src/rewrite/README.md"] {
        let Ok(text) = std::fs::read_to_string(root().join(name)) else { continue };
        // Between backticks, and only what looks like a path of this repository.
        for word in text.split('`').skip(1).step_by(2) {
            let looks_like_a_path =
                word.contains('/') && word.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c));
            let first = word.split('/').next().unwrap_or_default();
            if looks_like_a_path && CODE.contains(&first) && !root().join(word).exists() {
                wrong.push(format!("{name}: `{word}` does not exist"));
            }
        }
    }
    report(&wrong);
}

#[test]
fn ops_are_unique_and_documented() {
    let (mut names, mut wrong) = (HashSet::new(), Vec::new());
    for op in tracelift_compiler::ops::all() {
        if !names.insert(op.name) {
            wrong.push(format!("two ops are named `{}`", op.name));
        }
        if op.name.is_empty() || !op.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            wrong.push(format!("`{}` is not in snake_case", op.name));
        }
        if !op.doc.ends_with('.') {
            wrong.push(format!("the doc of `{}` is not a sentence", op.name));
        }
        if tracelift_compiler::ops::find(op.name).is_none_or(|found| !std::ptr::eq(found, *op)) {
            wrong.push(format!("`{}` is not found by its name", op.name));
        }
    }
    report(&wrong);
}

#[track_caller]
fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} places:\n{}", wrong.len(), wrong.join("\n"));
}

fn sources() -> Vec<(PathBuf, String)> {
    CODE.iter().flat_map(|folder| sources_in(folder)).collect()
}

fn sources_in(folder: &str) -> Vec<(PathBuf, String)> {
    let paths = files(&root().join(folder), "rs").into_iter();
    let paths = paths.filter(|p| !p.components().any(|c| c.as_os_str() == "target"));
    paths.filter_map(|p| Some((p.clone(), std::fs::read_to_string(p).ok()?))).collect()
}

/// Inputs of the compile-fail tests show a user's code, not ours.
fn is_ui_example(path: &Path) -> bool {
    relative(path).contains("/ui/")
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

fn is_in(path: &Path, prefix: &str) -> bool {
    path.strip_prefix(root()).is_ok_and(|p| p.starts_with(prefix))
}

/// Whether `line` names the module itself, not one whose name begins alike.
fn names_module(line: &str, module: &str) -> bool {
    line.match_indices(module).any(|(at, _)| {
        let next = line[at + module.len()..].chars().next();
        next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}
