//! What `#[function]` refuses, each form with its own message.

use super::parse::TracedFn;
use crate::diagnostics::Diagnostics;
use syn::visit::{self, Visit};
use syn::{FnArg, ReceiverKind, ReturnType, Safety, Type, TypeImplTrait, TypeReference};

/// All complaints about the function at once.
pub fn validate(f: &TracedFn) -> syn::Result<()> {
    let mut errors = Diagnostics::default();
    let sig = &f.item.sig;
    if let Some(token) = &sig.asyncness {
        errors.error(token, "a #[function] cannot be `async`: it is traced in one go; call it from async code instead");
    }
    if let Some(token) = &sig.constness {
        errors.error(token, "a #[function] cannot be `const`: it runs compiled code");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.error(
            token,
            "a #[function] cannot be `unsafe`: whoever calls it cannot be asked to keep a promise; use `unsafe` inside",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.error(abi, "a #[function] is called from Rust; wrap it in an `extern` function of your own");
    }
    if let Some(variadic) = &sig.variadic {
        errors.error(variadic, "a #[function] takes a fixed number of arguments; pass a slice or a Vec");
    }
    receiver(f, &mut errors);
    for param in &f.params {
        parameter_type(&param.ty, &mut errors);
    }
    if let ReturnType::Type(_, ty) = &sig.output {
        result_type(ty, &mut errors);
    }
    errors.finish()
}

fn receiver(f: &TracedFn, errors: &mut Diagnostics) {
    let Some(FnArg::Receiver(receiver)) = f.item.sig.inputs.first() else { return };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => {}
        ReceiverKind::Reference(_, _, Some(_)) => errors.error(
            receiver,
            "a #[function] method takes `&self`: state that changes is a `Variable`, which is assigned through `&self`",
        ),
        _ => {
            errors.error(receiver, "a #[function] method takes `&self`: the object is lent to the trace, not consumed")
        }
    }
}

fn parameter_type(ty: &Type, errors: &mut Diagnostics) {
    struct Finder<'e>(&'e mut Diagnostics);
    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_type_reference(&mut self, node: &'ast TypeReference) {
            if node.mutability.is_some() {
                let advice = "return the new value, or pass a `&Variable` and assign to it";
                self.0.error(node, format!("a #[function] cannot take `&mut` arguments: {advice}"));
            }
            visit::visit_type_reference(self, node);
        }
        fn visit_type_impl_trait(&mut self, node: &'ast TypeImplTrait) {
            let advice = "name the type, or use a type parameter: `fn f<T: Tree>(x: &T)`";
            self.0.error(node, format!("a #[function] cannot take `impl Trait` arguments: {advice}"));
        }
    }
    Finder(errors).visit_type(ty);
}

fn result_type(ty: &Type, errors: &mut Diagnostics) {
    struct Finder<'e>(&'e mut Diagnostics);
    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_type_reference(&mut self, node: &'ast TypeReference) {
            if node.lifetime.as_ref().is_none_or(|l| l.ident != "static") {
                self.0.error(node, "a #[function] returns owned values: a `Tensor` is cheap to clone");
            }
        }
        fn visit_type_impl_trait(&mut self, node: &'ast TypeImplTrait) {
            self.0.error(node, "a #[function] cannot return `impl Trait`: name the type");
        }
    }
    Finder(errors).visit_type(ty);
}
