//! Which instruction set the tile routines use in this process.
//!
//! Chosen once: the highest level that the CPU has, or the one named by `TRACELIFT_SIMD`. Start with [`level`].

use std::sync::OnceLock;

/// An instruction set that tile routines are compiled for, from the least to the most preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Scalar Rust: runs everywhere, evaluates in f64.
    Portable,
    /// 128-bit vectors of aarch64.
    Neon,
    /// 256-bit vectors of x86-64 with FMA and F16C.
    Avx2,
    /// 512-bit vectors of x86-64: AVX-512 F, DQ, BW and VL.
    Avx512,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Level; 4] = [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512];

    /// The name that `TRACELIFT_SIMD` takes: `portable`, `neon`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The level of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }

    /// Whether this CPU can run the level.
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            Level::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
        }
    }

    /// The levels that this CPU can run, lowest first.
    pub fn available() -> impl Iterator<Item = Level> {
        Self::ALL.into_iter().filter(|l| l.is_available())
    }

    /// The highest available level that is not above `limit`.
    fn highest_up_to(limit: Level) -> Level {
        Self::available().filter(|&l| l <= limit).last().unwrap_or(Level::Portable)
    }
}

/// The level in use: the highest available one, limited by the environment variable `TRACELIFT_SIMD` as it was
/// at the first call. A name that is no level is ignored.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let named = std::env::var("TRACELIFT_SIMD").ok().and_then(|name| Level::from_name(&name));
        Level::highest_up_to(named.unwrap_or(Level::Avx512))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for level in Level::ALL {
            assert_eq!(Level::from_name(level.name()), Some(level));
        }
        assert_eq!(Level::from_name("sse9"), None);
    }

    #[test]
    fn a_limit_the_cpu_lacks_gives_the_next_lower_level() {
        for limit in Level::ALL {
            let chosen = Level::highest_up_to(limit);
            assert!(chosen <= limit && chosen.is_available());
            if limit.is_available() {
                assert_eq!(chosen, limit);
            }
        }
    }
}
