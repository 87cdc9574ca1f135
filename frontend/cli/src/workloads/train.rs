//! Training steps: state in variables, gradients by a tape, an optimizer.

use super::{Mode, Step};
use crate::generator::{Fill, tensor, uniform};
use tl::losses;
use tl::optimizers::{Adam, Optimizer, Sgd};
use tl::prelude::*;
use tracelift as tl;

/// One step of gradient descent on a line through 100 points.
#[function]
fn line_step(x: &Tensor, y: &Tensor, m: &Variable, b: &Variable) -> Tensor {
    let tape = GradientTape::new();
    let loss = tl::reduce_mean(tl::square(m * x + b - y));
    let [dm, db] = tape.gradient(&loss, &[m, b]);
    m.assign_sub(0.05 * dm);
    b.assign_sub(0.05 * db);
    loss
}

/// `y = 3x + 2 + noise / 10`, and the line's two parameters at 0.
fn line_data() -> (Tensor, Tensor, Variable, Variable) {
    let (x, noise) = (uniform(1, 100), uniform(2, 100));
    let y: Vec<f32> = x.iter().zip(&noise).map(|(x, n)| 3.0 * x + 2.0 + 0.1 * n).collect();
    (Tensor::from(x), Tensor::from(y), Variable::new(0.0), Variable::new(0.0))
}

fn line_step_in(mode: Mode) -> impl Fn(&Tensor, &Tensor, &Variable, &Variable) -> Tensor {
    match mode {
        Mode::Eager => line_step::eager,
        Mode::Compiled => line_step,
    }
}

/// One step a call.
pub fn linreg_step(_: &'static str, mode: Mode) -> Step {
    let (x, y, m, b) = line_data();
    let step = line_step_in(mode);
    Box::new(move || vec![step(&x, &y, &m, &b)])
}

/// 200 steps a call, from 0 each time.
pub fn linreg_200(_: &'static str, mode: Mode) -> Step {
    let (x, y, m, b) = line_data();
    let step = line_step_in(mode);
    Box::new(move || {
        m.assign(0.0);
        b.assign(0.0);
        let mut loss = Vec::new();
        for _ in 0..200 {
            loss = vec![step(&x, &y, &m, &b)];
        }
        loss
    })
}

fn mlp_loss(p: &[Variable], x: &Tensor, labels: &Tensor) -> Tensor {
    let h = tl::relu(tl::matmul(x, &p[0]) + &p[1]);
    let h = tl::relu(tl::matmul(h, &p[2]) + &p[3]);
    losses::sparse_categorical_crossentropy(labels, tl::matmul(h, &p[4]) + &p[5])
}

fn train(p: &[Variable], optimizer: &impl Optimizer, x: &Tensor, labels: &Tensor) -> Tensor {
    let tape = GradientTape::new();
    let loss = mlp_loss(p, x, labels);
    optimizer.apply(&tape.gradient(&loss, p), p);
    loss
}

#[function]
fn momentum_step(p: &[Variable], optimizer: &Sgd, x: &Tensor, labels: &Tensor) -> Tensor {
    train(p, optimizer, x, labels)
}

#[function]
fn adam_step(p: &[Variable], optimizer: &Adam, x: &Tensor, labels: &Tensor) -> Tensor {
    train(p, optimizer, x, labels)
}

fn mlp_data(hidden: usize, batch: usize) -> (Vec<Variable>, Tensor, Tensor) {
    let x = tensor(1, &[batch, 784], Fill::Uniform);
    let labels = tensor(2, &[batch], Fill::Label10);
    let shapes: [&[usize]; 6] = [&[784, hidden], &[hidden], &[hidden, hidden], &[hidden], &[hidden, 10], &[10]];
    let variable = |(k, shape): (usize, &&[usize])| {
        let fill = if shape.len() == 1 { Fill::Zero } else { Fill::FanIn };
        Variable::new(tensor(k as u64 + 3, shape, fill))
    };
    (shapes.iter().enumerate().map(variable).collect(), x, labels)
}

/// 784-512-512-10, batch 128, momentum.
pub fn mlp(_: &'static str, mode: Mode) -> Step {
    let (p, x, labels) = mlp_data(512, 128);
    let optimizer = Sgd::new(0.01).momentum(0.9);
    match mode {
        Mode::Eager => Box::new(move || vec![momentum_step::eager(&p, &optimizer, &x, &labels)]),
        Mode::Compiled => Box::new(move || vec![momentum_step(&p, &optimizer, &x, &labels)]),
    }
}

/// 784-32-32-10, batch 32, Adam.
pub fn mlp_small(_: &'static str, mode: Mode) -> Step {
    let (p, x, labels) = mlp_data(32, 32);
    let optimizer = Adam::new(0.001).epsilon(1e-8);
    match mode {
        Mode::Eager => Box::new(move || vec![adam_step::eager(&p, &optimizer, &x, &labels)]),
        Mode::Compiled => Box::new(move || vec![adam_step(&p, &optimizer, &x, &labels)]),
    }
}
