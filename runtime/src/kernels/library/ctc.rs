//! Connectionist temporal classification (Graves et al., 2006): how unlikely a sequence of labels is under classes'
//! logits over time, summed over every way to stretch the labels with repeats and blanks.
//!
//! A label sequence is seen with a blank between any two labels and at both ends: `2 L + 1` states. All is computed
//! in f64 with logarithms of probabilities, or with these and their slopes along a direction. An example belongs to one
//! thread.

use super::LibraryCx;
use super::index::{Integers, integers};
use super::number::Number;
use crate::alloc::Block;
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use std::ops::{Add, Sub};

/// See the table: `labels, logits, label_length, logit_length -> loss`.
pub fn loss(cx: &mut LibraryCx<'_>) -> Result<()> {
    run::<f64>("ctc_loss", cx, 4)
}

/// See the table: `labels, logits, label_length, logit_length -> gradient by logits`.
pub fn gradient(cx: &mut LibraryCx<'_>) -> Result<()> {
    run::<f64>("ctc_loss_gradient", cx, 4)
}

/// See the table: `labels, logits, label_length, logit_length, tangent -> slope of the gradient along the tangent`.
pub fn curvature(cx: &mut LibraryCx<'_>) -> Result<()> {
    run::<Dual>("ctc_loss_curvature", cx, 5)
}

fn run<S: Scalar>(name: &str, cx: &LibraryCx<'_>, operands: usize) -> Result<()> {
    cx.expect(name, operands, 1, 1)?;
    let [labels, logits, label_length, logit_length, tangent @ ..] = cx.inputs else { unreachable!("counted") };
    let wants_gradient = name != "ctc_loss";
    let y = &cx.outputs[0];
    cx.expect_same_dtype(name, &[logits.dtype(), y.dtype()])?;
    let ([times, batch, classes], [examples, most]) = (logits.dims(), labels.dims()) else {
        return Err(cx.bad(name, Kind::Shape, "expected logits [time, batch, class] and labels [batch, label]"));
    };
    let (times, batch, classes, most) = (*times, *batch, *classes, *most);
    if *examples != batch || label_length.dims() != [batch] || logit_length.dims() != [batch] {
        return Err(cx.bad(name, Kind::Shape, "the batches of the operands differ"));
    }
    for tangent in tangent {
        cx.expect_same_dtype(name, &[logits.dtype(), tangent.dtype()])?;
        if tangent.dims() != logits.dims() {
            return Err(cx.bad(name, Kind::Shape, "expected a tangent of the logits' shape"));
        }
    }
    cx.expect_shape(name, if wants_gradient { logits.dims() } else { &cx.inputs[2].dims()[..1] })?;
    let labels = integers(name, cx, labels)?;
    let lengths = [integers(name, cx, label_length)?, integers(name, cx, logit_length)?];
    if classes == 0 {
        return Err(cx.bad(name, Kind::Value, "there is no class, and so no blank"));
    }
    let blank = cx.axis(name, 0, classes)? as i64;
    check(name, cx, &labels, &lengths, [times, most, classes], blank)?;
    let states = 2 * most + 1;
    let cost = (times * (states + classes) * 30) as i64;
    parallel::try_for_each(batch as i64, cost, &|begin, end| {
        for example in begin as usize..end as usize {
            let task = Task {
                times: lengths[1].as_slice()[example] as usize,
                labels: &labels.as_slice()[example * most..][..lengths[0].as_slice()[example] as usize],
                blank,
                batch,
                classes,
                example,
            };
            macro_rules! run {
                ($T:ty) => {{
                    let (logits, tangent) = (logits.as_slice::<$T>(), tangent.first().map(|t| t.as_slice::<$T>()));
                    let element = |i: usize| S::new(logits[i].into(), tangent.map_or(0.0, |tangent| tangent[i].into()));
                    task.run::<S, $T>(element, y.as_mut_ptr().cast(), times, wants_gradient)
                }};
            }
            match logits.dtype() {
                DType::F32 => run!(f32),
                DType::F64 => run!(f64),
                other => Err(cx.bad(name, Kind::DType, format!("no loss of {other} logits"))),
            }?;
        }
        Ok(())
    })
}

