//! The contract between generated kernels and the executor.
//!
//! A kernel runs the grid points `begin..end` of one call. Grid points are independent: any split over any
//! number of threads gives the same bits. It may write `scratch` freely (64-byte aligned, one per thread).
//! It never unwinds, traps or calls anything but tile routines.

/// The machine-code entry of a kernel.
///
/// - `buffers`: base address of each operand, in the kernel's order;
/// - `sizes`: the kernel's size arguments;
/// - `routines`: the table of tile routines, indexed by routine id (`kernels::tile`);
/// - `scratch`: this thread's scratch memory;
/// - returns a [`status`](Status) as `i32`: 0 is success.
///
/// # Safety
/// The caller guarantees that every operand is valid for the sizes, and that the code came from our compiler.
pub type KernelFn = unsafe extern "C" fn(
    buffers: *const *mut u8,
    sizes: *const i64,
    routines: *const *const u8,
    scratch: *mut u8,
    begin: i64,
    end: i64,
) -> i32;

/// What a kernel returns; the executor combines threads' statuses by maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Status {
    /// All is well.
    Ok = 0,
    /// An integer was divided by zero, or raised to a negative power.
    DivideByZero = 1,
}

/// A checked kernel whose instruction `v<k>` would have touched an element outside its buffer returns this plus `k`.
pub const OUT_OF_BOUNDS: i32 = 256;
