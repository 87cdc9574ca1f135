//! `define_ops!`: the op table as functions, `Tensor` methods and their `try_` twins.
//!
//! Input: the reference of ops, whose sections become docs; ops to leave out; the compiler's table, `(unary exp EXP) (reduce reduce_sum REDUCE_SUM sum)
//! (op transpose TRANSPOSE [x] [perm: OptInts]) ..`. An op with optional attributes gets a second form,
//! `softmax_with(x, axis)`, that takes them all; a reduction gets `_axis` and `_keepdims` forms, and `_with` if it
//! has attributes of its own.

use crate::op_docs::OpDocs;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Result, Token, bracketed, parenthesized};

/// The whole table.
pub fn expand(table: TokenStream) -> TokenStream {
    match syn::parse2::<Table>(table) {
        Ok(table) => table.expand(),
        Err(error) => error.to_compile_error(),
    }
}

struct Table {
    docs: OpDocs,
    entries: Vec<Entry>,
}

/// One line of the table.
struct Entry {
    kind: Ident,
    name: Ident,
    op: Ident,
    alias: Option<Ident>,
    inputs: Vec<Ident>,
    attrs: Vec<Attr>,
}

/// `axis: OptInt`
struct Attr {
    name: Ident,
    kind: String,
    optional: bool,
}

impl Parse for Table {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let docs = OpDocs::read(&input.parse()?);
        // `[split, top_k]`: these are written by hand.
        let skipped: Vec<Ident> = list(input)?;
        let mut entries: Vec<Entry> = Vec::new();
        while !input.is_empty() {
            entries.push(input.parse()?);
        }
        entries.retain(|entry| !skipped.contains(&entry.name));
        Ok(Table { docs, entries })
    }
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let line;
        parenthesized!(line in input);
        let (kind, name, op) = (line.parse::<Ident>()?, line.parse()?, line.parse()?);
        let alias = if line.is_empty() || line.peek(syn::token::Bracket) { None } else { Some(line.parse()?) };
        let inputs = match kind.to_string().as_str() {
            "unary" | "reduce" => vec![format_ident!("x")],
            "binary" => vec![format_ident!("x"), format_ident!("y")],
            "op" | "multi" => list(&line)?,
            _ => Vec::new(),
        };
        let attrs = if line.peek(syn::token::Bracket) { list(&line)? } else { Vec::new() };
        while !line.is_empty() {
            line.parse::<proc_macro2::TokenTree>()?;
        }
        let alias = alias.filter(|alias| *alias != name);
        Ok(Entry { kind, name, op, alias, inputs, attrs })
    }
}

impl Parse for Attr {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let kind = input.parse::<Ident>()?.to_string();
        let optional = kind.starts_with("Opt");
        Ok(Attr { name, kind: kind.trim_start_matches("Opt").to_owned(), optional })
    }
}

fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let items;
    bracketed!(items in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&items)?.into_iter().collect())
}

/// Functions and methods of one entry.
#[derive(Default)]
struct Generated {
    functions: TokenStream,
    methods: TokenStream,
}

/// What stands between the name and the body of a generated item.
struct Form<'a> {
    /// The item's name.
    name: Ident,
    /// Its doc.
    doc: String,
    /// Attributes that are parameters.
    params: Vec<&'a Attr>,
    /// Attributes with a fixed value.
    fixed: TokenStream,
}

impl Table {
    fn expand(&self) -> TokenStream {
        let mut all = Generated::default();
        for entry in &self.entries {
            entry.generate(&self.docs, &mut all);
        }
        let (Generated { functions, methods }, tracked) = (all, self.docs.tracked());
        quote! {
            #tracked
            #functions

            /// Ops as methods: each is the function of the same name in the crate's root.
            impl Tensor {
                #methods
            }
        }
    }
}

impl Entry {
    fn generate(&self, docs: &OpDocs, out: &mut Generated) {
        match self.kind.to_string().as_str() {
            "unary" | "binary" | "op" | "multi" | "variadic" | "variadic_multi" => self.plain(docs, out),
            "reduce" => self.reduction(docs, out),
            _ => {}
        }
    }

    /// The form without optional attributes, and the one with all.
    fn plain(&self, docs: &OpDocs, out: &mut Generated) {
        let (name, signature) = (self.name.to_string(), self.signature());
        let form = |name: &Ident, doc| Form { name: name.clone(), doc, params: Vec::new(), fixed: quote!() };
        let required = || self.attrs.iter().filter(|a| !a.optional).collect();
        self.emit(&Form { params: required(), ..form(&self.name, docs.whole(&signature, &name)) }, out);
        if let Some(alias) = &self.alias {
            let doc = format!("[`{name}`](Self::{name}) by its short name.");
            self.emit_method(&Form { params: required(), ..form(alias, doc) }, out);
        }
        if self.attrs.iter().any(|a| a.optional) {
            let doc = docs.brief(&format!("{signature} All attributes given."), &name);
            let name = format_ident!("{}_with", name.trim_end_matches('_'));
            self.emit(&Form { params: self.attrs.iter().collect(), ..form(&name, doc) }, out);
        }
    }

