//! Every routine on every level that this machine has, against scalar definitions in f64.
//!
//! `TRACELIFT_ULP_SAMPLES` sets the number of bit patterns tried for each function (at most 2^32, default 2^22);
//! `cargo test accuracy -- --nocapture` prints the largest errors.

use super::accuracy::{Worst, largest_errors};
use super::safe::{fold_at, map_at, map2_at, narrow_at, widen_at};
use super::*;

/// The largest error allowed, in units in the last place of the exact result.
fn tolerance(f: MathFn) -> f64 {
    match f {
        MathFn::Ndtr => 5.0,
        _ => 2.0,
    }
}

const EDGES: [f32; 42] = [
    0.0,
    f32::from_bits(1),
    f32::from_bits(2),
    f32::from_bits(0x007F_FFFF),
    f32::MIN_POSITIVE,
    1e-30,
    1e-10,
    5.9604645e-8,
    1e-4,
    0.25,
    0.35,
    0.49999997,
    0.5,
    0.50000006,
    0.55,
    0.70710677,
    0.7383856,
    0.74992657,
    0.75,
    0.925,
    0.99999994,
    1.0,
    1.0000001,
    1.5,
    std::f32::consts::FRAC_PI_2,
    2.0,
    3.0,
    std::f32::consts::PI,
    4.0,
    9.0,
    10.0,
    17.5,
    33.0,
    88.72283,
    88.72284,
    103.97208,
    104.0,
    149.5,
    1e9,
    1e30,
    f32::MAX,
    f32::INFINITY,
];

fn edges() -> impl Iterator<Item = f32> {
    EDGES.into_iter().chain(EDGES.map(|x| -x)).chain([f32::NAN, -f32::NAN])
}

fn samples() -> u64 {
    let named = std::env::var("TRACELIFT_ULP_SAMPLES").ok().and_then(|s| s.parse().ok());
    named.unwrap_or(1 << 22).clamp(1 << 10, 1 << 32)
}

/// Bit patterns spread over all of f32, in runs for the routines, and the edges.
fn for_each_run(samples: u64, mut f: impl FnMut(&[f32])) {
    const RUN: u64 = 1 << 14;
    f(&edges().collect::<Vec<_>>());
    for begin in (0..samples).step_by(RUN as usize) {
        let run = begin..samples.min(begin + RUN);
        f(&run.clone().map(|i| f32::from_bits(((i << 32) / samples) as u32 ^ (i as u32 & 0xF))).collect::<Vec<_>>());
        // Ten binades around 1, where most functions change their method, more densely.
        let (low, high) = (0.015625f32.to_bits() as u64, 16f32.to_bits() as u64);
        let near_one = |i| f32::from_bits((low + i * (high - low) / samples) as u32 | (i as u32 & 1) << 31);
        f(&run.map(near_one).collect::<Vec<_>>());
    }
}

fn check(worst: &Worst, f: MathFn, level: Level) {
    let Worst { ulps, at, got, exact } = worst;
    println!("{f:?} {}: {ulps:.3} ulp at {at:?}", level.name());
    assert!(*ulps <= tolerance(f), "{f:?} {}: {ulps:.3} ulp at {at:?}: {got:e}, not {exact:e}", level.name());
}

fn check_unary(f: MathFn) {
    let levels: Vec<Level> = Level::available().collect();
    let mut worst = vec![Worst::default(); levels.len()];
    for_each_run(samples(), |x| {
        let exact: Vec<f64> = x.iter().map(|&x| reference(f, x.into(), 0.0)).collect();
        let found = largest_errors(f, &levels, x, &exact);
        worst.iter_mut().zip(found).for_each(|(worst, found)| *worst = worst.or(found));
    });
    levels.iter().zip(&worst).for_each(|(&level, worst)| check(worst, f, level));
}

