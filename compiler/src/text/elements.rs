//! Elements of constant tensors, and floats, as text that reads back bit for bit.
//!
//! Floats are written with the fewest digits that read back as the same number of their type, always with a point or
//! an exponent; a NaN that is not the type's usual one shows its bits: `nan(0x7fc00001)`. Up to [`LISTED`] elements
//! are listed: `f32[2](1.0, nan)`. More are their bytes in hexadecimal, each element little-endian:
//! `f32[100] hex "0000803f…"`. A reader takes both forms for any number of elements.

use super::{Number, Reader, TokenKind, Writer};
use crate::base::{DType, Result, TensorSpec, with_element};
use half::{bf16, f16};
use tracelift_runtime::Array;
use tracelift_runtime::array::Element;

/// How many elements are listed at most.
pub const LISTED: usize = 64;

/// Appends `spec(…)` or `spec hex "…"`.
pub fn write(w: &mut Writer, array: &Array) {
    w.put(TensorSpec::new(array.dtype(), array.shape().iter().copied()));
    if array.len() <= LISTED {
        w.put("(");
        with_element!(array.dtype(), T => w.list(array.as_slice::<T>(), |w, v| v.write(w)));
        w.put(")");
    } else {
        let mut hex = String::with_capacity(array.len() * array.dtype().size() * 2);
        let mut push = |bytes: &[u8]| bytes.iter().for_each(|b| push_hex(&mut hex, *b));
        with_element!(array.dtype(), T => array.as_slice::<T>().iter().for_each(|v| v.with_bytes(&mut push)));
        w.put(format_args!(" hex \"{hex}\""));
    }
}

/// Reads what [`write()`] writes after the spec, for elements of this dtype and shape.
pub fn read(r: &mut Reader<'_>, dtype: DType, shape: &[usize]) -> Result<Array> {
    let at = r.peek().at;
    with_element!(dtype, T => {
        let elements: Vec<T> = if r.eat("hex") {
            let text = r.string()?;
            hex_elements(&text).ok_or_else(|| r.error_at(at, format_args!("not the bytes of {dtype} elements")))?
        } else {
            r.expect("(")?;
            r.list(")", T::read)?
        };
        if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(elements.len()) {
            let what = format!("{dtype}{shape:?} does not have {} elements", elements.len());
            return Err(r.error_at(at, what));
        }
        // A length of 0 can hide others whose size in bytes overflows.
        let mut array = Array::zeros(dtype, shape).map_err(|e| r.error_at(at, e))?;
        array.as_mut_slice::<T>().copy_from_slice(&elements);
        Ok(array)
    })
}

/// Reads the name of a dtype.
pub fn read_dtype(r: &mut Reader<'_>) -> Result<DType> {
    let token = r.expect_kind(TokenKind::Ident, "a dtype")?;
    DType::from_name(token.text).ok_or_else(|| r.error_at(token.at, format_args!("no dtype `{}`", token.text)))
}

/// Appends one element, given as its bits, zero-extended.
pub fn write_bits(w: &mut Writer, bits: u64, dtype: DType) {
    let bytes = bits.to_le_bytes();
    with_element!(dtype, T => match T::from_bytes(&bytes[..dtype.size()]) {
        Some(element) => element.write(w),
        None => w.put(format_args!("{bits:#x}")),
    });
}

/// Reads what [`write_bits`] writes.
pub fn read_bits(r: &mut Reader<'_>, dtype: DType) -> Result<u64> {
    let mut bits = [0; 8];
    with_element!(dtype, T => T::read(r)?.with_bytes(&mut |bytes| bits[..bytes.len()].copy_from_slice(bytes)));
    Ok(u64::from_le_bytes(bits))
}

/// Appends a float.
pub fn write_f64(w: &mut Writer, value: f64) {
    value.write(w);
}

/// The float that the number at byte `at` stands for.
pub fn to_f64(r: &Reader<'_>, at: usize, number: &Number<'_>) -> Result<f64> {
    f64::from_number(number).ok_or_else(|| r.error_at(at, "not a number of type f64"))
}

type Complex64 = [f32; 2];

