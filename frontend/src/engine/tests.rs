//! Every op of the table as eager code: compiled against the interpreter, over dtypes and shapes.

use super::dispatch;
use crate::config::{Backend, with_backend};
use crate::error::{Error, Kind, Result};
use crate::tensor::Tensor;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use tracelift_compiler::graph::opdef::{Domain, Operands};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops;
use tracelift_runtime::{Array, DType};

const DTYPES: [DType; 10] = [
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::I8,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U64,
    DType::Bool,
];

/// Shapes of the first and the second operand.
const SHAPES: [(&[usize], &[usize]); 5] =
    [(&[], &[]), (&[3], &[3]), (&[2, 67], &[67]), (&[4, 1], &[1, 5]), (&[0, 3], &[3])];

/// Numbers in the op's domain, the same at each run.
fn sample(domain: Domain, dtype: DType, shape: &[usize], salt: usize) -> Option<Tensor> {
    let number = |i: usize| ((i * 7919 + salt * 104_729 + 13) % 1009) as f64 / 1009.0;
    let (low, high) = match domain {
        Domain::Between(low, high) => (low, high),
        Domain::Special(_) => return None,
        _ if dtype.is_float() => (-3.0, 3.0),
        _ => (-9.0, 9.0),
    };
    let value = |i: usize| match low + number(i) * (high - low) {
        v if dtype == DType::Bool => f64::from(u8::from(v > (low + high) / 2.0)),
        v if dtype.is_float() && domain == Domain::NonZero && v.abs() < 0.1 => 0.5,
        v if dtype.is_float() => v,
        v if domain == Domain::NonZero && v.trunc() == 0.0 => 1.0,
        v if dtype.is_unsigned_int() => v.trunc().abs(),
        v => v.trunc(),
    };
    let len = shape.iter().product();
    let wide = Array::from_slice(shape, &(0..len).map(value).collect::<Vec<f64>>());
    wide.cast(dtype).ok().map(Tensor::from)
}

fn compare(op: &'static OpDef, operands: &[&Tensor]) -> Result<()> {
    let loc = Location::caller();
    // What the rule refuses is refused alike.
    let Ok(expected) = with_backend(Backend::Interpreter, || dispatch::apply(op, Attrs::new(), operands, loc)) else {
        return Ok(());
    };
    let apply = AssertUnwindSafe(|| dispatch::apply(op, Attrs::new(), operands, loc));
    let actual = catch_unwind(apply).map_err(|_| Error::new(Kind::Internal, "a panic"))??;
    let tolerance = match operands[0].dtype() {
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        DType::F64 => 1e-12,
        _ => 2e-6,
    };
    for (actual, expected) in actual.iter().zip(&expected) {
        crate::attempt(|| crate::testing::assert_close_within(actual, expected, tolerance, tolerance))?;
    }
    Ok(())
}

/// What is wrong with `op` of operands of `dtype`.
fn disagreements(op: &'static OpDef, operands: usize, dtype: DType) -> Vec<String> {
    let mut wrong = Vec::new();
    for (a, b) in SHAPES {
        let (Some(x), Some(y)) = (sample(op.domain, dtype, a, 1), sample(op.domain, dtype, b, 2)) else { continue };
        if let Err(error) = compare(op, &[&x, &y][..operands]) {
            let text = error.to_string().chars().take(300).collect::<String>();
            wrong.push(format!("{} of {dtype}{a:?}: {text}", op.name));
        }
    }
    wrong
}

#[test]
fn compiled_ops_agree_with_the_interpreter() {
    let mut wrong = Vec::new();
    for op in ops::all() {
        let Operands::Named(names) = op.inputs else { continue };
        if op.attrs.iter().any(|a| !a.optional) || !(1..=2).contains(&names.len()) {
            continue;
        }
        for dtype in DTYPES {
            // A thread of its own, for a panic in the compiler leaves the thread's builder unusable.
            wrong.extend(std::thread::scope(|s| s.spawn(|| disagreements(op, names.len(), dtype)).join().unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn programs_of_empty_operands_are_told_apart() {
    // A length of 0 has no pattern: dtype and shape of each operand must tell the programs apart.
    let loc = Location::caller();
    let empty = |dtype, shape: &[usize]| Tensor::from(Array::zeros(dtype, shape).unwrap());
    for dtype in [DType::F64, DType::F32, DType::I64, DType::F64] {
        let x = empty(dtype, &[0]);
        let y = dispatch::apply(&ops::ADD, Attrs::new(), &[&x, &x], loc).unwrap();
        assert_eq!((y[0].dtype(), y[0].shape()), (dtype, [0].as_slice().into()));
    }
    for (a, b) in [([0, 1], [1, 3]), ([1, 3], [0, 1]), ([0, 3], [1, 3])] {
        let (x, y) = (empty(DType::F32, &a), empty(DType::F32, &b));
        let z = dispatch::apply(&ops::ADD, Attrs::new(), &[&x, &y], loc).unwrap();
        assert_eq!(z[0].shape(), [0, 3]);
    }
}
