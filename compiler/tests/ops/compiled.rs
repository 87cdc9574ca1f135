//! Machine code against `eval`: each op alone, compiled without and with optimisation, on ordinary and on special
//! values. The operands' dtypes are those that programs are made of.

use crate::battery::{arity, operands, sampled};
use crate::support::{Numbers, spec_of};
use tracelift_compiler::graph::opdef::Lower;
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::ops::eval;
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Dim, Loc, TensorSpec, compile, grad, interp};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

const DTYPES: [DType; 6] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];

#[test]
fn code_agrees_with_eval() {
    let mut differences = Vec::new();
    for op in sampled() {
        for dtype in DTYPES {
            for shape in [&[5, 7][..], &[0, 3]] {
                let inputs = operands(op, dtype, shape, &mut Numbers(11));
                differences.extend(compare_with(op, &Attrs::new(), &inputs).err());
            }
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn special_values_agree_with_eval() {
    let specials = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e30, -1e30, 6.5];
    let mut differences = Vec::new();
    for op in sampled().filter(|op| matches!(op.lower, Lower::Elementwise(_))) {
        for dtype in [DType::F32, DType::F64] {
            // Every value with every other.
            let pairs: Vec<(f64, f64)> = specials.iter().flat_map(|&x| specials.map(|y| (x, y))).collect();
            let column = |pick: fn(&(f64, f64)) -> f64| {
                eval::from_floats(dtype, &[pairs.len()], &pairs.iter().map(pick).collect::<Vec<_>>()).expect("small")
            };
            let inputs = [column(|p| p.0), column(|p| p.1)];
            differences.extend(compare_with(op, &Attrs::new(), &inputs[..arity(op)]).err());
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

/// Says what differs between machine code and `eval`; operands that the op refuses differ in nothing.
pub fn compare_with(op: &'static OpDef, attrs: &Attrs, inputs: &[Array]) -> Result<(), String> {
    compare(op, attrs.clone(), inputs, None)
}

/// Asserts that machine code agrees with `eval` on these operands.
pub fn assert_agrees(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) {
    compare_with(op, &attrs, inputs).unwrap_or_else(|difference| panic!("{difference}"));
}

/// As [`assert_agrees`]; also if the length of operand 0's first axis is known only at the call.
pub fn assert_agrees_for_any_batch(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) {
    assert_agrees(op, attrs.clone(), inputs);
    let mut specs: Vec<TensorSpec> = inputs.iter().map(spec_of).collect();
    specs[0].dims[0] = Dim::sym(0);
    compare(op, attrs, inputs, Some(&specs)).unwrap_or_else(|difference| panic!("{difference}"));
}

/// As [`assert_agrees`]; also if the length of the first axis of all operands is known only at the call.
pub fn assert_agrees_for_any_shared_batch(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) {
    assert_agrees(op, attrs.clone(), inputs);
    let mut specs: Vec<TensorSpec> = inputs.iter().map(spec_of).collect();
    specs.iter_mut().for_each(|spec| spec.dims[0] = Dim::sym(0));
    compare(op, attrs, inputs, Some(&specs)).unwrap_or_else(|difference| panic!("{difference}"));
}

/// As [`assert_agrees`], in a graph whose operands have these specs.
pub fn assert_agrees_as(op: &'static OpDef, attrs: Attrs, inputs: &[Array], specs: &[TensorSpec]) {
    compare(op, attrs, inputs, Some(specs)).unwrap_or_else(|difference| panic!("{difference}"));
}

/// Asserts that the gradient of the sum of all results is the same in machine code and by `eval`, and gives it.
pub fn assert_gradient_agrees(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) -> Vec<Array> {
    let mut builder = GraphBuilder::new(op.name);
    let parameters: Vec<_> = inputs.iter().map(|x| builder.parameter("x", spec_of(x))).collect();
    let results = builder.apply_at(op, attrs, &parameters, Loc::default()).unwrap_or_else(|e| panic!("{e}"));
    let is_float = |array: &Array| array.dtype().is_float();
    let floats = |v: &&ValueId| builder.graph().spec(**v).dtype.is_float();
    let targets: Vec<_> = results.iter().filter(floats).map(|&v| (v, None)).collect();
    let sources: Vec<_> = parameters.iter().zip(inputs).filter(|(_, x)| is_float(x)).map(|(&v, _)| v).collect();
    let gradients = grad::gradient(&mut builder, &targets, &sources).unwrap_or_else(|e| panic!("{e}"));
    let graph = builder.finish(gradients.into_iter().flatten().collect());
    compare_graph(&graph, inputs, false).unwrap_or_else(|difference| panic!("gradient: {difference}"));
    interp::run(&graph, inputs).unwrap_or_else(|e| panic!("{e}"))
}

/// As [`compare_with`]; `specs` are those of the graph's parameters, if they are not the operands'.
fn compare(op: &'static OpDef, attrs: Attrs, inputs: &[Array], specs: Option<&[TensorSpec]>) -> Result<(), String> {
    let mut builder = GraphBuilder::new(op.name);
    let own: Vec<TensorSpec> = inputs.iter().map(spec_of).collect();
    let parameters: Vec<_> = specs.unwrap_or(&own).iter().map(|spec| builder.parameter("x", spec.clone())).collect();
    let results = match (builder.apply_at(op, attrs, &parameters, Loc::default()), specs) {
        (Ok(results), _) => results,
        (Err(_), None) => return Ok(()),
        (Err(error), Some(_)) => return Err(error.to_string()),
    };
    let is_exact = matches!(op.lower, Lower::Elementwise(_));
    compare_graph(&builder.finish(results.to_vec()), inputs, is_exact)
}

/// Says what differs between machine code and the interpreter. Sums round: but for single functions, results may
/// differ by more than their last digits.
fn compare_graph(graph: &Graph, inputs: &[Array], is_exact: bool) -> Result<(), String> {
    let Ok(expected) = interp::run(graph, inputs) else { return Ok(()) };
    for level in [Level::O0, Level::O2] {
        let of = inputs.first().map_or("nothing".to_owned(), |x| spec_of(x).to_string());
        let what = format!("{} of {of} at {level:?}", graph.name);
        let compiled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compile(graph, &Options::at(level))));
        let compiled = compiled.map_err(|_| format!("{what}: the compiler panicked"))?;
        let program = compiled.map_err(|e| format!("{what}: {e}"))?.program;
        let executable = Executable::new(program).map_err(|e| format!("{what}: {e}"))?;
        let actual = executable.call(&inputs.iter().collect::<Vec<_>>()).map_err(|e| format!("{what}: {e}"))?;
        for (a, e) in actual.iter().zip(&expected) {
            if spec_of(a) != spec_of(e) {
                return Err(format!("{what}: {} instead of {}", spec_of(a), spec_of(e)));
            }
            let tolerance = match a.dtype() {
                DType::F64 => 1e-12,
                DType::F16 => 1e-3,
                DType::BF16 => 8e-3,
                _ => 2e-6,
            };
            for (i, (a, e)) in eval::floats(a).into_iter().zip(eval::floats(e)).enumerate() {
                let close = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= tolerance * e.abs().max(1e-30);
                let close = close || (!is_exact && (a - e).abs() <= 10.0 * tolerance * e.abs().max(1.0));
                if !close {
                    let of: Vec<f64> = inputs.iter().filter_map(|x| eval::floats(x).get(i).copied()).collect();
                    return Err(format!("{what}: element {i} is {a:e} instead of {e:e} (operands {of:?})"));
                }
            }
        }
    }
    Ok(())
}
