//! [`Arg`]: how each argument of a traced function is held and lent while its body is traced; [`Returned`]:
//! what a body may return.
//!
//! Held: data gets symbolic leaves, and the body sees that copy. Objects and static values hold nothing, and the
//! body sees the caller's.

use super::leaf::Leaves;
use super::tree::{Static, Tree, owned, visit_all};
use crate::nn::{Layer, Mode};
use crate::tensor::Tensor;
use crate::variable::Variable;
use tracelift_runtime::DType;

/// A parameter type of a traced function: a reference to a [`Tree`], data by value, or a static value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a #[function]",
    label = "no tree of tensors, variables and static values",
    note = "data: `#[derive(Tree)]`; a model: `#[derive(Layer)]` and pass `&model`; any `Hash + Eq + Clone` value: `tl::Static(value)`"
)]
pub trait Arg {
    /// What stands in for the argument while the body is traced.
    type Held;
    /// What the body gets.
    type Lent<'held>
    where
        Self: 'held;

    /// Shows every leaf.
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>);
    /// The stand-in: data with each tensor replaced.
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held;
    /// The stand-in, or the argument itself if nothing is held.
    fn lend<'held>(&'held self, held: &'held Self::Held) -> Self::Lent<'held>
    where
        Self: 'held;
}

/// A call's arguments together: a tuple of [`Arg`]s.
pub trait Args {
    /// What stands in for them.
    type Held;
    /// Shows every leaf, argument by argument.
    fn visit<'a>(&'a self, names: &'static [&'static str], leaves: &mut Leaves<'a>);
    /// The stand-ins.
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held;
}

impl<'a, T: Tree> Arg for &'a T {
    type Held = Option<T>;
    type Lent<'held>
        = &'held T
    where
        'a: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.set_object(self.is_object());
        Tree::visit(*self, leaves);
    }
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<T> {
        if self.is_object() { None } else { self.map_tensors(f) }
    }
    fn lend<'held>(&'held self, held: &'held Option<T>) -> &'held T
    where
        'a: 'held,
    {
        held.as_ref().unwrap_or(self)
    }
}

impl<'a, T: Tree> Arg for &'a [T] {
    type Held = Option<Vec<T>>;
    type Lent<'held>
        = &'held [T]
    where
        'a: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.set_object(self.iter().any(Tree::is_object));
        visit_all(self, leaves);
    }
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Vec<T>> {
        if self.iter().any(Tree::is_object) { None } else { self.iter().map(|tree| tree.map_tensors(f)).collect() }
    }
    fn lend<'held>(&'held self, held: &'held Option<Vec<T>>) -> &'held [T]
    where
        'a: 'held,
    {
        held.as_deref().unwrap_or(self)
    }
}

impl<'a> Arg for &'a dyn Layer {
    type Held = ();
    type Lent<'held>
        = &'held dyn Layer
    where
        'a: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.set_object(true);
        leaves.type_key((**self).type_key());
        (**self).visit(leaves);
    }
    fn hold(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) {}
    fn lend<'held>(&'held self, _: &'held ()) -> &'held dyn Layer
    where
        'a: 'held,
    {
        *self
    }
}

impl<'a> Arg for &'a str {
    type Held = ();
    type Lent<'held>
        = &'held str
    where
        'a: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.text(self);
    }
    fn hold(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) {}
    fn lend<'held>(&'held self, _: &'held ()) -> &'held str
    where
        'a: 'held,
    {
        self
    }
}

/// A variable by value is its handle.
impl Arg for Variable {
    type Held = ();
    type Lent<'held> = Variable;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.variable(self);
    }
    fn hold(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) {}
    fn lend<'held>(&'held self, _: &'held ()) -> Variable
    where
        Self: 'held,
    {
        self.clone()
    }
}

/// Data by value.
macro_rules! by_value {
    ($([$($generics:tt)*] $t:ty),* $(,)?) => {$(
        impl<$($generics)*> Arg for $t {
            type Held = Self;
            type Lent<'held> = Self where Self: 'held;

            fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
                leaves.set_object(false);
                Tree::visit(self, leaves);
            }
            fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self {
                owned(self, f)
            }
            fn lend<'held>(&'held self, held: &'held Self) -> Self where Self: 'held {
                owned(held, &mut Tensor::clone)
            }
        }
    )*};
}