/// An element as text.
trait ElementText: Element {
    fn write(&self, w: &mut Writer);
    fn read(r: &mut Reader<'_>) -> Result<Self>;
    /// Shows its bytes, little-endian.
    fn with_bytes(&self, see: &mut dyn FnMut(&[u8]));
    /// None if the bytes are not a valid element.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A float as text.
trait FloatText: ElementText {
    fn from_number(number: &Number<'_>) -> Option<Self>;
}

macro_rules! bytes {
    ($t:ty) => {
        fn with_bytes(&self, see: &mut dyn FnMut(&[u8])) {
            see(&self.to_le_bytes());
        }
        fn from_bytes(bytes: &[u8]) -> Option<Self> {
            Some(<$t>::from_le_bytes(bytes.try_into().ok()?))
        }
    };
}

macro_rules! ints {
    ($($t:ty)*) => {$(
        impl ElementText for $t {
            fn write(&self, w: &mut Writer) {
                w.put(self);
            }
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                r.int()
            }
            bytes!($t);
        }
    )*};
}

ints!(i8 i16 i32 i64 u8 u16 u32 u64);

macro_rules! floats {
    ($($t:ident $bits:ty, $parsed:ty, $convert:expr;)*) => {$(
        impl ElementText for $t {
            fn write(&self, w: &mut Writer) {
                match self.to_bits() {
                    _ if !self.is_nan() => w.put(format_args!("{:?}", <$parsed>::from(*self))),
                    bits if bits == $t::NAN.to_bits() => w.put("nan"),
                    bits => w.put(format_args!("nan(0x{bits:x})")),
                }
            }
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                let at = r.peek().at;
                let number = r.number()?;
                let wrong = || r.error_at(at, concat!("not a number of type ", stringify!($t)));
                Self::from_number(&number).ok_or_else(wrong)
            }
            bytes!($t);
        }
        impl FloatText for $t {
            fn from_number(number: &Number<'_>) -> Option<Self> {
                match number.nan_bits {
                    Some(bits) => Some($t::from_bits(<$bits>::try_from(bits).ok()?)).filter(|v| v.is_nan()),
                    None if number.text == "nan" => Some($t::NAN),
                    None => number.signed().parse::<$parsed>().ok().map($convert),
                }
            }
        }
    )*};
}

floats! {
    f32 u32, f32, |v| v;
    f64 u64, f64, |v| v;
    f16 u16, f32, f16::from_f32;
    bf16 u16, f32, bf16::from_f32;
}

impl ElementText for bool {
    fn write(&self, w: &mut Writer) {
        w.put(self);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        match () {
            _ if r.eat("true") => Ok(true),
            _ if r.eat("false") => Ok(false),
            _ => Err(r.expected("`true` or `false`")),
        }
    }
    fn with_bytes(&self, see: &mut dyn FnMut(&[u8])) {
        see(&[u8::from(*self)]);
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl ElementText for Complex64 {
    fn write(&self, w: &mut Writer) {
        w.put("(");
        w.list(self, |w, part| part.write(w));
        w.put(")");
    }
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.expect("(")?;
        let real = f32::read(r)?;
        r.expect(",")?;
        let imaginary = f32::read(r)?;
        r.expect(")")?;
        Ok([real, imaginary])
    }
    fn with_bytes(&self, see: &mut dyn FnMut(&[u8])) {
        see(&[self[0].to_le_bytes(), self[1].to_le_bytes()].concat());
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (real, imaginary) = bytes.split_at_checked(4)?;
        Some([f32::from_bytes(real)?, f32::from_bytes(imaginary)?])
    }
}

fn hex_elements<T: ElementText>(text: &str) -> Option<Vec<T>> {
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
    let byte = |pair: &[u8]| Some((digit(pair[0])? << 4) | digit(*pair.get(1)?)?);
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes?.chunks(T::DTYPE.size()).map(T::from_bytes).collect()
}

fn push_hex(out: &mut String, byte: u8) {
    out.extend([byte >> 4, byte & 15].map(|d| char::from_digit(d.into(), 16).unwrap_or('0')));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(array: &Array) -> String {
        let mut w = Writer::new();
        write(&mut w, array);
        let text = w.finish();
        let start = text.find(']').unwrap() + 1;
        let read = read(&mut Reader::new(&text[start..]), array.dtype(), array.shape()).unwrap();
        let mut again = Writer::new();
        write(&mut again, &read);
        assert_eq!(text, again.finish());
        text
    }

    #[test]
    fn every_bit_pattern_of_the_small_floats() {
        for begin in (0..=u16::MAX).step_by(64) {
            let bits: Vec<u16> = (begin..=begin + 63).collect();
            let half: Vec<f16> = bits.iter().map(|&b| f16::from_bits(b)).collect();
            let array = Array::from_slice(&[64], &half);
            let text = round_trip(&array);
            let back = read(&mut Reader::new(&text[7..]), DType::F16, &[64]).unwrap();
            let back: Vec<u16> = back.as_slice::<f16>().iter().map(|v| v.to_bits()).collect();
            assert_eq!(back, bits);
        }
    }

    #[test]
    fn lists_and_hex() {
        let text =
            round_trip(&Array::from_slice(&[5], &[0.1f32, -0.0, f32::INFINITY, f32::NAN, f32::from_bits(0x7fc00001)]));
        assert_eq!(text, "f32[5](0.1, -0.0, inf, nan, nan(0x7fc00001))");
        assert_eq!(round_trip(&Array::from_slice(&[2], &[true, false])), "bool[2](true, false)");
        assert_eq!(round_trip(&Array::from_slice(&[1], &[[1.0f32, 2.5]])), "complex64[1]((1.0, 2.5))");
        let long: Vec<u16> = (0..65).collect();
        assert!(round_trip(&Array::from_slice(&[65], &long)).starts_with("u16[65] hex \"000001000200"));
    }

    #[test]
    fn nonsense_is_an_error() {
        let read = |text: &str, dtype, shape: &[usize]| read(&mut Reader::new(text), dtype, shape).is_err();
        assert!(read("(1.0)", DType::F32, &[2]));
        assert!(read("(300)", DType::U8, &[1]));
        assert!(read("hex \"02\"", DType::Bool, &[1]));
        assert!(read("hex \"0\"", DType::U8, &[1]));
        assert!(read("hex \"001122\"", DType::F16, &[1]));
        assert!(read("(nan(0x1))", DType::F32, &[1]));
        assert!(read("()", DType::F32, &[usize::MAX, 8, 0]));
    }
}
