//! [`Scalar`]: a Rust number on its way into a tensor.
//!
//! Numbers are weak: they take the dtype of the tensor they meet. A float is rounded once; an integer must be
//! representable exactly; a float never becomes an integer, nor a number a bool.

use crate::error::{Error, Kind, Result};
use half::{bf16, f16};
use tracelift_runtime::{Array, DType};

/// A Rust number or truth value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// Any integer type's value.
    Int(i128),
    /// Any float type's value.
    Float(f64),
}

impl Scalar {
    /// What it becomes where no tensor says otherwise: bool, i32, f32.
    pub fn default_dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I32,
            Scalar::Float(_) => DType::F32,
        }
    }

    /// As a float; bools are 0 and 1.
    pub fn as_f64(self) -> f64 {
        match self {
            Scalar::Bool(v) => f64::from(u8::from(v)),
            Scalar::Int(v) => v as f64,
            Scalar::Float(v) => v,
        }
    }

    /// The rank-0 array of `dtype`, or why there is none.
    pub fn to_array(self, dtype: DType) -> Result<Array> {
        self.encode(dtype).ok_or_else(|| self.misfit(dtype))
    }

    /// The first element of an array. An error of a complex one: no number here has an imaginary part.
    pub(crate) fn first_of(array: &Array) -> Result<Scalar> {
        Ok(match array.dtype() {
            DType::F32 => Scalar::Float(array.as_slice::<f32>()[0].into()),
            DType::F64 => Scalar::Float(array.as_slice::<f64>()[0]),
            DType::F16 => Scalar::Float(array.as_slice::<f16>()[0].into()),
            DType::BF16 => Scalar::Float(array.as_slice::<bf16>()[0].into()),
            DType::I8 => Scalar::Int(array.as_slice::<i8>()[0].into()),
            DType::I16 => Scalar::Int(array.as_slice::<i16>()[0].into()),
            DType::I32 => Scalar::Int(array.as_slice::<i32>()[0].into()),
            DType::I64 => Scalar::Int(array.as_slice::<i64>()[0].into()),
            DType::U8 => Scalar::Int(array.as_slice::<u8>()[0].into()),
            DType::U16 => Scalar::Int(array.as_slice::<u16>()[0].into()),
            DType::U32 => Scalar::Int(array.as_slice::<u32>()[0].into()),
            DType::U64 => Scalar::Int(array.as_slice::<u64>()[0].into()),
            DType::Bool => Scalar::Bool(array.as_slice::<bool>()[0]),
            DType::Complex64 => {
                let error = Error::new(Kind::DType, format!("the complex number {array} is no real number"));
                return Err(
                    error.hint("take `tl::real(&x)`, `tl::imag(&x)` or `x.abs()`, or look at `x.to_vec::<[f32; 2]>()`")
                );
            }
        })
    }

    fn encode(self, dtype: DType) -> Option<Array> {
        /// An integer type's value, if it fits.
        macro_rules! int {
            ($t:ty, $v:expr) => {
                <$t>::try_from($v).ok().map(|v| Array::from_slice(&[], &[v]))
            };
        }
        match (self, dtype) {
            (Scalar::Bool(v), DType::Bool) => Some(Array::from_slice(&[], &[v])),
            (Scalar::Int(v), DType::I8) => int!(i8, v),
            (Scalar::Int(v), DType::I16) => int!(i16, v),
            (Scalar::Int(v), DType::I32) => int!(i32, v),
            (Scalar::Int(v), DType::I64) => int!(i64, v),
            (Scalar::Int(v), DType::U8) => int!(u8, v),
            (Scalar::Int(v), DType::U16) => int!(u16, v),
            (Scalar::Int(v), DType::U32) => int!(u32, v),
            (Scalar::Int(v), DType::U64) => int!(u64, v),
            (Scalar::Int(v), _) => {
                let array = Scalar::Float(v as f64).encode(dtype)?;
                (v as f64 as i128 == v && array.element_f64(0) == v as f64).then_some(array)
            }
            (Scalar::Float(v), DType::F32) => Some(Array::from_slice(&[], &[v as f32])),
            (Scalar::Float(v), DType::F64) => Some(Array::from_slice(&[], &[v])),
            (Scalar::Float(v), DType::F16) => Some(Array::from_slice(&[], &[f16::from_f64(v)])),
            (Scalar::Float(v), DType::BF16) => Some(Array::from_slice(&[], &[bf16::from_f64(v)])),
            (Scalar::Float(v), DType::Complex64) => Some(Array::from_slice(&[], &[[v as f32, 0.0]])),
            _ => None,
        }
    }

    #[cold]
    fn misfit(self, dtype: DType) -> Error {
        let (value, what) = match self {
            Scalar::Bool(v) => (v.to_string(), "truth value"),
            Scalar::Int(v) => (v.to_string(), "integer"),
            Scalar::Float(v) => (format!("{v:?}"), "float"),
        };
        let error = Error::new(Kind::DType, format!("the {what} {value} does not fit a tensor of {dtype}"));
        match self {
            Scalar::Float(_) if dtype.is_int() => {
                error.hint("convert the tensor with `.cast(DType::F32)`, or write an integer")
            }
            Scalar::Int(v) if dtype.is_float() => error.hint(format!("write `{v}.0` to round it")),
            _ => error.hint("convert the tensor with `.cast(..)`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_or_say_why_not() {
        assert_eq!(Scalar::Int(255).to_array(DType::U8).unwrap().as_slice::<u8>(), [255]);
        assert_eq!(Scalar::Int(3).to_array(DType::F16).unwrap().as_slice::<f16>()[0].to_f32(), 3.0);
        assert!(Scalar::Int(i64::MAX as i128).to_array(DType::F64).is_err());
        for (scalar, dtype, text) in [
            (Scalar::Int(256), DType::U8, "the integer 256 does not fit a tensor of u8"),
            (Scalar::Int(16_777_217), DType::F32, "the integer 16777217 does not fit a tensor of f32"),
            (Scalar::Float(1.0), DType::I32, "the float 1.0 does not fit a tensor of i32"),
            (Scalar::Bool(true), DType::F32, "the truth value true does not fit a tensor of f32"),
            (Scalar::Int(1), DType::Bool, "the integer 1 does not fit a tensor of bool"),
        ] {
            let error = scalar.to_array(dtype).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
