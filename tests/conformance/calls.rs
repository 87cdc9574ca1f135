//! Calls in TensorFlow's words, brought to the op table: [`prepare`] gives the last op of an expression with its
//! operands, so that it can run eagerly or in a trace; what it is applied to is computed eagerly before.
//!
//! A call finds its function's parameters in [`signatures`](crate::signatures) and becomes what a line of a manifest is,
//! an op by name with attributes and operands; from there it takes the way of every case: [`Plan::of`]. Nothing here
//! knows a single case.

use crate::corpus::Case;
use crate::flow::{self, Flow};
use crate::library;
use crate::outcome::{Failure, What};
use crate::plan::{self, Plan, Step};
use crate::python::{self, Expr, Item};
use crate::raw_ops;
use crate::signatures::{Bound, REWRITES, bind, is_known, raw_op};
use crate::values::{Value, arithmetic, attribute, float, tensor};
use crate::ways;
use serde_json::{Map, Value as Json, json};
use std::cell::RefCell;
use std::sync::Arc;
use tracelift::{Error, Tensor, testing};
use tracelift_compiler::graph::opdef::{Lower, Operands};
use tracelift_runtime::{Array, DType};

/// The last step of an expression.
pub enum Prepared {
    /// No op: a literal or the like.
    Value(Value),
    /// An op on these operands.
    Op(Arc<Plan>, Vec<Tensor>),
    /// A function that calls functions.
    Flow(Arc<Flow>),
}

/// Why an expression has no value.
pub enum Fault {
    /// The reader, not the library, is at a loss.
    Unreadable(String),
    /// The op table lacks the op, or the op the attribute.
    Lacking(Failure),
    /// An argument is of a type that the parameter has not: Rust's compiler refuses it.
    Untyped(String),
    /// The library refuses.
    Refused(Refusal),
}

