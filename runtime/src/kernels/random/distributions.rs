//! Distributions that take a number of random words not known in advance: by rejection, one element at a time.
//!
//! Element `i` of a draw has words of its own, so that elements can be made in any order, by any thread: word `k` of
//! its attempt `j` is word `k % 4` of block `i + 2^48 j`, attempts beginning anew every four words. All is computed in
//! f64 with functions of `libm`, whose results do not depend on the host.

use super::{BLOCK, stream_block};
use libm::{ceil, exp, floor, lgamma, log, log1p, pow, sqrt};

/// Elements of one draw: beyond, the words of attempts would overlap.
pub const MAX_ELEMENTS: u64 = 1 << 48;

/// The random words of one element.
pub struct Element {
    seed: u64,
    tick: u64,
    block: u64,
    words: [u32; BLOCK],
    used: usize,
}

impl Element {
    /// Element `index` of the draw (`seed`, `tick`).
    pub fn new(seed: u64, tick: u64, index: u64) -> Element {
        Element { seed, tick, block: index, words: [0; BLOCK], used: BLOCK }
    }

    fn word(&mut self) -> u64 {
        if self.used == BLOCK {
            self.words = stream_block(self.seed, self.tick, self.block);
            self.block = self.block.wrapping_add(MAX_ELEMENTS);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1].into()
    }

