//! [`Pattern`]: what of its operands' shapes a one-op program depends on.
//!
//! Two calls share a program if ranks and dtypes agree, the same axes have length 1, and the same axes are equal
//! to each other. In the program each distinct length but 1 is a size symbol. So `f32[3, 4] + f32[4]` and
//! `f32[7, 2] + f32[2]` share one.

use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{Dim, TensorSpec};
use tracelift_runtime::Array;

/// Dtype, rank and the code of each axis of each operand: 0 for length 1, k for the k-th distinct length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Pattern {
    bytes: [u8; Pattern::CAPACITY],
}

impl Pattern {
    const CAPACITY: usize = 32;
    /// More distinct lengths than this are not worth a pattern.
    const LENGTHS: usize = 12;

    /// The pattern; None if the operands are too many or have an axis of length 0, which symbols do not cover.
    pub(crate) fn of(inputs: &[&Array]) -> Option<Pattern> {
        let mut pattern = Pattern::default();
        let mut lengths = [0usize; Pattern::LENGTHS];
        let (mut at, mut distinct) = (0, 0);
        for input in inputs {
            let shape = input.shape();
            let end = at + 2 + shape.len();
            if end > Pattern::CAPACITY {
                return None;
            }
            pattern.bytes[at] = input.dtype() as u8 + 1;
            pattern.bytes[at + 1] = shape.len() as u8;
            for (code, &length) in pattern.bytes[at + 2..end].iter_mut().zip(shape) {
                *code = match length {
                    0 => return None,
                    1 => 0,
                    _ => match lengths[..distinct].iter().position(|&l| l == length) {
                        Some(k) => k as u8 + 1,
                        None if distinct == Pattern::LENGTHS => return None,
                        None => {
                            lengths[distinct] = length;
                            distinct += 1;
                            distinct as u8
                        }
                    },
                };
            }
            at = end;
        }
        Some(pattern)
    }

    /// The operands' specs with a symbol for each distinct length.
    pub(crate) fn specs(&self, inputs: &[&Array]) -> SmallVec<[TensorSpec; 3]> {
        let mut at = 0;
        let mut spec = |input: &&Array| {
            let codes = &self.bytes[at + 2..at + 2 + input.shape().len()];
            at += 2 + codes.len();
            let dim = |&code: &u8| if code == 0 { Dim::ONE } else { Dim::sym(u32::from(code) - 1) };
            TensorSpec::new(input.dtype(), codes.iter().map(dim))
        };
        inputs.iter().map(&mut spec).collect()
    }
}

/// The operands' specs as they are.
pub(crate) fn concrete_specs(inputs: &[&Array]) -> SmallVec<[TensorSpec; 3]> {
    inputs.iter().map(|a| TensorSpec::new(a.dtype(), a.shape().iter().copied())).collect()
}

/// The hash of an op, its attributes, a pattern, and what else tells programs apart.
pub(crate) fn hash(op: &'static OpDef, attrs: &Attrs, pattern: &Pattern, rest: &impl Hash) -> u64 {
    let mut state = rustc_hash::FxHasher::default();
    state.write_usize(std::ptr::from_ref(op) as usize);
    for word in pattern.bytes.chunks_exact(8) {
        state.write_u64(u64::from_le_bytes(word.try_into().expect("8 bytes")));
    }
    rest.hash(&mut state);
    if !attrs.is_empty() {
        attrs.hash(&mut state);
    }
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracelift_runtime::DType;

    fn pattern(shapes: &[&[usize]]) -> Option<Pattern> {
        let arrays: Vec<Array> = shapes.iter().map(|s| Array::zeros(DType::F32, s).unwrap()).collect();
        Pattern::of(&arrays.iter().collect::<Vec<_>>())
    }

    #[test]
    fn equal_patterns_share_and_unequal_ones_do_not() {
        assert!(pattern(&[&[3, 4], &[4]]) == pattern(&[&[7, 2], &[2]]));
        assert!(pattern(&[&[3, 4], &[4]]) != pattern(&[&[4, 4], &[4]]));
        assert!(pattern(&[&[3, 4], &[1]]) != pattern(&[&[3, 4], &[4]]));
        assert!(pattern(&[&[3], &[4]]) != pattern(&[&[3, 4]]));
        assert!(pattern(&[&[0]]).is_none());
        assert!(pattern(&[&[2; 16], &[2; 16]]).is_none());
    }

    #[test]
    fn symbols_stand_for_distinct_lengths() {
        let arrays = [&[3, 1, 4][..], &[4]].map(|s| Array::zeros(DType::F32, s).unwrap());
        let inputs = [&arrays[0], &arrays[1]];
        let specs = Pattern::of(&inputs).unwrap().specs(&inputs);
        assert_eq!(format!("{specs:?}"), "[f32[n0, 1, n1], f32[n1]]");
    }
}
