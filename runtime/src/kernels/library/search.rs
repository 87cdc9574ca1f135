//! Looking for values and checking indices: `searchsorted`, `check_index`, `invert_permutation`.

use super::LibraryCx;
use super::number::Number;
use super::sort::{check_index_dtype, write_index};
use crate::array::DType;
use crate::array::element::with_element;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use std::cmp::Ordering;

/// The ops on whose behalf [`check_index`] checks, by its first parameter.
pub const INDEX_USERS: [&str; 12] = [
    "gather_nd",
    "scatter_nd",
    "scatter_elements",
    "unravel_index",
    "unsorted_segment",
    "reverse_sequence",
    "confusion_matrix",
    "dynamic_partition",
    "bincount",
    "ctc_greedy_decoder",
    "labels",
    "max_pool_grad_with_argmax",
];

/// See the table.
pub fn check_index(cx: &mut LibraryCx<'_>) -> Result<()> {
    let user = cx.params.first().and_then(|&user| INDEX_USERS.get(usize::try_from(user).ok()?)).copied();
    let name = user.unwrap_or("check_index");
    cx.expect(name, 1, 1, cx.params.len().max(2))?;
    let (x, y, lengths) = (&cx.inputs[0], &cx.outputs[0], &cx.params[1..]);
    cx.expect_same_dtype(name, &[x.dtype(), y.dtype(), DType::I64])?;
    cx.expect_shape(name, x.dims())?;
    let indices = x.as_slice::<i64>();
    let limit = |at: usize| lengths[at % lengths.len()];
    if let Some(at) = (0..indices.len()).find(|&at| !(0..limit(at)).contains(&indices[at])) {
        let (index, axis, length) = (indices[at], at % lengths.len(), limit(at));
        let what =
            format!("index {index} (element {at} of the indices) is out of range for axis {axis} of length {length}");
        return Err(cx.bad(name, Kind::Value, what));
    }
    // SAFETY: this is the only borrow of the result.
    unsafe { y.part_mut::<i64>(0, indices.len()) }.copy_from_slice(indices);
    Ok(())
}

/// The ops on whose behalf [`check_value`] checks, by its parameter, and what they expect.
pub const VALUE_USERS: [(&str, &str); 6] = [
    ("histogram_fixed_width", "a `value_range` of finite numbers, the lower one first"),
    ("quantize", "a `min_range` that is not above `max_range`"),
    ("quantize_and_dequantize_v2", "an `input_min` that is not above `input_max`"),
    ("fake_quant_with_min_max_vars", "a `min` that is not above `max`"),
    ("crop_and_resize", "finite boxes"),
    ("lu_reconstruct", "each row of the matrix once in `p`"),
];

/// See the table.
pub fn check_value(cx: &mut LibraryCx<'_>) -> Result<()> {
    let user = cx.params.first().and_then(|&user| VALUE_USERS.get(usize::try_from(user).ok()?)).copied();
    let (name, wanted) = user.unwrap_or(("check_value", "other values"));
    cx.expect(name, 2, 1, 1)?;
    let (x, holds, y) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    cx.expect_same_dtype(name, &[x.dtype(), y.dtype(), DType::F64])?;
    cx.expect_same_dtype(name, &[holds.dtype(), DType::Bool])?;
    cx.expect_shape(name, x.dims())?;
    cx.expect_shape(name, holds.dims())?;
    let values = x.as_slice::<f64>();
    if let Some(at) = holds.as_slice::<bool>().iter().position(|holds| !holds) {
        let what = format!("expected {wanted}, received {} (element {at})", values[at]);
        return Err(cx.bad(name, Kind::Value, what));
    }
    // SAFETY: this is the only borrow of the result.
    unsafe { y.part_mut::<f64>(0, values.len()) }.copy_from_slice(values);
    Ok(())
}