/// An error if a length or label is out of range.
fn check(
    name: &str,
    cx: &LibraryCx<'_>,
    labels: &Integers<'_>,
    lengths: &[Integers<'_>; 2],
    [times, most, classes]: [usize; 3],
    blank: i64,
) -> Result<()> {
    let bad = |what: String| Err(cx.bad(name, Kind::Value, what));
    for (lengths, what, limit) in [(&lengths[0], "label", most), (&lengths[1], "logit", times)] {
        if let Some(i) = lengths.as_slice().iter().position(|&n| n < 0 || n as u64 > limit as u64) {
            let length = lengths.as_slice()[i];
            return bad(format!("{what} length {length} of example {i} is not between 0 and {limit}"));
        }
    }
    for (example, &length) in lengths[0].as_slice().iter().enumerate() {
        for &label in &labels.as_slice()[example * most..][..length as usize] {
            if label < 0 || label as u64 >= classes as u64 {
                return bad(format!("label {label} of example {example} is none of {classes} classes"));
            }
            if label == blank {
                return bad(format!("label {label} of example {example} is the blank"));
            }
        }
    }
    Ok(())
}

/// One example.
struct Task<'a> {
    times: usize,
    labels: &'a [i64],
    blank: i64,
    batch: usize,
    classes: usize,
    example: usize,
}

/// What the recursion is computed in: a number, or a number with its slope along a direction.
pub(super) trait Scalar: Copy + Send + Sync + Add<Output = Self> + Sub<Output = Self> {
    /// A number with its slope, which a plain number has no place for.
    fn new(value: f64, slope: f64) -> Self;
    /// The number.
    fn value(self) -> f64;
    /// What is asked for in the end: the number, or its slope where there is one.
    fn result(self) -> f64;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;

    /// `log(exp(a) + exp(b))`.
    fn log_add(self, other: Self) -> Self {
        let (low, high) = if self.value() < other.value() { (self, other) } else { (other, self) };
        if low.value() == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
    }
}

impl Scalar for f64 {
    fn new(value: f64, _slope: f64) -> f64 {
        value
    }

    fn value(self) -> f64 {
        self
    }

    fn result(self) -> f64 {
        self
    }

    fn exp(self) -> f64 {
        self.exp()
    }

    fn ln(self) -> f64 {
        self.ln()
    }

    fn ln_1p(self) -> f64 {
        self.ln_1p()
    }
}

/// Logits become logarithms of probabilities.
pub(super) fn log_softmax<S: Scalar>(row: &mut [S]) {
    let greatest = S::new(row.iter().map(|v| v.value()).fold(f64::NEG_INFINITY, f64::max), 0.0);
    let sum = row.iter().fold(S::new(0.0, 0.0), |sum, &v| sum + (v - greatest).exp());
    row.iter_mut().for_each(|v| *v = *v - greatest - sum.ln());
}

/// A number with its slope.
#[derive(Clone, Copy)]
struct Dual {
    value: f64,
    slope: f64,
}

impl Add for Dual {
    type Output = Dual;

