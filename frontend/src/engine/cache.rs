//! Programs of one op, kept.
//!
//! A program is made once for each [`Key`] with symbolic sizes, and found in a small table of this thread or, behind
//! it, in a map that threads share. A call that finds its program allocates nothing but results. Where symbols do not
//! do (an axis of length 0, a rule that must know a size) the program is for one dtype and shape of each operand.

use super::backend::Backend as Code;
use super::key::{self, Pattern};
use super::settings::Settings;
use crate::error::Result;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracelift_compiler::TensorSpec;
use tracelift_compiler::graph::opdef::Lower;
use tracelift_compiler::graph::{Attrs, Graph, OpDef};
use tracelift_runtime::exec::Arg;
use tracelift_runtime::generations::Generations;
use tracelift_runtime::{Array, DType};

/// Results of a program.
pub(crate) type Results = SmallVec<[Array; 2]>;

/// What a program is found by.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub op: &'static OpDef,
    pub attrs: &'a Attrs,
    pub task: Task,
    pub settings: Settings,
    pub pattern: Pattern,
}

/// What a program does with its op.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// Computes its results from its operands.
    Forward,
    /// Computes cotangents of the operands in `wanted` from operands, results, and those cotangents of results that
    /// are in `given`. Bit sets.
    Backward { wanted: u32, given: u32 },
}

/// A graph to make a program of, and which of the possible results it has (a bit set).
pub(crate) struct Source {
    pub graph: Graph,
    pub present: u32,
}

/// A program.
struct Entry {
    op: &'static OpDef,
    attrs: Attrs,
    task: Task,
    settings: Settings,
    pattern: Pattern,
    /// The operands that it is for; None: all of the pattern.
    operands: Option<Operands>,
    /// Whether the pattern alone says that the op takes these operands.
    decided: bool,
    present: u32,
    code: Code,
}

/// A program that this thread used lately, and the operands that the op's rule has accepted last.
struct Recent {
    entry: Arc<Entry>,
    accepted: Operands,
}

/// The dtype and shape of each operand: a pattern that stands for "none" tells neither.
type Operands = Vec<(DType, Vec<usize>)>;

/// Slots of the thread's table.
const SLOTS: usize = 512;

thread_local! {
    static RECENT: RefCell<Vec<Option<Recent>>> = RefCell::new((0..SLOTS).map(|_| None).collect());
}

/// Programs that threads share, by [`Entry::hash`]; those used lately. Each maps its code, and a process has some 65,000
/// mappings; an attribute with ever new values, as a size is, would need ever more.
type Shared = Generations<u64, Arc<Entry>>;
const PROGRAMS: usize = 4096;

fn shared() -> MutexGuard<'static, Shared> {
    static SHARED: Mutex<Shared> = Mutex::new(Shared::new(PROGRAMS));
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the program of `key`, making it if need be: `build` gives the graph for operands of these specs. The results
/// come with the bit set of [`Source::present`].
pub(crate) fn run(
    key: &Key<'_>,
    inputs: &[&Array],
    build: &dyn Fn(&[TensorSpec]) -> Result<Source>,
) -> Result<(Results, u32)> {
    let hash = key.hash();
    let slot = (hash >> 32) as usize % SLOTS;
    // Taken out while it runs: the kernel of a custom op may run ops that look here, this one too.
    let found = RECENT.with_borrow_mut(|recent| {
        recent[slot].take_if(|recent| recent.entry.serves(key, inputs) && recent.accepts(inputs))
    });
    let recent = match found {
        Some(recent) => recent,
        None => prepare(key, hash, inputs, build)?,
    };
    let outcome = recent.entry.run(inputs);
    let old = RECENT.with_borrow_mut(|table| table[slot].replace(recent));
    // Dropped outside the borrow, as the last owner of a program drops more.
    drop(old);
    outcome
}

/// Forgets every program.
pub(crate) fn clear() {
    shared().clear();
    RECENT.with_borrow_mut(|recent| recent.fill_with(|| None));
}

