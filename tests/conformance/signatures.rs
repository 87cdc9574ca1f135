//! TensorFlow's functions by name: their parameters, from `signatures.txt`, and [`bind`], which finds each argument's.
//!
//! [`REWRITES`] has the few functions whose arguments change their meaning with their kind.

use crate::calls::{Evaluated, Fault, Refusal, evaluate};
use crate::outcome::{Failure, What};
use crate::plan;
use crate::python;
use crate::values::{Value, attribute, float, tensor};
use std::collections::HashMap;
use std::sync::LazyLock;
use tracelift::{Tensor, testing};
use tracelift_compiler::ops::{self, eval};
use tracelift_runtime::DType;

/// A function's parameter.
struct Parameter {
    /// TensorFlow's name.
    name: &'static str,
    /// The attribute's name here.
    attribute: &'static str,
    /// What a call without it means, as Python writes it.
    default: Option<&'static str>,
    kind: ParameterKind,
}

#[derive(Clone, Copy, PartialEq)]
enum ParameterKind {
    Operand,
    Operands,
    /// Zeros of the shape that is given.
    Zeros,
    /// What comes back to the result.
    Cotangent,
    Attribute,
}

/// A function by TensorFlow's name.
struct Signature {
    /// The name here.
    op: &'static str,
    /// The operand by which it is differentiated, if the function is a gradient.
    by: Option<&'static str>,
    parameters: Vec<Parameter>,
}

static SIGNATURES: LazyLock<HashMap<&'static str, Signature>> = LazyLock::new(|| {
    let lines = include_str!("signatures.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(signature).collect()
});

fn signature(line: &'static str) -> (&'static str, Signature) {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let (name, op) = name.split_once('=').unwrap_or((name, name));
    let (op, by) = op.split_once('\'').map_or((op, None), |(op, by)| (op, Some(by)));
    let parameter = |word: &'static str| {
        let kind = match word.as_bytes()[0] {
            b'&' => ParameterKind::Operand,
            b'*' => ParameterKind::Operands,
            b'~' => ParameterKind::Zeros,
            b'^' => ParameterKind::Cotangent,
            _ => ParameterKind::Attribute,
        };
        let name = word.trim_start_matches(['&', '*', '~', '^']);
        let (name, default) = name.split_once('|').map_or((name, None), |(name, default)| (name, Some(default)));
        let (name, attribute) = name.split_once(':').unwrap_or((name, name));
        Parameter { name, attribute, default, kind }
    };
    (name, Signature { op, by, parameters: words.map(parameter).collect() })
}

/// A call with every argument at its parameter.
pub struct Bound {
    /// The op's name here.
    pub op: String,
    /// By name here.
    pub attributes: Vec<(String, Value)>,
    /// By TensorFlow's names; lists of operands spread out.
    pub operands: Vec<(String, Value)>,
    /// If it is a gradient: by which operand, and what comes back to the result.
    pub gradient: Option<(&'static str, Value)>,
}

/// Changes a call into the table's form.
pub type Rewrite = fn(&mut Bound) -> Evaluated<()>;

/// By the name of the op here, or of TensorFlow's function.
pub const REWRITES: &[(&str, Rewrite)] = &[
    ("confusion_matrix", classes),
    ("convolution", by_rank),
    ("linalg.norm", norm),
    ("math.confusion_matrix", classes),
    ("nn.batch_norm", normalization),
    ("nn.conv2d", explicit_padding),
    ("nn.conv2d_transpose", explicit_padding),
    ("nn.conv_transpose", by_rank),
    ("nn.depthwise_conv2d", explicit_padding),
    ("nn.max_pool2d", explicit_padding),
    ("max_pool_grad", explicit_padding),
    ("nn.fractional_avg_pool", ratios),
    ("nn.fractional_max_pool", ratios),
    ("nn.normalize_moments", unshifted),
    ("nn.pool", by_rank),
    ("dequantize", modes),
    ("linalg.diag", alignment),
    ("linalg.diag_part", alignment),
    ("linalg.matmul", adjoints),
    ("linalg.set_diag", alignment),
    ("matmul", adjoints),
    ("quantization.dequantize", modes),
    ("quantization.quantize", modes),
    ("quantize", modes),
    ("nn.sufficient_statistics", unshifted),
    ("norm", norm),
    ("random.stateless_uniform", uniform),
    ("random.uniform", uniform),
    ("range", range),
    ("split", split),
    ("image.ssim_multiscale", five_scales),
    ("where", positions),
];

impl Bound {
    /// Takes an attribute away.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.attributes.iter().position(|(n, _)| n == name)?;
        Some(self.attributes.remove(at).1)
    }

    /// Adds an attribute.
    pub fn set(&mut self, name: &str, value: Value) {
        self.attributes.push((name.to_owned(), value));
    }
}

