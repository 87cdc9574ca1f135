//! Runs the example on a program file, and on files that are none.
#![cfg(target_arch = "x86_64")]

#[path = "../../../runtime/tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_embed-runtime")).args(args).output().unwrap()
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("embed-runtime-{}-{name}", std::process::id()))
}

#[test]
fn a_saved_program_runs_in_every_thread() {
    let path = file("quadruple.tlp");
    support::quadruple().save(&path).unwrap();
    let output = run(&[path.to_str().unwrap(), "3", "2"]);
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("quadruple(x: f32[n0]) -> (y: f32[n0])\nthread 0, y:\n["), "{text}");
    assert_eq!(text.matches(", y:\n[").count(), 2, "{text}");
}

#[test]
fn bad_files_are_clear_errors() {
    let path = file("bad.tlp");
    let shown = path.display();
    let error = |expected: String| {
        let output = run(&[path.to_str().unwrap()]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
        assert_eq!(output.status.code(), Some(1));
    };
    error(format!("error: program file `{shown}` cannot be read: No such file or directory (os error 2)\n"));
    std::fs::write(&path, "hello").unwrap();
    error(format!("error: program file `{shown}`: not a saved Tracelift program\n"));
    let mut bytes = support::quadruple().to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    error(format!("error: program file `{shown}`: damaged: its checksum is wrong\n"));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(run(&[]).status.code(), Some(2));
}
