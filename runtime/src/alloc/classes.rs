//! Size classes: multiples of 64 up to 256 bytes, then four to each power of two.

/// Bytes that every block is aligned to: a cache line and a vector register.
pub const ALIGN: usize = 64;

/// Number of classes; the largest has [`size`] 2^47 bytes.
pub const COUNT: usize = 4 + 4 * (47 - 8);

/// The class of blocks that hold `bytes`, if there is one so large.
pub fn of(bytes: usize) -> Option<usize> {
    if bytes <= 256 {
        return Some(bytes.saturating_sub(1) / ALIGN);
    }
    let last = bytes - 1;
    let octave = last.ilog2() as usize;
    let quarter = last >> (octave - 2) & 3;
    let class = 4 + 4 * (octave - 8) + quarter;
    (class < COUNT).then_some(class)
}

/// Bytes of a block of this class.
pub fn size(class: usize) -> usize {
    if class < 4 {
        return ALIGN * (class + 1);
    }
    let (octave, quarter) = (8 + (class - 4) / 4, (class - 4) % 4);
    (5 + quarter) << (octave - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_sizes_and_wastes_little() {
        for class in 0..COUNT {
            assert_eq!(of(size(class)), Some(class));
            assert_eq!(size(class) % ALIGN, 0);
            let next = of(size(class) + 1);
            assert_eq!(next, (class + 1 < COUNT).then_some(class + 1));
        }
        for bytes in [257, 1000, 4097, 1 << 20, (1 << 20) + 1, 123_456_789] {
            let size = size(of(bytes).unwrap());
            assert!(size >= bytes && size <= bytes + bytes / 4 + 1, "{bytes} in {size}");
        }
        assert_eq!(of(0), Some(0));
        assert_eq!(of(usize::MAX), None);
    }
}
