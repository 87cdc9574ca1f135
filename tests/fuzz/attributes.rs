//! Attributes sampled from their declarations: by kind, and by the names that the op table uses throughout.

use crate::random::Random;
use tracelift_compiler::graph::AttrValue;
use tracelift_compiler::graph::opdef::{AttrDef, AttrKind};
use tracelift_compiler::{DType, Dim, TensorSpec};

/// Words for attributes of kind `Str`, by the attribute's name.
const WORDS: &[(&str, &[&str])] = &[
    ("padding", &["SAME", "VALID", "same", "valid"]),
    (
        "mode",
        &["constant", "reflect", "symmetric", "full", "same", "valid", "reduced", "complete", "linear", "nearest"],
    ),
    (
        "method",
        &["bilinear", "nearest", "bicubic", "area", "lanczos3", "gaussian", "linear", "lower", "higher", "midpoint"],
    ),
    ("reduction", &["sum", "none", "mean", "prod", "max", "min"]),
    ("data_format", &["NHWC", "NCHW", "NWC", "NDHWC", "channels_last"]),
    ("side", &["left", "right"]),
    ("ord", &["fro", "euclidean", "nuc"]),
    ("round_mode", &["HALF_TO_EVEN", "HALF_UP"]),
    ("norm", &["backward", "ortho", "forward"]),
    ("direction", &["forward", "reverse"]),
    ("interpolation", &["linear", "lower", "higher", "nearest", "midpoint"]),
    (
        "equation",
        &[
            "ij,jk->ik",
            "ij,ij->",
            "ij->ji",
            "ii->i",
            "ii",
            "i,j->ij",
            "...i,...i->...",
            "bij,bjk->bik",
            "ij,kj->ik",
            "ij->j",
            "...ij->...ji",
            "i,ij,j->",
            "bi,bj->bij",
            "ij,jk",
            "ijk->kji",
            "ij,ik->jk",
            "i->",
            "ijj->ij",
            "...ij,...jk->...ik",
            "i,i->i",
            "ab,bc,cd->ad",
            "i",
        ],
    ),
];

/// Dtypes for attributes; the common ones more often.
const DTYPES: &[DType] = &[
    DType::F32,
    DType::F32,
    DType::F32,
    DType::F64,
    DType::I32,
    DType::I32,
    DType::I64,
    DType::Bool,
    DType::U8,
    DType::F16,
    DType::BF16,
    DType::I8,
    DType::I16,
    DType::U16,
    DType::U32,
    DType::U64,
];

/// A value for the attribute of an op with these operands; None if the generator has none of its kind. `sizes` are
/// those that the graph uses.
pub fn sample(random: &mut Random, def: &AttrDef, operands: &[TensorSpec], sizes: &[Dim]) -> Option<AttrValue> {
    let none = TensorSpec::scalar(DType::F32);
    let x = operands.first().unwrap_or(&none);
    Some(match def.kind {
        AttrKind::Bool => random.chance(50).into(),
        AttrKind::Int => integer(random, def.name, x.rank() as i64).into(),
        AttrKind::Float => float(random).into(),
        AttrKind::Str => {
            let (_, words) = WORDS.iter().find(|(name, _)| *name == def.name)?;
            (*random.pick(words)).into()
        }
        AttrKind::DType if random.chance(25) => x.dtype.into(),
        AttrKind::DType => (*random.pick(DTYPES)).into(),
        AttrKind::Ints => integers(random, def.name, x.rank()).into(),
        AttrKind::Dims => lengths(random, def.name, operands, sizes).into(),
        AttrKind::Padding if random.chance(60) => (*random.pick(&["SAME", "VALID"])).into(),
        AttrKind::Padding => {
            let sides = 2 * x.rank().saturating_sub(2);
            (0..sides).map(|_| random.within(0, 1)).collect::<Vec<i64>>().into()
        }
        // The builder gives the number of a slot, a gradient the sizes.
        AttrKind::Data | AttrKind::Graph | AttrKind::Slot { .. } | AttrKind::KnownSizes => return None,
    })
}

fn integer(random: &mut Random, name: &str, rank: i64) -> i64 {
    match name {
        _ if name.contains("axis") && rank > 0 => random.within(-rank, rank - 1),
        _ if random.chance(80) => random.within(0, 4),
        _ => random.within(-3, 9),
    }
}

fn float(random: &mut Random) -> f64 {
    *random.pick(&[0.5, 1.0, 2.0, 0.25, 0.0, -1.0, 0.125, 1e-3, 3.0, 0.3, -2.5, 10.0])
}

fn integers(random: &mut Random, name: &str, rank: usize) -> Vec<i64> {
    let some = |random: &mut Random, count: usize, low: i64, high: i64| -> Vec<i64> {
        (0..count).map(|_| random.within(low, high)).collect()
    };
    match name {
        "perm" => axes(random, rank, rank),
        _ if name.contains("axes") => {
            let count = random.below(rank + 1);
            axes(random, rank, count)
        }
        "paddings" | "crops" if random.chance(50) => some(random, 2, 0, 2),
        "paddings" => some(random, 2 * rank, 0, 2),
        "ksize" | "rates" | "dilations" | "block_shape" if random.chance(70) => some(random, 1, 1, 2),
        "crop_size" => some(random, 2, 1, 4),
        "strides" if random.chance(30) => some(random, 1, 1, 2),
        "strides" if random.chance(50) => some(random, rank, -2, 2),
        "end" => some(random, rank, -1, 4),
        _ => {
            let count = [rank, rank, rank.saturating_sub(2), 1, 2, 2 * rank, rank.saturating_sub(1), 3, 0];
            let count = *random.pick(&count);
            let low = if random.chance(80) { 1 } else { -2 };
            some(random, count, low, 3)
        }
    }
}

/// `count` different axes, some counted from the end.
fn axes(random: &mut Random, rank: usize, count: usize) -> Vec<i64> {
    let mut all: Vec<i64> = (0..rank as i64).collect();
    random.shuffle(&mut all);
    all.truncate(count);
    all.iter().map(|&a| if random.chance(30) { a - rank as i64 } else { a }).collect()
}

fn lengths(random: &mut Random, name: &str, operands: &[TensorSpec], sizes: &[Dim]) -> Vec<Dim> {
    let own: Vec<Dim> = operands.first().map(|x| x.dims.to_vec()).unwrap_or_default();
    if matches!(name, "begin" | "before" | "after") {
        return own.iter().map(|_| Dim::from(random.below(3))).collect();
    }
    match random.below(8) {
        // The operand's shape, or parts of it put together, taken apart, shortened or extended.
        0 => own,
        1 | 2 => {
            let mut dims = own;
            dims.insert(0, random.pick(sizes).clone());
            dims
        }
        3 => {
            let mut dims = own;
            if dims.len() > 1 {
                let at = random.below(dims.len() - 1);
                let merged = dims.remove(at);
                dims[at] = merged * dims[at].clone();
            }
            dims
        }
        4 => {
            let mut dims = own;
            dims.insert(random.below(dims.len() + 1), Dim::ONE);
            dims
        }
        5 => {
            let mut dims = own;
            if let Some(at) = (!dims.is_empty()).then(|| random.below(dims.len())) {
                let choices = [Dim::ONE, Dim::from(2i64), Dim::ZERO, Dim::from(-1i64), dims[at].clone()];
                dims[at] = random.pick(&choices).clone();
            }
            dims
        }
        6 => vec![Dim::from(-1i64)],
        _ => (0..random.below(4)).map(|_| random.pick(sizes).clone()).collect(),
    }
}
