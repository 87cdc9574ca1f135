//! Linear regression by gradient descent, twice: op by op, and compiled by `#[function]`.
//!
//! Prints the loss on the way, what was learned, how long a step takes either way and what the first compiled call
//! cost; draws the fit, the error surface with the path of the descent, and the loss curve.
//! Start with `model`: the whole of the learning is there.
//!
//! ```sh
//! cargo run --release --example linear_regression
//! ```

mod model;
mod pictures;

use clap::Parser;
use model::{Data, Run};
use std::path::PathBuf;
use tracelift as tl;

/// Fits a line to 100 noisy points, eagerly and compiled.
#[derive(Parser)]
struct Options {
    /// How many steps of gradient descent.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..))]
    steps: u32,
    /// The learning rate.
    #[arg(long, default_value_t = 0.05)]
    lr: f64,
    /// Where the pictures go.
    #[arg(long, default_value = "out/linear_regression")]
    out: PathBuf,
    /// Draw no pictures.
    #[arg(long)]
    no_plots: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let steps = options.steps as usize;
    tl::random::set_seed(1);
    let data = Data::new(100);
    println!("{} points of y = {} x + {} + N(0, {})\n", data.len(), Data::SLOPE, Data::INTERCEPT, Data::NOISE);

    let eager = Run::eager(&data, (0.0, 0.0), options.lr, steps);
    let compiled = Run::compiled(&data, (0.0, 0.0), options.lr, steps);
    print_losses(&eager, &compiled);
    print_times(&eager, &compiled, &data, options.lr)?;

    if !options.no_plots {
        let descent = Run::compiled(&data, (-0.5, -0.75), options.lr, steps);
        let surface = data.error_surface(-1.0, 1.0, 41);
        pictures::draw(&options.out, &data, &compiled, &descent, surface)?;
        println!("\npictures: {}/{{fit,surface,loss}}.{{svg,png}}", options.out.display());
    }
    Ok(())
}

fn print_losses(eager: &Run, compiled: &Run) {
    println!("{:>5} {:>12} {:>12}", "step", "eager loss", "compiled");
    let last = eager.losses.len() - 1;
    for step in (0..=last).filter(|step| step % 20 == 0 || *step == last) {
        println!("{step:>5} {:>12.8} {:>12.8}", eager.losses[step], compiled.losses[step]);
    }
    println!("{:>5} {:>12.8} {:>12.8}", "m", eager.slope(), compiled.slope());
    println!("{:>5} {:>12.8} {:>12.8}", "b", eager.intercept(), compiled.intercept());
    let difference = eager.largest_difference(compiled);
    println!("\nthe same numbers: no two differ by more than {difference:.1e}");
    assert!(difference < 1e-5, "compiled code must compute what the eager code does");
}

fn print_times(eager: &Run, compiled: &Run, data: &Data, lr: f64) -> tl::Result<()> {
    let (slow, fast) = (eager.median_step(), compiled.median_step());
    println!("\neager    {slow:8.2} µs a step");
    println!("compiled {fast:8.2} µs a step: {:.1} times as fast", slow / fast);

    let timing = model::timing(data, lr)?;
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let first = ms(compiled.steps[0]);
    let parts = [
        ("tracing", ms(timing.tracing)),
        ("passes", ms(timing.passes)),
        ("schedule", ms(timing.schedule)),
        ("codegen", ms(timing.codegen)),
    ];
    let rest = first - parts.iter().map(|part| part.1).sum::<f64>();
    println!("\nthe first compiled call took {first:.2} ms:");
    for (name, time) in parts.into_iter().chain([("loading, running", rest)]) {
        println!("  {name:<16} {time:7.2} ms");
    }
    if slow > fast {
        println!("  paid back after {:.0} steps", (first * 1e3 / (slow - fast)).ceil());
    }
    Ok(())
}
