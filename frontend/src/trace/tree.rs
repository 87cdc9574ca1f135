//! [`Tree`]: values with tensors at their leaves, which traced functions take and return.
//!
//! Two kinds. *Data* (tensors, tuples, `derive(Tree)`) is rebuilt with symbolic leaves while tracing. *Objects*
//! (variables, `derive(Layer)`, optimizers) are lent as they are; their variables bind by position, and a tensor
//! inside one is an input too. A container of objects is an object.

use super::key::TypeKey;
pub use super::leaf::Leaves;
use crate::tensor::Tensor;
use crate::variable::Variable;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, OnceLock};
use tracelift_runtime::DType;

/// A value with tensors, variables and static values at its leaves.
///
/// Derive it: `#[derive(Tree)]` for data, `#[derive(Layer)]` for models. Static leaves (numbers, `bool`, strings,
/// dtypes, fieldless enums) are part of a trace's signature: another value is another trace.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no tree of tensors, variables and static values",
    label = "a #[function] cannot look inside this type",
    note = "data: `#[derive(Tree)]`; a model: `#[derive(Layer)]`; any `Hash + Eq + Clone` value: `tl::Static(value)`, or `#[tree(static)]` on the field; a field to ignore: `#[layer(skip)]`"
)]
pub trait Tree {
    /// Shows every leaf, always in the same order.
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>);

    /// A copy with each tensor replaced, in the order of [`visit`](Self::visit); `None` for objects, which are not
    /// copied.
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self>
    where
        Self: Sized;

    /// Whether this is lent instead of rebuilt.
    fn is_object(&self) -> bool {
        false
    }

    /// The type behind a trait object: another type is another trace. Not to be overridden.
    #[doc(hidden)]
    fn type_key(&self) -> TypeKey {
        TypeKey::of::<Self>()
    }
}

/// A copy of data with each tensor replaced. Panics on an object, which only a reference can pass.
#[doc(hidden)]
pub fn owned<T: Tree>(tree: &T, f: &mut dyn FnMut(&Tensor) -> Tensor) -> T {
    tree.map_tensors(f).unwrap_or_else(|| {
        panic!("a tree that holds variables or layers is passed by reference to a #[function], not by value")
    })
}

/// Any `Hash + Eq + Clone` value as a static argument of a traced function.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// #[function]
/// fn scale(x: &Tensor, by: tl::Static<(u8, char)>) -> Tensor { x * by.0.0 }
///
/// scale(&constant(1.0), tl::Static((2, 'a')));
/// scale(&constant(1.0), tl::Static((2, 'b')));
/// assert_eq!(scale::trace_count(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Static<T>(pub T);

impl<T> std::ops::Deref for Static<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Tree for Tensor {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.tensor(self);
    }
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(f(self))
    }
}

impl Tree for Variable {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.variable(self);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}

impl<T: Hash + Eq + Clone + Send + Sync + 'static> Tree for Static<T> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.static_value(&self.0);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(self.clone())
    }
}

/// Static leaves that fit a word.
macro_rules! words {
    ($($t:ty => |$v:ident| $word:expr),* $(,)?) => {$(
        impl Tree for $t {
            fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
                let $v = *self;
                leaves.word($word);
            }
            fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
                Some(*self)
            }
        }
    )*};
}

words! {
    bool => |v| v as u64, char => |v| v as u64,
    i8 => |v| v as u64, i16 => |v| v as u64, i32 => |v| v as u64, i64 => |v| v as u64, isize => |v| v as u64,
    u8 => |v| v as u64, u16 => |v| v as u64, u32 => |v| v as u64, u64 => |v| v, usize => |v| v as u64,
    f32 => |v| v.to_bits() as u64, f64 => |v| v.to_bits(),
    DType => |v| v as u64, crate::nn::Mode => |v| v as u64,
}

impl Tree for () {
    fn visit<'a>(&'a self, _: &mut Leaves<'a>) {}
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(())
    }
}

impl Tree for String {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.text(self);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(self.clone())
    }
}