    /// Uniform between 0 and 1, neither of them: 52 bits, and a half.
    pub fn uniform(&mut self) -> f64 {
        let bits = self.word() << 20 | self.word() >> 12;
        (bits as f64 + 0.5) * 2f64.powi(-52)
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = sqrt(-2.0 * log(self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Gamma with shape `alpha` and scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables",
    /// 2000). NaN unless `alpha > 0`.
    pub fn gamma(&mut self, alpha: f64) -> f64 {
        if alpha.is_nan() || alpha <= 0.0 {
            return f64::NAN;
        }
        if alpha < 1.0 {
            let larger = self.gamma(alpha + 1.0);
            return larger * pow(self.uniform(), 1.0 / alpha);
        }
        if alpha.is_infinite() {
            return alpha;
        }
        let d = alpha - 1.0 / 3.0;
        let c = 1.0 / sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let root = 1.0 + c * x;
            let (v, u) = (root * root * root, self.uniform());
            if v > 0.0 && log(u) < 0.5 * x * x + d * (1.0 - v + log(v)) {
                return d * v;
            }
        }
    }

    /// Poisson with mean `rate`: by multiplication of uniform numbers if it is small, else Hörmann's PTRS ("The
    /// transformed rejection method for generating Poisson random variables", 1993). NaN unless `rate >= 0`.
    pub fn poisson(&mut self, rate: f64) -> f64 {
        if rate.is_nan() || rate < 0.0 {
            return f64::NAN;
        }
        if rate.is_infinite() {
            return rate;
        }
        if rate < 10.0 {
            let bound = exp(-rate);
            let (mut count, mut product) = (0.0, self.uniform());
            while product > bound {
                count += 1.0;
                product *= self.uniform();
            }
            return count;
        }
        let b = 0.931 + 2.53 * sqrt(rate);
        let a = -0.059 + 0.024_83 * b;
        let alpha = 1.123_9 + 1.132_8 / (b - 3.4);
        let v_r = 0.927_7 - 3.622_4 / (b - 2.0);
        loop {
            let (u, v) = (self.uniform() - 0.5, self.uniform());
            let us = 0.5 - u.abs();
            let k = floor((2.0 * a / us + b) * u + rate + 0.43);
            if us >= 0.07 && v <= v_r {
                return k;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            if log(v * alpha / (a / (us * us) + b)) <= k * log(rate) - rate - lgamma(k + 1.0) {
                return k;
            }
        }
    }

    /// How many of `count` trials succeed with probability `p` each: by geometric gaps if few do, else Hörmann's BTRS
    /// ("The generation of binomial random variates", 1993). NaN unless `count >= 0` and `0 <= p <= 1`.
    pub fn binomial(&mut self, count: f64, p: f64) -> f64 {
        if !(count >= 0.0 && (0.0..=1.0).contains(&p)) || count.is_infinite() {
            return f64::NAN;
        }
        let n = floor(count);
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        if p == 0.0 {
            return 0.0;
        }
        if n * p < 10.0 {
            let (mut successes, mut trials) = (0.0, 0.0);
            loop {
                trials += ceil(log(self.uniform()) / log1p(-p));
                if trials > n {
                    return successes;
                }
                successes += 1.0;
            }
        }
        let deviation = sqrt(n * p * (1.0 - p));
        let b = 1.15 + 2.53 * deviation;
        let a = -0.087_3 + 0.024_8 * b + 0.01 * p;
        let alpha = (2.83 + 5.1 / b) * deviation;
        let v_r = 0.92 - 4.2 / b;
        let mode = floor((n + 1.0) * p);
        let odds = log(p / (1.0 - p));
        // The logarithm of the probability of k, but for a constant.
        let weight = |k: f64| k * odds - lgamma(k + 1.0) - lgamma(n - k + 1.0);
        loop {
            let (u, v) = (self.uniform() - 0.5, self.uniform());
            let us = 0.5 - u.abs();
            let k = floor((2.0 * a / us + b) * u + n * p + 0.5);
            if us >= 0.07 && v <= v_r {
                return k;
            }
            if (0.0..=n).contains(&k) && log(v * alpha / (a / (us * us) + b)) <= weight(k) - weight(mode) {
                return k;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u64 = 20_000;

    fn draw(one: impl Fn(&mut Element) -> f64) -> Vec<f64> {
        (0..N).map(|i| one(&mut Element::new(17, 3, i))).collect()
    }

    /// The greatest distance between the samples' distribution and `below`, the probability of at most `x`, in units
    /// of which 1.95 is exceeded once in a thousand (Kolmogorov and Smirnov). Discrete distributions stay lower.
    fn distance(mut samples: Vec<f64>, below: impl Fn(f64) -> f64) -> f64 {
        samples.sort_by(f64::total_cmp);
        let n = samples.len() as f64;
        let mut worst: f64 = 0.0;
        for (i, &x) in samples.iter().enumerate() {
            if samples.get(i + 1) != Some(&x) {
                worst = worst.max(((i + 1) as f64 / n - below(x)).abs());
            }
            if i > 0 && samples[i - 1] != x && x.fract() != 0.0 {
                worst = worst.max((i as f64 / n - below(x)).abs());
            }
        }
        worst * n.sqrt()
    }

    /// The regularised lower incomplete gamma function, by its series.
    fn gamma_below(alpha: f64, x: f64) -> f64 {
        let mut term = exp(alpha * log(x) - x - lgamma(alpha + 1.0));
        let mut sum = term;
        for k in 1..2000 {
            term *= x / (alpha + f64::from(k));
            sum += term;
        }
        sum.min(1.0)
    }

    fn sum_to(k: f64, probability: impl Fn(f64) -> f64) -> f64 {
        (0..=k as u64).map(|k| probability(k as f64)).sum()
    }

    #[test]
    fn uniform_and_normal() {
        assert!(distance(draw(Element::uniform), |x| x) < 1.95);
        let below = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
        assert!(distance(draw(Element::normal), below) < 1.95);
    }

    #[test]
    fn gamma_of_every_shape() {
        for alpha in [0.05, 0.5, 1.0, 1.5, 7.0, 100.0] {
            let found = distance(draw(|e| e.gamma(alpha)), |x| gamma_below(alpha, x));
            assert!(found < 1.95, "alpha {alpha}: {found}");
        }
    }

    #[test]
    fn poisson_by_either_method() {
        for rate in [0.3, 3.0, 9.9, 10.0, 45.0, 300.0] {
            let below = |k| sum_to(k, |k| exp(k * log(rate) - rate - lgamma(k + 1.0)));
            let found = distance(draw(|e| e.poisson(rate)), below);
            assert!(found < 1.95, "rate {rate}: {found}");
        }
    }

    #[test]
    fn binomial_by_either_method() {
        for (n, p) in [(5.0, 0.5), (40.0, 0.1), (40.0, 0.9), (100.0, 0.3), (1000.0, 0.5), (30.0, 0.7)] {
            let choose = |k: f64| lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
            let below = |k| sum_to(k, |k| exp(choose(k) + k * log(p) + (n - k) * log1p(-p)));
            let found = distance(draw(|e| e.binomial(n, p)), below);
            assert!(found < 1.95, "{n} trials of {p}: {found}");
        }
    }

    #[test]
    fn ends_and_nonsense() {
        let mut e = Element::new(1, 2, 3);
        assert_eq!(
            [e.poisson(0.0), e.binomial(7.0, 0.0), e.binomial(7.0, 1.0), e.binomial(0.0, 0.5)],
            [0.0, 0.0, 7.0, 0.0]
        );
        let nonsense = [e.gamma(0.0), e.gamma(f64::NAN), e.poisson(-1.0), e.binomial(-1.0, 0.5), e.binomial(3.0, 1.5)];
        assert!(nonsense.iter().all(|v| v.is_nan()));
        assert!(e.poisson(f64::INFINITY).is_infinite() && e.gamma(f64::INFINITY).is_infinite());
    }
}
