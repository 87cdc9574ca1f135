//! The calls that the manifest shapes differently from the op table, each rewritten in a few lines.
//!
//! An adapter translates a calling convention: an attribute's form, the order of operands, a reduction of the result.
//! It never computes what a missing op would.

use crate::corpus::number;
use crate::plan::{Draft, find, ints, is_nested};
use serde_json::{Value, json};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{Dim, ops};

/// Rewrites a draft, or says which attribute cannot be.
type Adapter = fn(&mut Draft<'_>) -> Result<(), String>;

/// Adapters by the corpus' name.
const ADAPTERS: &[(&str, Adapter)] = &[
    ("sort", direction),
    ("argsort", direction),
    ("math.bincount", weighted),
    ("tensordot", tensordot_axes),
    ("repeat", repeat_flat),
    ("nn.batch_norm", of_batch),
    ("nn.conv1d", bias),
    ("nn.conv2d", bias),
    ("nn.conv3d", bias),
    ("nn.conv1d_transpose", bias),
    ("nn.conv2d_transpose", bias),
    ("nn.conv3d_transpose", bias),
    ("nn.dense", bias),
    ("image.resize", coordinates),
    ("concat", into_shape),
    ("eye", rows_and_columns),
    ("linspace", possibly_empty),
    ("searchsorted", side),
    ("pad", padding),
    ("strided_slice", index),
    ("math.polygamma", order_first),
];

/// Those that undo the conventions of the op corpus, which are not TensorFlow's: calls in its names need none.
const CORPUS_ADAPTERS: &[(&str, Adapter)] = &[
    ("argmax", arg_extremum),
    ("argmin", arg_extremum),
    ("tile", tile_rank),
    ("linalg.matmul", vectors),
    ("nn.gelu", approximation),
    ("nn.layer_norm", scale_and_offset),
    ("nn.rms_norm", scale_and_offset),
    ("nn.local_response_norm", channels_second),
    ("nn.ctc_loss", logits_first),
    ("nn.scaled_dot_product_attention", mask),
    ("boolean_mask", known_size),
    ("loss.absolute_error", loss_of_elements),
    ("loss.squared_error", loss_of_elements),
    ("loss.huber", loss_of_elements),
    ("loss.binary_crossentropy", loss_of_elements),
    ("nn.sigmoid_cross_entropy_with_logits", cross_entropy),
    ("nn.weighted_sigmoid_cross_entropy_with_logits", cross_entropy),
    ("loss.smooth_l1", cross_entropy),
    ("loss.poisson_nll", cross_entropy),
    ("loss.kl_divergence_pointwise", cross_entropy),
    ("loss.soft_margin", cross_entropy),
    ("nn.softmax_cross_entropy_with_logits", cross_entropy),
    ("nn.sparse_softmax_cross_entropy_with_logits", cross_entropy),
];

/// Applies the op's adapter, if there is one.
pub fn adapt(draft: &mut Draft<'_>) -> Result<(), String> {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
    let op = &draft.case.op;
    // A call has no results to compare with.
    let of_corpus = if draft.case.outputs.is_empty() { &[] } else { CORPUS_ADAPTERS };
    let all = || ADAPTERS.iter().chain(of_corpus);
    let exact = all().find(|(name, _)| name == op);
    // TensorFlow has many functions in two modules: `tf.argmax` is `tf.math.argmax`.
    match exact.or_else(|| all().find(|(name, _)| last(name) == last(op))) {
        Some((_, adapter)) => adapter(draft),
        None => Ok(()),
    }
}

/// No axis: over all elements. `keepdims`: the axis stays, with length 1.
fn arg_extremum(draft: &mut Draft<'_>) -> Result<(), String> {
    let keepdims = draft.take("keepdims") == Some(json!(true));
    let rank = draft.shape(0).len();
    let axis = draft.attrs.get("axis").and_then(Value::as_i64);
    if axis.is_none() {
        draft.before(0, &ops::RESHAPE, dims(&[-1]));
        draft.attrs.insert("axis".to_owned(), json!(0));
    }
    match axis {
        _ if !keepdims => {}
        Some(axis) => draft.after.push((&ops::EXPAND_DIMS, Attrs::new().with("axis", axis))),
        None => draft.after.push((&ops::RESHAPE, dims(&vec![1; rank]))),
    }
    Ok(())
}

fn direction(draft: &mut Draft<'_>) -> Result<(), String> {
    either(draft, "direction", "descending", ["ASCENDING", "DESCENDING"])
}

/// With weights it is an op of its own.
fn weighted(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.operands.len() == 2 {
        draft.op = "weighted_bincount".to_owned();
    }
    Ok(())
}

/// Vectors: a row on the left, a column on the right, and the axis goes again.
fn vectors(draft: &mut Draft<'_>) -> Result<(), String> {
    let ranks = [draft.shape(0).len(), draft.shape(1).len()];
    for (k, axis) in [(0, 0), (1, -1)].into_iter().filter(|&(k, _)| ranks[k] == 1) {
        draft.before(k, &ops::EXPAND_DIMS, Attrs::new().with("axis", axis));
        draft.after.push((&ops::SQUEEZE, Attrs::new().with("axes", vec![-2 - axis])));
    }
    Ok(())
}

/// A number of axes: the last ones of x with the first ones of y.
fn tensordot_axes(draft: &mut Draft<'_>) -> Result<(), String> {
    let rank = draft.shape(0).len() as i64;
    let axes = draft.take("axes").ok_or("`axes` is missing")?;
    let (x, y) = match axes.as_i64() {
        Some(n) if n < 0 => return Err(format!("`axes` = {n}")),
        Some(n) => (json!((rank - n..rank).collect::<Vec<_>>()), json!((0..n).collect::<Vec<_>>())),
        None => (axes[0].clone(), axes[1].clone()),
    };
    draft.attrs.insert("axes_x".to_owned(), x);
    draft.attrs.insert("axes_y".to_owned(), y);
    Ok(())
}

/// Fewer or more multiples than axes: missing ones are 1, as in NumPy.
fn tile_rank(draft: &mut Draft<'_>) -> Result<(), String> {
    let multiples = draft.take("multiples").and_then(|m| ints(&m)).ok_or("`multiples` is missing")?;
    let shape: Vec<i64> = draft.shape(0).iter().map(|&n| n as i64).collect();
    let rank = shape.len().max(multiples.len());
    let padded = |list: &[i64]| [&vec![1; rank - list.len()], list].concat();
    if shape.len() < rank {
        draft.before(0, &ops::RESHAPE, dims(&padded(&shape)));
    }
    draft.attrs.insert("multiples".to_owned(), json!(padded(&multiples)));
    Ok(())
}

/// No axis: all elements in one row.
fn repeat_flat(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.take("axis").map(|axis| draft.attrs.insert("axis".to_owned(), axis)).is_none() {
        draft.before(0, &ops::RESHAPE, dims(&[-1]));
        draft.attrs.insert("axis".to_owned(), json!(0));
    }
    Ok(())
}

fn approximation(draft: &mut Draft<'_>) -> Result<(), String> {
    let approximate = draft.take("approximate") == Some(json!("tanh"));
    draft.attrs.insert("approximate".to_owned(), json!(approximate));
    Ok(())
}

/// Without gamma and beta: 1 and 0.
fn scale_and_offset(draft: &mut Draft<'_>) -> Result<(), String> {
    let wanted = if draft.op == "nn.layer_norm" { 3 } else { 2 };
    for value in [1.0, 0.0].into_iter().skip(draft.operands.len() - 1).take(wanted - draft.operands.len()) {
        draft.push_constant(value);
    }
    Ok(())
}

/// Statistics of the batch: the first of three results.
fn of_batch(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.take("training") == Some(json!(true)) {
        draft.op = "batch_norm_training".to_owned();
        draft.after.push((&ops::IDENTITY, Attrs::new()));
    }
    Ok(())
}

/// A third operand is added to the channels of the result; what is to be resized and padded first is.
fn bias(draft: &mut Draft<'_>) -> Result<(), String> {
    if let Some(size) = draft.take("size").and_then(|size| ints(&size)) {
        let aligns = draft.take("resize_align_corners") == Some(json!(true));
        let coordinates = if aligns { "align_corners" } else { "asymmetric" };
        draft.before(0, &ops::RESIZE, Attrs::new().with("size", size).with("coordinates", coordinates));
    }
    if let Some(paddings) = draft.take("paddings").and_then(|paddings| ints(&paddings)) {
        let mode = draft.take("mode");
        let op = match mode.as_ref().and_then(Value::as_str) {
            Some("REFLECT") => &ops::PAD_REFLECT,
            Some("SYMMETRIC") => &ops::PAD_SYMMETRIC,
            other => return Err(format!("`mode` = {other:?}")),
        };
        draft.before(0, op, Attrs::new().with("paddings", paddings));
    }
    if draft.operands.len() == 3 {
        draft.with_result = draft.operands.split_off(2);
        draft.after.push((&ops::BIAS_ADD, Attrs::new()));
    }
    Ok(())
}

/// The corpus keeps PyTorch's channels here, axis 1.
fn channels_second(draft: &mut Draft<'_>) -> Result<(), String> {
    draft.attrs.insert("axis".to_owned(), json!(1));
    Ok(())
}

/// The corpus has logits, labels, lengths of logits, lengths of labels.
fn logits_first(draft: &mut Draft<'_>) -> Result<(), String> {
    draft.operands.swap(0, 1);
    draft.operands.swap(2, 3);
    match draft.take("reduction").as_ref().and_then(Value::as_str) {
        None | Some("none") => Ok(()),
        Some(other) => Err(format!("there is no reduction `{other}`")),
    }
}

/// Attention with a mask is an op of its own.
fn mask(draft: &mut Draft<'_>) -> Result<(), String> {
    draft.take("mask");
    if draft.operands.len() == 4 {
        draft.op = "masked_dot_product_attention".to_owned();
    }
    Ok(())
}

/// How neighbours are chosen is an attribute of its own.
fn coordinates(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.attrs.get("coordinates") == Some(&json!("asymmetric_floor")) {
        draft.attrs.insert("coordinates".to_owned(), json!("asymmetric"));
        draft.attrs.insert("rounding".to_owned(), json!("floor"));
    }
    Ok(())
}

fn rows_and_columns(draft: &mut Draft<'_>) -> Result<(), String> {
    let rows = draft.take("num_rows");
    let columns = draft.take("num_columns").or(rows.clone());
    let dims = [rows, columns];
    draft.attrs.insert("dims".to_owned(), json!(dims));
    Ok(())
}

/// Parts that must make a whole of this shape.
fn into_shape(draft: &mut Draft<'_>) -> Result<(), String> {
    if let Some(shape) = draft.take("shape").and_then(|shape| ints(&shape)) {
        draft.after.push((&ops::ENSURE_SHAPE, dims(&shape)));
    }
    Ok(())
}

/// The corpus knows how many elements there are, and has a cotangent for as many.
fn known_size(draft: &mut Draft<'_>) -> Result<(), String> {
    let shape: Vec<i64> = draft.case.outputs[0].shape().iter().map(|&n| n as i64).collect();
    draft.after.push((&ops::ENSURE_SHAPE, dims(&shape)));
    Ok(())
}

/// NumPy's `linspace`, which is told by its dtype, takes `num` 0; TensorFlow's does not.
fn possibly_empty(draft: &mut Draft<'_>) -> Result<(), String> {
    let is_numpys = draft.attrs.contains_key("dtype");
    draft.attrs.insert("may_be_empty".to_owned(), json!(is_numpys));
    Ok(())
}

fn side(draft: &mut Draft<'_>) -> Result<(), String> {
    either(draft, "side", "right", ["left", "right"])
}

/// One of two words, the first by default, as a truth value: whether it is the second.
fn either(draft: &mut Draft<'_>, name: &str, is_second: &str, words: [&str; 2]) -> Result<(), String> {
    let given = draft.take(name).unwrap_or_else(|| json!(words[0]));
    let place = words.iter().position(|word| given == *word);
    let place = place.ok_or_else(|| format!("`{name}` = {given} is none of {words:?}"))?;
    draft.attrs.insert(is_second.to_owned(), json!(place == 1));
    Ok(())
}

fn padding(draft: &mut Draft<'_>) -> Result<(), String> {
    let mode = draft.take("mode");
    match mode.as_ref().and_then(Value::as_str).unwrap_or("CONSTANT") {
        "CONSTANT" => {
            let paddings = draft.take("paddings").filter(|p| p == &json!([]) || is_nested(p)).and_then(|p| ints(&p));
            let paddings = paddings.ok_or("`paddings` are pairs of integers")?;
            let side = |k: usize| json!(paddings.iter().skip(k).step_by(2).collect::<Vec<_>>());
            draft.attrs.insert("before".to_owned(), side(0));
            draft.attrs.insert("after".to_owned(), side(1));
            let value = draft.take("constant_values").and_then(|v| number(&v)).unwrap_or(0.0);
            draft.push_constant(value);
        }
        mode => {
            let op = format!("pad_{}", mode.to_lowercase());
            draft.op = find(&op).map_err(|_| format!("`mode` = {mode:?}"))?.name.to_owned();
            draft.take("constant_values");
        }
    }
    Ok(())
}

/// A list of Python's indices: bounds and masks by axis; new axes afterwards. Without one, bounds are given.
fn index(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.attrs.contains_key("begin") {
        return Ok(());
    }
    let index = draft.take("index").ok_or("`index` is missing")?;
    let items = index.as_array().ok_or("`index` is no list")?;
    let has = |item: &Value, key: &str| item.get(key).is_some();
    let indexed = items.iter().filter(|i| has(i, "int") || has(i, "slice")).count();
    let whole = draft.shape(0).len().saturating_sub(indexed);
    let open = json!({"slice": [null, null, null]});
    let (mut begin, mut end, mut strides) = (Vec::new(), Vec::new(), Vec::new());
    let (mut begin_mask, mut end_mask, mut shrink) = (0, 0, 0);
    let mut result_axis = 0;
    let items = items.iter().flat_map(|item| if has(item, "ellipsis") { vec![&open; whole] } else { vec![item] });
    for item in items {
        let bit = 1i64 << begin.len();
        if has(item, "newaxis") {
            draft.after.push((&ops::EXPAND_DIMS, Attrs::new().with("axis", result_axis)));
            result_axis += 1;
            continue;
        }
        if let Some(at) = item["int"].as_i64() {
            shrink |= bit;
            begin.push(at);
            end.push(0);
            strides.push(1);
            continue;
        }
        let bound = |k: usize| item["slice"][k].as_i64();
        begin_mask |= if bound(0).is_none() { bit } else { 0 };
        end_mask |= if bound(1).is_none() { bit } else { 0 };
        begin.push(bound(0).unwrap_or(0));
        end.push(bound(1).unwrap_or(0));
        strides.push(bound(2).unwrap_or(1));
        result_axis += 1;
    }
    let lists = [("begin", begin), ("end", end), ("strides", strides)];
    draft.attrs.extend(lists.map(|(name, list)| (name.to_owned(), json!(list))));
    let masks = [("begin_mask", begin_mask), ("end_mask", end_mask), ("shrink_axis_mask", shrink)];
    draft.attrs.extend(masks.map(|(name, mask)| (name.to_owned(), json!(mask))));
    Ok(())
}

/// The table's losses are means over the last axis: elements get one of their own. The corpus has the truth second.
fn loss_of_elements(draft: &mut Draft<'_>) -> Result<(), String> {
    for k in 0..draft.operands.len() {
        draft.before(k, &ops::EXPAND_DIMS, Attrs::new().with("axis", -1));
    }
    cross_entropy(draft)
}

/// The corpus has the labels second, and reduces.
fn cross_entropy(draft: &mut Draft<'_>) -> Result<(), String> {
    draft.operands.swap(0, 1);
    let reduction = draft.take("reduction");
    match reduction.as_ref().and_then(Value::as_str).unwrap_or("none") {
        "none" => {}
        "mean" => draft.after.push((&ops::REDUCE_MEAN, Attrs::new())),
        "sum" => draft.after.push((&ops::REDUCE_SUM, Attrs::new())),
        "batchmean" => {
            let others: Vec<i64> = (1..draft.shape(0).len() as i64).collect();
            draft.after.push((&ops::REDUCE_SUM, Attrs::new().with("axes", others)));
            draft.after.push((&ops::REDUCE_MEAN, Attrs::new()));
        }
        other => return Err(format!("there is no reduction `{other}`")),
    }
    Ok(())
}

/// The order is an operand here, and comes first.
fn order_first(draft: &mut Draft<'_>) -> Result<(), String> {
    if let Some(order) = draft.take("n").and_then(|n| number(&n)) {
        draft.push_constant(order);
        draft.operands.rotate_right(1);
    }
    Ok(())
}

fn dims(sizes: &[i64]) -> Attrs {
    Attrs::new().with("dims", sizes.iter().map(|&n| Dim::from(n)).collect::<Vec<_>>())
}
