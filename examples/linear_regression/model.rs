//! The data, the train step, and runs of it. Start with [`train_step`].

use std::time::{Duration, Instant};
use tl::prelude::*;
use tracelift as tl;

/// One step of gradient descent on the mean squared error of `m x + b`; gives the loss before the step.
#[function]
pub fn train_step(x: &Tensor, y: &Tensor, m: &Variable, b: &Variable, lr: f64) -> Tensor {
    let tape = GradientTape::new();
    let loss = error(x, y, m, b);
    let [dm, db] = tape.gradient(&loss, &[m, b]);
    m.assign_sub(lr * dm);
    b.assign_sub(lr * db);
    loss
}

fn error(x: &Tensor, y: &Tensor, m: &Variable, b: &Variable) -> Tensor {
    tl::reduce_mean(tl::square(m * x + b - y))
}

/// Where the time of the compiled step's first call went.
pub fn timing(data: &Data, lr: f64) -> tl::Result<tl::Timing> {
    let (m, b) = (Variable::new(0.0), Variable::new(0.0));
    Ok(train_step::concrete(&data.x, &data.y, &m, &b, lr)?.timing())
}

/// Points near a line.
pub struct Data {
    pub x: Tensor,
    pub y: Tensor,
}

impl Data {
    pub const SLOPE: f64 = 0.1;
    pub const INTERCEPT: f64 = 0.3;
    pub const NOISE: f64 = 0.01;

    pub fn new(n: usize) -> Data {
        let x = tl::random::uniform([n]);
        let y = Data::SLOPE * &x + Data::INTERCEPT + Data::NOISE * tl::random::normal([n]);
        Data { x, y }
    }

    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// The mean squared error for each of `n` by `n` lines whose m and b lie between `low` and `high`: a list for
    /// each b, along m. One expression: m, b and the points are axes of their own.
    pub fn error_surface(&self, low: f64, high: f64, n: usize) -> Surface {
        let axis = tl::linspace(low, high, n as i64);
        let (m, b) = (axis.reshape([1, n, 1]), axis.reshape([n, 1, 1]));
        let errors = tl::square(&m * &self.x + &b - &self.y).mean_axis(-1);
        let errors = errors.to_vec::<f32>().chunks(n).map(|row| row.iter().map(|&e| e.into()).collect()).collect();
        Surface { axis: axis.to_vec::<f32>().into_iter().map(f64::from).collect(), errors }
    }

    /// The error of one line.
    pub fn error_at(&self, m: f64, b: f64) -> f64 {
        tl::square(&self.x * m + b - &self.y).mean().item()
    }
}

/// The error over a grid of lines.
pub struct Surface {
    /// The values of m, and those of b.
    pub axis: Vec<f64>,
    /// `errors[b][m]`
    pub errors: Vec<Vec<f64>>,
}

/// What a run of gradient descent went through.
pub struct Run {
    /// Before each step, and after the last.
    pub losses: Vec<f64>,
    /// m and b, before each step and after the last.
    pub path: Vec<(f64, f64)>,
    /// How long each step took.
    pub steps: Vec<Duration>,
}

impl Run {
    /// Op by op.
    pub fn eager(data: &Data, start: (f32, f32), lr: f64, steps: usize) -> Run {
        Run::descend(data, start, steps, |m, b| train_step::eager(&data.x, &data.y, m, b, lr))
    }

    /// By the compiled step.
    pub fn compiled(data: &Data, start: (f32, f32), lr: f64, steps: usize) -> Run {
        Run::descend(data, start, steps, |m, b| train_step(&data.x, &data.y, m, b, lr))
    }

    fn descend(data: &Data, start: (f32, f32), steps: usize, step: impl Fn(&Variable, &Variable) -> Tensor) -> Run {
        let (m, b) = (Variable::new(start.0), Variable::new(start.1));
        let mut run = Run { losses: Vec::new(), path: vec![values(&m, &b)], steps: Vec::new() };
        for _ in 0..steps {
            let begin = Instant::now();
            let loss = step(&m, &b);
            run.steps.push(begin.elapsed());
            run.losses.push(loss.item());
            run.path.push(values(&m, &b));
        }
        run.losses.push(error(&data.x, &data.y, &m, &b).item());
        run
    }

    pub fn slope(&self) -> f64 {
        self.path[self.path.len() - 1].0
    }

    pub fn intercept(&self) -> f64 {
        self.path[self.path.len() - 1].1
    }

    /// Microseconds, without the first step.
    pub fn median_step(&self) -> f64 {
        let mut steps = self.steps[1..].to_vec();
        steps.sort_unstable();
        steps[steps.len() / 2].as_secs_f64() * 1e6
    }

    /// Between the losses and the parameters of two runs; relative, for numbers above 1.
    pub fn largest_difference(&self, other: &Run) -> f64 {
        let numbers = |run: &Run| -> Vec<f64> {
            run.losses.iter().copied().chain(run.path.iter().flat_map(|&(m, b)| [m, b])).collect()
        };
        numbers(self).iter().zip(numbers(other)).map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f64::max)
    }
}

fn values(m: &Variable, b: &Variable) -> (f64, f64) {
    (m.value().item(), b.value().item())
}
