//! `sort`, `argsort` and `top_k`. NaN counts as greatest; equal elements keep their order, in both directions.

use super::number::Number;
use super::scan::Lanes;
use super::{LibraryCx, ViewMut};
use crate::alloc::Block;
use crate::array::element::with_element;
use crate::array::{DType, Shape};
use crate::error::{Error, Kind, Result};
use crate::exec::parallel;

/// An element's [`Number::key`] and its index along the axis.
type Entry = (u64, u32);

/// See the table.
pub fn sort(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "sort";
    cx.expect(NAME, 1, 1, 2)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
    cx.expect_shape(NAME, x.dims())?;
    let lanes = Lanes::along(x.dims(), cx.axis(NAME, 0, x.rank())?);
    with_element!(x.dtype(), T => {
        let elements = x.as_slice::<T>();
        each_lane(elements, &lanes, cx.params[1] != 0, lanes.len, &|entries, lane| {
            for (k, entry) in entries.iter().enumerate() {
                let at = lane.at(k);
                // SAFETY: each lane is one thread's.
                unsafe { y.part_mut::<T>(at, at + 1)[0] = elements[lane.at(entry.1 as usize)] };
            }
        })
    })
}

/// See the table.
pub fn argsort(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "argsort";
    cx.expect(NAME, 1, 1, 2)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_shape(NAME, x.dims())?;
    check_index_dtype(NAME, cx, y)?;
    let lanes = Lanes::along(x.dims(), cx.axis(NAME, 0, x.rank())?);
    with_element!(x.dtype(), T => {
        each_lane(x.as_slice::<T>(), &lanes, cx.params[1] != 0, lanes.len, &|entries, lane| {
            for (k, entry) in entries.iter().enumerate() {
                write_index(y, lane.at(k), entry.1);
            }
        })
    })
}

/// See the table.
pub fn top_k(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "top_k";
    cx.expect(NAME, 1, 2, 1)?;
    let (x, values, indices) = (&cx.inputs[0], &cx.outputs[0], &cx.outputs[1]);
    cx.expect_same_dtype(NAME, &[x.dtype(), values.dtype()])?;
    let k = cx.count(NAME, 0)?;
    let Some((&len, outer)) = x.dims().split_last() else {
        return Err(cx.bad(NAME, Kind::Shape, "the operand needs rank 1 or more"));
    };
    if k > len {
        return Err(cx.bad(NAME, Kind::Value, format!("k is {k}, but the last axis has length {len}")));
    }
    cx.expect_shape(NAME, &outer.iter().copied().chain([k]).collect::<Shape>())?;
    if indices.dims() != values.dims() {
        return Err(cx.bad(NAME, Kind::Shape, "values and indices must have one shape"));
    }
    check_index_dtype(NAME, cx, indices)?;
    if k == 0 {
        return Ok(());
    }
    let lanes = Lanes::along(x.dims(), x.rank() - 1);
    with_element!(x.dtype(), T => {
        let elements = x.as_slice::<T>();
        each_lane(elements, &lanes, true, k, &|entries, lane| {
            for (i, entry) in entries.iter().enumerate() {
                let at = lane.matrix * k + i;
                // SAFETY: each lane is one thread's.
                unsafe { values.part_mut::<T>(at, at + 1)[0] = elements[lane.at(entry.1 as usize)] };
                write_index(indices, at, entry.1);
            }
        })
    })
}

/// Which lane of `[outer, len, inner]`.
#[derive(Clone, Copy)]
struct Lane {
    matrix: usize,
    column: usize,
    len: usize,
    inner: usize,
}

impl Lane {
    /// The row-major index of the lane's element `k`.
    fn at(self, k: usize) -> usize {
        (self.matrix * self.len + k) * self.inner + self.column
    }
}

/// Calls `f` with the first `count` entries, in order, of each lane.
fn each_lane<T: Number>(
    x: &[T],
    lanes: &Lanes,
    descending: bool,
    count: usize,
    f: &(dyn Fn(&[Entry], Lane) + Sync),
) -> Result<()> {
    let Lanes { outer, len, inner } = *lanes;
    if u32::try_from(len).is_err() {
        let what = format!("cannot order an axis of {len} elements: at most {} are possible", u32::MAX);
        return Err(Error::new(Kind::Shape, what));
    }
    let workers = parallel::threads().min(outer * inner);
    let scratch = Block::new(workers * len * size_of::<Entry>())?;
    let cost = (len as i64).saturating_mul(len.max(2).ilog2() as i64) * 3;
    parallel::for_each_of(workers, (outer * inner) as i64, cost, &|begin, end, worker| {
        for index in begin as usize..end as usize {
            let lane = Lane { matrix: index / inner, column: index % inner, len, inner };
            // SAFETY: the room is `workers` times `len` entries, worker numbers are below `workers`, and one thread has
            // this one. Every entry is written before it is read.
            let entries = unsafe {
                let first = scratch.as_ptr().cast::<Entry>().add(worker * len);
                for k in 0..len {
                    let key = x[lane.at(k)].key();
                    first.add(k).write((if descending { !key } else { key }, k as u32));
                }
                std::slice::from_raw_parts_mut(first, len)
            };
            f(in_order(entries, count), lane);
        }
    });
    Ok(())
}

