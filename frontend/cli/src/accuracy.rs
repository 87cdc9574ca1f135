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

/// The largest errors over `count` inputs, spread evenly over all bit patterns (at most 2^32), one for each level.
pub fn worst(f: MathFn, levels: &[Level], count: u64, threads: usize) -> Vec<Worst> {
    let count = count.clamp(1, 1 << 32);
    let next = AtomicU64::new(0);
    let total = Mutex::new(vec![Worst::default(); levels.len()]);
    let work = || {
        loop {
            let begin = next.fetch_add(RUN, Relaxed);
            if begin >= count {
                return;
            }
            let input = |i: u64| f32::from_bits(((i << 32) / count) as u32);
            let inputs: Vec<f32> = (begin..count.min(begin + RUN)).map(input).collect();
            let found = accuracy::largest_errors(f, levels, &inputs, |x| exact(f, x));
            let mut total = total.lock().expect("no thread panics while it holds the total");
            total.iter_mut().zip(found).for_each(|(total, found)| *total = total.or(found));
        }
    };
    std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(work))));
    total.into_inner().expect("no thread panics while it holds the total")
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
}
