//! `pad` and `concat`: whole runs of elements put side by side.

use super::LibraryCx;
use crate::array::DType;
use crate::array::Shape;
use crate::array::element::with_bits;
use crate::error::{Kind, Result};
use crate::exec::parallel;

/// See the table.
pub fn pad(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "pad";
    let rank = cx.outputs.first().map_or(0, |y| y.rank());
    cx.expect(NAME, 2, 1, rank)?;
    let (x, value, y) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), value.dtype(), y.dtype()])?;
    if value.len() != 1 || x.rank() != rank {
        return Err(cx.bad(NAME, Kind::Shape, "expected one value, and operand and result of equal rank"));
    }
    let before: Shape = (0..rank).map(|axis| cx.count(NAME, axis)).collect::<Result<_>>()?;
    for axis in 0..rank {
        if before[axis].checked_add(x.dims()[axis]).is_none_or(|end| end > y.dims()[axis]) {
            return Err(cx.bad(NAME, Kind::Shape, format!("the operand does not fit in along axis {axis}")));
        }
    }
    if y.is_empty() {
        return Ok(());
    }
    with_bits!(x.dtype(), T => {
        let from = Shared(x.as_ptr().cast::<T>());
        let to = SharedMut(y.as_mut_ptr().cast::<T>());
        // SAFETY: the value has one element.
        let value = unsafe { *value.as_ptr().cast::<T>() };
        let (outer, width) = y.dims().split_last().map_or((&[][..], 1), |(&width, outer)| (outer, width));
        let (left, run) = if rank == 0 { (0, 1) } else { (before[rank - 1], x.dims()[rank - 1]) };
        let rows: usize = outer.iter().product();
        parallel::for_each(rows as i64, 5 + (width * size_of::<T>()) as i64 / 8, &|begin, end, _| {
            let (from, to) = (&from, &to);
            for row in begin as usize..end as usize {
                // SAFETY: rows of the result are disjoint, and inside it.
                let out = unsafe { std::slice::from_raw_parts_mut(to.0.add(row * width), width) };
                match row_within(row, outer, &before, x.dims()) {
                    Some(row) => {
                        out[..left].fill(value);
                        // SAFETY: the row is one of the operand's.
                        let run_of_x = unsafe { std::slice::from_raw_parts(from.0.add(row * run), run) };
                        out[left..left + run].copy_from_slice(run_of_x);
                        out[left + run..].fill(value);
                    }
                    None => out.fill(value),
                }
            }
        });
    });
    Ok(())
}

/// Which row of an operand of shape `dims`, put at `before`, row `row` of the result is, if any.
fn row_within(mut row: usize, outer: &[usize], before: &[usize], dims: &[usize]) -> Option<usize> {
    let (mut within, mut stride) = (0, 1);
    for axis in (0..outer.len()).rev() {
        let i = (row % outer[axis]).checked_sub(before[axis]).filter(|&i| i < dims[axis])?;
        within += i * stride;
        stride *= dims[axis];
        row /= outer[axis];
    }
    Some(within)
}

/// See the table.
pub fn concat(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "concat";
    cx.expect(NAME, cx.inputs.len(), 1, 1)?;
    let y = &cx.outputs[0];
    let axis = cx.axis(NAME, 0, y.rank())?;
    let mut length = 0;
    for x in cx.inputs {
        cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
        let same = |i: usize| i == axis || x.dims()[i] == y.dims()[i];
        if x.rank() != y.rank() || !(0..y.rank()).all(same) {
            return Err(cx.bad(NAME, Kind::Shape, format!("shapes differ in more than axis {axis}")));
        }
        length += x.dims()[axis];
    }
    if length != y.dims()[axis] {
        return Err(cx.bad(NAME, Kind::Shape, format!("expected a result of length {length} along axis {axis}")));
    }
    let size = y.dtype().size();
    let rows: usize = y.dims()[..axis].iter().product();
    let inner: usize = y.dims()[axis + 1..].iter().product::<usize>() * size;
    let mut column = 0;
    for x in cx.inputs {
        let width = x.dims()[axis] * inner;
        // SAFETY: the operands' runs fill the result's rows one after the other, each `width` bytes.
        unsafe { copy_rows(x.as_ptr(), width, y.as_mut_ptr().add(column), length * inner, rows, width) };
        column += width;
    }
    Ok(())
}

/// See the table.
pub fn bitcast(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "bitcast";
    cx.expect(NAME, 1, 1, 0)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    let bytes = x.len() * x.dtype().size();
    if bytes != y.len() * y.dtype().size() || (x.dtype() == DType::Bool) != (y.dtype() == DType::Bool) {
        return Err(cx.bad(NAME, Kind::Shape, "the result must have the operand's bytes"));
    }
    // SAFETY: both views have so many bytes; results overlap no operand.
    unsafe { copy_rows(x.as_ptr(), 0, y.as_mut_ptr(), 0, usize::from(bytes > 0), bytes) };
    Ok(())
}

