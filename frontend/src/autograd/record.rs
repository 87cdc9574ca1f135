//! What an open tape records: ops whose operands depend on a watched tensor, with operands and results.
//!
//! Invariants: the open tapes of a thread are its stack, from which they may leave in any order; an op that does
//! not depend on a watched tensor leaves no trace; a paused tape sees nothing.

use crate::Variable;
use crate::error::Result;
use crate::tensor::Tensor;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tracelift_compiler::graph::{Attrs, OpDef};

thread_local! {
    /// How many open tapes are not paused: the one check that an op pays when there are none.
    static RECORDING: Cell<u32> = const { Cell::new(0) };
    static TAPES: RefCell<Vec<Rc<Record>>> = const { RefCell::new(Vec::new()) };
}

/// What one tape has recorded.
#[derive(Default)]
pub(crate) struct Record {
    state: RefCell<State>,
    paused: Cell<u32>,
    /// As paused, but reads of variables are noted.
    blind: Cell<u32>,
    /// Records no steps but what they use from outside.
    observes: bool,
    closed: Cell<bool>,
}

#[derive(Default)]
struct State {
    nodes: Vec<Rc<Node>>,
    /// Ids of the tensors that depend on a watched one.
    active: FxHashSet<u64>,
    /// Variables watched although they are not trainable.
    watched: FxHashSet<u64>,
    /// What an observer has seen used that was not made meanwhile.
    used: Vec<Tensor>,
    /// For each variable, the ids of the snapshots read.
    reads: FxHashMap<u64, SmallVec<[u64; 1]>>,
}

/// One recorded step.
pub(crate) struct Node {
    pub backward: Backward,
    pub inputs: SmallVec<[Tensor; 2]>,
    pub outputs: SmallVec<[Tensor; 1]>,
}

/// Cotangents of a step's inputs from those of its outputs.
pub(crate) type CustomBackward = Rc<dyn Fn(&[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>>;

/// How a step is differentiated.
pub(crate) enum Backward {
    /// By the op's rule.
    Op { op: &'static OpDef, attrs: Attrs },
    /// By a function.
    Custom(CustomBackward),
}

impl Record {
    /// A new record, on top of the thread's stack.
    pub(crate) fn open() -> Rc<Record> {
        Self::push_open(Record::default())
    }

    fn push_open(record: Record) -> Rc<Record> {
        let record = Rc::new(record);
        TAPES.with_borrow_mut(|tapes| tapes.push(record.clone()));
        recount();
        record
    }

    /// Takes the record off the stack; a second time does nothing.
    pub(crate) fn close(self: &Rc<Record>) {
        if self.closed.replace(true) {
            return;
        }
        // While a thread ends its stack may be gone before a tape that it kept.
        let _ = TAPES.try_with(|tapes| tapes.borrow_mut().retain(|t| !Rc::ptr_eq(t, self)));
        recount();
    }

    /// Runs `f` unseen by this record.
    pub(crate) fn pause<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Pause<'a>(&'a Record);
        impl Drop for Pause<'_> {
            fn drop(&mut self) {
                self.0.paused.set(self.0.paused.get() - 1);
                recount();
            }
        }
        self.paused.set(self.paused.get() + 1);
        recount();
        let _pause = Pause(self);
        f()
    }

    /// Records everything that depends on this tensor from now on.
    pub(crate) fn watch(&self, tensor: &Tensor) {
        self.state.borrow_mut().active.insert(tensor.id());
    }

    /// Notes that this snapshot is a variable's value; watches it if the variable is watched.
    fn watch_read(&self, variable: &Variable, snapshot: &Tensor) {
        let mut state = self.state.borrow_mut();
        let wanted = variable.is_trainable() || state.watched.contains(&variable.id());
        if self.paused.get() == 0 && !self.observes && wanted && state.active.insert(snapshot.id()) {
            state.reads.entry(variable.id()).or_default().push(snapshot.id());
        }
    }

    /// Watches a variable that is not trainable.
    pub(crate) fn watch_variable(&self, variable: u64) {
        self.state.borrow_mut().watched.insert(variable);
    }

    /// The recorded steps so far.
    pub(crate) fn nodes(&self) -> Vec<Rc<Node>> {
        self.state.borrow().nodes.clone()
    }

    /// The ids under which a variable was read.
    pub(crate) fn reads_of(&self, variable: u64) -> SmallVec<[u64; 1]> {
        self.state.borrow().reads.get(&variable).cloned().unwrap_or_default()
    }

    fn depends(&self, inputs: &[&Tensor]) -> bool {
        let state = self.state.borrow();
        self.sees() && inputs.iter().any(|t| state.active.contains(&t.id()))
    }

    /// Whether steps are recorded now.
    fn sees(&self) -> bool {
        self.paused.get() == 0 && self.blind.get() == 0 && !self.observes
    }

    /// Notes what an observed step uses and makes.
    fn observe(&self, inputs: &[&Tensor], outputs: &[Tensor]) {
        let state = &mut *self.state.borrow_mut();
        for &input in inputs {
            if state.active.insert(input.id()) {
                state.used.push(input.clone());
            }
        }
        state.active.extend(outputs.iter().map(Tensor::id));
    }

    fn push(&self, node: &Rc<Node>) {
        let mut state = self.state.borrow_mut();
        state.active.extend(node.outputs.iter().map(Tensor::id));
        state.nodes.push(node.clone());
    }
}

