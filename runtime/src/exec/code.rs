//! Machine code in memory: [`CodeMemory`] maps it, first writable, then executable, never both.
//!
//! One mapping serves freshly compiled, cached and saved programs alike. The code is position-independent and
//! has no relocations, so that copying is all the loading there is.

use crate::error::{Error, Kind, Result};
use std::ptr::NonNull;

/// Executable memory; freed on drop.
#[derive(Debug)]
pub struct CodeMemory {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is read-only (and executable) from construction to drop.
unsafe impl Send for CodeMemory {}
// SAFETY: as above.
unsafe impl Sync for CodeMemory {}

impl CodeMemory {
    /// A mapping that holds a copy of `code`.
    pub fn map(code: &[u8]) -> Result<CodeMemory> {
        if code.is_empty() {
            return Ok(CodeMemory { base: NonNull::dangling(), bytes: 0 });
        }
        // SAFETY: an anonymous private mapping at an address of the system's choice touches no other memory.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                code.len(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(refused("mapped", code.len()));
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or_else(|| refused("mapped", code.len()))?;
        // From here on the mapping is freed by drop, whatever happens.
        let memory = CodeMemory { base, bytes: code.len() };
        // SAFETY: the mapping is new, writable and as long as `code`.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), base.as_ptr(), code.len()) };
        // SAFETY: the range is exactly the mapping, to which no reference exists.
        if unsafe { libc::mprotect(base.as_ptr().cast(), code.len(), libc::PROT_READ | libc::PROT_EXEC) } != 0 {
            return Err(refused("made executable", code.len()));
        }
        memory.flush_instruction_cache();
        Ok(memory)
    }

    /// The address of the byte at `offset`, or None past the end.
    pub fn address(&self, offset: usize) -> Option<*const u8> {
        // SAFETY: the offset lies inside the mapping.
        (offset < self.bytes).then(|| unsafe { self.base.as_ptr().add(offset).cast_const() })
    }

    /// Some processors keep instructions and data in caches that do not see each other.
    #[cfg(target_arch = "aarch64")]
    fn flush_instruction_cache(&self) {
        const LINE: usize = 64;
        let (start, end) = (self.base.as_ptr() as usize, self.base.as_ptr() as usize + self.bytes);
        // SAFETY: cache maintenance of mapped addresses has no effect on memory contents.
        unsafe {
            for line in (start & !(LINE - 1)..end).step_by(LINE) {
                std::arch::asm!("dc cvau, {}", in(reg) line);
            }
            std::arch::asm!("dsb ish");
            for line in (start & !(LINE - 1)..end).step_by(LINE) {
                std::arch::asm!("ic ivau, {}", in(reg) line);
            }
            std::arch::asm!("dsb ish", "isb");
        }
    }

    #[cfg(not(target_arch = "aarch64"))]
    fn flush_instruction_cache(&self) {}
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        if self.bytes != 0 {
            // SAFETY: mapped in `map` with this length; whoever runs the code keeps this value alive.
            unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
        }
    }
}

fn refused(what: &str, bytes: usize) -> Error {
    let cause = std::io::Error::last_os_error();
    Error::new(Kind::Host, format!("{bytes} bytes of machine code cannot be {what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_code_needs_no_mapping() {
        let memory = CodeMemory::map(&[]).unwrap();
        assert_eq!(memory.address(0), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn mapped_code_runs() {
        let code = [0xb8, 42, 0, 0, 0, 0xc3]; // mov eax, 42; ret
        let memory = CodeMemory::map(&code).unwrap();
        assert_eq!(memory.address(6), None);
        // SAFETY: the bytes are a complete function of this type.
        let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(memory.address(0).unwrap()) };
        assert_eq!(function(), 42);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn code_is_not_writable() {
        let memory = CodeMemory::map(&[0xc3; 16]).unwrap();
        let start = format!("{:x}-", memory.base.as_ptr() as usize);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&start)).expect("the mapping is listed");
        assert!(line.contains(" r-xp "), "{line}");
    }
}
