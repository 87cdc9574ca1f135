//! Values of expressions: Python's numbers and lists, tensors, and how they become attributes and operands.

use crate::python::Expr;
use serde_json::{Number, Value as Json, json};
use std::sync::Arc;
use tracelift::{Tensor, TensorArray, testing};
use tracelift_compiler::ops::eval;
use tracelift_runtime::{Array, DType};

/// What an expression stands for.
#[derive(Clone, Debug)]
pub enum Value {
    /// `None`
    None,
    /// `True`
    Bool(bool),
    /// `3`
    Int(i128),
    /// `0.5`
    Float(f64),
    /// `'SAME'`
    Str(String),
    /// `tf.float32`, by name; it may be one that the library has not.
    DType(String),
    /// Lists and tuples; an op's results, if there are several.
    List(Vec<Value>),
    /// A tensor.
    Tensor(Tensor),
    /// A lambda: its parameters and body.
    Function(Arc<(Vec<String>, Expr)>),
    /// `tf.TensorArray`.
    Array(TensorArray),
}

/// Python's, of numbers and lists.
pub fn arithmetic(sign: &str, x: Value, y: Value) -> Result<Value, String> {
    let overflow = || format!("`{sign}` overflows");
    match (sign, &x, &y) {
        ("*", Value::List(list), Value::Int(n)) | ("*", Value::Int(n), Value::List(list)) => {
            let copies = std::iter::repeat_n(list, usize::try_from(*n).unwrap_or(0));
            Ok(Value::List(copies.flatten().cloned().collect()))
        }
        ("+", Value::List(a), Value::List(b)) => Ok(Value::List([a.as_slice(), b].concat())),
        ("/", Value::Int(a), Value::Int(b)) => Ok(Value::Float(*a as f64 / *b as f64)),
        ("**", Value::Int(a), Value::Int(b)) if *b >= 0 => {
            let power = u32::try_from(*b).ok().and_then(|b| a.checked_pow(b));
            power.map(Value::Int).ok_or_else(overflow)
        }
        (_, Value::Int(a), Value::Int(b)) => {
            let result = match sign {
                "+" => a.checked_add(*b),
                "-" => a.checked_sub(*b),
                "*" => a.checked_mul(*b),
                "//" => a.checked_div_euclid(*b).filter(|_| *b > 0),
                "%" => a.checked_rem_euclid(*b).filter(|_| *b > 0),
                "<<" => u32::try_from(*b).ok().and_then(|b| a.checked_shl(b)),
                ">>" => u32::try_from(*b).ok().and_then(|b| a.checked_shr(b)),
                _ => None,
            };
            result.map(Value::Int).ok_or_else(|| format!("{a} {sign} {b} has no value here"))
        }
        _ => {
            let (Some(a), Some(b)) = (float(&x), float(&y)) else {
                return Err(format!("no `{sign}` of {x:?} and {y:?}"));
            };
            let result = match sign {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                "**" => a.powf(b),
                _ => return Err(format!("no `{sign}` of floats")),
            };
            Ok(Value::Float(result))
        }
    }
}

pub fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(v) => Some(f64::from(u8::from(*v))),
        Value::Int(v) => Some(*v as f64),
        Value::Float(v) => Some(*v),
        _ => None,
    }
}

/// A value as a manifest has it.
pub fn attribute(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::None => Json::Null,
        Value::Bool(v) => json!(v),
        Value::Int(v) => json!(i64::try_from(*v).map_err(|_| format!("{v} is no 64-bit integer"))?),
        // What JSON has not is a string.
        Value::Float(v) => Number::from_f64(*v).map_or_else(|| json!(v.to_string()), Json::Number),
        // Parts of an index arrive as text.
        Value::Str(v) => serde_json::from_str(v).ok().filter(Json::is_object).unwrap_or_else(|| json!(v)),
        Value::DType(v) => json!(v),
        Value::List(list) => Json::Array(list.iter().map(attribute).collect::<Result<_, _>>()?),
        Value::Tensor(x) => nested(&testing::array(x), &x.shape()),
        Value::Function(_) | Value::Array(_) => return Err("a function is no attribute".to_owned()),
    })
}

fn nested(array: &Array, shape: &[usize]) -> Json {
    fn take(shape: &[usize], elements: &mut dyn Iterator<Item = Json>) -> Json {
        match shape.split_first() {
            None => elements.next().unwrap_or_default(),
            Some((&n, rest)) => Json::Array((0..n).map(|_| take(rest, elements)).collect()),
        }
    }
    match array.dtype().is_float() {
        true => take(shape, &mut eval::floats(array).into_iter().map(|v| json!(v))),
        false => take(shape, &mut eval::ints(array).into_iter().map(|v| json!(v as i64))),
    }
}

/// A value as an operand. Numbers are of dtype `met`, or f32, i32 (i64 if need be) or bool.
pub fn tensor(value: &Value, met: Option<DType>) -> Result<Tensor, String> {
    if let Value::Tensor(x) = value {
        return Ok(x.clone());
    }
    let (mut shape, mut numbers) = (Vec::new(), Vec::new());
    flatten(value, 0, &mut shape, &mut numbers)?;
    let own = match numbers
        .iter()
        .max_by_key(|v| matches!(v, Value::Int(_)) as u8 + 2 * matches!(v, Value::Float(_)) as u8)
    {
        Some(Value::Bool(_)) => DType::Bool,
        Some(Value::Int(_)) => match numbers.iter().all(|v| matches!(v, Value::Int(v) if i32::try_from(*v).is_ok())) {
            true => DType::I32,
            false => DType::I64,
        },
        _ => DType::F32,
    };
    let dtype = met.unwrap_or(own);
    if dtype.is_int() && numbers.iter().any(|v| matches!(v, Value::Float(v) if v.fract() != 0.0)) {
        return Err(format!("a fraction is no {dtype}"));
    }
    let array = if numbers.iter().all(|v| matches!(v, Value::Int(_))) && dtype.is_int() {
        let numbers = numbers.iter().map(|v| match v {
            Value::Int(v) => i64::try_from(*v).map_err(|_| format!("{v} is no 64-bit integer")),
            _ => Ok(0),
        });
        Array::from_vec(&shape, numbers.collect::<Result<Vec<i64>, _>>()?)
    } else {
        Array::from_vec(&shape, numbers.iter().map(|v| float(v).unwrap_or_default()).collect::<Vec<f64>>())
    };
    let array = array.and_then(|array| array.cast(dtype)).map_err(|e| e.to_string())?;
    Ok(Tensor::from(array))
}

/// Appends the numbers of nested lists of one shape.
fn flatten(value: &Value, depth: usize, shape: &mut Vec<usize>, numbers: &mut Vec<Value>) -> Result<(), String> {
    match value {
        Value::List(list) => {
            if shape.len() == depth {
                shape.push(list.len());
            }
            if shape[depth] != list.len() {
                return Err("a list of lists of different lengths".to_owned());
            }
            list.iter().try_for_each(|value| flatten(value, depth + 1, shape, numbers))
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            numbers.push(value.clone());
            Ok(())
        }
        other => Err(format!("no operand {other:?}")),
    }
}
