//! Bounds on what a call may cost: [`bounded`] gives its outcome, or says that it took too long or too much memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::time::Duration;
use tracelift_runtime::alloc::{memory_stats, reset_peak, set_memory_limit};

/// A call that is still running then hangs. Machines under load and debug builds are slow; a hang is for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// No bad input may take more: neither arrays nor anything else that the call allocates.
const MEMORY: usize = 1 << 30;

/// Bytes allocated in this process now, and at most.
struct Meter;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static METER: Meter = Meter;

/// Runs `call` on a thread of its own. Not for several calls at once: memory is the process's.
pub fn bounded<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> Result<R, String> {
    let (sender, receiver) = mpsc::channel();
    reset_peak();
    set_memory_limit(Some(MEMORY));
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    // Debug builds of recursive passes need more than a thread's usual stack.
    let thread = std::thread::Builder::new().stack_size(16 << 20);
    thread.spawn(move || sender.send(call())).map_err(|e| e.to_string())?;
    let outcome = receiver.recv_timeout(PATIENCE);
    set_memory_limit(None);
    let used = memory_stats().peak.max(PEAK.load(Relaxed).saturating_sub(before));
    match outcome {
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("runs longer than {} s", PATIENCE.as_secs())),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("died".to_owned()),
        Ok(_) if used > MEMORY => Err(format!("took {} MiB", used >> 20)),
        Ok(result) => Ok(result),
    }
}
