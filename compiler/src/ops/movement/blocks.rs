//! Space cut into blocks: between depth, batch and space.

use crate::ops::entry::*;

composite! {
    /// Blocks of space into depth.
    SPACE_TO_DEPTH, (b, x) => {
        let (dims, block) = image(b.attrs(), x[0])?;
        let (rows, columns) = (divided(&dims[1], block, 1)?, divided(&dims[2], block, 2)?);
        let depth = dims[3].clone() * Dim::from(block * block);
        let apart = [dims[0].clone(), rows.clone(), block.into(), columns.clone(), block.into(), dims[3].clone()];
        let blocks = x[0].reshape(&apart).transpose(&[0, 1, 3, 2, 4, 5]);
        Ok(vec![blocks.reshape(&[dims[0].clone(), rows, columns, depth])])
    },
    name: "space_to_depth",
    doc: "Images (batch, rows, columns, channels) with each square of `block_size` pixels put one after the other into the \
          channels of one pixel.",
    attrs: &[required("block_size", AttrKind::Int)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// Depth into blocks of space.
    DEPTH_TO_SPACE, (b, x) => {
        let (dims, block) = image(b.attrs(), x[0])?;
        let depth = divided(&dims[3], block * block, 3)?;
        let apart = [dims[0].clone(), dims[1].clone(), dims[2].clone(), block.into(), block.into(), depth.clone()];
        let blocks = x[0].reshape(&apart).transpose(&[0, 1, 3, 2, 4, 5]);
        let [rows, columns] = [1, 2].map(|k| dims[k].clone() * Dim::from(block));
        Ok(vec![blocks.reshape(&[dims[0].clone(), rows, columns, depth])])
    },
    name: "depth_to_space",
    doc: "The inverse of `space_to_depth`.",
    attrs: &[required("block_size", AttrKind::Int)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// Blocks of space into the batch.
    SPACE_TO_BATCH, (b, x) => {
        let (dims, blocks, paddings) = spatial(b.attrs(), x[0], "paddings")?;
        let count = blocks.len();
        let widths = |side: usize| -> Vec<Dim> {
            let of = |k: usize| k.checked_sub(1).filter(|&k| k < count).map_or(0, |k| paddings[2 * k + side]);
            (0..dims.len()).map(|k| Dim::from(of(k))).collect()
        };
        let padded = x[0].pad_zeros(&widths(0), &widths(1));
        let space = padded.dims()?;
        let (mut apart, mut result) = (vec![dims[0].clone()], vec![dims[0].clone() * product(&blocks)]);
        for (k, &block) in blocks.iter().enumerate() {
            let length = divided(&space[k + 1], block, k + 1)?;
            apart.extend([length.clone(), Dim::from(block)]);
            result.push(length);
        }
        apart.extend_from_slice(&dims[count + 1..]);
        result.extend_from_slice(&dims[count + 1..]);
        // Places within a block first, then batch and blocks.
        let mut perm: Vec<usize> = (0..count).map(|k| 2 * k + 2).collect();
        perm.push(0);
        perm.extend((0..count).map(|k| 2 * k + 1));
        perm.extend(2 * count + 1..apart.len());
        Ok(vec![padded.reshape(&apart).transpose(&perm).reshape(&result)])
    },
    name: "space_to_batch",
    doc: "Cut into blocks of `block_shape` along the axes after the first, `paddings` (two widths an axis) of zeros put around \
          first; the places within a block become part of the batch, the first axis.",
    attrs: &[required("block_shape", AttrKind::Ints), required("paddings", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// The batch into blocks of space.
    BATCH_TO_SPACE, (b, x) => {
        let (dims, blocks, crops) = spatial(b.attrs(), x[0], "crops")?;
        let count = blocks.len();
        let each: i64 = blocks.iter().product();
        let batch = divided(&dims[0], each, 0)?;
        let apart: Vec<Dim> = blocks.iter().map(|&n| Dim::from(n)).chain([batch.clone()]).chain(dims[1..].iter().cloned()).collect();
        let mut perm = vec![count];
        perm.extend((0..count).flat_map(|k| [count + 1 + k, k]));
        perm.extend(2 * count + 1..apart.len());
        let mut joined = vec![batch];
        joined.extend(blocks.iter().enumerate().map(|(k, &block)| dims[k + 1].clone() * Dim::from(block)));
        joined.extend_from_slice(&dims[count + 1..]);
        let mut y = x[0].reshape(&apart).transpose(&perm).reshape(&joined);
        for k in 0..count {
            let (before, after) = (Dim::from(crops[2 * k]), Dim::from(crops[2 * k + 1]));
            let size = joined[k + 1].clone() - before.clone() - after;
            y = y.narrow(k + 1, &before, &size)?;
        }
        Ok(vec![y])
    },
    name: "batch_to_space",
    doc: "The inverse of `space_to_batch`, after which `crops` (two widths an axis) are cut off.",
    attrs: &[required("block_shape", AttrKind::Ints), required("crops", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

fn product(blocks: &[i64]) -> Dim {
    blocks.iter().map(|&b| Dim::from(b)).product()
}

fn divided(length: &Dim, by: i64, axis: usize) -> Result<Dim> {
    let exact = length.div_exact(&Dim::from(by));
    exact.ok_or_else(|| infer::wrong(Kind::Shape, format_args!("a length of axis {axis} that {by} divides"), length))
}

/// The shape of images, and the block size.
fn image(attrs: &Attrs, x: Expr<'_>) -> Result<(Vec<Dim>, i64)> {
    let dims = x.dims()?.to_vec();
    if dims.len() != 4 {
        return Err(infer::wrong(Kind::Shape, "axes (batch, rows, columns, channels)", x.spec()?));
    }
    match attrs.int("block_size") {
        Some(block) if (1..1 << 30).contains(&block) => Ok((dims, block)),
        other => Err(infer::wrong(Kind::Value, "a block size of at least 1", format_args!("{other:?}"))),
    }
}

/// The shape of `x`, the blocks, and the widths in attribute `widths`.
fn spatial<'a>(attrs: &'a Attrs, x: Expr<'_>, widths: &str) -> Result<(Vec<Dim>, Vec<i64>, &'a [i64])> {
    let dims = x.dims()?.to_vec();
    let (blocks, around) = (attrs.ints("block_shape").unwrap_or_default(), attrs.ints(widths).unwrap_or_default());
    let total = blocks.iter().try_fold(1i64, |a, &block| a.checked_mul(block).filter(|_| block > 0));
    if total.is_none() || blocks.is_empty() || around.len() != 2 * blocks.len() || around.iter().any(|&w| w < 0) {
        let wanted = format!("block lengths of at least 1, and for each two `{widths}` of at least 0");
        return Err(infer::wrong(Kind::Value, wanted, format_args!("{blocks:?} and {around:?}")));
    }
    if dims.len() <= blocks.len() {
        let wanted = format!("a rank of at least {}, for {} blocks", blocks.len() + 1, blocks.len());
        return Err(infer::wrong(Kind::Shape, wanted, x.spec()?));
    }
    Ok((dims, blocks.to_vec(), around))
}
