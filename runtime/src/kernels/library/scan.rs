//! `cumulative`: running sums, products, maxima and minima.

use super::number::Number;
use super::{LibraryCx, View, ViewMut};
use crate::array::DType;
use crate::array::element::with_element;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::tile::FoldFn;

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
        kind => return Err(cx.bad(NAME, Kind::Internal, format!("unknown kind {kind}"))),
    };
    with_element!(x.dtype(), T => scan::<T>(x, y, &lanes, fold, exclusive, reverse));
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

fn scan<T: Number>(x: &View<'_>, y: &ViewMut<'_>, lanes: &Lanes, fold: FoldFn, exclusive: bool, reverse: bool) {
    let Lanes { outer, len, inner } = *lanes;
    let x = x.as_slice::<T>();
    let strips = inner.div_ceil(LANES);
    let cost = (len * LANES.min(inner)) as i64;
    parallel::for_each((outer * strips) as i64, cost, &|begin, end, _| {
        for point in begin as usize..end as usize {
            let (matrix, first) = (point / strips, point % strips * LANES);
            let width = LANES.min(inner - first);
            let mut states = [T::start(fold); LANES];
            for step in 0..len {
                let row = if reverse { len - 1 - step } else { step };
                let at = (matrix * len + row) * inner + first;
                // SAFETY: strips are disjoint.
                let out = unsafe { y.part_mut::<T>(at, at + width) };
                for ((out, &x), state) in out.iter_mut().zip(&x[at..at + width]).zip(&mut states) {
                    let next = T::combine(fold, *state, x.widen());
                    *out = T::narrow(if exclusive { *state } else { next });
                    *state = next;
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
