//! Stochastic arithmetic: the reference with noise in the last digits of every intermediate result that is rounded.
//!
//! The spread of such runs is what rounding may make of a result, cancellation, comparisons and sorting included
//! (J. Vignes, A stochastic arithmetic for reliable scientific computation, 1993). Numbers of few digits count as exact
//! and get no noise, so that equal small numbers stay equal.

use crate::case::{Case, concrete};
use crate::compare::{numbers, precision};
use crate::random::Random;
use half::{bf16, f16};
use std::collections::HashMap;
use tracelift_compiler::graph::opdef::{EvalCx, Lower, SpecCx};
use tracelift_compiler::graph::walk::ValueMap;
use tracelift_compiler::graph::{Graph, Node};
use tracelift_compiler::kernel::ReduceKind;
use tracelift_compiler::ops;
use tracelift_compiler::options::Options;
use tracelift_compiler::{DType, Dim, Error, Kind, Result, TensorSpec, interp, passes};
use tracelift_runtime::Array;
use tracelift_runtime::program::Atom;

/// Units in the last place of the noise, in turn: from what one rounding does to what a routine may.
const AMPLITUDES: [f64; 4] = [1.0, 4.0, 2.0, 16.0];
/// One run of so many also rounds coarsely; prime to the number of amplitudes. Of those, four have noise and four have
/// none, in turn: what is equal but for rounding is then equal.
const SETTLING: usize = 5;

/// Most terms that an engine adds to one number of their own dtype before it goes on in a wider one, or pairwise.
const ADDED: usize = 256;

/// A case to run with noise.
pub struct Noise<'a> {
    case: &'a Case,
    /// Of primitives alone.
    graph: Option<Graph>,
    symbols: Vec<i64>,
    /// Whether sums or products have such operands that an engine's may overflow on the way, or NaN get elsewhere, which
    /// no noise shows.
    may_overflow: bool,
}

