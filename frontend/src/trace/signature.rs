//! [`Signature`]: what makes two calls of a function "the same", and how one trace comes to serve many sizes.
//!
//! Equal are: structure, types behind trait objects, static values (floats by bits), dtype and shape of every tensor
//! and variable, which variables are trainable, and which are the same one. Sizes may be symbols: a symbol stands for
//! any size, the same at each of its places.

use super::key::TypeKey;
use super::leaf::{Extent, Leaves, StaticValue};
use crate::tensor::Tensor;
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::fmt::Write;
use tracelift_compiler::{Dim, TensorSpec};
use tracelift_runtime::DType;

/// The key of a trace.
pub(crate) struct Signature {
    words: Box<[u64]>,
    types: Box<[TypeKey]>,
    pub(crate) tensors: Box<[TensorKey]>,
    variables: Box<[VariableKey]>,
    /// For each variable, the first position of the same one.
    aliases: Box<[u32]>,
    statics: Box<[Box<dyn StaticValue>]>,
    arguments: Box<[Extent]>,
    /// How many symbols the sizes use.
    pub(crate) symbols: usize,
}

/// Dtype and sizes of one tensor.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TensorKey {
    dtype: DType,
    sizes: SmallVec<[Size; 4]>,
}

/// What of a variable a trace depends on.
#[derive(PartialEq, Eq)]
struct VariableKey {
    value: TensorKey,
    trainable: bool,
}

/// One axis: a length, or symbol `k` stored as `-1 - k`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Size(i64);

impl Size {
    fn symbol(k: usize) -> Size {
        Size(-1 - k as i64)
    }

    fn as_symbol(self) -> Option<usize> {
        (self.0 < 0).then(|| (-1 - self.0) as usize)
    }
}

/// Values of the symbols while one call is matched; -1 is unbound.
type Bindings = SmallVec<[i64; 8]>;

impl TensorKey {
    fn of(tensor: &Tensor) -> TensorKey {
        match tensor.array() {
            Some(array) => Self::new(array.dtype(), array.shape()),
            None => TensorKey { dtype: tensor.dtype(), sizes: SmallVec::new() },
        }
    }

    fn new(dtype: DType, shape: &[usize]) -> TensorKey {
        TensorKey { dtype, sizes: shape.iter().map(|&n| Size(n as i64)).collect() }
    }

    /// The spec to trace with.
    pub(crate) fn spec(&self) -> TensorSpec {
        let dims = self.sizes.iter().map(|size| match size.as_symbol() {
            Some(k) => Dim::sym(k as u32),
            None => Dim::from(size.0),
        });
        TensorSpec::new(self.dtype, dims)
    }

    fn admits(&self, dtype: DType, shape: &[usize], bound: &mut Bindings) -> bool {
        self.dtype == dtype
            && self.sizes.len() == shape.len()
            && self.sizes.iter().zip(shape).all(|(size, &n)| match size.as_symbol() {
                None => size.0 == n as i64,
                Some(k) if bound[k] < 0 => {
                    bound[k] = n as i64;
                    true
                }
                Some(k) => bound[k] == n as i64,
            })
    }
}

impl VariableKey {
    fn of(variable: &Variable) -> VariableKey {
        let value = TensorKey::new(variable.dtype(), &variable.shape());
        VariableKey { value, trainable: variable.is_trainable() }
    }

    fn describe(&self) -> String {
        let note = if self.trainable { "" } else { " (not trainable)" };
        format!("{}{note}", self.value.spec())
    }
}

impl Signature {
    /// The signature of exactly this call.
    pub(crate) fn of(leaves: &Leaves<'_>) -> Signature {
        Signature {
            words: leaves.words.as_slice().into(),
            types: leaves.types.as_slice().into(),
            tensors: leaves.tensors.iter().map(|t| TensorKey::of(t)).collect(),
            variables: leaves.variables.iter().map(|v| VariableKey::of(v)).collect(),
            aliases: aliases(leaves),
            statics: leaves.statics.iter().map(|s| s.boxed()).collect(),
            arguments: leaves.arguments.as_slice().into(),
            symbols: 0,
        }
    }

    /// Whether the call may use the trace.
    pub(crate) fn admits(&self, leaves: &Leaves<'_>) -> bool {
        self.same_variables(leaves) && self.admits_with_known_variables(leaves)
    }

    /// [`admits`](Self::admits) for a call with exactly the variables of one that it admitted.
    pub(crate) fn admits_with_known_variables(&self, leaves: &Leaves<'_>) -> bool {
        let mut bound: Bindings = SmallVec::from_elem(-1, self.symbols);
        self.same_values(leaves)
            && self.same_trainables(leaves)
            && self.tensors.iter().zip(&leaves.tensors).all(|(key, tensor)| {
                tensor.array().is_some_and(|array| key.admits(array.dtype(), array.shape(), &mut bound))
            })
    }

