//! CPU features by name: what a program's machine code needs, against what this processor has.

/// Whether this processor has the feature that `std::arch` detection calls `name`. Unknown names are not there.
pub fn has(name: &str) -> bool {
    detect(name)
}

#[cfg(target_arch = "x86_64")]
fn detect(name: &str) -> bool {
    macro_rules! any_of {
        ($($feature:tt)*) => {
            match name {
                $($feature => std::arch::is_x86_feature_detected!($feature),)*
                _ => false,
            }
        };
    }
    any_of! {
        "sse" "sse2" "sse3" "ssse3" "sse4.1" "sse4.2" "avx" "avx2" "fma" "f16c" "bmi1" "bmi2" "lzcnt" "popcnt"
        "avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl" "avx512ifma" "avx512vbmi" "avx512vbmi2"
        "avx512vnni" "avx512bitalg" "avx512vpopcntdq" "avx512bf16" "avx512fp16"
    }
}

#[cfg(target_arch = "aarch64")]
fn detect(name: &str) -> bool {
    macro_rules! any_of {
        ($($feature:tt)*) => {
            match name {
                $($feature => std::arch::is_aarch64_feature_detected!($feature),)*
                _ => false,
            }
        };
    }
    any_of! { "neon" "fp16" "lse" "dotprod" "sve" "bf16" "i8mm" "paca" "pacg" }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn names_are_those_of_std() {
        assert!(super::has("sse2"));
        assert_eq!(super::has("avx2"), std::arch::is_x86_feature_detected!("avx2"));
        assert!(!super::has("avx9000"));
    }
}
