//! [`Leaves`]: what a walk over a call's arguments finds. Filling one is the first half of every call, so it
//! allocates nothing for up to eight tensors and variables; names are kept only when asked for.

use super::key::TypeKey;
use crate::engine::settings::Settings;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::any::Any;

/// The leaves of a call's arguments (or of any tree), in order.
#[derive(Default)]
pub struct Leaves<'a> {
    /// Structure and static values: lengths, variants, numbers by bits, text.
    pub(crate) words: SmallVec<[u64; 16]>,
    /// The types behind trait objects and generic parameters.
    pub(crate) types: SmallVec<[TypeKey; 8]>,
    /// Every tensor.
    pub(crate) tensors: SmallVec<[&'a Tensor; 8]>,
    /// Every variable, with repetitions.
    pub(crate) variables: SmallVec<[&'a Variable; 8]>,
    /// Static values that are no words.
    pub(crate) statics: SmallVec<[&'a dyn StaticValue; 2]>,
    /// Where each argument ends.
    pub(crate) arguments: SmallVec<[Extent; 8]>,
    /// Whether the walk is inside an object.
    in_object: bool,
    /// The ids of the objects' tensors.
    object_tensors: SmallVec<[u64; 4]>,
    last_owner: usize,
    names: Option<Box<Names>>,
}

/// How many leaves of each kind there were after an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Extent {
    pub(crate) words: u32,
    pub(crate) tensors: u32,
    pub(crate) variables: u32,
    pub(crate) statics: u32,
}

/// What a named walk notes besides.
#[derive(Default)]
struct Names {
    path: Vec<String>,
    tensors: Vec<(String, bool)>,
    variables: Vec<String>,
}

/// A static value of any type, compared by value.
pub trait StaticValue: Send + Sync {
    /// Whether `other` has the same type and value.
    fn is_equal(&self, other: &dyn StaticValue) -> bool;
    /// An owned copy.
    fn boxed(&self) -> Box<dyn StaticValue>;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

impl<T: Eq + Clone + Send + Sync + 'static> StaticValue for T {
    fn is_equal(&self, other: &dyn StaticValue) -> bool {
        other.as_any().downcast_ref::<T>() == Some(self)
    }
    fn boxed(&self) -> Box<dyn StaticValue> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<'a> Leaves<'a> {
    /// An empty walk.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An empty walk that will note the path to each leaf.
    pub(crate) fn named() -> Self {
        Self { names: Some(Box::default()), ..Self::default() }
    }

    /// A tensor.
    pub fn tensor(&mut self, tensor: &'a Tensor) {
        if self.in_object {
            self.object_tensor(tensor.id());
        }
        self.tensors.push(tensor);
        if let Some(names) = &mut self.names {
            names.tensors.push((names.path.join("/"), self.in_object));
        }
    }

    /// A body sees the object itself, where two fields that hold one tensor cannot be told apart: which do is a part of
    /// the structure.
    fn object_tensor(&mut self, id: u64) {
        let known = self.object_tensors.iter().position(|&other| other == id);
        self.words.push(known.unwrap_or(self.object_tensors.len()) as u64);
        self.object_tensors.push(id);
    }

    /// A variable.
    pub fn variable(&mut self, variable: &'a Variable) {
        self.variables.push(variable);
        if let Some(names) = &mut self.names {
            names.variables.push(names.path.join("/"));
        }
    }

    /// Something here belongs to the variable `id`: to which leaf, if it was visited; else to itself alone.
    pub(crate) fn reference(&mut self, id: u64) {
        // Owners mostly come in the order of their leaves: look behind the last one first.
        let (before, after) = self.variables.split_at(self.last_owner.min(self.variables.len()));
        let offset = after.iter().position(|v| v.id() == id).map(|i| i + before.len());
        match offset.or_else(|| before.iter().position(|v| v.id() == id)) {
            Some(index) => {
                self.last_owner = index + 1;
                self.words.extend([0, index as u64]);
            }
            None => self.words.extend([1, id]),
        }
    }

    /// A static value as a word, or a part of the structure: a length, a variant.
    pub fn word(&mut self, word: u64) {
        self.words.push(word);
    }

    /// Static numbers, by their bits, and how many there are.
    pub(crate) fn numbers(&mut self, numbers: &[f64]) {
        self.words.push(numbers.len() as u64);
        self.words.extend(numbers.iter().map(|number| number.to_bits()));
    }

    /// The type of what follows, where the type of the whole does not say it.
    pub fn type_key(&mut self, key: TypeKey) {
        self.types.push(key);
    }

    /// A static text.
    pub fn text(&mut self, text: &str) {
        self.words.push(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.words.push(u64::from_le_bytes(word));
        }
    }

    /// A static value of any type.
    pub fn static_value<T: std::hash::Hash + Eq + Clone + Send + Sync + 'static>(&mut self, value: &'a T) {
        self.statics.push(value);
    }

    /// The leaves up to [`exit`](Self::exit) belong to the part `name`.
    pub fn enter(&mut self, name: &str) {
        if let Some(names) = &mut self.names {
            names.path.push(name.to_owned());
        }
    }

    /// The leaves up to [`exit`](Self::exit) belong to element `index`.
    pub fn enter_index(&mut self, index: usize) {
        if let Some(names) = &mut self.names {
            names.path.push(index.to_string());
        }
    }

    /// The end of a part.
    pub fn exit(&mut self) {
        if let Some(names) = &mut self.names {
            names.path.pop();
        }
    }

    /// What all calls of a function must share besides their arguments: what runs it, and its instance if it is generic.
    pub(crate) fn instance(&mut self, key: TypeKey) {
        self.words.push(Settings::now().word());
        self.type_key(key);
        self.end_argument();
    }

    /// Whether the tensors that follow are parts of an object.
    #[doc(hidden)]
    pub fn set_object(&mut self, is_object: bool) {
        self.in_object = is_object;
    }

    /// The argument's leaves are complete.
    pub(crate) fn end_argument(&mut self) {
        self.arguments.push(Extent {
            words: self.words.len() as u32,
            tensors: self.tensors.len() as u32,
            variables: self.variables.len() as u32,
            statics: self.statics.len() as u32,
        });
    }

    /// The path to each variable; empty unless the walk is a [`named`](Self::named) one.
    pub(crate) fn variable_names(&self) -> &[String] {
        self.names.as_ref().map_or(&[], |n| &n.variables)
    }

    /// The path to tensor `index` and whether it is part of an object; only in a [`named`](Self::named) walk.
    pub(crate) fn tensor_name(&self, index: usize) -> Option<(&str, bool)> {
        self.names.as_ref().map(|n| (n.tensors[index].0.as_str(), n.tensors[index].1))
    }
}
