//! Printing tensors and variables: as their arrays print, which is as NumPy does.

use super::Tensor;
use crate::Variable;
use std::fmt;

/// The elements, as NumPy prints them, in `{:.2}` with two decimals; a symbolic tensor shows its dtype and shape.
///
/// ```
/// # use tracelift as tl;
/// assert_eq!(tl::constant([[1.0, 2.5], [10.0, -3.0]]).to_string(), "[[ 1.   2.5]\n [10.  -3. ]]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.array() {
            Some(array) => fmt::Display::fmt(array, f),
            None => write!(f, "<symbolic {}>", self.spec()),
        }
    }
}

/// Dtype and shape, then the elements.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}, ", self.spec())?;
        match self.array() {
            Some(array) => fmt::Display::fmt(array, f)?,
            None => f.write_str("symbolic")?,
        }
        f.write_str(")")
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.peek(), f)
    }
}

#[cfg(test)]
mod tests {
    use crate::tensor::{Tensor, constant};

    #[test]
    fn numbers_print_as_numpy_prints_them() {
        for (tensor, text) in [
            (constant(1.5), "1.5"),
            (constant(3.0), "3.0"),
            (constant([1, 20, 3]), "[ 1 20  3]"),
            (constant([0.1, 0.25, 3.0]), "[0.1  0.25 3.  ]"),
            (constant([0.01, 100.0]), "[1.e-02 1.e+02]"),
            (constant([f32::NAN, f32::INFINITY, 1.0]), "[nan inf  1.]"),
            (constant(Vec::<f32>::new()), "[]"),
            (Tensor::from([0.1f64, 1.0 / 3.0]), "[0.1        0.33333333]"),
        ] {
            assert_eq!(tensor.to_string(), text);
        }
        assert_eq!(format!("{:.2}", constant([1.0, 2.345])), "[1.00 2.35]");
        assert_eq!(format!("{:?}", constant([1, 2])), "Tensor(i32[2], [1 2])");
        assert_eq!(format!("{:.1?}", constant([1.0, 2.25])), "Tensor(f32[2], [1.0 2.2])");
    }

    #[test]
    fn an_empty_tensor_prints_at_once_whatever_its_other_lengths() {
        let x = crate::zeros([1i64 << 40, 0]);
        assert_eq!(x.to_string(), "[]");
        assert_eq!(format!("{x:?}"), "Tensor(f32[1099511627776, 0], [])");
    }
}
