//! Conversion between dtypes, and single elements as numbers.
//!
//! The rules are Rust's `as`: float to integer truncates and saturates (NaN gives 0), integer to integer wraps,
//! to float rounds to nearest even. To bool: whether it differs from 0. Complex to real takes the real part.

use super::element::with_element;
use super::{Array, DType, Element};
use crate::error::{Error, Kind, Result};
use half::{bf16, f16};

impl Array {
    /// The elements converted to another dtype; shared if it is the same.
    pub fn cast(&self, dtype: DType) -> Result<Array> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        let mut result = Array::uninit(dtype, self.shape())?;
        with_element!(self.dtype(), S => with_element!(dtype, D => {
            for (to, &from) in result.as_mut_slice::<D>().iter_mut().zip(self.as_slice::<S>()) {
                *to = D::from_number(from.number());
            }
        }));
        Ok(result)
    }

    /// A rank-0 array of `dtype` with the value converted from `value`. Panics if memory runs out.
    pub fn scalar_of(dtype: DType, value: f64) -> Array {
        with_element!(dtype, T => Array::scalar(T::from_number(Wide::Float(value))))
    }

    /// The value of an array of one element. An error if there are more or none.
    pub fn item_f64(&self) -> Result<f64> {
        if self.len() != 1 {
            let what = format!("{}{:?} has {} elements, not one", self.dtype(), self.shape(), self.len());
            return Err(Error::new(Kind::Shape, what));
        }
        Ok(self.element_f64(0))
    }

    /// Element `index` in row-major order as an f64: of a complex number the real part. Panics if it is out of range.
    pub fn element_f64(&self, index: usize) -> f64 {
        with_element!(self.dtype(), T => f64::from_number(self.as_slice::<T>()[index].number()))
    }

    /// The real and the imaginary part of element `index`; the latter is 0 unless the dtype is complex. Panics if it is
    /// out of range.
    pub fn element_parts(&self, index: usize) -> [f64; 2] {
        match self.dtype() {
            DType::Complex64 => self.as_slice::<[f32; 2]>()[index].map(f64::from),
            _ => [self.element_f64(index), 0.0],
        }
    }
}

/// A value on its way from one dtype to another; holds any element without loss.
#[derive(Clone, Copy)]
pub(crate) enum Wide {
    Float(f64),
    Signed(i64),
    Unsigned(u64),
    Complex(f32, f32),
}

/// An element that converts to and from [`Wide`].
pub(crate) trait Convert: Element {
    /// The value, without loss.
    fn number(self) -> Wide;
    /// The value converted by the rules above.
    fn from_number(number: Wide) -> Self;
}

macro_rules! convert {
    ($($t:ty: $variant:ident as $wide:ty),*) => {$(
        impl Convert for $t {
            #[inline(always)]
            fn number(self) -> Wide {
                Wide::$variant(self as $wide)
            }

            #[inline(always)]
            fn from_number(number: Wide) -> Self {
                match number {
                    Wide::Float(x) => x as Self,
                    Wide::Signed(x) => x as Self,
                    Wide::Unsigned(x) => x as Self,
                    Wide::Complex(re, _) => re as Self,
                }
            }
        }
    )*};
}

convert!(f32: Float as f64, f64: Float as f64, i8: Signed as i64, i16: Signed as i64, i32: Signed as i64,
         i64: Signed as i64, u8: Unsigned as u64, u16: Unsigned as u64, u32: Unsigned as u64, u64: Unsigned as u64);

macro_rules! convert_half {
    ($($t:ty),*) => {$(
        impl Convert for $t {
            #[inline(always)]
            fn number(self) -> Wide {
                Wide::Float(self.to_f64())
            }

            #[inline(always)]
            fn from_number(number: Wide) -> Self {
                Self::from_f64(f64::from_number(number))
            }
        }
    )*};
}

convert_half!(f16, bf16);

impl Convert for bool {
    #[inline(always)]
    fn number(self) -> Wide {
        Wide::Unsigned(self as u64)
    }

    #[inline(always)]
    fn from_number(number: Wide) -> bool {
        match number {
            Wide::Float(x) => x != 0.0,
            Wide::Signed(x) => x != 0,
            Wide::Unsigned(x) => x != 0,
            Wide::Complex(re, im) => re != 0.0 || im != 0.0,
        }
    }
}

impl Convert for [f32; 2] {
    #[inline(always)]
    fn number(self) -> Wide {
        Wide::Complex(self[0], self[1])
    }

    #[inline(always)]
    fn from_number(number: Wide) -> Self {
        match number {
            Wide::Complex(re, im) => [re, im],
            real => [f32::from_number(real), 0.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast<S: Element, D: Element>(from: &[S]) -> Vec<D> {
        Array::from_slice(&[from.len()], from).cast(D::DTYPE).unwrap().as_slice::<D>().to_vec()
    }

    #[test]
    fn floats_truncate_and_saturate() {
        assert_eq!(cast::<f32, i8>(&[1.9, -1.9, 300.0, -300.0, f32::NAN, f32::INFINITY]), [1, -1, 127, -128, 0, 127]);
        assert_eq!(cast::<f64, u64>(&[-1.0, 1e30]), [0, u64::MAX]);
        assert_eq!(cast::<f32, bool>(&[0.0, -0.0, 0.1, f32::NAN]), [false, false, true, true]);
    }

    #[test]
    fn integers_wrap_and_keep_64_bits() {
        assert_eq!(cast::<i64, i32>(&[1 << 32 | 5, -1]), [5, -1]);
        assert_eq!(cast::<i64, u64>(&[-1, i64::MAX]), [u64::MAX, i64::MAX as u64]);
        assert_eq!(cast::<u64, i64>(&[u64::MAX]), [-1]);
        assert_eq!(cast::<u64, f32>(&[u64::MAX]), [1.8446744e19]);
        assert_eq!(cast::<bool, f32>(&[true, false]), [1.0, 0.0]);
    }

    #[test]
    fn halves_round_to_nearest_even() {
        assert_eq!(cast::<f32, f16>(&[1.0, 65520.0, 1.0 + 1.0 / 2048.0]), [f16::ONE, f16::INFINITY, f16::ONE]);
        assert_eq!(cast::<bf16, f64>(&[bf16::from_f32(0.1)]), [0.100_097_656_25]);
    }

    #[test]
    fn complex_numbers() {
        assert_eq!(cast::<f32, [f32; 2]>(&[2.5]), [[2.5, 0.0]]);
        assert_eq!(cast::<[f32; 2], i32>(&[[2.5, 7.0]]), [2]);
        assert_eq!(cast::<[f32; 2], bool>(&[[0.0, 7.0], [0.0, 0.0]]), [true, false]);
    }

    #[test]
    fn every_pair_of_dtypes_keeps_zero_and_one() {
        for from in DType::ALL {
            for to in DType::ALL {
                for value in [0.0, 1.0] {
                    assert_eq!(Array::scalar_of(from, value).cast(to).unwrap().item_f64().unwrap(), value);
                }
            }
        }
        let same = Array::scalar(3i8);
        assert!(same.cast(DType::I8).unwrap().shares_memory(&same));
        assert!(Array::from_slice(&[2], &[1u8, 2]).item_f64().is_err());
    }
}
