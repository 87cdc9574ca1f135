//! Of boxes that overlap, the best. Softer ways, and several classes, are in [`super::detect`].

use crate::graph::opdef::Specs;
use crate::ops::entry::*;
use crate::ops::indexing::bounded::{KNOWN, NO_OPERAND, slot_of};
use crate::ops::indexing::scatter::Place;
use tracelift_runtime::Array;

/// Of boxes that overlap, those with the best scores.
pub static NON_MAX_SUPPRESSION: OpDef = OpDef {
    name: "non_max_suppression_padded",
    doc: "Goes through `boxes` `[n, 4]` (two opposite corners, f32) by falling `scores` `[n]`, and keeps those whose \
          intersection with each box kept before is at most `iou_threshold` (default 0.5) of their union, and whose \
          score is more than `score_threshold` (default -∞): at most `max_output_size`. Gives their indices (i32), \
          zeros behind them, and how many there are. The axes before are a batch.",
    inputs: Operands::Named(&["boxes", "scores"]),
    attrs: &[MOST, OVERLAP, LEAST],
    spec: |c| {
        let [boxes, scores] = c.inputs else { unreachable!("two operands") };
        let fits = boxes.dims.split_last() == Some((&Dim::from(4i64), &scores.dims)) && scores.rank() > 0;
        if !fits {
            let found = format!("{boxes} and {scores}");
            return Err(infer::wrong(Kind::Shape, "boxes [.., n, 4] and scores [.., n]", found));
        }
        kept(c, &scores.dims[..scores.rank() - 1])
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        let (overlap, least) = thresholds(c.attrs);
        Ok(LibraryCall { routine: "non_max_suppression", params: vec![bits(overlap), bits(least)] })
    }),
    eval: |c| {
        let boxes = eval::floats(&c.inputs[0]);
        greedy(c, |group, n, i, j| share(&boxes[4 * group * n..], i, j))
    },
    domain: Domain::Special("tests/ops/image.rs"),
    ..BASE
};

/// The same, of any overlaps.
pub static NON_MAX_SUPPRESSION_OVERLAPS: OpDef = OpDef {
    name: "non_max_suppression_overlaps_padded",
    doc: "As `non_max_suppression_padded` of one batch, for things whose `overlaps` `[n, n]` (f32) are given.",
    inputs: Operands::Named(&["overlaps", "scores"]),
    attrs: &[MOST, OVERLAP, LEAST],
    spec: |c| {
        let [overlaps, scores] = c.inputs else { unreachable!("two operands") };
        if scores.rank() != 1 || overlaps.dims[..] != [scores.dims[0].clone(), scores.dims[0].clone()] {
            let found = format!("{overlaps} and {scores}");
            return Err(infer::wrong(Kind::Shape, "overlaps [n, n] and scores [n]", found));
        }
        kept(c, &[])
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        let (overlap, least) = thresholds(c.attrs);
        Ok(LibraryCall { routine: "non_max_suppression_overlaps", params: vec![bits(overlap), bits(least)] })
    }),
    eval: |c| {
        let overlaps = eval::floats(&c.inputs[0]);
        greedy(c, |_, n, i, j| overlaps[j * n + i])
    },
    domain: Domain::Special("tests/ops/boxes.rs"),
    ..BASE
};

macro_rules! trimmed {
    ($($static:ident $name:literal $doc:literal $of:ident $operand:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let all = b.apply_all(&$of, passed(b.attrs(), &["max_output_size", "iou_threshold", "score_threshold"]), x);
                b.check()?;
                if all[1].rank()? > 0 {
                    return Err(infer::wrong(Kind::Shape, "no batch, whose counts may differ", x[1].spec()?)
                        .hint("`non_max_suppression_padded` takes one"));
                }
                trim(b, &all)
            },
            name: $name,
            doc: $doc,
            inputs: Operands::Named(&[$operand, "scores"]),
            attrs: &[MOST, OVERLAP, LEAST, slot_of("kept", NO_OPERAND), KNOWN],
            grad: DISCRETE,
            domain: Domain::Special("tests/ops/image.rs"),
        }
    )*};
}

trimmed! {
    SUPPRESSED "non_max_suppression" "As `non_max_suppression_padded`, the indices alone, as many as there are."
        NON_MAX_SUPPRESSION "boxes";
    SUPPRESSED_OVERLAPS "non_max_suppression_overlaps"
        "As `non_max_suppression`, for things whose `overlaps` `[n, n]` are given." NON_MAX_SUPPRESSION_OVERLAPS "overlaps";
}

