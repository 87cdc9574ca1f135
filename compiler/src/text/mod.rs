//! Text of the IRs: tokens, a reader whose errors point at the place, a writer that keeps indentation.
//!
//! Knows nothing of graphs or kernels. Start with [`Reader`] and [`Writer`].

pub mod elements;
pub mod lexer;
pub mod reader;
pub mod writer;

pub use lexer::TokenKind;
pub use reader::{Number, Reader};
pub use writer::Writer;
