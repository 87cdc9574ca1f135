//! Whether the numbers decide what an op gives, or rounding does.
//!
//! Of a singular matrix, singular vectors are free to turn, pivots tie, and a rank is a matter of the last digit: two
//! engines may give two right answers, and no noise in last digits tells how far apart. So the generator gives an op
//! that takes matrices apart only operands around which its results and their gradient are continuous: they may grow a
//! small change by [`CONDITION`] at most. What such an op makes of singular matrices is tested by invariants instead
//! (`compiler/tests/ops/linalg.rs`). They and Fourier transforms get finite operands.

use crate::case::{Case, concrete};
use crate::compare::{numbers, precision};
use crate::random::Random;
use crate::shrink;
use tracelift_compiler::graph::opdef::{Lower, SpecCx};
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, Node, OpDef, ValueId};
use tracelift_compiler::ops::eval;
use tracelift_compiler::options::Options;
use tracelift_compiler::{DType, Loc, Result, TensorSpec, grad, interp, passes};
use tracelift_runtime::Array;

/// The change of operands, as a part of their largest element: far above rounding, far below what would leave the
/// neighbourhood.
const CHANGE: f64 = 1e-4;
/// How much of the results' largest element may change for one of the operands'.
const CONDITION: f64 = 100.0;
/// Most elements of a value beside a factorisation: the reference takes the cube of a matrix's side, slowly.
const AFFORDABLE: i64 = 1 << 13;
/// Directions tried, each to both sides: what a sign decides is seen there.
const DIRECTIONS: u64 = 2;

/// Whether each op of the case has operands that determine its results.
pub fn is_determined(case: &Case) -> bool {
    let (Some(values), Ok(symbols)) = (shrink::intermediate(case), case.symbols()) else { return false };
    case.graph.iter().filter(|(_, node)| !matches!(node.op.lower, Lower::Parameter)).all(|(_, node)| {
        let operands: Option<Vec<Array>> = node.inputs.iter().map(|&v| values[v].clone()).collect();
        let attrs = interp::map_sizes(&node.attrs, &|dim| concrete(dim, &symbols));
        operands.is_some_and(|operands| is_determined_at(node.op, &attrs, &operands))
    })
}

/// Whether operands of these values determine what the op gives. `attrs` have constant sizes.
pub fn is_determined_at(op: &'static OpDef, attrs: &Attrs, operands: &[Array]) -> bool {
    // It tells equal numbers from unequal ones, and no noise that is drawn makes them equal.
    if op.name.starts_with("unique") && operands.iter().any(has_near_ties) {
        return false;
    }
    // Composites and library routines alone may hold a factorisation.
    if !matches!(op.lower, Lower::Library(_) | Lower::Composite(_)) {
        return true;
    }
    let Ok((graph, results)) = alone(op, attrs, operands) else { return true };
    let routines = routines(&expanded(&graph));
    let uses = |family: &str| routines.iter().any(|routine| routine.starts_with(family));
    // What an infinity gets into, and where it meets another, is a matter of the algorithm.
    if (uses("fft.") || uses("linalg.")) && !operands.iter().all(is_finite) {
        return false;
    }
    // The gradient may be refused where the results are there.
    if !uses("linalg.") {
        return true;
    }
    let differentiated = with_gradient(graph.clone(), &results);
    let is_free = has_free_columns(op, attrs, operands) || op.name == "lu" && has_small_pivot(&graph, operands);
    !is_free
        && is_affordable(&differentiated)
        && is_continuous(&graph, operands)
        && is_continuous(&differentiated, operands)
}

/// Whether the reference evaluates a graph of constant sizes within a moment.
pub fn is_affordable(graph: &Graph) -> bool {
    let graph = expanded(graph);
    let is_small = |spec: &TensorSpec| spec.numel().as_const().is_some_and(|n| n <= AFFORDABLE);
    graph.nodes.iter().flat_map(|node| &node.outputs).all(is_small)
        || !routines(&graph).iter().any(|routine| routine.starts_with("linalg."))
}

/// Whether elements of a float array differ in their last digits alone.
fn has_near_ties(array: &Array) -> bool {
    let (epsilon, _) = precision(array.dtype());
    let mut elements = numbers(array);
    elements.sort_by(f64::total_cmp);
    elements.windows(2).any(|w| w[0] != w[1] && w[1] - w[0] <= 64.0 * epsilon * w[0].abs().max(w[1].abs()))
}

/// The graph of primitives alone.
fn expanded(graph: &Graph) -> Graph {
    let options = Options { verify: false, ..Options::default() };
    passes::run_alone("expand_composites", graph, &options).map_or_else(|_| graph.clone(), |(graph, _)| graph)
}

/// The library routines of a graph of primitives.
fn routines(graph: &Graph) -> Vec<&'static str> {
    let routine = |node: &Node| {
        let Lower::Library(call) = node.op.lower else { return None };
        let inputs: Vec<TensorSpec> = node.inputs.iter().map(|&v| graph.spec(v).clone()).collect();
        Some(call(&SpecCx { inputs: &inputs, attrs: &node.attrs }, &node.outputs).ok()?.routine)
    };
    graph.nodes.iter().filter_map(routine).collect()
}

