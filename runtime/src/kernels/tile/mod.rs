//! Tile routines: vector functions over a run of elements, picked at run time by CPU features.
//!
//! Generated kernels call them through a table of addresses; the index of a routine is fixed by
//! [`Routine::id`]. Rust code calls them through the slice functions [`map`], [`map2`], [`fold`], ….
//!
//! Where to start: [`Routine`] is the contract with generated code, `functions.rs` is the table of math functions,
//! `table.rs` gives each routine its id and each [`Level`] its addresses, `lanes.rs` is what algorithms are written
//! over, `exp.rs`, `log.rs`, … are the algorithms. README.md lists the method and the measured error of each function.

pub mod accuracy;
mod double;
mod erf;
mod exp;
mod fold;
mod functions;
mod hyperbolic;
mod inverse_trig;
mod lanes;
mod level;
mod log;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod power;
mod reference;
mod safe;
mod table;
#[cfg(test)]
mod special_tests;
#[cfg(test)]
mod tests;
mod trig;
mod vector_level;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::array::DType;

pub use level::{Level, level};
pub use reference::reference;
pub use safe::{Float, Number, fold, fold_of, map, map_in_place, map2, narrow, widen};

macro_rules! math_fn {
    ($($(#[$meta:meta])* $name:ident($($operand:ident),+): $single:ident, $double:ident => $scalar:expr;)*) => {
        /// A function on floats that has tile routines for f32 and f64. The table in `functions.rs` says what each is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum MathFn {
            $($(#[$meta])* $name,)*
        }

        impl MathFn {
            /// Every function, in the order of their ids.
            pub const ALL: [MathFn; [$(MathFn::$name),*].len()] = [$(MathFn::$name),*];

            /// Number of operands: 1 or 2.
            pub const fn arity(self) -> usize {
                match self {
                    $(MathFn::$name => [$(stringify!($operand)),+].len(),)*
                }
            }

            /// Whether f32 has a vector algorithm; if not, the f64 definition is rounded, on every level.
            pub fn is_vectorised(self) -> bool {
                match self {
                    $(MathFn::$name => !stringify!($single).ends_with("_scalar"),)*
                }
            }
        }
    };
}
functions::for_each_function!(math_fn);

/// Reductions of a run of elements to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FoldFn {
    Sum,
    Prod,
    /// NaN if any is NaN.
    Max,
    /// NaN if any is NaN.
    Min,
}

/// A tile routine that generated code can call. `n` may be 0; pointers need no alignment; `dst` may equal a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Routine {
    /// `extern "C" fn(dst: *mut T, x: *const T, n: usize)`, or with two operands `fn(dst, x, y, n)`. T: f32, f64.
    Math(MathFn, DType),
    /// `extern "C" fn(x: *const T, n: usize) -> T`. T: f32, f64, i32, i64. The order of additions depends on
    /// `n` only.
    Fold(FoldFn, DType),
    /// `extern "C" fn(p: *const u8, bytes: usize)`: asks for these cache lines, and does not wait. Any address will do.
    Fetch,
    /// `extern "C" fn(dst: *mut f32, src: *const u16, n: usize)` from f16 or bf16.
    Widen(DType),
    /// `extern "C" fn(dst: *mut u16, src: *const f32, n: usize)` to f16 or bf16, rounding to nearest even.
    Narrow(DType),
}
