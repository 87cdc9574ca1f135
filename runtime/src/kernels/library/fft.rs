//! Fourier transforms through rustfft and realfft (feature `fft`): along the last axis, without a factor.
//!
//! Start with [`TABLE`]. Rows are transformed one by one, so that no split over threads changes a bit.

use super::{LibraryCx, LibraryKernel};
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::generations::Generations;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftDirection, FftPlanner};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The kernels.
pub static TABLE: &[LibraryKernel] = &[
    LibraryKernel {
        name: "fft.complex",
        doc: "x -> y (complex64); [inverse]: y[k] is the sum of x[j] exp(∓2πi j k / n)",
        can_fail: false,
        run: complex,
    },
    LibraryKernel {
        name: "fft.real",
        doc: "x (f32) -> y (complex64): the first n / 2 + 1 of the n coefficients, which say all",
        can_fail: false,
        run: real,
    },
    LibraryKernel {
        name: "fft.real_inverse",
        doc: "x (complex64) -> y (f32): the real numbers whose coefficients begin with x, times n, the length of y",
        can_fail: false,
        run: real_inverse,
    },
];

/// Plans by length, and of complex transforms by whether they are inverse. Their tables are a few times as long as the
/// transform, and the capacity is in elements.
type Plans<K, P> = Mutex<Generations<K, Arc<P>>>;
static COMPLEX: Plans<(usize, bool), dyn Fft<f32>> = Mutex::new(Generations::new(CAPACITY));
static REAL: Plans<usize, dyn RealToComplex<f32>> = Mutex::new(Generations::new(CAPACITY));
static REAL_INVERSE: Plans<usize, dyn ComplexToReal<f32>> = Mutex::new(Generations::new(CAPACITY));
const CAPACITY: usize = 1 << 22;

