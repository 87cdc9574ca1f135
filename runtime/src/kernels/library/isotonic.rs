//! `isotonic_segments`: where the nearest monotone sequence is constant, by pooling adjacent violators (Barlow et al.,
//! "Statistical Inference under Order Restrictions", 1972).

use super::LibraryCx;
use crate::array::DType;
use crate::error::{Kind, Result};

/// See the table: `x -> segments`.
pub fn isotonic_segments(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "isotonic_segments";
    cx.expect(NAME, 1, 1, 1)?;
    let (x, y, decreasing) = (&cx.inputs[0], &cx.outputs[0], cx.params[0] != 0);
    if [x.dtype(), y.dtype()] != [DType::F64, DType::I32] {
        return Err(cx.bad(NAME, Kind::DType, "expected an f64 operand and an i32 result"));
    }
    cx.expect_shape(NAME, x.dims())?;
    let Some(&n) = x.dims().last().filter(|_| !x.is_empty()) else { return Ok(()) };
    let mut pools: Vec<Pool> = Vec::new();
    for (row, values) in x.as_slice::<f64>().chunks_exact(n).enumerate() {
        pools.clear();
        values.iter().for_each(|&value| append(&mut pools, value, decreasing));
        // SAFETY: the result is this call's own, and one of its rows is borrowed at a time.
        let segments = unsafe { y.part_mut::<i32>(row * n, (row + 1) * n) };
        let ids = pools.iter().zip(0..).flat_map(|(pool, id)| std::iter::repeat_n(id, pool.count));
        segments.iter_mut().zip(ids).for_each(|(to, id)| *to = id);
    }
    Ok(())
}

/// Elements that have one value, their mean.
struct Pool {
    sum: f64,
    count: usize,
}

/// Puts an element behind those in order, and joins pools until they are in order again.
fn append(pools: &mut Vec<Pool>, value: f64, decreasing: bool) {
    let mut last = Pool { sum: value, count: 1 };
    while let Some(before) = pools.last() {
        let (left, right) = (before.sum / before.count as f64, last.sum / last.count as f64);
        // Equal ones stay apart, and what cannot be compared.
        let violates = if decreasing { left < right } else { left > right };
        if !violates {
            break;
        }
        last = Pool { sum: before.sum + last.sum, count: before.count + last.count };
        pools.pop();
    }
    pools.push(last);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, values};
    use crate::array::{Array, DType};

    #[test]
    fn violators_are_pooled() {
        let x = Array::from_slice(&[2, 5], &[3.0f64, 1.0, 2.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let segments =
            |decreasing: i64| values(&run("isotonic_segments", &[&x], &[(DType::I32, &[2, 5])], &[decreasing])[0]);
        assert_eq!(segments(1), [0.0, 1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(segments(0), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
