//! A perceptron that reads handwritten digits: a model by `#[derive(Layer)]`, trained by a compiled step.
//!
//! Prints the accuracy after each epoch, on digits seen and held out, then which digits were taken for which.
//! The last batch of an epoch is smaller than the others; the step is still compiled at most twice: the second time
//! for any size. Start with `model`.
//!
//! ```sh
//! cargo run --release --example mlp_digits
//! ```

mod data;
mod model;
mod report;

use clap::Parser;
use data::Digits;
use model::{Mlp, predict, train_step};
use report::Progress;
use std::time::Instant;
use tl::optimizers::Adam;
use tracelift as tl;

/// Trains a 64-64-32-10 perceptron on 8 x 8 digits.
#[derive(Parser)]
struct Options {
    /// How often every digit is seen.
    #[arg(long, default_value_t = 25)]
    epochs: usize,
    /// Digits a step.
    #[arg(long, default_value_t = 64, value_parser = parse_batch)]
    batch: usize,
    /// The learning rate of Adam.
    #[arg(long, default_value_t = 2e-3)]
    lr: f64,
    /// Of the split, the first weights and the order of the digits.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail unless so many percent of the digits held out are read right in the end.
    #[arg(long)]
    require: Option<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tl::random::set_seed(options.seed);
    let (train, held_out) = Digits::load()?.split(5);
    println!("{} digits to learn from, {} held out", train.len(), held_out.len());

    let (model, optimizer) = (Mlp::new(), Adam::new(options.lr));
    let steps = train.len().div_ceil(options.batch);
    let progress = Progress::new(options.epochs * steps);
    let start = Instant::now();
    for epoch in 1..=options.epochs {
        let mut loss = 0.0;
        for (x, y) in train.shuffled_batches(options.batch) {
            loss += train_step(&model, &optimizer, &x, &y).item() * y.len() as f64;
            progress.step();
        }
        let (seen, unseen) = (accuracy(&model, &train), accuracy(&model, &held_out));
        progress.line(&format!(
            "epoch {epoch:>2}  loss {:.4}  accuracy {seen:6.2} %  held out {unseen:6.2} %",
            loss / train.len() as f64
        ));
    }
    progress.finish();
    println!(
        "{} steps in {:.2} s; the step was traced {} times\n",
        options.epochs * steps,
        start.elapsed().as_secs_f64(),
        train_step::trace_count()
    );
    assert!(train_step::trace_count() <= 2, "a smaller last batch must not compile again:\n{}", train_step::explain());
    print!("{}", report::confusion(&held_out.labels(), &predict(&model, &held_out.x).to_vec::<i32>()));
    match options.require {
        Some(percent) if accuracy(&model, &held_out) < percent => {
            Err(format!("fewer than {percent} % are right").into())
        }
        _ => Ok(()),
    }
}

/// Percent of digits that the model reads right.
fn accuracy(model: &Mlp, digits: &Digits) -> f64 {
    let right = predict(model, &digits.x).equal(&digits.y).cast(tl::DType::F32);
    100.0 * right.mean().item()
}

fn parse_batch(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a batch has at least one digit".to_owned()),
        Ok(n) => Ok(n),
    }
}