    /// Whether there are as many variables, of these specs, the same ones the same.
    fn same_variables(&self, leaves: &Leaves<'_>) -> bool {
        *self.aliases == *aliases(leaves)
            && self.variables.iter().zip(&leaves.variables).all(|(VariableKey { value, .. }, v)| {
                value.dtype == v.dtype() && value.sizes.iter().map(|s| s.0).eq(v.shape().iter().map(|&n| n as i64))
            })
    }

    /// Whether the same variables are trainable: tapes in the body watch these.
    fn same_trainables(&self, leaves: &Leaves<'_>) -> bool {
        self.variables.iter().zip(&leaves.variables).all(|(key, v)| key.trainable == v.is_trainable())
    }

    /// The signature of a trace that serves both this one's calls and `leaves`, which differs only in sizes:
    /// each size that differs becomes a symbol, the same symbol where both calls had the same sizes. None if more
    /// differs, or if a size of an object's tensor (`fixed`) does.
    pub(crate) fn generalized(&self, leaves: &Leaves<'_>, fixed: &dyn Fn(usize) -> bool) -> Option<Signature> {
        let mut general = Signature::of(leaves);
        if !self.same_values(leaves) || !self.same_variables(leaves) || !self.same_trainables(leaves) {
            return None;
        }
        let mut pairs: Vec<(Size, Size)> = Vec::new();
        for (i, (old, new)) in self.tensors.iter().zip(&mut general.tensors).enumerate() {
            if old.dtype != new.dtype || old.sizes.len() != new.sizes.len() || (fixed(i) && old != new) {
                return None;
            }
            for (&a, b) in old.sizes.iter().zip(&mut new.sizes) {
                if a != *b {
                    let k = pairs.iter().position(|&p| p == (a, *b)).unwrap_or_else(|| {
                        pairs.push((a, *b));
                        pairs.len() - 1
                    });
                    *b = Size::symbol(k);
                }
            }
        }
        general.symbols = pairs.len();
        Some(general)
    }

    /// With the sizes of `specs` (None: any) in place of the tensors' own. Err says which tensor does not fit.
    pub(crate) fn with_specs(mut self, specs: &[(DType, &[Option<i64>])]) -> Result<Signature, String> {
        if specs.len() != self.tensors.len() {
            return Err(format!(
                "input_signature has {} entries, the call has {} tensors",
                specs.len(),
                self.tensors.len()
            ));
        }
        for (i, (key, &(dtype, dims))) in self.tensors.iter_mut().zip(specs).enumerate() {
            let fits = key.dtype == dtype
                && key.sizes.len() == dims.len()
                && key.sizes.iter().zip(dims).all(|(size, dim)| dim.is_none_or(|n| n == size.0));
            if !fits {
                let wanted: Vec<_> = dims.iter().map(|d| d.map_or("None".to_owned(), |n| n.to_string())).collect();
                return Err(format!(
                    "tensor {i} is {}, input_signature says {dtype}[{}]",
                    key.spec(),
                    wanted.join(", ")
                ));
            }
            for (size, dim) in key.sizes.iter_mut().zip(dims) {
                if dim.is_none() {
                    *size = Size::symbol(self.symbols);
                    self.symbols += 1;
                }
            }
        }
        Ok(self)
    }

    /// The same tensors, sizes and symbols for a call whose other leaves are `leaves`.
    pub(crate) fn with_leaves_of(&self, leaves: &Leaves<'_>) -> Signature {
        let now = Signature::of(leaves);
        if now.tensors.len() != self.tensors.len() {
            return now;
        }
        Signature { tensors: self.tensors.clone(), symbols: self.symbols, ..now }
    }

    /// Whether structure and static values are the same.
    fn same_values(&self, leaves: &Leaves<'_>) -> bool {
        *self.words == *leaves.words
            && *self.types == *leaves.types
            && self.tensors.len() == leaves.tensors.len()
            && *self.arguments == *leaves.arguments
            && self.statics.len() == leaves.statics.len()
            && self.statics.iter().zip(&leaves.statics).all(|(a, b)| (**a).is_equal(*b))
    }

