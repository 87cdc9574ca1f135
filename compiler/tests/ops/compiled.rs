//! Machine code against `eval`: each op alone, compiled without and with optimisation, on ordinary and on special
//! values. The operands' dtypes are those that programs are made of.

use crate::battery::{arity, operands, sampled};
use crate::support::{Numbers, spec_of};
use tracelift_compiler::graph::opdef::Lower;
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef};
use tracelift_compiler::ops::eval;
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Loc, compile, interp};
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
                differences.extend(compare(op, &inputs).err());
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
            differences.extend(compare(op, &inputs[..arity(op)]).err());
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

/// Says what differs; operands that the op refuses differ in nothing.
fn compare(op: &'static OpDef, inputs: &[Array]) -> Result<(), String> {
    compare_with(op, &Attrs::new(), inputs)
}

/// As [`compare`], with attributes.
pub fn compare_with(op: &'static OpDef, attrs: &Attrs, inputs: &[Array]) -> Result<(), String> {
    let mut builder = GraphBuilder::new(op.name);
    let parameters: Vec<_> = inputs.iter().map(|x| builder.parameter("x", spec_of(x))).collect();
    let Ok(results) = builder.apply_at(op, attrs.clone(), &parameters, Loc::default()) else { return Ok(()) };
    let graph = builder.finish(results.to_vec());
    let Ok(expected) = interp::run(&graph, inputs) else { return Ok(()) };
    for level in [Level::O0, Level::O2] {
        let what = format!("{} of {} at {level:?}", op.name, spec_of(&inputs[0]));
        let compiled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compile(&graph, &Options::at(level))));
        let compiled = compiled.map_err(|_| format!("{what}: the compiler panicked"))?;
        let program = compiled.map_err(|e| format!("{what}: {e}"))?.program;
        let executable = Executable::new(program).map_err(|e| format!("{what}: {e}"))?;
        let actual = executable.call(&inputs.iter().collect::<Vec<_>>()).map_err(|e| format!("{what}: {e}"))?;
        for (a, e) in actual.iter().zip(&expected) {
            if spec_of(a) != spec_of(e) {
                return Err(format!("{what}: {} instead of {}", spec_of(a), spec_of(e)));
            }
            let tolerance = if a.dtype() == DType::F64 { 1e-12 } else { 2e-6 };
            for (i, (a, e)) in eval::floats(a).into_iter().zip(eval::floats(e)).enumerate() {
                let close = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= tolerance * e.abs().max(1e-30);
                // Sums of a composite round; single functions do not lose more than their last digits.
                let close = close || (!matches!(op.lower, Lower::Elementwise(_)) && (a - e).abs() <= 10.0 * tolerance);
                if !close {
                    let of: Vec<f64> = inputs.iter().filter_map(|x| eval::floats(x).get(i).copied()).collect();
                    return Err(format!("{what}: element {i} is {a:e} instead of {e:e} (operands {of:?})"));
                }
            }
        }
    }
    Ok(())
}
