//! Every op of the table with a domain that can be sampled: its results have the shapes it promises, with constant
//! and with symbolic sizes, broadcast and empty; f32 agrees with f64; derivatives of
//! first and second order and tangents agree with differences.

use crate::support::{Numbers, apply, apply_as, assert_close, spec_of};
use tracelift_compiler::graph::opdef::{AttrKind, Domain, Grad, Lower, Operands};
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::{DType, Dim, Loc, TensorSpec, grad, interp};
use tracelift_runtime::Array;

const DTYPES: [DType; 6] = [DType::F64, DType::F32, DType::BF16, DType::I32, DType::U8, DType::Bool];

#[test]
fn most_ops_are_sampled() {
    assert!(sampled().count() >= 90, "only {} ops are sampled", sampled().count());
}

#[test]
fn results_have_the_promised_shapes() {
    for op in sampled() {
        let mut accepted = 0;
        for dtype in DTYPES {
            for shape in [&[2, 3][..], &[0, 3], &[3]] {
                let inputs = operands(op, dtype, shape, &mut Numbers(1));
                let wanted: Vec<TensorSpec> = inputs.iter().map(spec_of).collect();
                let Ok(results) = apply(op, Attrs::new(), &inputs) else { continue };
                accepted += 1;
                // The interpreter compares the results with the specs; the same must hold when sizes are unknown.
                let symbolic: Vec<TensorSpec> = wanted.iter().map(unknown_sizes).collect();
                let again = apply_as(op, Attrs::new(), &inputs, &symbolic).unwrap_or_else(|e| panic!("{e}"));
                for (a, b) in results.iter().zip(&again) {
                    assert_close(&eval::floats(a), &eval::floats(b), 0.0, op.name);
                }
            }
        }
        assert!(accepted > 0, "{} accepts no operands that the battery has", op.name);
    }
}

#[test]
fn elementwise_ops_broadcast() {
    for op in sampled().filter(|op| matches!(op.lower, Lower::Elementwise(_)) && arity(op) == 2) {
        let mut numbers = Numbers(2);
        let dtype = DTYPES.into_iter().find(|&d| apply(op, Attrs::new(), &operands(op, d, &[1], &mut numbers)).is_ok());
        let dtype = dtype.unwrap_or_else(|| panic!("{} accepts no dtype", op.name));
        let (a, b) = (operands(op, dtype, &[2, 1], &mut numbers), operands(op, dtype, &[3], &mut numbers));
        let mixed = [a[0].clone(), b[1].clone()];
        let result = &apply(op, Attrs::new(), &mixed).unwrap_or_else(|e| panic!("{e}"))[0];
        assert_eq!(result.shape(), [2, 3], "{}", op.name);
        let stretch = |x: &Array| {
            let attrs = Attrs::new().with("dims", vec![Dim::from(2i64), Dim::from(3i64)]);
            apply(&ops::BROADCAST_TO, attrs, std::slice::from_ref(x)).expect("it broadcasts").remove(0)
        };
        let whole = &apply(op, Attrs::new(), &[stretch(&mixed[0]), stretch(&mixed[1])]).expect("equal shapes")[0];
        assert_close(&eval::floats(result), &eval::floats(whole), 0.0, op.name);
    }
}

#[test]
fn f32_agrees_with_f64() {
    for op in sampled() {
        let exact = operands(op, DType::F32, &[3, 4], &mut Numbers(3));
        let Ok(single) = apply(op, Attrs::new(), &exact) else { continue };
        let wide: Vec<Array> =
            exact.iter().map(|x| eval::from_floats(DType::F64, x.shape(), &eval::floats(x)).unwrap()).collect();
        let double = apply(op, Attrs::new(), &wide).unwrap_or_else(|e| panic!("{e}"));
        for (a, b) in single.iter().zip(&double) {
            assert_close(&eval::floats(a), &eval::floats(b), 2e-5, op.name);
        }
    }
}