/// Operands whose results are neither all 0 nor all infinite: y is chosen for x.
fn pow_operands(x: &[f32]) -> Vec<f32> {
    let y = |(i, &x): (usize, &f32)| {
        let spread = (i as u32).wrapping_mul(2654435761) as f32 / u32::MAX as f32 * 2.0 - 1.0;
        match i % 4 {
            0 => (spread * 9.0).round(),
            _ => (spread as f64 * 152.0 / libm::log2(x.abs() as f64).abs().max(1e-7)) as f32,
        }
    };
    x.iter().enumerate().map(y).collect()
}

fn check_binary(f: MathFn) {
    let mut worst = [Worst::default(); Level::ALL.len()];
    let mut compare = |x: &[f32], y: &[f32]| {
        let mut got = vec![0.0; x.len()];
        for level in Level::available() {
            map2_at(level, f, &mut got, x, y);
            for i in 0..x.len() {
                let exact = reference(f, x[i] as f64, y[i] as f64);
                worst[level as usize].see([x[i], y[i]], got[i], exact);
            }
        }
    };
    for first in edges() {
        let y: Vec<f32> = edges().collect();
        compare(&vec![first; y.len()], &y);
    }
    for_each_run(samples() / 32, |x| {
        compare(x, &pow_operands(x));
        compare(&x.iter().map(|x| x.abs()).collect::<Vec<_>>(), &pow_operands(x));
        let rotated: Vec<f32> = x.iter().map(|x| f32::from_bits(x.to_bits().rotate_left(13))).collect();
        compare(x, &rotated);
        // Of like size, so that no quotient is extreme.
        let near: Vec<f32> = x.iter().map(|x| x * (1.0 + (x.to_bits() % 97) as f32 / 50.0)).collect();
        compare(x, &near);
    });
    Level::available().for_each(|level| check(&worst[level as usize], f, level));
}

/// One test for each function, so that they run in parallel and one can be run alone.
mod accuracy {
    macro_rules! accuracy {
        ($check:ident: $($name:ident $function:ident)*) => {$(
            #[test]
            fn $name() {
                super::$check(super::MathFn::$function);
            }
        )*};
    }

    accuracy! { check_unary:
        exp Exp exp2 Exp2 expm1 Expm1 log Log log2 Log2 log10 Log10 log1p Log1p rsqrt Rsqrt cbrt Cbrt
        tanh Tanh sigmoid Sigmoid softplus Softplus erf Erf erfc Erfc ndtr Ndtr sin Sin cos Cos tan Tan sinh Sinh cosh Cosh
        asin Asin acos Acos atan Atan asinh Asinh acosh Acosh atanh Atanh
    }
    accuracy! { check_binary: pow Pow atan2 Atan2 }
}

/// The distance in units in the last place of f64; as [`ulps`] for NaN and signs of zero.
fn ulps_double(got: f64, exact: f64) -> f64 {
    if got.to_bits() == exact.to_bits() || (got.is_nan() && exact.is_nan()) {
        return 0.0;
    }
    if got.is_nan() != exact.is_nan() || got.is_sign_negative() != exact.is_sign_negative() {
        return f64::INFINITY;
    }
    // Of one sign, the bit patterns count the numbers in between.
    got.to_bits().abs_diff(exact.to_bits()) as f64
}