/// What the reader says of arguments.
impl From<String> for Fault {
    fn from(message: String) -> Fault {
        Fault::Untyped(message)
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Fault {
        Fault::Untyped(message.to_owned())
    }
}

/// An error of the library, and what it should speak of.
#[derive(Debug)]
pub struct Refusal {
    /// The error.
    pub error: Error,
    /// The ops that were applied.
    pub ops: Vec<&'static str>,
    /// What they were applied to: dtype and shape.
    pub operands: Vec<String>,
}

/// A value, or why there is none.
pub type Evaluated<T = Value> = std::result::Result<T, Fault>;

/// Reads a call up to its last op.
pub fn prepare(expr: &Expr) -> Evaluated<Prepared> {
    match expr {
        Expr::Call(callee, arguments, keywords) => call(callee, arguments, keywords),
        Expr::Binary(sign, x, y) => binary(sign, evaluate(x)?, evaluate(y)?),
        Expr::Unary(sign, x) => unary(sign, evaluate(x)?),
        Expr::Index(x, items) => index(evaluate(x)?, items),
        other => Ok(Prepared::Value(literal(other)?)),
    }
}

/// The value of an expression, every op run eagerly.
pub fn evaluate(expr: &Expr) -> Evaluated {
    match prepare(expr)? {
        Prepared::Value(value) => Ok(value),
        Prepared::Op(plan, operands) => {
            let results = ways::apply(&plan, &operands);
            let results = results.map_err(|e| Fault::Refused(Refusal::new(e, &plan, &operands)))?;
            let mut results: Vec<Value> = results.into_iter().map(Value::Tensor).collect();
            Ok(if results.len() == 1 { results.swap_remove(0) } else { Value::List(results) })
        }
        Prepared::Flow(flow) => {
            let results = flow.run(&flow.operands).map_err(|e| Fault::Refused(flow.refusal(e)))?;
            Ok(match results {
                Value::List(mut list) if list.len() == 1 && flow.gives_tensor() => list.swap_remove(0),
                other => other,
            })
        }
    }
}

/// The value of an expression in which some names stand for values.
pub fn evaluate_with(expr: &Expr, names: &[String], values: Vec<Value>) -> Evaluated {
    let depth = NAMES.with_borrow_mut(|all| {
        let depth = all.len();
        all.extend(names.iter().cloned().zip(values));
        depth
    });
    let value = evaluate(expr);
    NAMES.with_borrow_mut(|all| all.truncate(depth));
    value
}

thread_local! {
    /// The parameters of the lambdas that are running, the innermost last.
    static NAMES: RefCell<Vec<(String, Value)>> = const { RefCell::new(Vec::new()) };
}

impl Refusal {
    /// The error of a plan on these operands.
    pub fn new(error: Error, plan: &Plan, operands: &[Tensor]) -> Refusal {
        let ops = plan.steps.iter().map(|step| step.op.name).collect();
        let operands = operands.iter().map(|x| format!("{}{:?}", x.dtype(), &x.shape()[..])).collect();
        Refusal { error, ops, operands }
    }
}

fn call(callee: &Expr, arguments: &[Expr], keywords: &[(String, Expr)]) -> Evaluated<Prepared> {
    let arguments: Vec<Value> = arguments.iter().map(evaluate).collect::<Evaluated<_>>()?;
    let Some(name) = path(callee) else {
        let Expr::Attribute(object, method) = callee else {
            return Err(Fault::Unreadable("only functions and methods by name are called".to_owned()));
        };
        return flow::method(evaluate(object)?, method, arguments);
    };
    let keywords = keywords.iter().map(|(name, value)| Ok((name.clone(), evaluate(value)?)));
    let keywords: Vec<(String, Value)> = keywords.collect::<Evaluated<_>>()?;
    if let Some(value) = constructor(&name, &arguments, &keywords) {
        // Rust has no literals of lists that differ in length; a shape is the array's.
        return value.map(Prepared::Value).map_err(Fault::Untyped);
    }
    let unknown = || Fault::Unreadable(format!("no function `{name}`"));
    let function = name.strip_prefix("tf.").or(NUMPYS.contains(&name.as_str()).then(|| &name[3..]));
    let function = function.ok_or_else(unknown)?;
    if let Some(prepared) = flow::function(function, &arguments, &keywords) {
        return prepared;
    }
    if let Some(prepared) = library::function(function, &arguments, &keywords) {
        return prepared;
    }
    if let Some((_, parameters, formula)) = raw_ops::FORMULAS.iter().find(|(name, ..)| *name == function) {
        return by_formula(parameters, formula, &keywords);
    }
    let bound = match function.strip_prefix("raw_ops.") {
        Some(raw) if !is_known(function) => raw_op(raw, keywords),
        _ => bind(function, arguments, keywords)?,
    };
    plan(function, bound)
}

/// The last op of a formula in which the parameters stand for what the call gives.
fn by_formula(parameters: &[&str], formula: &str, keywords: &[(String, Value)]) -> Evaluated<Prepared> {
    let expr = python::parse(formula).map_err(Fault::Unreadable)?;
    let given = parameters.iter().map(|name| {
        let value = keywords.iter().find(|(keyword, _)| keyword == name).map(|(_, value)| value);
        let value = value.ok_or_else(|| format!("`{name}` is missing"))?;
        Ok(((*name).to_owned(), Value::Tensor(tensor(value, None)?)))
    });
    let given = given.collect::<Evaluated<Vec<_>>>()?;
    let depth = NAMES.with_borrow_mut(|all| {
        let depth = all.len();
        all.extend(given);
        depth
    });
    let prepared = prepare(&expr);
    NAMES.with_borrow_mut(|all| all.truncate(depth));
    prepared
}

/// The call as a case, and so as ops.
fn plan(function: &str, mut call: Bound) -> Evaluated<Prepared> {
    let lacking = |message: String| Fault::Lacking(Failure::new(What::Attribute, message));
    let op = call.op.clone();
    for name in [function, &op].into_iter().take(if op == function { 1 } else { 2 }) {
        if let Some((_, rewrite)) = REWRITES.iter().chain(raw_ops::REWRITES).find(|(of, _)| *of == name) {
            rewrite(&mut call)?;
        }
    }
    let op = plan::find(&call.op).map_err(Fault::Lacking)?;
    if let Operands::Named(names) = op.inputs
        && let Some(at) = names.iter().position(|name| *name == "state")
        && at <= call.operands.len()
    {
        let state = state(call.take("seed").unwrap_or(Value::None)).map_err(Fault::Unreadable)?;
        call.operands.insert(at, ("state".to_owned(), state));
    }
    // Numbers take the dtype of the tensor that they meet.
    let mixes = matches!(op.lower, Lower::Elementwise(_)) || call.op == "nn.batch_norm";
    let met: Vec<DType> = call
        .operands
        .iter()
        .filter_map(|(_, value)| match value {
            Value::Tensor(x) if mixes => Some(x.dtype()),
            _ => None,
        })
        .collect();
    // A condition is no example for what it chooses from.
    let met = met.iter().find(|dtype| **dtype != DType::Bool).or(met.first()).copied();
    let operands = call.operands.iter().map(|(_, value)| tensor(value, met)).collect::<Result<Vec<_>, _>>();
    let operands = operands.map_err(Fault::Untyped)?;
    let attrs = call.attributes.iter().map(|(name, value)| Ok((name.clone(), attribute(value)?)));
    let attrs = attrs.collect::<Result<Map<String, Json>, String>>().map_err(Fault::Untyped)?;
    let inputs = operands.iter().map(|x| match x.is_symbolic() {
        false => Ok(testing::array(x)),
        // Only its dtype and shape are looked at.
        true => Array::zeros(x.dtype(), &x.shape()),
    });
    let inputs = inputs.collect::<Result<Vec<Array>, Error>>().map_err(|e| Fault::Unreadable(e.to_string()))?;
    let nothing = (Vec::new(), Vec::new(), Vec::new());
    let (outputs, cotangents, gradients) = nothing;
    let case =
        Case { id: String::new(), op: call.op, attrs, inputs, outputs, cotangents, gradients, rtol: 0.0, atol: 0.0 };
    let plan = Plan::of(&case).map_err(|failure| match failure.what {
        What::Type => Fault::Untyped(failure.message),
        _ => Fault::Lacking(failure),
    })?;
    plan.steps.iter().try_for_each(complete).map_err(lacking)?;
    if let Some((by, cotangent)) = call.gradient {
        let at = call.operands.iter().position(|(name, _)| name == by);
        let at = at.ok_or_else(|| Fault::Unreadable(format!("no operand `{by}`")))?;
        let cotangent = tensor(&cotangent, None).map_err(Fault::Untyped)?;
        return Ok(Prepared::Flow(Arc::new(Flow::gradient(plan, at, operands, cotangent))));
    }
    Ok(Prepared::Op(Arc::new(plan), operands))
}

/// The generator's state for a seed: one number, or the whole state.
fn state(seed: Value) -> Result<Value, String> {
    let seed = match seed {
        Value::List(list) => Value::List(list),
        Value::Int(seed) => Value::List(vec![Value::Int(seed), Value::Int(0)]),
        _ => Value::List(vec![Value::Int(0), Value::Int(0)]),
    };
    tensor(&seed, Some(DType::U64)).map(Value::Tensor)
}

/// A call with too few operands or attributes would be refused for the wrong reason.
fn complete(step: &Step) -> Result<(), String> {
    let (op, count) = (step.op, step.operands.len());
    let fits = match op.inputs {
        Operands::Named(names) => names.len() == count,
        // How many it needs, the op says itself.
        Operands::Variadic { .. } => true,
    };
    if !fits {
        return Err(format!("`{}` takes {:?}, the call gives {count}", op.name, op.inputs));
    }
    let missing = op.attrs.iter().find(|def| !def.optional && step.attrs.get(def.name).is_none());
    missing.map_or(Ok(()), |def| Err(format!("the call gives no `{}` of `{}`", def.name, op.name)))
}

/// NumPy's functions that TensorFlow has too.
const NUMPYS: &[&str] = &["np.zeros", "np.ones", "np.eye"];

/// An operator's op.
const OPERATORS: &[(&str, &str)] = &[
    ("+", "math.add"),
    ("-", "math.subtract"),
    ("*", "math.multiply"),
    ("/", "math.divide"),
    ("//", "math.floordiv"),
    ("%", "math.floormod"),
    ("**", "math.pow"),
    ("@", "matmul"),
    ("&", "bitwise.and"),
    ("|", "bitwise.or"),
    ("^", "bitwise.xor"),
    ("<<", "bitwise.left_shift"),
    (">>", "bitwise.right_shift"),
    ("==", "math.equal"),
    ("!=", "math.not_equal"),
    ("<", "math.less"),
    ("<=", "math.less_equal"),
    (">", "math.greater"),
    (">=", "math.greater_equal"),
];

fn binary(sign: &str, x: Value, y: Value) -> Evaluated<Prepared> {
    if !matches!(x, Value::Tensor(_)) && !matches!(y, Value::Tensor(_)) {
        return arithmetic(sign, x, y).map(Prepared::Value).map_err(Fault::Unreadable);
    }
    let op = OPERATORS.iter().find(|(s, _)| *s == sign).map(|(_, op)| *op);
    let op = op.ok_or_else(|| Fault::Unreadable(format!("no operator `{sign}` of tensors")))?;
    let operands = vec![("x".to_owned(), x), ("y".to_owned(), y)];
    plan(op, Bound { op: op.to_owned(), attributes: Vec::new(), operands, gradient: None })
}

fn unary(sign: &str, x: Value) -> Evaluated<Prepared> {
    let op = match (sign, x) {
        ("-", Value::Int(v)) => return Ok(Prepared::Value(Value::Int(-v))),
        ("-", Value::Float(v)) => return Ok(Prepared::Value(Value::Float(-v))),
        ("not", Value::Bool(v)) => return Ok(Prepared::Value(Value::Bool(!v))),
        ("+", x) => return Ok(Prepared::Value(x)),
        ("-", x @ Value::Tensor(_)) => ("math.negative", x),
        ("~", x @ Value::Tensor(_)) => ("bitwise.invert", x),
        (sign, x) => return Err(Fault::Unreadable(format!("no `{sign}` of {x:?}"))),
    };
    let operands = vec![("x".to_owned(), op.1)];
    plan(op.0, Bound { op: op.0.to_owned(), attributes: Vec::new(), operands, gradient: None })
}

fn index(x: Value, items: &[Item]) -> Evaluated<Prepared> {
    let x = match (x, items) {
        (Value::List(list), [Item::At(at)]) => {
            let Value::Int(at) = evaluate(at)? else {
                return Err(Fault::Unreadable("a list is indexed by an integer".to_owned()));
            };
            let at = if at < 0 { at + list.len() as i128 } else { at };
            let value = usize::try_from(at).ok().and_then(|at| list.get(at).cloned());
            let value = value.ok_or_else(|| Fault::Unreadable(format!("a list of {} has no [{at}]", list.len())))?;
            return Ok(Prepared::Value(value));
        }
        (x, _) => x,
    };
    let bound = |expr: &Option<Expr>| match expr {
        Some(expr) => attribute(&evaluate(expr)?).map_err(Fault::Unreadable),
        None => Ok(Json::Null),
    };
    let item = |item: &Item| match item {
        Item::Ellipsis => Ok(json!({"ellipsis": true})),
        Item::Slice([begin, end, step]) => Ok(json!({"slice": [bound(begin)?, bound(end)?, bound(step)?]})),
        Item::At(at) => match evaluate(at)? {
            Value::None => Ok(json!({"newaxis": true})),
            Value::Int(at) => Ok(json!({"int": attribute(&Value::Int(at)).map_err(Fault::Unreadable)?})),
            other => Err(Fault::Untyped(format!("no index {other:?}"))),
        },
    };
    let items = items.iter().map(item).collect::<Evaluated<Vec<Json>>>()?;
    let index = items.into_iter().map(|item| Value::Str(item.to_string())).collect();
    plan(
        "strided_slice",
        Bound {
            gradient: None,
            op: "strided_slice".to_owned(),
            attributes: vec![("index".to_owned(), Value::List(index))],
            operands: vec![("x".to_owned(), x)],
        },
    )
}

/// Functions that make values of literals.
fn constructor(name: &str, arguments: &[Value], keywords: &[(String, Value)]) -> Option<Result<Value, String>> {
    let first = arguments.first().or(keywords.first().map(|(_, value)| value))?;
    let dtype = || {
        let named = keywords.iter().find(|(name, _)| name == "dtype").map(|(_, value)| value);
        match named.or(arguments.get(1)) {
            Some(Value::DType(name)) => plan::dtype(name).map(Some).ok_or_else(|| format!("no dtype {name}")),
            _ => Ok(None),
        }
    };
    let named = |name: &str| keywords.iter().find(|(n, _)| n == name).map(|(_, value)| value);
    let shape = named("shape").or(arguments.get(2)).filter(|_| name == "tf.constant");
    Some(match name {
        "tf.constant" => dtype().and_then(|dtype| constant(first, dtype, shape)).map(Value::Tensor),
        "tf.convert_to_tensor" | "tf.Variable" | "np.array" => {
            dtype().and_then(|dtype| tensor(first, dtype)).map(Value::Tensor)
        }
        "float" => match first {
            Value::Str(text) => text.parse().map(Value::Float).map_err(|e| format!("float('{text}'): {e}")),
            other => float(other).map(Value::Float).ok_or_else(|| format!("no float of {other:?}")),
        },
        "int" => float(first).map(|v| Value::Int(v as i128)).ok_or_else(|| format!("no int of {first:?}")),
        "list" | "tuple" => Ok(first.clone()),
        _ => return None,
    })
}

/// The elements in a shape of their own; a single one fills it.
fn constant(value: &Value, dtype: Option<DType>, shape: Option<&Value>) -> Result<Tensor, String> {
    let x = tensor(value, dtype)?;
    let Some(shape) = shape.filter(|shape| !matches!(shape, Value::None)) else { return Ok(x) };
    let shape = attribute(shape).ok().and_then(|shape| plan::ints(&shape)).ok_or("a shape is a list of integers")?;
    let shaped = if x.size() == 1 {
        x.try_reshape([0i64; 0]).and_then(|x| x.try_broadcast_to(shape))
    } else {
        x.try_reshape(shape)
    };
    shaped.map_err(|e| e.to_string())
}

/// The value of what is no op.
fn literal(expr: &Expr) -> Evaluated {
    Ok(match expr {
        Expr::Int(v) => Value::Int(*v),
        Expr::Float(v) => Value::Float(*v),
        Expr::Str(v) => Value::Str(v.clone()),
        Expr::List(list) => Value::List(list.iter().map(evaluate).collect::<Evaluated<_>>()?),
        Expr::Name(name) if name == "None" => Value::None,
        Expr::Name(name) if name == "True" || name == "False" => Value::Bool(name == "True"),
        Expr::Name(name) => {
            let is_it = |(n, _): &&(String, Value)| n == name;
            let found = NAMES.with_borrow(|all| all.iter().rev().find(is_it).map(|(_, value)| value.clone()));
            found.ok_or_else(|| Fault::Unreadable(format!("no name `{name}`")))?
        }
        Expr::Lambda(names, body) => Value::Function(Arc::new((names.clone(), (**body).clone()))),
        Expr::Attribute(object, name) => match (path(expr).as_deref().and_then(|p| p.split_once('.')), name.as_str()) {
            (Some(("tf", "newaxis")), _) => Value::None,
            (Some(("np" | "math", "inf")), _) => Value::Float(f64::INFINITY),
            (Some(("np" | "math", "nan")), _) => Value::Float(f64::NAN),
            (Some(("np" | "math", "pi")), _) => Value::Float(std::f64::consts::PI),
            (Some(("tf" | "np", dtype)), _) => Value::DType(dtype.rsplit('.').next().unwrap_or(dtype).to_owned()),
            (_, "shape") => match evaluate(object)? {
                Value::Tensor(x) => Value::List(x.shape().iter().map(|&n| Value::Int(n as i128)).collect()),
                other => return Err(Fault::Unreadable(format!("no shape of {other:?}"))),
            },
            (_, name) => return Err(Fault::Unreadable(format!("no attribute `{name}`"))),
        },
        other => return Err(Fault::Unreadable(format!("no value of {other:?}"))),
    })
}

/// `tf.math.abs`
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.clone()),
        Expr::Attribute(object, name) => Some(format!("{}.{name}", path(object)?)),
        _ => None,
    }
}
