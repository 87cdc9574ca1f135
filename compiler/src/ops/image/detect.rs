//! Non-maximum suppression for detectors: scores that sink instead of boxes that vanish, and several classes at once.

use super::suppress::{LEAST, MOST, NON_MAX_SUPPRESSION, OVERLAP, bits, kept, passed, share, thresholds, trim};
use crate::ops::entry::*;
use crate::ops::indexing::bounded::{KNOWN, NO_OPERAND, slot_of};
use crate::ops::indexing::scatter::Place;

const SIGMA: AttrDef = optional("soft_nms_sigma", AttrKind::Float);

/// Boxes whose scores sink where they overlap better ones.
pub static SOFT_NON_MAX_SUPPRESSION: OpDef = OpDef {
    name: "soft_non_max_suppression_padded",
    doc: "As `non_max_suppression_padded` of one batch, but a box that overlaps a kept one by `u` stays, with its score \
          times `e^(-u² / (2 soft_nms_sigma))` (Bodla et al., \"Soft-NMS\", 2017); with `soft_nms_sigma` 0 (the default) \
          it goes, as there. Gives indices, the scores that boxes had when they were kept, and how many there are.",
    inputs: Operands::Named(&["boxes", "scores"]),
    attrs: &[MOST, OVERLAP, LEAST, SIGMA],
    spec: |c| {
        let [boxes, scores] = c.inputs else { unreachable!("two operands") };
        if scores.rank() != 1 || boxes.dims[..] != [scores.dims[0].clone(), Dim::from(4i64)] {
            return Err(infer::wrong(Kind::Shape, "boxes [n, 4] and scores [n]", format_args!("{boxes} and {scores}")));
        }
        if sigma(c.attrs).is_nan() || sigma(c.attrs) < 0.0 {
            return Err(infer::wrong(Kind::Value, "a soft_nms_sigma of at least 0", sigma(c.attrs)));
        }
        let mut specs = kept(c, &[])?;
        specs.insert(1, specs[0].with_dtype(DType::F32));
        Ok(specs)
    },
    grad: Grad::None("which boxes are kept, and in which order, depends on their scores"),
    lower: Lower::Library(|c, _| {
        let (overlap, least) = thresholds(c.attrs);
        let params = vec![bits(overlap), bits(least), bits(sigma(c.attrs))];
        Ok(LibraryCall { routine: "soft_non_max_suppression", params })
    }),
    eval: |c| {
        let ((limit, least), sigma) = (thresholds(c.attrs), sigma(c.attrs));
        let (boxes, mut scores) = (eval::floats(&c.inputs[0]), eval::floats(&c.inputs[1]));
        let most = eval::shape_of(c, 0)?[0];
        let mut chosen: Vec<(usize, f64)> = Vec::new();
        while chosen.len() < most {
            let left = (0..scores.len()).filter(|&i| scores[i] > least);
            let Some(best) = left.reduce(|best, i| if scores[i] > scores[best] { i } else { best }) else { break };
            chosen.push((best, scores[best]));
            scores[best] = f64::NAN;
            // One that is out stays out: a score below 0 rises.
            for (i, score) in scores.iter_mut().enumerate().filter(|(_, score)| **score > least) {
                let overlap = share(&boxes, best, i);
                *score *= match sigma > 0.0 {
                    true => (-0.5 * overlap * overlap / sigma).exp(),
                    false if overlap > limit => f64::NAN,
                    false => 1.0,
                };
            }
        }
        let count = chosen.len();
        chosen.resize(most, (0, 0.0));
        let indices: Vec<i128> = chosen.iter().map(|c| c.0 as i128).collect();
        Ok(vec![
            eval::from_ints(DType::I32, &[most], &indices)?,
            eval::from_floats(DType::F32, &[most], &chosen.iter().map(|c| c.1).collect::<Vec<_>>())?,
            eval::from_ints(DType::I32, &[], &[count as i128])?,
        ])
    },
    domain: Domain::Special("tests/ops/boxes.rs"),
    ..BASE
};

composite! {
    /// The same, as many as there are.
    SUPPRESSED_WITH_SCORES, (b, x) => {
        let names = ["max_output_size", "iou_threshold", "score_threshold", "soft_nms_sigma"];
        let all = b.apply_all(&SOFT_NON_MAX_SUPPRESSION, passed(b.attrs(), &names), x);
        b.check()?;
        trim(b, &all)
    },
    name: "non_max_suppression_with_scores",
    doc: "As `soft_non_max_suppression_padded`, the indices and scores alone, as many as there are.",
    inputs: Operands::Named(&["boxes", "scores"]),
    attrs: &[MOST, OVERLAP, LEAST, SIGMA, slot_of("kept", NO_OPERAND), KNOWN],
    domain: Domain::Special("tests/ops/boxes.rs"),
}

fn sigma(attrs: &Attrs) -> f64 {
    attrs.float("soft_nms_sigma").unwrap_or(0.0)
}