    /// Over all axes, over some, and with the reduced axes kept at length 1.
    fn reduction(&self, docs: &OpDocs, out: &mut Generated) {
        let own = self.name.to_string();
        let axes = Attr { name: format_ident!("axes"), kind: "Ints".to_owned(), optional: false };
        let forms = [
            ("", "over all axes.", false, quote!()),
            ("_axis", "over one axis or several; negative ones count from the end.", true, quote!()),
            ("_keepdims", "over these axes, which stay with length 1.", true, quote!(.with("keepdims", true))),
        ];
        for (suffix, what, takes_axes, fixed) in forms {
            let first = format!("`{own}` {what}");
            let doc = if suffix.is_empty() { docs.whole(&first, &own) } else { docs.brief(&first, &own) };
            let params = || if takes_axes { vec![&axes] } else { Vec::new() };
            let name = format_ident!("{own}{suffix}");
            self.emit(&Form { name, doc, params: params(), fixed: fixed.clone() }, out);
            if let Some(alias) = &self.alias {
                let (name, doc) = (format_ident!("{alias}{suffix}"), docs.brief(&first, &own));
                self.emit_method(&Form { name, doc, params: params(), fixed }, out);
            }
        }
        if !self.attrs.is_empty() {
            let keepdims = Attr { name: format_ident!("keepdims"), kind: "Bool".to_owned(), optional: false };
            let params = [&axes, &keepdims].into_iter().chain(&self.attrs).collect();
            let doc = docs.brief(&format!("`{own}` with all attributes given."), &own);
            self.emit(&Form { name: format_ident!("{own}_with"), doc, params, fixed: quote!() }, out);
        }
    }

    fn emit(&self, form: &Form<'_>, out: &mut Generated) {
        out.functions.extend(self.item(form, false, false));
        out.functions.extend(self.item(form, false, true));
        self.emit_method(form, out);
    }

    fn emit_method(&self, form: &Form<'_>, out: &mut Generated) {
        if !self.inputs.is_empty() {
            out.methods.extend(self.item(form, true, false));
            out.methods.extend(self.item(form, true, true));
        }
    }

    fn item(&self, form: &Form<'_>, method: bool, twin: bool) -> TokenStream {
        let Form { name, doc, params, fixed } = form;
        let (op, multi) = (&self.op, self.kind == "multi" || self.kind == "variadic_multi");
        let (value, call) = match multi {
            true => (quote!(Vec<Tensor>), quote!(dispatch::call_many)),
            false => (quote!(Tensor), quote!(dispatch::call1)),
        };
        let attrs = params.iter().map(|attr| attr.set());
        let (generics, operands, inputs) = self.operands(method);
        let params = params.iter().map(|attr| attr.parameter());
        let body = quote!(#call(&ops::#op, Attrs::new() #(#attrs)* #fixed, #operands, Location::caller()));
        let twin_name = format_ident!("try_{}", name.to_string().trim_end_matches('_'));
        if twin {
            let scope = if method { "Self::" } else { "" };
            let doc = format!("The twin of [`{name}`]({scope}{name}).");
            return quote! {
                #[doc = #doc]
                #[track_caller]
                pub fn #twin_name #generics (#inputs #(#params),*) -> Result<#value> { #body }
            };
        }
        quote! {
            #[doc = #doc]
            #[track_caller]
            pub fn #name #generics (#inputs #(#params),*) -> #value { unwrap(#body) }
        }
    }

    /// Generics, the slice of operands, and the parameters of the operands.
    fn operands(&self, method: bool) -> (TokenStream, TokenStream, TokenStream) {
        if self.is_variadic() {
            let operands = quote!(&xs.iter().map(IntoTensor::operand).collect::<SmallVec<[Operand<'_>; 4]>>());
            return (quote!(<T: IntoTensor>), operands, quote!(xs: &[T],));
        }
        let inputs = &self.inputs;
        let rest = if method { &inputs[1..] } else { &inputs[..] };
        let first = if method { quote!(self.operand(),) } else { quote!() };
        let receiver = if method { quote!(&self,) } else { quote!() };
        (quote!(), quote!(&[#first #(#rest.operand()),*]), quote!(#receiver #(#rest: impl IntoTensor,)*))
    }

    fn is_variadic(&self) -> bool {
        self.kind == "variadic" || self.kind == "variadic_multi"
    }

    /// `transpose(x, perm?)`
    fn signature(&self) -> String {
        let operands = match self.is_variadic() {
            true => vec!["xs".to_owned()],
            false => self.inputs.iter().map(ToString::to_string).collect(),
        };
        let attrs = self.attrs.iter().map(|a| format!("{}{}", a.name, if a.optional { "?" } else { "" }));
        let list: Vec<String> = operands.into_iter().chain(attrs).collect();
        format!("`{}({})`.", self.name, list.join(", "))
    }
}

impl Attr {
    fn parameter(&self) -> TokenStream {
        let name = &self.name;
        let kind = match self.kind.as_str() {
            "Int" => quote!(i64),
            "Float" => quote!(f64),
            "Bool" => quote!(bool),
            "Str" => quote!(&str),
            "DType" => quote!(DType),
            "Padding" => quote!(impl IntoPadding),
            _ => quote!(impl IntoInts),
        };
        quote!(#name: #kind)
    }

    fn set(&self) -> TokenStream {
        let (name, text) = (&self.name, self.name.to_string());
        let value = match self.kind.as_str() {
            "Ints" => quote!(#name.ints()),
            "Dims" => quote!(#name.dims()),
            "Padding" => quote!(#name.padding()),
            _ => quote!(#name),
        };
        quote!(.with(#text, #value))
    }
}
