//! Philox4x32-10: the counter-based random bits of Salmon, Moraes, Dror and Shaw (Random123).
//!
//! Word `i` of a stream is word `i % 4` of block `i / 4`. The key is the 64-bit seed; the counter is the block
//! index (low half) and the 64-bit tick (high half). So any part of any stream can be made anywhere, in any order,
//! with the same bits. Start with [`fill_bits`].

pub mod distributions;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::tile::{Level, level};

/// Words of one block.
const BLOCK: usize = 4;

/// Blocks of one stream: element indices are 64-bit.
const BLOCKS: u64 = 1 << 62;

/// Multipliers and key increments of Philox4x32.
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Writes words `first_element ..` of the stream (`seed`, `tick`) to `out`. Indices wrap at 2^64.
pub fn fill_bits(seed: u64, tick: u64, first_element: u64, out: &mut [u32]) {
    fill_bits_at(level(), seed, tick, first_element, out);
}

/// [`fill_bits`] by the instructions of `level`, which the CPU must have.
fn fill_bits_at(level: Level, seed: u64, tick: u64, first_element: u64, out: &mut [u32]) {
    let mut block = first_element / BLOCK as u64;
    let skip = (first_element % BLOCK as u64) as usize;
    let head = if skip == 0 { 0 } else { (BLOCK - skip).min(out.len()) };
    let (head, body) = out.split_at_mut(head);
    if !head.is_empty() {
        head.copy_from_slice(&stream_block(seed, tick, block)[skip..skip + head.len()]);
        block = (block + 1) % BLOCKS;
    }
    let done = fill_groups(level, seed, tick, block, body);
    block = (block + done as u64) % BLOCKS;
    for words in body[done * BLOCK..].chunks_mut(BLOCK) {
        words.copy_from_slice(&stream_block(seed, tick, block)[..words.len()]);
        block = (block + 1) % BLOCKS;
    }
}

/// Fills the beginning of `out`, from block `block` on, by vector instructions; returns the number of blocks done.
fn fill_groups(level: Level, seed: u64, tick: u64, block: u64, out: &mut [u32]) -> usize {
    match level {
        // SAFETY: the CPU has the level's instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::fill_avx512(seed, tick, block, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::fill_avx2(seed, tick, block, out) },
        _ => {
            let _ = (seed, tick, block, out);
            0
        }
    }
}

/// A uniformly random order of `0..n`: element `i` swaps with one before or at it (Fisher–Yates), from the last to
/// the first, by the words of the stream (`seed`, `tick`).
pub fn permutation(seed: u64, tick: u64, n: usize) -> Vec<i64> {
    let mut order: Vec<i64> = (0..n as i64).collect();
    let mut words = Words { seed, tick, next: 0, block: [0; BLOCK] };
    for i in (1..n).rev() {
        order.swap(i, words.below(i as u64 + 1) as usize);
    }
    order
}

/// One block of Philox4x32-10.
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let p0 = MULTIPLIERS[0] as u64 * counter[0] as u64;
        let p1 = MULTIPLIERS[1] as u64 * counter[2] as u64;
        counter =
            [(p1 >> 32) as u32 ^ counter[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ counter[3] ^ key[1], p0 as u32];
    }
    counter
}

/// Block `block` of the stream (`seed`, `tick`).
fn stream_block(seed: u64, tick: u64, block: u64) -> [u32; 4] {
    let counter = [block as u32, (block >> 32) as u32, tick as u32, (tick >> 32) as u32];
    philox4x32(counter, [seed as u32, (seed >> 32) as u32])
}

/// The words of a stream, one after the other.
struct Words {
    seed: u64,
    tick: u64,
    next: u64,
    block: [u32; BLOCK],
}

impl Words {
    fn word(&mut self) -> u32 {
        let at = (self.next % BLOCK as u64) as usize;
        if at == 0 {
            self.block = stream_block(self.seed, self.tick, self.next / BLOCK as u64);
        }
        self.next += 1;
        self.block[at]
    }

    /// A number below `bound`, all equally likely: 64 random bits are scaled, and the few that would favour some
    /// results are drawn again (Lemire).
    fn below(&mut self, bound: u64) -> u64 {
        loop {
            let bits = self.word() as u64 | (self.word() as u64) << 32;
            let product = bits as u128 * bound as u128;
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with Random123.
    #[test]
    fn blocks_match_the_known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        let counter = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        let words = philox4x32(counter, [0xa4093822, 0x299f31d0]);
        assert_eq!(words, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    }

    #[test]
    fn words_follow_seed_tick_and_index() {
        let (seed, tick, block) = (0x299f31d0_a4093822, 0x03707344_13198a2e, 0x05a308d3_243f6a88);
        let mut out = [0; 4];
        fill_bits(seed, tick, 4 * block, &mut out);
        let counter = [0x243f6a88, 0x05a308d3, 0x13198a2e, 0x03707344];
        assert_eq!(out, philox4x32(counter, [0xa4093822, 0x299f31d0]));
    }

    #[test]
    fn any_split_gives_the_same_bits() {
        let mut whole = vec![0; 203];
        fill_bits(7, 3, 5, &mut whole);
        for cut in 0..whole.len() {
            let mut parts = vec![0; whole.len()];
            let (a, b) = parts.split_at_mut(cut);
            fill_bits(7, 3, 5, a);
            fill_bits(7, 3, 5 + cut as u64, b);
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        // Starts before the low half of the block index overflows, and before the element index does.
        for first in [0, 6, 4 * (u32::MAX as u64 - 20) + 1, u64::MAX - 150] {
            let mut expected = vec![0; 1003];
            fill_bits_at(Level::Portable, 0x1234_5678_9ABC_DEF0, 0xFEDC_BA98_7654_3210, first, &mut expected);
            for level in Level::available() {
                let mut got = vec![0; 1003];
                fill_bits_at(level, 0x1234_5678_9ABC_DEF0, 0xFEDC_BA98_7654_3210, first, &mut got);
                assert_eq!(got, expected, "{level:?} from {first}");
            }
            let (i, at) = (777, first.wrapping_add(777));
            assert_eq!(
                expected[i],
                stream_block(0x1234_5678_9ABC_DEF0, 0xFEDC_BA98_7654_3210, at / 4)[at as usize % 4]
            );
        }
    }

    #[test]
    fn ticks_and_seeds_give_different_streams() {
        let words = |seed, tick| {
            let mut out = [0; 8];
            fill_bits(seed, tick, 0, &mut out);
            out
        };
        assert_ne!(words(1, 0), words(0, 1));
        assert_ne!(words(1, 0), words(1 << 32, 0));
        assert_ne!(words(0, 1), words(0, 1 << 32));
    }

    #[test]
    fn a_permutation_has_each_element_once_and_moves_them() {
        for n in [0, 1, 2, 3, 1000] {
            let mut order = permutation(11, 4, n);
            if n == 1000 {
                assert!(order.iter().enumerate().filter(|&(i, &v)| i as i64 == v).count() < 20);
            }
            order.sort_unstable();
            assert_eq!(order, (0..n as i64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn permutations_of_three_are_equally_likely() {
        let mut counts = std::collections::HashMap::new();
        for tick in 0..6000 {
            *counts.entry(permutation(5, tick, 3)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|&c| (850..1150).contains(&c)), "{counts:?}");
    }
}
