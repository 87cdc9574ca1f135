//! The three ways to run a case, [`WAYS`], and [`run`]: all of them, values and gradients, compared with the corpus.

use crate::corpus::Case;
use crate::outcome::{Failure, What};
use crate::plan::Plan;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tracelift::{GradientTape, Result, Tensor, testing};
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::{Loc, TensorSpec, grad, interp};
use tracelift_runtime::Array;

/// Computes gradients, in the case's order; None where nothing is connected.
type Gradients = fn(&Arc<Plan>, &Case) -> Result<Vec<Option<Array>>>;

/// One way to run a plan.
pub struct Way {
    /// In tables and reports.
    pub name: &'static str,
    /// The results.
    values: fn(&Arc<Plan>, &[Array]) -> Result<Vec<Array>>,
    /// The gradients of `sum(cotangent * result)` in the case's order; None where nothing is connected.
    gradients: Gradients,
}

/// The executable specification, compiled single ops, a compiled function.
pub static WAYS: [Way; 3] = [
    Way { name: "interpreter", values: interpreter::values, gradients: interpreter::gradients },
    Way { name: "eager", values: eager::values, gradients: eager::gradients },
    Way { name: "function", values: function::values, gradients: function::gradients },
];

/// The frontend, op by op.
pub static EAGER: &Way = &WAYS[1];

/// The frontend, traced and compiled.
pub static FUNCTION: &Way = &WAYS[2];

impl Way {
    /// The plan's results.
    pub fn run(&self, plan: &Arc<Plan>, inputs: &[Tensor]) -> Result<Vec<Array>> {
        (self.values)(plan, &arrays(inputs))
    }
}

/// What is wrong with the case, in any way.
pub fn run(case: &Case) -> Vec<Failure> {
    let plan = match Plan::of(case) {
        Ok(plan) => Arc::new(plan),
        Err(failure) => return vec![failure],
    };
    let mut failures = Vec::new();
    for way in &WAYS {
        let mut fail = |what, message| failures.push(Failure { way: Some(way), what, message });
        if let Err(message) = guarded(|| check_values(way, &plan, case)) {
            fail(What::Value, message);
        }
        if !case.gradients.is_empty()
            && let Err(message) = guarded(|| check_gradients(way, &plan, case))
        {
            fail(What::Gradient, message);
        }
    }
    failures
}

fn check_values(way: &Way, plan: &Arc<Plan>, case: &Case) -> Result<(), String> {
    let results = (way.values)(plan, &case.inputs).map_err(|e| e.to_string())?;
    if results.len() != case.outputs.len() {
        return Err(format!("{} results instead of {}", results.len(), case.outputs.len()));
    }
    for (k, (result, expected)) in results.iter().zip(&case.outputs).enumerate() {
        compare(result, expected, case).map_err(|m| format!("result {k}: {m}"))?;
    }
    Ok(())
}

fn check_gradients(way: &Way, plan: &Arc<Plan>, case: &Case) -> Result<(), String> {
    let gradients = (way.gradients)(plan, case).map_err(|e| e.to_string())?;
    for (gradient, (j, expected)) in gradients.iter().zip(&case.gradients) {
        let outcome = match gradient {
            Some(gradient) => compare(gradient, expected, case),
            None if eval::floats(expected).iter().all(|&v| v == 0.0) => Ok(()),
            None => Err("nothing flows back".to_owned()),
        };
        outcome.map_err(|m| format!("gradient of operand {j}: {m}"))?;
    }
    Ok(())
}

/// Equal shapes; floats of one dtype within the case's tolerances, NaN equal to NaN; integers, of any width, exactly.
fn compare(actual: &Array, expected: &Array, case: &Case) -> Result<(), String> {
    let is_like = if expected.dtype().is_int() { actual.dtype().is_int() } else { actual.dtype() == expected.dtype() };
    if !is_like || actual.shape() != expected.shape() {
        let spec = |a: &Array| format!("{}{:?}", a.dtype(), a.shape());
        return Err(format!("{} instead of {}", spec(actual), spec(expected)));
    }
    if !expected.dtype().is_float() {
        let (a, b) = (eval::ints(actual), eval::ints(expected));
        let wrong = (0..a.len()).find(|&i| a[i] != b[i]);
        return wrong.map_or(Ok(()), |i| Err(format!("element {i} is {} instead of {}", a[i], b[i])));
    }
    let (a, b) = (eval::floats(actual), eval::floats(expected));
    let close = |a: f64, b: f64| {
        a == b || a.is_nan() && b.is_nan() || b.is_finite() && (a - b).abs() <= case.atol + case.rtol * b.abs()
    };
    let wrong = (0..a.len()).find(|&i| !close(a[i], b[i]));
    wrong.map_or(Ok(()), |i| Err(format!("element {i} is {:e} instead of {:e}", a[i], b[i])))
}

/// A panic is a failure of the case alone.
fn guarded(f: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| Err(panic_text(&*payload)))
}

/// What a panic said.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    format!("panicked: {text}")
}

/// A graph of the plan's ops, run by the reference evaluator.
mod interpreter {
    use super::*;

    pub fn values(plan: &Arc<Plan>, inputs: &[Array]) -> Result<Vec<Array>> {
        let mut builder = GraphBuilder::new("case");
        let (_, results) = build(&mut builder, plan, inputs)?;
        interp::run(&builder.finish(results), inputs)
    }

