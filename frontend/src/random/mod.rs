//! Random tensors: a seeded process-wide generator, generators of one's own, and stateless draws.
//!
//! Counter-based (Philox4x32-10): a draw depends on the seed, the tick and the element's index, so it is the same
//! eager or traced and for any number of threads. Each draw takes one tick, in program order. The first values of layers
//! have ticks of their own: they are drawn while a function is traced, but other draws when it runs.
//!
//! A distribution comes in three forms: from the process generator (`normal`), a function of a seed
//! (`stateless_normal`, see [`IntoSeed`]), and from a generator (`Generator::normal`).

mod candidates;
mod derive;
mod generator;
mod seed;
mod spread;

use generator::mix;

pub use candidates::*;
pub use derive::*;
pub use generator::Generator;
pub use seed::IntoSeed;
pub use spread::*;

use crate::engine::dispatch;
use crate::error::{Error, Kind, Result, at, unwrap};
use crate::tensor::{IntoInts, IntoTensor, Tensor};
use crate::trace::recorder;
use std::cell::Cell;
use std::panic::Location;
use std::sync::Mutex;
use std::sync::PoisonError;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{Dim, ops};
use tracelift_runtime::{Array, DType};

/// The process generator; None until the first use.
static PROCESS: Mutex<Option<Process>> = Mutex::new(None);

/// Two streams of one seed.
struct Process {
    seed: u64,
    /// The next tick.
    tick: u64,
    /// The next tick of first values.
    first_value: u64,
}

thread_local! {
    /// Whether draws on this thread are first values.
    static FIRST_VALUES: Cell<bool> = const { Cell::new(false) };
}

/// Where a draw takes its tick from.
enum Stream<'a> {
    Process,
    Own(&'a Generator),
    /// This state.
    Seed(Tensor),
}

/// Restarts the process generator. Unseeded it starts from the system's entropy.
///
/// ```
/// use tracelift as tl;
/// tl::random::set_seed(1);
/// let x = tl::random::normal(&[3]);
/// tl::random::set_seed(1);
/// assert_eq!(x, tl::random::normal(&[3]));
/// ```
pub fn set_seed(seed: u64) {
    *PROCESS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Process::new(seed));
}

/// Takes ticks from the process generator: seed and first tick.
pub(crate) fn reserve(ticks: u64) -> [u64; 2] {
    let mut process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let process = process.get_or_insert_with(|| Process::new(entropy()));
    let (seed, next) = match FIRST_VALUES.get() {
        false => (process.seed, &mut process.tick),
        true => (mix(process.seed), &mut process.first_value),
    };
    let tick = *next;
    *next = tick.wrapping_add(ticks);
    [seed, tick]
}

/// Runs `f`, which draws first values of variables: eagerly, whenever that is.
pub(crate) fn first_values<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            FIRST_VALUES.set(self.0);
        }
    }
    let _restore = Restore(FIRST_VALUES.replace(true));
    recorder::suspended(f)
}

impl Process {
    fn new(seed: u64) -> Process {
        Process { seed, tick: 0, first_value: 0 }
    }
}

/// f32 uniform in `0..1` of symbolic sizes, from the process generator.
pub(crate) fn uniform_dims(dims: &[Dim], dtype: DType, loc: &'static Location<'static>) -> Result<Tensor> {
    draw(Stream::Process, &ops::RANDOM_UNIFORM, Attrs::new().with("dims", dims).with("dtype", dtype), loc)
}

/// As [`uniform_dims`], a function of the seed, as [`IntoSeed`] gives it.
pub(crate) fn stateless_uniform_dims(
    dims: &[Dim],
    dtype: DType,
    seed: Tensor,
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    draw(Stream::Seed(seed), &ops::RANDOM_UNIFORM, Attrs::new().with("dims", dims).with("dtype", dtype), loc)
}

