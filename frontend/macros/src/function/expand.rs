//! What `#[function]` generates.
//!
//! ```text
//! fn step(x: &Tensor, lr: f32) -> Tensor {                        // same signature
//!     __private::call(step::function(), TypeKey::of_val(&step::eager), (arg(x), arg(lr)),   // finds or makes the trace
//!         |args, held| step::eager(lend(&args.0, &held.0), lend(&args.1, &held.1)))
//! }
//! struct step {}                                                  // the twin: step::trace_count(), ..
//! impl step { fn eager(x: &Tensor, lr: f32) -> Tensor { /* the body as written */ } .. }
//! ```
//! A method keeps its body inside the closure, where `self` is the object itself.

use super::parse::{InputSpec, Param, TracedFn};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, FnArg, GenericParam, Generics, Ident, Index, ReturnType, Type, parse_quote};

/// The function and its twin.
pub fn expand(f: &TracedFn) -> TokenStream {
    if f.is_method() { method(f) } else { free_function(f) }
}

fn free_function(f: &TracedFn) -> TokenStream {
    let item = &f.item;
    let (vis, name, generics, block) = (&item.vis, &item.sig.ident, &item.sig.generics, &item.block);
    let (attrs, output) = (&item.attrs, &item.sig.output);
    let where_clause = &generics.where_clause;
    let private = private();
    let hidden = Hidden::new();
    let Hidden { args, held, .. } = &hidden;
    let (params, bound) = (wrapper_params(f), bound_arguments(&f.params));
    let turbofish = turbofish(generics);
    // Generic functions have one state for all instances: which it is, is a part of the signature.
    let instance = quote!(#private::TypeKey::of_val(&#name::eager #turbofish));
    let lent = f.params.iter().enumerate().map(|(i, _)| lend(&private, &hidden, i));
    let lent: Vec<_> = lent.collect();
    let body_params = &item.sig.inputs;
    let state = state_expr(f, &private);
    let result = result_type(output);
    let check_result = check_result(output, &private);
    let twin_doc = format!("Inspects and controls the traced function [`{name}`](fn@{name}).");
    let body = quote!(|#args, #held| #name::eager #turbofish (#(#lent),*));
    quote! {
        #(#attrs)*
        #[track_caller]
        #vis fn #name #generics (#(#params),*) #output #where_clause {
            #check_result
            #private::call(#name::function(), #instance, (#bound), #body)
        }

        #[doc = #twin_doc]
        #[allow(non_camel_case_types)]
        #vis struct #name {}

        #[allow(dead_code, clippy::too_many_arguments, clippy::needless_pass_by_value)]
        impl #name {
            #[doc(hidden)]
            #vis fn function() -> &'static #private::FunctionState {
                static FUNCTION: #private::FunctionState = #state;
                &FUNCTION
            }

            /// How often the body was traced.
            #vis fn trace_count() -> usize {
                Self::function().trace_count()
            }

            /// How often a trace was compiled.
            #vis fn compile_count() -> usize {
                Self::function().compile_count()
            }

            /// The traces with their signatures, and what the compiler made of each.
            #vis fn explain() -> ::std::string::String {
                Self::function().explain()
            }

            /// Forgets every trace.
            #vis fn clear() {
                Self::function().clear();
            }

            /// Writes the last trace's compiled program to a file that the runtime alone can load.
            #vis fn save(path: impl ::core::convert::AsRef<::std::path::Path>) -> #private::Result<()> {
                Self::function().save(path.as_ref())
            }

            /// The body as written, run op by op.
            #vis fn eager #generics (#body_params) #output #where_clause #block

            /// Like the function, but an error of any op is the answer instead of a panic.
            #[track_caller]
            #vis fn try_call #generics (#(#params),*) -> #private::Result<#result> #where_clause {
                #private::try_call(Self::function(), #instance, (#bound), #body)
            }

            /// Traces and compiles for such arguments ahead of use; nothing is run. Only dtypes and shapes of tensors
            /// matter, so `tl::zeros(..)` will do.
            #[track_caller]
            #vis fn warm_up #generics (#(#params),*) -> #private::Result<()> #where_clause {
                #private::concrete(Self::function(), #instance, (#bound), #body).map(|_| ())
            }

            /// The trace for these arguments, made if there is none; nothing is run.
            #[track_caller]
            #vis fn concrete #generics (#(#params),*) -> #private::Result<#private::Concrete> #where_clause {
                #private::concrete(Self::function(), #instance, (#bound), #body)
            }
        }
    }
}

