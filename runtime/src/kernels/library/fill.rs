//! `fill`, `iota` and `random_bits`: results made of little or nothing.

use super::{LibraryCx, ViewMut};
use crate::array::DType;
use crate::array::convert::{Convert, Wide};
use crate::array::element::{with_bits, with_element};
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::random;

/// Elements that a thread makes at once: a multiple of the words in a block of random bits.
const PIECE: usize = 1 << 12;

/// See the table.
pub fn fill(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "fill";
    cx.expect(NAME, 1, 1, 0)?;
    let (value, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[value.dtype(), y.dtype()])?;
    if value.len() != 1 {
        return Err(cx.bad(NAME, Kind::Shape, "expected one value"));
    }
    with_bits!(y.dtype(), T => {
        // SAFETY: the value has one element.
        let value = unsafe { *value.as_ptr().cast::<T>() };
        let to = y.as_mut_ptr() as usize;
        in_pieces(y.len(), (PIECE * size_of::<T>()) as i64 / 16, |begin, end| {
            // SAFETY: the range is inside the result, and this piece's own.
            unsafe { std::slice::from_raw_parts_mut((to as *mut T).add(begin), end - begin) }.fill(value);
        });
    });
    Ok(())
}

/// See the table.
pub fn iota(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "iota";
    cx.expect(NAME, 0, 1, 1)?;
    let y = &cx.outputs[0];
    if y.dtype() == DType::Bool {
        return Err(cx.bad(NAME, Kind::DType, "bool has no numbers"));
    }
    if y.rank() == 0 {
        return Err(cx.bad(NAME, Kind::Shape, "the result needs rank 1 or more"));
    }
    let axis = cx.axis(NAME, 0, y.rank())?;
    let len = y.dims()[axis];
    let inner: usize = y.dims()[axis + 1..].iter().product();
    with_element!(y.dtype(), T => count::<T>(y, len, inner));
    Ok(())
}

/// Writes to each element its index along an axis of `len` with `inner` elements for each step.
fn count<T: Convert>(y: &ViewMut<'_>, len: usize, inner: usize) {
    in_pieces(y.len(), PIECE as i64 * 2, |begin, end| {
        // SAFETY: pieces are disjoint.
        let out = unsafe { y.part_mut::<T>(begin, end) };
        let mut at = begin;
        while at < end {
            let index = at / inner % len;
            let stop = end.min((at / inner + 1) * inner);
            out[at - begin..stop - begin].fill(T::from_number(Wide::Unsigned(index as u64)));
            at = stop;
        }
    });
}

/// See the table.
pub fn random_bits(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "random_bits";
    cx.expect(NAME, 1, 1, 1)?;
    let (state, y) = (&cx.inputs[0], &cx.outputs[0]);
    if state.dtype() != DType::U64 || state.len() != 2 || y.dtype() != DType::U32 {
        return Err(cx.bad(
            NAME,
            Kind::DType,
            "expected a state of dtype u64 and shape [2], and a result of dtype u32",
        ));
    }
    let (seed, tick) = (state.as_slice::<u64>()[0], state.as_slice::<u64>()[1]);
    let tick = tick.wrapping_add(cx.params[0] as u64);
    in_pieces(y.len(), PIECE as i64, |begin, end| {
        // SAFETY: pieces are disjoint.
        random::fill_bits(seed, tick, begin as u64, unsafe { y.part_mut(begin, end) });
    });
    Ok(())
}

/// Calls `f` on pieces of `0..len`.
fn in_pieces(len: usize, cost_of_piece: i64, f: impl Fn(usize, usize) + Sync) {
    parallel::for_each(len.div_ceil(PIECE) as i64, cost_of_piece, &|begin, end, _| {
        f(begin as usize * PIECE, (end as usize * PIECE).min(len));
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{indices, run, run_err, values};
    use super::*;
    use crate::array::Array;

    #[test]
    fn one_value_everywhere() {
        for dtype in DType::ALL {
            for shape in [&[][..], &[0], &[3, 5000]] {
                let y = run("fill", &[&Array::scalar_of(dtype, 1.0)], &[(dtype, shape)], &[]).remove(0);
                assert!(values(&y).iter().all(|&v| v == 1.0));
            }
        }
    }

    #[test]
    fn indices_along_every_axis() {
        for dtype in [DType::I64, DType::F32, DType::F16, DType::U8] {
            for axis in 0..3 {
                let shape = [3, 50, 70];
                let y = run("iota", &[], &[(dtype, &shape)], &[axis]).remove(0);
                for (i, index) in indices(&shape).enumerate() {
                    assert_eq!(y.element_f64(i), index[axis as usize] as f64);
                }
            }
        }
        assert_eq!(run_err("iota", &[], &[(DType::Bool, &[2])], &[0]).kind(), Kind::DType);
        assert_eq!(run("iota", &[], &[(DType::I32, &[2, 0])], &[0]).remove(0).len(), 0);
    }

    #[test]
    fn random_bits_are_those_of_the_stream() {
        let state = Array::from_slice(&[2], &[7u64, u64::MAX]);
        let y = run("random_bits", &[&state], &[(DType::U32, &[3, 5001])], &[2]).remove(0);
        let mut expected = vec![0; 15003];
        random::fill_bits(7, 1, 0, &mut expected);
        assert_eq!(y.as_slice::<u32>(), expected);
    }
}