/// For each tensor, whether an open tape records what is computed from it.
pub(crate) fn watched(tensors: &[Tensor]) -> Vec<bool> {
    TAPES.with_borrow(|tapes| tensors.iter().map(|t| tapes.iter().any(|tape| tape.depends(&[t]))).collect())
}

/// Whether an open tape records what is computed from the tensor of this id.
pub(crate) fn watches(id: u64) -> bool {
    TAPES.with_borrow(|tapes| tapes.iter().any(|t| t.sees() && t.state.borrow().active.contains(&id)))
}

/// Whether someone asks which tensors from outside are used: then each op must be shown.
pub(crate) fn is_observed() -> bool {
    TAPES.with_borrow(|tapes| tapes.iter().any(|t| t.observes))
}

/// Runs `f` with the tapes that are open now put aside; tapes that `f` opens work as ever.
pub(crate) fn aside<R>(f: impl FnOnce() -> R) -> R {
    struct Resume(Vec<Rc<Record>>);
    impl Drop for Resume {
        fn drop(&mut self) {
            let mut tapes = std::mem::take(&mut self.0);
            tapes.retain(|t| !t.closed.get());
            // A tape that `f` left open is not among them: what it has seen ends with `f`.
            TAPES.set(tapes);
            recount();
        }
    }
    let _resume = Resume(TAPES.take());
    recount();
    f()
}

/// Counts again after every change, so that tapes may end in any order, also one that is not on the stack (it was put
/// [`aside`], or a trace left it open).
fn recount() {
    let recording = |tapes: &RefCell<Vec<Rc<Record>>>| tapes.borrow().iter().filter(|t| t.paused.get() == 0).count();
    let count = TAPES.try_with(recording).unwrap_or(0);
    let _ = RECORDING.try_with(|n| n.set(count as u32));
}

/// Whether a tape on this thread is open and not paused.
#[inline]
pub(crate) fn is_recording() -> bool {
    RECORDING.get() != 0
}

/// Whether an open tape records what is computed from this tensor.
pub(crate) fn is_active(tensor: &Tensor) -> bool {
    let sees = |tape: &Rc<Record>| {
        !tape.observes && tape.paused.get() == 0 && tape.state.borrow().active.contains(&tensor.id())
    };
    TAPES.with_borrow(|tapes| tapes.iter().any(sees))
}

/// Runs `f`; the tensors from outside that its ops used.
pub(crate) fn observed<R>(f: impl FnOnce() -> R) -> (R, Vec<Tensor>) {
    struct Closing(Rc<Record>);
    impl Drop for Closing {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    let observer = Closing(Record::push_open(Record { observes: true, ..Record::default() }));
    let result = f();
    let used = std::mem::take(&mut observer.0.state.borrow_mut().used);
    (result, used)
}

/// [`observed`], unseen by the tapes that are open; they are told of the variables read.
pub(crate) fn unseen<R>(f: impl FnOnce() -> R) -> (R, Vec<Tensor>) {
    struct Blind(Vec<Rc<Record>>);
    impl Drop for Blind {
        fn drop(&mut self) {
            self.0.iter().for_each(|tape| tape.blind.set(tape.blind.get() - 1));
        }
    }
    let blind = Blind(TAPES.with_borrow(|tapes| tapes.clone()));
    blind.0.iter().for_each(|tape| tape.blind.set(tape.blind.get() + 1));
    observed(f)
}

/// Shows an op that has run to the open tapes.
pub(crate) fn note(op: &'static OpDef, attrs: &Attrs, inputs: &[&Tensor], outputs: &[Tensor]) {
    note_with(inputs, outputs, || Backward::Op { op, attrs: attrs.clone() });
}

/// Shows the tapes a step with a gradient of its own.
pub(crate) fn note_custom(inputs: &[&Tensor], outputs: &[Tensor], backward: CustomBackward) {
    note_with(inputs, outputs, || Backward::Custom(backward));
}

/// Tells the tapes that `snapshot` is the value of a variable.
#[inline]
pub(crate) fn note_read(variable: &Variable, snapshot: &Tensor) {
    if is_recording() && variable.dtype().is_float() {
        TAPES.with_borrow(|tapes| tapes.iter().for_each(|t| t.watch_read(variable, snapshot)));
    }
}

fn note_with(inputs: &[&Tensor], outputs: &[Tensor], backward: impl FnOnce() -> Backward) {
    if !is_recording() {
        return;
    }
    TAPES.with_borrow(|tapes| {
        tapes.iter().filter(|t| t.observes).for_each(|t| t.observe(inputs, outputs));
        let mut depending = tapes.iter().filter(|t| t.depends(inputs));
        let Some(first) = depending.next() else { return };
        let inputs = inputs.iter().map(|&t| t.clone()).collect();
        let node = Rc::new(Node { backward: backward(), inputs, outputs: outputs.into() });
        first.push(&node);
        depending.for_each(|t| t.push(&node));
    });
}