fn method(f: &TracedFn) -> TokenStream {
    let item = &f.item;
    let (vis, name, generics, block) = (&item.vis, &item.sig.ident, &item.sig.generics, &item.block);
    let (attrs, output, defaultness) = (&item.attrs, &item.sig.output, &item.modifiers.defaultness);
    let where_clause = &generics.where_clause;
    let private = private();
    let hidden = Hidden::new();
    let Hidden { args, held, state: state_name } = &hidden;
    let receiver = match item.sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => Some(receiver),
        _ => None,
    };
    let receiver_arg = receiver.map(|r| {
        let token = r.self_token;
        quote_spanned!(located(token.span)=> #private::arg(#token),)
    });
    let (params, bound) = (wrapper_params(f), bound_arguments(&f.params));
    // A closure's type has all generic parameters in scope: the method's, those of the impl block, and `Self`.
    let instance = quote!(#private::TypeKey::of_val(&|| ()));
    let first = usize::from(receiver.is_some());
    let bindings = f.params.iter().enumerate().map(|(i, param)| {
        let (pattern, lent) = (&param.pattern, lend(&private, &hidden, first + i));
        quote!(let #pattern = #lent;)
    });
    let state = state_expr(f, &private);
    let check_result = check_result(output, &private);
    let receiver = receiver.map(|r| quote!(#r,));
    let statements = &block.stmts;
    quote! {
        #(#attrs)*
        #[track_caller]
        #vis #defaultness fn #name #generics (#receiver #(#params),*) #output #where_clause {
            static #state_name: #private::FunctionState = #state;
            #check_result
            #private::call(&#state_name, #instance, (#receiver_arg #bound), |#args, #held| #output {
                #(#bindings)*
                #(#statements)*
            })
        }
    }
}

/// Names that the user's code cannot see.
struct Hidden {
    args: Ident,
    held: Ident,
    state: Ident,
}

impl Hidden {
    fn new() -> Self {
        let name = |text| Ident::new(text, Span::mixed_site());
        Hidden { args: name("args"), held: name("held"), state: name("FUNCTION") }
    }
}

fn private() -> TokenStream {
    quote!(::tracelift::__private)
}

/// A span that resolves as generated code and is shown at the user's token.
fn located(at: Span) -> Span {
    Span::call_site().located_at(at)
}

/// The wrapper's parameters: plain names. `mut` belongs to the body.
fn wrapper_params(f: &TracedFn) -> Vec<TokenStream> {
    f.params.iter().map(|Param { name, ty, .. }| quote!(#name: #ty)).collect()
}

/// The arguments, each checked to be one at its type's place in the source.
fn bound_arguments(params: &[Param]) -> TokenStream {
    params
        .iter()
        .map(|Param { name, ty, .. }| {
            let private = private();
            let arg = quote_spanned!(located(ty.span())=> #private::arg(#name));
            quote!(#arg,)
        })
        .collect()
}

fn lend(private: &TokenStream, hidden: &Hidden, index: usize) -> TokenStream {
    let (args, held, index) = (&hidden.args, &hidden.held, Index::from(index));
    quote!(#private::Arg::lend(&#args.#index, &#held.#index))
}

/// `::<T, N>` of all parameters but lifetimes, or nothing.
fn turbofish(generics: &Generics) -> TokenStream {
    let names = generics.params.iter().filter_map(|p| match p {
        GenericParam::Type(t) => Some(&t.ident),
        GenericParam::Const(c) => Some(&c.ident),
        GenericParam::Lifetime(_) => None,
    });
    let names: Vec<_> = names.collect();
    if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
}

fn state_expr(f: &TracedFn, private: &TokenStream) -> TokenStream {
    let name = f.item.sig.ident.to_string();
    let receiver = f.item.sig.receiver().map(|_| "self".to_string());
    let names = receiver.into_iter().chain(f.params.iter().map(|p| p.name.to_string()));
    let base = quote!(#private::FunctionState::new(#name, &[#(#names),*], ::core::file!(), ::core::line!()));
    match &f.options.input_signature {
        None => base,
        Some(specs) => {
            let specs = specs.iter().map(|spec| input_spec(spec, private));
            quote!(#base.with_input_signature(&[#(#specs),*]))
        }
    }
}

fn input_spec(spec: &InputSpec, private: &TokenStream) -> TokenStream {
    let dtype = &spec.dtype;
    let dims = spec.dims.iter().map(|dim| match dim {
        Expr::Path(path) if path.path.is_ident("None") => quote!(::core::option::Option::None),
        size => quote!(::core::option::Option::Some(#size)),
    });
    quote!(#private::InputSpec { dtype: #private::DType::#dtype, dims: &[#(#dims),*] })
}

fn result_type(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    }
}

/// Blames a result that is no tree at its type's place in the source.
fn check_result(output: &ReturnType, private: &TokenStream) -> TokenStream {
    let ty = result_type(output);
    match output {
        ReturnType::Default => TokenStream::new(),
        ReturnType::Type(..) => quote_spanned!(located(ty.span())=> #private::returned::<#ty>();),
    }
}