#[test]
fn f64_functions_are_within_4_ulp() {
    let samples = samples() / 256;
    let part = |i: u64| i as f64 / samples as f64 - 0.5;
    let scattered = (0..samples).map(|i| f64::from_bits(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let moderate = (0..samples).map(|i| part(i) * 1500.0);
    let small = (0..samples).map(|i| part(i) * 5.0);
    let ends = [f64::from_bits(1), f64::MIN_POSITIVE / 3.0, f64::MIN_POSITIVE, f64::MAX, 709.78, -745.13, -708.5];
    let x: Vec<f64> =
        edges().map(|x| x as f64 * 1.000000001).chain(ends).chain(scattered).chain(moderate).chain(small).collect();
    for f in MathFn::ALL {
        let exact: Vec<f64> = x.iter().map(|&x| reference(f, x, x)).collect();
        for level in Level::available() {
            let mut got = vec![0.0; x.len()];
            match f.arity() {
                1 => map_at(level, f, &mut got, &x),
                _ => map2_at(level, f, &mut got, &x, &x),
            }
            let ulps = |i: usize| ulps_double(got[i], exact[i]);
            let worst = (0..x.len()).max_by(|&i, &j| ulps(i).total_cmp(&ulps(j))).unwrap();
            println!("{f:?} f64 {}: {} ulp at {:e}", level.name(), ulps(worst), x[worst]);
            assert!(ulps(worst) <= 4.0, "{f:?} {level:?} at {:e}: {:e}, not {:e}", x[worst], got[worst], exact[worst]);
        }
    }
}

#[test]
fn f64_tails_and_in_place() {
    let values: Vec<f64> = (0..40).map(|i| (i as f64 - 17.0) * 0.31).collect();
    for level in Level::available() {
        for f in MathFn::ALL.into_iter().filter(|f| f.arity() == 1) {
            let mut whole = vec![0.0; values.len()];
            map_at(level, f, &mut whole, &values);
            for n in 0..=values.len() {
                let mut run = values.clone();
                // SAFETY: the run may be operand and result.
                unsafe { super::safe::unary_routine::<f64>(level, f)(run.as_mut_ptr(), run.as_ptr(), n) };
                let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&run[..n]), bits(&whole[..n]), "{f:?} {level:?} n={n}");
                assert_eq!(bits(&run[n..]), bits(&values[n..]), "{f:?} {level:?} n={n}");
            }
        }
    }
}

/// A result must not depend on the position in a run, the alignment or whether the run is mapped in place, and
/// nothing outside the run may be written.
#[test]
fn tails_alignment_and_in_place() {
    const GUARD: f32 = 12345.0;
    let values: Vec<f32> = (0..96).map(|i| (i as f32 - 40.0) * 0.37).collect();
    for level in Level::available() {
        for f in MathFn::ALL {
            let mut whole = vec![0.0; values.len()];
            let apply = |dst: &mut [f32], x: &[f32]| match f.arity() {
                1 => map_at(level, f, dst, x),
                _ => map2_at(level, f, dst, x, x),
            };
            apply(&mut whole, &values);
            for n in 0..=67 {
                let offset = n % 5;
                let mut dst = vec![GUARD; n + 8];
                apply(&mut dst[offset..offset + n], &values[offset..offset + n]);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&dst[offset..offset + n]), bits(&whole[offset..offset + n]), "{f:?} {level:?} n={n}");
                assert!(dst[..offset].iter().chain(&dst[offset + n..]).all(|&x| x == GUARD), "{f:?} {level:?} n={n}");
            }
            // Not even aligned to the element.
            let mut bytes = vec![0u8; 4 * values.len() + 1];
            let address = Routine::Math(f, DType::F32).address(level);
            // SAFETY: the run at bytes + 1 has room for all values; operands and results may be the same run.
            unsafe {
                let p = bytes.as_mut_ptr().add(1).cast::<f32>();
                p.cast::<u8>().copy_from_nonoverlapping(values.as_ptr().cast(), size_of_val(&values[..]));
                if f.arity() == 1 {
                    let routine: unsafe extern "C" fn(*mut f32, *const f32, usize) = std::mem::transmute(address);
                    routine(p, p, values.len());
                } else {
                    let routine: unsafe extern "C" fn(*mut f32, *const f32, *const f32, usize) =
                        std::mem::transmute(address);
                    routine(p, p, p, values.len());
                }
                for (i, expected) in whole.iter().enumerate() {
                    assert_eq!(p.add(i).read_unaligned().to_bits(), expected.to_bits(), "{f:?} {level:?} in place");
                }
            }
        }
    }
}