    fn add(self, other: Dual) -> Dual {
        Dual { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl Sub for Dual {
    type Output = Dual;

    fn sub(self, other: Dual) -> Dual {
        Dual { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl Scalar for Dual {
    fn new(value: f64, slope: f64) -> Dual {
        Dual { value, slope }
    }

    fn value(self) -> f64 {
        self.value
    }

    fn result(self) -> f64 {
        self.slope
    }

    fn exp(self) -> Dual {
        let value = self.value.exp();
        Dual { value, slope: value * self.slope }
    }

    fn ln(self) -> Dual {
        Dual { value: self.value.ln(), slope: self.slope / self.value }
    }

    fn ln_1p(self) -> Dual {
        Dual { value: self.value.ln_1p(), slope: self.slope / (1.0 + self.value) }
    }
}

impl Task<'_> {
    /// Writes the loss, or the gradient by the logits (all `steps` of them), to `y`; `element` reads a logit.
    fn run<S: Scalar, T: Number<Acc = T> + FromF64>(
        &self,
        element: impl Fn(usize) -> S,
        y: *mut T,
        steps: usize,
        wants_gradient: bool,
    ) -> Result<()> {
        let (times, classes, states) = (self.times, self.classes, 2 * self.labels.len() + 1);
        let impossible = S::new(f64::NEG_INFINITY, 0.0);
        let room = times * classes + 2 * times.max(1) * states + classes;
        let scratch = Block::new(room * size_of::<S>())?;
        // SAFETY: the block has room for so many; all are written before they are read.
        let scratch = unsafe { std::slice::from_raw_parts_mut(scratch.as_ptr().cast::<S>(), room) };
        scratch.fill(impossible);
        let (log_p, rest) = scratch.split_at_mut(times * classes);
        let (alpha, rest) = rest.split_at_mut(times.max(1) * states);
        let (beta, sums) = rest.split_at_mut(times.max(1) * states);
        for (time, row) in log_p.chunks_exact_mut(classes).enumerate() {
            let at = (time * self.batch + self.example) * classes;
            row.iter_mut().enumerate().for_each(|(class, to)| *to = element(at + class));
            log_softmax(row);
        }
        self.forward(log_p, alpha, states);
        let total = match times {
            // Nothing was heard: certain if there is no label.
            0 if self.labels.is_empty() => S::new(0.0, 0.0),
            0 => impossible,
            _ => {
                let last = &alpha[(times - 1) * states..];
                if states > 1 { last[states - 1].log_add(last[states - 2]) } else { last[0] }
            }
        };
        if !wants_gradient {
            // SAFETY: the example's own element.
            unsafe { *y.add(self.example) = T::from_f64(-total.result()) };
            return Ok(());
        }
        self.backward(log_p, beta, states);
        for time in 0..steps {
            let at = (time * self.batch + self.example) * classes;
            // SAFETY: the example's own row.
            let row = unsafe { std::slice::from_raw_parts_mut(y.add(at), classes) };
            if time >= times || total.value() == f64::NEG_INFINITY {
                row.fill(T::ZERO);
                continue;
            }
            sums.fill(impossible);
            for state in 0..states {
                let class = self.class(state);
                sums[class] = sums[class].log_add(alpha[time * states + state] + beta[time * states + state]);
            }
            for (class, to) in row.iter_mut().enumerate() {
                let log_p = log_p[time * classes + class];
                *to = T::from_f64((log_p.exp() - (sums[class] - total).exp()).result());
            }
        }
        Ok(())
    }

    /// `alpha[time, state]`: of all beginnings that end in the state.
    fn forward<S: Scalar>(&self, log_p: &[S], alpha: &mut [S], states: usize) {
        for time in 0..self.times {
            for state in 0..states {
                let sum = match time {
                    0 if state < 2 => S::new(0.0, 0.0),
                    0 => S::new(f64::NEG_INFINITY, 0.0),
                    _ => {
                        let before = &alpha[(time - 1) * states..][..states];
                        let mut sum = before[state];
                        if state > 0 {
                            sum = sum.log_add(before[state - 1]);
                        }
                        if self.may_skip(state) {
                            sum = sum.log_add(before[state - 2]);
                        }
                        sum
                    }
                };
                alpha[time * states + state] = sum + log_p[time * self.classes + self.class(state)];
            }
        }
    }

    /// `beta[time, state]`: of all ends that follow the state, without its own element.
    fn backward<S: Scalar>(&self, log_p: &[S], beta: &mut [S], states: usize) {
        for time in (0..self.times).rev() {
            for state in 0..states {
                beta[time * states + state] = if time + 1 == self.times {
                    S::new(if state + 2 >= states { 0.0 } else { f64::NEG_INFINITY }, 0.0)
                } else {
                    let next =
                        |to: usize| beta[(time + 1) * states + to] + log_p[(time + 1) * self.classes + self.class(to)];
                    let mut sum = next(state);
                    if state + 1 < states {
                        sum = sum.log_add(next(state + 1));
                    }
                    if state + 2 < states && self.may_skip(state + 2) {
                        sum = sum.log_add(next(state + 2));
                    }
                    sum
                };
            }
        }
    }

    fn class(&self, state: usize) -> usize {
        (if state.is_multiple_of(2) { self.blank } else { self.labels[state / 2] }) as usize
    }

    /// Whether the blank before a state may be left out: between two labels that differ.
    fn may_skip(&self, state: usize) -> bool {
        state % 2 == 1 && state > 1 && self.labels[state / 2] != self.labels[state / 2 - 1]
    }
}

/// Rounded from an f64.
trait FromF64 {
    fn from_f64(value: f64) -> Self;
}

impl FromF64 for f32 {
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
}

impl FromF64 for f64 {
    fn from_f64(value: f64) -> f64 {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, run_err, values};
    use crate::array::{Array, DType};

    fn operands(labels: &[i32], label_length: i32, logit_length: i32, logits: &[f64]) -> [Array; 4] {
        [
            Array::from_slice(&[1, labels.len()], labels),
            Array::from_slice(&[logits.len() / 3, 1, 3], logits),
            Array::from_slice(&[1], &[label_length]),
            Array::from_slice(&[1], &[logit_length]),
        ]
    }

    fn loss(operands: &[Array; 4], blank: i64) -> f64 {
        run("ctc_loss", &operands.each_ref(), &[(DType::F64, &[1])], &[blank])[0].element_f64(0)
    }

    /// The probability of every path of classes over time that reads as the labels.
    fn by_paths(labels: &[i32], blank: i64, logits: &[f64]) -> f64 {
        let times = logits.len() / 3;
        let mut total = 0.0;
        for path in 0..3usize.pow(times as u32) {
            let class = |time: usize| path / 3usize.pow(time as u32) % 3;
            let mut read = Vec::new();
            let mut probability = 1.0;
            for time in 0..times {
                let row = &logits[3 * time..][..3];
                probability *= row[class(time)].exp() / row.iter().map(|v| v.exp()).sum::<f64>();
                if class(time) as i64 != blank && (time == 0 || class(time) != class(time - 1)) {
                    read.push(class(time) as i32);
                }
            }
            total += if read == labels { probability } else { 0.0 };
        }
        -total.ln()
    }

    #[test]
    fn every_path_is_counted() {
        let logits: Vec<f64> = (0..15).map(|i| (i as f64 * 1.7).sin() * 2.0).collect();
        for (labels, blank) in [(&[1, 2][..], 0), (&[1, 1], 0), (&[0], 2), (&[], 1), (&[2, 0, 2], 1)] {
            let operands = operands(labels, labels.len() as i32, 5, &logits);
            assert!((loss(&operands, blank) - by_paths(labels, blank, &logits)).abs() < 1e-12, "{labels:?}");
            let gradient = run("ctc_loss_gradient", &operands.each_ref(), &[(DType::F64, &[5, 1, 3])], &[blank]);
            for (i, slope) in values(&gradient[0]).into_iter().enumerate() {
                let moved = |by: f64| {
                    let mut logits = logits.clone();
                    logits[i] += by;
                    by_paths(labels, blank, &logits)
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((slope - difference).abs() < 1e-8, "{labels:?} {i}: {slope} {difference}");
            }
        }
    }

    #[test]
    fn lengths_cut_and_the_impossible_is_infinite() {
        let logits: Vec<f64> = (0..15).map(|i| (i as f64 * 1.7).sin()).collect();
        let cut = operands(&[1, 7, -1], 1, 3, &logits);
        assert!((loss(&cut, 0) - by_paths(&[1], 0, &logits[..9])).abs() < 1e-12);
        let gradient = run("ctc_loss_gradient", &cut.each_ref(), &[(DType::F64, &[5, 1, 3])], &[0]);
        assert!(values(&gradient[0])[9..].iter().all(|&v| v == 0.0));
        let crowded = operands(&[1, 1], 2, 2, &logits);
        assert_eq!(loss(&crowded, 0), f64::INFINITY);
        let gradient = run("ctc_loss_gradient", &crowded.each_ref(), &[(DType::F64, &[5, 1, 3])], &[0]);
        assert!(values(&gradient[0]).iter().all(|&v| v == 0.0));
        assert_eq!(loss(&operands(&[1], 0, 0, &logits), 0), 0.0);
    }

    #[test]
    fn bad_labels_and_lengths_are_refused() {
        let refused = |labels: &[i32], label_length, logit_length| {
            let operands = operands(labels, label_length, logit_length, &[0.0; 6]);
            run_err("ctc_loss", &operands.each_ref(), &[(DType::F64, &[1])], &[0]).message().to_owned()
        };
        assert!(refused(&[9], 1, 2).contains("label 9 of example 0 is none of 3 classes"));
        assert!(refused(&[0], 1, 2).contains("is the blank"));
        assert!(refused(&[1], 1, 5).contains("logit length 5 of example 0 is not between 0 and 2"));
        assert!(refused(&[1], -1, 2).contains("label length -1"));
    }
}
