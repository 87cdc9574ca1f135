//! A first lesson: tensors, ops, gradients, and a function that is traced and compiled. Reads from top to bottom.
//!
//! ```sh
//! cargo run --example tensors
//! ```

use tl::prelude::*;
use tracelift as tl;

/// Runs once with symbolic tensors; what it recorded is compiled, and runs from then on.
#[function]
fn swish(x: &Tensor, beta: &Tensor) -> Tensor {
    x * tl::sigmoid(beta * x)
}

fn main() {
    println!("# Tensors have a dtype and a shape; numbers are f32 unless you say otherwise.");
    let x = constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    println!("{x}\n{} {:?}\n", x.dtype(), x.shape());

    println!("# Ops are functions and methods; shapes broadcast, numbers take the tensor's dtype.");
    let scaled = (&x - x.mean_axis(0)) / 2.0;
    println!("{scaled}\n{}\n", tl::matmul(&x, x.transpose()));

    println!("# Every op has a twin that gives an error instead of a panic.");
    println!("{}\n", x.try_matmul(&x).unwrap_err());

    println!("# A tape records what happens to variables and watched tensors; then it can differentiate.");
    let w = Variable::new([0.5, -0.5, 0.25]);
    let tape = GradientTape::new();
    let loss = tl::reduce_mean(tl::square(&x * &w));
    println!("loss {loss}, its gradient {}", tape.gradient(&loss, &w));
    println!("the second derivative of x³ at 2: {}\n", tl::grad(tl::grad(|x| x * x * x))(&constant(2.0)));

    println!("# #[function] traces once and compiles. Another size traces once more, for any size.");
    for n in [3, 4, 5, 6] {
        let y = swish(&tl::linspace(-1.0, 1.0, n), &constant(1.5));
        println!("{n} elements: {y}, traced {} times", swish::trace_count());
    }

    println!("\n# explain() tells what was traced, what the passes did, and which ops became one kernel.");
    println!("{}", swish::explain());
}