#[test]
fn gradients_agree_with_differences() {
    for op in sampled().filter(|op| !matches!(op.grad, Grad::Zero(_) | Grad::None(_))) {
        for shape in [&[3, 4][..], &[1, 4]] {
            let mut inputs = operands(op, DType::F64, shape, &mut Numbers(4));
            if apply(op, Attrs::new(), &inputs).is_err() {
                continue;
            }
            if matches!(op.lower, Lower::Elementwise(_)) && inputs.len() > 1 {
                // Broadcast too: the gradient is summed back.
                inputs[0] = operands(op, DType::F64, &[3, 1], &mut Numbers(5)).remove(0);
            }
            check_gradient(op, Attrs::new(), &inputs);
        }
    }
}

/// Compares the gradient of a weighted sum of the results with central differences, for every float operand; then the
/// gradient of that gradient, and the tangents of the results, with differences along a direction.
pub fn check_gradient(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) {
    let first = Derivatives::new(op, attrs, inputs);
    first.check_order_1();
    first.check_order_2();
    first.check_tangents();
}

/// [`check_gradient`] of the first order alone, where the second is known to be NaN, or there is none.
pub fn check_first_order(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) {
    Derivatives::new(op, attrs, inputs).check_order_1();
}

/// One op on operands, and what derivatives are asked of it.
struct Derivatives<'a> {
    op: &'static OpDef,
    attrs: Attrs,
    inputs: &'a [Array],
    /// Of each float result; its position.
    weights: Vec<(usize, Array)>,
    /// The float operands.
    sources: Vec<usize>,
}

impl<'a> Derivatives<'a> {
    fn new(op: &'static OpDef, attrs: Attrs, inputs: &'a [Array]) -> Self {
        let mut numbers = Numbers(6);
        let results = apply(op, attrs.clone(), inputs).unwrap_or_else(|e| panic!("{e}"));
        let floats = results.iter().enumerate().filter(|(_, value)| value.dtype().is_float());
        let weights = floats.map(|(k, value)| (k, numbers.array(value.dtype(), value.shape(), 0.5, 1.5))).collect();
        let sources = (0..inputs.len()).filter(|&i| inputs[i].dtype().is_float()).collect();
        Self { op, attrs, inputs, weights, sources }
    }

    /// A graph of the op, the values of its operands and results.
    fn graph(&self) -> (GraphBuilder, Vec<ValueId>, Vec<ValueId>) {
        let mut builder = GraphBuilder::new(self.op.name);
        let operands: Vec<_> = self.inputs.iter().map(|x| builder.parameter("x", spec_of(x))).collect();
        let results = builder.apply_at(self.op, self.attrs.clone(), &operands, Loc::default());
        let mut results = results.unwrap_or_else(|e| panic!("{e}")).to_vec();
        for (k, weight) in &self.weights {
            // A size that depends on data is that of this sample.
            let shape: Vec<Dim> = weight.shape().iter().map(|&n| n.into()).collect();
            let shape = Attrs::new().with("dims", shape);
            let known = builder.apply_at(&ops::ENSURE_SHAPE, shape, &[results[*k]], Loc::default());
            results[*k] = known.unwrap_or_else(|e| panic!("{e}"))[0];
        }
        (builder, operands, results)
    }

    /// The graph of the gradients of the weighted sum by the sources that there is a gradient for; those.
    fn backward(&self) -> (Graph, Vec<usize>) {
        let (mut builder, operands, results) = self.graph();
        let weigh = |(k, weight): &(usize, Array)| (results[*k], Some(builder.constant(weight.clone())));
        let targets: Vec<_> = self.weights.iter().map(weigh).collect();
        let wanted: Vec<_> = self.sources.iter().map(|&i| operands[i]).collect();
        let gradients = grad::gradient(&mut builder, &targets, &wanted);
        let gradients = gradients.unwrap_or_else(|e| panic!("{}: {e}", self.op.name));
        let connected = self.sources.iter().zip(&gradients).filter(|(_, g)| g.is_some()).map(|(&i, _)| i).collect();
        (builder.finish(gradients.into_iter().flatten().collect()), connected)
    }

