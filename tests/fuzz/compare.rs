//! When two results differ.
//!
//! Engines round differently: fused code keeps more digits, sums in another order, multiplies by a reciprocal. Behind a
//! subtraction, a comparison or a sort such a last digit becomes any difference. So a difference of more than a few
//! last digits is looked into: the reference runs again with noise in the last digits of each intermediate result
//! ([`crate::noise`]), and an element counts as different only if it is further from the reference than noise explains.

use crate::case::Case;
use crate::noise::{Noise, Spread};
use tracelift_compiler::DType;
use tracelift_compiler::graph::Graph;
use tracelift_compiler::ops::eval;
use tracelift_runtime::Array;

/// Differences of so many units in the last place of an element, or of the largest in its array, are none.
const LAST_PLACES: f64 = 6.0;
/// Noise runs before a difference counts.
const RUNS: usize = 96;

/// What differs, in words; `noise` explains it unless None.
pub fn difference(case: &Case, graph: &Graph, expected: &[Array], actual: &[Array]) -> Option<String> {
    if expected.len() != actual.len() {
        return Some(format!("{} results instead of {}", actual.len(), expected.len()));
    }
    for (k, (a, e)) in actual.iter().zip(expected).enumerate() {
        if a.dtype() != e.dtype() || a.shape() != e.shape() {
            let spec = |a: &Array| format!("{}{:?}", a.dtype(), a.shape());
            return Some(format!("result {k} is {} instead of {}", spec(a), spec(e)));
        }
    }
    let open: Vec<Vec<usize>> = actual.iter().zip(expected).map(|(a, e)| unequal(a, e)).collect();
    if open.iter().all(Vec::is_empty) {
        return None;
    }
    let mut spread: Vec<Spread> = expected.iter().map(Spread::of).collect();
    let unexplained = |spread: &[Spread]| -> Option<(usize, usize)> {
        open.iter().enumerate().find_map(|(k, elements)| {
            let (a, e) = (numbers(&actual[k]), numbers(&expected[k]));
            let slack = tolerance(&expected[k]);
            elements.iter().find(|&&i| !spread[k].explains(i, a[i], e[i], slack(e[i]))).map(|&i| (k, i))
        })
    };
    let mut noise = Noise::new(case, graph);
    for run in 0..RUNS {
        match noise.run(run) {
            Ok(arrays) => spread.iter_mut().zip(&arrays).for_each(|(s, a)| s.see(&numbers(a))),
            // With noise an index may leave its range: then nothing can be said.
            Err(_) => return None,
        }
        if run % 4 == 3 && unexplained(&spread).is_none() {
            return None;
        }
    }
    let (k, i) = unexplained(&spread)?;
    let (a, e) = (numbers(&actual[k])[i], numbers(&expected[k])[i]);
    Some(format!(
        "result {k}, element {i} of {}{:?} is {a:?} instead of {e:?}; noise gives {}",
        expected[k].dtype(),
        expected[k].shape(),
        spread[k].describe(i)
    ))
}

/// The elements that are not equal up to the last places.
fn unequal(actual: &Array, expected: &Array) -> Vec<usize> {
    if actual.as_bytes() == expected.as_bytes() {
        return Vec::new();
    }
    let (a, e) = (numbers(actual), numbers(expected));
    let slack = tolerance(expected);
    let close = |a: f64, e: f64| a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= slack(e);
    (0..a.len()).filter(|&i| !close(a[i], e[i])).collect()
}

/// How far an element may be from the expected one: nothing for integers and truth values.
fn tolerance(expected: &Array) -> impl Fn(f64) -> f64 + use<> {
    let (epsilon, smallest) = precision(expected.dtype());
    let finite = numbers(expected).into_iter().map(f64::abs).filter(|v| v.is_finite());
    let largest = finite.fold(0.0, f64::max);
    // The largest element matters through sums only, and sums are short.
    move |e: f64| LAST_PLACES * epsilon * if e.is_finite() { e.abs().max(largest / 16.0) + smallest } else { 0.0 }
}

/// The spacing of numbers at 1, and the least normal number divided by it.
pub fn precision(dtype: DType) -> (f64, f64) {
    match dtype {
        DType::F64 => (f64::EPSILON, f64::MIN_POSITIVE / f64::EPSILON),
        DType::F32 | DType::Complex64 => (f32::EPSILON.into(), f64::from(f32::MIN_POSITIVE) / f64::from(f32::EPSILON)),
        DType::F16 => (9.765625e-4, 6.103515625e-5 / 9.765625e-4),
        DType::BF16 => (7.8125e-3, f64::from(f32::MIN_POSITIVE) / 7.8125e-3),
        _ => (0.0, 0.0),
    }
}

/// The elements as numbers; real and imaginary parts in turn.
pub fn numbers(array: &Array) -> Vec<f64> {
    match array.dtype() {
        DType::Complex64 => array.as_slice::<[f32; 2]>().iter().flatten().map(|&v| v.into()).collect(),
        _ => eval::floats(array),
    }
}
