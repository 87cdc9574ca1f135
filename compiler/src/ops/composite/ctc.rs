//! Connectionist temporal classification: its loss, and the labels of the best path.

use crate::base::spec::Dims;
use crate::ops::entry::*;
use crate::ops::indexing::bounded::{KNOWN, NO_OPERAND, slot_of};
use crate::ops::indexing::search::{User, checked};
use tracelift_runtime::Array;

const OPERANDS: Operands = Operands::Named(&["labels", "logits", "label_length", "logit_length"]);
const ATTRS: &[AttrDef] = &[optional("blank_index", AttrKind::Int)];

/// Minus the logarithm of the probability of labels.
pub static CTC_LOSS: OpDef = OpDef {
    name: "ctc_loss",
    doc: "How unlikely `labels` `[batch, label]` (integers) are under `logits` `[time, batch, class]`: minus the \
          logarithm of the probability of all ways to stretch them over time with repeats and blanks (Graves et al., \
          2006), of class `blank_index` (default 0; negative ones count from the end). `label_length` and \
          `logit_length` `[batch]` say how much of each example counts. A label in its length that is no class, or \
          blank, and a length beyond its axis are errors. Where labels cannot fit the loss is ∞ and the gradient 0.",
    inputs: OPERANDS,
    attrs: ATTRS,
    spec: |c| {
        let logits = check(c)?;
        infer::one(logits.dtype, std::iter::once(logits.dims[1].clone()).collect())
    },
    grad: rule!(v => {
        let slopes = v.b.apply(&CTC_LOSS_GRADIENT, v.b.attrs().clone(), &v.x);
        Ok(vec![None, Some(v.g().unsqueeze(1)? * slopes), None, None])
    }),
    lower: Lower::Library(|c, _| call(c, "ctc_loss")),
    eval: |c| evaluate(c, Wanted::Loss),
    domain: Domain::Special("tests/ops/ctc.rs"),
    ..BASE
};

/// The gradient of the loss.
pub static CTC_LOSS_GRADIENT: OpDef = OpDef {
    name: "ctc_loss_gradient",
    doc: "The gradient of each example's `ctc_loss` by the logits.",
    inputs: OPERANDS,
    attrs: ATTRS,
    spec: |c| Ok(std::iter::once(check(c)?.clone()).collect()),
    grad: rule!(v => {
        let operands = [&v.x[..], &[v.g()]].concat();
        Ok(vec![None, Some(v.b.apply(&CTC_LOSS_CURVATURE, v.b.attrs().clone(), &operands)), None, None])
    }),
    lower: Lower::Library(|c, _| call(c, "ctc_loss_gradient")),
    eval: |c| evaluate(c, Wanted::Gradient),
    domain: Domain::Special("tests/ops/ctc.rs"),
    ..BASE
};

/// The Hessian of the loss, times a tangent.
pub static CTC_LOSS_CURVATURE: OpDef = OpDef {
    name: "ctc_loss_curvature",
    doc: "The slope of `ctc_loss_gradient` where the logits move by `tangent` `[time, batch, class]`: each example's \
          Hessian, which is symmetric, times the tangent.",
    inputs: Operands::Named(&["labels", "logits", "label_length", "logit_length", "tangent"]),
    attrs: ATTRS,
    spec: |c| {
        let logits = check(c)?;
        if c.inputs[4] != *logits {
            return Err(infer::wrong(Kind::Shape, format_args!("a tangent {logits}"), &c.inputs[4]));
        }
        Ok(std::iter::once(logits.clone()).collect())
    },
    grad: rule!(v => {
        if v.wanted[1] {
            let text = "there is no third derivative of `ctc_loss` by the logits";
            return Err(Error::new(Kind::Gradient, text).hint("`stop_gradient` of the logits leaves them out"));
        }
        // Linear in the tangent, by a matrix that is its own transpose.
        let operands = [&v.x[..4], &[v.g()]].concat();
        let moved = v.b.apply(&CTC_LOSS_CURVATURE, v.b.attrs().clone(), &operands);
        Ok(vec![None, None, None, None, Some(moved)])
    }),
    lower: Lower::Library(|c, _| call(c, "ctc_loss_curvature")),
    eval: |c| evaluate(c, Wanted::Curvature),
    domain: Domain::Special("tests/ops/ctc.rs"),
    ..BASE
};

