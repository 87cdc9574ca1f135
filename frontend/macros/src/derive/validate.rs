//! What the derives refuse.

use super::Kind;
use super::parse::TreeType;
use crate::diagnostics::Diagnostics;
use syn::Type;

/// All complaints about the type at once.
pub fn validate(t: &TreeType) -> syn::Result<()> {
    let mut errors = Diagnostics::default();
    for field in t.variants.iter().flat_map(|v| &v.fields).filter(|f| !f.marked) {
        if let Type::Reference(reference) = &field.ty {
            let message = match t.kind {
                Kind::Data => "a tree owns its leaves: a `Tensor` is cheap to clone, a `Variable` is a handle",
                Kind::Object => "a layer owns its parts: a `Variable` is a handle, so sharing one needs no reference",
            };
            errors.error(reference, message);
        }
    }
    errors.finish()
}
