//! Benchmark inputs: the linear congruential generator on which every measured framework agrees.
//!
//! `s[0] = seed; s[k] = 6364136223846793005 s[k-1] + 1442695040888963407 mod 2^64`; the k-th element is made from
//! `u24 = s[k] >> 40`, as `u24 / 2^23 - 1`, which is exact in f32.

use tracelift::Tensor;
use tracelift_runtime::Array;

/// How elements are made of the generator's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Uniform in [-1, 1).
    Uniform,
    /// Uniform times a factor.
    Scaled(f32),
    /// `mean + spread · uniform`.
    Around(f32, f32),
    /// Uniform over the root of the fan-in: the product of all axes but the last.
    FanIn,
    /// Zeros.
    Zero,
    /// Class labels 0 … 9, i32.
    Label10,
}

/// `n` numbers of 24 bits.
pub fn u24(seed: u64, n: usize) -> Vec<u32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u32
    };
    (0..n).map(|_| next()).collect()
}

/// `n` numbers in [-1, 1).
pub fn uniform(seed: u64, n: usize) -> Vec<f32> {
    u24(seed, n).into_iter().map(|u| u as f32 * 2f32.powi(-23) - 1.0).collect()
}

/// A tensor of the shape, made with `seed`.
pub fn tensor(seed: u64, shape: &[usize], fill: Fill) -> Tensor {
    let n = shape.iter().product();
    let floats = |values: Vec<f32>| Tensor::from(Array::from_slice(shape, &values));
    match fill {
        Fill::Uniform => floats(uniform(seed, n)),
        Fill::Scaled(by) => floats(uniform(seed, n).into_iter().map(|v| v * by).collect()),
        Fill::Around(mean, spread) => floats(uniform(seed, n).into_iter().map(|v| mean + spread * v).collect()),
        Fill::FanIn => {
            let fan_in: usize = shape[..shape.len() - 1].iter().product();
            let by = (1.0 / (fan_in as f64).sqrt()) as f32;
            floats(uniform(seed, n).into_iter().map(|v| v * by).collect())
        }
        Fill::Zero => floats(vec![0.0; n]),
        Fill::Label10 => {
            let labels: Vec<i32> = u24(seed, n).into_iter().map(|u| (u % 10) as i32).collect();
            Tensor::from(Array::from_slice(shape, &labels))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values that the generator's definition gives.
    #[test]
    fn known_values() {
        assert_eq!(u24(1, 4), [7_100_271, 8_546_438, 10_877_665, 6_423_381]);
        assert_eq!(u24(2, 4), [12_888_419, 15_386_655, 11_599_691, 6_115_472]);
        let sum = |seed, n| uniform(seed, n).into_iter().map(f64::from).sum::<f64>();
        assert!((sum(1, 1000) - 15.891_786_694_526_672).abs() < 1e-9);
        assert!((sum(2, 65_536) - 123.403_478_860_855_1).abs() < 1e-9);
    }
}
