//! Workloads without state: a function of its inputs.

use super::{Mode, Step};
use crate::generator::{Fill, tensor};
use tl::prelude::*;
use tracelift as tl;

/// The step of the pure workload of that name.
pub fn build(name: &'static str, mode: Mode) -> Step {
    let inputs: Vec<Tensor> =
        shapes(name).iter().enumerate().map(|(k, (shape, fill))| tensor(k as u64 + 1, shape, *fill)).collect();
    let body = body(name);
    match mode {
        Mode::Eager => Box::new(move || body(&inputs)),
        Mode::Compiled => {
            let f = tl::function(move |inputs: &Vec<Tensor>| body(inputs));
            Box::new(move || f.call(&inputs))
        }
    }
}

type Shapes = Vec<(Vec<usize>, Fill)>;

fn shapes(name: &str) -> Shapes {
    use Fill::{Around, FanIn, Uniform};
    let three = |n: usize| vec![(vec![n], Uniform); 3];
    let x = || (vec![4096, 1024], Uniform);
    let square = |n: usize| vec![(vec![n, n], Uniform); 2];
    let million = |mean, spread| (vec![1_000_000], Around(mean, spread));
    match name {
        "ew_chain_small" => three(1000),
        "ew_chain_mid" | "arith_chain_mid" => three(65_536),
        "ew_chain_big" | "arith_chain_big" => three(1 << 24),
        "gelu_bias_residual" => vec![x(), (vec![1024], Uniform)],
        "layernorm" => vec![x(), (vec![1024], Uniform), (vec![1024], Uniform)],
        "matmul_256" => square(256),
        "matmul_1024" => square(1024),
        "matmul_2048" => square(2048),
        "matmul_bias_relu" => vec![(vec![512, 784], Uniform), (vec![784, 512], FanIn), (vec![512], Uniform)],
        "black_scholes" | "black_scholes_grad" => {
            vec![million(100.0, 50.0), million(100.0, 50.0), million(1.0, 0.9), million(0.03, 0.02), million(0.3, 0.2)]
        }
        "pairwise_dist" => vec![(vec![2000, 32], Uniform), (vec![1000, 32], Uniform)],
        _ => vec![x()],
    }
}

fn body(name: &str) -> fn(&[Tensor]) -> Vec<Tensor> {
    match name {
        "ew_chain_small" | "ew_chain_mid" | "ew_chain_big" => |i| vec![ew_chain(&i[0], &i[1], &i[2])],
        "arith_chain_mid" | "arith_chain_big" => |i| vec![arith_chain(&i[0], &i[1], &i[2])],
        "gelu_bias_residual" => |i| vec![&i[0] + tl::gelu(&i[0] + &i[1])],
        "softmax" => |i| vec![tl::softmax(&i[0])],
        "layernorm" => |i| vec![tl::layer_norm_with(&i[0], &i[1], &i[2], [-1], 1e-5)],
        "logsumexp_rows" => |i| vec![tl::reduce_logsumexp_axis(&i[0], -1)],
        "sum_axis0" => |i| vec![tl::reduce_sum_axis(&i[0], 0)],
        "sum_axis1" => |i| vec![tl::reduce_sum_axis(&i[0], 1)],
        "mean_all" => |i| vec![tl::reduce_mean(&i[0])],
        "matmul_256" | "matmul_1024" | "matmul_2048" => |i| vec![tl::matmul(&i[0], &i[1])],
        "matmul_bias_relu" => |i| vec![tl::relu(tl::matmul(&i[0], &i[1]) + &i[2])],
        "black_scholes" => |i| vec![black_scholes(i)],
        "black_scholes_grad" => black_scholes_grad,
        "pairwise_dist" => |i| vec![pairwise_dist(&i[0], &i[1])],
        other => unreachable!("{other} is not a pure workload"),
    }
}

fn ew_chain(a: &Tensor, b: &Tensor, c: &Tensor) -> Tensor {
    tl::tanh(a * b + c) * tl::sigmoid(a - c) + tl::relu(b)
}

fn arith_chain(a: &Tensor, b: &Tensor, c: &Tensor) -> Tensor {
    (a * b + c) * (a - c) + b * 0.5
}

/// Call prices: spot, strike, years, rate, volatility.
fn black_scholes(inputs: &[Tensor]) -> Tensor {
    let [spot, strike, years, rate, sigma] = inputs else { unreachable!("five inputs") };
    let root = sigma * tl::sqrt(years);
    let d1 = (tl::log(spot / strike) + (rate + 0.5 * sigma * sigma) * years) / &root;
    let cdf = |z: &Tensor| 0.5 * (1.0 + tl::erf(z * std::f64::consts::FRAC_1_SQRT_2));
    spot * cdf(&d1) - strike * tl::exp(-rate * years) * cdf(&(&d1 - &root))
}

fn black_scholes_grad(inputs: &[Tensor]) -> Vec<Tensor> {
    let tape = GradientTape::new();
    for input in inputs {
        tape.watch(input);
    }
    let sum = tl::reduce_sum(black_scholes(inputs));
    tape.gradient(&sum, inputs)
}

/// The nearest of `y` for each of `x`, in broadcast form.
fn pairwise_dist(x: &Tensor, y: &Tensor) -> Tensor {
    let d = tl::expand_dims(x, 1) - tl::expand_dims(y, 0);
    tl::argmin_with(tl::reduce_sum_axis(tl::square(d), 2), 1, DType::I64)
}