impl<'a> Noise<'a> {
    /// For this case, whose values and gradients `graph` computes.
    pub fn new(case: &'a Case, graph: &Graph) -> Noise<'a> {
        let options = Options { verify: false, ..Options::default() };
        let graph = passes::run_alone("expand_composites", graph, &options).ok().map(|(graph, _)| graph);
        Noise { case, graph, symbols: case.symbols().unwrap_or_default(), may_overflow: false }
    }

    /// Whether numbers may have overflowed in an engine in the runs so far.
    pub fn may_overflow(&self) -> bool {
        self.may_overflow
    }

    /// One run; different for each number.
    pub fn run(&mut self, run: usize) -> Result<Vec<Array>> {
        let mut random = Random::new(run as u64);
        let amplitude = AMPLITUDES[run % AMPLITUDES.len()];
        let settles = run.is_multiple_of(SETTLING);
        let is_noisy = !(settles && (run / SETTLING / AMPLITUDES.len()) % 2 == 1);
        let graph = self.graph.as_ref().ok_or_else(|| Error::new(Kind::Internal, "composites do not expand"))?;
        let mut values: ValueMap<Option<Array>> = ValueMap::new(graph, None);
        // The sizes that depend on data, as they are found.
        let mut slots: HashMap<u32, i64> = HashMap::new();
        for (&input, array) in graph.inputs.iter().zip(&self.case.inputs) {
            values[input] = Some(array.clone());
        }
        for (id, node) in graph.iter().filter(|(_, node)| !matches!(node.op.lower, Lower::Parameter)) {
            let mut operands: Vec<Array> =
                node.inputs.iter().map(|&v| values[v].clone().expect("operands come first")).collect();
            let routine = routine(node, &operands).unwrap_or_default();
            let is_of = |family: &str| routine.starts_with(family);
            let rounds = if is_of("linalg.") || is_of("fft.") { Rounds::Backward } else { rounds(node.op.lower) };
            // The reference sums and multiplies in f64, where nothing overflows on the way.
            self.may_overflow |= match rounds {
                Rounds::No | Rounds::Result => false,
                Rounds::Sum | Rounds::Backward => operands.iter().any(is_extreme),
            };
            // Into which results NaN gets is a matter of the algorithm here, and whether it meets the zeros around an image.
            let spreads_nan = rounds == Rounds::Backward || is_of("conv");
            // A product of many moderate numbers is not.
            let is_product = matches!(node.op.lower, Lower::Reduction(ReduceKind::Prod));
            self.may_overflow |= is_product && operands.iter().any(has_large_product);
            self.may_overflow |= spreads_nan && operands.iter().any(|a| numbers(a).iter().any(|v| v.is_nan()));
            match rounds {
                Rounds::No | Rounds::Result => {}
                _ if !is_noisy => {}
                Rounds::Sum => {
                    let is_reduction = matches!(node.op.lower, Lower::Reduction(_));
                    for array in &mut operands {
                        let drift = if is_reduction { drift(array, &mut random) } else { 1.0 };
                        disturb(array, amplitude, is_wide(array), &mut random);
                        each_float(array, |_, v, is_exact| if is_exact { v } else { v * drift });
                    }
                }
                Rounds::Backward => operands.iter_mut().for_each(|array| disturb_all(array, amplitude, &mut random)),
            }
            let known = |atom: &Atom| match atom {
                Atom::Slot(k, _) => slots.get(k).copied().map(Dim::from),
                _ => None,
            };
            let size = |dim: &Dim| concrete(&dim.substitute(&known), &self.symbols);
            let attrs = interp::map_sizes(&node.attrs, &size);
            let outputs: Vec<TensorSpec> =
                node.outputs.iter().map(|s| TensorSpec::new(s.dtype, s.dims.iter().map(size))).collect();
            let mut results = (node.op.eval)(&EvalCx { inputs: &operands, attrs: &attrs, outputs: &outputs })?;
            // A division by a root is a product with its reciprocal, which rounds where the quotient need not, and a
            // factorisation rounds on the way to a whole number.
            let rounds_exact = std::ptr::eq(node.op, &ops::DIVIDE) || rounds == Rounds::Backward;
            if rounds != Rounds::No && is_noisy {
                results.iter_mut().for_each(|array| disturb(array, amplitude, rounds_exact, &mut random));
            }
            if rounds != Rounds::No && settles {
                results.iter_mut().for_each(|array| settle(array, amplitude, rounds == Rounds::Backward));
                if rounds != Rounds::Result {
                    results.iter_mut().for_each(|array| turn_zeros(array, &mut random));
                }
            }
            if let (Lower::Slot, Some([size])) = (node.op.lower, node.attrs.dims("size"))
                && let Some(k) = size.as_slot()
            {
                slots.insert(k, results[0].as_slice::<i64>()[0]);
            }
            for (i, result) in (0..).zip(results) {
                values[id.result(i)] = Some(result);
            }
        }
        Ok(graph.outputs.iter().map(|&v| values[v].clone().expect("outputs are computed")).collect())
    }
}

/// Whether an op rounds.
#[derive(PartialEq, Eq)]
enum Rounds {
    No,
    /// Its results.
    Result,
    /// Sums of operands on the way: noise in the operands stands for it, as large as the terms.
    Sum,
    /// Every element into every other: the error is that of exact results for operands that differ by some last places
    /// of their largest element (J. H. Wilkinson's backward error), also where an element is 0.
    Backward,
}

/// The library routine that the op is.
fn routine(node: &Node, operands: &[Array]) -> Option<&'static str> {
    let (Lower::Library(call) | Lower::Window(call)) = node.op.lower else { return None };
    let spec = |a: &Array| TensorSpec::new(a.dtype(), a.shape().iter().copied());
    let inputs: Vec<TensorSpec> = operands.iter().map(spec).collect();
    Some(call(&SpecCx { inputs: &inputs, attrs: &node.attrs }, &node.outputs).ok()?.routine)
}

fn rounds(lower: Lower) -> Rounds {
    match lower {
        Lower::Parameter | Lower::Source(_) | Lower::Movement(_) => Rounds::No,
        Lower::Reduction(ReduceKind::Max | ReduceKind::Min | ReduceKind::All | ReduceKind::Any) => Rounds::No,
        Lower::Elementwise(_) => Rounds::Result,
        _ => Rounds::Sum,
    }
}

/// Whether products of the elements may leave the range of their dtype.
fn is_extreme(array: &Array) -> bool {
    let (low, high) = match array.dtype() {
        DType::F64 => (1e-60, 1e60),
        // Computed in f32.
        DType::F16 => return false,
        dtype if dtype.is_float() || dtype == DType::Complex64 => (1e-8, 1e8),
        _ => return false,
    };
    numbers(array).iter().any(|v| v.is_infinite() || (*v != 0.0 && (v.abs() < low || v.abs() > high)))
}

