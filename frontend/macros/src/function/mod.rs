//! `#[function]`: parse, validate, expand.

mod expand;
mod parse;
mod validate;

use crate::diagnostics::emit;
use proc_macro2::TokenStream;

/// The whole attribute: errors become `compile_error!`s beside the untouched function, so that its callers still
/// resolve.
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = parse::parse(options, item.clone()).and_then(|f| {
        validate::validate(&f)?;
        Ok(expand::expand(&f))
    });
    let failed = expanded.is_err();
    let mut out = emit(expanded);
    if failed {
        out.extend(item);
    }
    out
}
