//! Runs a saved program with the runtime alone.
fn main() {}