/// Whether the magnitudes are so far apart that sums round even if each element has few digits.
fn is_wide(array: &Array) -> bool {
    let (epsilon, _) = precision(array.dtype());
    let magnitudes = numbers(array).into_iter().map(f64::abs).filter(|v| *v > 0.0 && v.is_finite());
    let (least, most) = magnitudes.fold((f64::INFINITY, 0.0f64), |(least, most), v| (least.min(v), most.max(v)));
    least < 64.0 * epsilon * most
}

/// A factor for the terms of a sum. Rounding errors of different terms cancel for the most part; a term that is added
/// many times is rounded to the last place of the same sum each time, in the same direction, so `n` equal terms may be
/// `n / 2` units off, with [`ADDED`] for `n` at most. A quarter of that, as for all noise (see [`Spread::explains`]).
fn drift(array: &Array, random: &mut Random) -> f64 {
    let (epsilon, _) = precision(array.dtype());
    let mut times: HashMap<u64, usize> = HashMap::new();
    let terms = numbers(array).into_iter().filter(|v| *v != 0.0);
    terms.for_each(|v| *times.entry(v.to_bits()).or_default() += 1);
    let most = times.into_values().max().unwrap_or(0).min(ADDED) as f64;
    1.0 + most / 8.0 * epsilon * (2.0 * random.unit() - 1.0)
}

/// Whether the product of some of the elements may leave the range of f32.
fn has_large_product(array: &Array) -> bool {
    let magnitudes = numbers(array).into_iter().map(|v| v.abs()).filter(|&v| v > 0.0);
    let (above, below) = magnitudes.fold((0.0, 0.0), |(above, below): (f64, f64), v| {
        let bits = v.log2();
        (above + bits.max(0.0), below + bits.min(0.0))
    });
    above > 100.0 || below < -100.0
}

/// Moves the elements of a float array by up to `amplitude` units in the last place; those of few digits only if
/// `exact_too`. The sign of NaN is any.
fn disturb(array: &mut Array, amplitude: f64, exact_too: bool, random: &mut Random) {
    let (epsilon, _) = precision(array.dtype());
    let least = least_positive(array.dtype());
    each_float(array, |_, v, is_exact| match is_exact {
        _ if v.is_nan() => v.copysign(random.unit() - 0.5),
        true if !exact_too => v,
        _ => v + amplitude * (epsilon * v.abs()).max(least) * (2.0 * random.unit() - 1.0),
    });
}

/// Moves the elements of float matrices by up to `amplitude` units in the last place of the matrix's largest, times its
/// longer side: error bounds grow so.
fn disturb_all(array: &mut Array, amplitude: f64, random: &mut Random) {
    let (epsilon, _) = precision(array.dtype());
    let elements = numbers(array);
    let matrices = array.shape().iter().rev().skip(2).product::<usize>();
    let side = array.shape().iter().rev().take(2).copied().max().unwrap_or(1) as f64;
    let len = elements.len().checked_div(matrices).unwrap_or(0).max(1);
    let largest: Vec<f64> = elements.chunks(len).map(|m| m.iter().fold(0.0, |l: f64, v| l.max(v.abs()))).collect();
    each_float(array, |i, v, _| v + amplitude * side * epsilon * largest[i / len] * (2.0 * random.unit() - 1.0));
}

/// Rounds the elements of a float array to `amplitude` units in the last place, and to 0 what is as near to it for the
/// array's largest element, times its longer side if `is_mixed`: where an engine's terms cancel exactly or its results
/// tie, another's differ in a last digit, and noise that is drawn hits neither.
fn settle(array: &mut Array, amplitude: f64, is_mixed: bool) {
    let (epsilon, _) = precision(array.dtype());
    let largest = numbers(array).iter().fold(0.0, |l: f64, v| l.max(v.abs()));
    let side = if is_mixed { array.shape().iter().rev().take(2).copied().max().unwrap_or(1) } else { 1 };
    let reach = amplitude * side as f64 * epsilon * largest;
    each_float(array, |_, v, is_exact| match v.abs() {
        _ if is_exact || !v.is_finite() => v,
        magnitude if magnitude <= reach => 0.0,
        magnitude => {
            let spacing = amplitude * epsilon * magnitude.log2().floor().exp2();
            if spacing > 0.0 { (v / spacing).round() * spacing } else { v }
        }
    });
}

