//! Helpers of the kernels' tests.

use super::{LibraryCx, View, ViewMut, find};
use crate::array::{Array, DType};
use crate::error::{Error, Result};

/// Runs a kernel into new arrays of these dtypes and shapes.
pub fn run(name: &str, inputs: &[&Array], outputs: &[(DType, &[usize])], params: &[i64]) -> Vec<Array> {
    try_run(name, inputs, outputs, params).unwrap()
}

/// The error that running a kernel gives.
pub fn run_err(name: &str, inputs: &[&Array], outputs: &[(DType, &[usize])], params: &[i64]) -> Error {
    try_run(name, inputs, outputs, params).unwrap_err()
}

fn try_run(name: &str, inputs: &[&Array], outputs: &[(DType, &[usize])], params: &[i64]) -> Result<Vec<Array>> {
    // Results start out as something, so that an element left unwritten shows.
    let mut results: Vec<Array> = outputs.iter().map(|(dtype, shape)| numbers(*dtype, shape)).collect();
    let inputs: Vec<View<'_>> = inputs.iter().map(|array| View::of(array)).collect();
    let views: Vec<ViewMut<'_>> = results.iter_mut().map(|array| ViewMut::of(array).unwrap()).collect();
    let kernel = find(name).expect("a kernel of that name");
    (kernel.run)(&mut LibraryCx { inputs: &inputs, outputs: &views, params, epilogue: None })?;
    drop(views);
    Ok(results)
}

/// Numbers that differ from their neighbours, small enough for every dtype.
pub fn numbers(dtype: DType, shape: &[usize]) -> Array {
    let len: usize = shape.iter().product();
    let data: Vec<i32> = (0..len).map(|i| ((i * 37 + i / 9) % 101) as i32).collect();
    Array::from_vec(shape, data).unwrap().cast(dtype).unwrap()
}

/// All elements as f64.
pub fn values(array: &Array) -> Vec<f64> {
    (0..array.len()).map(|i| array.element_f64(i)).collect()
}

/// Every index of a shape, row-major.
pub fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |mut rest: usize| {
        let mut index = vec![0; shape.len()];
        for (i, &len) in index.iter_mut().zip(&shape).rev() {
            *i = rest % len;
            rest /= len;
        }
        index
    })
}