    fn check_order_1(&self) {
        let (backward, connected) = self.backward();
        assert!(!connected.is_empty(), "{}: nothing flows back", self.op.name);
        let computed = interp::run(&backward, self.inputs).unwrap_or_else(|e| panic!("{}: {e}", self.op.name));
        let total = |inputs: &[Array]| -> f64 {
            let results = apply(self.op, self.attrs.clone(), inputs).unwrap_or_else(|e| panic!("{e}"));
            self.weights.iter().map(|(k, w)| dot(&results[*k], w)).sum()
        };
        for (&i, gradient) in connected.iter().zip(&computed) {
            assert_eq!(gradient.shape(), self.inputs[i].shape(), "{}", self.op.name);
            let slopes = differences(self.inputs, i, &total);
            let what = format!("gradient of {} by operand {i}", self.op.name);
            assert_close(&eval::floats(gradient), &slopes, 2e-6, &what);
        }
    }

    /// The gradient of the sum of the gradients, by every source, against differences of the gradients.
    fn check_order_2(&self) {
        let (backward, _) = self.backward();
        let total = |inputs: &[Array]| -> f64 {
            let gradients = interp::run(&backward, inputs).unwrap_or_else(|e| panic!("{}: {e}", self.op.name));
            gradients.iter().flat_map(eval::floats).sum()
        };
        let (targets, parameters) = (backward.outputs.clone(), backward.inputs.clone());
        let sources: Vec<ValueId> = self.sources.iter().map(|&i| parameters[i]).collect();
        let mut builder = GraphBuilder::from_graph(backward.clone());
        let targets: Vec<_> = targets.into_iter().map(|t| (t, None)).collect();
        let second = grad::gradient(&mut builder, &targets, &sources);
        let second = second.unwrap_or_else(|e| panic!("second order of {}: {e}", self.op.name));
        let graph = builder.finish(second.iter().flatten().copied().collect());
        let mut computed =
            interp::run(&graph, self.inputs).unwrap_or_else(|e| panic!("{}: {e}", self.op.name)).into_iter();
        for (&i, second) in self.sources.iter().zip(second) {
            let slopes = differences(self.inputs, i, &total);
            // A source that the gradient does not depend on has no second derivative.
            let found = match second {
                Some(_) => eval::floats(&computed.next().expect("one a gradient")),
                None => vec![0.0; slopes.len()],
            };
            assert_close(&found, &slopes, 2e-5, &format!("second derivative of {} by operand {i}", self.op.name));
        }
    }

    /// The tangents of the results where the sources move in some direction.
    fn check_tangents(&self) {
        let mut numbers = Numbers(8);
        let direction: Vec<Array> =
            self.inputs.iter().map(|x| numbers.array(x.dtype(), x.shape(), -1.0, 1.0)).collect();
        let (mut builder, operands, results) = self.graph();
        let sources: Vec<_> =
            self.sources.iter().map(|&i| (operands[i], builder.constant(direction[i].clone()))).collect();
        let targets: Vec<ValueId> = self.weights.iter().map(|(k, _)| results[*k]).collect();
        let tangents = grad::jvp(&mut builder, &targets, &sources);
        let tangents = tangents.unwrap_or_else(|e| panic!("tangents of {}: {e}", self.op.name));
        let graph = builder.finish(tangents.iter().flatten().copied().collect());
        let mut computed =
            interp::run(&graph, self.inputs).unwrap_or_else(|e| panic!("{}: {e}", self.op.name)).into_iter();
        let at = |step: f64| {
            let mut moved = self.inputs.to_vec();
            for &i in &self.sources {
                let (x, d) = (eval::floats(&self.inputs[i]), eval::floats(&direction[i]));
                let values: Vec<f64> = x.iter().zip(d).map(|(x, d)| x + step * d).collect();
                moved[i] = eval::from_floats(moved[i].dtype(), moved[i].shape(), &values).expect("as before");
            }
            apply(self.op, self.attrs.clone(), &moved).unwrap_or_else(|e| panic!("{e}"))
        };
        let (ahead, behind) = (at(STEP), at(-STEP));
        for ((k, _), tangent) in self.weights.iter().zip(tangents) {
            let (a, b) = (eval::floats(&ahead[*k]), eval::floats(&behind[*k]));
            let slopes: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
            let found = match tangent {
                Some(_) => eval::floats(&computed.next().expect("one a tangent")),
                None => vec![0.0; slopes.len()],
            };
            assert_close(&found, &slopes, 2e-6, &format!("tangent of result {k} of {}", self.op.name));
        }
    }
}

