//! Classes drawn as candidates for losses by samples ([`nce_loss`](crate::nce_loss), and
//! [`sampled_softmax_loss`](crate::sampled_softmax_loss)), with how often each is expected.

use crate::error::{Error, Kind, on_behalf, raise};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_runtime::DType;

/// The three tensors that the losses take: candidates `[num_sampled]` (i64), and the expected counts of `true_classes`
/// and of the candidates (f32).
pub type Candidates = (Tensor, Tensor, Tensor);

/// `num_sampled` classes out of `0..range_max` with probabilities `log((k + 2) / (k + 1)) / log(range_max + 1)`: for
/// classes in order of falling frequency (Zipf). All different if `unique`.
///
/// Unique ones are drawn by exponential clocks, one a class; the expected count of class `k` is then `1 - e^(-p t)`, `t`
/// the time of the last one drawn.
///
/// ```
/// use tracelift as tl;
/// let classes = tl::constant([[0], [3]]);
/// let (sampled, of_true, _) = tl::random::log_uniform_candidate_sampler(&classes, 5, true, 10);
/// assert_eq!(sampled.shape(), [5]);
/// assert_eq!(of_true.shape(), [2, 1]);
/// ```
#[track_caller]
pub fn log_uniform_candidate_sampler(
    true_classes: impl IntoTensor,
    num_sampled: i64,
    unique: bool,
    range_max: i64,
) -> Candidates {
    let probability = |k: &Tensor| {
        let k = k.cast(DType::F32);
        (1.0 / (k + 1.0)).log1p() / ((range_max + 1) as f64).ln()
    };
    // The inverse of the distribution function.
    let draw = |u: &Tensor| (u * ((range_max + 1) as f64).ln()).exp().floor() - 1.0;
    let loc = Location::caller();
    sample("log_uniform_candidate_sampler", true_classes, [num_sampled, range_max], unique, &probability, &draw, loc)
}

/// As [`log_uniform_candidate_sampler`], all classes with equal probability.
#[track_caller]
pub fn uniform_candidate_sampler(
    true_classes: impl IntoTensor,
    num_sampled: i64,
    unique: bool,
    range_max: i64,
) -> Candidates {
    let probability = |k: &Tensor| crate::zeros_like(k.cast(DType::F32)) + 1.0 / range_max as f64;
    let draw = |u: &Tensor| (u * range_max as f64).floor();
    let loc = Location::caller();
    sample("uniform_candidate_sampler", true_classes, [num_sampled, range_max], unique, &probability, &draw, loc)
}

fn sample(
    what: &str,
    true_classes: impl IntoTensor,
    [count, range]: [i64; 2],
    unique: bool,
    probability: &dyn Fn(&Tensor) -> Tensor,
    draw: &dyn Fn(&Tensor) -> Tensor,
    loc: &'static Location<'static>,
) -> Candidates {
    let true_classes = true_classes.into_tensor();
    if !true_classes.dtype().is_int() {
        let text = format!("random::{what}: expected integers as `true_classes`, received {}", true_classes.spec());
        raise(Error::new(Kind::DType, text), loc);
    }
    if count < 1 || !(1..=1 << 30).contains(&range) || (unique && count > range) {
        let spec = true_classes.spec();
        let text =
            format!("random::{what}: expected at least 1 of range_max classes, received {count} of {range} for {spec}");
        raise(Error::new(Kind::Value, text), loc);
    }
    on_behalf(loc, || {
        if !unique {
            // Rounding may lead beyond the last class.
            let sampled = draw(&super::uniform([count])).clip_by_value(0.0, (range - 1) as f64).cast(DType::I64);
            let expected = |k: &Tensor| probability(k) * count as f64;
            return (sampled.clone(), expected(&true_classes), expected(&sampled));
        }
        let classes = crate::range_with(0.0, range as f64, 1.0, DType::I64);
        let clocks = super::exponential([range]) / probability(&classes);
        let (first, sampled) = crate::top_k(-clocks, count);
        let time = -first.at(-1);
        let expected = |k: &Tensor| -(-probability(k) * &time).expm1();
        let sampled = sampled.cast(DType::I64);
        (sampled.clone(), expected(&true_classes), expected(&sampled))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constant;
    use crate::error::attempt;

    #[test]
    fn candidates_are_as_frequent_as_expected() {
        crate::random::set_seed(11);
        let all = Tensor::from((0..6).collect::<Vec<i64>>());
        for unique in [false, true] {
            let (mut counts, mut expected) = ([0.0; 6], [0.0; 6]);
            for _ in 0..400 {
                let (sampled, mean, _) = log_uniform_candidate_sampler(&all, 3, unique, 6);
                let sampled = sampled.to_vec::<i64>();
                sampled.iter().for_each(|&k| counts[k as usize] += 1.0 / 400.0);
                let mean = mean.to_vec::<f32>();
                expected.iter_mut().zip(mean).for_each(|(sum, m)| *sum += f64::from(m) / 400.0);
                let different = sampled.iter().collect::<std::collections::HashSet<_>>().len();
                assert!(!unique || different == 3);
            }
            // Without replacement the last clock is no fixed time: the counts are expected but for that.
            let tolerance = if unique { 0.25 } else { 0.15 };
            assert!(counts.iter().zip(expected).all(|(c, e)| (c - e).abs() < tolerance), "{counts:?} {expected:?}");
        }
        let (sampled, _, expected) = uniform_candidate_sampler(&all, 6, true, 6);
        let mut sampled = sampled.to_vec::<i64>();
        sampled.sort_unstable();
        assert_eq!(sampled, (0..6).collect::<Vec<i64>>());
        assert_eq!(expected.shape(), [6]);
        assert!(attempt(|| uniform_candidate_sampler(constant([0]), 7, true, 6)).is_err());
    }
}
