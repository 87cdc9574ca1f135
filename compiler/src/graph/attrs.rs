//! Attributes: plain data, so that printing, parsing, hashing and merging are written once.

use super::Graph;
use crate::base::{DType, Dim};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tracelift_runtime::Array;

/// One attribute's value.
#[derive(Clone, Debug)]
pub enum AttrValue {
    /// `true`
    Bool(bool),
    /// `3`
    Int(i64),
    /// `0.5`; equal and hashed by bits.
    Float(f64),
    /// `"NHWC"`
    Str(Arc<str>),
    /// `f32`
    DType(DType),
    /// `[0, -1]`
    Ints(Arc<[i64]>),
    /// `dims[n0, 4]`: sizes, possibly symbolic.
    Dims(Arc<[Dim]>),
    /// A constant's elements; equal by dtype, shape and bits.
    Data(Array),
    /// A subgraph.
    Graph(Arc<Graph>),
}

/// Attributes by name, in the order in which the op declares them; absent ones have the op's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attrs(SmallVec<[(&'static str, AttrValue); 2]>);

impl Attrs {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more attribute (or a replaced one).
    pub fn with(mut self, name: &'static str, value: impl Into<AttrValue>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds or replaces an attribute.
    pub fn set(&mut self, name: &'static str, value: impl Into<AttrValue>) {
        let value = value.into();
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&AttrValue> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &AttrValue)> {
        self.0.iter().map(|(n, v)| (*n, v))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A boolean; false if absent.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(AttrValue::Bool(true)))
    }

    /// An integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(AttrValue::Int(v)) => Some(*v),
            _ => None,
        }
    }

    /// A float.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(AttrValue::Float(v)) => Some(*v),
            Some(AttrValue::Int(v)) => Some(*v as f64),
            _ => None,
        }
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.get(name) {
            Some(AttrValue::Ints(v)) => Some(v),
            _ => None,
        }
    }

    /// A list of sizes.
    pub fn dims(&self, name: &str) -> Option<&[Dim]> {
        match self.get(name) {
            Some(AttrValue::Dims(v)) => Some(v),
            _ => None,
        }
    }

    /// A dtype.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        match self.get(name) {
            Some(AttrValue::DType(v)) => Some(*v),
            _ => None,
        }
    }

    /// A string.
    pub fn str(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(AttrValue::Str(v)) => Some(v),
            _ => None,
        }
    }

    /// A constant's elements.
    pub fn data(&self, name: &str) -> Option<&Array> {
        match self.get(name) {
            Some(AttrValue::Data(v)) => Some(v),
            _ => None,
        }
    }

    /// A subgraph.
    pub fn graph(&self, name: &str) -> Option<&Arc<Graph>> {
        match self.get(name) {
            Some(AttrValue::Graph(v)) => Some(v),
            _ => None,
        }
    }
}

impl PartialEq for AttrValue {
    fn eq(&self, other: &Self) -> bool {
        use AttrValue::*;
        match (self, other) {
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits(),
            (Str(a), Str(b)) => a == b,
            (DType(a), DType(b)) => a == b,
            (Ints(a), Ints(b)) => a == b,
            (Dims(a), Dims(b)) => a == b,
            (Data(a), Data(b)) => a.dtype() == b.dtype() && a.shape() == b.shape() && a.as_bytes() == b.as_bytes(),
            (Graph(a), Graph(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for AttrValue {}

impl Hash for AttrValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            AttrValue::Bool(v) => v.hash(state),
            AttrValue::Int(v) => v.hash(state),
            AttrValue::Float(v) => v.to_bits().hash(state),
            AttrValue::Str(v) => v.hash(state),
            AttrValue::DType(v) => v.hash(state),
            AttrValue::Ints(v) => v.hash(state),
            AttrValue::Dims(v) => v.hash(state),
            AttrValue::Data(v) => (v.dtype(), v.shape(), v.as_bytes()).hash(state),
            AttrValue::Graph(v) => v.hash(state),
        }
    }
}

macro_rules! from {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => {$(
        impl From<$t> for AttrValue { fn from($v: $t) -> Self { $e } }
    )*};
}

from! {
    bool => |v| AttrValue::Bool(v),
    i64 => |v| AttrValue::Int(v),
    f64 => |v| AttrValue::Float(v),
    &str => |v| AttrValue::Str(v.into()),
    DType => |v| AttrValue::DType(v),
    &[i64] => |v| AttrValue::Ints(v.into()),
    Vec<i64> => |v| AttrValue::Ints(v.into()),
    &[Dim] => |v| AttrValue::Dims(v.into()),
    Vec<Dim> => |v| AttrValue::Dims(v.into()),
    Array => |v| AttrValue::Data(v),
    Graph => |v| AttrValue::Graph(Arc::new(v)),
    Arc<Graph> => |v| AttrValue::Graph(v),
}
