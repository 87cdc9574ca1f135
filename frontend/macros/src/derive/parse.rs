//! From tokens to [`TreeType`].

use super::Kind;
use proc_macro2::TokenStream;
use quote::format_ident;
use syn::{Data, DeriveInput, Fields, Ident, Member, Meta, Token, ext::IdentExt};

/// A struct or enum under a derive.
pub struct TreeType {
    /// Which derive.
    pub kind: Kind,
    /// As written.
    pub input: DeriveInput,
    /// Its variants; a struct has one, without a name.
    pub variants: Vec<Variant>,
}

/// A struct's fields, or an enum variant's.
pub struct Variant {
    /// An enum variant's name.
    pub name: Option<Ident>,
    /// In order.
    pub fields: Vec<TreeField>,
}

/// One field.
pub struct TreeField {
    /// `name` or `0`.
    pub member: Member,
    /// What generated code binds it to.
    pub binding: Ident,
    /// Whether it carries `#[tree(static)]` or `#[layer(skip)]`.
    pub marked: bool,
    /// Its type.
    pub ty: syn::Type,
}

/// Parses the type and its fields' attributes.
pub fn parse(item: TokenStream, kind: Kind) -> syn::Result<TreeType> {
    let input: DeriveInput = syn::parse2(item)?;
    let variants = match &input.data {
        Data::Struct(data) => vec![Variant { name: None, fields: fields(&data.fields, kind)? }],
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|v| Ok(Variant { name: Some(v.ident.clone()), fields: fields(&v.fields, kind)? }))
            .collect::<syn::Result<_>>()?,
        Data::Union(data) => {
            let message = "a union cannot be a tree: which of its fields holds a tensor is not known";
            return Err(syn::Error::new_spanned(data.union_token, message));
        }
    };
    Ok(TreeType { kind, input, variants })
}

fn fields(fields: &Fields, kind: Kind) -> syn::Result<Vec<TreeField>> {
    fields
        .members()
        .zip(fields)
        .enumerate()
        .map(|(i, (member, field))| {
            let marked = is_marked(field, kind)?;
            Ok(TreeField { member, binding: format_ident!("field_{i}"), marked, ty: field.ty.clone() })
        })
        .collect()
}

fn is_marked(field: &syn::Field, kind: Kind) -> syn::Result<bool> {
    let (attribute, word) = kind.field_attribute();
    let mut marked = false;
    for attr in field.attrs.iter().filter(|a| a.path().is_ident(attribute)) {
        let Meta::List(list) = &attr.meta else {
            return Err(syn::Error::new_spanned(attr, format!("expected `#[{attribute}({word})]`")));
        };
        let parser = |input: syn::parse::ParseStream<'_>| {
            // `static` is a keyword: take any identifier.
            let found = input.call(Ident::parse_any)?;
            let _ = input.parse::<Option<Token![,]>>()?;
            Ok(found)
        };
        let found = list.parse_args_with(parser)?;
        if found != word {
            let message = format!("unknown `{found}`: the one option is `#[{attribute}({word})]`");
            return Err(syn::Error::new(found.span(), message));
        }
        marked = true;
    }
    Ok(marked)
}
