//! What the derives generate: `Tree` for both, `Arg` by value for data, `Module` for objects.

use super::Kind;
use super::parse::{TreeField, TreeType, Variant};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Member, parse_quote};

/// The impls.
pub fn expand(t: &TreeType) -> TokenStream {
    let private = quote!(::tracelift::__private);
    let generics = bounded(&t.input.generics, &private);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = t.input.generics.split_for_impl();
    let name = &t.input.ident;
    let visit = visit(t, &private);
    let (map, is_object) = match t.kind {
        Kind::Data => (map_tensors(t, &private), is_object(t, &private)),
        Kind::Object => (quote!(::core::option::Option::None), quote!(true)),
    };
    let companion = match t.kind {
        Kind::Data => quote! {
            #[automatically_derived]
            impl #impl_generics #private::Arg for #name #type_generics #where_clause {
                type Held = Self;
                type Lent<'held> = Self where Self: 'held;
                fn visit<'leaves>(&'leaves self, leaves: &mut #private::Leaves<'leaves>) {
                    leaves.set_object(false);
                    #private::Tree::visit(self, leaves)
                }
                fn hold(&self, f: &mut dyn FnMut(&#private::Tensor) -> #private::Tensor) -> Self {
                    #private::owned(self, f)
                }
                fn lend<'held>(&'held self, held: &'held Self) -> Self where Self: 'held {
                    #private::owned(held, &mut ::core::clone::Clone::clone)
                }
            }
        },
        Kind::Object => quote! {
            #[automatically_derived]
            impl #impl_generics #private::Module for #name #type_generics #where_clause {}
        },
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::Tree for #name #type_generics #where_clause {
            fn visit<'leaves>(&'leaves self, leaves: &mut #private::Leaves<'leaves>) {
                #visit
            }
            #[allow(unused_variables)]
            fn map_tensors(
                &self,
                f: &mut dyn FnMut(&#private::Tensor) -> #private::Tensor,
            ) -> ::core::option::Option<Self> {
                #map
            }
            fn is_object(&self) -> bool {
                #is_object
            }
        }
        #companion
    }
}

/// Type parameters must be trees themselves.
fn bounded(generics: &Generics, private: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(parse_quote!(#private::Tree));
        }
    }
    generics
}

fn visit(t: &TreeType, private: &TokenStream) -> TokenStream {
    let arms = t.variants.iter().enumerate().map(|(i, variant)| {
        let pattern = pattern(variant);
        let tag = variant.name.as_ref().map(|_| {
            let index = i as u64;
            quote!(leaves.word(#index);)
        });
        let visits = variant.fields.iter().map(|f| visit_field(f, t.kind, private));
        quote!(#pattern => { #tag #(#visits)* })
    });
    match_self(t, arms, quote!({}))
}

fn visit_field(field: &TreeField, kind: Kind, private: &TokenStream) -> TokenStream {
    let name = match &field.member {
        Member::Named(name) => name.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    };
    // Resolved as generated code, blamed on the field's type.
    let at = Span::call_site().located_at(field.ty.span());
    let mut binding = field.binding.clone();
    binding.set_span(at);
    match (field.marked, kind) {
        (true, Kind::Object) => quote!(let _ = #binding;),
        (true, Kind::Data) => quote_spanned!(at=> leaves.static_value(#binding);),
        (false, _) => {
            let visit = quote_spanned!(at=> #private::Tree::visit(#binding, leaves));
            quote!(leaves.enter(#name); #visit; leaves.exit();)
        }
    }
}

fn map_tensors(t: &TreeType, private: &TokenStream) -> TokenStream {
    let arms = t.variants.iter().map(|variant| {
        let (pattern, path) = (pattern(variant), path(variant));
        let fields = variant.fields.iter().map(|f| {
            let (member, binding) = (&f.member, &f.binding);
            if f.marked {
                quote!(#member: ::core::clone::Clone::clone(#binding))
            } else {
                quote!(#member: #private::Tree::map_tensors(#binding, f)?)
            }
        });
        quote!(#pattern => ::core::option::Option::Some(#path { #(#fields),* }))
    });
    match_self(t, arms, quote!(::core::option::Option::None))
}

fn is_object(t: &TreeType, private: &TokenStream) -> TokenStream {
    let arms = t.variants.iter().map(|variant| {
        let path = path(variant);
        let fields = variant.fields.iter().filter(|f| !f.marked);
        let (members, bindings): (Vec<_>, Vec<_>) = fields.map(|f| (&f.member, &f.binding)).unzip();
        quote!(#path { #(#members: #bindings,)* .. } => false #(|| #private::Tree::is_object(#bindings))*)
    });
    match_self(t, arms, quote!(false))
}

fn path(variant: &Variant) -> TokenStream {
    match &variant.name {
        Some(name) => quote!(Self::#name),
        None => quote!(Self),
    }
}

fn pattern(variant: &Variant) -> TokenStream {
    let path = path(variant);
    let fields = variant.fields.iter().map(|f| {
        let (member, binding) = (&f.member, &f.binding);
        quote!(#member: #binding)
    });
    quote!(#path { #(#fields),* })
}

fn match_self(t: &TreeType, arms: impl Iterator<Item = TokenStream>, never: TokenStream) -> TokenStream {
    if t.variants.is_empty() {
        return never;
    }
    quote!(match self { #(#arms,)* })
}