/// How far operands are moved for differences.
const STEP: f64 = 1e-5;

/// Central differences of a number by each element of operand `i`.
fn differences(inputs: &[Array], i: usize, total: &dyn Fn(&[Array]) -> f64) -> Vec<f64> {
    let x = &inputs[i];
    let moved = |element: usize, by: f64| {
        let mut values = eval::floats(x);
        values[element] += by;
        let mut inputs = inputs.to_vec();
        inputs[i] = eval::from_floats(x.dtype(), x.shape(), &values).expect("as before");
        total(&inputs)
    };
    (0..x.len()).map(|element| (moved(element, STEP) - moved(element, -STEP)) / (2.0 * STEP)).collect()
}

fn dot(a: &Array, b: &Array) -> f64 {
    eval::floats(a).iter().zip(eval::floats(b)).map(|(a, b)| a * b).sum()
}

/// The ops that the battery can call: no attribute is required, and the operands can be sampled.
pub fn sampled() -> impl Iterator<Item = &'static OpDef> {
    let takes_what_we_have = |op: &&OpDef| op.attrs.iter().all(|a| a.optional || a.kind == AttrKind::Bool);
    ops::all().iter().copied().filter(|op| !matches!(op.domain, Domain::Special(_))).filter(takes_what_we_have)
}

/// How many operands to sample.
pub fn arity(op: &OpDef) -> usize {
    match op.inputs {
        Operands::Named(names) => names.len(),
        Operands::Variadic { least, .. } => least.max(2),
    }
}

/// Operands of this dtype and shape from the op's domain.
pub fn operands(op: &OpDef, dtype: DType, shape: &[usize], numbers: &mut Numbers) -> Vec<Array> {
    let whole = dtype.is_int();
    (0..arity(op))
        .map(|_| match op.domain {
            _ if dtype == DType::Bool => numbers.array(dtype, shape, -1.0, 1.0),
            Domain::Between(low, high) => numbers.array(dtype, shape, low, high),
            Domain::NonZero => {
                let magnitude = numbers.array(dtype, shape, if whole { 1.0 } else { 0.3 }, 3.0);
                if dtype.is_unsigned_int() || numbers.next() < 0.5 {
                    magnitude
                } else {
                    apply(&ops::NEGATIVE, Attrs::new(), &[magnitude]).expect("a signed dtype").remove(0)
                }
            }
            _ if dtype.is_unsigned_int() => numbers.array(dtype, shape, 0.0, 9.0),
            _ if whole => numbers.array(dtype, shape, -9.0, 9.0),
            _ => numbers.array(dtype, shape, -3.0, 3.0),
        })
        .collect()
}

fn unknown_sizes(spec: &TensorSpec) -> TensorSpec {
    TensorSpec::new(spec.dtype, (0..spec.rank() as u32).map(|axis| Dim::sym(axis + 2 - spec.rank() as u32)))
}
