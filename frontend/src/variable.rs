//! [`Variable`]: state of fixed dtype and shape that programs read and assign.
//!
//! Invariants: a read is a snapshot that later assignments do not change; `assign_add` and `assign_sub` are one
//! atomic step; a value's id changes with every assignment, so that tapes tell reads before and after it apart.

use crate::autograd::tape;
use crate::engine::dispatch;
use crate::error::{Error, Kind, Result, at, raise, unwrap};
use crate::tensor::operand::{Held, Operand};
use crate::tensor::{IntoTensor, Literal, Shape, Tensor, id, literal};
use crate::trace::recorder;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use tracelift_compiler::TensorSpec;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops;
use tracelift_runtime::{Array, DType};

/// A tensor-valued cell, shared by its clones; `Send + Sync`. Dtype and shape are fixed when it is made.
///
/// Trainable variables (the default) are watched by every open [`GradientTape`](crate::GradientTape).
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let w = Variable::new([1.0, 2.0]).named("w");
/// w.assign_sub(0.5 * constant([1.0, 1.0])).assign_add(1.0);
/// assert_eq!(w.value().to_vec::<f32>(), [1.5, 2.5]);
/// ```
#[derive(Clone)]
pub struct Variable(Arc<Inner>);

struct Inner {
    id: u64,
    name: Mutex<Arc<str>>,
    trainable: AtomicBool,
    dtype: DType,
    shape: Shape,
    array: Mutex<Array>,
    /// The thread that holds the value by a [`Guard`]; 0 is none.
    holder: AtomicUsize,
    /// The id of the tensors that reads give; changes, under the lock, with the value.
    value_id: AtomicU64,
}

thread_local! {
    /// Its address is the thread's number.
    static THREAD: u8 = const { 0 };
}

fn this_thread() -> usize {
    THREAD.with(|mark| std::ptr::from_ref(mark).addr())
}

/// A variable held for writing. Another attempt by the same thread is an error instead of a wait for ever.
pub(crate) struct Guard<'a> {
    array: MutexGuard<'a, Array>,
    holder: &'a AtomicUsize,
}

impl Deref for Guard<'_> {
    type Target = Array;
    fn deref(&self) -> &Array {
        &self.array
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Array {
        &mut self.array
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.holder.store(0, Ordering::Relaxed);
    }
}

impl Variable {
    /// A trainable variable with this first value: a literal (`f32`, `i32`, `bool`, nested arrays) or a tensor. Panics
    /// where [`try_new`](Self::try_new) gives an error.
    #[track_caller]
    pub fn new(value: impl Literal) -> Variable {
        unwrap(Variable::try_new(value))
    }

    /// The twin of [`new`](Self::new). An error if lists of the literal differ in length, or the tensor has no value while
    /// tracing.
    #[track_caller]
    pub fn try_new(value: impl Literal) -> Result<Variable> {
        let loc = Location::caller();
        let value = literal::read(&value, loc)?;
        recorder::variable(&value.spec(), loc, || Variable::create(&value, loc))
    }

    /// Which variable this is; clones are the same variable.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The same variable under another name, for messages, checkpoints and summaries.
    pub fn named(self, name: &str) -> Variable {
        *lock(&self.0.name) = name.into();
        self
    }

    /// The same variable, watched by tapes of itself or not.
    pub fn trainable(self, trainable: bool) -> Variable {
        self.0.trainable.store(trainable, Ordering::Relaxed);
        self
    }

    /// The name; empty unless given.
    pub fn name(&self) -> String {
        lock(&self.0.name).to_string()
    }

    /// Whether tapes watch it of themselves.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The length of each axis.
    pub fn shape(&self) -> Shape {
        self.0.shape.clone()
    }

    /// The value now: a snapshot that later assignments do not change.
    #[track_caller]
    pub fn value(&self) -> Tensor {
        self.read(Location::caller())
    }

    /// Replaces the value. Panics if dtype or shape differ.
    #[track_caller]
    pub fn assign(&self, value: impl IntoTensor) -> &Self {
        unwrap(self.set("assign", value.operand(), Location::caller()));
        self
    }

    /// Adds to the value, in one atomic step.
    #[track_caller]
    pub fn assign_add(&self, value: impl IntoTensor) -> &Self {
        unwrap(self.update(&ops::ADD, "assign_add", value.operand(), Location::caller()));
        self
    }

    /// Subtracts from the value, in one atomic step.
    #[track_caller]
    pub fn assign_sub(&self, value: impl IntoTensor) -> &Self {
        unwrap(self.update(&ops::SUBTRACT, "assign_sub", value.operand(), Location::caller()));
        self
    }

    /// The twin of [`assign`](Self::assign).
    #[track_caller]
    pub fn try_assign(&self, value: impl IntoTensor) -> Result<&Self> {
        self.set("assign", value.operand(), Location::caller()).map(|()| self)
    }

    /// The twin of [`assign_add`](Self::assign_add).
    #[track_caller]
    pub fn try_assign_add(&self, value: impl IntoTensor) -> Result<&Self> {
        self.update(&ops::ADD, "assign_add", value.operand(), Location::caller()).map(|()| self)
    }

    /// The twin of [`assign_sub`](Self::assign_sub).
    #[track_caller]
    pub fn try_assign_sub(&self, value: impl IntoTensor) -> Result<&Self> {
        self.update(&ops::SUBTRACT, "assign_sub", value.operand(), Location::caller()).map(|()| self)
    }

    /// Dtype and shape.
    pub(crate) fn spec(&self) -> TensorSpec {
        TensorSpec::new(self.0.dtype, self.0.shape.iter().copied())
    }

