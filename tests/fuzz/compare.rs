//! When two results differ.
//!
//! Engines round differently: fused code keeps more digits, sums in another order, multiplies by a reciprocal. Behind a
//! subtraction, a comparison or a sort such a last digit becomes any difference. So a difference of more than a few
//! last digits is looked into: the reference runs again with noise in the last digits of each intermediate result
//! ([`crate::noise`]), and an element counts as different only if it is further from the reference than noise explains.

use crate::case::Case;
use crate::noise::{Noise, Spread};
use tracelift_compiler::graph::Graph;
use tracelift_compiler::ops::eval;
use tracelift_compiler::{DType, TensorSpec};
use tracelift_runtime::Array;
use tracelift_runtime::program::Atom;

/// Differences of so many units in the last place of an element, or of the largest in its array, are none.
const LAST_PLACES: f64 = 6.0;
/// Noise runs before a difference counts.
const RUNS: usize = 96;

/// Judges results of one case. Noise runs are made when they are needed, and kept for the ways still to come.
pub struct Judge<'a> {
    case: &'a Case,
    graph: &'a Graph,
    expected: &'a [Array],
    noise: Option<Noise<'a>>,
    runs: usize,
    /// What noise makes of each result.
    spread: Vec<Spread>,
    /// For each result whether noise gives it another shape: a count hinges on rounding.
    is_counted_otherwise: Vec<bool>,
    /// With noise an index leaves its range, or an engine's numbers may: then nothing can be said.
    is_lost: bool,
    /// Whether that left a doubt.
    is_undecided: bool,
}

impl<'a> Judge<'a> {
    /// For a case whose values and gradients `graph` computes, to be as `expected`.
    pub fn new(case: &'a Case, graph: &'a Graph, expected: &'a [Array]) -> Judge<'a> {
        let is_counted_otherwise = vec![false; expected.len()];
        Judge {
            case,
            graph,
            expected,
            noise: None,
            runs: 0,
            spread: Vec::new(),
            is_counted_otherwise,
            is_lost: false,
            is_undecided: false,
        }
    }

    /// Whether results differ and noise runs fail, so that nobody knows why.
    pub fn is_undecided(&self) -> bool {
        self.is_undecided
    }

    /// What differs, in words, if noise does not explain it.
    pub fn difference(&mut self, actual: &[Array]) -> Option<String> {
        let expected = self.expected;
        if expected.len() != actual.len() {
            return Some(format!("{} results instead of {}", actual.len(), expected.len()));
        }
        let mut doubts = Vec::new();
        for (k, (a, e)) in actual.iter().zip(expected).enumerate() {
            if a.dtype() == e.dtype() && a.shape() == e.shape() {
                doubts.extend(unequal(a, e).into_iter().map(|i| Doubt::Element(k, i)));
            } else if a.dtype() == e.dtype() && has_counted_size(self.graph.spec(self.graph.outputs[k])) {
                doubts.push(Doubt::Shape(k));
            } else {
                return Some(format!("result {k} is {} instead of {}", spec(a), spec(e)));
            }
        }
        loop {
            doubts.retain(|doubt| !self.explains(doubt));
            let doubt = *doubts.first()?;
            if self.is_lost {
                self.is_undecided = true;
                return None;
            }
            if self.runs < RUNS {
                self.run();
            } else if self.noise.as_ref().is_some_and(Noise::may_overflow) {
                self.is_lost = true;
            } else {
                return Some(self.describe(doubt, actual));
            }
        }
    }

    /// One more run with noise.
    fn run(&mut self) {
        if self.spread.is_empty() {
            self.spread = self.expected.iter().map(Spread::of).collect();
        }
        let noise = self.noise.get_or_insert_with(|| Noise::new(self.case, self.graph));
        match noise.run(self.runs) {
            Ok(arrays) => {
                for (k, (array, expected)) in arrays.iter().zip(self.expected).enumerate() {
                    self.spread[k].see(&numbers(array));
                    self.is_counted_otherwise[k] |= array.shape() != expected.shape();
                }
            }
            Err(_) => self.is_lost = true,
        }
        self.runs += 1;
    }

    fn explains(&self, doubt: &Doubt) -> bool {
        match *doubt {
            Doubt::Shape(k) => self.is_counted_otherwise[k],
            Doubt::Element(k, (i, a, e, slack)) => {
                self.spread.get(k).is_some_and(|spread| spread.explains(i, a, e, slack))
            }
        }
    }

    fn describe(&self, doubt: Doubt, actual: &[Array]) -> String {
        match doubt {
            Doubt::Shape(k) => {
                format!("result {k} is {} instead of {}, also with noise", spec(&actual[k]), spec(&self.expected[k]))
            }
            Doubt::Element(k, (i, a, e, _)) => {
                let (spec, noise) = (spec(&self.expected[k]), self.spread[k].describe(i));
                format!("result {k}, element {i} of {spec} is {a:?} instead of {e:?}; noise gives {noise}")
            }
        }
    }
}

/// What looks different so far.
#[derive(Clone, Copy)]
enum Doubt {
    /// The length of a result that the data decide.
    Shape(usize),
    /// An element of a result.
    Element(usize, Unequal),
}

/// An element's index, what it is and should be, and the slack for it.
type Unequal = (usize, f64, f64, f64);

fn spec(array: &Array) -> String {
    format!("{}{:?}", array.dtype(), array.shape())
}

/// Whether an axis has a length that only the data tell.
fn has_counted_size(spec: &TensorSpec) -> bool {
    let mut found = false;
    spec.dims.iter().for_each(|dim| dim.visit(&mut |atom| found |= matches!(atom, Atom::Slot(..))));
    found
}

/// The elements that are not equal up to the last places.
fn unequal(actual: &Array, expected: &Array) -> Vec<Unequal> {
    if actual.as_bytes() == expected.as_bytes() {
        return Vec::new();
    }
    let (a, e) = (numbers(actual), numbers(expected));
    let slack = tolerance(expected);
    let close = |a: f64, e: f64| a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= slack(e);
    (0..a.len()).filter(|&i| !close(a[i], e[i])).map(|i| (i, a[i], e[i], slack(e[i]))).collect()
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
