//! The likeliest label sequences of connectionist temporal classification.

use super::ctc::blank;
use crate::graph::opdef::Specs;
use crate::ops::entry::*;
use tracelift_runtime::Array;

/// The likeliest label sequences, as far as a beam finds them.
pub static CTC_BEAM_SEARCH_DECODER: OpDef = OpDef {
    name: "ctc_beam_search_decoder",
    doc: "The likeliest label sequences under `logits` `[time, batch, class]`, over all ways to stretch each with repeats and \
          blanks (class `blank_index`, default -1), found by a search that follows `beam_width` (default 100) prefixes; of \
          equally likely ones those found first. Gives the labels of `top_paths` (default 1) of them `[top_paths, batch, \
          time]` (i64), -1 behind them, how many there are `[top_paths, batch]`, and the logarithms of their probabilities \
          `[batch, top_paths]`. Where there are fewer sequences the last are empty, with the logarithm -∞. A length beyond the \
          times is an error.",
    inputs: Operands::Named(&["logits", "logit_length"]),
    attrs: &[
        optional("beam_width", AttrKind::Int),
        optional("top_paths", AttrKind::Int),
        optional("blank_index", AttrKind::Int),
    ],
    spec: |c| {
        let (logits, lengths) = (&c.inputs[0], &c.inputs[1]);
        if !matches!(logits.dtype, DType::F32 | DType::F64) {
            return Err(infer::wrong(Kind::DType, "logits of dtype f32 or f64", logits));
        }
        if !matches!(lengths.dtype, DType::I32 | DType::I64) {
            return Err(infer::wrong(Kind::DType, "lengths of dtype i32 or i64", lengths));
        }
        if logits.rank() != 3 || lengths.dims[..] != logits.dims[1..2] {
            let wanted = "logits [time, batch, class] and a length for each of the batch";
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{logits} and {lengths}")));
        }
        let [_, paths] = width_and_paths(c.attrs)?;
        blank(c.attrs, -1, &logits.dims[2])?;
        let (times, batch) = (&logits.dims[0], &logits.dims[1]);
        let mut specs = Specs::new();
        specs.extend(infer::one(DType::I64, [paths.into(), batch.clone(), times.clone()].into_iter().collect())?);
        specs.extend(infer::one(DType::I64, [paths.into(), batch.clone()].into_iter().collect())?);
        specs.extend(infer::one(logits.dtype, [batch.clone(), paths.into()].into_iter().collect())?);
        Ok(specs)
    },
    grad: Grad::None("which label sequences are kept, and in which order, depends on the logits"),
    lower: Lower::Library(|c, _| {
        let [width, _] = width_and_paths(c.attrs)?;
        let blank = blank(c.attrs, -1, &c.inputs[0].dims[2])?;
        Ok(LibraryCall { routine: "ctc_beam_search", params: vec![blank, width.into()] })
    }),
    eval: evaluate,
    domain: Domain::Special("tests/ops/ctc.rs"),
    ..BASE
};

fn width_and_paths(attrs: &Attrs) -> Result<[i64; 2]> {
    let (width, paths) = (attrs.int("beam_width").unwrap_or(100), attrs.int("top_paths").unwrap_or(1));
    if width < 1 {
        return Err(infer::wrong(Kind::Value, "`beam_width` of at least 1", width));
    }
    if !(1..=width).contains(&paths) {
        let wanted = format!("`top_paths` between 1 and the `beam_width` {width}");
        return Err(infer::wrong(Kind::Value, wanted, paths).hint("a wider beam has more paths"));
    }
    Ok([width, paths])
}

/// A prefix, and the logarithms of what the paths that read as it are worth: those that end in a blank, and the others.
type Entry = (Vec<usize>, f64, f64);

fn evaluate(c: &EvalCx<'_>) -> Result<Vec<Array>> {
    let (logits, lengths) = (&c.inputs[0], eval::ints(&c.inputs[1]));
    let (times, batch, classes) = (logits.shape()[0], logits.shape()[1], logits.shape()[2]);
    let [width, paths] = width_and_paths(c.attrs)?.map(|n| n as usize);
    let blank = blank(c.attrs, -1, &classes.into())?.as_const().unwrap_or(0) as usize;
    let values = eval::floats(logits);
    let mut labels = vec![-1i128; paths * batch * times];
    let mut counts = vec![0i128; paths * batch];
    let mut scores = vec![f64::NEG_INFINITY; batch * paths];
    for example in 0..batch {
        let heard = match lengths[example] {
            n if (0..=times as i128).contains(&n) => n as usize,
            n => {
                let text = format!("length {n} of example {example} is not between 0 and {times}");
                return Err(Error::new(Kind::Value, text));
            }
        };
        let mut beam: Vec<Entry> = vec![(Vec::new(), 0.0, f64::NEG_INFINITY)];
        for time in 0..heard {
            let row = &values[(time * batch + example) * classes..][..classes];
            let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|v| (v - greatest).exp()).sum();
            let log_p: Vec<f64> = row.iter().map(|v| v - greatest - sum.ln()).collect();
            beam = next(&beam, &log_p, blank, width);
        }
        for (path, (prefix, blank, label)) in beam.iter().take(paths).enumerate() {
            let at = path * batch + example;
            prefix.iter().enumerate().for_each(|(i, &label)| labels[at * times + i] = label as i128);
            counts[at] = prefix.len() as i128;
            scores[example * paths + path] = log_add(*blank, *label);
        }
    }
    Ok(vec![
        eval::from_ints(DType::I64, &eval::shape_of(c, 0)?, &labels)?,
        eval::from_ints(DType::I64, &eval::shape_of(c, 1)?, &counts)?,
        eval::from_floats(c.outputs[2].dtype, &eval::shape_of(c, 2)?, &scores)?,
    ])
}

/// The beam one time later: of the prefixes in it and all that are one label longer, the `width` that are worth most.
fn next(beam: &[Entry], log_p: &[f64], blank: usize, width: usize) -> Vec<Entry> {
    let find = |prefix: &[usize]| beam.iter().find(|(other, ..)| other == prefix);
    let mut candidates: Vec<Vec<usize>> = beam.iter().map(|(prefix, ..)| prefix.clone()).collect();
    for (prefix, ..) in beam {
        let longer = (0..log_p.len()).filter(|&label| label != blank).map(|label| [&prefix[..], &[label]].concat());
        candidates.extend(longer.filter(|prefix| find(prefix).is_none()));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for prefix in candidates {
        let (mut ends_blank, mut ends_label) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        if let Some((_, blank_before, label_before)) = find(&prefix) {
            ends_blank = log_add(*blank_before, *label_before) + log_p[blank];
            ends_label = *label_before;
        }
        if let Some((&last, before)) = prefix.split_last() {
            if let Some((_, blank_before, label_before)) = find(before) {
                let is_repeated = before.last() == Some(&last);
                let grown = if is_repeated { *blank_before } else { log_add(*blank_before, *label_before) };
                ends_label = log_add(ends_label, grown);
            }
            ends_label += log_p[last];
        }
        entries.push((prefix, ends_blank, ends_label));
    }
    let worth = |entry: &Entry| log_add(entry.1, entry.2);
    entries.retain(|entry| worth(entry) != f64::NEG_INFINITY);
    // Equal ones keep their order; what is NaN comes last.
    entries.sort_by(|a, b| {
        let (a, b) = (worth(a), worth(b));
        b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    });
    entries.truncate(width);
    entries
}

/// `log(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}