/// Whether full factors are wider than the operand decides.
fn has_free_columns(op: &'static OpDef, attrs: &Attrs, operands: &[Array]) -> bool {
    let specs: Vec<TensorSpec> = operands.iter().map(spec_of).collect();
    let shapes = |attrs: &Attrs| (op.spec)(&SpecCx { inputs: &specs, attrs }).ok();
    attrs.bool("full_matrices") && shapes(attrs) != shapes(&attrs.clone().with("full_matrices", false))
}

/// Whether rounding decides that the matrices have factors: `lu` refuses singular ones.
fn has_small_pivot(graph: &Graph, operands: &[Array]) -> bool {
    let Ok(factors) = interp::run(graph, operands) else { return false };
    let side = factors[0].shape().last().copied().unwrap_or(1).max(1);
    numbers(&factors[0]).chunks(side * side).any(|matrix| {
        let pivots = matrix.iter().step_by(side + 1);
        pivots.fold(f64::INFINITY, |least, v| least.min(v.abs())) < CHANGE * largest(matrix)
    })
}

/// The op on parameters.
fn alone(op: &'static OpDef, attrs: &Attrs, operands: &[Array]) -> Result<(Graph, Vec<ValueId>)> {
    let mut builder = GraphBuilder::new(op.name);
    let parameters: Vec<ValueId> = operands.iter().map(|array| builder.parameter("x", spec_of(array))).collect();
    let results = builder.apply_at(op, attrs.clone(), &parameters, Loc::default())?.to_vec();
    Ok((builder.finish(results.clone()), results))
}

/// The graph with the gradients of its float results under random cotangents as further outputs, if it has any.
fn with_gradient(graph: Graph, results: &[ValueId]) -> Graph {
    let differentiated = || -> Result<Graph> {
        let mut random = Random::new(0);
        let sources: Vec<ValueId> = graph.inputs.iter().copied().filter(|&v| graph.spec(v).dtype.is_float()).collect();
        let mut builder = GraphBuilder::from_graph(graph.clone());
        let mut targets = Vec::new();
        for &result in results.iter().filter(|&&v| graph.spec(v).dtype.is_float()) {
            let spec = graph.spec(result);
            let shape = spec.const_shape().unwrap_or_default();
            let cotangent: Vec<f64> = (0..shape.iter().product()).map(|_| random.unit() + 0.5).collect();
            let cotangent = builder.constant(eval::from_floats(spec.dtype, &shape, &cotangent)?);
            targets.push((result, Some(cotangent)));
        }
        let gradients = grad::gradient(&mut builder, &targets, &sources)?;
        Ok(builder.finish(results.iter().copied().chain(gradients.into_iter().flatten()).collect()))
    };
    differentiated().unwrap_or(graph)
}

fn is_continuous(graph: &Graph, operands: &[Array]) -> bool {
    let Ok(here) = interp::run(graph, operands) else { return true };
    (0..DIRECTIONS).flat_map(|seed| [(seed, CHANGE), (seed, -CHANGE)]).all(|(seed, change)| {
        let mut random = Random::new(seed);
        let near: Vec<Array> = operands.iter().map(|array| moved(array, change, &mut random)).collect();
        let there = interp::run(graph, &near);
        there.is_ok_and(|there| here.iter().zip(&there).all(|(h, t)| is_near(h, t)))
    })
}

/// Every element moved, zeros too.
fn moved(array: &Array, change: f64, random: &mut Random) -> Array {
    if !is_real(array) {
        return array.clone();
    }
    let elements = eval::floats(array);
    let scale = change * Some(largest(&elements)).filter(|&l| l > 0.0).unwrap_or(1.0);
    let near: Vec<f64> = elements.iter().map(|v| v + scale * (2.0 * random.unit() - 1.0)).collect();
    eval::from_floats(array.dtype(), array.shape(), &near).unwrap_or_else(|_| array.clone())
}

fn is_near(here: &Array, there: &Array) -> bool {
    let (h, t) = (numbers(here), numbers(there));
    let reach = if is_real(here) { CONDITION * CHANGE * largest(&h) } else { 0.0 };
    let same = |h: f64, t: f64| h == t || (h.is_nan() && t.is_nan()) || (h - t).abs() <= reach;
    here.shape() == there.shape() && h.iter().zip(&t).all(|(&h, &t)| same(h, t))
}

fn is_finite(array: &Array) -> bool {
    !array.dtype().is_float() && array.dtype() != DType::Complex64 || numbers(array).iter().all(|v| v.is_finite())
}

/// Whether it has one of the dtypes that matrices are taken apart in.
fn is_real(array: &Array) -> bool {
    matches!(array.dtype(), DType::F32 | DType::F64)
}

fn largest(elements: &[f64]) -> f64 {
    elements.iter().map(|v| v.abs()).filter(|v| v.is_finite()).fold(0.0, f64::max)
}

fn spec_of(array: &Array) -> TensorSpec {
    TensorSpec::new(array.dtype(), array.shape().iter().copied())
}
