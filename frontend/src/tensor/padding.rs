//! [`IntoPadding`]: what is put around a tensor before windows are laid over it.

use tracelift_compiler::graph::AttrValue;

/// `"SAME"`, `"VALID"`, over one axis `"CAUSAL"`, or `[before, after]` for each axis: `[[1, 1], [0, 2]]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a padding",
    label = "expected \"SAME\", \"VALID\", or [before, after] for each axis: `[[1, 1], [0, 2]]`"
)]
pub trait IntoPadding {
    #[doc(hidden)]
    fn padding(&self) -> AttrValue;
}

impl IntoPadding for str {
    fn padding(&self) -> AttrValue {
        self.into()
    }
}

impl IntoPadding for String {
    fn padding(&self) -> AttrValue {
        self.as_str().into()
    }
}

impl IntoPadding for [[i64; 2]] {
    fn padding(&self) -> AttrValue {
        self.concat().into()
    }
}

impl<const N: usize> IntoPadding for [[i64; 2]; N] {
    fn padding(&self) -> AttrValue {
        self.as_slice().padding()
    }
}

impl IntoPadding for Vec<[i64; 2]> {
    fn padding(&self) -> AttrValue {
        self.as_slice().padding()
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoPadding + ?Sized> IntoPadding for &T {
    fn padding(&self) -> AttrValue {
        (**self).padding()
    }
}
