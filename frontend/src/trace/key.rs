//! [`TypeKey`]: which type something has, whatever it borrows; [`CallableKey`]: which function a value is. Both are
//! parts of signatures: traced code is that of one type and one function.

use super::tree::{Leaves, Tree};
use crate::tensor::Tensor;
use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// The identity of a type up to lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeKey(TypeId);

impl TypeKey {
    /// The key of `T`.
    pub fn of<T: ?Sized>() -> TypeKey {
        /// [`TypeId::of`] for a type that need not be `'static` until it is asked.
        trait Identity {
            fn id(&self) -> TypeId
            where
                Self: 'static;
        }
        impl<T: ?Sized> Identity for PhantomData<T> {
            fn id(&self) -> TypeId
            where
                Self: 'static,
            {
                TypeId::of::<T>()
            }
        }
        let phantom = PhantomData::<T>;
        let borrowed: &dyn Identity = &phantom;
        // SAFETY: a `PhantomData` holds no data of `T`, and `id` looks at none: nothing outlives what it borrows. Types
        // that differ in lifetimes alone have one `TypeId` and, traits being blind to lifetimes too, one body.
        let owned = unsafe { std::mem::transmute::<&dyn Identity, &(dyn Identity + 'static)>(borrowed) };
        TypeKey(owned.id())
    }

    /// The key of a value's type: of a function item or a closure, with all generic parameters in scope there.
    pub fn of_val<T: ?Sized>(_: &T) -> TypeKey {
        TypeKey::of::<T>()
    }
}

/// What makes two functions that a value holds the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CallableKey {
    /// A function item, or a closure that captures nothing.
    Type(TypeKey),
    /// A closure with captures, or a function pointer: itself alone.
    Instance(u64),
}

impl CallableKey {
    /// The key of a new value of this type.
    pub(crate) fn new<F>() -> CallableKey {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        match size_of::<F>() {
            0 => CallableKey::Type(TypeKey::of::<F>()),
            _ => CallableKey::Instance(NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Tree for CallableKey {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        match self {
            CallableKey::Type(key) => {
                leaves.word(0);
                leaves.type_key(*key);
            }
            CallableKey::Instance(number) => {
                leaves.word(1);
                leaves.word(*number);
            }
        }
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        Some(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_borrowed<'a>(x: &'a str) -> [TypeKey; 2] {
        [TypeKey::of_val(&x), TypeKey::of::<Option<&'a str>>()]
    }

    #[test]
    fn types_differ_lifetimes_do_not() {
        let text = String::from("x");
        assert_eq!(of_borrowed(&text), of_borrowed("static"));
        assert_eq!(of_borrowed(&text)[0], TypeKey::of::<&'static str>());
        let [a, b] = of_borrowed(&text);
        assert_ne!(a, b);
        let (one, two) = (|| (), || ());
        assert_ne!(TypeKey::of_val(&one), TypeKey::of_val(&two));
        assert_ne!(TypeKey::of::<dyn Send>(), TypeKey::of::<dyn Sync>());
        assert_ne!(CallableKey::new::<fn()>(), CallableKey::new::<fn()>());
    }
}
