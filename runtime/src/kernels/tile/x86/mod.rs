//! The vectors of x86-64: what AVX2 and AVX-512 share.
//!
//! Values of the vector types exist only inside routines that are compiled for the instruction set, and those run
//! only where [`Level::is_available`](super::Level::is_available) holds; all `unsafe` blocks around intrinsics
//! rest on that.

pub(super) mod avx2;
pub(super) mod avx512;

/// Defines a vector of floats: operators, and the part of [`Lanes`](super::lanes::Lanes) that is one intrinsic.
macro_rules! float_vector {
    (
        $(#[$doc:meta])* $name:ident($raw:ty): $lanes:literal of $elem:ty, mask $mask:ty, rounder $rounder:expr;
        $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $fmadd:ident $fnmadd:ident $min:ident $max:ident
        $set1:ident $and:ident $andnot:ident $xor:ident $loadu:ident $storeu:ident;
        $($rest:tt)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::kernels::tile) struct $name($raw);

        $crate::kernels::tile::x86::operator!($name Add add $add);
        $crate::kernels::tile::x86::operator!($name Sub sub $sub);
        $crate::kernels::tile::x86::operator!($name Mul mul $mul);
        $crate::kernels::tile::x86::operator!($name Div div $div);

        impl std::ops::Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                // SAFETY: the CPU has the instructions (see the module).
                unsafe { Self($xor(self.0, $set1(-0.0))) }
            }
        }

        // SAFETY of the blocks below: the CPU has the instructions (see the module).
        impl Lanes for $name {
            const LANES: usize = $lanes;
            const ROUNDER: f64 = $rounder;
            type Mask = $mask;

            #[inline(always)]
            fn splat(x: f64) -> Self {
                unsafe { Self($set1(x as $elem)) }
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                unsafe { Self($fmadd(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                unsafe { Self($fnmadd(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                unsafe { Self($sqrt(self.0)) }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                unsafe { Self($andnot($set1(-0.0), self.0)) }
            }
            #[inline(always)]
            fn mul_sign(self, sign: Self) -> Self {
                unsafe { Self($xor(self.0, $and($set1(-0.0), sign.0))) }
            }
            // The instruction gives its second operand if one is NaN.
            #[inline(always)]
            fn at_most(self, limit: Self) -> Self {
                unsafe { Self($min(limit.0, self.0)) }
            }
            #[inline(always)]
            fn at_least(self, limit: Self) -> Self {
                unsafe { Self($max(limit.0, self.0)) }
            }
            #[inline(always)]
            fn to_array(self) -> [f64; MAX_LANES] {
                let mut lanes = [0 as $elem; MAX_LANES];
                unsafe { $storeu(lanes.as_mut_ptr(), self.0) };
                lanes.map(|x| x as f64)
            }
            #[inline(always)]
            fn from_array(lanes: [f64; MAX_LANES]) -> Self {
                let lanes = lanes.map(|x| x as $elem);
                unsafe { Self($loadu(lanes.as_ptr())) }
            }
            $($rest)*
        }

        // SAFETY of the blocks below: as above, and as the caller promises.
        impl FoldLanes<$elem> for $name {
            const LANES: usize = $lanes;
            #[inline(always)]
            fn splat(x: $elem) -> Self {
                unsafe { Self($set1(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                unsafe { Self($loadu(p)) }
            }
            #[inline(always)]
            unsafe fn load_partial(p: *const $elem, n: usize, fill: Self) -> Self {
                unsafe { Self::load_filled(p, n, fill) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                unsafe { $storeu(p, self.0) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                let max = unsafe { Self($max(self.0, other.0)) };
                Lanes::select(self.is_nan(), self, max)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                let min = unsafe { Self($min(self.0, other.0)) };
                Lanes::select(self.is_nan(), self, min)
            }
        }
    };
}

/// Defines a vector of integers for folds.
macro_rules! int_vector {
    (
        $(#[$doc:meta])* $name:ident($raw:ty): $lanes:literal of $elem:ty;
        $add:ident $mul:ident $max:ident $min:ident $set1:ident $load:ident $store:ident $load_filled:ident;
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::kernels::tile) struct $name($raw);

        // SAFETY of the blocks below: the CPU has the instructions (see the module), and as the caller promises.
        impl FoldLanes<$elem> for $name {
            const LANES: usize = $lanes;
            #[inline(always)]
            fn splat(x: $elem) -> Self {
                unsafe { Self($set1(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                unsafe { Self($load(p.cast())) }
            }
            #[inline(always)]
            unsafe fn load_partial(p: *const $elem, n: usize, fill: Self) -> Self {
                unsafe { Self($load_filled(p, n, fill.0)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                unsafe { $store(p.cast(), self.0) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                unsafe { Self($add(self.0, other.0)) }
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                unsafe { Self($mul(self.0, other.0)) }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                unsafe { Self($max(self.0, other.0)) }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                unsafe { Self($min(self.0, other.0)) }
            }
        }
    };
}

/// One arithmetic operator as one intrinsic.
macro_rules! operator {
    ($name:ident $trait:ident $method:ident $intrinsic:ident) => {
        impl std::ops::$trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: the CPU has the instructions (see the module).
                unsafe { Self($intrinsic(self.0, other.0)) }
            }
        }
    };
}

use {float_vector, int_vector, operator};
