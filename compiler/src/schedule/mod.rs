//! From a graph of primitives to kernels and steps.
//!
//! Data flow: [`renames`] says what each value is without movements that only rename axes; [`group`] decides which nodes
//! share a kernel; [`lower`] turns a group into kernel IR over the loops
//! that [`space`] finds, reading movements as [`view`]s; [`order`] puts what becomes steps in a row; [`program`] gives
//! values buffers and proves which state may be updated in place.
//!
//! Worked example: `relu(x @ w + b)` is a library step for the product and one group `add+maximum`; the group's
//! frame is the product's shape, its loops are rows and lanes, and it is the product's epilogue.

pub mod group;
pub mod lower;
mod order;
pub mod print;
pub mod program;
pub mod renames;
pub mod space;
pub mod view;

pub use group::Refusal;
pub use program::{Schedule, schedule};
