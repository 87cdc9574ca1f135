//! The special functions against known values, on every level that this machine has.
//!
//! The other functions have `libm` as their oracle; these are their own, so their values come from elsewhere:
//! `special_values.txt` was made by mpmath.

use super::safe::{map_at, map2_at};
use super::*;

const VALUES: &str = include_str!("special_values.txt");

/// Operands of one function (`y` is unused by those with one) and the values there.
#[derive(Default)]
struct Known {
    x: Vec<f64>,
    y: Vec<f64>,
    values: Vec<f64>,
}

fn known(f: MathFn) -> Known {
    let name = format!("{f:?}");
    let mut known = Known::default();
    for line in VALUES.lines().filter(|line| line.split(' ').next() == Some(&name)) {
        let numbers: Vec<f64> = line.split(' ').skip(1).map(|word| word.parse().expect("a number")).collect();
        assert_eq!(numbers.len(), f.arity() + 1, "{line}");
        known.x.push(numbers[0]);
        known.y.push(numbers[f.arity() - 1]);
        known.values.push(numbers[f.arity()]);
    }
    known
}

/// The functions that the file has values of.
fn functions() -> Vec<MathFn> {
    MathFn::ALL.into_iter().filter(|&f| !known(f).values.is_empty()).collect()
}

/// The relative error allowed in f64, besides an absolute one near the zeros of the functions that have some.
fn tolerance(f: MathFn) -> (f64, f64) {
    match f {
        // Sums of terms of either sign, near a zero.
        MathFn::Lgamma | MathFn::Digamma | MathFn::Expint => (4e-15, 2e-15),
        // Waves: near a zero the error is that of the amplitude.
        MathFn::BesselJ0 | MathFn::BesselJ1 | MathFn::BesselY0 | MathFn::BesselY1 => (4e-15, 1e-15),
        MathFn::Polygamma => (8e-15, 2e-15),
        // Powers with large exponents.
        MathFn::Igamma | MathFn::Igammac => (2e-13, 0.0),
        MathFn::IgammaGradA => (5e-13, 1e-16),
        _ => (3e-15, 0.0),
    }
}

#[test]
fn every_special_function_has_known_values() {
    assert!(functions().len() >= 27, "{:?}", functions());
    for f in functions() {
        assert!(known(f).values.len() >= 30, "{f:?} has {} values", known(f).values.len());
    }
}

#[test]
fn f32_is_the_rounded_value() {
    for f in functions() {
        let Known { x, y, values } = known(f);
        let single = |list: &[f64]| list.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let (x, y) = (single(&x), single(&y));
        for level in Level::available() {
            let mut got = vec![0.0f32; x.len()];
            match f.arity() {
                1 => map_at(level, f, &mut got, &x),
                _ => map2_at(level, f, &mut got, &x, &y),
            }
            for i in 0..x.len() {
                let error = super::accuracy::ulps(got[i], values[i]);
                let at = format!("{f:?} {}({}, {}): {:e}, not {:e}", level.name(), x[i], y[i], got[i], values[i]);
                assert!(error <= 0.55, "{at}: {error} ulp");
            }
        }
    }
}

#[test]
fn f64_is_close_to_the_value() {
    for f in functions() {
        let Known { x, y, values } = known(f);
        let (relative, absolute) = tolerance(f);
        for level in Level::available() {
            let mut got = vec![0.0f64; x.len()];
            match f.arity() {
                1 => map_at(level, f, &mut got, &x),
                _ => map2_at(level, f, &mut got, &x, &y),
            }
            for i in 0..x.len() {
                let (got, value) = (got[i], values[i]);
                let close = got.to_bits() == value.to_bits()
                    || (got.is_nan() && value.is_nan())
                    || (got - value).abs() <= relative * value.abs() + absolute;
                assert!(close, "{f:?} {}({:e}, {:e}): {got:e}, not {value:e}", level.name(), x[i], y[i]);
            }
        }
    }
}
