//! Compiled kernels on disk: off unless `TRACELIFT_CACHE_DIR` names a folder.
//!
//! A file holds one kernel: what it was compiled from (IR text, architecture and system, CPU features, routine ids, version of
//! this code generator), and the code. The file's name is a hash of the first; a file whose text differs, is damaged or cannot be read counts as
//! absent, so that the cache can only save time. Whoever can write to the folder can run code in this process: it
//! must be as private as the program itself.

use crate::kernel::{CompiledKernel, Kernel, ScratchNeed};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tracelift_runtime::files::write_atomically;
use tracelift_runtime::program::file;

/// Changes with everything that changes the code of a kernel whose text stays the same.
const VERSION: &str = "tracelift kernel 4, cranelift 0.135";

/// The folder that the environment names, asked once.
fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(|| std::env::var_os("TRACELIFT_CACHE_DIR").map(PathBuf::from)).as_deref()
}

/// The kernel's code from the folder, or from `compile`, which is then remembered there.
pub fn cached<E>(kernel: &Kernel, compile: impl FnOnce() -> Result<CompiledKernel, E>) -> Result<CompiledKernel, E> {
    match folder() {
        Some(folder) => cached_in(folder, kernel, compile),
        None => compile(),
    }
}

fn cached_in<E>(
    folder: &Path,
    kernel: &Kernel,
    compile: impl FnOnce() -> Result<CompiledKernel, E>,
) -> Result<CompiledKernel, E> {
    let nameless = Kernel { name: String::new(), ..kernel.clone() };
    let (features, routines) = (super::isa::features().join(" "), file::routine_fingerprint());
    // Machines of several architectures may share the folder.
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    let source = format!("{VERSION}, {arch}-{os}, routines {routines:x}, {features}\n{nameless}");
    let path = folder.join(format!("{:016x}.kernel", file::checksum(source.as_bytes())));
    if let Some(known) = std::fs::read(&path).ok().and_then(|bytes| decode(&bytes, &source)) {
        return Ok(known);
    }
    let compiled = compile()?;
    // A full disk is no error.
    let _ = std::fs::create_dir_all(folder).and_then(|()| write_atomically(&path, &encode(&compiled, &source)));
    Ok(compiled)
}

/// Length of the source, source, scratch (fixed, per lane), code; then the checksum of all that.
fn encode(compiled: &CompiledKernel, source: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(source.len() + compiled.code.len() + 32);
    bytes.extend((source.len() as u64).to_le_bytes());
    bytes.extend(source.as_bytes());
    bytes.extend(compiled.scratch.fixed.to_le_bytes());
    bytes.extend(compiled.scratch.per_lane.to_le_bytes());
    bytes.extend(&compiled.code);
    bytes.extend(file::checksum(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], source: &str) -> Option<CompiledKernel> {
    let (body, checksum) = bytes.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*checksum) != file::checksum(body) {
        return None;
    }
    let (len, rest) = body.split_first_chunk::<8>()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    let (text, rest) = rest.split_at_checked(len)?;
    let (fixed, rest) = rest.split_first_chunk::<8>()?;
    let (per_lane, code) = rest.split_first_chunk::<8>()?;
    let scratch = ScratchNeed { fixed: u64::from_le_bytes(*fixed), per_lane: u64::from_le_bytes(*per_lane) };
    (text == source.as_bytes()).then(|| CompiledKernel { code: code.to_vec(), scratch })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Inst, Pass, PassKind, Size};
    use tracelift_runtime::DType;

    fn kernel(constant: u64) -> Kernel {
        let mut kernel = Kernel { lanes: Some(Size::Const(4)), ..Kernel::default() };
        kernel.passes.push(Pass { kind: PassKind::Scalar, insts: Vec::new() });
        kernel.push(Inst::Const(constant), DType::I64);
        kernel
    }

    /// A kernel is compiled once a folder, again if its file is damaged, and never taken for another.
    #[test]
    fn files_only_save_time() {
        let folder = std::env::temp_dir().join(format!("tracelift-disk-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let made = |byte| CompiledKernel { code: vec![byte; 5], scratch: ScratchNeed { fixed: 64, per_lane: 8 } };
        let get = |k: &Kernel, byte| cached_in::<()>(&folder, k, || Ok(made(byte))).unwrap();
        assert_eq!(get(&kernel(1), 7).code, [7; 5]);
        let again = get(&kernel(1), 8);
        assert_eq!((again.code, again.scratch), (vec![7; 5], ScratchNeed { fixed: 64, per_lane: 8 }));
        assert_eq!(get(&kernel(2), 9).code, [9; 5]);
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        assert_eq!(get(&kernel(1), 5).code, [5; 5]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
