//! The routines of a vector level: the generic loops, compiled for one instruction set.

/// Defines a module with the `extern "C"` routines of one level, from its vectors and conversions.
macro_rules! vector_level {
    ($(#[$doc:meta])* $level:ident: $features:literal, $set:path, $f32:ident $f64:ident $i32:ident $i64:ident; $($rest:item)*) => {
        $(#[$doc])*
        pub(super) mod $level {
            use $set as set;
            use $crate::kernels::tile::fold::{self, FoldLanes, FoldOp, Number};
            use $crate::kernels::tile::lanes::{Binary, Unary, UnaryDouble, map, map_double, map2};

            pub(in crate::kernels::tile) use $crate::kernels::tile::portable::{
                binary_f64, binary_scalar, fetch, unary_f64, unary_scalar,
            };

            /// The vector of each element type that is folded.
            pub(in crate::kernels::tile) trait Vector: Number {
                type Lanes: FoldLanes<Self>;
            }
            impl Vector for f32 {
                type Lanes = set::$f32;
            }
            impl Vector for f64 {
                type Lanes = set::$f64;
            }
            impl Vector for i32 {
                type Lanes = set::$i32;
            }
            impl Vector for i64 {
                type Lanes = set::$i64;
            }

            // SAFETY of the routines below: the contracts of `Routine`, and the CPU has the features.

            #[target_feature(enable = $features)]
            pub(in crate::kernels::tile) unsafe extern "C" fn unary<F: Unary>(dst: *mut f32, x: *const f32, n: usize) {
                unsafe {
                    if F::WIDE {
                        map::<f32, set::$f64, F>(dst, x, n)
                    } else {
                        map::<f32, set::$f32, F>(dst, x, n)
                    }
                }
            }

            #[target_feature(enable = $features)]
            pub(in crate::kernels::tile) unsafe extern "C" fn binary<F: Binary>(
                dst: *mut f32,
                x: *const f32,
                y: *const f32,
                n: usize,
            ) {
                unsafe { map2::<f32, set::$f64, F>(dst, x, y, n) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::kernels::tile) unsafe extern "C" fn unary_double<F: UnaryDouble>(
                dst: *mut f64,
                x: *const f64,
                n: usize,
            ) {
                unsafe { map_double::<set::$f64, F>(dst, x, n) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::kernels::tile) unsafe extern "C" fn fold<T: Vector, Op: FoldOp>(x: *const T, n: usize) -> T {
                unsafe { fold::fold::<T, T::Lanes, Op>(x, n) }
            }

            $($rest)*
        }
    };
}

/// A conversion by whole vectors; the last, partial one goes through a buffer.
#[cfg(target_arch = "x86_64")]
macro_rules! conversion {
    ($features:literal, $name:ident: $from:ty => $to:ty) => {
        #[target_feature(enable = $features)]
        pub(in crate::kernels::tile) unsafe extern "C" fn $name(dst: *mut $to, src: *const $from, n: usize) {
            const STEP: usize = set::CONVERTED;
            unsafe {
                let mut at = 0;
                while at + STEP <= n {
                    set::$name(dst.add(at), src.add(at));
                    at += STEP;
                }
                if at < n {
                    let (mut from, mut to) = ([<$from>::default(); STEP], [<$to>::default(); STEP]);
                    src.add(at).cast::<u8>().copy_to(from.as_mut_ptr().cast(), (n - at) * size_of::<$from>());
                    set::$name(to.as_mut_ptr(), from.as_ptr());
                    to.as_ptr().cast::<u8>().copy_to(dst.add(at).cast(), (n - at) * size_of::<$to>());
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector_level! {
    /// The routines for AVX2.
    avx2: "avx2,fma,f16c", crate::kernels::tile::x86::avx2, F32x8 F64x4 I32x8 I64x4;

    conversion!("avx2,fma,f16c", widen_f16: u16 => f32);
    conversion!("avx2,fma,f16c", widen_bf16: u16 => f32);
    conversion!("avx2,fma,f16c", narrow_f16: f32 => u16);
    conversion!("avx2,fma,f16c", narrow_bf16: f32 => u16);
}

#[cfg(target_arch = "x86_64")]
vector_level! {
    /// The routines for AVX-512.
    avx512: "avx2,fma,f16c,avx512f,avx512dq,avx512bw,avx512vl", crate::kernels::tile::x86::avx512, F32x16 F64x8 I32x16 I64x8;

    conversion!("avx2,fma,f16c,avx512f,avx512dq,avx512bw,avx512vl", widen_f16: u16 => f32);
    conversion!("avx2,fma,f16c,avx512f,avx512dq,avx512bw,avx512vl", widen_bf16: u16 => f32);
    conversion!("avx2,fma,f16c,avx512f,avx512dq,avx512bw,avx512vl", narrow_f16: f32 => u16);
    conversion!("avx2,fma,f16c,avx512f,avx512dq,avx512bw,avx512vl", narrow_bf16: f32 => u16);
}

#[cfg(target_arch = "aarch64")]
vector_level! {
    /// The routines for NEON.
    neon: "neon", crate::kernels::tile::neon, F32x4 F64x2 I32x4 I64x2;

    pub(in crate::kernels::tile) use crate::kernels::tile::portable::{
        narrow_bf16, narrow_f16, widen_bf16, widen_f16,
    };
}
