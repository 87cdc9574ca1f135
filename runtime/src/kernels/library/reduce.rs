//! `reduce` over any axes, and `arg_reduce`.
//!
//! The order in which elements are combined depends on the shape only. Work is split between results.

use super::number::Number;
use super::scan::Lanes;
use super::{LibraryCx, View, ViewMut};
use crate::array::convert::{Convert, Wide};
use crate::array::element::with_element;
use crate::array::{DType, Shape};
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::tile::{self, FoldFn};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// Neighbouring results, or partial results of one run, that are combined together.
const LANES: usize = 32;

/// See the table.
pub fn reduce(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "reduce";
    cx.expect(NAME, 1, 1, cx.params.len().max(1))?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
    let mut reduced: SmallVec<[bool; 6]> = SmallVec::from_elem(false, x.rank());
    for param in 1..cx.params.len() {
        reduced[cx.axis(NAME, param, x.rank())?] = true;
    }
    let kept = |with_ones: bool| -> Shape {
        let lens = x.dims().iter().zip(&reduced);
        lens.filter(|(_, r)| with_ones || !**r).map(|(&len, &r)| if r { 1 } else { len }).collect()
    };
    if *y.dims() != kept(false)[..] && *y.dims() != kept(true)[..] {
        return Err(cx.bad(NAME, Kind::Shape, format!("expected a result of shape {:?}", kept(false))));
    }
    let kind = cx.params[0];
    match (kind, x.dtype()) {
        (0 | 1, DType::Bool) => return Err(cx.bad(NAME, Kind::DType, "bool has no sum or product")),
        (4 | 5, dtype) if dtype != DType::Bool => {
            return Err(cx.bad(NAME, Kind::DType, "all and any are of bools"));
        }
        _ => {}
    }
    let plan = Plan::new(x.dims(), &reduced);
    let fold = match kind {
        0 => FoldFn::Sum,
        1 => FoldFn::Prod,
        2 | 5 => FoldFn::Max,
        3 | 4 => FoldFn::Min,
        _ => return Err(cx.bad(NAME, Kind::Internal, format!("unknown kind {kind}"))),
    };
    with_element!(x.dtype(), T => plan.run::<T>(x, y, fold));
    Ok(())
}

/// Axes and what is done along them, neighbours of one kind merged.
struct Plan {
    /// Lengths and strides of the axes kept, but for the last one if it is the innermost.
    kept: SmallVec<[(usize, usize); 6]>,
    /// Lengths and strides of the axes reduced, but for the last one if it is the innermost.
    reduced: SmallVec<[(usize, usize); 6]>,
    /// Length of the innermost axis.
    inner: usize,
    /// Whether that is reduced.
    reduces_inner: bool,
}

impl Plan {
    fn new(dims: &[usize], reduced: &[bool]) -> Plan {
        let mut merged: SmallVec<[(usize, bool); 6]> = SmallVec::new();
        for (&len, &r) in dims.iter().zip(reduced) {
            match merged.last_mut() {
                Some((outer, same)) if *same == r => *outer *= len,
                _ => merged.push((len, r)),
            }
        }
        let (inner, reduces_inner) = merged.pop().unwrap_or((1, true));
        let mut plan = Plan { kept: SmallVec::new(), reduced: SmallVec::new(), inner, reduces_inner };
        let mut stride = inner;
        for (len, r) in merged.into_iter().rev() {
            if r {
                plan.reduced.insert(0, (len, stride))
            } else {
                plan.kept.insert(0, (len, stride))
            }
            stride *= len;
        }
        plan
    }

