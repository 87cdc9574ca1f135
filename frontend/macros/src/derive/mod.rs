//! `#[derive(Tree)]` (data) and `#[derive(Layer)]` (objects): parse, validate, expand.

mod expand;
mod parse;
mod validate;

use crate::diagnostics::emit;
use proc_macro2::TokenStream;

/// Which of the two kinds of tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rebuilt from symbolic leaves.
    Data,
    /// Lent by reference, never cloned.
    Object,
}

impl Kind {
    /// The attribute that fields may carry, and the one word in it.
    pub fn field_attribute(self) -> (&'static str, &'static str) {
        match self {
            Kind::Data => ("tree", "static"),
            Kind::Object => ("layer", "skip"),
        }
    }
}

/// The whole derive.
pub fn derive(item: TokenStream, kind: Kind) -> TokenStream {
    emit(parse::parse(item, kind).and_then(|t| {
        validate::validate(&t)?;
        Ok(expand::expand(&t))
    }))
}