/// The least `count` entries in order. The index makes the order stable, though unstable sorting, which needs no
/// memory, is used.
fn in_order(entries: &mut [Entry], count: usize) -> &[Entry] {
    if 0 < count && count < entries.len() {
        entries.select_nth_unstable(count - 1);
    }
    entries[..count].sort_unstable();
    &entries[..count]
}

pub(super) fn check_index_dtype(name: &str, cx: &LibraryCx<'_>, indices: &ViewMut<'_>) -> Result<()> {
    if matches!(indices.dtype(), DType::I32 | DType::I64) {
        return Ok(());
    }
    Err(cx.bad(name, Kind::DType, "expected indices of dtype i32 or i64"))
}

pub(super) fn write_index(indices: &ViewMut<'_>, at: usize, index: u32) {
    // SAFETY: each element is written by the one thread that has its lane.
    unsafe {
        match indices.dtype() {
            DType::I32 => indices.part_mut::<i32>(at, at + 1)[0] = index as i32,
            _ => indices.part_mut::<i64>(at, at + 1)[0] = index as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, run, run_err, values};
    use super::*;
    use crate::array::Array;

    #[test]
    fn every_axis_and_direction() {
        for dtype in [DType::F32, DType::I64, DType::U8, DType::F16] {
            for axis in 0..3 {
                for descending in [false, true] {
                    let shape = [3, 7, 20];
                    let (x, params) = (numbers(dtype, &shape), [axis as i64, descending as i64]);
                    let sorted = run("sort", &[&x], &[(dtype, &shape)], &params).remove(0);
                    let order = run("argsort", &[&x], &[(DType::I32, &shape)], &params).remove(0);
                    let stride: usize = shape[axis + 1..].iter().product();
                    for start in (0..x.len()).filter(|i| (i / stride).is_multiple_of(shape[axis])) {
                        let lane: Vec<f64> = (0..shape[axis]).map(|k| x.element_f64(start + k * stride)).collect();
                        let mut expected: Vec<usize> = (0..lane.len()).collect();
                        expected.sort_by(|&a, &b| {
                            let (a, b) = if descending { (lane[b], lane[a]) } else { (lane[a], lane[b]) };
                            a.partial_cmp(&b).unwrap()
                        });
                        for (k, &place) in expected.iter().enumerate() {
                            assert_eq!(order.element_f64(start + k * stride), place as f64);
                            assert_eq!(sorted.element_f64(start + k * stride), lane[place]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nan_is_greatest_and_ties_keep_their_order() {
        let x = Array::from_slice(&[5], &[2.0f32, f32::NAN, -1.0, 2.0, f32::INFINITY]);
        let order = |descending| run("argsort", &[&x], &[(DType::I64, &[5])], &[0, descending]).remove(0);
        assert_eq!(order(0).as_slice::<i64>(), [2, 0, 3, 4, 1]);
        assert_eq!(order(1).as_slice::<i64>(), [1, 4, 0, 3, 2]);
    }

    #[test]
    fn the_greatest_come_first() {
        let x = numbers(DType::F64, &[4, 30]);
        for k in [0, 1, 5, 30] {
            let found = run("top_k", &[&x], &[(DType::F64, &[4, k]), (DType::I32, &[4, k])], &[k as i64]);
            for row in 0..4 {
                let lane = &x.as_slice::<f64>()[row * 30..][..30];
                let mut expected: Vec<usize> = (0..30).collect();
                expected.sort_by(|&a, &b| lane[b].partial_cmp(&lane[a]).unwrap());
                for i in 0..k {
                    assert_eq!(found[1].element_f64(row * k + i), expected[i] as f64);
                    assert_eq!(found[0].element_f64(row * k + i), lane[expected[i]]);
                }
            }
        }
        let error = run_err("top_k", &[&x], &[(DType::F64, &[4, 31]), (DType::I32, &[4, 31])], &[31]);
        assert!(error.message().contains("k is 31") && error.kind() == Kind::Value, "{error}");
    }

    #[test]
    fn many_lanes_on_many_threads() {
        let x = numbers(DType::I32, &[500, 100]);
        let sort =
            |threads| parallel::with_threads(threads, || run("sort", &[&x], &[(DType::I32, &[500, 100])], &[1, 0]));
        assert_eq!(values(&sort(1)[0]), values(&sort(4)[0]));
        let empty = numbers(DType::F32, &[0, 3]);
        assert!(run("sort", &[&empty], &[(DType::F32, &[0, 3])], &[0, 0])[0].is_empty());
    }
}