by_value! {
    [] Tensor, [] bool, [] char, [] String, [] DType, [] Mode,
    [] i8, [] i16, [] i32, [] i64, [] isize, [] u8, [] u16, [] u32, [] u64, [] usize, [] f32, [] f64,
    [T: std::hash::Hash + Eq + Clone + Send + Sync + 'static] Static<T>,
    [K: AsRef<str> + Ord + Clone, T: Tree] std::collections::BTreeMap<K, T>,
}

impl<A: Arg> Arg for Option<A> {
    type Held = Option<A::Held>;
    type Lent<'held>
        = Option<A::Lent<'held>>
    where
        A: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.word(self.is_some() as u64);
        if let Some(arg) = self {
            arg.visit(leaves);
        }
    }
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held {
        self.as_ref().map(|arg| arg.hold(f))
    }
    fn lend<'held>(&'held self, held: &'held Self::Held) -> Self::Lent<'held>
    where
        A: 'held,
    {
        self.as_ref().zip(held.as_ref()).map(|(arg, held)| arg.lend(held))
    }
}

impl<A: Arg> Arg for Vec<A> {
    type Held = Vec<A::Held>;
    type Lent<'held>
        = Vec<A::Lent<'held>>
    where
        A: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        leaves.word(self.len() as u64);
        for (i, arg) in self.iter().enumerate() {
            leaves.enter_index(i);
            arg.visit(leaves);
            leaves.exit();
        }
    }
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held {
        self.iter().map(|arg| arg.hold(f)).collect()
    }
    fn lend<'held>(&'held self, held: &'held Self::Held) -> Self::Lent<'held>
    where
        A: 'held,
    {
        self.iter().zip(held).map(|(arg, held)| arg.lend(held)).collect()
    }
}

impl<A: Arg, const N: usize> Arg for [A; N] {
    type Held = [A::Held; N];
    type Lent<'held>
        = [A::Lent<'held>; N]
    where
        A: 'held;

    fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
        for (i, arg) in self.iter().enumerate() {
            leaves.enter_index(i);
            arg.visit(leaves);
            leaves.exit();
        }
    }
    fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held {
        self.each_ref().map(|arg| arg.hold(f))
    }
    fn lend<'held>(&'held self, held: &'held Self::Held) -> Self::Lent<'held>
    where
        A: 'held,
    {
        std::array::from_fn(|i| self[i].lend(&held[i]))
    }
}

impl Args for () {
    type Held = ();
    fn visit<'a>(&'a self, _: &'static [&'static str], _: &mut Leaves<'a>) {}
    fn hold(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) {}
}

macro_rules! tuples {
    ($(($($A:ident $i:tt),+))*) => {$(
        impl<$($A: Arg),+> Arg for ($($A,)+) {
            type Held = ($($A::Held,)+);
            type Lent<'held> = ($($A::Lent<'held>,)+) where Self: 'held;

            fn visit<'b>(&'b self, leaves: &mut Leaves<'b>) {
                $(leaves.enter_index($i); self.$i.visit(leaves); leaves.exit();)+
            }
            fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held {
                ($(self.$i.hold(f),)+)
            }
            fn lend<'held>(&'held self, held: &'held Self::Held) -> Self::Lent<'held> where Self: 'held {
                ($(self.$i.lend(&held.$i),)+)
            }
        }
    )*};
}

tuples! { (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5) }

macro_rules! arguments {
    ($(($($A:ident $i:tt),+))*) => {$(
        impl<$($A: Arg),+> Args for ($($A,)+) {
            type Held = ($($A::Held,)+);

            fn visit<'a>(&'a self, names: &'static [&'static str], leaves: &mut Leaves<'a>) {
                $(leaves.enter(names[$i]); self.$i.visit(leaves); leaves.exit(); leaves.end_argument();)+
            }
            fn hold(&self, f: &mut dyn FnMut(&Tensor) -> Tensor) -> Self::Held {
                ($(self.$i.hold(f),)+)
            }
        }
    )*};
}

arguments! {
    (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8) (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11)
}

/// What a traced function may return: data (`Tree`, owned), or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "a #[function] cannot return `{Self}`",
    label = "no tree of tensors and static values",
    note = "return tensors, tuples, Vec, Option, a struct with `#[derive(Tree)]`, or a `Result` of these"
)]
pub trait Returned: Sized {
    /// What stays when the call succeeds.
    type Value: Tree + Send + Sync + 'static;

    /// The value, or the failure to hand to the caller as it is.
    fn into_value(self) -> Result<Self::Value, Self>;
    /// The success with this value.
    fn from_value(value: Self::Value) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Tree + Send + Sync + 'static> Returned for T {
    type Value = T;
    fn into_value(self) -> Result<T, T> {
        Ok(self)
    }
    fn from_value(value: T) -> T {
        value
    }
}

impl<T: Tree + Send + Sync + 'static, E> Returned for Result<T, E> {
    type Value = T;
    fn into_value(self) -> Result<T, Self> {
        self.map_err(Err)
    }
    fn from_value(value: T) -> Self {
        Ok(value)
    }
}
