//! The attribute and derives of Tracelift: `#[function]`, `#[derive(Tree)]`, `#[derive(Layer)]`.
//!
//! Each is three steps in three files: parse (text to a small struct), validate (refuse what cannot work, all
//! errors at once, at the user's tokens), expand. Generated code names nothing but `::tracelift::__private`.

mod derive;
mod diagnostics;
mod function;
mod op_docs;
mod ops;

use proc_macro::TokenStream;

/// Traces a function once, compiles it, and runs the compiled code ever after.
///
/// Beside the function stands a type of the same name: `f::trace_count()`, `f::compile_count()`, `f::explain()`,
/// `f::try_call(..)`, `f::eager(..)`, `f::concrete(..)`, `f::save(path)`, `f::clear()`. A method gets none.
///
/// Options: `#[function(method)]` marks an associated function without `self`;
/// `#[function(input_signature = [F32[None, 4], I32[]])]` fixes dtype and shape of every tensor argument, `None`
/// being any size.
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    function::function(options.into(), item.into()).into()
}

/// Makes a struct or enum of tensors and static values usable as argument and result of a traced function.
///
/// `#[tree(static)]` on a field (of a type that is `Hash + Eq + Clone`) puts its value in the signature.
#[proc_macro_derive(Tree, attributes(tree))]
pub fn tree(item: TokenStream) -> TokenStream {
    derive::derive(item.into(), derive::Kind::Data).into()
}

/// Makes a struct a model: its variables, and those of its fields, are found by position and by name.
///
/// `#[layer(skip)]` keeps a field out of it. The `Layer` trait itself is written by hand.
#[proc_macro_derive(Layer, attributes(layer))]
pub fn layer(item: TokenStream) -> TokenStream {
    derive::derive(item.into(), derive::Kind::Object).into()
}

/// The op table as functions and methods. For the crate `tracelift` itself.
#[doc(hidden)]
#[proc_macro]
pub fn define_ops(table: TokenStream) -> TokenStream {
    ops::expand(table.into()).into()
}
