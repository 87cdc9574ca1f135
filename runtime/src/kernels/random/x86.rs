//! Philox4x32-10 for many blocks at once, on x86-64: one block in each 32-bit lane.
//!
//! The result of a round needs a 4 × 4 transposition, which x86 does within 128-bit parts. Lane 4j + k therefore
//! takes block k · parts + j, so that the transposed vectors are stored one after the other.

use std::arch::x86_64::*;

use super::{MULTIPLIERS, ROUNDS, WEYL};

macro_rules! vector_blocks {
    (
        $(#[$doc:meta])* $name:ident: $features:literal, $blocks:literal blocks, parts $parts:literal;
        $set1:ident $mul:ident $srl:ident $sll:ident $blend:expr, $xor:ident $add:ident $loadu:ident $storeu:ident
        $unpacklo32:ident $unpackhi32:ident $unpacklo64:ident $unpackhi64:ident
    ) => {
        $(#[$doc])*
        ///
        /// Fills `out` from block `block` on, as far as it has room for whole groups whose block indices agree in
        /// their high half; returns the number of blocks done.
        ///
        /// # Safety
        /// The CPU has the features.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(seed: u64, tick: u64, mut block: u64, out: &mut [u32]) -> usize {
            const BLOCKS: usize = $blocks;
            let mut offsets = [0u32; BLOCKS];
            for (lane, offset) in offsets.iter_mut().enumerate() {
                *offset = (lane as u32 % 4) * $parts + lane as u32 / 4;
            }
            // SAFETY: the CPU has the features; loads and stores stay within `offsets` and the chunk.
            unsafe {
                let offsets = $loadu(offsets.as_ptr().cast());
                let multipliers = MULTIPLIERS.map(|m| $set1(m as i32));
                let multiply = |m, x| {
                    let even = $mul(x, m);
                    let odd = $mul($srl::<32>(x), m);
                    (($blend)($srl::<32>(even), odd), ($blend)(even, $sll::<32>(odd)))
                };
                let mut done = 0;
                for chunk in out.chunks_exact_mut(4 * BLOCKS) {
                    if (block as u32).checked_add(BLOCKS as u32).is_none() {
                        break;
                    }
                    let mut key = [seed as u32, (seed >> 32) as u32];
                    let mut c = [
                        $add($set1(block as i32), offsets),
                        $set1((block >> 32) as i32),
                        $set1(tick as i32),
                        $set1((tick >> 32) as i32),
                    ];
                    for _ in 0..ROUNDS {
                        let (high0, low0) = multiply(multipliers[0], c[0]);
                        let (high1, low1) = multiply(multipliers[1], c[2]);
                        let k = key.map(|k| $set1(k as i32));
                        c = [$xor($xor(high1, c[1]), k[0]), low1, $xor($xor(high0, c[3]), k[1]), low0];
                        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
                    }
                    let (a, b) = ($unpacklo32(c[0], c[1]), $unpacklo32(c[2], c[3]));
                    let (d, e) = ($unpackhi32(c[0], c[1]), $unpackhi32(c[2], c[3]));
                    let rows = [$unpacklo64(a, b), $unpackhi64(a, b), $unpacklo64(d, e), $unpackhi64(d, e)];
                    for (row, words) in rows.into_iter().zip(chunk.chunks_exact_mut(BLOCKS)) {
                        $storeu(words.as_mut_ptr().cast(), row);
                    }
                    block += BLOCKS as u64;
                    done += BLOCKS;
                }
                done
            }
        }
    };
}

vector_blocks! {
    /// Eight blocks at a time.
    fill_avx2: "avx2", 8 blocks, parts 2;
    _mm256_set1_epi32 _mm256_mul_epu32 _mm256_srli_epi64 _mm256_slli_epi64 _mm256_blend_epi32::<0b1010_1010>,
    _mm256_xor_si256 _mm256_add_epi32 _mm256_loadu_si256 _mm256_storeu_si256
    _mm256_unpacklo_epi32 _mm256_unpackhi_epi32 _mm256_unpacklo_epi64 _mm256_unpackhi_epi64
}

vector_blocks! {
    /// Sixteen blocks at a time.
    fill_avx512: "avx512f", 16 blocks, parts 4;
    _mm512_set1_epi32 _mm512_mul_epu32 _mm512_srli_epi64 _mm512_slli_epi64
    |even, odd| _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, odd),
    _mm512_xor_si512 _mm512_add_epi32 _mm512_loadu_si512 _mm512_storeu_si512
    _mm512_unpacklo_epi32 _mm512_unpackhi_epi32 _mm512_unpacklo_epi64 _mm512_unpackhi_epi64
}
