//! Printing as NumPy does: nested brackets, aligned columns, long axes shortened.

use super::Tensor;
use crate::Variable;
use half::{bf16, f16};
use std::fmt::{self, Write};
use tracelift_runtime::{Array, DType};

/// More elements than this are shortened to the ends of each axis.
const THRESHOLD: usize = 1000;
/// Elements shown at each end of a shortened axis.
const EDGE: usize = 3;
/// Width after which a row is broken.
const LINE: usize = 75;
/// Decimals of a float, unless the formatter asks for others (`{:.2}`).
const PRECISION: usize = 8;

/// The elements, as NumPy prints them; a symbolic tensor shows its dtype and shape.
///
/// ```
/// # use tracelift as tl;
/// assert_eq!(tl::constant([[1.0, 2.5], [10.0, -3.0]]).to_string(), "[[ 1.   2.5]\n [10.  -3. ]]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.array() {
            Some(array) => f.write_str(&text(array, f.precision())),
            None => write!(f, "<symbolic {}>", self.spec()),
        }
    }
}

/// Dtype and shape, then the elements.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.array() {
            Some(array) => write!(f, "Tensor({}, {})", self.spec(), text(array, f.precision())),
            None => write!(f, "Tensor({}, symbolic)", self.spec()),
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.peek(), f.precision()))
    }
}

/// The whole array as text.
fn text(array: &Array, precision: Option<usize>) -> String {
    if array.dtype() == DType::Complex64 {
        return array.to_string();
    }
    let shape = array.shape();
    let short = array.len() > THRESHOLD;
    let mut shown = Vec::new();
    visit(shape, short, 0, 0, &mut |index| shown.push(index));
    let cells = cells(array, &shown, precision);
    if shape.is_empty() {
        return cells.into_iter().next().unwrap_or_default().trim().to_owned();
    }
    let mut out = String::new();
    write_axis(&mut out, shape, short, &mut cells.into_iter(), 1);
    out
}

/// Calls `f` with the index of each shown element, in order.
fn visit(shape: &[usize], short: bool, axis: usize, offset: usize, f: &mut dyn FnMut(usize)) {
    let Some(&len) = shape.get(axis) else { return f(offset) };
    for i in shown_along(len, short).into_iter().flatten() {
        visit(shape, short, axis + 1, offset * len + i, f);
    }
}

/// The indices shown along an axis; None where the dots stand.
fn shown_along(len: usize, short: bool) -> Vec<Option<usize>> {
    if short && len > 2 * EDGE {
        let (head, tail) = (0..EDGE, len - EDGE..len);
        return head.map(Some).chain([None]).chain(tail.map(Some)).collect();
    }
    (0..len).map(Some).collect()
}

fn write_axis(out: &mut String, shape: &[usize], short: bool, cells: &mut dyn Iterator<Item = String>, depth: usize) {
    out.push('[');
    let last_axis = shape.len() == 1;
    let mut width = depth;
    for (k, index) in shown_along(shape[0], short).into_iter().enumerate() {
        let cell = match (index, last_axis) {
            (None, _) => "...".to_owned(),
            (Some(_), true) => cells.next().unwrap_or_default(),
            (Some(_), false) => String::new(),
        };
        if k > 0 && last_axis {
            width += 1 + cell.chars().count();
            if width > LINE {
                width = depth + cell.chars().count();
                let _ = write!(out, "\n{:depth$}", "");
            } else {
                out.push(' ');
            }
        } else if k > 0 {
            let _ = write!(out, "{}{:depth$}", "\n".repeat(shape.len() - 1), "");
        } else {
            width += cell.chars().count();
        }
        out.push_str(&cell);
        if !last_axis && index.is_some() {
            write_axis(out, &shape[1..], short, cells, depth + 1);
        }
    }
    out.push(']');
}

/// The shown elements as text of one width.
fn cells(array: &Array, shown: &[usize], precision: Option<usize>) -> Vec<String> {
    macro_rules! plain {
        ($t:ty) => {{
            let data = array.as_slice::<$t>();
            shown.iter().map(|&i| data[i].to_string()).collect()
        }};
    }
    macro_rules! float {
        ($t:ty, $wide:ty) => {{
            let data = array.as_slice::<$t>();
            let values: Vec<$wide> = shown.iter().map(|&i| data[i].into()).collect();
            floats(&values, precision)
        }};
    }
    let texts: Vec<String> = match array.dtype() {
        DType::F32 => float!(f32, f32),
        DType::F64 => float!(f64, f64),
        DType::F16 => float!(f16, f32),
        DType::BF16 => float!(bf16, f32),
        DType::I8 => plain!(i8),
        DType::I16 => plain!(i16),
        DType::I32 => plain!(i32),
        DType::I64 => plain!(i64),
        DType::U8 => plain!(u8),
        DType::U16 => plain!(u16),
        DType::U32 => plain!(u32),
        DType::U64 => plain!(u64),
        DType::Bool => plain!(bool),
        DType::Complex64 => unreachable!("arrays write complex numbers themselves"),
    };
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    texts.iter().map(|t| format!("{t:>width$}")).collect()
}

