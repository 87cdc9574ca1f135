//! Calls of functions that call functions, and of methods: `tf.map_fn`, `tf.scan`, `tf.while_loop`, `tf.TensorArray`.
//!
//! A lambda's body is an expression like any other; in a traced loop its parameters are symbolic tensors.

use crate::calls::{Evaluated, Fault, Prepared, Refusal, evaluate_with};
use crate::plan::{self, Plan};
use crate::python::Expr;
use crate::values::{Value, tensor};
use crate::ways;
use std::sync::Arc;
use tracelift::{Error, GradientTape, Kind, Result, Tensor, TensorArray};

/// A call that runs lambdas, or something else that is no op of the table.
pub struct Flow {
    /// The ops that an error may name.
    ops: Vec<&'static str>,
    kind: Loop,
    functions: Vec<Arc<(Vec<String>, Expr)>>,
    /// The tensors that it is called with.
    pub operands: Vec<Tensor>,
    /// Whether the last operands are an initial state, and how many.
    initial: usize,
    most: Option<u64>,
}

enum Loop {
    Map,
    Scan,
    FoldLeft,
    FoldRight,
    While,
    Write(TensorArray, i64),
    Call(Call),
}

/// A function of tensors.
pub type Call = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync>;

impl Flow {
    /// A function that may fail under these names.
    pub fn call(ops: Vec<&'static str>, operands: Vec<Tensor>, call: Call) -> Flow {
        Flow { ops, kind: Loop::Call(call), functions: Vec::new(), operands, initial: 0, most: None }
    }

    /// Whether a lone result is no list.
    pub fn gives_tensor(&self) -> bool {
        matches!(self.kind, Loop::Call(_))
    }

    /// What the tape makes of `cotangent` for operand `at` of a plan.
    pub fn gradient(plan: Plan, at: usize, mut operands: Vec<Tensor>, cotangent: Tensor) -> Flow {
        let mut ops: Vec<&'static str> = plan.steps.iter().map(|step| step.op.name).collect();
        ops.push("gradient");
        operands.push(cotangent);
        let call = move |operands: &[Tensor]| {
            let (cotangent, inputs) = operands.split_last().expect("there is a cotangent");
            let tape = GradientTape::new();
            tape.watch(&inputs[at]);
            let results = ways::apply(&plan, inputs)?;
            tracelift::attempt(|| vec![tape.gradient_with(&results[0], cotangent, &inputs[at])])
        };
        Flow::call(ops, operands, Box::new(call))
    }

    /// The results for operands of the same kind, possibly symbolic.
    pub fn run(&self, operands: &[Tensor]) -> Result<Value> {
        let lambda = |k: usize| {
            let function = self.functions[k].clone();
            move |values: &[Tensor]| results(evaluate_with(&function.1, &function.0, bind(&function.0, values)))
        };
        let (xs, initial) = operands.split_at(operands.len() - self.initial);
        let results = match &self.kind {
            Loop::Map => tracelift::try_map_fn_many(|x| unwrap(lambda(0)(x)), xs)?,
            Loop::While => {
                let condition = |v: &[Tensor]| unwrap(lambda(0)(v)).swap_remove(0);
                tracelift::try_while_loop(condition, |v| unwrap(lambda(1)(v)), initial.to_vec(), self.most)?
            }
            Loop::Scan | Loop::FoldLeft | Loop::FoldRight => {
                let step = |state: &Tensor, x: &Tensor| unwrap(lambda(0)(&[state.clone(), x.clone()])).swap_remove(0);
                vec![match &self.kind {
                    Loop::Scan => tracelift::try_scan(step, &xs[0], &initial[0])?,
                    Loop::FoldLeft => tracelift::attempt(|| tracelift::foldl(step, &xs[0], &initial[0]))?,
                    _ => tracelift::attempt(|| tracelift::foldr(step, &xs[0], &initial[0]))?,
                }]
            }
            Loop::Call(call) => call(operands)?,
            Loop::Write(array, index) => return Ok(Value::Array(array.try_write(*index, &operands[0])?)),
        };
        Ok(Value::List(results.into_iter().map(Value::Tensor).collect()))
    }

    /// The tensors among the results.
    pub fn tensors(&self, operands: &[Tensor]) -> Result<Vec<Tensor>> {
        match self.run(operands)? {
            Value::List(list) => {
                Ok(list.into_iter().filter_map(|v| if let Value::Tensor(x) = v { Some(x) } else { None }).collect())
            }
            _ => Ok(operands.to_vec()),
        }
    }

    /// An error of it.
    pub fn refusal(&self, error: Error) -> Refusal {
        let operands = self.operands.iter().map(|x| format!("{}{:?}", x.dtype(), &x.shape()[..])).collect();
        Refusal { error, ops: self.ops.clone(), operands }
    }
}

/// Each parameter's value; a lone parameter of several tensors is their list, as of a tuple.
fn bind(names: &[String], values: &[Tensor]) -> Vec<Value> {
    let values: Vec<Value> = values.iter().cloned().map(Value::Tensor).collect();
    if names.len() == 1 && values.len() > 1 { vec![Value::List(values)] } else { values }
}

fn results(value: Evaluated) -> Result<Vec<Tensor>> {
    let unreadable = |message: String| Error::new(Kind::Value, format!("the lambda has no value: {message}"));
    match value {
        Ok(Value::List(list)) => list.iter().map(|v| tensor(v, None).map_err(unreadable)).collect(),
        Ok(value) => Ok(vec![tensor(&value, None).map_err(unreadable)?]),
        Err(Fault::Refused(refusal)) => Err(refusal.error),
        Err(Fault::Lacking(failure)) => Err(unreadable(failure.message)),
        Err(Fault::Unreadable(message) | Fault::Untyped(message)) => Err(unreadable(message)),
    }
}

