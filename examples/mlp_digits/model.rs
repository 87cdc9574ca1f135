//! The model and what is compiled of it: one step of training, and reading. Start with [`Mlp`].

use tl::losses;
use tl::optimizers::Adam;
use tl::prelude::*;
use tracelift as tl;

/// Two hidden layers, then a logit for each digit. The weights are made at the first call.
#[derive(Layer)]
pub struct Mlp {
    first: tl::Dense,
    second: tl::Dense,
    out: tl::Dense,
}

impl Mlp {
    pub fn new() -> Mlp {
        let hidden = |units: usize| {
            let he = tl::initializers::Initializer::HeNormal;
            tl::Dense::new(units).activation("relu").kernel_initializer(he)
        };
        Mlp { first: hidden(64), second: hidden(32), out: tl::Dense::new(10) }
    }
}

impl Layer for Mlp {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let h = self.first.call(x, mode);
        let h = self.second.call(&h, mode);
        self.out.call(&h, mode)
    }
}

/// One step on a batch; gives its mean loss before the step.
#[function]
pub fn train_step(model: &Mlp, optimizer: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    let tape = GradientTape::new();
    let loss = losses::sparse_categorical_crossentropy(y, model.call(x, Mode::Train));
    let variables = model.trainable_variables();
    optimizer.apply(&tape.gradient(&loss, &variables), &variables);
    loss
}

/// The digit in each image.
#[function]
pub fn predict(model: &Mlp, x: &Tensor) -> Tensor {
    model.call(x, Mode::Infer).argmax_with(-1, DType::I32)
}