const FOLDS: [FoldFn; 4] = [FoldFn::Sum, FoldFn::Prod, FoldFn::Max, FoldFn::Min];

/// Lengths around every boundary: vectors, groups of accumulators, blocks.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=67).chain([127, 128, 129, 255, 1000, 4095, 4096, 4097, 8192, 12289, 40000])
}

#[test]
fn integer_folds_are_exact() {
    macro_rules! scalar {
        ($t:ident, $f:expr, $x:expr) => {
            match $f {
                FoldFn::Sum => $x.iter().fold(0, |a: $t, &b| a.wrapping_add(b)),
                FoldFn::Prod => $x.iter().fold(1, |a: $t, &b| a.wrapping_mul(b)),
                FoldFn::Max => $x.iter().copied().max().unwrap_or($t::MIN),
                FoldFn::Min => $x.iter().copied().min().unwrap_or($t::MAX),
            }
        };
    }
    for n in lengths() {
        let wide: Vec<i64> = (0..n as i64).map(|i| (i + 3).wrapping_mul(0x5851_F42D_4C95_7F2D) ^ 0x55 | 1).collect();
        let narrow: Vec<i32> = wide.iter().map(|&x| (x >> 17) as i32 | 1).collect();
        for level in Level::available() {
            for f in FOLDS {
                assert_eq!(fold_at(level, f, &wide), scalar!(i64, f, wide), "{f:?} i64 {level:?} n={n}");
                assert_eq!(fold_at(level, f, &narrow), scalar!(i32, f, narrow), "{f:?} i32 {level:?} n={n}");
            }
        }
    }
}

#[test]
fn float_folds_agree_with_f64() {
    for n in lengths() {
        let x: Vec<f32> = (0..n).map(|i| ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.3).collect();
        let near_one: Vec<f32> = x.iter().map(|x| 1.0 + x * 1e-3).collect();
        let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
        let magnitude: f64 = wide.iter().map(|x| x.abs()).sum();
        for level in Level::available() {
            let sum: f64 = wide.iter().sum();
            let got = fold_at(level, FoldFn::Sum, &x) as f64;
            assert!((got - sum).abs() <= 1e-6 * magnitude, "{level:?} n={n}: {got} {sum}");
            let got = fold_at(level, FoldFn::Sum, &wide);
            assert!((got - sum).abs() <= 1e-14 * magnitude, "{level:?} n={n}: {got} {sum}");

            let product: f64 = near_one.iter().map(|&x| x as f64).product();
            let got = fold_at(level, FoldFn::Prod, &near_one) as f64;
            assert!((got - product).abs() <= 1e-7 * (n as f64 + 1.0) * product, "{level:?} n={n}: {got} {product}");

            let max = wide.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let min = wide.iter().copied().fold(f64::INFINITY, f64::min);
            assert_eq!(fold_at(level, FoldFn::Max, &x) as f64, max, "{level:?} n={n}");
            assert_eq!(fold_at(level, FoldFn::Min, &x) as f64, min, "{level:?} n={n}");
            assert_eq!(fold_at(level, FoldFn::Max, &wide), max, "{level:?} n={n}");
            assert_eq!(fold_at(level, FoldFn::Min, &wide), min, "{level:?} n={n}");
        }
    }
}

/// A running f32 sum of this many tenths is off by percents.
#[test]
fn long_sums_lose_no_precision() {
    let x = vec![0.1f32; 4_000_003];
    let exact = x.len() as f64 * 0.1f32 as f64;
    for level in Level::available() {
        let got = fold_at(level, FoldFn::Sum, &x) as f64;
        assert!((got / exact - 1.0).abs() < 1e-6, "{level:?}: {got} {exact}");
    }
}

