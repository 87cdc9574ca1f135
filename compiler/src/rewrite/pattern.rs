//! Patterns: small expressions with variables, matched against a graph or built into one.
//!
//! Written by the [`pat!`](crate::pat) macro: `ADD(x, NEGATIVE(y))`. A word is a variable (the same word twice
//! matches the same value only), `[c]` a variable for a constant whose elements are all the same, a number such a
//! constant, `{-1.0}` likewise (any Rust expression), `OP(..)` an op without attributes. Operands of commutative
//! ops match in either order.

use super::Draft;
use super::rule::is_commutative;
use crate::base::{DType, Error, Kind, Result};
use crate::graph::{Attrs, OpDef, ValueId};
use smallvec::SmallVec;

/// An expression with variables.
#[derive(Clone, Copy, Debug)]
pub enum Pat {
    /// Any value.
    Var(&'static str),
    /// Any constant whose elements are all the same.
    Number(&'static str),
    /// A constant whose elements are all this, by bits: 0.0 is not -0.0.
    Const(f64),
    /// An op without attributes.
    Op(&'static OpDef, &'static [Pat]),
}

/// What the variables stand for.
#[derive(Clone, Debug, Default)]
pub struct Bindings(SmallVec<[(&'static str, ValueId); 4]>);

impl Bindings {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<ValueId> {
        self.0.iter().find(|(n, _)| *n == name).map(|&(_, v)| v)
    }

    /// Binds a variable; false if it already stands for another value.
    fn bind(&mut self, name: &'static str, value: ValueId) -> bool {
        match self.get(name) {
            Some(bound) => bound == value,
            None => {
                self.0.push((name, value));
                true
            }
        }
    }
}

impl Pat {
    /// Whether `value` is of this form; binds variables.
    pub fn matches(&self, graph: &Draft<'_>, value: ValueId, bindings: &mut Bindings) -> bool {
        match *self {
            Pat::Var(name) => bindings.bind(name, value),
            Pat::Number(name) => graph.number(value).is_some() && bindings.bind(name, value),
            Pat::Const(number) => graph.is_number(value, number),
            Pat::Op(op, operands) => {
                let node = graph.node(value);
                if !std::ptr::eq(node.op, op) || node.inputs.len() != operands.len() || !node.attrs.is_empty() {
                    return false;
                }
                let before = bindings.0.len();
                if operands.iter().zip(&node.inputs).all(|(pat, &v)| pat.matches(graph, v, bindings)) {
                    return true;
                }
                bindings.0.truncate(before);
                let swapped = is_commutative(op)
                    && operands.iter().zip(node.inputs.iter().rev()).all(|(pat, &v)| pat.matches(graph, v, bindings));
                if !swapped {
                    bindings.0.truncate(before);
                }
                swapped
            }
        }
    }

    /// Builds the expression. A number takes the dtype of the operand beside it, else `dtype`; None if that dtype
    /// does not hold it.
    pub fn build(&self, graph: &mut Draft<'_>, bindings: &Bindings, dtype: DType) -> Result<Option<ValueId>> {
        match *self {
            Pat::Var(name) | Pat::Number(name) => match bindings.get(name) {
                Some(value) => Ok(Some(value)),
                None => Err(Error::new(Kind::Internal, format!("rule variable `{name}` is not bound on its left"))),
            },
            Pat::Const(number) => Ok(graph.scalar(number, dtype)),
            Pat::Op(op, operands) => {
                let mut values = SmallVec::<[Option<ValueId>; 3]>::new();
                let mut beside = dtype;
                for operand in operands.iter() {
                    let value = match operand {
                        Pat::Const(_) => None,
                        _ => match operand.build(graph, bindings, dtype)? {
                            Some(value) => Some(value),
                            None => return Ok(None),
                        },
                    };
                    beside = value.map_or(beside, |v| graph.spec(v).dtype);
                    values.push(value);
                }
                let mut inputs = SmallVec::<[ValueId; 3]>::new();
                for (operand, value) in operands.iter().zip(values) {
                    match value {
                        Some(value) => inputs.push(value),
                        None => match operand.build(graph, bindings, beside)? {
                            Some(value) => inputs.push(value),
                            None => return Ok(None),
                        },
                    }
                }
                graph.apply(op, Attrs::new(), &inputs).map(Some)
            }
        }
    }
}

/// A [`Pat`] from text such as `ADD(x, NEGATIVE(y))`; ops are statics in scope.
#[macro_export]
macro_rules! pat {
    ($op:ident ( $($arg:tt $( ( $($inner:tt)* ) )? ),* )) => {
        $crate::rewrite::pattern::Pat::Op(&$op, &[$( $crate::pat!($arg $( ( $($inner)* ) )?) ),*])
    };
    ([$number:ident]) => { $crate::rewrite::pattern::Pat::Number(stringify!($number)) };
    ({$value:expr}) => { $crate::rewrite::pattern::Pat::Const($value) };
    ($var:ident) => { $crate::rewrite::pattern::Pat::Var(stringify!($var)) };
    ($value:literal) => { $crate::rewrite::pattern::Pat::Const($value as f64) };
}