composite! {
    /// The best boxes of all classes.
    COMBINED_NON_MAX_SUPPRESSION, (b, x) => {
        let (boxes, scores) = (x[0].spec()?, x[1].spec()?);
        let fits = boxes.rank() == 4
            && scores.rank() == 3
            && boxes.dims[..2] == scores.dims[..2]
            && (boxes.dims[2] == Dim::ONE || boxes.dims[2] == scores.dims[2])
            && boxes.dims[3] == Dim::from(4i64);
        if !fits {
            let wanted = "boxes [batch, n, 1 or classes, 4] and scores [batch, n, classes]";
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{boxes} and {scores}")));
        }
        let [batch, n, classes] = [0, 1, 2].map(|axis| scores.dims[axis].clone());
        let [each, total] = ["max_output_size_per_class", "max_total_size"].map(|name| b.attrs().int(name).unwrap_or(0));
        if each < 1 || total < 1 {
            let found = format!("{each} and {total}");
            let wanted = "a max_output_size_per_class and a max_total_size of at least 1";
            return Err(infer::wrong(Kind::Value, wanted, found));
        }
        // No class has more than all boxes; one place there is always.
        let each = n.as_const().map_or(each, |n| each.min(n)).max(1);
        let by_class = x[1].transpose(&[0, 2, 1]);
        let all = [batch.clone(), classes.clone(), n.clone(), Dim::from(4i64)];
        let their_boxes = x[0].transpose(&[0, 2, 1, 3]).broadcast_to(&all);
        let attrs = passed(b.attrs(), &["iou_threshold", "score_threshold"]).with("max_output_size", each);
        let best = b.apply_all(&NON_MAX_SUPPRESSION, attrs, &[their_boxes, by_class]);
        b.check()?;
        let (place, is_kept) = (best[0].cast(DType::I64), b.iota(&[each.into()], 0, DType::I32).lt(best[1].unsqueeze(2)?));
        let padded_scores = by_class.pad_zeros(&[Dim::ZERO; 3], &[Dim::ZERO, Dim::ZERO, Dim::ONE]);
        let kept_scores = Place { axis: 2, batch_dims: 2 }.gather(padded_scores, place);
        let never = f64::NEG_INFINITY;
        let kept_scores = is_kept.choose(kept_scores, never);
        // Behind them as many that count for none, so that there are enough to choose from.
        let candidates = classes.clone() * Dim::from(each);
        let none = b.scalar(never, DType::F32).broadcast_to(&[batch.clone(), total.into()]);
        let flat = b.concat(&[kept_scores.reshape(&[batch.clone(), candidates.clone()]), none], 1);
        let top = b.apply_all(&crate::ops::TOP_K, Attrs::new().with("k", total), &[flat]);
        b.check()?;
        let (chosen, at) = (top[0], top[1].cast(DType::I64));
        let is_valid = chosen.gt(never);
        let at = is_valid.choose(at, 0.0);
        let owner = at.floordiv(each as f64);
        let padded_places = place.reshape(&[batch.clone(), candidates]).pad_zeros(&[Dim::ZERO; 2], &[Dim::ZERO, Dim::ONE]);
        let box_place = Place { axis: 1, batch_dims: 1 }.gather(padded_places, at) + owner * b.size(&n, DType::I64);
        let rows = their_boxes.reshape(&[batch.clone(), classes.clone() * n, Dim::from(4i64)]);
        let zero_row = [Dim::ZERO, Dim::ONE, Dim::ZERO];
        let rows = rows.pad_zeros(&[Dim::ZERO, Dim::ZERO, Dim::ZERO], &zero_row);
        let found = Place { axis: 1, batch_dims: 1 }.gather(rows, box_place);
        let is_clipped = b.attrs().get("clip_boxes").is_none() || b.attrs().bool("clip_boxes");
        let found = if is_clipped { found.max(0.0).min(1.0) } else { found };
        let mut results = [
            is_valid.unsqueeze(2)?.choose(found, 0.0),
            is_valid.choose(chosen, 0.0),
            is_valid.choose(owner.cast(DType::F32), 0.0),
        ];
        if b.attrs().bool("pad_per_class") {
            let Some(classes) = classes.as_const() else {
                return Err(infer::wrong(Kind::Shape, "classes known before the call for `pad_per_class`", scores));
            };
            let per_class = b.attrs().int("max_output_size_per_class").unwrap_or(0);
            let size = Dim::from(total.min(per_class.saturating_mul(classes)));
            for result in &mut results {
                *result = result.narrow(1, &Dim::ZERO, &size)?;
            }
        }
        let count = is_valid.cast(DType::I32).sum(&[1]);
        Ok(results.into_iter().chain([count]).collect())
    },
    name: "combined_non_max_suppression",
    doc: "`non_max_suppression` of each class by itself, at most `max_output_size_per_class` boxes of each; and of all \
          classes' boxes the `max_total_size` with the best scores. `boxes` are `[batch, n, 1 or classes, 4]`, f32, `scores` \
          `[batch, n, classes]`. Gives boxes (within 0 and 1 unless `clip_boxes` is false), scores and classes (f32), the \
          best first, zeros behind them, and how many there are for each of the batch (i32). With `pad_per_class` there \
          is room for `max_output_size_per_class` times the classes alone, if that is less.",
    inputs: Operands::Named(&["boxes", "scores"]),
    attrs: &[
        required("max_output_size_per_class", AttrKind::Int),
        required("max_total_size", AttrKind::Int),
        OVERLAP,
        LEAST,
        optional("pad_per_class", AttrKind::Bool),
        optional("clip_boxes", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/boxes.rs"),
}
