//! Printing arrays as NumPy does: brackets, aligned columns, at most 8 decimals, scientific notation for large
//! ranges, and the middle left out of arrays of more than 1000 elements. Truth values are Rust's. A formatter that asks
//! for a precision (`{:.2}`) gets as many decimals of every float.
//!
//! The rules are those of `numpy/_core/arrayprint.py` with its default options.

use super::element::with_element;
use super::{Array, DType, Element};
use half::{bf16, f16};
use std::fmt;

/// Most decimals shown.
const PRECISION: usize = 8;
/// Arrays of more elements are summarised.
const THRESHOLD: usize = 1000;
/// Elements shown at each end of a summarised axis.
const EDGE: usize = 3;
/// Columns before a line is wrapped.
const LINE_WIDTH: usize = 75;

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank() == 0 {
            return match f.precision() {
                None => f.write_str(&scalar(self)),
                decimals => f.write_str(aligned_words(self, &[0], decimals)[0].trim()),
            };
        }
        if self.is_empty() {
            return f.write_str("[]");
        }
        let summarised = self.len() > THRESHOLD;
        let shown = shown_indices(self.shape(), summarised);
        let words = aligned_words(self, &shown, f.precision());
        f.write_str(&Layout { shape: self.shape(), summarised, words: words.into_iter() }.nested(0))
    }
}

/// Row-major indices of the elements that are shown.
fn shown_indices(shape: &[usize], summarised: bool) -> Vec<usize> {
    let mut shown = vec![0];
    for &len in shape {
        let cut = summarised && len > 2 * EDGE;
        let along: Vec<usize> = (0..len).filter(|&i| !cut || i < EDGE || i >= len - EDGE).collect();
        shown = shown.iter().flat_map(|&outer| along.iter().map(move |&i| outer * len + i)).collect();
    }
    shown
}

/// Arranges the words of the shown elements in brackets and lines.
struct Layout<'a> {
    shape: &'a [usize],
    summarised: bool,
    words: std::vec::IntoIter<String>,
}

impl Layout<'_> {
    /// The text of the next subarray along `axis`, from its opening to its closing bracket.
    fn nested(&mut self, axis: usize) -> String {
        let indent = " ".repeat(axis + 1);
        let len = self.shape[axis];
        let cut = self.summarised && len > 2 * EDGE;
        let items = if cut { 2 * EDGE } else { len };
        if axis + 1 == self.shape.len() {
            return self.row(items, cut, &indent);
        }
        let gap = "\n".repeat(self.shape.len() - 1 - axis);
        let mut text = String::from("[");
        for item in 0..items {
            if item > 0 {
                text.push_str(&gap);
                text.push_str(&indent);
            }
            if cut && item == EDGE {
                text.push_str("...");
                text.push_str(&gap);
                text.push_str(&indent);
            }
            text.push_str(&self.nested(axis + 1));
        }
        text.push(']');
        text
    }

    /// A run along the last axis, wrapped into lines.
    fn row(&mut self, items: usize, cut: bool, indent: &str) -> String {
        let room = LINE_WIDTH.saturating_sub(indent.len());
        let (mut text, mut line) = (String::new(), indent.to_string());
        let mut extend = |line: &mut String, word: &str| {
            if line.len() + word.len() > room && line.len() > indent.len() {
                text.push_str(line.trim_end());
                text.push('\n');
                *line = indent.to_string();
            }
            line.push_str(word);
        };
        for item in 0..items {
            if item > 0 {
                line.push(' ');
            }
            if cut && item == EDGE {
                extend(&mut line, "...");
                line.push(' ');
            }
            let word = self.words.next().expect("a word for each shown element");
            extend(&mut line, &word);
        }
        text.push_str(&line);
        format!("[{}]", &text[indent.len()..])
    }
}

/// The shown elements as text of equal width.
fn aligned_words(array: &Array, shown: &[usize], decimals: Option<usize>) -> Vec<String> {
    match array.dtype() {
        DType::Bool => shown.iter().map(|&i| format!("{:>5}", array.as_slice::<bool>()[i])).collect(),
        DType::F32 => float_words(&array.as_slice::<f32>().pick(shown), decimals),
        DType::F64 => float_words(&array.as_slice::<f64>().pick(shown), decimals),
        DType::F16 => float_words(&array.as_slice::<f16>().pick(shown), decimals),
        DType::BF16 => float_words(&array.as_slice::<bf16>().pick(shown), decimals),
        DType::Complex64 => complex_words(&array.as_slice::<[f32; 2]>().pick(shown), decimals),
        _ => {
            let words: Vec<String> = shown.iter().map(|&i| integer(array, i)).collect();
            let width = words.iter().map(String::len).max().unwrap_or(0);
            words.into_iter().map(|word| format!("{word:>width$}")).collect()
        }
    }
}

