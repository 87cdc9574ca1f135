//! Building one-op graphs, running them in the interpreter, and comparing.

use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef};
use tracelift_compiler::ops::eval;
use tracelift_compiler::{DType, Dim, Loc, Result, TensorSpec};
use tracelift_runtime::Array;

/// An f64 array.
pub fn f64s(shape: &[usize], values: &[f64]) -> Array {
    Array::from_slice(shape, values)
}

/// An i32 array.
pub fn i32s(shape: &[usize], values: &[i32]) -> Array {
    Array::from_slice(shape, values)
}

/// `0, 1, 2, …` as f64.
pub fn counted(shape: &[usize]) -> Array {
    f64s(shape, &(0..shape.iter().product()).map(|i: usize| i as f64).collect::<Vec<_>>())
}

/// Sizes as attributes take them.
pub fn dims(sizes: &[i64]) -> Vec<Dim> {
    sizes.iter().map(|&d| d.into()).collect()
}

/// `op` on these operands, by the interpreter.
pub fn apply(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) -> Result<Vec<Array>> {
    let specs: Vec<TensorSpec> = inputs.iter().map(spec_of).collect();
    apply_as(op, attrs, inputs, &specs)
}

/// As [`apply`], in a graph whose inputs have these specs (with symbolic sizes, say).
pub fn apply_as(op: &'static OpDef, attrs: Attrs, inputs: &[Array], specs: &[TensorSpec]) -> Result<Vec<Array>> {
    let mut builder = GraphBuilder::new(op.name);
    let operands: Vec<_> = specs.iter().map(|spec| builder.parameter("x", spec.clone())).collect();
    let results = builder.apply_at(op, attrs, &operands, Loc::default())?;
    tracelift_compiler::interp::run(&builder.finish(results.to_vec()), inputs)
}

/// The one result of `op` as numbers.
pub fn values(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) -> Vec<f64> {
    eval::floats(&one(op, attrs, inputs))
}

/// The one result of `op`.
pub fn one(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) -> Array {
    let mut results = apply(op, attrs, inputs).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// The message of the error that `op` gives.
pub fn refused(op: &'static OpDef, attrs: Attrs, inputs: &[Array]) -> String {
    apply(op, attrs, inputs).expect_err("this call must be refused").to_string()
}

/// The dtype and shape of an array.
pub fn spec_of(array: &Array) -> TensorSpec {
    TensorSpec::new(array.dtype(), array.shape().iter().copied())
}

/// Asserts that numbers are equal to within `tolerance`, relative to their size; NaN equals NaN.
#[track_caller]
pub fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}: {actual:?} instead of {expected:?}");
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        let close = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= tolerance * e.abs().max(1.0);
        assert!(close, "{what}: element {i} is {a:e} instead of {e:e}\n  {actual:?}\n  {expected:?}");
    }
}

/// A reproducible stream of numbers in 0 .. 1.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An array of numbers within bounds; of whole numbers for integers.
    pub fn array(&mut self, dtype: DType, shape: &[usize], low: f64, high: f64) -> Array {
        let len = shape.iter().product();
        let values: Vec<f64> = (0..len).map(|_| low + self.next() * (high - low)).collect();
        eval::from_floats(dtype, shape, &values).expect("a small array")
    }
}
