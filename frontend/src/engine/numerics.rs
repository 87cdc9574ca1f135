//! The check for NaN and infinities behind [`crate::config::check_numerics`].
//!
//! Eager ops check their results ([`check`]). A compiled call checks its own ([`is_finite`]); if something is there, the
//! graph is run op by op on the same inputs, to find where it was made ([`blame`]).

use super::eager;
use super::replay::replay;
use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use crate::testing;
use std::panic::Location;
use tracelift_compiler::graph::{Graph, OpDef};
use tracelift_runtime::{Array, DType};

/// An error that names the op and the first element that is not finite.
#[cold]
pub(crate) fn check(op: &OpDef, outputs: &[Tensor], loc: &Location<'_>) -> Result<()> {
    match outputs.iter().filter_map(Tensor::array).find_map(first_strange) {
        Some(what) => Err(at(strange(&format!("`{}`", op.name), &what), loc)),
        None => Ok(()),
    }
}

/// Whether every element of a float or complex array is finite.
pub(crate) fn is_finite(array: &Array) -> bool {
    first_strange(array).is_none()
}

/// The error of the op of `graph` that makes the first value that is not finite, for these inputs.
#[cold]
pub(crate) fn blame(graph: &Graph, inputs: &[Tensor], loc: &'static Location<'static>) -> Error {
    let replayed = replay(graph, inputs, loc, &mut |node, attrs, operands, line| {
        let outputs = eager::run(node.op, &attrs, operands, line)?;
        check(node.op, &outputs, line)?;
        Ok(outputs)
    });
    match replayed {
        Err(error) => error,
        // The compiled code rounds otherwise than its ops one by one, or an input went through as it was.
        Ok(outputs) => {
            let what = outputs.iter().chain(inputs).filter_map(Tensor::array).find_map(first_strange);
            let what = what.unwrap_or_else(|| "a number that is not finite".to_owned());
            at(strange(&format!("`{}`, compiled", graph.name), &what), loc)
        }
    }
}

/// The first element that is not finite, in words.
fn first_strange(array: &Array) -> Option<String> {
    if !array.dtype().is_float() && array.dtype() != DType::Complex64 {
        return None;
    }
    let i = (0..array.len()).find(|&i| !array.element_parts(i).iter().all(|part| part.is_finite()))?;
    let (index, value) = (testing::position(i, array.shape()), testing::element(array, i));
    Some(format!("element {index:?} of the result is {value}"))
}

fn strange(who: &str, what: &str) -> Error {
    Error::new(Kind::Value, format!("{who}: {what}")).hint("look at the operands just before this line")
}
