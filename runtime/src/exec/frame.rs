//! The memory of one call: arena, pointer table, and the cache from which calls take them.
//!
//! A [`Frame`] belongs to one call at a time. It stays bound to the sizes of its last call, so that the next
//! call with those sizes writes the addresses of its arrays and is ready.
//!
//! Invariant: [`Frame::pointers`] parallels [`Plan::operands`]. Entries of temporaries and constants are set by
//! [`Frame::new`] and [`Frame::rebind`]; those of inputs and outputs by [`Frame::point`], anew in each call.

use super::stages::StageFrame;
use crate::alloc::Block;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::program::plan::{ALIGN, Plan};
use crate::program::{Place, Program, Step};
use std::cell::{Cell, RefCell};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicUsize};

/// What one call needs besides its arguments.
pub struct Frame {
    /// The sizes to which it is bound.
    pub plan: Arc<Plan>,
    /// Outputs to be assigned to states or to be given again as later outputs; empty between calls.
    pub kept: Vec<Option<Array>>,
    /// The address of each of [`Plan::operands`].
    pointers: Vec<*mut u8>,
    /// Which pointers are the caller's arrays: inputs by index, then outputs.
    patches: Vec<Patch>,
    /// The addresses of the inputs, then of the outputs' own buffers.
    bases: Vec<*mut u8>,
    /// Owns what the pointers of temporaries point to.
    arena: Option<Block>,
    /// If sizes depend on data: each stage with its memory. Then the pointers above are not used.
    pub(super) stages: Vec<StageFrame>,
    /// For stages: the address of each buffer of the program that is known by now.
    pub(super) addresses: Vec<*mut u8>,
}

/// What a run of steps sees: numbers for sizes and addresses for buffers.
pub struct Bound<'a> {
    /// The sizes.
    pub plan: &'a Plan,
    /// Parallel to [`Plan::operands`].
    pub pointers: &'a [*mut u8],
}

impl<'a> Bound<'a> {
    /// The operands of a step that begin at `position`.
    pub fn operands(&self, position: u32) -> &'a [*mut u8] {
        &self.pointers[position as usize..]
    }
}

/// `pointers[position] = bases[base]`.
struct Patch {
    position: u32,
    base: u32,
}

// SAFETY: the pointers are addresses of the frame's own arena, of constants that live as long as the
// executable, or stale addresses of a finished call that are overwritten before use.
unsafe impl Send for Frame {}

impl Frame {
    /// A frame bound to `plan`, with the program's constants at `constants`.
    pub fn new(program: &Program, plan: Arc<Plan>, constants: &Block) -> Result<Frame> {
        let mut frame = Frame {
            kept: vec![None; program.outputs.len()],
            pointers: Vec::with_capacity(plan.operands.len()),
            patches: Vec::with_capacity(plan.operands.len()),
            bases: vec![null_mut(); program.inputs.len() + program.outputs.len()],
            arena: None,
            stages: Vec::new(),
            addresses: Vec::new(),
            plan,
        };
        frame.lay_out(program, constants)?;
        Ok(frame)
    }

    /// Binds the frame to other sizes. After an error it must not be used.
    pub fn rebind(&mut self, program: &Program, plan: Arc<Plan>, constants: &Block) -> Result<()> {
        self.plan = plan;
        self.lay_out(program, constants)
    }

    fn lay_out(&mut self, program: &Program, constants: &Block) -> Result<()> {
        if program.steps.iter().any(|step| matches!(step, Step::Size(_))) {
            return Ok(()); // Each stage has pointers and an arena of its own.
        }
        let Plan { arena, operands, .. } = &*self.plan;
        fit(&mut self.arena, arena.bytes, &program.name)?;
        let temporaries = self.arena.as_ref().map_or(null_mut(), Block::as_ptr);
        self.pointers.clear();
        self.patches.clear();
        for (position, buffer) in operands.iter().enumerate() {
            let mut patch = |base| {
                self.patches.push(Patch { position: position as u32, base });
                null_mut()
            };
            self.pointers.push(match program.buffers[buffer.index()].place {
                Place::Input(input) => patch(input),
                Place::Output(output) => patch(program.inputs.len() as u32 + output),
                Place::Temp { .. } => temporaries.wrapping_add(arena.offsets[buffer.index()]),
                Place::Constant(offset) => constants.as_ptr().wrapping_add(offset as usize),
            });
        }
        Ok(())
    }

    /// Sets the address of an input (by index) or of an output's buffer (by number of inputs + index).
    pub fn set_base(&mut self, base: usize, address: *mut u8) {
        self.bases[base] = address;
    }

    /// Writes the addresses of inputs and outputs wherever steps expect them.
    pub fn point(&mut self) {
        for patch in &self.patches {
            self.pointers[patch.position as usize] = self.bases[patch.base as usize];
        }
    }

    /// What the steps see.
    pub fn bound(&self) -> Bound<'_> {
        Bound { plan: &self.plan, pointers: &self.pointers }
    }
}

