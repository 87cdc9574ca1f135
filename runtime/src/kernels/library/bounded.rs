//! Results whose size depends on data: how many elements there are, and which.
//!
//! A program computes the count first, makes it the value of a size slot, and then calls the kernel that writes as
//! many elements.

use super::{LibraryCx, View};
use crate::array::DType;
use crate::array::element::with_bits;
use crate::error::{Kind, Result};

/// See the table.
pub fn checked_shape(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "checked_shape";
    cx.expect(NAME, 1, 1, 0)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
    if x.dims() != y.dims() {
        let error = cx.bad(NAME, Kind::Shape, format!("expected shape {:?}, received {:?}", y.dims(), x.dims()));
        return Err(error.hint("a length of 0 where 1 is expected is that of an index outside its axis"));
    }
    with_bits!(x.dtype(), T => {
        // SAFETY: both have as many elements, each of T's size, and the result overlaps no operand.
        unsafe { x.as_ptr().cast::<T>().copy_to_nonoverlapping(y.as_mut_ptr().cast(), x.len()) }
    });
    Ok(())
}

/// See the table.
pub fn true_positions(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "true_positions";
    cx.expect(NAME, 1, 1, 0)?;
    cx.expect_same_dtype(NAME, &[cx.inputs[0].dtype(), DType::Bool])?;
    let mask = cx.inputs[0].as_slice::<bool>();
    write_positions(NAME, cx, (0..).zip(mask).filter(|(_, is_true)| **is_true).map(|(i, _)| i))
}

/// See the table.
pub fn repeat_count(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "repeat";
    cx.expect(NAME, 1, 1, 0)?;
    let counts = integers(NAME, cx, &cx.inputs[0])?;
    if let Some(at) = counts.iter().position(|&count| count < 0) {
        return Err(cx.bad(
            NAME,
            Kind::Value,
            format!("count {} (element {at} of the counts) is negative", counts[at]),
        ));
    }
    let total = counts.iter().try_fold(0i64, |sum, &count| sum.checked_add(count));
    let total = total.ok_or_else(|| cx.bad(NAME, Kind::Memory, "the sum of the counts overflows 64 bits"))?;
    write_count(NAME, cx, total)
}

/// See the table.
pub fn repeat_positions(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "repeat";
    cx.expect(NAME, 1, 1, 0)?;
    let counts = integers(NAME, cx, &cx.inputs[0])?;
    write_positions(NAME, cx, (0..).zip(counts).flat_map(|(i, &count)| std::iter::repeat_n(i, count.max(0) as usize)))
}

/// See the table.
pub fn segment_count(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "segment ids";
    cx.expect(NAME, 1, 1, 0)?;
    let ids = integers(NAME, cx, &cx.inputs[0])?;
    if let Some(&first) = ids.first().filter(|&&first| first < 0) {
        return Err(cx.bad(NAME, Kind::Value, format!("id {first} is negative")));
    }
    if let Some(at) = ids.windows(2).position(|pair| pair[0] > pair[1]) {
        let what = format!("ids must be in order, but {} comes before {} (element {})", ids[at], ids[at + 1], at + 1);
        return Err(cx.bad(NAME, Kind::Value, what));
    }
    write_count(NAME, cx, ids.last().map_or(0, |&last| last.saturating_add(1)))
}

fn integers<'a>(name: &str, cx: &LibraryCx<'_>, view: &View<'a>) -> Result<&'a [i64]> {
    cx.expect_same_dtype(name, &[view.dtype(), DType::I64])?;
    Ok(view.as_slice())
}

fn write_count(name: &str, cx: &LibraryCx<'_>, count: i64) -> Result<()> {
    cx.expect_same_dtype(name, &[cx.outputs[0].dtype(), DType::I64])?;
    cx.expect_shape(name, &[])?;
    // SAFETY: this is the only borrow of the result.
    let place = unsafe { cx.outputs[0].part_mut::<i64>(0, 1) };
    place[0] = count;
    Ok(())
}

/// Fills the result; an error unless there are exactly as many positions.
fn write_positions(name: &str, cx: &LibraryCx<'_>, mut positions: impl Iterator<Item = i64>) -> Result<()> {
    let y = &cx.outputs[0];
    cx.expect_same_dtype(name, &[y.dtype(), DType::I64])?;
    // SAFETY: this is the only borrow of the result.
    for place in unsafe { y.part_mut::<i64>(0, y.len()) } {
        *place = positions.next().ok_or_else(|| cx.bad(name, Kind::Shape, "the result is too long"))?;
    }
    match positions.next() {
        None => Ok(()),
        Some(_) => Err(cx.bad(name, Kind::Shape, "the result is too short")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, run_err};
    use super::*;
    use crate::array::Array;

    fn count(name: &str, values: &[i64]) -> i64 {
        let x = Array::from_slice(&[values.len()], values);
        run(name, &[&x], &[(DType::I64, &[])], &[]).remove(0).as_slice::<i64>()[0]
    }

    #[test]
    fn counts_and_positions_agree() {
        let mask = Array::from_slice(&[5], &[false, true, true, false, true]);
        let y = run("true_positions", &[&mask], &[(DType::I64, &[3])], &[]).remove(0);
        assert_eq!(y.as_slice::<i64>(), [1, 2, 4]);
        assert_eq!(run_err("true_positions", &[&mask], &[(DType::I64, &[2])], &[]).kind(), Kind::Shape);
        assert_eq!(run_err("true_positions", &[&mask], &[(DType::I64, &[4])], &[]).kind(), Kind::Shape);
        assert_eq!(count("repeat_count", &[2, 0, 1]), 3);
        let counts = Array::from_slice(&[3], &[2i64, 0, 1]);
        let y = run("repeat_positions", &[&counts], &[(DType::I64, &[3])], &[]).remove(0);
        assert_eq!(y.as_slice::<i64>(), [0, 0, 2]);
    }

    #[test]
    fn shapes_are_checked() {
        let x = Array::from_slice(&[2, 1], &[1.0f32, 2.0]);
        let y = run("checked_shape", &[&x], &[(DType::F32, &[2, 1])], &[]).remove(0);
        assert_eq!(y.as_slice::<f32>(), [1.0, 2.0]);
        let error = run_err("checked_shape", &[&x], &[(DType::F32, &[1, 2])], &[]);
        assert!(error.message().contains("expected shape [1, 2], received [2, 1]"), "{error}");
    }

    #[test]
    fn what_counts_nothing_is_refused() {
        assert_eq!((count("segment_count", &[0, 0, 3]), count("segment_count", &[])), (4, 0));
        for (name, bad) in [("segment_count", [0, 2, 1]), ("segment_count", [-1, 0, 0]), ("repeat_count", [1, -1, 0])] {
            let x = Array::from_slice(&[3], &bad.map(i64::from));
            assert_eq!(run_err(name, &[&x], &[(DType::I64, &[])], &[]).kind(), Kind::Value);
        }
    }
}