    /// What differs from a call, one line an argument.
    pub(crate) fn difference(&self, leaves: &Leaves<'_>, names: &[&str]) -> String {
        let now = Signature::of(leaves);
        let mut text = String::new();
        // Extent 0 ends settings and types of a generic function; argument k lies between extents k and k + 1.
        let name = |k: usize| names.get(k).copied().unwrap_or("?");
        if self.arguments.len() != now.arguments.len() {
            return "another number of arguments".to_owned();
        }
        for k in 0..self.arguments.len() {
            let slice = |all: &[Extent]| (if k == 0 { Extent::default() } else { all[k - 1] }, all[k]);
            let ((a0, a1), (b0, b1)) = (slice(&self.arguments), slice(&now.arguments));
            let what = if k == 0 { "its type parameters or settings".to_owned() } else { format!("`{}`", name(k - 1)) };
            let tensors = |s: &Signature, from: Extent, to: Extent| {
                let keys = &s.tensors[from.tensors as usize..to.tensors as usize];
                keys.iter().map(|key| key.spec().to_string()).collect::<Vec<_>>().join(", ")
            };
            let variables = |s: &Signature, from: Extent, to: Extent| {
                let keys = &s.variables[from.variables as usize..to.variables as usize];
                keys.iter().map(VariableKey::describe).collect::<Vec<_>>().join(", ")
            };
            let (before, after) = (tensors(self, a0, a1), tensors(&now, b0, b1));
            if before != after {
                let _ = writeln!(text, "{what}: tensors were {before}, are {after}");
            }
            let (before, after) = (variables(self, a0, a1), variables(&now, b0, b1));
            if before != after {
                let _ = writeln!(text, "{what}: variables were [{before}], are [{after}]");
            }
            let words =
                |s: &Signature, from: Extent, to: Extent| s.words[from.words as usize..to.words as usize].to_vec();
            if words(self, a0, a1) != words(&now, b0, b1) {
                let advice = if k == 0 { "" } else { "; pass a Tensor where a number changes often" };
                let _ = writeln!(text, "{what}: another static value or structure{advice}");
            }
        }
        if self.types != now.types {
            let _ = writeln!(text, "another type behind a type parameter or a trait object");
        }
        if self.aliases != now.aliases {
            let _ = writeln!(text, "which variables are the same one differs");
        }
        let statics_differ = self.statics.len() != now.statics.len()
            || self.statics.iter().zip(&now.statics).any(|(a, b)| !(**a).is_equal(&**b));
        if statics_differ {
            let _ = writeln!(text, "another static value");
        }
        text.trim_end().to_owned()
    }

    /// `x: f32[n0, 4], lr: 1 static`: for reports.
    pub(crate) fn describe(&self, names: &[&str]) -> String {
        let parts = (1..self.arguments.len()).map(|k| {
            let (from, to) = (self.arguments[k - 1], self.arguments[k]);
            let tensors = self.tensors[from.tensors as usize..to.tensors as usize].iter();
            let variables = self.variables[from.variables as usize..to.variables as usize].iter();
            let mut leaves: Vec<String> = tensors.map(|key| key.spec().to_string()).collect();
            leaves.extend(variables.map(|key| format!("variable {}", key.describe())));
            if leaves.is_empty() {
                leaves.push("static".to_owned());
            }
            format!("{}: {}", names.get(k - 1).unwrap_or(&"?"), leaves.join(", "))
        });
        format!("({})", parts.collect::<Vec<_>>().join("; "))
    }
}

fn aliases(leaves: &Leaves<'_>) -> Box<[u32]> {
    let mut first = FxHashMap::default();
    (0..).zip(&leaves.variables).map(|(i, v)| *first.entry(v.id()).or_insert(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tree::Tree;
    use tracelift_runtime::Array;

    fn tensor(shape: &[usize]) -> Tensor {
        Tensor::from_array(Array::zeros(DType::F32, shape).unwrap())
    }

    fn leaves<'a>(trees: &'a [&'a dyn Tree]) -> Leaves<'a> {
        let mut leaves = Leaves::new();
        leaves.instance(TypeKey::of::<()>());
        for tree in trees {
            tree.visit(&mut leaves);
            leaves.end_argument();
        }
        leaves
    }

    #[test]
    fn sizes_that_differ_together_share_a_symbol() {
        let (x, y) = (tensor(&[8, 3]), tensor(&[8]));
        let first = Signature::of(&leaves(&[&x, &y]));
        let (x, y) = (tensor(&[5, 3]), tensor(&[5]));
        let general = first.generalized(&leaves(&[&x, &y]), &|_| false).unwrap();
        assert_eq!(general.describe(&["x", "y"]), "(x: f32[n0, 3]; y: f32[n0])");
        let (x, y) = (tensor(&[2, 3]), tensor(&[2]));
        assert!(general.admits(&leaves(&[&x, &y])));
        let apart = tensor(&[4]);
        assert!(!general.admits(&leaves(&[&x, &apart])));
        let split = general.generalized(&leaves(&[&x, &apart]), &|_| false).unwrap();
        assert_eq!(split.describe(&["x", "y"]), "(x: f32[n0, 3]; y: f32[n1])");
    }

    #[test]
    fn the_same_variable_twice_is_another_signature() {
        let (a, b) = (crate::Variable::new(0.0), crate::Variable::new(0.0));
        let apart = Signature::of(&leaves(&[&a, &b]));
        assert!(apart.admits(&leaves(&[&b, &a])));
        assert!(!apart.admits(&leaves(&[&a, &a])));
        let same = Signature::of(&leaves(&[&a, &a]));
        assert!(same.admits(&leaves(&[&b, &b])));
        assert!(!same.admits(&leaves(&[&a, &b])));
    }

    #[test]
    fn floats_are_compared_by_bits_and_differences_named() {
        let zero = Signature::of(&leaves(&[&0.0f32]));
        assert!(zero.admits(&leaves(&[&0.0f32])));
        assert!(!zero.admits(&leaves(&[&-0.0f32])));
        let text = zero.difference(&leaves(&[&1.0f32]), &["lr"]);
        assert_eq!(text, "`lr`: another static value or structure; pass a Tensor where a number changes often");
    }
}
