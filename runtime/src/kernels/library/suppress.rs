//! Non-maximum suppression: of boxes that overlap, those with the best scores.

use super::LibraryCx;
use super::number::Number;
use crate::alloc::Block;
use crate::array::DType;
use crate::error::{Kind, Result};

/// See the table: `boxes, scores -> indices, count`.
pub fn non_max_suppression(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "non_max_suppression";
    cx.expect(NAME, 2, 2, 2)?;
    let (boxes, scores, count) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[1]);
    let [batch @ .., n] = scores.dims() else {
        return Err(cx.bad(NAME, Kind::Shape, "expected scores [.., n]"));
    };
    if boxes.dims() != [batch, &[*n, 4]].concat() || count.dims() != batch {
        return Err(cx.bad(NAME, Kind::Shape, "expected boxes [.., n, 4], scores [.., n] and a count for each batch"));
    }
    expect_dtypes(cx, NAME)?;
    suppress(cx, NAME, batch.iter().product(), *n, |group, i, j| {
        let of = |place: usize| Corners::of(&boxes.as_slice::<f32>()[4 * (group * n + place)..][..4]);
        of(i).overlap(&of(j))
    })
}

/// See the table: `overlaps, scores -> indices, count`.
pub fn non_max_suppression_overlaps(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "non_max_suppression_overlaps";
    cx.expect(NAME, 2, 2, 2)?;
    let (overlaps, n) = (&cx.inputs[0], cx.inputs[1].len());
    if overlaps.dims() != [n, n] || cx.inputs[1].rank() != 1 || cx.outputs[1].rank() != 0 {
        return Err(cx.bad(NAME, Kind::Shape, "expected overlaps [n, n], scores [n] and one count"));
    }
    expect_dtypes(cx, NAME)?;
    suppress(cx, NAME, 1, n, |_, i, j| overlaps.as_slice::<f32>()[j * n + i])
}

fn expect_dtypes(cx: &LibraryCx<'_>, kernel: &str) -> Result<()> {
    if cx.inputs.iter().all(|x| x.dtype() == DType::F32) && cx.outputs.iter().all(|y| y.dtype() == DType::I32) {
        return Ok(());
    }
    Err(cx.bad(kernel, Kind::DType, "expected f32 operands, i32 indices and counts"))
}

/// For each of `groups`, the indices of those of its `n` candidates that overlap none kept before by more than the
/// first parameter and score more than the second: `overlap` of a group, one kept and a candidate.
fn suppress(
    cx: &LibraryCx<'_>,
    kernel: &str,
    groups: usize,
    n: usize,
    overlap: impl Fn(usize, usize, usize) -> f32,
) -> Result<()> {
    let ([_, scores], [indices, counts]) = (cx.inputs, cx.outputs) else { unreachable!("counted") };
    let scores = scores.as_slice::<f32>();
    let Some((&most, batch)) = indices.dims().split_last().filter(|(_, batch)| **batch == *counts.dims()) else {
        return Err(cx.bad(kernel, Kind::Shape, "expected a list of indices for each count"));
    };
    debug_assert_eq!(groups, batch.iter().product());
    let [limit, least] = [cx.params[0], cx.params[1]].map(float);
    let order = Block::new(n * size_of::<u32>())?;
    for group in 0..groups {
        let scores = &scores[group * n..][..n];
        // SAFETY: the block has room for as many; they are written first. The results are this call's own, and
        // these parts the only ones borrowed.
        let (order, indices, count) = unsafe {
            let order = order.as_ptr().cast::<u32>();
            (0..n).for_each(|i| *order.add(i) = i as u32);
            let order = std::slice::from_raw_parts_mut(order, n);
            let places = indices.part_mut::<i32>(group * most, (group + 1) * most);
            (order, places, counts.part_mut::<i32>(group, group + 1))
        };
        // By score, the better first, NaN last; of equal ones the earlier.
        order.sort_unstable_by_key(|&i| {
            let score = scores[i as usize];
            (score.is_nan(), !score.key(), i)
        });
        indices.fill(0);
        let mut kept = 0;
        for &candidate in order.iter() {
            let place = candidate as usize;
            if kept == most {
                break;
            }
            let is_hidden = || indices[..kept].iter().any(|&k| overlap(group, k as usize, place) > limit);
            if scores[place] > least && !is_hidden() {
                indices[kept] = candidate as i32;
                kept += 1;
            }
        }
        count[0] = kept as i32;
    }
    Ok(())
}