/// A float that can be written shortest, with so many decimals, or in scientific notation.
trait Float: Copy {
    fn wide(self) -> f64;
    fn shortest(self, scientific: bool) -> String;
}

macro_rules! float {
    ($($t:ty),*) => {$(
        impl Float for $t {
            fn wide(self) -> f64 {
                self.into()
            }
            fn shortest(self, scientific: bool) -> String {
                if scientific { format!("{self:e}") } else { format!("{self}") }
            }
        }
    )*};
}

float!(f32, f64);

/// NumPy's choice of notation: scientific if the magnitudes are far apart or far from one; the decimals of the
/// longest, at most 8; then decimal points in one column.
fn floats<T: Float>(values: &[T], precision: Option<usize>) -> Vec<String> {
    let most = precision.unwrap_or(PRECISION);
    let finite = || values.iter().map(|v| v.wide().abs()).filter(|v| v.is_finite() && *v > 0.0);
    let (max, min) = (finite().fold(0.0, f64::max), finite().fold(f64::INFINITY, f64::min));
    let scientific = max >= 1e8 || min < 1e-4 || max / min > 1e3 && max >= 1e4 && min < 1e-1;
    let decimals_of = |text: &str| {
        let mantissa = text.split('e').next().unwrap_or(text);
        mantissa.split_once('.').map_or(0, |(_, d)| d.len())
    };
    let shortest = |v: &T| v.shortest(scientific);
    let is_finite = |v: &&T| v.wide().is_finite();
    let decimals = values.iter().filter(is_finite).map(|v| decimals_of(&shortest(v))).max().unwrap_or(0).min(most);
    let decimals = if precision.is_some() { most } else { decimals };
    let write = |v: &T| match v.wide() {
        w if w.is_nan() => "nan".to_owned(),
        w if w.is_infinite() => if w > 0.0 { "inf" } else { "-inf" }.to_owned(),
        w if scientific => exponent_of_two_digits(&format!("{w:.decimals$e}")),
        w => pad_zeros(format!("{w:.decimals$}"), precision.is_some(), &shortest(v), decimals),
    };
    values.iter().map(write).collect()
}

/// NumPy's `1.e-05` for Rust's `1e-5`.
fn exponent_of_two_digits(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let point = if mantissa.contains('.') { "" } else { "." };
    format!("{mantissa}{point}e{sign}{digits:0>2}")
}

/// Zeros behind the last digit become blanks, as NumPy prints them: `2.5`, `10. `; unless decimals were asked for.
fn pad_zeros(text: String, keep: bool, shortest: &str, decimals: usize) -> String {
    let text = if text.contains('.') || keep { text } else { text + "." };
    if keep || decimals == 0 {
        return text;
    }
    let own = shortest.split_once('.').map_or(0, |(_, d)| d.len()).min(decimals);
    let digits = text.len() - (decimals - own);
    format!("{}{}", &text[..digits], " ".repeat(decimals - own))
}

#[cfg(test)]
mod tests {
    use crate::tensor::{Tensor, constant};

    #[test]
    fn numbers_print_as_numpy_prints_them() {
        for (tensor, text) in [
            (constant(1.5), "1.5"),
            (constant(3.0), "3."),
            (constant([1, 20, 3]), "[ 1 20  3]"),
            (constant([0.1, 0.25, 3.0]), "[0.1  0.25 3.  ]"),
            (constant([true, false]), "[ true false]"),
            (constant([f32::NAN, f32::INFINITY, 1.0]), "[nan inf  1.]"),
            (constant([1e-5, 1.0]), "[1.e-05 1.e+00]"),
            (constant([[[1, 2]], [[3, 4]]]), "[[[1 2]]\n\n [[3 4]]]"),
            (constant(Vec::<f32>::new()), "[]"),
            (Tensor::from([0.1f64, 1.0 / 3.0]), "[0.1        0.33333333]"),
        ] {
            assert_eq!(tensor.to_string(), text);
        }
        assert_eq!(format!("{:.2}", constant([1.0, 2.345])), "[1.00 2.35]");
        assert_eq!(format!("{:?}", constant([1, 2])), "Tensor(i32[2], [1 2])");
    }

    #[test]
    fn long_axes_are_shortened_and_rows_broken() {
        let long = constant((0..2000).collect::<Vec<i32>>());
        assert_eq!(long.to_string(), "[   0    1    2 ... 1997 1998 1999]");
        let row = constant(vec![1; 60]).to_string();
        assert_eq!(row.lines().count(), 2);
        assert!(row.lines().all(|l| l.len() <= 76), "{row}");
    }
}