/// Forgets every plan.
pub fn clear_plans() {
    lock(&COMPLEX).clear();
    lock(&REAL).clear();
    lock(&REAL_INVERSE).clear();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The plan of `key` for `n` elements, from the table or new.
fn planned<K: Hash + Eq, P: ?Sized>(plans: &Plans<K, P>, key: K, n: usize, make: impl FnOnce() -> Arc<P>) -> Arc<P> {
    if let Some(known) = lock(plans).get(&key) {
        return known.clone();
    }
    let plan = make();
    lock(plans).insert(key, plan.clone(), n);
    plan
}

fn number([re, im]: [f32; 2]) -> Complex32 {
    Complex32::new(re, im)
}

fn complex(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "fft.complex";
    cx.expect(NAME, 1, 1, 1)?;
    let [n, m] = lengths(cx, NAME, DType::Complex64, DType::Complex64)?;
    if n != m {
        return Err(cx.bad(NAME, Kind::Shape, "the result must be as long as the operand"));
    }
    let inverse = cx.params[0] != 0;
    let direction = if inverse { FftDirection::Inverse } else { FftDirection::Forward };
    if cx.outputs[0].is_empty() {
        return Ok(());
    }
    let plan = planned(&COMPLEX, (n, inverse), n, || FftPlanner::new().plan_fft(n, direction));
    let x = cx.inputs[0].as_slice::<[f32; 2]>();
    for_each_row(n, x.len() / n, &|rows| {
        let mut row = vec![Complex32::default(); n];
        let mut scratch = vec![Complex32::default(); plan.get_inplace_scratch_len()];
        for k in rows {
            row.iter_mut().zip(&x[k * n..][..n]).for_each(|(to, &from)| *to = number(from));
            plan.process_with_scratch(&mut row, &mut scratch);
            // SAFETY: rows are disjoint.
            let out = unsafe { cx.outputs[0].part_mut::<[f32; 2]>(k * n, (k + 1) * n) };
            out.iter_mut().zip(&row).for_each(|(to, from)| *to = [from.re, from.im]);
        }
    });
    Ok(())
}

fn real(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "fft.real";
    cx.expect(NAME, 1, 1, 0)?;
    let [n, m] = lengths(cx, NAME, DType::F32, DType::Complex64)?;
    if m != n / 2 + 1 {
        return Err(cx.bad(NAME, Kind::Shape, "the result must have n / 2 + 1 coefficients"));
    }
    if cx.outputs[0].is_empty() || n == 0 {
        return Ok(());
    }
    let plan = planned(&REAL, n, n, || RealFftPlanner::new().plan_fft_forward(n));
    let x = cx.inputs[0].as_slice::<f32>();
    for_each_row(n, x.len() / n, &|rows| {
        let (mut row, mut result, mut scratch) = (vec![0.0; n], plan.make_output_vec(), plan.make_scratch_vec());
        for k in rows {
            row.copy_from_slice(&x[k * n..][..n]);
            plan.process_with_scratch(&mut row, &mut result, &mut scratch).expect("lengths are the plan's");
            // SAFETY: rows are disjoint.
            let out = unsafe { cx.outputs[0].part_mut::<[f32; 2]>(k * m, (k + 1) * m) };
            out.iter_mut().zip(&result).for_each(|(to, from)| *to = [from.re, from.im]);
        }
    });
    Ok(())
}

fn real_inverse(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "fft.real_inverse";
    cx.expect(NAME, 1, 1, 0)?;
    let [m, n] = lengths(cx, NAME, DType::Complex64, DType::F32)?;
    if m != n / 2 + 1 {
        return Err(cx.bad(NAME, Kind::Shape, "the operand must have n / 2 + 1 coefficients"));
    }
    if cx.outputs[0].is_empty() {
        return Ok(());
    }
    let plan = planned(&REAL_INVERSE, n, n, || RealFftPlanner::new().plan_fft_inverse(n));
    let x = cx.inputs[0].as_slice::<[f32; 2]>();
    for_each_row(n, cx.outputs[0].len() / n, &|rows| {
        let (mut row, mut result, mut scratch) =
            (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
        for k in rows {
            row.iter_mut().zip(&x[k * m..][..m]).for_each(|(to, &from)| *to = number(from));
            // Real numbers have no imaginary part there; what is given does not count.
            row[0].im = 0.0;
            if n % 2 == 0 {
                row[m - 1].im = 0.0;
            }
            plan.process_with_scratch(&mut row, &mut result, &mut scratch).expect("lengths are the plan's");
            // SAFETY: rows are disjoint.
            unsafe { cx.outputs[0].part_mut::<f32>(k * n, (k + 1) * n) }.copy_from_slice(&result);
        }
    });
    Ok(())
}

/// The lengths of the last axes of operand and result, whose other axes are equal.
fn lengths(cx: &LibraryCx<'_>, kernel: &str, from: DType, to: DType) -> Result<[usize; 2]> {
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    if (x.dtype(), y.dtype()) != (from, to) {
        return Err(cx.bad(kernel, Kind::DType, format!("expected {from} to {to}")));
    }
    match (x.dims(), y.dims()) {
        ([batch @ .., n], [others @ .., m]) if batch == others => Ok([*n, *m]),
        _ => Err(cx.bad(kernel, Kind::Shape, "operand and result must differ in the last axis alone")),
    }
}

/// Runs `some` for ranges of `count` rows of length `n`, over the threads.
fn for_each_row(n: usize, count: usize, some: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
    let cost = (n * (n.ilog2() as usize + 1)) as i64;
    parallel::for_each(count as i64, cost, &|begin, end, _| some(begin as usize..end as usize));
}

#[cfg(test)]
mod tests {
    use crate::array::{Array, DType};
    use crate::kernels::library::testing::{run, run_err};
    use std::f64::consts::TAU;

    fn samples(n: usize) -> Vec<[f32; 2]> {
        let mut bits = vec![0; 2 * n];
        crate::kernels::random::fill_bits(3, 4, 0, &mut bits);
        let value = |b: u32| b as f32 * 2f32.powi(-31) - 1.0;
        bits.chunks(2).map(|b| [value(b[0]), value(b[1])]).collect()
    }

    /// The sums as they are defined.
    fn defined(x: &[[f32; 2]], inverse: bool) -> Vec<[f64; 2]> {
        let (n, sign) = (x.len(), if inverse { 1.0 } else { -1.0 });
        (0..n)
            .map(|k| {
                x.iter().enumerate().fold([0.0; 2], |sum, (j, &[re, im])| {
                    let (s, c) = (sign * TAU * (j * k % n) as f64 / n as f64).sin_cos();
                    let (re, im) = (f64::from(re), f64::from(im));
                    [sum[0] + re * c - im * s, sum[1] + re * s + im * c]
                })
            })
            .collect()
    }

    #[track_caller]
    fn assert_close(actual: &[[f32; 2]], expected: &[[f64; 2]]) {
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((0..2).all(|i| (f64::from(a[i]) - e[i]).abs() < 1e-4), "{actual:?}\n{expected:?}");
        }
    }

    #[test]
    fn transforms_are_their_sums() {
        for n in [1, 2, 3, 4, 5, 8, 12, 17, 100, 101] {
            let x = samples(n);
            let whole = Array::from_slice(&[n], &x);
            for inverse in [false, true] {
                let y = run("fft.complex", &[&whole], &[(DType::Complex64, &[n])], &[inverse.into()]).remove(0);
                assert_close(y.as_slice(), &defined(&x, inverse));
            }
            let real: Vec<f32> = x.iter().map(|x| x[0]).collect();
            let full = defined(&real.iter().map(|&re| [re, 0.0]).collect::<Vec<_>>(), false);
            let m = n / 2 + 1;
            let y = run("fft.real", &[&Array::from_slice(&[n], &real)], &[(DType::Complex64, &[m])], &[]).remove(0);
            assert_close(y.as_slice(), &full[..m]);
            let back = run("fft.real_inverse", &[&y], &[(DType::F32, &[n])], &[]).remove(0);
            let scaled = back.as_slice::<f32>().iter().zip(&real);
            assert!(scaled.into_iter().all(|(b, r)| (b / n as f32 - r).abs() < 1e-5));
        }
    }

    #[test]
    fn imaginary_parts_of_what_is_real_do_not_count() {
        let given = Array::from_slice(&[3], &[[1.0f32, 5.0], [0.5, 0.25], [2.0, -7.0]]);
        let plain = Array::from_slice(&[3], &[[1.0f32, 0.0], [0.5, 0.25], [2.0, 0.0]]);
        let [a, b] = [given, plain].map(|x| run("fft.real_inverse", &[&x], &[(DType::F32, &[4])], &[]).remove(0));
        assert_eq!(a.as_slice::<f32>(), b.as_slice::<f32>());
    }

    #[test]
    fn rows_are_apart_and_may_be_none() {
        let x = samples(12);
        let y = run("fft.complex", &[&Array::from_slice(&[3, 4], &x)], &[(DType::Complex64, &[3, 4])], &[0]).remove(0);
        assert_close(&y.as_slice::<[f32; 2]>()[4..8], &defined(&x[4..8], false));
        let none = Array::from_slice(&[0, 4], &[[0f32; 2]; 0]);
        assert!(run("fft.complex", &[&none], &[(DType::Complex64, &[0, 4])], &[0])[0].is_empty());
        let real = Array::from_slice(&[4], &[0f32; 4]);
        assert!(run_err("fft.real", &[&real], &[(DType::Complex64, &[4])], &[]).message().contains("n / 2 + 1"));
    }

    #[test]
    fn plans_of_many_lengths_are_forgotten() {
        use super::{CAPACITY, REAL, lock};
        let first = 1 << 18;
        let lengths = first..first + 2 * (CAPACITY >> 18) + 1;
        for n in lengths.clone() {
            let x = Array::zeros(DType::F32, &[n]).unwrap();
            run("fft.real", &[&x], &[(DType::Complex64, &[n / 2 + 1])], &[]);
        }
        // Other tests have plans there too, so these are not counted.
        let plans = lengths.filter(|n| lock(&REAL).get(n).is_some()).count();
        assert!((1..=CAPACITY >> 18).contains(&plans), "{plans}");
        crate::kernels::library::clear_caches();
    }
}
