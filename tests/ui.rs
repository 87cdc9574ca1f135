//! What the macros and types refuse, and in which words: each `tests/ui/*.rs` fails to compile with its `.stderr`.
//! `TRYBUILD=overwrite cargo test --test ui` rewrites the expected text.

#[test]
fn refused_programs() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