fn integer(array: &Array, index: usize) -> String {
    with_element!(array.dtype(), T => format!("{:?}", array.as_slice::<T>()[index]))
}

fn float_words<T: Float>(values: &[T], decimals: Option<usize>) -> Vec<String> {
    let reals: Vec<Real> = values.iter().map(|&x| x.real()).collect();
    let format = FloatFormat::of(&reals, false, decimals);
    reals.iter().map(|&x| format.word(x)).collect()
}

fn complex_words(values: &[[f32; 2]], decimals: Option<usize>) -> Vec<String> {
    let part = |k: usize| values.iter().map(|z| z[k].real()).collect::<Vec<_>>();
    let (re, im) = (part(0), part(1));
    let (re_format, im_format) = (FloatFormat::of(&re, false, decimals), FloatFormat::of(&im, true, decimals));
    let join = |(&re, &im): (&Real, &Real)| {
        let im = im_format.word(im);
        let digits = im.trim_end();
        format!("{}{digits}j{}", re_format.word(re), &im[digits.len()..])
    };
    re.iter().zip(&im).map(join).collect()
}

/// A single element, as NumPy prints its scalars: all digits that tell it from its neighbours.
fn scalar(array: &Array) -> String {
    match array.dtype() {
        DType::F32 => scalar_float(array.as_slice::<f32>()[0].real(), ".0"),
        DType::F64 => scalar_float(array.as_slice::<f64>()[0].real(), ".0"),
        DType::F16 => scalar_float(array.as_slice::<f16>()[0].real(), ".0"),
        DType::BF16 => scalar_float(array.as_slice::<bf16>()[0].real(), ".0"),
        DType::Complex64 => {
            let [re, im] = array.as_slice::<[f32; 2]>()[0];
            let imaginary = scalar_float(im.real(), "");
            if re == 0.0 && re.is_sign_positive() {
                return format!("{imaginary}j");
            }
            let plus = if imaginary.starts_with('-') { "" } else { "+" };
            format!("({}{plus}{imaginary}j)", scalar_float(re.real(), ""))
        }
        _ => integer(array, 0),
    }
}

/// `whole` is what follows the digits of a whole number.
fn scalar_float(x: Real, whole: &str) -> String {
    let size = x.exact.abs();
    if !size.is_finite() {
        return non_finite(x.exact);
    }
    let sign = if x.exact.is_sign_negative() { "-" } else { "" };
    if size == 0.0 || (1e-4..x.positional_below).contains(&size) {
        let (int, frac) = positional(x, usize::MAX);
        return if frac.is_empty() { format!("{sign}{int}{whole}") } else { format!("{sign}{int}.{frac}") };
    }
    let (int, frac, exponent) = scientific(x, usize::MAX);
    let point = if frac.is_empty() { "" } else { "." };
    format!("{sign}{int}{point}{frac}e{}", exponent_text(exponent, 2))
}

/// A float as decimal digits need it.
#[derive(Clone, Copy)]
struct Real {
    /// The value.
    exact: f64,
    /// The f64 whose shortest digits are also the shortest that identify the value among those of its dtype.
    short: f64,
    /// From here on a single value is printed in scientific notation.
    positional_below: f64,
}

/// An element that is printed as a float.
trait Float: Element {
    fn real(self) -> Real;
}

impl Float for f64 {
    fn real(self) -> Real {
        Real { exact: self, short: self, positional_below: 1e16 }
    }
}

impl Float for f32 {
    fn real(self) -> Real {
        let short = format!("{self:e}").parse().unwrap_or(self as f64);
        Real { exact: self as f64, short, positional_below: 1e6 }
    }
}

macro_rules! half_float {
    ($($t:ty),*) => {$(
        impl Float for $t {
            fn real(self) -> Real {
                let exact = self.to_f64();
                let short = (0..6)
                    .map(|digits| format!("{exact:.digits$e}").parse().unwrap_or(exact))
                    .find(|&short| <$t>::from_f64(short) == self)
                    .unwrap_or(exact);
                Real { exact, short, positional_below: 1e3 }
            }
        }
    )*};
}

half_float!(f16, bf16);