/// All results but the last, of which there are as many as the last says.
pub(super) fn trim<'b>(b: build::Builder<'b>, all: &[Expr<'b>]) -> Result<Vec<Expr<'b>>> {
    let (count, lists) = (all[all.len() - 1], &all[..all.len() - 1]);
    let most = lists[0].dims()?[0].clone();
    let kept = b.counted(0, count.cast(DType::I64), most);
    let places = b.iota(&[kept], 0, DType::I64);
    Ok(lists.iter().map(|list| Place::FIRST.gather(*list, places)).collect())
}

/// These attributes, as they are.
pub(super) fn passed(attrs: &Attrs, names: &[&'static str]) -> Attrs {
    let given = names.iter().filter_map(|&name| Some((name, attrs.get(name)?.clone())));
    given.fold(Attrs::new(), |all, (name, value)| all.with(name, value))
}

pub(super) const MOST: AttrDef = required("max_output_size", AttrKind::Int);
pub(super) const OVERLAP: AttrDef = optional("iou_threshold", AttrKind::Float);
pub(super) const LEAST: AttrDef = optional("score_threshold", AttrKind::Float);

/// The specs of indices and counts for this batch, of f32 operands and attributes that make sense.
pub(super) fn kept(c: &SpecCx<'_>, batch: &[Dim]) -> Result<Specs> {
    if let Some(other) = c.inputs.iter().find(|x| x.dtype != DType::F32) {
        return Err(infer::wrong(Kind::DType, "operands of dtype f32", other));
    }
    let most = c.attrs.int("max_output_size").unwrap_or(0);
    if most < 0 {
        return Err(infer::wrong(Kind::Value, "a max_output_size of at least 0", most));
    }
    let (overlap, _) = thresholds(c.attrs);
    if !(0.0..=1.0).contains(&overlap) {
        return Err(infer::wrong(Kind::Value, "an iou_threshold from 0 to 1", overlap));
    }
    let mut specs = infer::one(DType::I32, batch.iter().cloned().chain([most.into()]).collect())?;
    specs.extend(infer::one(DType::I32, batch.iter().cloned().collect())?);
    Ok(specs)
}

/// `iou_threshold` and `score_threshold`.
pub(super) fn thresholds(attrs: &Attrs) -> (f64, f64) {
    (attrs.float("iou_threshold").unwrap_or(0.5), attrs.float("score_threshold").unwrap_or(f64::NEG_INFINITY))
}

/// A float as a parameter of a library routine.
pub(super) fn bits(value: f64) -> Dim {
    Dim::from(value.to_bits() as i64)
}

/// By the definition; `overlap` of a group of so many, one kept and a candidate.
fn greedy(c: &EvalCx<'_>, overlap: impl Fn(usize, usize, usize, usize) -> f64) -> Result<Vec<Array>> {
    let (limit, least) = thresholds(c.attrs);
    let (scores, shape) = (eval::floats(&c.inputs[1]), eval::shape_of(c, 0)?);
    let (n, most) = (*c.inputs[1].shape().last().unwrap_or(&0), shape[shape.len() - 1]);
    let groups = shape[..shape.len() - 1].iter().product();
    let (mut indices, mut counts) = (Vec::new(), Vec::new());
    for group in 0..groups {
        let scores = &scores[group * n..][..n];
        let mut order: Vec<usize> = (0..n).collect();
        // NaN, which is never kept, may stand anywhere.
        order.sort_by(|&a, &b| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0)));
        let mut kept: Vec<usize> = Vec::new();
        for i in order {
            // An overlap that is NaN hides nothing.
            let is_hidden = || kept.iter().any(|&k| overlap(group, n, k, i) > limit);
            if kept.len() < most && scores[i] > least && !is_hidden() {
                kept.push(i);
            }
        }
        counts.push(kept.len() as i128);
        let padding = std::iter::repeat_n(0, most - kept.len());
        indices.extend(kept.iter().map(|&i| i as i128).chain(padding));
    }
    Ok(vec![
        eval::from_ints(DType::I32, &shape, &indices)?,
        eval::from_ints(DType::I32, &shape[..shape.len() - 1], &counts)?,
    ])
}

/// The intersection of boxes `i` and `j` over their union; 0 if one is empty.
pub(super) fn share(boxes: &[f64], i: usize, j: usize) -> f64 {
    let side = |i: usize, axis: usize| {
        let (p, q) = (boxes[4 * i + axis], boxes[4 * i + axis + 2]);
        (p.min(q), p.max(q))
    };
    let area = |i: usize| (0..2).map(|axis| side(i, axis).1 - side(i, axis).0).product::<f64>();
    let common: f64 = (0..2)
        .map(|axis| (side(i, axis).1.min(side(j, axis).1) - side(i, axis).0.max(side(j, axis).0)).max(0.0))
        .product();
    if area(i) <= 0.0 || area(j) <= 0.0 { 0.0 } else { common / (area(i) + area(j) - common) }
}
