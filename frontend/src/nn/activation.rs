//! [`Activation`]: what a layer applies to its output, by name, by function or by closure.

use crate::engine::dispatch;
use crate::error::{Error, Kind, Result, raise};
use crate::tensor::{Operand, Tensor};
use crate::trace::key::CallableKey;
use crate::trace::tree::{Leaves, Tree};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::graph::opdef::{OpDef, Operands};
use tracelift_compiler::ops;

/// A function of one tensor.
#[derive(Clone)]
pub struct Activation {
    apply: Apply,
    key: Key,
}

#[derive(Clone)]
enum Apply {
    Nothing,
    Op(&'static OpDef),
    Function(Arc<dyn Fn(&Tensor) -> Tensor + Send + Sync>),
}

/// What makes two activations the same in a trace's signature.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Nothing,
    Name(&'static str),
    Function(CallableKey),
}

/// The name of an op of one operand (`"relu"`), a function (`Tensor::relu`) or a closure
/// (`|x: &Tensor| x.relu()`).
pub trait IntoActivation {
    /// The activation; an error if no op has the name.
    fn into_activation(self) -> Result<Activation>;
}

impl Activation {
    /// The identity.
    pub fn none() -> Activation {
        Activation { apply: Apply::Nothing, key: Key::Nothing }
    }

    /// Applies it.
    #[track_caller]
    pub fn call(&self, x: &Tensor) -> Tensor {
        let loc = Location::caller();
        match &self.apply {
            Apply::Nothing => x.clone(),
            Apply::Op(op) => match dispatch::call1(op, Attrs::new(), &[Operand::Tensor(x)], loc) {
                Ok(y) => y,
                Err(error) => raise(error, loc),
            },
            Apply::Function(f) => f(x),
        }
    }
}

impl IntoActivation for &str {
    fn into_activation(self) -> Result<Activation> {
        if matches!(self, "linear" | "none") {
            return Ok(Activation::none());
        }
        let usable =
            |op: &OpDef| matches!(op.inputs, Operands::Named([_])) && op.attrs.iter().all(|attr| attr.optional);
        match ops::find(self).filter(|op| usable(op)) {
            Some(op) => Ok(Activation { apply: Apply::Op(op), key: Key::Name(op.name) }),
            None => {
                let text = format!("activation: no op of one operand is named \"{self}\"");
                Err(Error::new(Kind::Value, text)
                    .hint("for example \"relu\", \"tanh\", \"sigmoid\", \"softmax\", \"gelu\"; or pass a function"))
            }
        }
    }
}

impl IntoActivation for Activation {
    fn into_activation(self) -> Result<Activation> {
        Ok(self)
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> IntoActivation for F {
    fn into_activation(self) -> Result<Activation> {
        Ok(Activation { apply: Apply::Function(Arc::new(self)), key: Key::Function(CallableKey::new::<F>()) })
    }
}

impl Tree for Activation {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.static_value(&self.key);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(self.clone())
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.apply {
            Apply::Nothing => f.write_str("linear"),
            Apply::Op(op) => f.write_str(op.name),
            Apply::Function(_) => f.write_str("function"),
        }
    }
}