/// A lambda's error leaves the loop as a panic that carries it, and is caught where the loop was called.
fn unwrap(results: Result<Vec<Tensor>>) -> Vec<Tensor> {
    results.unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error)))
}

/// A function by TensorFlow's name; None if it is none of these.
pub fn function(name: &str, arguments: &[Value], keywords: &[(String, Value)]) -> Option<Evaluated<Prepared>> {
    let parameters: &[&str] = match name {
        "map_fn" | "vectorized_map" => &["fn", "elems"],
        "scan" | "foldl" | "foldr" => &["fn", "elems", "initializer"],
        "while_loop" => &["cond", "body", "loop_vars"],
        "TensorArray" => &["dtype", "size"],
        _ => return None,
    };
    let argument = |name: &str| {
        let by_keyword = || keywords.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        let at = parameters.iter().position(|p| *p == name);
        at.and_then(|at| arguments.get(at)).or_else(by_keyword).cloned().unwrap_or(Value::None)
    };
    Some(if name == "TensorArray" { tensor_array(&argument) } else { looping(name, &argument) })
}

fn tensor_array(argument: &dyn Fn(&str) -> Value) -> Evaluated<Prepared> {
    match (argument("dtype"), argument("size")) {
        (Value::DType(dtype), Value::Int(size)) => {
            let dtype = plan::dtype(&dtype).ok_or_else(|| Fault::Unreadable(format!("no dtype {dtype}")))?;
            let size = usize::try_from(size).map_err(|_| Fault::Untyped(format!("no size {size}")))?;
            Ok(Prepared::Value(Value::Array(TensorArray::new(dtype, size))))
        }
        other => Err(Fault::Unreadable(format!("no TensorArray of {other:?}"))),
    }
}

fn looping(name: &str, argument: &dyn Fn(&str) -> Value) -> Evaluated<Prepared> {
    let function = |name: &str| match argument(name) {
        Value::Function(function) => Ok(function),
        other => Err(Fault::Unreadable(format!("`{name}` is {other:?}, no lambda"))),
    };
    let tensors = |name: &str| match argument(name) {
        Value::None => Ok(Vec::new()),
        Value::List(list) if list.iter().any(|v| matches!(v, Value::Tensor(_))) => {
            list.iter().map(|v| tensor(v, None)).collect::<std::result::Result<Vec<_>, String>>()
        }
        // The variables of a loop are a list of tensors even where they are written as numbers.
        Value::List(list) if name == "loop_vars" => list.iter().map(|v| tensor(v, None)).collect(),
        value => tensor(&value, None).map(|x| vec![x]),
    };
    let tensors = |name: &str| tensors(name).map_err(Fault::Unreadable);
    let (op, kind) = match name {
        "scan" => ("scan", Loop::Scan),
        "foldl" => ("foldl", Loop::FoldLeft),
        "foldr" => ("foldr", Loop::FoldRight),
        "while_loop" => ("while_loop", Loop::While),
        _ => ("map_fn", Loop::Map),
    };
    let functions = match kind {
        Loop::While => vec![function("cond")?, function("body")?],
        _ => vec![function("fn")?],
    };
    let mut operands = tensors("elems")?;
    let is_while = matches!(kind, Loop::While);
    let mut initial = tensors(if is_while { "loop_vars" } else { "initializer" })?;
    if matches!(kind, Loop::Scan | Loop::FoldLeft | Loop::FoldRight) && (operands.len(), initial.len()) != (1, 1) {
        return Err(Fault::Unreadable(format!("{name} of one tensor with an initializer")));
    }
    let count = initial.len();
    operands.append(&mut initial);
    let most = match argument("maximum_iterations") {
        Value::Int(most) => u64::try_from(most).ok(),
        _ => None,
    };
    let ops = vec![op];
    Ok(Prepared::Flow(Arc::new(Flow { ops, kind, functions, operands, initial: count, most })))
}

/// A method by name.
pub fn method(object: Value, name: &str, arguments: Vec<Value>) -> Evaluated<Prepared> {
    let unreadable = |message: String| Fault::Unreadable(message);
    match (object, name, arguments.as_slice()) {
        (Value::Array(array), "write", [Value::Int(at), value]) => {
            let value = tensor(value, None).map_err(unreadable)?;
            let index = i64::try_from(*at).map_err(|_| unreadable(format!("no index {at}")))?;
            let (ops, kind) = (vec!["tensor_array_write"], Loop::Write(array, index));
            let (functions, operands) = (Vec::new(), vec![value]);
            Ok(Prepared::Flow(Arc::new(Flow { ops, kind, functions, operands, initial: 0, most: None })))
        }
        (Value::Array(array), "read", [Value::Int(at)]) => {
            let index = i64::try_from(*at).map_err(|_| unreadable(format!("no index {at}")))?;
            array.try_read(index).map(|x| Prepared::Value(Value::Tensor(x))).map_err(refused)
        }
        (Value::Array(array), "stack", []) => {
            array.try_stack().map(|x| Prepared::Value(Value::Tensor(x))).map_err(refused)
        }
        (object, name, _) => Err(unreadable(format!("no method `{name}` of {object:?}"))),
    }
}

fn refused(error: Error) -> Fault {
    let ops = vec!["tensor_array_read", "tensor_array_write", "tensor_array_stack", "stack"];
    Fault::Refused(Refusal { error, ops, operands: vec!["of size".to_owned()] })
}
