//! [`Generator`]: a stream of one's own.

use super::seed::IntoSeed;
use super::{Stream, entropy, shuffled};
use crate::Variable;
use crate::engine::collect;
use crate::error::{Error, Result, at, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_runtime::Array;

/// A stream of random numbers of one's own. Reproducible whatever other threads draw: give each thread its own.
///
/// ```
/// use tracelift as tl;
/// let a = tl::random::Generator::from_seed(7);
/// let b = tl::random::Generator::from_seed(7);
/// assert_eq!(a.uniform(&[2]), b.uniform(&[2]));
/// assert_ne!(a.uniform(&[2]), a.uniform(&[2]));
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    /// u64[2]: seed and next tick.
    pub(super) state: Variable,
}

impl Generator {
    /// A generator whose numbers follow from `seed`.
    #[track_caller]
    pub fn from_seed(seed: u64) -> Generator {
        let state = Tensor::from_array(Array::from_slice(&[2], &[seed, 0]));
        Generator { state: Variable::new(state).named("generator").trainable(false) }
    }

    /// A generator in the state that [`Generator::state`] of another holds: `u64[2]`, seed and next tick.
    #[track_caller]
    pub fn from_state(state: &Tensor) -> Generator {
        let loc = Location::caller();
        let state = unwrap(state.state("random::Generator::from_state", loc));
        Generator { state: Variable::new(state).named("generator").trainable(false) }
    }

    /// A generator seeded by the system's entropy.
    #[track_caller]
    pub fn from_non_deterministic_state() -> Generator {
        Generator::from_seed(entropy())
    }

    /// Starts anew with `seed`.
    #[track_caller]
    pub fn reset_from_seed(&self, seed: u64) {
        self.state.assign(Tensor::from_array(Array::from_slice(&[2], &[seed, 0])));
    }

    /// `n` generators whose streams are unrelated to this one's and to each other's. Takes one tick. Panics where
    /// [`try_split`](Self::try_split) gives an error.
    #[track_caller]
    pub fn split(&self, n: usize) -> Vec<Generator> {
        unwrap(self.try_split(n))
    }

    /// The twin of [`split`](Self::split). An error if there is no memory for so many.
    #[track_caller]
    pub fn try_split(&self, n: usize) -> Result<Vec<Generator>> {
        let loc = Location::caller();
        let name = |e: Error| at(e.map_message(|m| format!("split: {n} generators: {m}")), loc);
        let [seed, tick] = self.advance();
        let child = |i: u64| mix(mix(mix(seed) ^ tick) ^ (i + 1));
        collect(n, (0..).map(|i| Generator::from_seed(child(i)))).map_err(name)
    }

    /// `x` in random order along its first axis.
    #[track_caller]
    pub fn shuffle(&self, x: impl IntoTensor) -> Tensor {
        let loc = Location::caller();
        unwrap(x.operand().into_tensor(loc).and_then(|x| shuffled(Stream::Own(self), &x, loc)))
    }

    /// The variable behind it: `u64[2]`, seed and next tick.
    pub fn state(&self) -> &Variable {
        &self.state
    }

    /// Seed and tick now; the next draw sees the next tick.
    pub(super) fn advance(&self) -> [u64; 2] {
        let mut array = self.state.lock();
        let state = array.as_mut_slice::<u64>();
        let [seed, tick] = [state[0], state[1]];
        state[1] = tick.wrapping_add(1);
        [seed, tick]
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn too_many_streams_are_an_error() {
        let generator = Generator::from_seed(1);
        assert_eq!(generator.split(3).len(), 3);
        assert_eq!(generator.try_split(1 << 60).unwrap_err().kind(), Kind::Memory);
    }
}