/// See the table: `boxes, scores -> indices, scores, count`.
pub fn soft_non_max_suppression(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "soft_non_max_suppression";
    cx.expect(NAME, 2, 3, 3)?;
    let ([boxes, scores], [indices, kept_scores, count]) = (cx.inputs, cx.outputs) else { unreachable!("counted") };
    let n = scores.len();
    let fits = boxes.dims() == [n, 4] && scores.rank() == 1 && indices.rank() == 1 && count.len() == 1;
    if !fits || kept_scores.dims() != indices.dims() {
        return Err(cx.bad(NAME, Kind::Shape, "expected boxes [n, 4] and scores [n]"));
    }
    let dtypes = [boxes.dtype(), scores.dtype(), kept_scores.dtype(), indices.dtype(), count.dtype()];
    if dtypes != [DType::F32, DType::F32, DType::F32, DType::I32, DType::I32] {
        return Err(cx.bad(NAME, Kind::DType, "expected f32 boxes and scores, i32 indices and count"));
    }
    let [limit, least, sigma] = [cx.params[0], cx.params[1], cx.params[2]].map(float);
    let (boxes, most) = (boxes.as_slice::<f32>(), indices.len());
    let left = Block::new(n * size_of::<f32>())?;
    // SAFETY: the block has room for as many; they are written first. The results are this call's own.
    let (left, indices, kept_scores, count) = unsafe {
        let left = left.as_ptr().cast::<f32>();
        scores.as_slice::<f32>().iter().enumerate().for_each(|(i, &score)| *left.add(i) = score);
        let left = std::slice::from_raw_parts_mut(left, n);
        (left, indices.part_mut::<i32>(0, most), kept_scores.part_mut::<f32>(0, most), count.part_mut::<i32>(0, 1))
    };
    indices.fill(0);
    kept_scores.fill(0.0);
    let of = |place: usize| Corners::of(&boxes[4 * place..][..4]);
    let mut kept = 0;
    while kept < most {
        // The first of the best that are left.
        let better = |best: Option<usize>, i: usize| match best {
            Some(best) if left[best] >= left[i] => Some(best),
            _ => Some(i),
        };
        let Some(best) = (0..n).filter(|&i| left[i] > least).fold(None, better) else { break };
        (indices[kept], kept_scores[kept]) = (best as i32, left[best]);
        kept += 1;
        left[best] = f32::NAN;
        for (i, score) in left.iter_mut().enumerate().filter(|(_, score)| **score > least) {
            let overlap = of(best).overlap(&of(i));
            if sigma > 0.0 {
                *score *= (-0.5 / sigma * overlap * overlap).exp();
            } else if overlap > limit {
                *score = f32::NAN;
            }
        }
    }
    count[0] = kept as i32;
    Ok(())
}

/// A parameter that is a float.
fn float(bits: i64) -> f32 {
    f64::from_bits(bits as u64) as f32
}

/// A box, its lesser corner first.
struct Corners {
    low: [f32; 2],
    high: [f32; 2],
}

impl Corners {
    /// From any two opposite corners.
    fn of(b: &[f32]) -> Corners {
        Corners { low: [b[0].min(b[2]), b[1].min(b[3])], high: [b[0].max(b[2]), b[1].max(b[3])] }
    }

