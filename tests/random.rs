//! Random numbers as users draw them: the same bits eagerly, traced and for any number of threads; seeds; shapes.

use tl::random::{self, Generator};
use tl::{DType, Tensor};
use tracelift as tl;
use tracelift_runtime::exec::parallel;

/// One draw of each kind, large enough to be split.
fn draws(seed: &Tensor) -> Vec<Tensor> {
    let n = [300, 401];
    let rates = tl::constant([[0.5], [3.0], [40.0]]);
    vec![
        random::stateless_uniform(n, seed),
        random::stateless_uniform_with(n, -1.0, 1.0, DType::F64, seed),
        random::stateless_normal(n, seed),
        random::stateless_truncated_normal(n, seed),
        random::stateless_integers_with(n, -5, 1 << 40, DType::I64, seed),
        random::stateless_bernoulli(n, 0.3, seed),
        random::stateless_exponential(n, seed),
        random::stateless_gamma([3, 20_000], &rates, seed),
        random::stateless_poisson([3, 20_000], &rates, seed),
        random::stateless_binomial([3, 20_000], &rates * 3.0, 0.25, seed),
        random::stateless_categorical(tl::constant([[0.0, 1.0, -1.0]]), 50_000, seed),
        random::stateless_permutation(10_000, seed),
    ]
}

#[test]
fn one_key_gives_the_same_bits_everywhere() {
    let seed = Tensor::from(vec![3i64, 8]);
    let eager = parallel::with_threads(1, || draws(&seed));
    for threads in [1, 2] {
        parallel::with_threads(threads, || {
            assert_eq!(draws(&seed), eager, "eagerly by {threads} threads");
            let traced = tl::function(|seed: &Tensor| draws(seed));
            assert_eq!(traced.call(&seed), eager, "compiled, by {threads} threads");
        });
    }
    let other = draws(&Tensor::from(vec![3i64, 9]));
    assert!(other.iter().zip(&eager).all(|(a, b)| a != b));
}

#[test]
fn seeds_are_one_integer_or_two() {
    let x = random::stateless_normal([4], 5);
    assert_eq!(x, random::stateless_normal([4], [5, 0]));
    assert_eq!(x, random::stateless_normal([4], Tensor::from(vec![5i32, 0])));
    assert_ne!(x, random::stateless_normal([4], [0, 5]));
    for wrong in
        [tl::attempt(|| random::stateless_normal([4], [1])), tl::attempt(|| random::stateless_normal([4], [1, 2, 3]))]
    {
        let error = wrong.unwrap_err().to_string();
        assert!(error.contains("a seed of one integer or two") && error.contains("random.rs"), "{error}");
    }
    let error = tl::attempt(|| random::stateless_normal([4], tl::constant([1.0, 2.0]))).unwrap_err().to_string();
    assert!(error.contains("f32[2]"), "{error}");
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let refused = |draw: &dyn Fn() -> Tensor, words: &str| {
        let error = tl::attempt(draw).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&|| random::integers([2], 3, 3), "minval 3 and maxval 3");
    refused(&|| random::uniform([-2]), "at least 0");
    refused(&|| random::categorical(tl::zeros([2, 0]), 1), "at least one class");
    refused(&|| random::gamma([1i64 << 40, 1i64 << 40], 1.0), "overflow");
    refused(&|| random::stateless_poisson([2], tl::constant([1.0, 2.0, 3.0]), 1), "broadcast");
}

#[test]
fn parameters_give_the_result_its_last_axes() {
    let alpha = tl::constant([1.0, 2.0, 3.0]);
    assert_eq!(random::gamma([4], &alpha).shape(), [4, 3]);
    assert_eq!(random::stateless_gamma([4, 3], &alpha, 1).shape(), [4, 3]);
    assert_eq!(random::beta([5], 2.0, &alpha).shape(), [5, 3]);
    let shares = random::dirichlet([2], &alpha).reduce_sum_axis(-1);
    tl::testing::assert_all_close(&shares, &tl::constant([1.0, 1.0]));
    assert_eq!(random::poisson(&[0usize; 0][..], 3.0).rank(), 0);
}

#[test]
fn generators_continue_from_their_state() {
    let g = Generator::from_seed(11);
    g.normal([3]);
    let copy = Generator::from_state(&g.state().value());
    assert_eq!(g.gamma([5], 2.0), copy.gamma([5], 2.0));
    assert_eq!(g.categorical(tl::constant([[0.0, 0.0]]), 9), copy.categorical(tl::constant([[0.0, 0.0]]), 9));
    g.reset_from_seed(11);
    assert_eq!(g.uniform([2]), Generator::from_seed(11).uniform([2]));
}
