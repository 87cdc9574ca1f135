//! Running programs.
//!
//! Start with [`Executable`], a program that is ready to run; `run.rs` is what one call does. A call checks its
//! arguments against the [`Plan`](crate::program::plan::Plan) of the last call, takes a frame (arena and pointer
//! table, `frame.rs`), and runs the steps, splitting large kernels over threads ([`parallel`]). Apart from the
//! arrays it returns, a call with sizes seen before allocates nothing. Programs with sizes that depend on data run in
//! `stages.rs`.

mod args;
pub mod code;
pub mod executable;
pub mod features;
mod frame;
pub mod parallel;
mod run;
mod stages;

pub use args::Arg;
pub use executable::Executable;
