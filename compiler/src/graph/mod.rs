//! The tensor-level IR: an SSA arena of op applications.
//!
//! ```text
//! graph @name(%0: f32[n0, 4] "x", %1: f32[4] "w") {
//!   %2 = multiply %0, %1 : f32[n0, 4]
//!   %3 = reduce_sum %2 {axes = [1], keepdims = false} : f32[n0]
//!   return %3
//! }
//! ```
//!
//! Invariants (checked by `verify`)
//! - operands are defined before use; every value has the spec that its op's rule gives;
//! - a graph is pure: variables, random state and effects are inputs and outputs;
//! - `parameter` nodes come first, one for each input, in order;
//! - a node whose op has effects is kept and keeps its order among such nodes.

pub mod attrs;
pub mod builder;
pub mod cx;
pub mod data;
pub mod edit;
pub mod opdef;
pub mod walk;

pub use attrs::{AttrValue, Attrs};
pub use builder::GraphBuilder;
pub use data::{Graph, Node, NodeId, ValueId};
pub use opdef::OpDef;