composite! {
    /// The best path, read as labels.
    CTC_GREEDY_DECODER, (b, x) => {
        let (logits, lengths) = (x[0].spec()?, x[1].spec()?);
        Class::Float.check(&logits)?;
        Class::Int.check(&lengths)?;
        if logits.rank() != 3 || lengths.dims[..] != logits.dims[1..2] {
            let wanted = "logits [time, batch, class] and a length for each of the batch";
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{logits} and {lengths}")));
        }
        let [times, batch, classes] = [0, 1, 2].map(|axis| logits.dims[axis].clone());
        let blank = blank(b.attrs(), -1, &classes)?;
        let by_class = Attrs::new().with("axis", 2i64);
        let best = b.apply(&crate::ops::ARGMAX, by_class, &[x[0]]).transpose(&[1, 0]);
        let time = b.iota(&[Dim::ONE, times.clone()], 1, DType::I64);
        let limit = times.clone() + Dim::ONE;
        let heard = checked(b, User::CtcGreedyDecoder, x[1].cast(DType::I64), &[limit]);
        let is_heard = time.lt(heard.unsqueeze(1)?);
        let mut is_label = is_heard.and(best.ne(b.size(&blank, DType::I64)));
        let merges = !matches!(b.attrs().get("merge_repeated"), Some(crate::graph::AttrValue::Bool(false)));
        if merges {
            let zeros = [Dim::ZERO, Dim::ZERO];
            let shifted = best.pad_zeros(&[Dim::ZERO, Dim::ONE], &zeros).narrow(1, &Dim::ZERO, &times)?;
            is_label = is_label.and(best.ne(shifted).or(time.eq(0.0)));
        }
        // Labels go to their places in order, everything else behind them all.
        let count = b.apply(&crate::ops::CUMSUM, Attrs::new().with("axis", 1i64), &[is_label.cast(DType::I64)]);
        let place = b.select(is_label, count - 1.0, b.size(&times, DType::I64));
        let dims = [batch.clone(), times.clone() + Dim::ONE];
        let attrs = Attrs::new().with("dims", &dims[..]).with("axis", 1i64).with("batch_dims", 1i64);
        let marked = b.apply(&crate::ops::SCATTER_ADD, attrs, &[best + 1.0, place]);
        let labels = marked.narrow(1, &Dim::ZERO, &times)? - 1.0;
        let greatest = x[0].reduce_max(&[2]).transpose(&[1, 0]);
        let score = -is_heard.choose(greatest, 0.0).sum_keep(&[1]);
        Ok(vec![labels, is_label.cast(DType::I64).sum(&[1]), score])
    },
    name: "ctc_greedy_decoder",
    doc: "The greatest of `logits` `[time, batch, class]` at each time, read as labels: repeats merged (unless \
          `merge_repeated` is false), then blanks (class `blank_index`, default -1) left out. Gives the labels \
          `[batch, time]` (i64), -1 behind them, how many there are, and minus the sum of the greatest logits `[batch, \
          1]`. A length beyond the times is an error.",
    inputs: Operands::Named(&["logits", "logit_length"]),
    attrs: &[optional("blank_index", AttrKind::Int), optional("merge_repeated", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/ctc.rs"),
}

composite! {
    /// Labels without repeats.
    COLLAPSE_REPEATED, (b, x) => {
        let (labels, lengths) = (x[0].spec()?, x[1].spec()?);
        Class::Int.check(&labels)?;
        Class::Int.check(&lengths)?;
        if labels.rank() != 2 || lengths.dims[..] != labels.dims[..1] {
            let found = format!("{labels} and {lengths}");
            return Err(infer::wrong(Kind::Shape, "labels [batch, time] and a length for each of the batch", found));
        }
        let [batch, times] = [0, 1].map(|axis| labels.dims[axis].clone());
        let before = x[0].pad_zeros(&[Dim::ZERO, Dim::ONE], &[Dim::ZERO; 2]).narrow(1, &Dim::ZERO, &times)?;
        let time = b.iota(&[Dim::ONE, times.clone()], 1, DType::I64);
        let is_new = x[0].ne(before).or(time.eq(0.0)).and(time.lt(x[1].cast(DType::I64).unsqueeze(1)?));
        let count = b.apply(&crate::ops::CUMSUM, Attrs::new().with("axis", 1i64), &[is_new.cast(DType::I64)]);
        let place = is_new.choose(count - 1.0, b.size(&times, DType::I64));
        let dims = [batch, times.clone() + Dim::ONE];
        let attrs = Attrs::new().with("dims", &dims[..]).with("axis", 1i64).with("batch_dims", 1i64);
        let kept = b.apply(&crate::ops::SCATTER_ADD, attrs, &[is_new.choose(x[0], 0.0), place]);
        let counts = is_new.cast(DType::I64).sum(&[1]);
        let longest = b.counted(0, counts.reduce_max(&[0]).max(0.0), times);
        Ok(vec![kept.narrow(1, &Dim::ZERO, &longest)?, counts.cast(lengths.dtype)])
    },
    name: "collapse_repeated",
    doc: "`labels` `[batch, time]` within their `seq_length` with repeats merged, zeros behind them up to the longest, and how \
          many there are.",
    inputs: Operands::Named(&["labels", "seq_length"]),
    attrs: &[slot_of("longest", NO_OPERAND), KNOWN],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/bounded.rs"),
}

/// Checks the operands and gives the logits.
fn check<'a>(c: &SpecCx<'a>) -> Result<&'a TensorSpec> {
    let [labels, logits, label_length, logit_length, ..] = c.inputs else { unreachable!("four operands at least") };
    if !matches!(logits.dtype, DType::F32 | DType::F64) {
        return Err(infer::wrong(Kind::DType, "logits of dtype f32 or f64", logits));
    }
    for integers in [labels, label_length, logit_length] {
        if !matches!(integers.dtype, DType::I32 | DType::I64) {
            return Err(infer::wrong(Kind::DType, "labels and lengths of dtype i32 or i64", integers));
        }
    }
    if logits.rank() != 3 || labels.rank() != 2 {
        let found = format!("{logits} and {labels}");
        return Err(infer::wrong(Kind::Shape, "logits [time, batch, class] and labels [batch, label]", found));
    }
    let batch: Dims = std::iter::once(logits.dims[1].clone()).collect();
    if labels.dims[0] != batch[0] || label_length.dims != batch || logit_length.dims != batch {
        let found = format!("labels {labels}, lengths {label_length} and {logit_length}");
        return Err(infer::wrong(
            Kind::Shape,
            format_args!("a label row and two lengths for each of {}", batch[0]),
            found,
        ));
    }
    blank(c.attrs, 0, &logits.dims[2])?;
    Ok(logits)
}