    pub fn gradients(plan: &Arc<Plan>, case: &Case) -> Result<Vec<Option<Array>>> {
        let mut builder = GraphBuilder::new("case");
        let (parameters, results) = build(&mut builder, plan, &case.inputs)?;
        let targets = results.iter().zip(&case.cotangents).filter_map(|(&result, cotangent)| {
            let cotangent = builder.constant(cotangent.clone()?);
            Some((result, Some(cotangent)))
        });
        let targets: Vec<_> = targets.collect();
        let sources: Vec<ValueId> = case.gradients.iter().map(|(j, _)| parameters[*j]).collect();
        let gradients = grad::gradient(&mut builder, &targets, &sources)?;
        let connected = gradients.iter().flatten().copied().collect();
        let mut arrays = interp::run(&builder.finish(connected), &case.inputs)?.into_iter();
        Ok(gradients.iter().map(|g| g.and_then(|_| arrays.next())).collect())
    }

    fn build(builder: &mut GraphBuilder, plan: &Plan, inputs: &[Array]) -> Result<(Vec<ValueId>, Vec<ValueId>)> {
        let spec = |a: &Array| TensorSpec::new(a.dtype(), a.shape().iter().copied());
        let inputs: Vec<ValueId> = inputs.iter().map(|a| builder.parameter("x", spec(a))).collect();
        let constants: Vec<ValueId> = plan.constants.iter().map(|a| builder.constant(a.clone())).collect();
        let results = plan.run(&inputs, &constants, |step, operands| {
            builder.apply_at(step.op, step.attrs.clone(), operands, Loc::default()).map(|r| r.into_vec())
        })?;
        Ok((inputs, results))
    }
}

/// The frontend, op by op.
mod eager {
    use super::*;

    pub fn values(plan: &Arc<Plan>, inputs: &[Array]) -> Result<Vec<Array>> {
        Ok(arrays(&apply(plan, &tensors(inputs))?))
    }

    pub fn gradients(plan: &Arc<Plan>, case: &Case) -> Result<Vec<Option<Array>>> {
        let (cotangents, outputs) = cotangents(case);
        let gradients = differentiate(plan, &tensors(&case.inputs), &cotangents, &outputs, &wanted(case))?;
        Ok(arrays(&gradients).into_iter().map(Some).collect())
    }
}

/// The frontend, in a function that is traced and compiled.
mod function {
    use super::*;

    pub fn values(plan: &Arc<Plan>, inputs: &[Array]) -> Result<Vec<Array>> {
        let plan = plan.clone();
        let traced = tracelift::function(move |inputs: &Vec<Tensor>| apply(&plan, inputs));
        Ok(arrays(&traced.try_call(&tensors(inputs))??))
    }

    pub fn gradients(plan: &Arc<Plan>, case: &Case) -> Result<Vec<Option<Array>>> {
        let (plan, wanted) = (plan.clone(), wanted(case));
        let (cotangents, outputs) = cotangents(case);
        let traced = tracelift::function(move |inputs: &Vec<Tensor>, cotangents: &Vec<Tensor>| {
            differentiate(&plan, inputs, cotangents, &outputs, &wanted)
        });
        let gradients = traced.try_call(&tensors(&case.inputs), &cotangents)??;
        Ok(arrays(&gradients).into_iter().map(Some).collect())
    }
}

/// The plan on tensors: at once, or recorded.
pub fn apply(plan: &Plan, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let constants = tensors(&plan.constants);
    plan.run(inputs, &constants, |step, operands| {
        testing::apply_op(step.op, step.attrs.clone(), &operands.iter().collect::<Vec<_>>())
    })
}

/// The gradients of the sum of `cotangents[i] * results[outputs[i]]`; zeros where nothing is connected.
fn differentiate(
    plan: &Plan,
    inputs: &[Tensor],
    cotangents: &[Tensor],
    outputs: &[usize],
    wanted: &[usize],
) -> Result<Vec<Tensor>> {
    let sources: Vec<Tensor> = wanted.iter().map(|&j| inputs[j].clone()).collect();
    let tape = GradientTape::new();
    tape.watch(&sources);
    let results = apply(plan, inputs)?;
    let apply1 = |op: &'static OpDef, inputs: &[&Tensor]| {
        testing::apply_op(op, Attrs::new(), inputs).map(|mut results| results.swap_remove(0))
    };
    let mut target: Option<Tensor> = None;
    for (cotangent, &k) in cotangents.iter().zip(outputs) {
        let product = apply1(&ops::MULTIPLY, &[cotangent, &results[k]])?;
        let sum = apply1(&ops::REDUCE_SUM, &[&product])?;
        target = Some(match target {
            Some(target) => apply1(&ops::ADD, &[&target, &sum])?,
            None => sum,
        });
    }
    let target = target.expect("a case with gradients has cotangents");
    tracelift::attempt(|| tape.gradient_or_zero(&target, &sources))
}

/// The cotangents that there are, and whose they are.
fn cotangents(case: &Case) -> (Vec<Tensor>, Vec<usize>) {
    let given = case.cotangents.iter().enumerate().filter_map(|(k, c)| Some((Tensor::from(c.clone()?), k)));
    given.unzip()
}

fn wanted(case: &Case) -> Vec<usize> {
    case.gradients.iter().map(|(j, _)| *j).collect()
}

fn tensors(arrays: &[Array]) -> Vec<Tensor> {
    arrays.iter().map(|a| Tensor::from(a.clone())).collect()
}

fn arrays(tensors: &[Tensor]) -> Vec<Array> {
    tensors.iter().map(testing::array).collect()
}