/// A single number is the limit.
fn range(call: &mut Bound) -> Evaluated<()> {
    if !call.attributes.iter().any(|(name, value)| name == "limit" && !matches!(value, Value::None)) {
        call.take("limit");
        let limit = call.take("start").ok_or("`limit` is missing")?;
        call.set("start", Value::Int(0));
        call.set("limit", limit);
    }
    let bounds = ["start", "limit", "delta"];
    let is_float =
        |(name, value): &(String, Value)| bounds.contains(&name.as_str()) && matches!(value, Value::Float(_));
    if !call.attributes.iter().any(|(name, _)| name == "dtype") {
        let dtype = if call.attributes.iter().any(is_float) { "float32" } else { "int32" };
        call.set("dtype", Value::DType(dtype.to_owned()));
    }
    Ok(())
}

/// Without a number of classes there are as many as the greatest one needs.
fn classes(call: &mut Bound) -> Evaluated<()> {
    if !call.attributes.iter().any(|(name, value)| name == "num_classes" && !matches!(value, Value::None)) {
        call.take("num_classes");
        let mut greatest = 0;
        for (_, value) in call.operands.iter().take(2) {
            let classes = eval::ints(&testing::array(&tensor(value, None)?));
            greatest = classes.into_iter().fold(greatest, i128::max);
        }
        call.set("num_classes", Value::Int(greatest + 1));
    }
    match call.operands.len() {
        3 => weighted_classes(call),
        _ => Ok(()),
    }
}

/// With weights it is these at the places of the pairs.
fn weighted_classes(call: &mut Bound) -> Evaluated<()> {
    let pairs = call.operands.iter().take(2).map(|(_, value)| tensor(value, None)).collect::<Result<Vec<_>, _>>()?;
    let places = tracelift::try_stack_with(&[&pairs[0], &pairs[1]], 1);
    let refused = |error| Fault::Refused(Refusal { error, ops: vec!["stack"], operands: Vec::new() });
    call.operands.splice(..2, [("indices".to_owned(), Value::Tensor(places.map_err(refused)?))]);
    let length = call.take("num_classes").unwrap_or(Value::None);
    call.set("shape", Value::List(vec![length.clone(), length]));
    call.take("dtype");
    call.op = "scatter_nd".to_owned();
    Ok(())
}

/// Integers have an op of their own.
fn uniform(call: &mut Bound) -> Evaluated<()> {
    let is_int = |(name, value): &(String, Value)| {
        name == "dtype" && matches!(value, Value::DType(dtype) if plan::dtype(dtype).is_some_and(DType::is_int))
    };
    let has_end = call.attributes.iter().any(|(name, value)| name == "maxval" && !matches!(value, Value::None));
    if call.attributes.iter().any(is_int) && !has_end {
        return Err("integers need a `maxval`".into());
    }
    call.op = if call.attributes.iter().any(is_int) { "random_integers" } else { "random_uniform" }.to_owned();
    Ok(())
}

/// One ratio for rows and columns, or each, with 1 for batch and channels around.
fn ratios(call: &mut Bound) -> Evaluated<()> {
    let list = match call.take("pooling_ratio").ok_or("`pooling_ratio` is missing")? {
        Value::List(list) => list,
        one => vec![one],
    };
    let (rows, columns) = match list.as_slice() {
        [one] => (one, one),
        [rows, columns] => (rows, columns),
        [batch, rows, columns, channels] if [batch, channels].iter().all(|ratio| float(ratio) == Some(1.0)) => {
            (rows, columns)
        }
        other => return Err(format!("no pooling ratio {other:?}").into()),
    };
    call.set("row_ratio", rows.clone());
    call.set("column_ratio", columns.clone());
    call.take("deterministic");
    call.take("seed2");
    Ok(())
}

/// Words among which TensorFlow lets choose: what others say is no word of them; ours means the first.
fn choice(call: &mut Bound, name: &str, words: &[&str]) -> Evaluated<()> {
    match call.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()) {
        Some(Value::Str(word)) if word == words[0] => call.take(name).map(|_| ()).ok_or_else(|| "".into()),
        Some(Value::Str(word)) if !words.contains(&word.as_str()) => Err(format!("no `{name}` {word:?}").into()),
        _ => Ok(()),
    }
}

/// How ranges are used.
fn modes(call: &mut Bound) -> Evaluated<()> {
    choice(call, "mode", &["MIN_COMBINED", "MIN_FIRST", "SCALED"])?;
    choice(call, "round_mode", &["HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"])?;
    // These are what they are without being asked for.
    if call.attributes.iter().any(|(name, value)| name == "ensure_minimum_range" && float(value) == Some(0.01)) {
        call.take("ensure_minimum_range");
    }
    Ok(())
}

