//! The trace that this thread used last, for each of a few functions: found without a lock, a hash or an atomic
//! count.
//!
//! A trace is taken out of its slot for the duration of a call and put back after, so that nobody counts
//! references; a call of the same function inside finds the slot empty and takes the slower way.

use super::compiled::Trace;
use super::leaf::Leaves;
use std::cell::RefCell;
use std::sync::Arc;

const SLOTS: usize = 32;

/// A trace and the variables that it was called with.
pub(crate) struct Last {
    pub(crate) trace: Arc<Trace>,
    variables: Vec<u64>,
}

impl Last {
    /// A trace that serves the call of `leaves`.
    pub(crate) fn new(trace: Arc<Trace>, leaves: &Leaves<'_>) -> Last {
        Last { trace, variables: leaves.variables.iter().map(|v| v.id()).collect() }
    }

    /// Whether the trace serves this call too. Variables that are those of the last call need no look at their
    /// shapes, nor at which of them are the same one.
    pub(crate) fn admits(&self, leaves: &Leaves<'_>) -> bool {
        let same = self.variables.iter().copied().eq(leaves.variables.iter().map(|v| v.id()));
        match same {
            true => self.trace.admits_with_known_variables(leaves),
            false => self.trace.admits(leaves),
        }
    }

    /// Notes the variables of the call.
    pub(crate) fn update(&mut self, leaves: &Leaves<'_>) {
        if self.variables.len() != leaves.variables.len()
            || self.variables.iter().zip(&leaves.variables).any(|(id, v)| *id != v.id())
        {
            self.variables.clear();
            self.variables.extend(leaves.variables.iter().map(|v| v.id()));
        }
    }
}

/// Function id, the function's generation, and its last trace.
type Slot = Option<(u64, u64, Last)>;

thread_local! {
    static LAST: RefCell<[Slot; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// Takes the trace that this thread used last for `function`, unless the function was cleared since.
pub(crate) fn take(function: u64, generation: u64) -> Option<Last> {
    LAST.with_borrow_mut(|slots| {
        let slot = &mut slots[function as usize % SLOTS];
        match slot {
            Some((f, g, _)) if (*f, *g) == (function, generation) => slot.take().map(|(_, _, last)| last),
            _ => None,
        }
    })
}

/// Keeps the trace for this thread's next call.
pub(crate) fn put(function: u64, generation: u64, last: Last) {
    let old = LAST.with_borrow_mut(|slots| slots[function as usize % SLOTS].replace((function, generation, last)));
    // Dropped outside the borrow: freeing a trace may free variables and tensors.
    drop(old);
}
