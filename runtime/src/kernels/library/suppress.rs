//! `non_max_suppression`: of boxes that overlap, those with the best scores.

use super::LibraryCx;
use super::number::Number;
use crate::alloc::Block;
use crate::array::DType;
use crate::error::{Kind, Result};

/// See the table: `boxes, scores -> indices, count`.
pub fn non_max_suppression(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "non_max_suppression";
    cx.expect(NAME, 2, 2, 2)?;
    let ([boxes, scores], [indices, count]) = (cx.inputs, cx.outputs) else { unreachable!("counted") };
    let boxes_count = scores.len();
    if boxes.dims() != [boxes_count, 4] || scores.rank() != 1 || indices.rank() != 1 || count.len() != 1 {
        return Err(cx.bad(NAME, Kind::Shape, "expected boxes [n, 4] and scores [n]"));
    }
    if [boxes.dtype(), scores.dtype()] != [DType::F32; 2] || [indices.dtype(), count.dtype()] != [DType::I32; 2] {
        return Err(cx.bad(NAME, Kind::DType, "expected f32 boxes and scores, i32 indices and count"));
    }
    let [overlap, least] = [cx.params[0], cx.params[1]].map(|bits| f64::from_bits(bits as u64) as f32);
    let (boxes, scores) = (boxes.as_slice::<f32>(), scores.as_slice::<f32>());
    let order = Block::new(boxes_count * size_of::<u32>())?;
    // SAFETY: the block has room for as many; they are written first. The results are this call's own.
    let (order, indices, count) = unsafe {
        let order = order.as_ptr().cast::<u32>();
        (0..boxes_count).for_each(|i| *order.add(i) = i as u32);
        let order = std::slice::from_raw_parts_mut(order, boxes_count);
        (order, indices.part_mut::<i32>(0, indices.len()), count.part_mut::<i32>(0, 1))
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
        if kept == indices.len() {
            break;
        }
        let of = |place: usize| Corners::of(&boxes[4 * place..][..4]);
        let is_hidden = || indices[..kept].iter().any(|&k| of(k as usize).overlap(&of(place)) > overlap);
        if scores[place] > least && !is_hidden() {
            indices[kept] = candidate as i32;
            kept += 1;
        }
    }
    count[0] = kept as i32;
    Ok(())
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