    fn run<T: Number>(&self, x: &View<'_>, y: &ViewMut<'_>, fold: FoldFn) {
        let start = T::start(fold);
        let x = x.as_slice::<T>();
        let count = |axes: &[(usize, usize)]| axes.iter().map(|axis| axis.0).product::<usize>();
        let (kept, steps) = (count(&self.kept), count(&self.reduced));
        if self.reduces_inner {
            let cost = (steps * self.inner) as i64 / 2 + 10;
            parallel::for_each(kept as i64, cost, &|begin, end, _| {
                for index in begin as usize..end as usize {
                    let base = offset(&self.kept, index);
                    let mut value = start;
                    for step in 0..steps {
                        let run = &x[base + offset(&self.reduced, step)..][..self.inner];
                        value = T::combine(fold, value, fold_run(run, fold));
                    }
                    // SAFETY: each result is written once.
                    unsafe { y.part_mut::<T>(index, index + 1)[0] = T::narrow(value) };
                }
            });
            return;
        }
        let strips = self.inner.div_ceil(LANES);
        let cost = (steps * LANES.min(self.inner)) as i64 / 2 + 10;
        parallel::for_each((kept * strips) as i64, cost, &|begin, end, _| {
            for point in begin as usize..end as usize {
                let (index, first) = (point / strips, point % strips * LANES);
                let width = LANES.min(self.inner - first);
                let base = offset(&self.kept, index) + first;
                let mut sums = [start; LANES];
                for step in 0..steps {
                    let row = &x[base + offset(&self.reduced, step)..][..width];
                    for (sum, &x) in sums.iter_mut().zip(row) {
                        *sum = T::combine(fold, *sum, x.widen());
                    }
                }
                let at = index * self.inner + first;
                // SAFETY: strips are disjoint.
                let out = unsafe { y.part_mut::<T>(at, at + width) };
                out.iter_mut().zip(&sums).for_each(|(out, &sum)| *out = T::narrow(sum));
            }
        });
    }
}

/// The offset of index `index` over `(len, stride)` axes.
fn offset(axes: &[(usize, usize)], mut index: usize) -> usize {
    let mut offset = 0;
    for &(len, stride) in axes.iter().rev() {
        offset += index % len * stride;
        index /= len;
    }
    offset
}