macro_rules! draws {
    ($($(#[$doc:meta])* $name:ident $stateless:ident ($($arg:ident: $t:ty),*) $op:ident $attrs:expr;)*) => {
        $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(shape: impl IntoInts, $($arg: $t),*) -> Tensor {
                unwrap(draw(Stream::Process, &ops::$op, $attrs.with("dims", shape.dims()), Location::caller()))
            }

            #[doc = concat!("As [`", stringify!($name), "`], a function of the seed alone.")]
            #[track_caller]
            pub fn $stateless(shape: impl IntoInts, $($arg: $t,)* seed: impl IntoSeed) -> Tensor {
                let loc = Location::caller();
                let attrs = $attrs.with("dims", shape.dims());
                let state = seed.state(concat!("random::", stringify!($stateless)), loc);
                unwrap(state.and_then(|seed| draw(Stream::Seed(seed), &ops::$op, attrs, loc)))
            }
        )*

        impl Generator {
            $(
                #[doc = concat!("As [`", stringify!($name), "`](self::", stringify!($name), "), from this generator.")]
                #[track_caller]
                pub fn $name(&self, shape: impl IntoInts, $($arg: $t),*) -> Tensor {
                    unwrap(draw(Stream::Own(self), &ops::$op, $attrs.with("dims", shape.dims()), Location::caller()))
                }
            )*
        }
    };
}

draws! {
    /// f32, uniform from 0 to below 1.
    uniform stateless_uniform () RANDOM_UNIFORM Attrs::new();
    /// f32, uniform from `low` to below `high`.
    uniform_between stateless_uniform_between (low: f64, high: f64)
        RANDOM_UNIFORM Attrs::new().with("minval", low).with("maxval", high);
    /// `dtype`, a float, uniform from `low` to below `high`.
    uniform_with stateless_uniform_with (low: f64, high: f64, dtype: DType)
        RANDOM_UNIFORM Attrs::new().with("minval", low).with("maxval", high).with("dtype", dtype);
    /// `dtype`, a float, normal with this mean and standard deviation.
    normal_with stateless_normal_with (mean: f64, stddev: f64, dtype: DType)
        RANDOM_NORMAL Attrs::new().with("mean", mean).with("stddev", stddev).with("dtype", dtype);
    /// `dtype`, a float, normal with this mean and standard deviation, never more than two of these from the mean.
    truncated_normal_with stateless_truncated_normal_with (mean: f64, stddev: f64, dtype: DType)
        TRUNCATED_NORMAL Attrs::new().with("mean", mean).with("stddev", stddev).with("dtype", dtype);
    /// f32, normal with mean 0 and standard deviation 1.
    normal stateless_normal () RANDOM_NORMAL Attrs::new();
    /// f32, normal with mean 0 and standard deviation 1, never beyond ±2.
    truncated_normal stateless_truncated_normal () TRUNCATED_NORMAL Attrs::new();
    /// bool, true with probability `p`.
    bernoulli stateless_bernoulli (p: f64) RANDOM_BERNOULLI Attrs::new().with("p", p);
    /// i32, uniform from `low` to below `high`.
    integers stateless_integers (low: i64, high: i64)
        RANDOM_INTEGERS Attrs::new().with("maxval", high).with("minval", low);
    /// `dtype`, an integer, uniform from `low` to below `high`.
    integers_with stateless_integers_with (low: i64, high: i64, dtype: DType)
        RANDOM_INTEGERS Attrs::new().with("maxval", high).with("minval", low).with("dtype", dtype);
    /// f32, exponential with mean 1.
    exponential stateless_exponential () RANDOM_EXPONENTIAL Attrs::new();
    /// f32, Gumbel with location 0 and scale 1.
    gumbel stateless_gumbel () RANDOM_GUMBEL Attrs::new();
    /// f32, logistic with location 0 and scale 1.
    logistic stateless_logistic () RANDOM_LOGISTIC Attrs::new();
    /// f32, Laplace with location 0 and scale 1.
    laplace stateless_laplace () RANDOM_LAPLACE Attrs::new();
    /// f32, Cauchy with location 0 and scale 1.
    cauchy stateless_cauchy () RANDOM_CAUCHY Attrs::new();
}

/// `x` in random order along its first axis.
#[track_caller]
pub fn shuffle(x: impl IntoTensor) -> Tensor {
    let loc = Location::caller();
    unwrap(x.operand().into_tensor(loc).and_then(|x| shuffled(Stream::Process, &x, loc)))
}

/// As [`shuffle`], a function of the seed alone.
#[track_caller]
pub fn stateless_shuffle(x: impl IntoTensor, seed: impl IntoSeed) -> Tensor {
    let loc = Location::caller();
    let x = x.operand().into_tensor(loc);
    unwrap(x.and_then(|x| shuffled(Stream::Seed(seed.state("random::stateless_shuffle", loc)?), &x, loc)))
}

/// The numbers from 0 to below `n`, i32, in random order. Panics if they are more than i32 or the memory has.
#[track_caller]
pub fn permutation(n: usize) -> Tensor {
    let loc = Location::caller();
    unwrap(count_up(n, loc).and_then(|x| shuffled(Stream::Process, &x, loc)))
}

/// As [`permutation`], a function of the seed alone.
#[track_caller]
pub fn stateless_permutation(n: usize, seed: impl IntoSeed) -> Tensor {
    let loc = Location::caller();
    let seed = seed.state("random::stateless_permutation", loc);
    unwrap(count_up(n, loc).and_then(|x| shuffled(Stream::Seed(seed?), &x, loc)))
}

fn count_up(n: usize, loc: &Location<'_>) -> Result<Tensor> {
    let Ok(end) = i32::try_from(n) else {
        let text = format!("permutation: {n} numbers are more than i32 has: at most {}", i32::MAX);
        return Err(at(Error::new(Kind::Value, text), loc));
    };
    let mut array = Array::uninit(DType::I32, &[n]).map_err(|e| at(e, loc))?;
    array.as_mut_slice().iter_mut().zip(0..end).for_each(|(to, i)| *to = i);
    Ok(array.into())
}

/// A draw of an op whose only operand is the state.
fn draw(from: Stream<'_>, op: &'static OpDef, attrs: Attrs, loc: &'static Location<'static>) -> Result<Tensor> {
    let (state, attrs) = state(from, attrs, loc)?;
    Ok(dispatch::apply(op, attrs, &[&state], loc)?.swap_remove(0))
}

fn shuffled(from: Stream<'_>, x: &Tensor, loc: &'static Location<'static>) -> Result<Tensor> {
    let (state, attrs) = state(from, Attrs::new(), loc)?;
    Ok(dispatch::apply(&ops::RANDOM_SHUFFLE, attrs, &[x, &state], loc)?.swap_remove(0))
}

/// An op of a tensor and the process's state.
pub(crate) fn draw_for(
    x: &Tensor,
    op: &'static OpDef,
    attrs: Attrs,
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    let (state, attrs) = state(Stream::Process, attrs, loc)?;
    Ok(dispatch::apply(op, attrs, &[x, &state], loc)?.swap_remove(0))
}

/// The state that a draw sees, and its offset in it if it is not 0.
fn state(from: Stream<'_>, attrs: Attrs, loc: &'static Location<'static>) -> Result<(Tensor, Attrs)> {
    let pair = |state: [u64; 2]| Tensor::from_array(Array::from_slice(&[2], &state));
    Ok(match from {
        Stream::Seed(state) => (state, attrs),
        Stream::Process => match recorder::key_state(loc) {
            Some((state, offset)) => (state, attrs.with("offset", offset)),
            None => (pair(reserve(1)), attrs),
        },
        Stream::Own(generator) if recorder::is_active() => {
            let state = generator.state.read(loc);
            generator.state.try_assign_add(pair([0, 1]))?;
            (state, attrs)
        }
        Stream::Own(generator) => (pair(generator.advance()), attrs),
    })
}

/// A seed that nobody chose.
fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_distinct() {
        let draws = |g: &Generator| [g.uniform([5]), g.normal([5])];
        let (a, b) = (Generator::from_seed(3), Generator::from_seed(3));
        assert_eq!(draws(&a), draws(&b));
        let children = a.split(2);
        assert_eq!(children[0].state().value(), b.split(2)[0].state().value());
        assert_ne!(children[0].uniform([5]), children[1].uniform([5]));
        assert_eq!(stateless_normal([4], 9), stateless_normal([4], 9));
    }

    #[test]
    fn draws_lie_where_they_should() {
        let x = stateless_uniform_between([1000], -2.0, 3.0, 1).to_vec::<f32>();
        assert!(x.iter().all(|v| (-2.0..3.0).contains(v)));
        let mean = x.iter().sum::<f32>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.15, "{mean}");
        let k = stateless_integers([500], 2, 5, 1).to_vec::<i32>();
        assert!((2..5).all(|v| k.contains(&v)) && k.iter().all(|v| (2..5).contains(v)));
        let t = stateless_truncated_normal([1000], 4).to_vec::<f32>();
        assert!(t.iter().all(|v| v.abs() <= 2.0));
        let heads = stateless_bernoulli([1000], 0.25, 1).to_vec::<bool>().into_iter().filter(|&b| b).count();
        assert!((200..300).contains(&heads), "{heads}");
        let mut order = stateless_shuffle(Tensor::from((0..20).collect::<Vec<i32>>()), 1).to_vec::<i32>();
        assert_ne!(order, (0..20).collect::<Vec<i32>>());
        order.sort_unstable();
        assert_eq!(order, (0..20).collect::<Vec<i32>>());
    }

    #[test]
    fn permutations_are_of_i32() {
        let mut order = stateless_permutation(100, 3).to_vec::<i32>();
        order.sort();
        assert_eq!(order, (0..100).collect::<Vec<i32>>());
        assert!(permutation(0).is_empty());
        let error = crate::attempt(|| permutation(1 << 32)).unwrap_err();
        assert!(error.kind() == Kind::Value && error.message().starts_with("permutation: 4294967296"), "{error}");
    }
}