/// Copies `rows` runs of `width` bytes, which lie `pitch` bytes apart on each side.
///
/// # Safety
/// Both sides are valid for it and do not overlap.
unsafe fn copy_rows(from: *const u8, from_pitch: usize, to: *mut u8, to_pitch: usize, rows: usize, width: usize) {
    const PIECE: usize = 1 << 16;
    if rows == 0 || width == 0 {
        return;
    }
    let pieces = width.div_ceil(PIECE);
    let (from, to) = (Shared(from), SharedMut(to));
    parallel::for_each((rows * pieces) as i64, 4 + width.min(PIECE) as i64 / 8, &|begin, end, _| {
        let (from, to) = (&from, &to);
        for point in begin as usize..end as usize {
            let (row, start) = (point / pieces, point % pieces * PIECE);
            let len = PIECE.min(width - start);
            // SAFETY: the caller's promise; pieces are disjoint.
            unsafe {
                let (from, to) = (from.0.add(row * from_pitch + start), to.0.add(row * to_pitch + start));
                to.copy_from_nonoverlapping(from, len);
            }
        }
    });
}

/// An address that threads share to read.
struct Shared<T>(*const T);

/// An address that threads share to write disjoint parts.
struct SharedMut<T>(*mut T);

// SAFETY: what is read is plain elements that nobody writes.
unsafe impl<T: Sync> Sync for Shared<T> {}
// SAFETY: threads write disjoint parts.
unsafe impl<T: Send> Sync for SharedMut<T> {}

#[cfg(test)]
mod tests {
    use super::super::testing::{indices, numbers, run, run_err, values};
    use super::*;
    use crate::array::Array;

    #[test]
    fn padding_surrounds() {
        let cases: [(&[usize], &[i64], &[usize]); 6] = [
            (&[2, 3], &[1, 2], &[4, 6]),
            (&[3], &[0], &[3]),
            (&[], &[], &[]),
            (&[2, 0, 3], &[0, 1, 1], &[2, 2, 5]),
            (&[0], &[2], &[5]),
            (&[2, 3, 4], &[0, 1, 0], &[3, 5, 4]),
        ];
        for dtype in [DType::F32, DType::Bool, DType::I64, DType::BF16] {
            for (shape, before, to) in cases {
                let (x, value) = (numbers(dtype, shape), Array::scalar_of(dtype, 1.0));
                let y = run("pad", &[&x, &value], &[(dtype, to)], before).remove(0);
                for (i, index) in indices(to).enumerate() {
                    let within = index.iter().zip(before).zip(shape).try_fold(0, |at, ((&i, &b), &len)| {
                        i.checked_sub(b as usize).filter(|&i| i < len).map(|i| at * len + i)
                    });
                    assert_eq!(y.element_f64(i), within.map_or(1.0, |at| x.element_f64(at)), "{dtype}{shape:?} {to:?}");
                }
            }
        }
        let (x, value) = (numbers(DType::F32, &[4]), Array::scalar(0.0f32));
        assert_eq!(run_err("pad", &[&x, &value], &[(DType::F32, &[4])], &[1]).kind(), Kind::Shape);
        assert_eq!(run_err("pad", &[&x, &value], &[(DType::F32, &[9])], &[-1]).kind(), Kind::Value);
    }

    #[test]
    fn concatenation_along_every_axis() {
        for dtype in [DType::U8, DType::F32, DType::Complex64] {
            for axis in 0..3 {
                let shapes = [2, 0, 5].map(|len| {
                    let mut shape = vec![2, 3, 4];
                    shape[axis] = len;
                    shape
                });
                let xs = shapes.each_ref().map(|shape| numbers(dtype, shape));
                let mut to = vec![2, 3, 4];
                to[axis] = 7;
                let y = run("concat", &[&xs[0], &xs[1], &xs[2]], &[(dtype, &to)], &[axis as i64]).remove(0);
                for (i, mut index) in indices(&to).enumerate() {
                    let x = if index[axis] < 2 { &xs[0] } else { &xs[2] };
                    index[axis] -= if index[axis] < 2 { 0 } else { 2 };
                    let at = index.iter().zip(x.shape()).fold(0, |at, (&i, &len)| at * len + i);
                    assert_eq!(y.element_f64(i), x.element_f64(at));
                }
            }
        }
        let (a, b) = (numbers(DType::F32, &[2, 3]), numbers(DType::F32, &[2, 4]));
        assert_eq!(run_err("concat", &[&a, &b], &[(DType::F32, &[4, 3])], &[0]).kind(), Kind::Shape);
        assert_eq!(run_err("concat", &[&a], &[(DType::I32, &[2, 3])], &[0]).kind(), Kind::DType);
        assert_eq!(run_err("concat", &[&a], &[(DType::F32, &[2, 3])], &[2]).kind(), Kind::Shape);
    }

    #[test]
    fn large_runs_are_copied_in_pieces() {
        let x = numbers(DType::F64, &[2, 20_000]);
        let y = run("concat", &[&x, &x], &[(DType::F64, &[4, 20_000])], &[0]).remove(0);
        assert_eq!(values(&y), [values(&x), values(&x)].concat());
    }
}