/// Combines a contiguous run: in lanes, then these pairwise.
fn fold_run<T: Number>(run: &[T], fold: FoldFn) -> T::Acc {
    let mut lanes = [T::start(fold); LANES];
    for chunk in run.chunks(LANES) {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = T::combine(fold, *lane, x.widen());
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = T::combine(fold, lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// See the table.
pub fn arg_reduce(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "arg_reduce";
    cx.expect(NAME, 1, 1, 2)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    let axis = cx.axis(NAME, 0, x.rank())?;
    let without: Shape = x.dims()[..axis].iter().chain(&x.dims()[axis + 1..]).copied().collect();
    let mut with_one = without.clone();
    with_one.insert(axis, 1);
    if *y.dims() != with_one[..] {
        cx.expect_shape(NAME, &without)?;
    }
    if x.dims()[axis] == 0 && !y.is_empty() {
        return Err(cx.bad(NAME, Kind::Value, format!("axis {axis} has no elements to choose from")));
    }
    let lanes = Lanes::along(x.dims(), axis);
    let least = cx.params[1] != 0;
    with_element!(x.dtype(), T => match y.dtype() {
        DType::I32 => arg_all::<T, i32>(x, y, &lanes, least),
        DType::I64 => arg_all::<T, i64>(x, y, &lanes, least),
        _ => return Err(cx.bad(NAME, Kind::DType, "expected a result of dtype i32 or i64")),
    });
    Ok(())
}

fn arg_all<T: Number, I: Convert>(x: &View<'_>, y: &ViewMut<'_>, lanes: &Lanes, least: bool) {
    let Lanes { outer, len, inner } = *lanes;
    let x = x.as_slice::<T>();
    let index = |k: usize| I::from_number(Wide::Unsigned(k as u64));
    if inner == 1 {
        parallel::for_each(outer as i64, len as i64 / 4 + 10, &|begin, end, _| {
            let (begin, end) = (begin as usize, end as usize);
            // SAFETY: each result is written once.
            let out = unsafe { y.part_mut::<I>(begin, end) };
            let rows = (begin..end).map(|row| &x[row * len..][..len]);
            out.iter_mut().zip(rows).for_each(|(out, row)| *out = index(arg_run(row, least)));
        });
        return;
    }
    // NaN is greatest in the order, and beats every number in both directions.
    let beats = |a: T, b: T| match a.order(b) {
        Ordering::Greater => !least || a.is_nan(),
        Ordering::Less => least && !b.is_nan(),
        Ordering::Equal => false,
    };
    let strips = inner.div_ceil(LANES);
    parallel::for_each((outer * strips) as i64, (len * LANES.min(inner)) as i64, &|begin, end, _| {
        for point in begin as usize..end as usize {
            let (matrix, first) = (point / strips, point % strips * LANES);
            let width = LANES.min(inner - first);
            let row = |k: usize| &x[(matrix * len + k) * inner + first..][..width];
            let mut best = [(row(0)[0], 0); LANES];
            best.iter_mut().zip(row(0)).for_each(|(best, &x)| best.0 = x);
            for k in 1..len {
                for (best, &x) in best.iter_mut().zip(row(k)) {
                    if beats(x, best.0) {
                        *best = (x, k);
                    }
                }
            }
            let at = matrix * inner + first;
            // SAFETY: strips are disjoint.
            let out = unsafe { y.part_mut::<I>(at, at + width) };
            out.iter_mut().zip(&best).for_each(|(out, best)| *out = index(best.1));
        }
    });
}

/// Where the first of the extreme elements of a run is. Two passes, the extreme value and a search for it, are vector
/// code, which one pass that keeps a place is not.
fn arg_run<T: Number>(run: &[T], least: bool) -> usize {
    let fold = if least { FoldFn::Min } else { FoldFn::Max };
    let best = tile::fold_of(fold, run).unwrap_or_else(|| T::narrow(fold_run(run, fold)));
    // NaN is equal to itself in the order.
    let is_best = |x: T| x.order(best) == Ordering::Equal;
    let has_best = |chunk: &[T]| chunk.iter().fold(false, |found, &x| found | is_best(x));
    let before = run.chunks(LANES).take_while(|chunk| !has_best(chunk)).count() * LANES;
    before + run[before..].iter().position(|&x| is_best(x)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{indices, numbers, run, run_err, values};
    use super::*;
    use crate::array::Array;

    /// A neutral element and an operation.
    type Monoid = (f64, fn(f64, f64) -> f64);

    #[test]
    fn every_kind_over_every_set_of_axes() {
        let kinds: [Monoid; 4] =
            [(0.0, |a, b| a + b), (1.0, |a, b| a * b), (f64::NEG_INFINITY, f64::max), (f64::INFINITY, f64::min)];
        for shape in [vec![2, 3, 4, 5], vec![3, 40], vec![70], vec![], vec![4, 1, 3], vec![3, 0, 2]] {
            let x = numbers(DType::F64, &shape);
            for set in 0..1 << shape.len() {
                let axes: Vec<i64> = (0..shape.len() as i64).filter(|axis| set >> axis & 1 == 1).collect();
                let keep: Vec<usize> =
                    (0..shape.len()).filter(|axis| set >> axis & 1 == 0).map(|axis| shape[axis]).collect();
                for (kind, (start, combine)) in kinds.into_iter().enumerate() {
                    let params = [&[kind as i64], &axes[..]].concat();
                    let y = run("reduce", &[&x], &[(DType::F64, &keep)], &params).remove(0);
                    let mut expected = vec![start; y.len()];
                    for (i, index) in indices(&shape).enumerate() {
                        let left = (0..shape.len()).filter(|axis| set >> axis & 1 == 0);
                        let at = left.fold(0, |at, axis| at * shape[axis] + index[axis]);
                        expected[at] = combine(expected[at], x.element_f64(i));
                    }
                    // Small integers: every sum is exact, products of 40 are not.
                    let close = |(&a, &b): (&f64, &f64)| a == b || (a - b).abs() <= 1e-12 * b.abs();
                    assert!(values(&y).iter().zip(&expected).all(close), "{shape:?} {params:?} {y:?}");
                }
            }
        }
    }

    #[test]
    fn dtypes_and_special_values() {
        let nan = Array::from_slice(&[3], &[1.0f32, f32::NAN, 2.0]);
        for kind in [0, 2, 3] {
            assert!(run("reduce", &[&nan], &[(DType::F32, &[])], &[kind, 0])[0].element_f64(0).is_nan());
        }
        let bools = Array::from_slice(&[2, 2], &[true, false, true, true]);
        let all = run("reduce", &[&bools], &[(DType::Bool, &[2])], &[4, 1]).remove(0);
        let any = run("reduce", &[&bools], &[(DType::Bool, &[1, 2])], &[5, 0]).remove(0);
        assert_eq!((all.as_slice::<bool>(), any.as_slice::<bool>()), (&[false, true][..], &[true, true][..]));
        let empty = Array::from_slice(&[0], &[0i32; 0]);
        assert_eq!(run("reduce", &[&empty], &[(DType::I32, &[])], &[2, 0])[0].as_slice::<i32>(), [i32::MIN]);
        let halves = Array::from_vec(&[4096], vec![1i32; 4096]).unwrap().cast(DType::F16).unwrap();
        assert_eq!(run("reduce", &[&halves], &[(DType::F16, &[])], &[0, 0])[0].element_f64(0), 4096.0);
        assert_eq!(run_err("reduce", &[&bools], &[(DType::Bool, &[])], &[0, 0, 1]).kind(), Kind::DType);
        assert_eq!(run_err("reduce", &[&nan], &[(DType::F32, &[3])], &[0, 0]).kind(), Kind::Shape);
    }

    #[test]
    fn the_first_extremum_is_found() {
        for axis in 0..3 {
            let shape = [3, 4, 40];
            let x = numbers(DType::I32, &shape);
            let mut to = shape.to_vec();
            to.remove(axis);
            for kind in [0, 1] {
                let y = run("arg_reduce", &[&x], &[(DType::I64, &to)], &[axis as i64, kind]).remove(0);
                for (i, mut index) in indices(&to).enumerate() {
                    index.insert(axis, 0);
                    let at = |k: usize| {
                        let mut index = index.clone();
                        index[axis] = k;
                        x.element_f64(index.iter().zip(&shape).fold(0, |at, (&i, &len)| at * len + i))
                    };
                    let better = |a: f64, b: f64| if kind == 0 { a > b } else { a < b };
                    let best = (1..shape[axis]).fold(0, |best, k| if better(at(k), at(best)) { k } else { best });
                    assert_eq!(y.element_f64(i), best as f64);
                }
            }
        }
    }

    #[test]
    fn the_first_extremum_of_a_long_run_is_found() {
        let tied = [3.0f32, -7.0, 3.0, -7.0, 0.0].repeat(30);
        for dtype in [DType::F32, DType::F64, DType::I32, DType::F16, DType::I8] {
            for from in [0, 4, 63, 100] {
                let x = Array::from_slice(&[150 - from], &tied[from..]).cast(dtype).unwrap();
                for (kind, extreme) in [(0, 3.0), (1, -7.0)] {
                    let y = run("arg_reduce", &[&x], &[(DType::I64, &[])], &[0, kind]).remove(0);
                    let first = tied[from..].iter().position(|&v| v == extreme).unwrap();
                    assert_eq!(y.as_slice::<i64>(), [first as i64], "{dtype} from {from}");
                }
            }
        }
        let zeros = Array::from_slice(&[3], &[1.0f32, 0.0, -0.0]);
        assert_eq!(run("arg_reduce", &[&zeros], &[(DType::I64, &[])], &[0, 1])[0].as_slice::<i64>(), [1]);
        let mut late = tied;
        late[140] = f32::NAN;
        let late = Array::from_slice(&[150], &late);
        for kind in [0, 1] {
            assert_eq!(run("arg_reduce", &[&late], &[(DType::I64, &[])], &[0, kind])[0].as_slice::<i64>(), [140]);
        }
    }

    #[test]
    fn nan_is_the_extremum() {
        let x = Array::from_slice(&[5], &[1.0f32, f32::NAN, -5.0, f32::NAN, 9.0]);
        for kind in [0, 1] {
            assert_eq!(run("arg_reduce", &[&x], &[(DType::I32, &[])], &[0, kind])[0].as_slice::<i32>(), [1]);
        }
        let empty = Array::from_slice(&[2, 0], &[0f32; 0]);
        assert_eq!(run_err("arg_reduce", &[&empty], &[(DType::I64, &[2])], &[1, 0]).kind(), Kind::Value);
        assert_eq!(run_err("arg_reduce", &[&x], &[(DType::F32, &[])], &[0, 0]).kind(), Kind::DType);
    }
}
