//! The check for NaN and infinities behind [`crate::config::check_numerics`].

use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use std::panic::Location;
use tracelift_compiler::graph::OpDef;

/// An error that names the op and the first element that is not finite.
#[cold]
pub(crate) fn check(op: &OpDef, outputs: &[Tensor], loc: &Location<'_>) -> Result<()> {
    for array in outputs.iter().filter_map(Tensor::array).filter(|a| a.dtype().is_float()) {
        if let Some(i) = (0..array.len()).find(|&i| !array.element_f64(i).is_finite()) {
            let (index, value) = (crate::testing::position(i, array.shape()), array.element_f64(i));
            let text = format!("`{}`: element {index:?} of the result is {value:?}", op.name);
            return Err(at(Error::new(Kind::Value, text).hint("look at the operands just before this line"), loc));
        }
    }
    Ok(())
}
