//! Every op of the table with a domain that can be sampled: its results have the shapes it promises, with constant
//! and with symbolic sizes, broadcast and empty; f32 agrees with f64; the gradient agrees with differences.

use crate::support::{Numbers, apply, apply_as, assert_close, spec_of};
use tracelift_compiler::graph::opdef::{AttrKind, Domain, Grad, Lower, Operands};
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef};
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

/// Compares the gradient of a weighted sum of the results with central differences, for every float operand.
pub fn check_gradient(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) {
    let mut builder = GraphBuilder::new(op.name);
    let operands: Vec<_> = inputs.iter().map(|x| builder.parameter("x", spec_of(x))).collect();
    let results = builder.apply_at(op, attrs.clone(), &operands, Loc::default()).unwrap_or_else(|e| panic!("{e}"));
    let mut numbers = Numbers(6);
    let mut targets = Vec::new();
    let mut weights: Vec<Array> = Vec::new();
    let base = apply(op, attrs.clone(), inputs).unwrap_or_else(|e| panic!("{e}"));
    for (&result, value) in results.iter().zip(&base).filter(|(_, value)| value.dtype().is_float()) {
        let weight = numbers.array(value.dtype(), value.shape(), 0.5, 1.5);
        targets.push((result, Some(builder.constant(weight.clone()))));
        weights.push(weight);
    }
    let sources: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i].dtype().is_float()).collect();
    let wanted: Vec<_> = sources.iter().map(|&i| operands[i]).collect();
    let gradients = grad::gradient(&mut builder, &targets, &wanted).unwrap_or_else(|e| panic!("{}: {e}", op.name));
    let connected: Vec<usize> = (0..sources.len()).filter(|&k| gradients[k].is_some()).collect();
    assert!(!connected.is_empty(), "{}: nothing flows back", op.name);
    let outputs = connected.iter().map(|&k| gradients[k].expect("connected")).collect();
    let computed = interp::run(&builder.finish(outputs), inputs).unwrap_or_else(|e| panic!("{}: {e}", op.name));

    let total = |inputs: &[Array]| -> f64 {
        let results = apply(op, attrs.clone(), inputs).unwrap_or_else(|e| panic!("{e}"));
        let floats = results.iter().filter(|r| r.dtype().is_float());
        floats
            .zip(&weights)
            .map(|(r, w)| eval::floats(r).iter().zip(eval::floats(w)).map(|(a, b)| a * b).sum::<f64>())
            .sum()
    };
    for (&k, gradient) in connected.iter().zip(&computed) {
        let x = &inputs[sources[k]];
        assert_eq!(gradient.shape(), x.shape(), "{}", op.name);
        let step = 1e-5;
        let slopes: Vec<f64> = (0..x.len())
            .map(|i| {
                let moved = |by: f64| {
                    let mut values = eval::floats(x);
                    values[i] += by;
                    let mut inputs = inputs.to_vec();
                    inputs[sources[k]] = eval::from_floats(x.dtype(), x.shape(), &values).expect("as before");
                    total(&inputs)
                };
                (moved(step) - moved(-step)) / (2.0 * step)
            })
            .collect();
        assert_close(
            &eval::floats(gradient),
            &slopes,
            2e-6,
            &format!("gradient of {} by operand {}", op.name, sources[k]),
        );
    }
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
