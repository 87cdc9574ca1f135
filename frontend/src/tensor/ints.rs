//! [`IntoInts`]: axes and sizes as Rust writes them.

use super::Shape;
use tracelift_compiler::Dim;

/// One integer or several: `0`, `[0, -1]`, `&[2, 3]`, `vec![4]`, `x.shape()`. Used for axes and sizes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer or a list of integers",
    label = "expected axes or sizes: `0`, `[0, -1]`, `&[2, 3]`"
)]
pub trait IntoInts {
    #[doc(hidden)]
    fn ints(&self) -> Vec<i64>;

    /// Whether it was written as one integer, not as a list.
    #[doc(hidden)]
    fn is_one(&self) -> bool {
        false
    }

    #[doc(hidden)]
    fn dims(&self) -> Vec<Dim> {
        self.ints().into_iter().map(Dim::from).collect()
    }
}

/// An integer type. What exceeds `i64` becomes its largest value, which no axis or size can be.
#[doc(hidden)]
pub trait Int: Copy {
    fn wide(self) -> i64;
}

macro_rules! int {
    ($($t:ty),*) => {$(
        impl Int for $t {
            fn wide(self) -> i64 {
                i64::try_from(self).unwrap_or(i64::MAX)
            }
        }
        impl IntoInts for $t {
            fn ints(&self) -> Vec<i64> {
                vec![self.wide()]
            }
            fn is_one(&self) -> bool {
                true
            }
        }
    )*};
}

int!(i32, i64, isize, u32, u64, usize);

impl<T: Int> IntoInts for [T] {
    fn ints(&self) -> Vec<i64> {
        self.iter().map(|v| v.wide()).collect()
    }
}

impl<T: Int, const N: usize> IntoInts for [T; N] {
    fn ints(&self) -> Vec<i64> {
        self.as_slice().ints()
    }
}

impl<T: Int> IntoInts for Vec<T> {
    fn ints(&self) -> Vec<i64> {
        self.as_slice().ints()
    }
}

impl IntoInts for Shape {
    fn ints(&self) -> Vec<i64> {
        (**self).ints()
    }
}

/// No axes; the shape of rank 0.
impl IntoInts for () {
    fn ints(&self) -> Vec<i64> {
        Vec::new()
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoInts + ?Sized> IntoInts for &T {
    fn ints(&self) -> Vec<i64> {
        (**self).ints()
    }
    fn is_one(&self) -> bool {
        (**self).is_one()
    }
}