/// On which side short diagonals are padded; an empty list is no diagonal.
fn alignment(call: &mut Bound) -> Evaluated<()> {
    choice(call, "align", &["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"])
}

/// The adjoint of a real matrix is its transpose.
fn adjoints(call: &mut Bound) -> Evaluated<()> {
    for (adjoint, transpose) in [("adjoint_a", "transpose_a"), ("adjoint_b", "transpose_b")] {
        if matches!(call.take(adjoint), Some(Value::Bool(true))) {
            if matches!(call.take(transpose), Some(Value::Bool(true))) {
                return Err(format!("`{adjoint}` and `{transpose}`").into());
            }
            call.set(transpose, Value::Bool(true));
        }
    }
    Ok(())
}

/// Convolutions and pools over as many axes as the operand has between batch and channels.
fn by_rank(call: &mut Bound) -> Evaluated<()> {
    let (_, x) = call.operands.first().ok_or("an operand is missing")?;
    let axes = tensor(x, None)?.shape().len().saturating_sub(2);
    let base = match call.op.as_str() {
        "nn.pool" => match call.take("pooling_type") {
            Some(Value::Str(kind)) if kind == "MAX" => "max_pool{}d",
            Some(Value::Str(kind)) if kind == "AVG" => "avg_pool{}d",
            other => return Err(format!("no pool of type {other:?}").into()),
        },
        "nn.conv_transpose" => "conv{}d_transpose",
        _ => "conv{}d",
    };
    call.op = base.replace("{}", &axes.clamp(1, 3).to_string());
    Ok(())
}

/// The weights that the paper has, of five scales.
fn five_scales(call: &mut Bound) -> Evaluated<()> {
    if call.operands.len() == 2 {
        let weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333].map(Value::Float).to_vec();
        call.operands.push(("power_factors".to_owned(), Value::List(weights)));
    }
    Ok(())
}

/// Without a shift it is 0.
fn unshifted(call: &mut Bound) -> Evaluated<()> {
    if !call.operands.iter().any(|(name, _)| name == "shift") {
        call.take("shift");
        call.operands.push(("shift".to_owned(), Value::Float(0.0)));
    }
    Ok(())
}

/// Raw ops have numbers for the padding apart from its name.
fn explicit_padding(call: &mut Bound) -> Evaluated<()> {
    let Some(given) = call.take("explicit_paddings") else { return Ok(()) };
    if call
        .attributes
        .iter()
        .any(|(name, value)| name == "padding" && matches!(value, Value::Str(v) if v == "EXPLICIT"))
    {
        call.take("padding");
        call.set("padding", given);
    }
    Ok(())
}

/// Orders by name, and orders over two axes, are norms of matrices; `euclidean` is the default.
fn norm(call: &mut Bound) -> Evaluated<()> {
    let of_matrices = call.attributes.iter().any(|(name, value)| match value {
        Value::Str(order) => name == "ord" && order != "euclidean",
        Value::List(axes) => name == "axis" && axes.len() == 2,
        _ => false,
    });
    match call.take("ord") {
        Some(Value::Str(order)) if of_matrices => call.set("ord", Value::Str(order)),
        Some(Value::Int(order)) if of_matrices => call.set("ord", Value::Str(order.to_string())),
        Some(Value::Str(_)) | None => {}
        Some(order) => call.set("ord", order),
    }
    if of_matrices {
        call.op = "matrix_norm".to_owned();
    }
    Ok(())
}

/// A number of equal parts, or the size of each.
fn split(call: &mut Bound) -> Evaluated<()> {
    call.take("num");
    let parts = call.take("num_or_size_splits").ok_or("`num_or_size_splits` is missing")?;
    call.set(if matches!(parts, Value::Int(_)) { "num" } else { "sizes" }, parts);
    Ok(())
}

/// A condition alone: where it is true.
fn positions(call: &mut Bound) -> Evaluated<()> {
    if call.operands.len() == 1 {
        call.op = "where_indices".to_owned();
    }
    Ok(())
}

/// The corpora have scale and offset before the moments; without them they are 1 and 0.
fn normalization(call: &mut Bound) -> Evaluated<()> {
    let mut take = |name: &str| {
        let at = call.operands.iter().position(|(n, _)| n == name);
        at.map(|at| call.operands.remove(at).1)
    };
    let given = ["x", "scale", "offset", "mean", "variance"].map(|name| (name, take(name)));
    for (name, value) in given {
        let value = match (name, value) {
            (_, Some(value)) => value,
            ("scale", None) => Value::Float(1.0),
            ("offset", None) => Value::Float(0.0),
            (name, None) => return Err(format!("`{name}` is missing").into()),
        };
        call.operands.push((name.to_owned(), value));
    }
    let epsilon = call.take("variance_epsilon").ok_or("`variance_epsilon` is missing")?;
    call.set("epsilon", epsilon);
    call.set("axis", Value::Int(-1));
    Ok(())
}

