//! Comparing tensors in tests: [`assert_all_close`].

use crate::engine::dispatch;
use crate::error::{Error, Kind, Result, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_runtime::{Array, DType};

/// Panics unless both have one dtype and shape and `|actual - expected| <= 1e-6 + 1e-5 * |expected|` everywhere: of
/// complex numbers, absolute values in the plane. NaN equals NaN. A number stands for a rank-0 tensor of the other's dtype.
///
/// ```
/// use tracelift as tl;
/// tl::testing::assert_all_close(tl::constant([0.1 + 0.2]), tl::constant([0.3]));
/// ```
#[track_caller]
pub fn assert_all_close(actual: impl IntoTensor, expected: impl IntoTensor) {
    assert_close_within(actual, expected, 1e-5, 1e-6);
}

/// [`assert_all_close`] with tolerances: `|actual - expected| <= absolute + relative * |expected|`.
#[track_caller]
pub fn assert_close_within(actual: impl IntoTensor, expected: impl IntoTensor, relative: f64, absolute: f64) {
    let loc = Location::caller();
    let dtype = actual.operand().dtype().or(expected.operand().dtype());
    let (actual, expected) = (unwrap(actual.operand().hold(dtype, loc)), unwrap(expected.operand().hold(dtype, loc)));
    unwrap(check(&actual, &expected, relative, absolute, loc));
}

fn check(
    actual: &Tensor,
    expected: &Tensor,
    relative: f64,
    absolute: f64,
    loc: &'static Location<'static>,
) -> Result<()> {
    let (actual, expected) = (actual.concrete("assert_all_close", loc)?, expected.concrete("assert_all_close", loc)?);
    if actual.dtype() != expected.dtype() || actual.shape() != expected.shape() {
        let text = format!(
            "assert_all_close: {}{:?} is not {}{:?}",
            actual.dtype(),
            actual.shape(),
            expected.dtype(),
            expected.shape()
        );
        return Err(Error::new(Kind::Value, text));
    }
    let mut worst: Option<(f64, usize)> = None;
    let mut wrong = 0usize;
    for i in 0..actual.len() {
        let (difference, size) = distance(actual, expected, i);
        let excess = match difference {
            0.0 => continue,
            difference if difference.is_finite() => difference - (absolute + relative * size),
            _ => f64::INFINITY,
        };
        if excess > 0.0 {
            wrong += 1;
            if worst.is_none_or(|(most, _)| excess > most) {
                worst = Some((excess, i));
            }
        }
    }
    let Some((_, i)) = worst else { return Ok(()) };
    let text = format!(
        "assert_all_close: {wrong} of {} elements differ by more than {absolute:e} + {relative:e} * |expected|\n  \
         the worst is {:?}: {}, expected {} (difference {:e})",
        actual.len(),
        position(i, actual.shape()),
        element(actual, i),
        element(expected, i),
        distance(actual, expected, i).0
    );
    Err(Error::new(Kind::Value, text))
}

/// How far apart the `i`-th elements are, and the absolute value of the second. Equal parts, and NaN twice, are not apart.
fn distance(actual: &Array, expected: &Array, i: usize) -> (f64, f64) {
    let (a, e) = (actual.element_parts(i), expected.element_parts(i));
    let apart = |k: usize| if a[k] == e[k] || a[k].is_nan() && e[k].is_nan() { 0.0 } else { a[k] - e[k] };
    (apart(0).hypot(apart(1)), e[0].hypot(e[1]))
}

/// The `i`-th element as text: of a complex number both parts.
pub(crate) fn element(array: &Array, i: usize) -> String {
    let [re, im] = array.element_parts(i);
    if array.dtype() == DType::Complex64 { format!("({re:?}, {im:?})") } else { format!("{re:?}") }
}

/// Applies an op of the table as its function does: at once, or recorded by the trace in progress, and shown to the
/// tapes. For suites that find their ops by name.
#[doc(hidden)]
#[track_caller]
pub fn apply_op(op: &'static OpDef, attrs: Attrs, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    Ok(dispatch::apply(op, attrs, inputs, Location::caller())?.into_vec())
}

/// The array behind a tensor. For suites that compare with arrays. Panics while tracing.
#[doc(hidden)]
#[track_caller]
pub fn array(x: &Tensor) -> Array {
    unwrap(x.concrete("array", Location::caller())).clone()
}

/// The index of the `i`-th element.
pub(crate) fn position(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (at, &len) in index.iter_mut().zip(shape).rev() {
        *at = i % len;
        i /= len;
    }
    index
}

/// Compares with a file beside the tests; `TRACELIFT_BLESS=1` writes it.
#[cfg(test)]
pub(crate) fn golden(file: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden").join(file);
    if std::env::var_os("TRACELIFT_BLESS").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{} differs; bless it with TRACELIFT_BLESS=1", path.display());
}

#[cfg(test)]
mod tests {
    use super::assert_all_close;
    use crate::tensor::constant;

    #[test]
    fn the_worst_element_is_named() {
        let close = || assert_all_close(constant([[1.0, 2.0], [3.0, 4.5]]), constant([[1.0, 2.1], [3.0, 4.0]]));
        let text = crate::attempt(close).unwrap_err().to_string();
        assert!(text.starts_with("assert_all_close: 2 of 4 elements differ"), "{text}");
        assert!(text.contains("the worst is [1, 1]: 4.5, expected 4.0 (difference 5e-1)"), "{text}");
        assert_all_close(constant([f32::NAN, 1.0]), constant([f32::NAN, 1.000001]));
        assert_all_close(constant(2.0), 2.0);
        assert!(crate::attempt(|| assert_all_close(constant(1.0), constant(1))).is_err());
    }

    #[test]
    fn both_parts_of_complex_numbers_are_compared() {
        let x = crate::complex(constant([1.0, f32::NAN]), constant([2.0, 0.0]));
        assert_all_close(&x, &x);
        let y = crate::complex(constant([1.0, f32::NAN]), constant([2.5, 0.0]));
        let text = crate::attempt(|| assert_all_close(&x, &y)).unwrap_err().to_string();
        assert!(text.contains("the worst is [0]: (1.0, 2.0), expected (1.0, 2.5) (difference 5e-1)"), "{text}");
    }
}
