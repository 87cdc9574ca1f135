//! What the `tracelift` command and the benches share: workloads, their measurement, and the accuracy of functions.
//!
//! Start with [`workloads::ALL`]: every workload by name, eager or compiled, on inputs from [`generator`]. [`measure`] times
//! them, [`accuracy`] compares functions with exact values, [`table`] prints.

pub mod accuracy;
pub mod generator;
pub mod measure;
pub mod table;
pub mod workloads;
