//! Constants seen as numbers: a *splat* is a constant whose elements are all the same.

use crate::base::DType;
use half::{bf16, f16};
use tracelift_runtime::{Array, Element};

/// Larger constants are not searched.
pub const MAX_SEARCHED: usize = 64;

/// The number that every element of `array` is; None if they differ, if there are none, if there are more than a
/// few dozen, or if an f64 does not hold the number exactly. Booleans are 0 and 1.
pub fn number(array: &Array) -> Option<f64> {
    match array.dtype() {
        DType::F32 => same(array, |v: f32| v.into()),
        DType::F64 => same(array, |v: f64| v),
        DType::F16 => same(array, |v: f16| v.into()),
        DType::BF16 => same(array, |v: bf16| v.into()),
        DType::I8 => same(array, |v: i8| v.into()),
        DType::I16 => same(array, |v: i16| v.into()),
        DType::I32 => same(array, |v: i32| v.into()),
        DType::I64 => same(array, |v: i64| v as f64).filter(|v| v.abs() <= EXACT),
        DType::U8 => same(array, |v: u8| v.into()),
        DType::U16 => same(array, |v: u16| v.into()),
        DType::U32 => same(array, |v: u32| v.into()),
        DType::U64 => same(array, |v: u64| v as f64).filter(|v| v.abs() <= EXACT),
        DType::Bool => same(array, |v: bool| v.into()),
        DType::Complex64 => None,
    }
}

/// The rank-0 array of that number; None if `dtype` does not hold it exactly.
pub fn array(value: f64, dtype: DType) -> Option<Array> {
    let array = match dtype {
        DType::F32 => scalar(value as f32),
        DType::F64 => scalar(value),
        DType::F16 => scalar(f16::from_f64(value)),
        DType::BF16 => scalar(bf16::from_f64(value)),
        DType::I8 => scalar(value as i8),
        DType::I16 => scalar(value as i16),
        DType::I32 => scalar(value as i32),
        DType::I64 => scalar(value as i64),
        DType::U8 => scalar(value as u8),
        DType::U16 => scalar(value as u16),
        DType::U32 => scalar(value as u32),
        DType::U64 => scalar(value as u64),
        DType::Bool => scalar(value != 0.0),
        DType::Complex64 => return None,
    };
    // Integers have no negative zero, so numbers are compared there, bits elsewhere.
    let exact = |back: f64| if dtype.is_float() { same_bits(back, value) } else { back == value };
    number(&array).filter(|&back| exact(back)).map(|_| array)
}

/// Equal as numbers are equal to a compiler: by bits, except that all NaNs are one.
pub fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Integers beyond this may not be exact in an f64.
const EXACT: f64 = (1u64 << 53) as f64;

fn same<T: Element>(array: &Array, to_f64: impl Fn(T) -> f64) -> Option<f64> {
    if array.len() > MAX_SEARCHED {
        return None;
    }
    let (first, rest) = array.as_slice::<T>().split_first()?;
    let first = to_f64(*first);
    rest.iter().all(|&v| same_bits(to_f64(v), first)).then_some(first)
}

fn scalar<T: Element>(value: T) -> Array {
    Array::from_slice(&[], &[value])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_exactly_or_not_at_all() {
        assert_eq!(number(&array(0.5, DType::F16).unwrap()), Some(0.5));
        assert_eq!(number(&array(-3.0, DType::I8).unwrap()), Some(-3.0));
        assert!(array(0.5, DType::I32).is_none() && array(300.0, DType::U8).is_none());
        assert!(array(0.1, DType::F32).is_none());
        assert!(number(&array(-0.0, DType::F32).unwrap()).unwrap().is_sign_negative());
    }

    #[test]
    fn only_equal_elements_are_a_splat() {
        assert_eq!(number(&Array::from_slice(&[2], &[2f32, 2.0])), Some(2.0));
        assert_eq!(number(&Array::from_slice(&[2], &[0f32, -0.0])), None);
        assert_eq!(number(&Array::from_slice::<f32>(&[0], &[])), None);
        assert_eq!(number(&Array::from_slice(&[], &[i64::MAX])), None);
    }
}
