//! Concrete shapes: sizes, strides, NumPy's broadcasting rule.

use crate::error::{Error, Kind, Result};
use smallvec::SmallVec;

/// The lengths of an array's axes.
pub type Shape = SmallVec<[usize; 6]>;

/// Distances between neighbours along each axis, in elements; 0 repeats an element.
pub type Strides = SmallVec<[isize; 6]>;

/// Number of elements, if it does not overflow.
pub fn numel(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// Number of elements of an array that exists. Its shape was checked when it was made, so this does not overflow.
pub(crate) fn len(shape: &[usize]) -> usize {
    numel(shape).expect("the size of an array is checked when it is made")
}

/// Strides of a dense row-major array; 0 for one without elements, whose other lengths may be of any size.
pub fn row_major_strides(shape: &[usize]) -> Strides {
    if shape.contains(&0) {
        return SmallVec::from_elem(0, shape.len());
    }
    let mut strides: Strides = SmallVec::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

/// The shape to which both broadcast: axes are aligned at the end, and a length of 1 fits any other.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Shape> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (m, n) if m == n || n == 1 => Ok(m),
            (1, n) => Ok(n),
            (m, n) => Err(Error::new(
                Kind::Shape,
                format!("shapes {a:?} and {b:?} do not broadcast: {m} and {n} differ and neither is 1"),
            )),
        })
        .collect()
}

/// Strides that read a dense array of `shape` as one of shape `to`, to which it must broadcast.
pub fn broadcast_strides(shape: &[usize], to: &[usize]) -> Result<Strides> {
    if broadcast(shape, to)?[..] != *to {
        return Err(Error::new(Kind::Shape, format!("shape {shape:?} does not broadcast to {to:?}")));
    }
    let own = row_major_strides(shape);
    let added = to.len() - shape.len();
    let strides = (0..to.len()).map(|axis| match axis.checked_sub(added) {
        Some(i) if shape[i] != 1 => own[i],
        _ => 0,
    });
    Ok(strides.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_overflow_unless_empty() {
        assert_eq!(numel(&[]), Some(1));
        assert_eq!(numel(&[2, 3]), Some(6));
        assert_eq!(numel(&[usize::MAX, 2]), None);
        assert_eq!(numel(&[usize::MAX, 2, 0]), Some(0));
    }

    #[test]
    fn broadcasting_follows_numpy() {
        assert_eq!(broadcast(&[3, 1], &[4]).unwrap()[..], [3, 4]);
        assert_eq!(broadcast(&[], &[2, 0]).unwrap()[..], [2, 0]);
        assert_eq!(broadcast(&[1], &[0]).unwrap()[..], [0]);
        assert_eq!(broadcast(&[2, 3], &[3, 2]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(broadcast_strides(&[3, 1], &[2, 3, 4]).unwrap()[..], [0, 1, 0]);
        assert_eq!(broadcast_strides(&[2], &[1]).unwrap_err().kind(), Kind::Shape);
        assert!(broadcast_strides(&[2, 1], &[2]).is_err());
        assert_eq!(row_major_strides(&[2, 3, 4])[..], [12, 4, 1]);
        assert_eq!(row_major_strides(&[0, 1 << 40, 1 << 40])[..], [0, 0, 0]);
    }
}