#[test]
fn one_nan_anywhere_makes_max_and_min_nan() {
    for n in [1, 2, 15, 16, 17, 200, 5000] {
        for at in (0..n).step_by(1 + n / 40) {
            let mut x: Vec<f32> = (0..n).map(|i| i as f32).collect();
            x[at] = f32::NAN;
            let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
            for level in Level::available() {
                for f in [FoldFn::Max, FoldFn::Min] {
                    assert!(fold_at(level, f, &x).is_nan(), "{f:?} {level:?} n={n} at={at}");
                    assert!(fold_at(level, f, &wide).is_nan(), "{f:?} {level:?} n={n} at={at}");
                }
            }
        }
    }
}

#[test]
fn every_half_widens_and_narrows_back() {
    let halves: Vec<u16> = (0..=u16::MAX).collect();
    for level in Level::available() {
        let mut wide = vec![0.0; halves.len()];
        let mut back = vec![0; halves.len()];
        widen_at(level, DType::F16, &mut wide, &halves);
        narrow_at(level, DType::F16, &mut back, &wide);
        for (&bits, (&wide, &back)) in halves.iter().zip(wide.iter().zip(&back)) {
            let half = half::f16::from_bits(bits);
            if half.is_nan() {
                assert!(wide.is_nan() && half::f16::from_bits(back).is_nan(), "{level:?} {bits:#x}");
            } else {
                assert_eq!((wide.to_bits(), back), (half.to_f32().to_bits(), bits), "{level:?}");
            }
        }
        widen_at(level, DType::BF16, &mut wide, &halves);
        narrow_at(level, DType::BF16, &mut back, &wide);
        for (&bits, (&wide, &back)) in halves.iter().zip(wide.iter().zip(&back)) {
            let half = half::bf16::from_bits(bits);
            if half.is_nan() {
                assert!(wide.is_nan() && half::bf16::from_bits(back).is_nan(), "{level:?} {bits:#x}");
            } else {
                assert_eq!((wide.to_bits(), back), (half.to_f32().to_bits(), bits), "{level:?}");
            }
        }
    }
}

#[test]
fn narrowing_rounds_to_nearest_even() {
    let x: Vec<f32> = edges().chain((0..40_000u32).map(|i| f32::from_bits(i.wrapping_mul(107_374)))).collect();
    for level in Level::available() {
        for n in [0, 1, 7, 9, 17, x.len()] {
            let mut got = vec![0; n];
            narrow_at(level, DType::F16, &mut got, &x[..n]);
            for (&x, &got) in x.iter().zip(&got) {
                let expected = half::f16::from_f32(x);
                assert!(got == expected.to_bits() || expected.is_nan(), "f16 {level:?} {x:e}: {got:#x}");
            }
            narrow_at(level, DType::BF16, &mut got, &x[..n]);
            for (&x, &got) in x.iter().zip(&got) {
                assert_eq!(got, half::bf16::from_f32(x).to_bits(), "bf16 {level:?} {x:e}");
            }
        }
    }
}

#[test]
fn slice_functions_use_the_chosen_level() {
    let x: Vec<f32> = (0..37).map(|i| i as f32 * 0.1).collect();
    let (mut a, mut b) = (vec![0.0; 37], vec![0.0; 37]);
    map(MathFn::Tanh, &mut a, &x);
    map_at(level(), MathFn::Tanh, &mut b, &x);
    assert_eq!(a, b);
    let mut in_place = x.clone();
    map_in_place(MathFn::Tanh, &mut in_place);
    assert_eq!(in_place, b);
    map2(MathFn::Pow, &mut a, &x, &x);
    assert!(a.iter().zip(&x).all(|(got, x)| (got - x.powf(*x)).abs() <= 1e-6 * got.abs()));
    assert_eq!(fold(FoldFn::Max, &x), x[36]);
    let mut half = vec![0; 37];
    narrow(DType::BF16, &mut half, &x);
    widen(DType::BF16, &mut b, &half);
    assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() <= x / 128.0));
}
