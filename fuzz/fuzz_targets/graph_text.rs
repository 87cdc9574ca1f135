//! The text of a graph, whatever its bytes: `cargo +nightly fuzz run graph_text -- -max_total_time=600`.

#![no_main]

#[allow(dead_code)] // The other target's part.
#[path = "../../tests/support/untrusted.rs"]
mod untrusted;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| untrusted::read_graph(bytes));
