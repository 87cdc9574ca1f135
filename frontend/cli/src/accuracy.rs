//! How exact the f32 functions of compiled code are: every one of the 2^32 inputs, or some of them, on each level of
//! vector instructions, against the system's mathematical library in f64.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tracelift_runtime::kernels::tile::accuracy::{self, Worst};
use tracelift_runtime::kernels::tile::{self, Level, MathFn};

/// Inputs that a routine gets at once: few enough that the memory for them is used again.
const RUN: u64 = 1 << 12;

/// The functions of one operand that have a vector algorithm.
pub fn functions() -> impl Iterator<Item = MathFn> {
    MathFn::ALL.into_iter().filter(|f| f.arity() == 1 && f.is_vectorised())
}

/// The largest errors over `count` inputs (at most 2^32), at equal steps of their bit patterns from 0 on, one for each
/// level. Give a power of two: then the steps reach the end, and half of the inputs are the others with the sign changed.
pub fn worst(f: MathFn, levels: &[Level], count: u64, threads: usize) -> Vec<Worst> {
    let count = count.clamp(1, 1 << 32);
    let (half, step) = (count.div_ceil(2), (1 << 32) / count);
    let next = AtomicU64::new(0);
    let total = Mutex::new(vec![Worst::default(); levels.len()]);
    let work = || {
        loop {
            let begin = next.fetch_add(RUN, Relaxed);
            if begin >= half {
                return;
            }
            let input = |i: u64| f32::from_bits((i * step) as u32);
            let mut inputs: Vec<f32> = (begin..half.min(begin + RUN)).map(input).collect();
            inputs.extend((half + begin..count.min(half + begin + RUN)).map(input));
            let found = accuracy::largest_errors(f, levels, &inputs, &exact_of(f, &inputs));
            let mut total = total.lock().expect("no thread panics while it holds the total");
            total.iter_mut().zip(found).for_each(|(total, found)| *total = total.or(found));
        }
    };
    std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(work))));
    total.into_inner().expect("no thread panics while it holds the total")
}

/// The function's values in f64. Those of an odd or even function are computed once for an operand and its negative.
fn exact_of(f: MathFn, inputs: &[f32]) -> Vec<f64> {
    let (first, second) = inputs.split_at(inputs.len().div_ceil(2));
    let sign = match f {
        MathFn::Cos | MathFn::Cosh => Some(1.0),
        MathFn::Sin | MathFn::Tan | MathFn::Sinh | MathFn::Asinh | MathFn::Tanh | MathFn::Atanh => Some(-1.0),
        MathFn::Asin | MathFn::Atan | MathFn::Cbrt | MathFn::Erf => Some(-1.0),
        _ => None,
    };
    let mut values: Vec<f64> = first.iter().map(|&x| exact(f, x.into())).collect();
    for (i, &x) in second.iter().enumerate() {
        values.push(match sign {
            Some(sign) if x.to_bits() == (-first[i]).to_bits() => sign * values[i],
            _ => exact(f, x.into()),
        });
    }
    values
}

/// The function in f64: by the system's library where it has it, so that portable routines, which are computed by
/// another one, have something to be compared with.
fn exact(f: MathFn, x: f64) -> f64 {
    match f {
        MathFn::Exp => x.exp(),
        MathFn::Exp2 => x.exp2(),
        MathFn::Expm1 => x.exp_m1(),
        MathFn::Log => x.ln(),
        MathFn::Log2 => x.log2(),
        MathFn::Log10 => x.log10(),
        MathFn::Log1p => x.ln_1p(),
        MathFn::Cbrt => x.cbrt(),
        MathFn::Rsqrt => 1.0 / x.sqrt(),
        MathFn::Tanh => x.tanh(),
        MathFn::Sinh => x.sinh(),
        MathFn::Cosh => x.cosh(),
        MathFn::Sin => x.sin(),
        MathFn::Cos => x.cos(),
        MathFn::Tan => x.tan(),
        MathFn::Asin => x.asin(),
        MathFn::Acos => x.acos(),
        MathFn::Atan => x.atan(),
        _ => tile::reference(f, x, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_within_its_bound_on_some_inputs() {
        let levels: Vec<Level> = Level::available().collect();
        for f in functions() {
            let worst = worst(f, &levels, 1 << 14, 2);
            assert!(worst.iter().all(|w| w.ulps > 0.0 && w.ulps <= 5.0), "{f:?}: {worst:?}");
        }
    }

    #[test]
    fn values_are_those_of_each_input() {
        for f in functions() {
            let inputs: Vec<f32> = [0.3, -0.7, 0.0, f32::NAN, 5.5, -0.3, 0.7, -0.0, f32::NAN, 4.5].to_vec();
            for (&x, found) in inputs.iter().zip(exact_of(f, &inputs)) {
                let expected = exact(f, x.into());
                assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{f:?} of {x}");
            }
        }
    }
}
