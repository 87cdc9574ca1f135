//! The tensor-level IR: an SSA arena of op applications.
//!
//! ```text
//! tracelift graph 1
//!
//! graph @step(%0: f32[n0, 4] "x", %1: f32[4] "w") {
//!   %2 = multiply %0, %1 : f32[n0, 4]
//!   %3 = reduce_sum %2 {axes = [0], keepdims = false} : f32[4]
//!   return %2, %3
//!   donate 1 -> 1
//! }
//! ```
//!
//! # Invariants (checked by [`verify`](mod@verify))
//! - operands are defined before use; every value has the spec that its op's rule gives;
//! - a graph is pure: variables, random state and effects are inputs and outputs;
//! - `parameter` nodes come first, one for each input, in order;
//! - a node whose op has effects is kept and keeps its order among such nodes.
//!
//! # Text, version 1
//! [`print`](mod@print) writes it and [`parse`](mod@parse) reads it; what is printed reads back as an equal graph with
//! the same names. Locations are not part of it. Tokens are those of [`text::lexer`](crate::text::lexer).
//!
//! ```text
//! file      = ["tracelift" "graph" "1"] graph
//! graph     = "graph" "@" name "(" [parameter {"," parameter}] ")" "{" {node} return [donate] "}"
//! name      = ident | string
//! parameter = value ":" spec [string]                         the input's name
//! node      = [value {"," value} "="] op [value {"," value}] [attrs] [":" spec {"," spec}]
//! return    = "return" [value {"," value}]
//! donate    = "donate" int "->" int {"," int "->" int}        input -> output that is its new value
//! value     = "%" int                                         printed in order of definition; any number is read
//! op        = ident                                           a name of the op table
//! attrs     = "{" ident "=" attr {"," ident "=" attr} "}"
//! spec      = dtype "[" [dim {"," dim}] "]"                   left out by hand: inferred; else compared
//! attr      = "true" | "false" | number | string | dtype | "[" [int {"," int}] "]" | "dims" "[" [dim {"," dim}] "]"
//!           | "data" spec ("(" [element {"," element}] ")" | "hex" string) | graph
//! number    = ["-"] (int | float | "inf") | "nan" ["(" int ")"]      an int where a float is declared is converted
//! element   = number | "true" | "false" | "(" number "," number ")"  the last: complex
//! dim       = ["-"] term {("+" | "-") term}
//! term      = int {"*" atom} | atom {"*" atom}
//! atom      = "n"int | "s"int "(" "<=" dim ")" | ("floordiv" | "mod" | "max" | "min") "(" dim "," dim ")"
//! ```

pub mod attrs;
pub mod cx;
pub mod opdef;
pub mod data;
pub mod builder;
pub mod walk;
pub mod edit;
pub mod print;
pub mod parse;
pub mod verify;
pub mod dot;

#[cfg(test)]
mod tests;

pub use attrs::{AttrValue, Attrs};
pub use builder::GraphBuilder;
pub use data::{Graph, Node, NodeId, ValueId};
pub use opdef::OpDef;