/// Whether there is a line for this function.
pub fn is_known(function: &str) -> bool {
    SIGNATURES.contains_key(function)
}

/// Arguments by position and keyword to the parameters of the signature.
pub fn bind(function: &str, arguments: Vec<Value>, keywords: Vec<(String, Value)>) -> Evaluated<Bound> {
    let Some(signature) = SIGNATURES.get(function) else {
        let message = format!("there is no `tf.{function}`");
        return Err(Fault::Lacking(Failure::new(What::MissingOp, message)));
    };
    let mut bound = Bound { op: signature.op.to_owned(), attributes: Vec::new(), operands: Vec::new(), gradient: None };
    let mut cotangent = None;
    let mut arguments = arguments.into_iter();
    let mut keywords = keywords;
    for parameter in &signature.parameters {
        // A list of operands is a list, or, at the end, everything that is left.
        let is_rest =
            parameter.kind == ParameterKind::Operands && !matches!(arguments.as_slice().first(), Some(Value::List(_)));
        let is_last = std::ptr::eq(parameter, signature.parameters.last().unwrap_or(parameter));
        let value = match arguments.next() {
            Some(other) if is_rest && !is_last && parameter.name != "args" => {
                return Err(Fault::Untyped(format!("`{}` = {other:?} is no list of tensors", parameter.name)));
            }
            Some(first) if is_rest => Value::List(std::iter::once(first).chain(arguments.by_ref()).collect()),
            Some(value) => value,
            None => match keywords.iter().position(|(name, _)| name == parameter.name) {
                Some(at) => keywords.remove(at).1,
                None => match parameter.default {
                    Some(default) => evaluate(&python::parse(default).map_err(Fault::Unreadable)?)?,
                    None => continue,
                },
            },
        };
        match (parameter.kind, value) {
            _ if parameter.attribute == "_" => {}
            (ParameterKind::Zeros, shape) => {
                let zeros = Value::Tensor(zeros(&shape)?);
                bound.operands.push((parameter.attribute.to_owned(), zeros));
            }
            (ParameterKind::Cotangent, value) => cotangent = Some(value),
            (ParameterKind::Attribute, value) => bound.set(parameter.attribute, value),
            (_, Value::None) => bound.set(parameter.attribute, Value::None),
            (ParameterKind::Operands, Value::List(list)) => {
                bound.operands.extend(list.into_iter().map(|value| (parameter.name.to_owned(), value)));
            }
            (_, value) => bound.operands.push((parameter.name.to_owned(), value)),
        }
    }
    keywords.retain(|(name, _)| name != "name");
    bound.gradient = signature.by.zip(cotangent);
    if function.starts_with("random.stateless_") || function.starts_with("raw_ops.Stateless") {
        let is_state = |value: &Value| match value {
            Value::List(list) => list.iter().all(|v| matches!(v, Value::Int(_))),
            other => matches!(other, Value::Tensor(_)),
        };
        if let Some((_, seed)) = bound.attributes.iter().find(|(name, seed)| name == "seed" && !is_state(seed)) {
            return Err(Fault::Untyped(format!("`seed` = {seed:?} are not two integers")));
        }
    }
    match (arguments.next(), keywords.first()) {
        (Some(_), _) => Err(Fault::Unreadable(format!("tf.{function} has fewer parameters"))),
        (None, Some((name, _))) => Err(Fault::Unreadable(format!("tf.{function} has no parameter `{name}`"))),
        (None, None) => Ok(bound),
    }
}

/// Zeros of this shape.
pub fn zeros(shape: &Value) -> Evaluated<Tensor> {
    let shape = attribute(shape).ok().and_then(|shape| plan::ints(&shape));
    let shape = shape.ok_or_else(|| Fault::Untyped("a shape is a list of integers".to_owned()))?;
    let refused = |error| Fault::Refused(Refusal { error, ops: vec!["zeros"], operands: Vec::new() });
    tracelift::try_zeros(shape).map_err(refused)
}

/// A raw op has keywords only: those that the op here declares as attributes are, the others are operands.
pub fn raw_op(name: &str, keywords: Vec<(String, Value)>) -> Bound {
    let mut op = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            op.push('_');
        }
        op.push(c.to_ascii_lowercase());
    }
    let declared = ops::find(&op).map_or(&[][..], |op| op.attrs);
    let is_attribute = |(name, value): &(String, Value)| {
        matches!(value, Value::Bool(_) | Value::Str(_) | Value::DType(_))
            || declared.iter().any(|def| plan::names(def.name).any(|n| n == name))
    };
    let (attributes, operands) = keywords.into_iter().partition(is_attribute);
    Bound { op, attributes, operands, gradient: None }
}
