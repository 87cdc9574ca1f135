//! [`Rule`]: one named rewrite; [`RuleSet`]: many, found by the op at their root.

use super::Draft;
use super::pattern::{Bindings, Pat};
use crate::base::{DType, Result};
use crate::graph::opdef::Lower;
use crate::graph::{OpDef, ValueId};
use crate::ops;
use crate::options::Options;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// One rewrite.
#[derive(Debug)]
pub struct Rule {
    /// For statistics, dumps and errors.
    pub name: &'static str,
    /// How faithful it is, hence when it may be used.
    pub exactness: Exactness,
    /// What it does.
    pub action: Action,
}

/// How faithful a rule is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exactness {
    /// Bit-equal for every input of every dtype.
    Exact,
    /// Bit-equal for integers and booleans. For floats it forgets NaN, infinities or the sign of zero, so it needs
    /// `fast_math` there.
    Ints,
    /// Floats differ in rounding only (the sign of a zero sum included), by at most this many units in the last
    /// place; not in `strict` mode.
    Close(u32),
    /// Only under `fast_math`.
    Fast,
}

/// What a rule does.
#[derive(Debug)]
pub enum Action {
    /// Left becomes right.
    Pattern {
        /// What to look for.
        left: Pat,
        /// What to put there.
        right: Pat,
        /// A condition on what the variables stand for.
        guard: Option<fn(&Draft<'_>, &Bindings) -> bool>,
    },
    /// Code, for ops with attributes.
    Code {
        /// Ops at the root.
        roots: Roots,
        /// Looks at the value and rewrites it.
        apply: fn(&mut Draft<'_>, ValueId) -> Result<Outcome>,
        /// Graphs in text form, in each of which the rule applies: its tests.
        examples: &'static [&'static str],
    },
}

/// Ops at the root of a rule.
#[derive(Clone, Copy, Debug)]
pub enum Roots {
    /// These.
    Ops(&'static [&'static OpDef]),
    /// Every op whose lowering is of a class.
    Class(fn(&Lower) -> bool),
}

/// What came of trying a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The root is replaced by this value.
    Applied(ValueId),
    /// The form is another.
    NoMatch,
    /// It fits, but for this reason it must not or need not be done.
    Blocked(&'static str),
}

impl Rule {
    /// Whether it may be used under these options on results of this dtype.
    pub fn is_allowed(&self, options: &Options, dtype: DType) -> bool {
        let fast = options.fast_math && !options.strict;
        match self.exactness {
            Exactness::Exact => true,
            Exactness::Ints => fast || dtype.is_int() || dtype == DType::Bool,
            Exactness::Close(_) => !options.strict,
            Exactness::Fast => fast,
        }
    }

    /// Tries it at `root`.
    pub fn apply(&self, graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
        match &self.action {
            Action::Code { apply, .. } => apply(graph, root),
            Action::Pattern { left, right, guard } => {
                let mut bindings = Bindings::default();
                if !left.matches(graph, root, &mut bindings) || guard.is_some_and(|g| !g(graph, &bindings)) {
                    return Ok(Outcome::NoMatch);
                }
                let dtype = graph.spec(root).dtype;
                let built = right.build(graph, &bindings, dtype)?;
                Ok(built.map_or(Outcome::Blocked("the dtype does not hold the constant"), Outcome::Applied))
            }
        }
    }

    /// Ops at the root.
    pub fn roots(&self) -> SmallVec<[&'static OpDef; 2]> {
        match &self.action {
            Action::Code { roots: Roots::Ops(ops), .. } => ops.iter().copied().collect(),
            Action::Code { roots: Roots::Class(admits), .. } => {
                ops::all().iter().copied().filter(|op| admits(&op.lower)).collect()
            }
            Action::Pattern { left: Pat::Op(op, _), .. } => SmallVec::from_elem(*op, 1),
            Action::Pattern { .. } => SmallVec::new(),
        }
    }
}

/// Rules by the op at their root, in the order of the tables.
#[derive(Debug, Default)]
pub struct RuleSet(FxHashMap<usize, SmallVec<[&'static Rule; 4]>>);

impl RuleSet {
    /// The rules of these tables.
    pub fn new(tables: &[&'static [Rule]]) -> Self {
        let mut set = Self::default();
        for rule in tables.iter().copied().flatten() {
            for op in rule.roots() {
                set.0.entry(key(op)).or_default().push(rule);
            }
        }
        set
    }

    /// Those that may apply to results of `op`.
    pub fn of(&self, op: &'static OpDef) -> &[&'static Rule] {
        self.0.get(&key(op)).map_or(&[], |rules| rules.as_slice())
    }
}

/// Whether operands may be exchanged.
pub fn is_commutative(op: &'static OpDef) -> bool {
    COMMUTATIVE.iter().any(|o| std::ptr::eq(*o, op))
}

/// Ops whose operands may be exchanged. Which zero is the greater of 0.0 and -0.0 is not specified.
pub static COMMUTATIVE: &[&OpDef] = &[
    &ops::ADD,
    &ops::MULTIPLY,
    &ops::MAXIMUM,
    &ops::MINIMUM,
    &ops::SQUARED_DIFFERENCE,
    &ops::EQUAL,
    &ops::NOT_EQUAL,
    &ops::LOGICAL_AND,
    &ops::LOGICAL_OR,
    &ops::LOGICAL_XOR,
    &ops::BITWISE_AND,
    &ops::BITWISE_OR,
    &ops::BITWISE_XOR,
];

/// Ops are statics, so an address identifies one.
fn key(op: &'static OpDef) -> usize {
    std::ptr::from_ref(op).addr()
}

/// A table of pattern rules, one a line: `exact name: LEFT => RIGHT` with `if guard` at the end where needed.
/// The first word is the [`Exactness`]: `exact`, `ints`, `close(2)` (units in the last place) or `fast`.
#[macro_export]
macro_rules! rules {
    ($($kind:ident $(($tolerance:literal))? $name:ident :
       $lop:ident ( $($larg:tt)* ) => $right:tt $( ( $($rarg:tt)* ) )? $(if $guard:expr)? ;)*) => {
        &[$($crate::rewrite::Rule {
            name: stringify!($name),
            exactness: $crate::rules!(@exactness $kind $($tolerance)?),
            action: $crate::rewrite::rule::Action::Pattern {
                left: $crate::pat!($lop ( $($larg)* )),
                right: $crate::pat!($right $( ( $($rarg)* ) )?),
                guard: $crate::rules!(@guard $($guard)?),
            },
        }),*]
    };
    (@exactness exact) => { $crate::rewrite::Exactness::Exact };
    (@exactness ints) => { $crate::rewrite::Exactness::Ints };
    (@exactness fast) => { $crate::rewrite::Exactness::Fast };
    (@exactness close $tolerance:literal) => { $crate::rewrite::Exactness::Close($tolerance) };
    (@guard) => { None };
    (@guard $guard:expr) => { Some($guard) };
}