    fn area(&self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    /// Area of the intersection over area of the union; 0 if a box is empty.
    fn overlap(&self, other: &Corners) -> f32 {
        if self.area() <= 0.0 || other.area() <= 0.0 {
            return 0.0;
        }
        let length = |i: usize| (self.high[i].min(other.high[i]) - self.low[i].max(other.low[i])).max(0.0);
        let common = length(0) * length(1);
        common / (self.area() + other.area() - common)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, values};
    use crate::array::{Array, DType};

    #[test]
    fn the_best_of_those_that_overlap() {
        // TensorFlow's example: three clusters of two boxes.
        let rows = [[0.0f32, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [0.0, -0.1, 1.0, 0.9]];
        let far = [[0.0f32, 10.0, 1.0, 11.0], [1.0, 11.1, 0.0, 10.1], [0.0, 100.0, 1.0, 101.0]];
        let boxes = Array::from_slice(&[6, 4], &[rows.concat(), far.concat()].concat());
        let scores = Array::from_slice(&[6], &[0.9f32, 0.75, 0.6, 0.95, 0.5, 0.3]);
        let chosen = |most: usize, overlap: f64, least: f64| {
            let params = [overlap.to_bits() as i64, least.to_bits() as i64];
            let outputs = [(DType::I32, &[most][..]), (DType::I32, &[])];
            let both = run("non_max_suppression", &[&boxes, &scores], &outputs, &params);
            (values(&both[0]), values(&both[1])[0])
        };
        assert_eq!(chosen(3, 0.5, f64::NEG_INFINITY), (vec![3.0, 0.0, 5.0], 3.0));
        assert_eq!(chosen(2, 0.5, f64::NEG_INFINITY), (vec![3.0, 0.0], 2.0));
        assert_eq!(chosen(5, 0.5, 0.4), (vec![3.0, 0.0, 0.0, 0.0, 0.0], 2.0));
        assert_eq!(chosen(8, 1.0, 0.0), (vec![3.0, 0.0, 1.0, 2.0, 4.0, 5.0, 0.0, 0.0], 6.0));
    }

    #[test]
    fn scores_that_sink() {
        // What TensorFlow's kernel gives for these boxes.
        let rows = [[0.0f32, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [0.0, -0.1, 1.0, 0.9]];
        let far = [[0.0f32, 10.0, 1.0, 11.0], [0.0, 10.1, 1.0, 11.1], [0.0, 100.0, 1.0, 101.0]];
        let boxes = Array::from_slice(&[6, 4], &[rows.concat(), far.concat()].concat());
        let scores = Array::from_slice(&[6], &[0.9f32, 0.75, 0.6, 0.95, 0.5, 0.3]);
        let outputs = [(DType::I32, &[6][..]), (DType::F32, &[6]), (DType::I32, &[])];
        let params = [1.0f64, 0.2, 1.0].map(|v| v.to_bits() as i64);
        let all = run("soft_non_max_suppression", &[&boxes, &scores], &outputs, &params);
        assert_eq!((values(&all[0]), values(&all[2])[0]), (vec![3.0, 0.0, 1.0, 4.0, 2.0, 5.0], 6.0));
        let expected = [0.95, 0.9, 0.53665876, 0.3577727, 0.34377822, 0.3];
        let close = values(&all[1]).iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-6);
        assert!(close, "{:?}", values(&all[1]));
    }

    #[test]
    fn scores_that_are_nan_come_last() {
        let n = 200;
        let boxes: Vec<f32> = (0..n).flat_map(|i| [0.0, 2.0 * i as f32, 1.0, 2.0 * i as f32 + 1.0]).collect();
        let scores: Vec<f32> = (0..n).map(|i| if i % 3 == 0 { f32::NAN } else { (i * 7 % 64) as f32 }).collect();
        let inputs = [Array::from_slice(&[n, 4], &boxes), Array::from_slice(&[n], &scores)];
        let params = [0.5f64.to_bits() as i64, f64::NEG_INFINITY.to_bits() as i64];
        let outputs = [(DType::I32, &[n][..]), (DType::I32, &[])];
        let both = run("non_max_suppression", &[&inputs[0], &inputs[1]], &outputs, &params);
        let mut expected: Vec<usize> = (0..n).filter(|i| i % 3 != 0).collect();
        expected.sort_by_key(|i| (std::cmp::Reverse(i * 7 % 64), *i));
        assert_eq!(values(&both[1])[0] as usize, expected.len());
        let found: Vec<usize> = values(&both[0])[..expected.len()].iter().map(|&i| i as usize).collect();
        assert_eq!(found, expected);
    }
}
