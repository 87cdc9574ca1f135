//! From tokens to [`TracedFn`].

use proc_macro2::{Span, TokenStream};
use quote::format_ident;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, FnArg, Ident, ItemFn, Pat, PatType, Token, Type, bracketed};

/// A function under `#[function]`.
pub struct TracedFn {
    /// What the attribute says.
    pub options: Options,
    /// The function as written.
    pub item: ItemFn,
    /// Its parameters without `self`.
    pub params: Vec<Param>,
}

/// `#[function(..)]`.
#[derive(Default)]
pub struct Options {
    /// An associated function without `self`.
    pub method: bool,
    /// A spec for each tensor argument.
    pub input_signature: Option<Vec<InputSpec>>,
}

/// `F32[None, 4]`.
pub struct InputSpec {
    /// A variant of `DType`.
    pub dtype: Ident,
    /// Sizes; `None` written as `None`.
    pub dims: Punctuated<Expr, Token![,]>,
}

/// One parameter: `pattern: ty`.
pub struct Param {
    /// What the wrapper calls it, and reports show.
    pub name: Ident,
    /// As the body binds it.
    pub pattern: Pat,
    /// Its type.
    pub ty: Type,
}

impl TracedFn {
    /// Whether it belongs to an impl block.
    pub fn is_method(&self) -> bool {
        self.options.method || self.item.sig.receiver().is_some()
    }
}

/// Parses the attribute's options and the function under it.
pub fn parse(options: TokenStream, item: TokenStream) -> syn::Result<TracedFn> {
    let options = parse_options.parse2(options)?;
    let item: ItemFn = syn::parse2(item)?;
    let params = item.sig.inputs.iter().enumerate().filter_map(|(i, input)| match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(typed) => Some(param(i, typed)),
    });
    let params = params.collect();
    Ok(TracedFn { options, item, params })
}

fn param(index: usize, typed: &PatType) -> Param {
    // A pattern that is no plain name gets one; the body still binds the pattern.
    let name = match &*typed.pat {
        Pat::Ident(p) if p.subpat.is_none() && p.by_ref.is_none() => p.ident.clone(),
        _ => format_ident!("argument_{index}", span = Span::mixed_site()),
    };
    Param { name, pattern: (*typed.pat).clone(), ty: (*typed.ty).clone() }
}

fn parse_options(input: ParseStream<'_>) -> syn::Result<Options> {
    let mut options = Options::default();
    while !input.is_empty() {
        let name: Ident = input.parse()?;
        match name.to_string().as_str() {
            "method" => options.method = true,
            "input_signature" => {
                input.parse::<Token![=]>()?;
                let list;
                bracketed!(list in input);
                options.input_signature =
                    Some(list.parse_terminated(InputSpec::parse, Token![,])?.into_iter().collect());
            }
            _ => {
                let message = format!(
                    "unknown option `{name}` of #[function]; there are `method` and `input_signature = [F32[None, 4], ..]`"
                );
                return Err(syn::Error::new(name.span(), message));
            }
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(options)
}

impl Parse for InputSpec {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let dtype = input.parse()?;
        let sizes;
        bracketed!(sizes in input);
        Ok(InputSpec { dtype, dims: sizes.parse_terminated(Expr::parse, Token![,])? })
    }
}
