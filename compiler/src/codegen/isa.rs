//! The host as Cranelift sees it: one `TargetIsa` for a process.

use crate::base::{Error, Kind, Result};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use std::sync::{LazyLock, OnceLock};

/// The host's instruction set at `opt_level=none`: at `speed`, Cranelift undoes the interleaving that we emit
/// and hoists constants without regard to registers.
pub fn vector() -> Result<&'static OwnedTargetIsa> {
    static ISA: OnceLock<Result<OwnedTargetIsa>> = OnceLock::new();
    ISA.get_or_init(|| build("none")).as_ref().map_err(Clone::clone)
}

/// The CPU features that code for [`vector`] may use, as `std::arch` spells them.
pub fn features() -> Vec<String> {
    let Ok(isa) = vector() else { return Vec::new() };
    let enabled = isa.isa_flags();
    let spelled = |flag: &str| match flag {
        "has_sse3" => Some("sse3"),
        "has_ssse3" => Some("ssse3"),
        "has_sse41" => Some("sse4.1"),
        "has_sse42" => Some("sse4.2"),
        "has_avx" => Some("avx"),
        "has_avx2" => Some("avx2"),
        "has_fma" => Some("fma"),
        "has_bmi1" => Some("bmi1"),
        "has_bmi2" => Some("bmi2"),
        "has_lzcnt" => Some("lzcnt"),
        "has_popcnt" => Some("popcnt"),
        "has_avx512f" => Some("avx512f"),
        "has_avx512vl" => Some("avx512vl"),
        "has_avx512dq" => Some("avx512dq"),
        _ => None,
    };
    enabled.iter().filter(|f| f.as_bool() == Some(true)).filter_map(|f| spelled(f.name)).map(String::from).collect()
}

/// Whether a product and a sum are one instruction.
pub fn has_fma() -> bool {
    static FMA: LazyLock<bool> = LazyLock::new(|| {
        let has =
            |isa: &OwnedTargetIsa| isa.isa_flags().iter().any(|f| f.name == "has_fma" && f.as_bool() == Some(true));
        cfg!(target_arch = "aarch64") || vector().is_ok_and(has)
    });
    *FMA
}

fn build(opt_level: &str) -> Result<OwnedTargetIsa> {
    let internal = |e: String| Error::new(Kind::Host, format!("this CPU is not supported by the code generator: {e}"));
    let mut flags = settings::builder();
    let mut set = |name: &str, value: &str| flags.set(name, value).map_err(|e| internal(e.to_string()));
    set("opt_level", opt_level)?;
    set("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" })?;
    set("enable_probestack", "false")?;
    set("is_pic", "false")?;
    set("unwind_info", "false")?;
    let builder = cranelift_native::builder().map_err(|e| internal(e.to_string()))?;
    builder.finish(settings::Flags::new(flags)).map_err(|e| internal(e.to_string()))
}