/// The class of the blank, by default `default`: less than `classes`, if that is known.
pub(super) fn blank(attrs: &Attrs, default: i64, classes: &Dim) -> Result<Dim> {
    let index = attrs.int("blank_index").unwrap_or(default);
    let place = if index < 0 { classes.clone() + Dim::from(index) } else { index.into() };
    match (place.as_const(), classes.as_const()) {
        (Some(at), Some(classes)) if !(0..classes).contains(&at) => {
            Err(infer::wrong(Kind::Value, format_args!("a blank_index that is one of {classes} classes"), index))
        }
        _ => Ok(place),
    }
}

fn call(c: &SpecCx<'_>, routine: &'static str) -> Result<LibraryCall> {
    Ok(LibraryCall { routine, params: vec![blank(c.attrs, 0, &c.inputs[1].dims[2])?] })
}

/// What is evaluated.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Loss,
    Gradient,
    Curvature,
}

/// By the definition: probabilities of all prefixes, and of all suffixes, one label or blank at a time.
///
/// With a tangent, also the sums over prefixes and suffixes of their probability times their own tangent, which is the sum
/// of the tangent's elements on the path: the Hessian of the loss is that of `log_softmax` less the covariance, over the
/// paths that read as the labels, of being at a class at a time.
fn evaluate(c: &EvalCx<'_>, wanted: Wanted) -> Result<Vec<Array>> {
    let [labels, logits, label_length, logit_length, tangent @ ..] = c.inputs else {
        unreachable!("four operands at least")
    };
    let (times, batch, classes) = (logits.shape()[0], logits.shape()[1], logits.shape()[2]);
    let blank = blank(c.attrs, 0, &classes.into())?.as_const().unwrap_or(0) as usize;
    let (rows, values) = (eval::ints(labels), eval::floats(logits));
    let tangents = tangent.first().map_or(vec![0.0; values.len()], eval::floats);
    let mut losses = Vec::new();
    let mut slopes = vec![0.0; values.len()];
    for example in 0..batch {
        let length = |lengths: &Array, what: &str, most: usize| match eval::ints(lengths)[example] {
            n if (0..=most as i128).contains(&n) => Ok(n as usize),
            n => {
                let text = format!("{what} length {n} of example {example} is not between 0 and {most}");
                Err(Error::new(Kind::Value, text))
            }
        };
        let count = length(label_length, "label", labels.shape()[1])?;
        let heard = length(logit_length, "logit", times)?;
        let mut states = vec![blank];
        for &label in &rows[example * labels.shape()[1]..][..count] {
            if !(0..classes as i128).contains(&label) || label == blank as i128 {
                let what =
                    if label == blank as i128 { "the blank".to_owned() } else { format!("none of {classes} classes") };
                return Err(Error::new(Kind::Value, format!("label {label} of example {example} is {what}")));
            }
            states.extend([label as usize, blank]);
        }
        let at = |time: usize, class: usize| (time * batch + example) * classes + class;
        let p = |time: usize, class: usize| {
            let row = &values[at(time, 0)..][..classes];
            let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (row[class] - greatest).exp() / row.iter().map(|v| (v - greatest).exp()).sum::<f64>()
        };
        // Whether the path may go from one state to another in one step of time.
        let follows = |from: usize, to: usize| {
            to == from || to == from + 1 || to == from + 2 && states[to] != blank && states[to] != states[from]
        };
        let n = states.len();
        let zeros = || vec![vec![0.0; n]; heard];
        let ([mut before, mut before_t], [mut after, mut after_t]) = ([zeros(), zeros()], [zeros(), zeros()]);
        for time in 0..heard {
            for to in 0..n {
                let sum = |ways: &[Vec<f64>]| -> f64 {
                    (0..n).filter(|&from| follows(from, to)).map(|from| ways[time - 1][from]).sum()
                };
                let (ways, ways_t) = match time {
                    0 => (f64::from(u8::from(to < 2)), 0.0),
                    _ => (sum(&before), sum(&before_t)),
                };
                let (p, tangent) = (p(time, states[to]), tangents[at(time, states[to])]);
                before[time][to] = ways * p;
                before_t[time][to] = (ways_t + ways * tangent) * p;
            }
        }
        for time in (0..heard).rev() {
            for from in 0..n {
                if time + 1 == heard {
                    after[time][from] = f64::from(u8::from(from + 2 >= n));
                    continue;
                }
                for to in (0..n).filter(|&to| follows(from, to)) {
                    let (p, tangent) = (p(time + 1, states[to]), tangents[at(time + 1, states[to])]);
                    after[time][from] += after[time + 1][to] * p;
                    after_t[time][from] += (after_t[time + 1][to] + after[time + 1][to] * tangent) * p;
                }
            }
        }
        let ends = |ways: &[Vec<f64>], of_none: f64| match heard {
            0 => of_none,
            _ => ways[heard - 1][n.saturating_sub(2)..].iter().sum(),
        };
        let total = ends(&before, f64::from(u8::from(count == 0)));
        let mean_t = ends(&before_t, 0.0) / total;
        losses.push(-total.ln());
        for time in 0..if total > 0.0 { heard } else { 0 } {
            let mean_row: f64 = (0..classes).map(|class| p(time, class) * tangents[at(time, class)]).sum();
            for class in 0..classes {
                let of_class = (0..n).filter(|&s| states[s] == class);
                let through: f64 = of_class.clone().map(|s| before[time][s] * after[time][s]).sum();
                let through_t: f64 =
                    of_class.map(|s| before_t[time][s] * after[time][s] + before[time][s] * after_t[time][s]).sum();
                slopes[at(time, class)] = match wanted {
                    Wanted::Curvature => {
                        let covariance = (through_t - through * mean_t) / total;
                        p(time, class) * (tangents[at(time, class)] - mean_row) - covariance
                    }
                    _ => p(time, class) - through / total,
                };
            }
        }
    }
    let shape = eval::shape_of(c, 0)?;
    let result = if wanted == Wanted::Loss { &losses } else { &slopes };
    Ok(vec![eval::from_floats(c.outputs[0].dtype, &shape, result)?])
}
