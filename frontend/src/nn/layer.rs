//! [`Module`]: something with variables; [`Layer`]: a module that is called.

use crate::error::{Error, Kind, raise};
use crate::tensor::Tensor;
use crate::trace::tree::{Leaves, Tree};
use crate::variable::Variable;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether a layer is called to train or to infer; static in a trace's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Training: dropout drops, statistics are updated.
    Train,
    /// Inference.
    Infer,
}

/// An object that owns variables. Comes with `#[derive(Layer)]`.
pub trait Module: Tree {
    /// Every variable, each once, in the order of the fields. Layers not called yet have none.
    fn variables(&self) -> Vec<Variable> {
        let mut leaves = Leaves::new();
        self.visit(&mut leaves);
        let mut variables: Vec<Variable> = Vec::new();
        for &variable in &leaves.variables {
            if variables.iter().all(|v| v.id() != variable.id()) {
                variables.push(variable.clone());
            }
        }
        variables
    }

    /// Those that gradients are taken of.
    fn trainable_variables(&self) -> Vec<Variable> {
        self.variables().into_iter().filter(Variable::is_trainable).collect()
    }

    /// Every variable, each once, with its path of field names: `hidden/kernel`.
    fn named_variables(&self) -> Vec<(String, Variable)> {
        let mut leaves = Leaves::named();
        self.visit(&mut leaves);
        let mut named: Vec<(String, Variable)> = Vec::new();
        for (name, &variable) in leaves.variable_names().iter().zip(&leaves.variables) {
            if named.iter().all(|(_, v)| v.id() != variable.id()) {
                named.push((name.clone(), variable.clone()));
            }
        }
        named
    }
}

/// `dense`, `dense_1`, …: the next name of a kind of layer.
pub(crate) fn fresh_name(kind: &str, count: &AtomicUsize) -> String {
    match count.fetch_add(1, Ordering::Relaxed) {
        0 => kind.to_owned(),
        n => format!("{kind}_{n}"),
    }
}

/// A module that maps a tensor to a tensor. `&dyn Layer` works.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// #[derive(Layer)]
/// struct Scale { by: Variable }
/// impl Layer for Scale {
///     fn call(&self, x: &Tensor, _: Mode) -> Tensor { x * &self.by }
/// }
///
/// let layer = Scale { by: Variable::new(2.0) };
/// assert_eq!(layer.call(&constant(3.0), Mode::Infer), 6.0);
/// assert_eq!(layer.trainable_variables().len(), 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer",
    note = "write `#[derive(Layer)]` on it, and `impl Layer` with its `call`"
)]
pub trait Layer: Module {
    /// The layer's output for `x`.
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor;

    /// The layer's output for several inputs. Panics unless there is one, where a layer does not say otherwise.
    #[track_caller]
    fn call_many(&self, inputs: &[&Tensor], mode: Mode) -> Tensor {
        match inputs {
            [x] => self.call(x, mode),
            _ => {
                let text = format!("this layer takes one input, received {}", inputs.len());
                let hint = "a layer of several inputs writes `call_many` too";
                raise(Error::new(Kind::Value, text).hint(hint), Location::caller())
            }
        }
    }
}