impl Tree for &'static str {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.text(self);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(self)
    }
}

impl<T: Tree> Tree for Option<T> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.word(self.is_some() as u64);
        if let Some(tree) = self {
            tree.visit(leaves);
        }
    }
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        match self {
            None => Some(None),
            Some(tree) => tree.map_tensors(f).map(Some),
        }
    }
    fn is_object(&self) -> bool {
        self.as_ref().is_some_and(Tree::is_object)
    }
}

/// Visits the elements of a sequence, each under its index.
pub(crate) fn visit_all<'a, T: Tree>(trees: &'a [T], leaves: &mut Leaves<'a>) {
    leaves.word(trees.len() as u64);
    for (i, tree) in trees.iter().enumerate() {
        leaves.enter_index(i);
        tree.visit(leaves);
        leaves.exit();
    }
}

impl<T: Tree> Tree for Vec<T> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        visit_all(self, leaves);
    }
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        self.iter().map(|tree| tree.map_tensors(f)).collect()
    }
    fn is_object(&self) -> bool {
        self.iter().any(Tree::is_object)
    }
}

impl<T: Tree, const N: usize> Tree for [T; N] {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        visit_all(self, leaves);
    }
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        let all: Option<Vec<T>> = self.iter().map(|tree| tree.map_tensors(f)).collect();
        all?.try_into().ok()
    }
    fn is_object(&self) -> bool {
        self.iter().any(Tree::is_object)
    }
}

/// A boxed trait object cannot be rebuilt, so what is behind a pointer is lent.
macro_rules! pointers {
    ($($pointer:ident)*) => {$(
        impl<T: Tree + ?Sized> Tree for $pointer<T> {
            fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
                leaves.type_key((**self).type_key());
                (**self).visit(leaves);
            }
            fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
                None
            }
            fn is_object(&self) -> bool {
                true
            }
        }
    )*};
}

pointers!(Box Arc);

/// A part made on first use; until then it has no leaves.
impl<T: Tree> Tree for OnceLock<T> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        let made = self.get();
        leaves.word(made.is_some() as u64);
        if let Some(tree) = made {
            tree.visit(leaves);
        }
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}

impl<K: AsRef<str> + Ord + Clone, T: Tree> Tree for BTreeMap<K, T> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.word(self.len() as u64);
        for (key, tree) in self {
            leaves.text(key.as_ref());
            leaves.enter(key.as_ref());
            tree.visit(leaves);
            leaves.exit();
        }
    }
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        self.iter().map(|(key, tree)| Some((key.clone(), tree.map_tensors(f)?))).collect()
    }
    fn is_object(&self) -> bool {
        self.values().any(Tree::is_object)
    }
}

/// Visited in the order of the keys, whatever the hasher does.
impl<K: AsRef<str> + Ord + Hash + Clone, T: Tree, S: BuildHasher + Default> Tree for HashMap<K, T, S> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.word(self.len() as u64);
        for (key, tree) in sorted(self) {
            leaves.text(key.as_ref());
            leaves.enter(key.as_ref());
            tree.visit(leaves);
            leaves.exit();
        }
    }
    fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        sorted(self).into_iter().map(|(key, tree)| Some((key.clone(), tree.map_tensors(f)?))).collect()
    }
    fn is_object(&self) -> bool {
        self.values().any(Tree::is_object)
    }
}

fn sorted<K: Ord, T, S>(map: &HashMap<K, T, S>) -> Vec<(&K, &T)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    entries
}

macro_rules! tuples {
    ($(($($T:ident $i:tt),+))*) => {$(
        impl<$($T: Tree),+> Tree for ($($T,)+) {
            fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
                $(leaves.enter_index($i); self.$i.visit(leaves); leaves.exit();)+
            }
            fn map_tensors(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
                Some(($(self.$i.map_tensors(f)?,)+))
            }
            fn is_object(&self) -> bool {
                false $(|| self.$i.is_object())+
            }
        }
    )*};
}

tuples! {
    (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5) (A 0, B 1, C 2, D 3, E 4, F 5, G 6) (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
