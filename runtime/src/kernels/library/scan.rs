//! `cumulative`: running sums, products, maxima, minima, and logarithms of sums of exponentials; `linear_recurrence`.

use super::number::Number;
use super::{LibraryCx, View, ViewMut};
use crate::array::element::with_element;
use crate::array::{DType, Element};
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::tile::FoldFn;
use half::{bf16, f16};

/// Neighbouring lanes that are scanned together.
const LANES: usize = 32;

/// See the table.
pub fn cumulative(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "cumulative";
    cx.expect(NAME, 1, 1, 4)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
    cx.expect_shape(NAME, x.dims())?;
    let axis = cx.axis(NAME, 0, x.rank())?;
    if x.dtype() == DType::Bool && cx.params[1] < 2 {
        return Err(cx.bad(NAME, Kind::DType, "bool has no sum or product"));
    }
    let lanes = Lanes::along(x.dims(), axis);
    let [exclusive, reverse] = [cx.params[2] != 0, cx.params[3] != 0];
    let fold = match cx.params[1] {
        0 => FoldFn::Sum,
        1 => FoldFn::Prod,
        2 => FoldFn::Max,
        3 => FoldFn::Min,
        4 => return log_sum_exp(cx, &lanes, exclusive, reverse),
        kind => return Err(cx.bad(NAME, Kind::Internal, format!("unknown kind {kind}"))),
    };
    with_element!(x.dtype(), T => {
        scan::<T, <T as Number>::Acc>(x, y, &lanes, [exclusive, reverse], T::start(fold), |x| x.widen(), T::narrow, |state, x| {
            T::combine(fold, state, x)
        });
    });
    Ok(())
}

/// See the table.
pub fn linear_recurrence(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linear_recurrence";
    cx.expect(NAME, 2, 1, 2)?;
    let (a, b, y) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[a.dtype(), b.dtype(), y.dtype()])?;
    cx.expect_shape(NAME, a.dims())?;
    cx.expect_shape(NAME, b.dims())?;
    let lanes = Lanes::along(a.dims(), cx.axis(NAME, 0, a.rank())?);
    let reverse = cx.params[1] != 0;
    if !a.dtype().is_float() {
        return Err(cx.bad(NAME, Kind::DType, "expected floats"));
    }
    with_element!(y.dtype(), T => {
        let (a, b) = (a.as_slice::<T>(), b.as_slice::<T>());
        let (sum, product) = (FoldFn::Sum, FoldFn::Prod);
        walk(y, &lanes, reverse, T::start(sum), |at, state| {
            let next = T::combine(sum, T::combine(product, a[at].widen(), state), b[at].widen());
            (next, T::narrow(next))
        });
    });
    Ok(())
}

/// States are in f64 for floats of every dtype.
fn log_sum_exp(cx: &LibraryCx<'_>, lanes: &Lanes, exclusive: bool, reverse: bool) -> Result<()> {
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    let add = |a: f64, b: f64| {
        let (least, greatest) = if a < b { (a, b) } else { (b, a) };
        // The difference of equal infinities is NaN.
        if least == greatest {
            greatest + std::f64::consts::LN_2
        } else {
            greatest + libm::log1p(libm::exp(least - greatest))
        }
    };
    macro_rules! dtypes {
        ($($dtype:ident $t:ty, $from:expr, $to:expr;)*) => {
            match x.dtype() {
                $(DType::$dtype => {
                    scan::<$t, f64>(x, y, lanes, [exclusive, reverse], f64::NEG_INFINITY, $from, $to, add);
                })*
                _ => return Err(cx.bad("cumulative", Kind::DType, "expected floats")),
            }
        };
    }
    dtypes! {
        F32 f32, f64::from, |v| v as f32;
        F64 f64, |v| v, |v| v;
        F16 f16, f16::to_f64, f16::from_f64;
        BF16 bf16, bf16::to_f64, bf16::from_f64;
    }
    Ok(())
}

/// Runs along one axis of a dense tensor, seen as `[outer, len, inner]`.
pub struct Lanes {
    pub outer: usize,
    pub len: usize,
    pub inner: usize,
}

impl Lanes {
    pub fn along(dims: &[usize], axis: usize) -> Lanes {
        Lanes { outer: dims[..axis].iter().product(), len: dims[axis], inner: dims[axis + 1..].iter().product() }
    }
}

/// Runs `combine` over states of type `S` along each lane.
#[allow(clippy::too_many_arguments)]
fn scan<T: Element, S: Copy + Send + Sync>(
    x: &View<'_>,
    y: &ViewMut<'_>,
    lanes: &Lanes,
    [exclusive, reverse]: [bool; 2],
    start: S,
    widen: impl Fn(T) -> S + Sync,
    narrow: impl Fn(S) -> T + Sync,
    combine: impl Fn(S, S) -> S + Sync,
) {
    let x = x.as_slice::<T>();
    walk(y, lanes, reverse, start, |at, state| {
        let next = combine(state, widen(x[at]));
        (next, narrow(if exclusive { state } else { next }))
    });
}