/// Makes `arena` large enough, and not much larger.
pub(super) fn fit(arena: &mut Option<Block>, bytes: usize, program: &str) -> Result<()> {
    let held = arena.as_ref().map_or(0, Block::size);
    if arena.is_none() || held < bytes || held / 4 > bytes {
        *arena = None; // Freed first: there may not be room for both.
        let block = Block::new(bytes);
        let named = |e: Error| e.map_message(|m| format!("{bytes} bytes of temporaries: {m}")).in_program(program);
        *arena = Some(block.map_err(named)?);
    }
    Ok(())
}

/// Frames that wait for the next call. Taking and returning one is a single atomic exchange.
#[derive(Default)]
pub struct FrameCache {
    /// Each holds a frame or null. A thread starts at a slot of its own, so that concurrent callers seldom meet.
    slots: [AtomicPtr<Frame>; 8],
}

impl FrameCache {
    /// A frame that nobody uses, whatever sizes it is bound to.
    pub fn take(&self) -> Option<Box<Frame>> {
        let start = thread_number();
        for k in 0..self.slots.len() {
            let slot = &self.slots[(start + k) % self.slots.len()];
            if slot.load(Relaxed).is_null() {
                continue;
            }
            let frame = slot.swap(null_mut(), Acquire);
            if !frame.is_null() {
                // SAFETY: made by `Box::into_raw` in `put`; the exchange gave it to this thread alone.
                return Some(unsafe { Box::from_raw(frame) });
            }
        }
        None
    }

    /// Keeps a frame for later, or frees it if there are enough.
    pub fn put(&self, frame: Box<Frame>) {
        let frame = Box::into_raw(frame);
        let start = thread_number();
        for k in 0..self.slots.len() {
            let slot = &self.slots[(start + k) % self.slots.len()];
            if slot.load(Relaxed).is_null() && slot.compare_exchange(null_mut(), frame, Release, Relaxed).is_ok() {
                return;
            }
        }
        // SAFETY: made by `Box::into_raw` above, and no slot has it.
        drop(unsafe { Box::from_raw(frame) });
    }
}

impl Drop for FrameCache {
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}

/// This thread's scratch memory, at least `bytes` long, aligned, with unspecified contents; None if there is no
/// memory. It serves one kernel at a time, and is valid until the thread asks again.
///
/// One block a thread, not one a frame: it stays in the core's cache from kernel to kernel.
pub fn scratch(bytes: usize) -> Option<*mut u8> {
    let (start, size) = SCRATCH.get();
    if bytes <= size { Some(start) } else { grow_scratch(bytes) }
}

thread_local! {
    /// Address and size of the block in `SCRATCH_OWNER`: without a destructor, and so the faster to get at.
    static SCRATCH: Cell<(*mut u8, usize)> = const { Cell::new(NO_SCRATCH) };
    static SCRATCH_OWNER: RefCell<ScratchOwner> = const { RefCell::new(ScratchOwner(None)) };
}

const NO_SCRATCH: (*mut u8, usize) = (std::ptr::without_provenance_mut(ALIGN), 0);

struct ScratchOwner(Option<Block>);

impl Drop for ScratchOwner {
    fn drop(&mut self) {
        // Destructors of other thread-locals may still run kernels.
        SCRATCH.set(NO_SCRATCH);
    }
}

#[cold]
fn grow_scratch(bytes: usize) -> Option<*mut u8> {
    let grow = |owner: &RefCell<ScratchOwner>| {
        let owner = &mut owner.borrow_mut().0;
        // The old block is freed first: there may not be room for both.
        SCRATCH.set(NO_SCRATCH);
        *owner = None;
        let block = owner.insert(Block::new(bytes).ok()?);
        SCRATCH.set((block.as_ptr(), block.size()));
        Some(block.as_ptr())
    };
    SCRATCH_OWNER.try_with(grow).ok().flatten()
}

/// A small number for each thread.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }
    match NUMBER.get() {
        0 => {
            let number = NEXT.fetch_add(1, Relaxed);
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_aligned_and_kept() {
        let first = scratch(100).unwrap();
        assert_eq!(first as usize % ALIGN, 0);
        assert_eq!(scratch(128).unwrap(), first);
        assert_eq!(scratch(0).unwrap() as usize % ALIGN, 0);
        assert!(scratch(usize::MAX).is_none());
    }

    #[test]
    fn frames_are_cached_and_freed() {
        let program = Program::default();
        let plan = Arc::new(Plan::new(&program, &[]).unwrap());
        let constants = Block::new(0).unwrap();
        let cache = FrameCache::default();
        assert!(cache.take().is_none());
        for _ in 0..20 {
            cache.put(Box::new(Frame::new(&program, plan.clone(), &constants).unwrap()));
        }
        assert_eq!(Arc::strong_count(&plan), 1 + 8);
        assert!(cache.take().is_some());
        drop(cache);
        assert_eq!(Arc::strong_count(&plan), 1);
    }
}
