//! Routine ids and the table of addresses of each level.
//!
//! An id is an index into every table: math functions of f32, then of f64, then folds, then the rest.

use super::functions::for_each_function;
use super::{Level, MathFn, Routine, level};
use crate::array::DType;

const FUNCTIONS: usize = MathFn::ALL.len();
const FOLDS: usize = 2 * FUNCTIONS;
const FETCH: usize = FOLDS + 4 * FOLD_DTYPES.len();
const CONVERSIONS: usize = FETCH + 1;
const ROUTINES: usize = CONVERSIONS + 4;

/// The dtypes that folds exist for, in the order of their ids.
const FOLD_DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::I32, DType::I64];

/// The addresses of one level's routines.
pub(super) struct Table([*const u8; ROUTINES]);

// SAFETY: the addresses are those of functions and never change.
unsafe impl Sync for Table {}

impl Routine {
    /// Number of routines: every id is below it.
    pub const COUNT: u32 = ROUTINES as u32;

    /// Index of the routine in [`table`](Self::table), the same on every CPU; `None` if there is no routine for the
    /// dtype.
    pub fn try_id(self) -> Option<u32> {
        let index = match self {
            Routine::Math(f, DType::F32) => f as usize,
            Routine::Math(f, DType::F64) => FUNCTIONS + f as usize,
            Routine::Fold(f, dtype) => {
                let column = FOLD_DTYPES.iter().position(|&d| d == dtype)?;
                FOLDS + f as usize * FOLD_DTYPES.len() + column
            }
            Routine::Fetch => FETCH,
            Routine::Widen(DType::F16) => CONVERSIONS,
            Routine::Widen(DType::BF16) => CONVERSIONS + 1,
            Routine::Narrow(DType::F16) => CONVERSIONS + 2,
            Routine::Narrow(DType::BF16) => CONVERSIONS + 3,
            Routine::Math(..) | Routine::Widen(_) | Routine::Narrow(_) => return None,
        };
        Some(index as u32)
    }

    /// Index of the routine in [`table`](Self::table), the same on every CPU.
    ///
    /// # Panics
    /// If there is no routine for the dtype; [`try_id`](Self::try_id) tells.
    pub fn id(self) -> u32 {
        self.try_id().unwrap_or_else(|| panic!("there is no tile routine {self:?}"))
    }

    /// The addresses of all routines for this CPU, indexed by [`id`](Self::id); see [`level`].
    pub fn table() -> *const *const u8 {
        table(level()).0.as_ptr()
    }

    /// The routine's address at `level`, which the CPU must have before it is called.
    pub(super) fn address(self, level: Level) -> *const u8 {
        table(level).0[self.id() as usize]
    }
}

/// The table of `level`; the portable one if this build has none for it.
fn table(level: Level) -> &'static Table {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => &AVX2,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => &AVX512,
        #[cfg(target_arch = "aarch64")]
        Level::Neon => &NEON,
        _ => &PORTABLE,
    }
}

/// Builds the table of a level from the routines named in scope: `unary`, `binary`, `fold`, ….
macro_rules! entries {
    ($($(#[$meta:meta])* $name:ident($($operand:ident),+): $single:ident, $double:ident => $scalar:expr;)*) => {{
        use crate::kernels::tile::fold::{Max, Min, Prod, Sum};
        use crate::kernels::tile::functions::*;
        Table([
            $($single::<$name> as *const u8,)*
            $($double::<$name> as *const u8,)*
            fold::<f32, Sum> as *const u8,
            fold::<f64, Sum> as *const u8,
            fold::<i32, Sum> as *const u8,
            fold::<i64, Sum> as *const u8,
            fold::<f32, Prod> as *const u8,
            fold::<f64, Prod> as *const u8,
            fold::<i32, Prod> as *const u8,
            fold::<i64, Prod> as *const u8,
            fold::<f32, Max> as *const u8,
            fold::<f64, Max> as *const u8,
            fold::<i32, Max> as *const u8,
            fold::<i64, Max> as *const u8,
            fold::<f32, Min> as *const u8,
            fold::<f64, Min> as *const u8,
            fold::<i32, Min> as *const u8,
            fold::<i64, Min> as *const u8,
            fetch as *const u8,
            widen_f16 as *const u8,
            widen_bf16 as *const u8,
            narrow_f16 as *const u8,
            narrow_bf16 as *const u8,
        ])
    }};
}

static PORTABLE: Table = {
    use super::portable::*;
    for_each_function!(entries)
};

#[cfg(target_arch = "aarch64")]
static NEON: Table = {
    use super::vector_level::neon::*;
    for_each_function!(entries)
};

#[cfg(target_arch = "x86_64")]
static AVX2: Table = {
    use super::vector_level::avx2::*;
    for_each_function!(entries)
};

#[cfg(target_arch = "x86_64")]
static AVX512: Table = {
    use super::vector_level::avx512::*;
    for_each_function!(entries)
};

#[cfg(test)]
mod tests {
    use super::super::FoldFn;
    use super::*;

    #[test]
    fn ids_are_distinct_and_dense() {
        let mut all: Vec<Routine> = vec![Routine::Fetch];
        for dtype in DType::ALL {
            all.extend(MathFn::ALL.map(|f| Routine::Math(f, dtype)));
            all.extend([FoldFn::Sum, FoldFn::Prod, FoldFn::Max, FoldFn::Min].map(|f| Routine::Fold(f, dtype)));
            all.extend([Routine::Widen(dtype), Routine::Narrow(dtype)]);
        }
        let mut ids: Vec<u32> = all.into_iter().filter_map(Routine::try_id).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..Routine::COUNT).collect::<Vec<_>>());
    }

    #[test]
    fn a_dtype_without_routines_has_no_id() {
        assert_eq!(Routine::Math(MathFn::Exp, DType::I32).try_id(), None);
        assert_eq!(Routine::Fold(FoldFn::Sum, DType::U8).try_id(), None);
        assert_eq!(Routine::Widen(DType::F32).try_id(), None);
    }

    #[test]
    fn every_math_id_follows_the_order_of_the_list() {
        for (i, f) in MathFn::ALL.into_iter().enumerate() {
            assert_eq!(Routine::Math(f, DType::F32).id() as usize, i);
        }
    }
}
