//! Of boxes that overlap, the best.

use crate::ops::entry::*;
use crate::ops::indexing::bounded::{KNOWN, NO_OPERAND, slot_of};
use crate::ops::indexing::scatter::Place;

/// Of boxes that overlap, those with the best scores.
pub static NON_MAX_SUPPRESSION: OpDef = OpDef {
    name: "non_max_suppression_padded",
    doc: "Goes through `boxes` `[n, 4]` (two opposite corners, f32) by falling `scores` `[n]`, and keeps those whose \
          intersection with each box kept before is at most `iou_threshold` (default 0.5) of their union, and whose \
          score is more than `score_threshold` (default -∞): at most `max_output_size`. Gives their indices (i32), \
          zeros behind them, and how many there are.",
    inputs: Operands::Named(&["boxes", "scores"]),
    attrs: &[
        required("max_output_size", AttrKind::Int),
        optional("iou_threshold", AttrKind::Float),
        optional("score_threshold", AttrKind::Float),
    ],
    spec: |c| {
        let [boxes, scores] = c.inputs else { unreachable!("two operands") };
        for operand in c.inputs {
            if operand.dtype != DType::F32 {
                return Err(infer::wrong(Kind::DType, "boxes and scores of dtype f32", operand));
            }
        }
        if boxes.rank() != 2 || boxes.dims[1] != Dim::from(4i64) || scores.dims[..] != boxes.dims[..1] {
            return Err(infer::wrong(Kind::Shape, "boxes [n, 4] and scores [n]", format_args!("{boxes} and {scores}")));
        }
        let most = c.attrs.int("max_output_size").unwrap_or(0);
        if most < 0 {
            return Err(infer::wrong(Kind::Value, "a max_output_size of at least 0", most));
        }
        let overlap = c.attrs.float("iou_threshold").unwrap_or(0.5);
        if !(0.0..=1.0).contains(&overlap) {
            return Err(infer::wrong(Kind::Value, "an iou_threshold from 0 to 1", overlap));
        }
        let mut specs = infer::one(DType::I32, std::iter::once(Dim::from(most)).collect())?;
        specs.extend(infer::one(DType::I32, Default::default())?);
        Ok(specs)
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        let (overlap, least) = thresholds(c.attrs);
        let bits = |value: f64| Dim::from(value.to_bits() as i64);
        Ok(LibraryCall { routine: "non_max_suppression", params: vec![bits(overlap), bits(least)] })
    }),
    eval: |c| {
        let (overlap, least) = thresholds(c.attrs);
        let (boxes, scores) = (eval::floats(&c.inputs[0]), eval::floats(&c.inputs[1]));
        let most = eval::shape_of(c, 0)?[0];
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).unwrap_or(std::cmp::Ordering::Equal));
        let side = |i: usize, axis: usize| {
            let (p, q) = (boxes[4 * i + axis], boxes[4 * i + axis + 2]);
            (p.min(q), p.max(q))
        };
        let area = |i: usize| (0..2).map(|axis| side(i, axis).1 - side(i, axis).0).product::<f64>();
        let share = |i: usize, j: usize| {
            let common: f64 = (0..2)
                .map(|axis| (side(i, axis).1.min(side(j, axis).1) - side(i, axis).0.max(side(j, axis).0)).max(0.0))
                .product();
            if area(i) <= 0.0 || area(j) <= 0.0 { 0.0 } else { common / (area(i) + area(j) - common) }
        };
        let mut kept: Vec<usize> = Vec::new();
        for i in order {
            if kept.len() < most && scores[i] > least && kept.iter().all(|&k| share(k, i) <= overlap) {
                kept.push(i);
            }
        }
        let mut indices: Vec<i128> = kept.iter().map(|&i| i as i128).collect();
        indices.resize(most, 0);
        Ok(vec![
            eval::from_ints(DType::I32, &[most], &indices)?,
            eval::from_ints(DType::I32, &[], &[kept.len() as i128])?,
        ])
    },
    domain: Domain::Special("tests/ops/image.rs"),
    ..BASE
};

composite! {
    /// The best of boxes that overlap, and no more.
    SUPPRESSED, (b, x) => {
        let mut attrs = Attrs::new();
        for name in ["max_output_size", "iou_threshold", "score_threshold"] {
            if let Some(value) = b.attrs().get(name) {
                attrs.set(name, value.clone());
            }
        }
        let both = b.apply_all(&NON_MAX_SUPPRESSION, attrs, x);
        b.check()?;
        let most = both[0].dims()?[0].clone();
        let kept = b.counted(0, both[1].cast(DType::I64), most);
        Ok(vec![Place::FIRST.gather(both[0], b.iota(&[kept], 0, DType::I64))])
    },
    name: "non_max_suppression",
    doc: "As `non_max_suppression_padded`, the indices alone, as many as there are.",
    inputs: Operands::Named(&["boxes", "scores"]),
    attrs: &[
        required("max_output_size", AttrKind::Int),
        optional("iou_threshold", AttrKind::Float),
        optional("score_threshold", AttrKind::Float),
        slot_of("kept", NO_OPERAND),
        KNOWN,
    ],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/image.rs"),
}

/// `iou_threshold` and `score_threshold`.
fn thresholds(attrs: &Attrs) -> (f64, f64) {
    (attrs.float("iou_threshold").unwrap_or(0.5), attrs.float("score_threshold").unwrap_or(f64::NEG_INFINITY))
}
