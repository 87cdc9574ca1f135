//! Counter-based random bits: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
//!
//! The state is `u64[2]`: the seed (the key) and the tick. Each random op of a program has its `offset`, which is
//! added to the tick; element `i` is word `i % 4` of block `i / 4`. So the bits depend on nothing but the seed,
//! the tick, the offset and the index.

use crate::ops::entry::*;

/// Uniform random bits.
pub static RANDOM_BITS: OpDef = OpDef {
    name: "random_bits",
    doc: "u32 of shape `dims`, every bit random: Philox4x32-10 with key = `state[0]` and counter = (block, \
          `state[1] + offset`).",
    inputs: Operands::Named(&["state"]),
    attrs: &[required("dims", AttrKind::Dims), optional("offset", AttrKind::Int)],
    spec: |c| {
        check_state(&c.inputs[0])?;
        infer::one(DType::U32, infer::lengths(c.attrs)?)
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        Ok(LibraryCall { routine: "random_bits", params: vec![c.attrs.int("offset").unwrap_or(0).into()] })
    }),
    eval: |c| {
        let state = c.inputs[0].as_slice::<u64>();
        let tick = state[1].wrapping_add(c.attrs.int("offset").unwrap_or(0) as u64);
        let shape = eval::shape_of(c, 0)?;
        let len: usize = shape.iter().product();
        let bits: Vec<u32> = (0..len).map(|i| philox(state[0], (i / 4) as u64, tick)[i % 4]).collect();
        Ok(vec![tracelift_runtime::Array::from_slice(&shape, &bits)])
    },
    domain: Domain::Special("tests/ops/random.rs"),
    ..BASE
};

/// An error unless the operand is a random state.
pub(crate) fn check_state(state: &TensorSpec) -> Result<()> {
    if state.dtype == DType::U64 && state.dims[..] == [Dim::from(2usize)] {
        return Ok(());
    }
    Err(infer::wrong(Kind::DType, "a random state u64[2] (seed, tick)", state)
        .hint("a seed is one integer, or two: seed and tick"))
}

/// Four words of Philox4x32-10.
fn philox(key: u64, block: u64, tick: u64) -> [u32; 4] {
    let mut c = [block as u32, (block >> 32) as u32, tick as u32, (tick >> 32) as u32];
    let mut k = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let a = u64::from(c[0]) * 0xD251_1F53;
        let b = u64::from(c[2]) * 0xCD9E_8D57;
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    c
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// The known-answer vectors of the Random123 distribution.
    #[test]
    fn philox_gives_the_published_vectors() {
        assert_eq!(philox(0, 0, 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox(u64::MAX, u64::MAX, u64::MAX), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let (counter, key) = ([0x85a3_08d3_243f_6a88, 0x0370_7344_1319_8a2e], 0x299f_31d0_a409_3822);
        assert_eq!(philox(key, counter[0], counter[1]), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }
}