/// Digits before and after the point of the absolute value: the shortest, or if they are too many, rounded.
fn positional(x: Real, precision: usize) -> (String, String) {
    let shortest = format!("{}", x.short.abs());
    let (int, frac) = shortest.split_once('.').unwrap_or((&shortest, ""));
    if frac.len() <= precision {
        return (int.to_string(), frac.to_string());
    }
    let rounded = format!("{:.precision$}", x.exact.abs());
    let (int, frac) = rounded.split_once('.').unwrap_or((&rounded, ""));
    (int.to_string(), frac.trim_end_matches('0').to_string())
}

/// The leading digit, the digits after the point, and the exponent of the absolute value.
fn scientific(x: Real, precision: usize) -> (String, String, i32) {
    let split = |text: &str| {
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (int, frac) = digits.split_once('.').unwrap_or((digits, ""));
        (int.to_string(), frac.trim_end_matches('0').to_string(), exponent.parse().unwrap_or(0))
    };
    let shortest = split(&format!("{:e}", x.short.abs()));
    if shortest.1.len() <= precision { shortest } else { split(&format!("{:.precision$e}", x.exact.abs())) }
}

fn exponent_text(exponent: i32, digits: usize) -> String {
    format!("{}{:0digits$}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}

fn non_finite(x: f64) -> String {
    if x.is_nan() {
        "nan"
    } else if x < 0.0 {
        "-inf"
    } else {
        "inf"
    }
    .to_string()
}

/// How the floats of one array are written so that their points are in one column.
struct FloatFormat {
    /// Write `+` too.
    plus: bool,
    /// In scientific notation.
    scientific: bool,
    /// Write zeros up to `precision`, not blanks.
    fixed: bool,
    precision: usize,
    /// Columns before and after the point.
    left: usize,
    right: usize,
    exponent_digits: usize,
}

impl FloatFormat {
    fn of(values: &[Real], plus: bool, decimals: Option<usize>) -> FloatFormat {
        let finite: Vec<Real> = values.iter().copied().filter(|x| x.exact.is_finite()).collect();
        let sizes = || finite.iter().map(|x| x.exact.abs()).filter(|&size| size != 0.0);
        let (greatest, least) = (sizes().fold(0.0, f64::max), sizes().fold(f64::INFINITY, f64::min));
        let scientific = greatest > 0.0 && (greatest >= 1e8 || least < 1e-4 || greatest / least > 1e3);
        let fixed = decimals.is_some();
        let mut format = FloatFormat { plus, scientific, fixed, precision: 0, left: 0, right: 0, exponent_digits: 0 };
        format.measure(&finite, decimals.unwrap_or(PRECISION));
        if finite.len() < values.len() {
            let negative = plus || values.iter().any(|x| x.exact == f64::NEG_INFINITY);
            format.left = format.left.max(2usize.saturating_sub(format.right));
            format.left = format.left.max((2 + negative as usize).saturating_sub(format.right));
        }
        format
    }

    /// Sets the widths that `finite` need with at most so many decimals.
    fn measure(&mut self, finite: &[Real], most: usize) {
        for &x in finite {
            let sign = (self.plus || x.exact.is_sign_negative()) as usize;
            let (int, frac) = if self.scientific {
                let (int, frac, exponent) = scientific(x, most);
                self.exponent_digits = self.exponent_digits.max(exponent_text(exponent, 2).len() - 1);
                (int, frac)
            } else {
                positional(x, most)
            };
            self.left = self.left.max(int.len() + sign);
            self.precision = self.precision.max(frac.len());
        }
        if self.fixed {
            self.precision = most;
        }
        self.right = if self.scientific { self.exponent_digits + 2 + self.precision } else { self.precision };
    }

    fn word(&self, x: Real) -> String {
        let point = if self.fixed && self.precision == 0 { "" } else { "." };
        if !x.exact.is_finite() {
            let plus = if self.plus && x.exact != f64::NEG_INFINITY { "+" } else { "" };
            let width = self.left + self.right + point.len();
            return format!("{:>width$}", format!("{plus}{}", non_finite(x.exact)));
        }
        let sign = if x.exact.is_sign_negative() {
            "-"
        } else if self.plus {
            "+"
        } else {
            ""
        };
        let (left, precision) = (self.left, self.precision);
        if self.scientific {
            // Digits beyond the shortest are those of the exact value.
            let digits = format!("{:.precision$e}", x.exact.abs());
            let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
            let end = if precision == 0 { point } else { "" };
            let exponent = exponent_text(exponent.parse().unwrap_or(0), self.exponent_digits);
            let width = left + point.len() + precision;
            return format!("{:>width$}e{exponent}", format!("{sign}{mantissa}{end}"));
        }
        let (int, frac) = positional(x, precision);
        let int = format!("{sign}{int}");
        if self.fixed {
            format!("{int:>left$}{point}{frac:0<precision$}")
        } else {
            format!("{int:>left$}.{frac:<precision$}")
        }
    }
}

/// Picking elements by index.
trait Pick<T> {
    fn pick(&self, indices: &[usize]) -> Vec<T>;
}

impl<T: Copy> Pick<T> for [T] {
    fn pick(&self, indices: &[usize]) -> Vec<T> {
        indices.iter().map(|&i| self[i]).collect()
    }
}

#[cfg(test)]
mod tests {
    //! What NumPy 2.4 prints for the same arrays.

    use super::*;

    fn show<T: Element>(shape: &[usize], data: &[T]) -> String {
        Array::from_slice(shape, data).to_string()
    }

    fn counting(shape: &[usize]) -> Array {
        let data: Vec<i32> = (0..shape.iter().product::<usize>() as i32).collect();
        Array::from_vec(shape, data).unwrap()
    }

    #[test]
    fn floats_share_a_column_for_the_point() {
        assert_eq!(show(&[3], &[1.0f32, 2.5, -3.0]), "[ 1.   2.5 -3. ]");
        assert_eq!(show(&[2, 3], &[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0]), "[[0. 1. 2.]\n [3. 4. 5.]]");
        assert_eq!(show(&[3], &[0.1f32, 0.2, 1.0 / 3.0]), "[0.1        0.2        0.33333334]");
        assert_eq!(show(&[3], &[1.0 / 3.0, 2.0 / 3.0, 100.0 / 3.0]), "[ 0.33333333  0.66666667 33.33333333]");
        assert_eq!(show(&[2], &[-0.0f32, 0.0]), "[-0.  0.]");
        assert_eq!(show(&[2], &[0.123456789012, 5.5]), "[0.12345679 5.5       ]");
        assert_eq!(show(&[2], &[0.999999999, 5.5]), "[1.  5.5]");
    }

    #[test]
    fn asked_decimals_are_all_written() {
        let x = Array::from_slice(&[3], &[1.0f32, 2.345, -10.0]);
        assert_eq!(format!("{x:.2}"), "[  1.00   2.35 -10.00]");
        assert_eq!(format!("{x:.0}"), "[  1   2 -10]");
        assert_eq!(format!("{:.1}", Array::from_slice(&[2], &[f64::NAN, 1.0])), "[nan 1.0]");
        assert_eq!(format!("{:.2}", Array::from_slice(&[2], &[1e-5, 1.0])), "[1.00e-05 1.00e+00]");
        assert_eq!(format!("{:.2}", Array::from_slice(&[1], &[[1f32, -0.5]])), "[1.00-0.50j]");
        assert_eq!(format!("{:.3}", Array::scalar(2.0f32)), "2.000");
        assert_eq!(format!("{:.3}", Array::scalar(2)), "2");
    }

    #[test]
    fn large_ranges_are_scientific() {
        assert_eq!(show(&[3], &[1e-5f32, 1.0, 1000.0]), "[1.e-05 1.e+00 1.e+03]");
        assert_eq!(show(&[2], &[1e8f32, 1.0]), "[1.e+08 1.e+00]");
        assert_eq!(show(&[2], &[99999999.0, 1.5]), "[9.9999999e+07 1.5000000e+00]");
        assert_eq!(show(&[3], &[1e-10, 3.21159265358979, 2e10]), "[1.00000000e-10 3.21159265e+00 2.00000000e+10]");
        assert_eq!(show(&[2], &[1e300, 1e-300]), "[1.e+300 1.e-300]");
        assert_eq!(show(&[2], &[1.23456789012e-7, 5.5]), "[1.23456789e-07 5.50000000e+00]");
        let halves = [0.1, 65504.0, 1.0 / 3.0].map(f16::from_f64);
        assert_eq!(show(&[3], &halves), "[9.998e-02 6.550e+04 3.333e-01]");
    }

    #[test]
    fn not_a_number_and_infinity_fit_in() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        assert_eq!(show(&[4], &[nan, 1.0, inf, -inf]), "[ nan   1.  inf -inf]");
        assert_eq!(show(&[2], &[nan, nan]), "[nan nan]");
        assert_eq!(show(&[4], &[1e-5, nan, -2e5, inf]), "[ 1.e-05     nan -2.e+05     inf]");
    }

    #[test]
    fn integers_and_truth_values() {
        assert_eq!(show(&[2, 2], &[1, -20, 300, 4]), "[[  1 -20]\n [300   4]]");
        assert_eq!(show(&[2], &[u64::MAX, 0]), "[18446744073709551615                    0]");
        assert_eq!(show(&[2, 2], &[true, false, false, true]), "[[ true false]\n [false  true]]");
        assert_eq!(counting(&[2, 2, 2]).to_string(), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
        assert_eq!(show(&[1, 1], &[7]), "[[7]]");
        assert_eq!(show::<f32>(&[0, 3], &[]), "[]");
        assert_eq!(show::<f32>(&[2, 0], &[]), "[]");
    }

    #[test]
    fn complex_numbers() {
        assert_eq!(show(&[2], &[[1f32, 2.0], [-0.5, -3.25]]), "[ 1. +2.j   -0.5-3.25j]");
        assert_eq!(show(&[1, 2], &[[1e-5f32, 2.0], [1e5, -3.25]]), "[[1.e-05+2.j   1.e+05-3.25j]]");
        assert_eq!(show(&[2], &[[f32::NAN, 2.0], [1.0, -f32::INFINITY]]), "[nan +2.j  1.-infj]");
        assert_eq!(show(&[], &[[1f32, 2.0]]), "(1+2j)");
        assert_eq!(show(&[], &[[1.5f32, -0.25]]), "(1.5-0.25j)");
        assert_eq!(show(&[], &[[0f32, 3.0]]), "3j");
    }

    #[test]
    fn scalars_show_all_their_digits() {
        let f32s = [1.0f32, 0.1, 1e-5, 999_999.0, 1e6, 123456789.0, 1e-4, -2.5, f32::NAN, f32::INFINITY];
        let shown = ["1.0", "0.1", "1e-05", "999999.0", "1e+06", "1.2345679e+08", "1e-04", "-2.5", "nan", "inf"];
        for (x, text) in f32s.into_iter().zip(shown) {
            assert_eq!(Array::scalar(x).to_string(), text);
        }
        for (x, text) in [(1e16, "1e+16"), (123456789.0, "123456789.0"), (1e-4, "0.0001"), (0.0, "0.0")] {
            assert_eq!(Array::scalar(x).to_string(), text);
        }
        assert_eq!(Array::scalar(f16::from_f64(0.1)).to_string(), "0.1");
        assert_eq!(Array::scalar(5i8).to_string(), "5");
        assert_eq!(Array::scalar(true).to_string(), "true");
    }

    #[test]
    fn long_rows_are_wrapped() {
        let thousands: Vec<i64> = (0..30).map(|i| 1000 * i).collect();
        assert_eq!(
            show(&[30], &thousands),
            "[    0  1000  2000  3000  4000  5000  6000  7000  8000  9000 10000 11000\n \
             12000 13000 14000 15000 16000 17000 18000 19000 20000 21000 22000 23000\n \
             24000 25000 26000 27000 28000 29000]"
        );
        let eighths: Vec<f32> = (0..40).map(|i| i as f32 * 1.125).collect();
        assert_eq!(
            show(&[2, 20], &eighths),
            "[[ 0.     1.125  2.25   3.375  4.5    5.625  6.75   7.875  9.    10.125\n  \
             11.25  12.375 13.5   14.625 15.75  16.875 18.    19.125 20.25  21.375]\n \
             [22.5   23.625 24.75  25.875 27.    28.125 29.25  30.375 31.5   32.625\n  \
             33.75  34.875 36.    37.125 38.25  39.375 40.5   41.625 42.75  43.875]]"
        );
    }

    #[test]
    fn large_arrays_are_summarised() {
        assert_eq!(counting(&[2000]).to_string(), "[   0    1    2 ... 1997 1998 1999]");
        assert_eq!(
            counting(&[1001, 2]).to_string(),
            "[[   0    1]\n [   2    3]\n [   4    5]\n ...\n [1996 1997]\n [1998 1999]\n [2000 2001]]"
        );
        let text = counting(&[7, 7, 30]).to_string();
        assert!(text.starts_with("[[[   0    1    2 ...   27   28   29]\n  [  30   31   32 ...   57   58   59]\n"));
        assert!(text.contains("[ 600  601  602 ...  627  628  629]]\n\n ...\n\n [[ 840  841  842 ..."), "{text}");
        assert_eq!(counting(&[1000]).to_string().matches("...").count(), 0);
    }
}
