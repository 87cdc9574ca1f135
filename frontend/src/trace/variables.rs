//! [`Variables`]: which variables a trace uses at a call; [`Held`]: those of one call while it runs.
//!
//! A variable that is an argument of the traced call is that argument at every call; any other is captured, and the same
//! one at every call. A captured variable that is an argument too cannot be told from an argument by one run of the body.
//! So each place among the arguments is *bound* to the variable of the traced call, until another run of the body, with
//! another variable there, has recorded the same.

use super::leaf::Leaves;
use super::recorder::UsedVariable;
use crate::engine::backend::Arg;
use crate::tensor::Tensor;
use crate::variable::{Guard, Variable};
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, Ordering};
use tracelift_runtime::Array;

/// The variables of a trace, in order of first use.
pub(crate) struct Variables(Box<[Slot]>);

struct Slot {
    source: Source,
    written: bool,
}

enum Source {
    /// Variable leaf of the arguments.
    Argument {
        index: u32,
        /// The id of the variable that was there when the body was traced.
        traced: u64,
        /// Whether any other may be there.
        is_free: AtomicBool,
    },
    /// The same at every call.
    Captured {
        variable: Variable,
        /// What the body saw: tapes in it watch the variable, or do not.
        trainable: bool,
    },
}

impl Slot {
    /// Whether both stand for one argument, or for one captured variable in one state.
    fn is(&self, other: &Slot) -> bool {
        let same = match (&self.source, &other.source) {
            (Source::Argument { index: a, .. }, Source::Argument { index: b, .. }) => a == b,
            (Source::Captured { variable: a, trainable: t }, Source::Captured { variable: b, trainable: u }) => {
                a.id() == b.id() && t == u
            }
            _ => false,
        };
        same && self.written == other.written
    }
}

impl Variables {
    /// The variables that a body used, in a call of these leaves.
    pub(crate) fn new(used: &[UsedVariable], leaves: &Leaves<'_>) -> Variables {
        let slots = used.iter().map(|used| {
            let variable = &used.variable;
            let source = match leaves.variables.iter().position(|v| v.id() == variable.id()) {
                Some(index) => {
                    Source::Argument { index: index as u32, traced: variable.id(), is_free: AtomicBool::new(false) }
                }
                None => Source::Captured { variable: variable.clone(), trainable: variable.is_trainable() },
            };
            Slot { source, written: used.written }
        });
        Variables(slots.collect())
    }

    /// Whether the trace may use the call's variables, of which its signature admits dtypes, shapes and repetitions.
    pub(crate) fn admit(&self, leaves: &Leaves<'_>) -> bool {
        let binds = |slot: &Slot| match &slot.source {
            Source::Argument { index, traced, is_free } => {
                is_free.load(Ordering::Relaxed) || leaves.variables[*index as usize].id() == *traced
            }
            Source::Captured { variable, .. } => leaves.variables.iter().all(|v| v.id() != variable.id()),
        };
        self.0.iter().all(binds) && self.admit_known()
    }

    /// [`admit`](Self::admit) for a call of exactly the variables of one that was admitted.
    pub(crate) fn admit_known(&self) -> bool {
        self.0.iter().all(|slot| match &slot.source {
            Source::Argument { .. } => true,
            Source::Captured { variable, trainable } => variable.is_trainable() == *trainable,
        })
    }

    /// Whether these are the same arguments and captures.
    pub(crate) fn are(&self, others: &Variables) -> bool {
        self.0.len() == others.0.len() && self.0.iter().zip(&others.0).all(|(a, b)| a.is(b))
    }

    /// Any variable may take the places where the call has another one than the traced call.
    pub(crate) fn free(&self, leaves: &Leaves<'_>) {
        for slot in &self.0 {
            if let Source::Argument { index, traced, is_free } = &slot.source
                && leaves.variables[*index as usize].id() != *traced
            {
                is_free.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Variable `k` of the trace at a call with these variables as arguments.
    pub(crate) fn get<'a>(&'a self, k: u32, arguments: &[&'a Variable]) -> &'a Variable {
        match &self.0[k as usize].source {
            Source::Argument { index, .. } => arguments[*index as usize],
            Source::Captured { variable, .. } => variable,
        }
    }
}

/// A call's variables while it runs. Those that it assigns are locked.
#[derive(Default)]
pub(crate) struct Held<'a> {
    /// The values of those that are only read.
    snapshots: SmallVec<[Option<Array>; 8]>,
    guards: SmallVec<[(u32, Guard<'a>); 8]>,
    /// The values before as tapes know them, if they are shown.
    values: SmallVec<[Option<Tensor>; 8]>,
}

impl<'a> Held<'a> {
    /// Takes what a run needs of the call's variables: snapshots of those that it reads, and the others themselves, in
    /// the order of their ids. With `shown`, tapes are told of the values before. Fills an empty one in place: to return
    /// one would copy its inline storage at each call.
    #[inline]
    pub(crate) fn take(&mut self, of: &'a Variables, arguments: &[&'a Variable], shown: bool) {
        let count = of.0.len() as u32;
        let variables: SmallVec<[&Variable; 8]> = (0..count).map(|k| of.get(k, arguments)).collect();
        let mut order: SmallVec<[u32; 8]> = (0..count).collect();
        if !variables.is_sorted_by_key(|v| v.id()) {
            order.sort_unstable_by_key(|&k| variables[k as usize].id());
        }
        self.snapshots.resize(variables.len(), None);
        if shown {
            self.values.resize(variables.len(), None);
        }
        for k in order {
            let (at, variable) = (k as usize, variables[k as usize]);
            match (of.0[at].written, shown) {
                (true, false) => self.guards.push((k, variable.lock())),
                (false, false) => self.snapshots[at] = Some(variable.peek()),
                (true, true) => {
                    let (guard, before) = variable.lock_and_read();
                    self.guards.push((k, guard));
                    self.values[at] = Some(before);
                }
                (false, true) => {
                    let read = variable.value();
                    self.snapshots[at] = read.array().cloned();
                    self.values[at] = Some(read);
                }
            }
        }
    }

    /// Each variable as an argument of the program.
    #[inline]
    pub(crate) fn args(&mut self) -> SmallVec<[Option<Arg<'_>>; 8]> {
        let mut args: SmallVec<[Option<Arg<'_>>; 8]> =
            self.snapshots.iter().map(|snapshot| snapshot.as_ref().map(Arg::Ref)).collect();
        for (k, guard) in &mut self.guards {
            args[*k as usize] = Some(Arg::State(guard));
        }
        args
    }

    /// The value of variable `k` before the run, as tapes know it; None if it was not shown.
    pub(crate) fn shown(&self, k: u32) -> Option<Tensor> {
        self.values.get(k as usize).cloned().flatten()
    }

    /// The value of variable `k` now.
    pub(crate) fn value(&self, k: u32) -> Option<Array> {
        let state = || self.guards.iter().find(|(other, _)| *other == k).map(|(_, array)| Array::clone(array));
        self.snapshots[k as usize].clone().or_else(state)
    }

    /// The new values.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Array> {
        self.guards.iter().map(|(_, array)| &**array)
    }

    /// Gives the variables the values that were shown.
    pub(crate) fn restore(&mut self) {
        for (k, guard) in &mut self.guards {
            if let Some(array) = self.values[*k as usize].as_ref().and_then(Tensor::array) {
                Array::clone_from(guard, array);
            }
        }
    }
}