/// Gives zeros any sign: that of a sum's depends on what it starts from.
fn turn_zeros(array: &mut Array, random: &mut Random) {
    each_float(array, |_, v, _| if v == 0.0 { v.copysign(random.unit() - 0.5) } else { v });
}

/// Replaces each element, or part of a complex one, of a float array by what `f` makes of its index, its value and
/// whether that has few digits.
fn each_float(array: &mut Array, mut f: impl FnMut(usize, f64, bool) -> f64) {
    match array.dtype() {
        DType::F64 => {
            let elements = array.as_mut_slice::<f64>().iter_mut().enumerate();
            elements.for_each(|(i, v)| *v = f(i, *v, v.to_bits() << 34 == 0));
        }
        DType::F32 => {
            let elements = array.as_mut_slice::<f32>().iter_mut().enumerate();
            elements.for_each(|(i, v)| *v = f(i, f64::from(*v), v.to_bits() << 20 == 0) as f32);
        }
        DType::Complex64 => {
            let parts = array.as_mut_slice::<[f32; 2]>().iter_mut().flatten().enumerate();
            parts.for_each(|(i, v)| *v = f(i, f64::from(*v), v.to_bits() << 20 == 0) as f32);
        }
        DType::F16 => {
            let elements = array.as_mut_slice::<f16>().iter_mut().enumerate();
            elements.for_each(|(i, v)| *v = f16::from_f64(f(i, v.to_f64(), v.to_bits() << 11 == 0)));
        }
        DType::BF16 => {
            let elements = array.as_mut_slice::<bf16>().iter_mut().enumerate();
            elements.for_each(|(i, v)| *v = bf16::from_f64(f(i, v.to_f64(), v.to_bits() << 13 == 0)));
        }
        _ => {}
    }
}

/// The spacing of numbers next to 0.
fn least_positive(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::from_bits(1),
        DType::F16 => f16::from_bits(1).to_f64(),
        DType::BF16 => bf16::from_bits(1).to_f64(),
        _ => f32::from_bits(1).into(),
    }
}

/// What noise makes of each element of a result.
pub struct Spread {
    low: Vec<f64>,
    high: Vec<f64>,
    nan: Vec<bool>,
}

impl Spread {
    /// Of the result without noise alone.
    pub fn of(array: &Array) -> Spread {
        let mut spread = Spread {
            low: vec![f64::INFINITY; numbers(array).len()],
            high: vec![f64::NEG_INFINITY; numbers(array).len()],
            nan: vec![false; numbers(array).len()],
        };
        spread.see(&numbers(array));
        spread
    }

    /// One more run.
    pub fn see(&mut self, elements: &[f64]) {
        for (i, &v) in elements.iter().enumerate().take(self.nan.len()) {
            self.nan[i] |= v.is_nan();
            self.low[i] = self.low[i].min(v);
            self.high[i] = self.high[i].max(v);
        }
    }

    /// Whether an element may become `actual` by rounding: within four times the distance that noise goes.
    pub fn explains(&self, i: usize, actual: f64, expected: f64, slack: f64) -> bool {
        let (low, high) = (self.low[i], self.high[i]);
        if expected.is_nan() {
            return low <= high;
        }
        // Where noise may give NaN nothing is stable.
        if self.nan[i] {
            return true;
        }
        if actual.is_nan() {
            return false;
        }
        let reach = (high - expected).max(expected - low);
        let reach = if reach.is_nan() { f64::INFINITY } else { 4.0 * reach + slack };
        match actual.is_infinite() || expected.is_infinite() {
            // Overflow is explained by noise that overflows too, or comes near it.
            true => low != high && (reach == f64::INFINITY || reach > 1e38),
            false => (actual - expected).abs() <= reach,
        }
    }

    /// The range, in words.
    pub fn describe(&self, i: usize) -> String {
        format!("{:?} to {:?}{}", self.low[i], self.high[i], if self.nan[i] { " and NaN" } else { "" })
    }
}
