//! What the `tracelift` command is made of: the benchmark workloads, their measurement, and the program listing.
//!
//! Start with [`workloads::ALL`]: every workload by name, eager or compiled, on inputs from [`generator`].

pub mod accuracy;
pub mod generator;
pub mod measure;
pub mod table;
pub mod workloads;