/// Finds or makes the program.
#[cold]
fn prepare(
    key: &Key<'_>,
    hash: u64,
    inputs: &[&Array],
    build: &dyn Fn(&[TensorSpec]) -> Result<Source>,
) -> Result<Recent> {
    // Built for the operands as they are first: this is where wrong ones are refused.
    let exact = build(&key::concrete_specs(inputs))?;
    let entry = match known(key, hash, inputs) {
        Some(entry) => entry,
        None => {
            let entry = Arc::new(Entry::new(key, exact, inputs, build)?);
            shared().insert(entry.hash(hash), entry.clone(), 1);
            entry
        }
    };
    Ok(Recent { entry, accepted: operands_of(inputs) })
}

/// The shared program for these operands: of all of the pattern, or of their dtypes and shapes alone.
fn known(key: &Key<'_>, hash: u64, inputs: &[&Array]) -> Option<Arc<Entry>> {
    let places = [hash, hash_with(hash, &operands_of(inputs))];
    let mut shared = shared();
    places.iter().find_map(|place| shared.get(place).filter(|e| e.serves(key, inputs)).cloned())
}

fn hash_with(hash: u64, operands: &Operands) -> u64 {
    FxBuildHasher.hash_one((hash, operands))
}

fn operands_of(inputs: &[&Array]) -> Operands {
    inputs.iter().map(|a| (a.dtype(), a.shape().to_vec())).collect()
}

fn are_same(operands: &Operands, inputs: &[&Array]) -> bool {
    operands.len() == inputs.len()
        && operands.iter().zip(inputs).all(|((dtype, shape), a)| *dtype == a.dtype() && shape == a.shape())
}

impl Key<'_> {
    fn hash(&self) -> u64 {
        key::hash(self.op, self.attrs, &self.pattern, &(self.task, self.settings))
    }
}

impl Recent {
    /// Whether the op takes these operands: the pattern says so, or it took such operands last.
    fn accepts(&self, inputs: &[&Array]) -> bool {
        self.entry.decided || are_same(&self.accepted, inputs)
    }
}

impl Entry {
    fn new(
        key: &Key<'_>,
        exact: Source,
        inputs: &[&Array],
        build: &dyn Fn(&[TensorSpec]) -> Result<Source>,
    ) -> Result<Entry> {
        let general = match key.pattern == Pattern::default() && !inputs.is_empty() {
            true => None,
            false => build(&key.pattern.specs(inputs)).ok(),
        };
        let operands = general.is_none().then(|| operands_of(inputs));
        let Source { graph, present } = general.unwrap_or(exact);
        let decided = matches!(key.op.lower, Lower::Elementwise(_) | Lower::Reduction(_) | Lower::Contraction);
        Ok(Entry {
            op: key.op,
            attrs: key.attrs.clone(),
            task: key.task,
            settings: key.settings,
            pattern: key.pattern,
            operands,
            decided,
            present,
            code: Code::compile_with(&graph, key.settings)?.0,
        })
    }

    /// Where it is among the shared programs, for the hash of its key.
    fn hash(&self, key: u64) -> u64 {
        self.operands.as_ref().map_or(key, |operands| hash_with(key, operands))
    }

    fn serves(&self, key: &Key<'_>, inputs: &[&Array]) -> bool {
        std::ptr::eq(self.op, key.op)
            && self.pattern == key.pattern
            && self.task == key.task
            && self.settings == key.settings
            && self.attrs == *key.attrs
            && self.operands.as_ref().is_none_or(|operands| are_same(operands, inputs))
    }

    fn run(&self, inputs: &[&Array]) -> Result<(Results, u32)> {
        let mut args: SmallVec<[Arg<'_>; 6]> = inputs.iter().map(|&a| Arg::Ref(a)).collect();
        Ok((self.code.run(&mut args)?, self.present))
    }
}