/// Along each lane: `next` makes the state and the result at a place of the state before it.
fn walk<T: Element, S: Copy + Send + Sync>(
    y: &ViewMut<'_>,
    lanes: &Lanes,
    reverse: bool,
    start: S,
    next: impl Fn(usize, S) -> (S, T) + Sync,
) {
    let Lanes { outer, len, inner } = *lanes;
    let strips = inner.div_ceil(LANES);
    let cost = (len * LANES.min(inner)) as i64;
    parallel::for_each((outer * strips) as i64, cost, &|begin, end, _| {
        for point in begin as usize..end as usize {
            let (matrix, first) = (point / strips, point % strips * LANES);
            let width = LANES.min(inner - first);
            let mut states = [start; LANES];
            for step in 0..len {
                let row = if reverse { len - 1 - step } else { step };
                let at = (matrix * len + row) * inner + first;
                // SAFETY: strips are disjoint.
                let out = unsafe { y.part_mut::<T>(at, at + width) };
                for ((out, state), at) in out.iter_mut().zip(&mut states).zip(at..) {
                    (*state, *out) = next(at, *state);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, run, run_err, values};
    use super::*;
    use crate::array::Array;

    /// A neutral element and an operation.
    type Monoid = (f64, fn(f64, f64) -> f64);

    #[test]
    fn every_kind_axis_and_direction() {
        let kinds: [Monoid; 4] =
            [(0.0, |a, b| a + b), (1.0, |a, b| a * b), (f64::NEG_INFINITY, f64::max), (f64::INFINITY, f64::min)];
        let shape = [2, 4, 40];
        for axis in 0..3 {
            for (kind, (start, combine)) in kinds.into_iter().enumerate() {
                for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
                    let x = numbers(DType::F64, &shape);
                    let params = [axis as i64, kind as i64, exclusive as i64, reverse as i64];
                    let y = run("cumulative", &[&x], &[(DType::F64, &shape)], &params).remove(0);
                    let stride: usize = shape[axis + 1..].iter().product();
                    for (i, &value) in values(&y).iter().enumerate() {
                        let (place, len) = (i / stride % shape[axis], shape[axis]);
                        let before: Vec<usize> =
                            if reverse { (place..len).rev().collect() } else { (0..=place).collect() };
                        let count = before.len() - exclusive as usize;
                        let at = |&k: &usize| x.element_f64(i - place * stride + k * stride);
                        assert_eq!(value, before[..count].iter().map(at).fold(start, combine), "{params:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn logarithms_of_sums_of_exponentials() {
        let x = Array::from_slice(&[5], &[f64::NEG_INFINITY, 1000.0, 1000.0, -5.0, f64::INFINITY]);
        let y = values(&run("cumulative", &[&x], &[(DType::F64, &[5])], &[0, 4, 0, 0])[0]);
        let twice = 1000.0 + std::f64::consts::LN_2;
        assert_eq!(y, [f64::NEG_INFINITY, 1000.0, twice, twice, f64::INFINITY]);
        let y = values(&run("cumulative", &[&x], &[(DType::F64, &[5])], &[0, 4, 1, 0])[0]);
        assert_eq!(y[..2], [f64::NEG_INFINITY, f64::NEG_INFINITY]);
        let x = Array::from_slice(&[1], &[1i32]);
        assert_eq!(run_err("cumulative", &[&x], &[(DType::I32, &[1])], &[0, 4, 0, 0]).kind(), Kind::DType);
    }

    #[test]
    fn recurrences_run_both_ways() {
        let a = Array::from_slice(&[3], &[9.0f64, 2.0, 0.0]);
        let b = Array::from_slice(&[3], &[1.0f64, 3.0, 5.0]);
        let y = |reverse| values(&run("linear_recurrence", &[&a, &b], &[(DType::F64, &[3])], &[0, reverse])[0]);
        assert_eq!(y(0), [1.0, 5.0, 5.0]);
        assert_eq!(y(1), [118.0, 13.0, 5.0]);
    }

    #[test]
    fn nan_stays_and_integers_wrap() {
        let x = Array::from_slice(&[4], &[1.0f32, f32::NAN, 0.0, 5.0]);
        for kind in [2, 3] {
            let y = run("cumulative", &[&x], &[(DType::F32, &[4])], &[0, kind, 0, 0]).remove(0);
            assert_eq!(y.element_f64(0), 1.0);
            assert!(values(&y)[1..].iter().all(|v| v.is_nan()));
        }
        let x = Array::from_slice(&[3], &[100i8, 100, 100]);
        let y = run("cumulative", &[&x], &[(DType::I8, &[3])], &[0, 0, 0, 0]).remove(0);
        assert_eq!(y.as_slice::<i8>(), [100, -56, 44]);
        let x = Array::from_slice(&[0, 2], &[0i32; 0]);
        assert!(run("cumulative", &[&x], &[(DType::I32, &[0, 2])], &[1, 0, 0, 0])[0].is_empty());
        let x = Array::from_slice(&[1], &[true]);
        assert_eq!(run_err("cumulative", &[&x], &[(DType::Bool, &[1])], &[0, 0, 0, 0]).kind(), Kind::DType);
    }
}
