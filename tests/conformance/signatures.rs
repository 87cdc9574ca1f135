//! TensorFlow's functions by name: their parameters, from `signatures.txt`, and [`bind`], which finds each argument's.
//!
//! [`REWRITES`] has the few functions whose arguments change their meaning with their kind.

use crate::calls::{Evaluated, Fault};
use crate::outcome::{Failure, What};
use crate::plan;
use crate::values::{Value, float, tensor};
use std::collections::HashMap;
use std::sync::LazyLock;
use tracelift::testing;
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
    Attribute,
}

/// A function by TensorFlow's name.
struct Signature {
    /// The name here.
    op: &'static str,
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
    let parameter = |word: &'static str| {
        let kind = match word.as_bytes()[0] {
            b'&' => ParameterKind::Operand,
            b'*' => ParameterKind::Operands,
            _ => ParameterKind::Attribute,
        };
        let name = word.trim_start_matches(['&', '*']);
        let (name, default) = name.split_once('|').map_or((name, None), |(name, default)| (name, Some(default)));
        let (name, attribute) = name.split_once(':').unwrap_or((name, name));
        Parameter { name, attribute, default, kind }
    };
    (name, Signature { op, parameters: words.map(parameter).collect() })
}

/// A call with every argument at its parameter.
pub struct Bound {
    /// The op's name here.
    pub op: String,
    /// By name here.
    pub attributes: Vec<(String, Value)>,
    /// By TensorFlow's names; lists of operands spread out.
    pub operands: Vec<(String, Value)>,
}

/// Changes a call into the table's form.
pub type Rewrite = fn(&mut Bound) -> Result<(), String>;

/// By the name of the op here.
pub const REWRITES: &[(&str, Rewrite)] = &[
    ("confusion_matrix", classes),
    ("linalg.norm", norm),
    ("math.confusion_matrix", classes),
    ("nn.batch_norm", normalization),
    ("nn.fractional_avg_pool", ratios),
    ("nn.fractional_max_pool", ratios),
    ("norm", norm),
    ("random.stateless_uniform", uniform),
    ("random.uniform", uniform),
    ("range", range),
    ("split", split),
    ("where", positions),
];

impl Bound {
    /// Takes an attribute away.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.attributes.iter().position(|(n, _)| n == name)?;
        Some(self.attributes.remove(at).1)
    }

    fn set(&mut self, name: &str, value: Value) {
        self.attributes.push((name.to_owned(), value));
    }
}

/// A single number is the limit.
fn range(call: &mut Bound) -> Result<(), String> {
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
fn classes(call: &mut Bound) -> Result<(), String> {
    if !call.attributes.iter().any(|(name, value)| name == "num_classes" && !matches!(value, Value::None)) {
        call.take("num_classes");
        let mut greatest = 0;
        for (_, value) in call.operands.iter().take(2) {
            let classes = eval::ints(&testing::array(&tensor(value, None)?));
            greatest = classes.into_iter().fold(greatest, i128::max);
        }
        call.set("num_classes", Value::Int(greatest + 1));
    }
    Ok(())
}

/// Integers have an op of their own.
fn uniform(call: &mut Bound) -> Result<(), String> {
    let is_int = |(name, value): &(String, Value)| {
        name == "dtype" && matches!(value, Value::DType(dtype) if plan::dtype(dtype).is_some_and(DType::is_int))
    };
    let has_end = call.attributes.iter().any(|(name, value)| name == "maxval" && !matches!(value, Value::None));
    if call.attributes.iter().any(is_int) && !has_end {
        return Err("integers need a `maxval`".to_owned());
    }
    call.op = if call.attributes.iter().any(is_int) { "random_integers" } else { "random_uniform" }.to_owned();
    Ok(())
}

/// One ratio for rows and columns, or each, with 1 for batch and channels around.
fn ratios(call: &mut Bound) -> Result<(), String> {
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
        other => return Err(format!("no pooling ratio {other:?}")),
    };
    call.set("row_ratio", rows.clone());
    call.set("column_ratio", columns.clone());
    call.take("deterministic");
    call.take("seed2");
    Ok(())
}

/// Orders by name, and orders over two axes, are norms of matrices; `euclidean` is the default.
fn norm(call: &mut Bound) -> Result<(), String> {
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
fn split(call: &mut Bound) -> Result<(), String> {
    call.take("num");
    let parts = call.take("num_or_size_splits").ok_or("`num_or_size_splits` is missing")?;
    call.set(if matches!(parts, Value::Int(_)) { "num" } else { "sizes" }, parts);
    Ok(())
}

/// A condition alone: where it is true.
fn positions(call: &mut Bound) -> Result<(), String> {
    if call.operands.len() == 1 {
        call.op = "where_indices".to_owned();
    }
    Ok(())
}

/// The corpora have scale and offset before the moments; without them they are 1 and 0.
fn normalization(call: &mut Bound) -> Result<(), String> {
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
            (name, None) => return Err(format!("`{name}` is missing")),
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
    let mut bound = Bound { op: signature.op.to_owned(), attributes: Vec::new(), operands: Vec::new() };
    let mut arguments = arguments.into_iter();
    let mut keywords = keywords;
    for parameter in &signature.parameters {
        // A list of operands is a list, or, at the end, everything that is left.
        let is_rest =
            parameter.kind == ParameterKind::Operands && !matches!(arguments.as_slice().first(), Some(Value::List(_)));
        let value = match arguments.next() {
            Some(first) if is_rest => Value::List(std::iter::once(first).chain(arguments.by_ref()).collect()),
            Some(value) => value,
            None => match keywords.iter().position(|(name, _)| name == parameter.name) {
                Some(at) => keywords.remove(at).1,
                None => match parameter.default.and_then(|text| text.parse().ok()) {
                    Some(default) => Value::Int(default),
                    None => continue,
                },
            },
        };
        match (parameter.kind, value) {
            (ParameterKind::Attribute, value) => bound.set(parameter.attribute, value),
            (_, Value::None) => bound.set(parameter.attribute, Value::None),
            (ParameterKind::Operands, Value::List(list)) => {
                bound.operands.extend(list.into_iter().map(|value| (parameter.name.to_owned(), value)));
            }
            (_, value) => bound.operands.push((parameter.name.to_owned(), value)),
        }
    }
    keywords.retain(|(name, _)| name != "name");
    if function.starts_with("random.stateless_") {
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
    Bound { op, attributes, operands }
}