/// See the table.
pub fn searchsorted(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "searchsorted";
    cx.expect(NAME, 2, 1, 1)?;
    let (sorted, values, y) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[sorted.dtype(), values.dtype()])?;
    cx.expect_shape(NAME, values.dims())?;
    check_index_dtype(NAME, cx, y)?;
    let Some((&len, outer)) = sorted.dims().split_last() else {
        return Err(cx.bad(NAME, Kind::Shape, "the sorted operand needs rank 1 or more"));
    };
    let count = match outer {
        [] => values.len(),
        _ if values.rank() == sorted.rank() && values.dims().starts_with(outer) => values.dims()[outer.len()],
        _ => return Err(cx.bad(NAME, Kind::Shape, "the axes before the last one differ")),
    };
    if u32::try_from(len).is_err() {
        return Err(cx.bad(NAME, Kind::Shape, format!("cannot search an axis of {len} elements")));
    }
    let right = cx.params[0] != 0;
    with_element!(sorted.dtype(), T => {
        let (rows, wanted) = (sorted.as_slice::<T>(), values.as_slice::<T>());
        let cost = 2 * i64::from(len.max(2).ilog2());
        parallel::for_each(wanted.len() as i64, cost, &|begin, end, _| {
            for at in begin as usize..end as usize {
                let row = &rows[at / count * len..][..len];
                let is_before = |x: &T| match x.order(wanted[at]) {
                    Ordering::Less => true,
                    Ordering::Equal => right,
                    Ordering::Greater => false,
                };
                write_index(y, at, row.partition_point(is_before) as u32);
            }
        });
    });
    Ok(())
}

/// See the table.
pub fn invert_permutation(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "invert_permutation";
    cx.expect(NAME, 1, 1, 0)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype(), DType::I64])?;
    cx.expect_shape(NAME, x.dims())?;
    let places = x.as_slice::<i64>();
    // SAFETY: this is the only borrow of the result.
    let inverse = unsafe { y.part_mut::<i64>(0, places.len()) };
    inverse.fill(-1);
    for (i, &place) in places.iter().enumerate() {
        match usize::try_from(place).ok().and_then(|place| inverse.get_mut(place)) {
            None => return Err(cx.bad(NAME, Kind::Value, format!("{place} is not below the length {}", places.len()))),
            Some(seen) if *seen >= 0 => return Err(cx.bad(NAME, Kind::Value, format!("{place} is there twice"))),
            Some(free) => *free = i as i64,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, run_err};
    use super::*;
    use crate::array::Array;

    #[test]
    fn values_are_placed_left_or_right_of_equals() {
        let sorted = Array::from_slice(&[2, 4], &[1.0f32, 2.0, 2.0, 3.0, 0.0, 5.0, 5.0, f32::NAN]);
        let values = Array::from_slice(&[2, 3], &[2.0f32, 0.0, 9.0, 5.0, f32::NAN, 6.0]);
        for (right, expected) in [(0, [1, 0, 4, 1, 3, 3]), (1, [3, 0, 4, 3, 4, 3])] {
            let y = run("searchsorted", &[&sorted, &values], &[(DType::I32, &[2, 3])], &[right]).remove(0);
            assert_eq!(y.as_slice::<i32>(), expected);
        }
    }

    #[test]
    fn indices_out_of_range_are_named() {
        let indices = Array::from_slice(&[2, 2], &[0i64, 1, 1, 2]);
        let good = run("check_index", &[&indices], &[(DType::I64, &[2, 2])], &[0, 2, 3]).remove(0);
        assert_eq!(good.as_slice::<i64>(), indices.as_slice::<i64>());
        let error = run_err("check_index", &[&indices], &[(DType::I64, &[2, 2])], &[0, 2, 2]);
        assert!(
            error
                .message()
                .contains("`gather_nd`: index 2 (element 3 of the indices) is out of range for axis 1 of length 2"),
            "{error}"
        );
    }

    #[test]
    fn only_permutations_are_inverted() {
        let x = Array::from_slice(&[4], &[2i64, 0, 3, 1]);
        let y = run("invert_permutation", &[&x], &[(DType::I64, &[4])], &[]).remove(0);
        assert_eq!(y.as_slice::<i64>(), [1, 3, 0, 2]);
        for bad in [[0, 1, 1], [0, 1, 3], [-1, 0, 1]] {
            let x = Array::from_slice(&[3], &bad.map(i64::from));
            assert_eq!(run_err("invert_permutation", &[&x], &[(DType::I64, &[3])], &[]).kind(), Kind::Value);
        }
    }
}
