//! What the macros and types refuse, and in which words: each `tests/ui/*.rs` fails to compile with its `.stderr`.
//! `TRACELIFT_BLESS=1 cargo test --test ui` rewrites the expected text.
//!
//! The compiler runs on the library that cargo has built for this test. A runner that has cargo build all crates anew
//! (trybuild) takes minutes.

#[allow(dead_code)] // Files and differences.
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{bless, diff, files, relative, root};

#[test]
fn refused_programs() {
    let (library, programs) = (library(), files(&root().join("tests/ui"), "rs"));
    assert!(!programs.is_empty(), "no programs in tests/ui");
    let wrong: Vec<String> = programs.iter().filter_map(|program| check(program, &library).err()).collect();
    assert!(wrong.is_empty(), "bless with TRACELIFT_BLESS=1\n\n{}", wrong.join("\n"));
}

/// Compares what the compiler says of a program.
fn check(program: &Path, library: &Path) -> Result<(), String> {
    let said = refusal(program, library)?;
    let expectation = program.with_extension("stderr");
    if bless() {
        return std::fs::write(&expectation, said).map_err(|e| format!("{}: {e}", relative(&expectation)));
    }
    let known = std::fs::read_to_string(&expectation).unwrap_or_default();
    if said == known { Ok(()) } else { Err(format!("{}:\n{}", relative(program), diff(&known, &said))) }
}

fn refusal(program: &Path, library: &Path) -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .current_dir(root())
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--color=never", "--diagnostic-width=160"])
        .arg(format!("--out-dir={}", env!("CARGO_TARGET_TMPDIR")))
        .arg(format!("-Ldependency={}", library.parent().unwrap_or(library).display()))
        .arg(format!("--extern=tracelift={}", library.display()))
        .arg(relative(program))
        .output()
        .map_err(|e| format!("rustc does not run: {e}"))?;
    match output.status.success() {
        true => Err(format!("{} compiles", relative(program))),
        false => Ok(readable(&String::from_utf8_lossy(&output.stderr))),
    }
}

/// The library as cargo has built it last, which is for this test.
fn library() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows where it is");
    let built = files(this.parent().expect("a folder"), "rlib").into_iter();
    let built = built.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libtracelift-")));
    let newest = built.max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
    newest.expect("cargo has built libtracelift-*.rlib beside this test")
}

/// What the compiler says, without what depends on lines of the library's own files, and without its last words.
fn readable(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let is_last_word = ["error: aborting", "For more information", "Some errors have"];
        lines.push(match line.trim_start() {
            _ if is_last_word.iter().any(|word| line.starts_with(word)) => continue,
            // The margin, as wide as the longest number of a line.
            _ if bare.trim_start().starts_with('|') => bare.trim_start().to_owned(),
            place if place.starts_with("--> ") || place.starts_with("::: ") => without_position(place),
            note if note.starts_with("= ") || note.starts_with("... ") => note.to_owned(),
            // So many types more, which each new one changes.
            count if count.starts_with("and ") && count.ends_with(" others") => "    and more".to_owned(),
            item if line.starts_with("        ") => format!("    {item}"),
            _ => line.to_owned(),
        });
    }
    let text = lines.join("\n");
    format!("{}\n", text.trim_end())
}

/// A place in a program stays as it is.
fn without_position(place: &str) -> String {
    match place.split_once(".rs:") {
        Some((file, _)) if !file.contains("tests/ui/") => format!("{file}.rs"),
        _ => place.to_owned(),
    }
}