    /// What an op that uses the variable sees: the trace's value, or a snapshot; tapes are told.
    pub(crate) fn read(&self, loc: &'static Location<'static>) -> Tensor {
        let value = recorder::read(self, loc).unwrap_or_else(|| {
            let array = self.array();
            Tensor::with_id(array.clone(), self.0.value_id.load(Ordering::Relaxed))
        });
        tape::note_read(self, &value);
        value
    }

    /// The value now, unseen by traces and tapes.
    pub(crate) fn peek(&self) -> Array {
        self.array().clone()
    }

    /// Holds the variable for writing: others read before or after. Reads give tensors of a new id from then on.
    pub(crate) fn lock(&self) -> Guard<'_> {
        let guard = self.guard();
        self.0.value_id.store(id::fresh(), Ordering::Relaxed);
        guard
    }

    /// [`lock`](Self::lock), and the value before as tapes see it.
    pub(crate) fn lock_and_read(&self) -> (Guard<'_>, Tensor) {
        let guard = self.guard();
        let value = Tensor::with_id(guard.clone(), self.0.value_id.swap(id::fresh(), Ordering::Relaxed));
        tape::note_read(self, &value);
        (guard, value)
    }

    fn guard(&self) -> Guard<'_> {
        let array = self.array();
        self.0.holder.store(this_thread(), Ordering::Relaxed);
        Guard { array, holder: &self.0.holder }
    }

    /// Exclusive access to the value. Panics if this thread has it already.
    fn array(&self) -> MutexGuard<'_, Array> {
        match self.0.array.try_lock() {
            Ok(array) => array,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if self.0.holder.load(Ordering::Relaxed) == this_thread() => self.refuse(),
            Err(TryLockError::WouldBlock) => lock(&self.0.array),
        }
    }

    #[cold]
    fn refuse(&self) -> ! {
        let text = format!("{} is held by the call that runs on this thread", self.title());
        let hint = "what a kernel needs of a variable is an operand of its op";
        raise(Error::new(Kind::Value, text).hint(hint), Location::caller())
    }

    fn create(value: &Tensor, loc: &'static Location<'static>) -> Result<Variable> {
        let array = match value.array() {
            Some(array) => array.clone(),
            None => recorder::constant_value(value).map_err(|e| at(e, loc))?,
        };
        Ok(Variable(Arc::new(Inner {
            id: id::fresh(),
            name: Mutex::new("".into()),
            trainable: AtomicBool::new(true),
            dtype: array.dtype(),
            shape: array.shape().into(),
            array: Mutex::new(array),
            holder: AtomicUsize::new(0),
            value_id: AtomicU64::new(id::fresh()),
        })))
    }

    fn set(&self, what: &str, value: Operand<'_>, loc: &'static Location<'static>) -> Result<()> {
        let value = self.operand(what, value, loc)?;
        self.store(what, &value, loc)
    }

    fn update(
        &self,
        op: &'static OpDef,
        what: &str,
        delta: Operand<'_>,
        loc: &'static Location<'static>,
    ) -> Result<()> {
        let delta = self.operand(what, delta, loc)?;
        if recorder::is_active() || delta.is_symbolic() {
            let result = dispatch::apply(op, Attrs::new(), &[&self.read(loc), &delta], loc)?;
            return self.store(what, &result[0], loc);
        }
        let mut array = self.array();
        let old = Tensor::from_array(array.clone());
        let new = dispatch::execute(op, &Attrs::new(), &[&old, &delta], loc)?;
        self.check(what, &new[0], loc)?;
        *array = new[0].concrete("assign", loc)?.clone();
        self.0.value_id.store(id::fresh(), Ordering::Relaxed);
        Ok(())
    }

    /// What messages call it.
    fn title(&self) -> String {
        let name = self.name();
        if name.is_empty() { "the variable".to_owned() } else { format!("variable `{name}`") }
    }

    /// What is assigned: a number takes the variable's dtype.
    fn operand<'a>(&self, what: &str, value: Operand<'a>, loc: &'static Location<'static>) -> Result<Held<'a>> {
        let name = |e: Error| at(e.map_message(|text| format!("{what}: {}: {text}", self.title())), loc);
        value.hold(Some(self.0.dtype), loc).map_err(name)
    }

    fn store(&self, what: &str, value: &Tensor, loc: &'static Location<'static>) -> Result<()> {
        self.check(what, value, loc)?;
        if recorder::assign(self, value, loc)? {
            return Ok(());
        }
        *self.lock() = value.concrete("assign", loc)?.clone();
        Ok(())
    }

    fn check(&self, what: &str, value: &Tensor, loc: &'static Location<'static>) -> Result<()> {
        let (expected, received) = (self.spec(), value.spec());
        if expected == received
            || (value.is_symbolic() && expected.dtype == received.dtype && received.const_shape().is_none())
        {
            return Ok(());
        }
        let text = format!("{what}: {} is {expected}, the new value is {received}", self.title());
        let kind = if expected.dtype == received.dtype { Kind::Shape } else { Kind::DType };
        let hint = match kind {
            Kind::DType => format!("convert the value with `.cast(DType::{:?})`", expected.dtype),
            _ => "a variable keeps its shape; reduce or reshape the value".to_owned(),
        };
        Err(at(Error::new(kind, text).hint(hint), loc))
    }
}

/// Locks, whatever happened to earlier holders: a value is replaced whole, so a panic cannot tear it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variable({:?}, {})", self.name(), self.spec())
    }
}
