//! Seeds from seeds: [`split`] and [`fold_in`].

use super::{IntoSeed, Stream, draw};
use crate::error::{Error, Kind, Result, at, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{Dim, ops};
use tracelift_runtime::DType;

/// `n` seeds, the rows of a `u64[n, 2]`, whose draws are unrelated to those of `seed` and to each other's. As
/// TensorFlow's and JAX's functions of this name, with other bits.
///
/// ```
/// use tracelift as tl;
/// let seeds = tl::random::split(7, 2);
/// let [x, y] = [0, 1].map(|i| tl::random::stateless_normal(&[3], seeds.at(i)));
/// assert_ne!(x, y);
/// assert_eq!(seeds, tl::random::split([7, 0], 2));
/// ```
#[track_caller]
pub fn split(seed: impl IntoSeed, n: usize) -> Tensor {
    let loc = Location::caller();
    let n = i64::try_from(n).unwrap_or(i64::MAX);
    unwrap(seed.state("random::split", loc).and_then(|seed| integers(seed, &[n, 2], loc)))
}

/// The seed, `u64[2]`, that stands for the integer `data` (a scalar, such as the number of a step) under `seed`. Draws
/// for different numbers are unrelated to each other's and to those of `seed`.
///
/// ```
/// use tracelift as tl;
/// let noise = |step: i64| tl::random::stateless_uniform(&[3], tl::random::fold_in(7, step));
/// assert_eq!(noise(1), noise(1));
/// assert_ne!(noise(1), noise(2));
/// ```
#[track_caller]
pub fn fold_in(seed: impl IntoSeed, data: impl IntoTensor) -> Tensor {
    let loc = Location::caller();
    unwrap(seed.state("random::fold_in", loc).and_then(|seed| folded(seed, data.operand().into_tensor(loc)?, loc)))
}

/// A key of its own for the numbers that are folded in, and a draw by key and number.
fn folded(seed: Tensor, data: Tensor, loc: &'static Location<'static>) -> Result<Tensor> {
    let spec = data.spec();
    if !spec.dtype.is_int() || spec.rank() != 0 {
        let text = format!("random::fold_in: expected an integer scalar as `data`, received {spec}");
        return Err(at(Error::new(Kind::Shape, text), loc));
    }
    let key = integers(seed, &[1], loc)?;
    let number = data.try_cast(DType::U64)?.try_reshape([1])?;
    integers(crate::try_concat(&[&key, &number], 0)?, &[2], loc)
}

/// u64 of nearly all values.
fn integers(seed: Tensor, shape: &[i64], loc: &'static Location<'static>) -> Result<Tensor> {
    let shape: Vec<Dim> = shape.iter().copied().map(Dim::from).collect();
    let range = Attrs::new().with("minval", i64::MIN).with("maxval", i64::MAX).with("dtype", DType::I64);
    draw(Stream::Seed(seed), &ops::RANDOM_INTEGERS, range.with("dims", shape), loc)?.try_cast(DType::U64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stateless_uniform;
    use std::collections::HashSet;

    #[test]
    fn seeds_are_distinct_and_traced_alike() {
        let seeds = split([3, 4], 1000);
        let rows: HashSet<[u64; 2]> = seeds.to_vec::<u64>().chunks_exact(2).map(|row| [row[0], row[1]]).collect();
        assert_eq!(rows.len(), 1000);
        assert_eq!(split(3, 0).shape(), [0, 2]);
        let folded: HashSet<Vec<u64>> = (0..1000).map(|step| fold_in([3, 4], step).to_vec::<u64>()).collect();
        assert_eq!(folded.len(), 1000);
        let body = |step: &Tensor| stateless_uniform([4], fold_in(9, step));
        let step = Tensor::from(5i64);
        assert_eq!(crate::function(body).call(&step), body(&step));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let error = crate::attempt(|| fold_in(1, Tensor::from([1, 2]))).unwrap_err();
        assert!(error.message().contains("an integer scalar as `data`, received i32[2]"), "{error}");
        let error = crate::attempt(|| fold_in(1, 0.5)).unwrap_err();
        assert!(error.message().contains("an integer scalar"), "{error}");
        let error = crate::attempt(|| split(Tensor::from([1, 2, 3]), 2)).unwrap_err();
        assert!(error.message().contains("a seed of one integer or two"), "{error}");
    }
}
