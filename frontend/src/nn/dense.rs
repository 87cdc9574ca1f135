//! [`Dense`]: `activation(x · kernel + bias)`.

use super::activation::{Activation, IntoActivation};
use super::initializers::Initializer;
use super::layer::{self, Layer, Mode, Module};
use crate::error::{Error, Kind, at, raise, unwrap};
use crate::scope::name_scope;
use crate::tensor::Tensor;
use crate::trace::tree::{Leaves, Tree};
use crate::variable::Variable;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use tracelift_runtime::DType;

/// How many there are so far: for names.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A densely connected layer: `activation(x · kernel + bias)` along the last axis of `x`.
///
/// The variables `kernel` `[inputs, units]` and `bias` `[units]` are made at the first call, in the input's dtype.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let layer = tl::Dense::new(3).activation("relu");
/// let y = layer.call(&tl::zeros(&[2, 5]), Mode::Infer);
/// assert_eq!(y.shape(), [2, 3]);
/// assert_eq!(layer.variables().len(), 2);
/// ```
pub struct Dense {
    name: String,
    units: usize,
    activation: Activation,
    kernel_initializer: Initializer,
    bias_initializer: Option<Initializer>,
    kernel: OnceLock<Variable>,
    bias: OnceLock<Variable>,
}

impl Dense {
    /// A layer of `units` outputs, with a bias, without activation; the kernel is Glorot-uniform at first.
    pub fn new(units: usize) -> Dense {
        Dense {
            name: layer::fresh_name("dense", &COUNT),
            units,
            activation: Activation::none(),
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Some(Initializer::Zeros),
            kernel: OnceLock::new(),
            bias: OnceLock::new(),
        }
    }

    /// With another name for messages than `dense`, `dense_1`, ….
    pub fn named(self, name: &str) -> Dense {
        Dense { name: name.to_owned(), ..self }
    }

    /// With an activation: `"relu"`, `Tensor::relu`, `|x: &Tensor| ..`. Panics if no op has the name.
    #[track_caller]
    pub fn activation(self, activation: impl IntoActivation) -> Dense {
        Dense { activation: unwrap(activation.into_activation()), ..self }
    }

    /// Without the bias, or with it.
    pub fn use_bias(self, use_bias: bool) -> Dense {
        Dense { bias_initializer: use_bias.then_some(Initializer::Zeros), ..self }
    }

    /// With another first value of the kernel.
    pub fn kernel_initializer(self, initializer: Initializer) -> Dense {
        Dense { kernel_initializer: initializer, ..self }
    }

    /// With a bias of this first value.
    pub fn bias_initializer(self, initializer: Initializer) -> Dense {
        Dense { bias_initializer: Some(initializer), ..self }
    }

    /// The kernel `[inputs, units]`; none before the first call.
    pub fn kernel(&self) -> Option<&Variable> {
        self.kernel.get()
    }

    /// The bias `[units]`; none before the first call, or without bias.
    pub fn bias(&self) -> Option<&Variable> {
        self.bias.get()
    }

    /// Makes the variables for inputs whose last axis is `inputs` long. Nothing happens if they are there.
    pub fn build(&self, inputs: usize, dtype: DType) {
        self.kernel.get_or_init(|| self.kernel_initializer.variable(&[inputs, self.units], dtype).named("kernel"));
        if let Some(initializer) = self.bias_initializer {
            self.bias.get_or_init(|| initializer.variable(&[self.units], dtype).named("bias"));
        }
    }

    /// What is wrong with an input, if anything is.
    fn check(&self, x: &Tensor) -> Result<usize, Error> {
        let spec = x.spec();
        let expected = match self.kernel.get() {
            Some(kernel) => format!("[.., {}]", kernel.shape()[0]),
            None => "[.., inputs] with at least two axes".to_owned(),
        };
        let wrong =
            |kind| Error::new(kind, format!("Dense({}): expected an input {expected}, received {spec}", self.units));
        if spec.rank() < 2 {
            return Err(wrong(Kind::Shape).hint("the first axis is the batch: `reshape` one example to [1, inputs]"));
        }
        let inputs = spec.dims[spec.rank() - 1].as_const().and_then(|n| usize::try_from(n).ok());
        let inputs = inputs.ok_or_else(|| wrong(Kind::Shape).hint("the last axis must have a known length"))?;
        match self.kernel.get() {
            Some(kernel) if kernel.shape()[0] != inputs => Err(wrong(Kind::Shape)),
            Some(kernel) if kernel.dtype() != spec.dtype => {
                Err(wrong(Kind::DType).hint(format!("its variables are {}: cast the input", kernel.dtype())))
            }
            _ if !spec.dtype.is_float() => Err(wrong(Kind::DType).hint("cast the input to a float dtype")),
            _ => Ok(inputs),
        }
    }
}

impl Layer for Dense {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        let loc = Location::caller();
        name_scope(&self.name, || {
            match self.check(x) {
                Ok(inputs) => self.build(inputs, x.dtype()),
                Err(error) => raise(at(error, loc), loc),
            }
            let kernel = self.kernel.get().expect("built above");
            let product = crate::matmul(x, kernel);
            let sum = match self.bias.get() {
                Some(bias) => product + bias,
                None => product,
            };
            self.activation.call(&sum)
        })
    }
}

impl Module for Dense {}

impl Tree for Dense {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.word(self.units as u64);
        leaves.word(self.bias_initializer.is_some() as u64);
        self.activation.visit(leaves);
        leaves.enter("kernel");
        self.kernel.visit(leaves);
        leaves.exit();
        leaves.enter("bias");
        self.bias.visit(leaves);
        leaves.exit();
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}
