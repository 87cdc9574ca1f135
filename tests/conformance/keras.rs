//! Keras's numbers: losses, metrics, optimizers, schedules and initializers, by the classes' names: [`records`].
//!
//! A class is found in [`catalog`](crate::catalog), its arguments become calls there; the cases and what they must give
//! are in the corpus' files. Layers and trainings are not run yet.

use crate::catalog;
use crate::corpus::number;
use crate::outcome::{Failure, Outcome, What};
use crate::report::Record;
use crate::ways::{self, EAGER, FUNCTION, Way};
use serde_json::{Map, Value as Json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use tracelift::losses::Loss;
use tracelift::metrics::Metric;
use tracelift::optimizers::{Optimizer, schedule::Schedule};
use tracelift::{DType, GradientTape, Result, Tensor, Variable, testing};
use tracelift_compiler::ops::eval;

/// The name of the corpus' folder.
pub const FOLDER: &str = "keras";

/// Files that hold cases, and how a case runs.
const FILES: &[(&str, Reader)] = &[
    ("initializers", |json| list(json, initializer)),
    ("losses", |json| list(json, loss)),
    ("metrics", |json| list(json, metric)),
    ("optimizers", optimizers),
];

/// The cases of a file: the class of each and what is wrong with it.
type Reader = fn(&Json) -> Result<Vec<(String, Vec<Failure>)>, String>;

/// The outcomes of all cases whose class is chosen.
pub fn records(corpora: &Path, is_chosen: &dyn Fn(&str) -> bool) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    for (file, read) in FILES {
        let path = corpora.join(FOLDER).join(format!("{file}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let json: Json = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let cases = read(&json).map_err(|e| format!("{}: {e}", path.display()))?;
        let chosen = cases.into_iter().enumerate().map(|(k, (class, failures))| {
            let op = format!("{FOLDER}.{file}.{class}");
            let outcome = Outcome::Ran(failures);
            Record { subject: FOLDER, id: format!("{op}.{k}"), op, has_gradients: *file == "losses", outcome }
        });
        records.extend(chosen.filter(|record| is_chosen(&record.op)));
    }
    Ok(records)
}

/// How closely numbers agree: single precision results, and double precision ones.
#[derive(Clone, Copy)]
struct Tolerance(f64, f64);

const SINGLE: Tolerance = Tolerance(1e-5, 2e-6);
const DOUBLE: Tolerance = Tolerance(1e-9, 1e-9);

/// Cases by class, with what failed of each.
type Cases = Vec<(String, Vec<Failure>)>;

/// Runs one case.
type Check = fn(&Map<String, Json>) -> Result<Vec<Failure>, String>;

fn list(json: &Json, run: Check) -> Result<Cases, String> {
    let cases = json.as_array().ok_or("no list of cases")?;
    cases
        .iter()
        .map(|case| {
            let case = case.as_object().ok_or("a case is no object")?;
            let class = case.get("class").and_then(Json::as_str).ok_or("a case has no `class`")?;
            Ok((class.to_owned(), run(case)?))
        })
        .collect()
}

/// Runs `f` in both ways; what it says is wrong, or its panic, is a failure.
fn both_ways(f: impl Fn(&'static Way) -> Result<(), String>) -> Vec<Failure> {
    let run = |way: &'static Way| {
        let outcome = catch_unwind(AssertUnwindSafe(|| f(way))).unwrap_or_else(|p| Err(ways::panic_text(&*p)));
        outcome.err().map(|message| Failure { way: Some(way), what: What::Value, message })
    };
    [EAGER, FUNCTION].into_iter().filter_map(run).collect()
}

/// A loss and the gradient of its product with a cotangent.
fn loss(case: &Map<String, Json>) -> Result<Vec<Failure>, String> {
    let class = text(case, "class")?;
    let loss: Arc<dyn Loss + Send + Sync> = match catalog::loss(class, &case["args"], text(case, "reduction")?) {
        Ok(loss) => loss,
        Err(failure) => return Ok(vec![failure]),
    };
    let (y_true, y_pred) = (tensor(&case["y_true"])?, tensor(&case["y_pred"])?);
    let weights = optional(case, "sample_weight")?;
    // The numbers are of single precision, whatever their digits.
    let single = |json: &Json| tensor(json).map(|x| x.cast(DType::F32));
    let (value, cotangent) = (tensor(&case["loss"])?, single(&case["cotangent"])?);
    let gradient = tensor(&case["grad_y_pred"])?;
    Ok(both_ways(|way| {
        let (loss, weights) = (loss.clone(), weights.clone());
        let body = move |y_true: &Tensor, y_pred: &Tensor, cotangent: &Tensor| -> Result<(Tensor, Tensor)> {
            let tape = GradientTape::new();
            tape.watch(y_pred);
            let value = loss.try_call(y_true, y_pred, weights.as_ref())?;
            let target = tracelift::try_reduce_sum(&value * cotangent)?;
            Ok((value, tape.try_gradient(&target, y_pred)?))
        };
        let found = match std::ptr::eq(way, EAGER) {
            true => body(&y_true, &y_pred, &cotangent),
            false => tracelift::function(body).try_call(&y_true, &y_pred, &cotangent).and_then(|r| r),
        };
        let (found, slope) = found.map_err(|e| e.to_string())?;
        compare("loss", &found, &value, SINGLE)?;
        compare("gradient", &slope, &gradient, SINGLE)
    }))
}

/// The result after each update.
fn metric(case: &Map<String, Json>) -> Result<Vec<Failure>, String> {
    let class = text(case, "class")?;
    let updates = case["updates"].as_array().ok_or("no list `updates`")?;
    let read = |update: &Json| {
        let update = update.as_object().ok_or("an update is no object")?;
        let [y_true, y_pred, result] = ["y_true", "y_pred", "result"].map(|key| tensor(&update[key]));
        Ok((y_true?, y_pred?, optional(update, "sample_weight")?, result?))
    };
    let updates = updates.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    if let Err(failure) = catalog::metric(class, &case["args"]) {
        return Ok(vec![failure]);
    }
    Ok(both_ways(|way| {
        let metric: Arc<dyn Metric + Send + Sync> = catalog::metric(class, &case["args"]).map_err(|f| f.message)?;
        for round in ["", " after reset_state"] {
            let update = {
                let metric = metric.clone();
                move |y_true: &Tensor, y_pred: &Tensor, weights: &Option<Tensor>| -> Result<Tensor> {
                    metric.try_update_state(y_true, y_pred, weights.as_ref())?;
                    metric.try_result()
                }
            };
            let traced = tracelift::function(update.clone());
            for (k, (y_true, y_pred, weights, expected)) in updates.iter().enumerate() {
                let found = match std::ptr::eq(way, EAGER) {
                    true => update(y_true, y_pred, weights),
                    false => traced.try_call(y_true, y_pred, weights).and_then(|r| r),
                };
                let found = found.map_err(|e| format!("update {k}{round}: {e}"))?;
                compare(&format!("update {k}{round}"), &found, expected, SINGLE)?;
            }
            metric.reset_state();
        }
        Ok(())
    }))
}

/// Every run's path, and every schedule's values.
fn optimizers(json: &Json) -> Result<Vec<(String, Vec<Failure>)>, String> {
    let problem = Problem::read(&json["problem"])?;
    let mut cases = Vec::new();
    for run in json["runs"].as_object().into_iter().flatten().map(|(_, run)| run) {
        let run = run.as_object().ok_or("a run is no object")?;
        let class = text(run, "class")?;
        let failures = match catalog::optimizer(class, &run["config"]) {
            Err(failure) => vec![failure],
            Ok(_) => both_ways(|way| {
                let optimizer = catalog::optimizer(class, &run["config"]).map_err(|f| f.message)?;
                problem.descend(optimizer, run, way)
            }),
        };
        cases.push((class.to_owned(), failures));
    }
    for schedule in json["schedules"].as_object().into_iter().flatten().map(|(_, schedule)| schedule) {
        let case = schedule.as_object().ok_or("a schedule is no object")?;
        let class = text(case, "class")?;
        let (steps, values) = (numbers(&case["step"])?, numbers(&case["value"])?);
        let failures = match catalog::schedule(class, &case["config"]) {
            Err(failure) => vec![failure],
            Ok(schedule) => {
                let schedule: Arc<dyn Schedule> = Arc::from(schedule);
                both_ways(|way| {
                    let schedule = schedule.clone();
                    let body = move |step: &Tensor| schedule.value(step);
                    let traced = tracelift::function(body.clone());
                    steps.iter().zip(&values).try_for_each(|(&step, &value)| {
                        let step = Tensor::from(step);
                        let found = match std::ptr::eq(way, EAGER) {
                            true => body(&step),
                            false => traced.try_call(&step).map_err(|e| e.to_string())?,
                        };
                        compare("rate", &found, &Tensor::from(value), DOUBLE)
                    })
                })
            }
        };
        cases.push((class.to_owned(), failures));
    }
    Ok(cases)
}

/// `0.5 |A vec(w) - b|² + 0.25 Σ v⁴ + Σ v Σ w`, in f64.
struct Problem {
    a: Tensor,
    b: Tensor,
    w: Tensor,
    v: Tensor,
}

impl Problem {
    fn read(json: &Json) -> Result<Problem, String> {
        let [a, b, w, v] = ["A", "b", "w0", "v0"].map(|key| tensor(&json[key]).map(|x| x.cast(DType::F64)));
        Ok(Problem { a: a?, b: b?, w: w?, v: v? })
    }

    /// Compares the loss before and the variables after every step.
    fn descend(
        &self,
        optimizer: Arc<dyn Optimizer + Send + Sync>,
        run: &Map<String, Json>,
        way: &Way,
    ) -> Result<(), String> {
        let (w, v) = (Variable::new(self.w.clone()).named("w"), Variable::new(self.v.clone()).named("v"));
        let step = {
            let (a, b) = (self.a.clone(), self.b.clone());
            move |w: &Variable, v: &Variable| -> Result<Tensor> {
                let tape = GradientTape::new();
                let rest = tracelift::try_matmul(&a, w.value().reshape([-1, 1]))?.reshape([-1]) - &b;
                let fourth = v.value().square().square();
                let loss = rest.square().sum() * 0.5 + fourth.sum() * 0.25 + v.value().sum() * w.value().sum();
                let variables = [w.clone(), v.clone()];
                let gradients = tape.try_gradient(&loss, &variables)?;
                optimizer.try_apply(&gradients, &variables)?;
                Ok(loss)
            }
        };
        let traced = tracelift::function(step.clone());
        let [losses, ws, vs] = ["loss", "w", "v"].map(|key| run[key].as_array().ok_or(format!("no list `{key}`")));
        for (k, ((loss, at_w), at_v)) in losses?.iter().zip(ws?).zip(vs?).enumerate() {
            let found = match std::ptr::eq(way, EAGER) {
                true => step(&w, &v),
                false => traced.try_call(&w, &v).and_then(|r| r),
            };
            let found = found.map_err(|e| format!("step {k}: {e}"))?;
            let flat = |x: &Variable| x.value().reshape([-1]);
            for (what, found, expected) in [("loss", found, loss), ("w", flat(&w), at_w), ("v", flat(&v), at_v)] {
                let expected = tensor(expected)?.cast(DType::F64);
                compare(&format!("step {k}, {what}"), &found, &expected, DOUBLE)?;
            }
        }
        Ok(())
    }
}

/// The first moments and the bounds of a value; whether it is orthogonal where it has to be.
fn initializer(case: &Map<String, Json>) -> Result<Vec<Failure>, String> {
    let class = text(case, "class")?;
    let shape: Vec<usize> = numbers(&case["shape"])?.into_iter().map(|n| n as usize).collect();
    let initializer = match catalog::initializer(class, &case["args"]) {
        Ok(initializer) => initializer,
        Err(failure) => return Ok(vec![failure]),
    };
    let check = || {
        tracelift::random::set_seed(20);
        let value = initializer.value(&shape, DType::F64);
        if *value.shape() != shape[..] {
            return Err(format!("the shape is {:?} instead of {shape:?}", value.shape()));
        }
        let x = eval::floats(&testing::array(&value));
        let count = x.len() as f64;
        let mean = x.iter().sum::<f64>() / count;
        let deviation = (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt();
        let (least, greatest) = x.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
        let wanted = |key: &str| case.get(key).and_then(number).ok_or_else(|| format!("no number `{key}`"));
        let spread = wanted("std")?;
        // Two samples of `count`: six standard errors each of their means and deviations.
        let slack = 6.0 * spread * (2.0 / count).sqrt() + 1e-12;
        let near = |what: &str, found: f64, expected: f64, slack: f64| match (found - expected).abs() <= slack {
            true => Ok(()),
            false => Err(format!("the {what} is {found} instead of {expected}, ± {slack}")),
        };
        near("mean", mean, wanted("mean")?, slack)?;
        near("deviation", deviation, spread, slack)?;
        // Bounded distributions come near their bounds (a sample of the corpus lies a little beyond), others scatter.
        let ends = if is_bounded(&wanted("min")?, &wanted("max")?, spread) { 0.2 } else { 1.5 };
        near("least value", least, wanted("min")?, ends * spread)?;
        near("greatest value", greatest, wanted("max")?, ends * spread)?;
        if case.contains_key("gram_is_gain_squared_identity_maxdev") {
            let gain = case["args"]["gain"].as_f64().unwrap_or(1.0);
            orthogonal(&x, *shape.last().unwrap_or(&1), gain)?;
        }
        Ok(())
    };
    let outcome = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|p| Err(ways::panic_text(&*p)));
    Ok(outcome.err().map(|message| Failure { way: Some(EAGER), what: What::Value, message }).into_iter().collect())
}

/// Whether the ends lie so near that the distribution must end there.
fn is_bounded(least: &f64, greatest: &f64, spread: f64) -> bool {
    greatest - least < 4.8 * spread
}

/// Rows or columns, whichever are fewer, are orthogonal, of length `gain`.
fn orthogonal(x: &[f64], columns: usize, gain: f64) -> Result<(), String> {
    let rows = x.len() / columns;
    let at = |i: usize, k: usize| if rows <= columns { x[i * columns + k] } else { x[k * columns + i] };
    for i in 0..rows.min(columns) {
        for j in 0..=i {
            let product: f64 = (0..rows.max(columns)).map(|k| at(i, k) * at(j, k)).sum();
            let expected = if i == j { gain * gain } else { 0.0 };
            if (product - expected).abs() > 1e-6 {
                return Err(format!("the product of vectors {i} and {j} is {product} instead of {expected}"));
            }
        }
    }
    Ok(())
}

fn text<'a>(case: &'a Map<String, Json>, key: &str) -> Result<&'a str, String> {
    case.get(key).and_then(Json::as_str).ok_or_else(|| format!("no text `{key}`"))
}

fn numbers(json: &Json) -> Result<Vec<f64>, String> {
    let list = json.as_array().ok_or("no list of numbers")?;
    list.iter().map(|n| number(n).ok_or_else(|| format!("{n} is no number"))).collect()
}

fn optional(case: &Map<String, Json>, key: &str) -> Result<Option<Tensor>, String> {
    case.get(key).filter(|value| !value.is_null()).map(tensor).transpose()
}

/// Nested lists as a tensor: i32 if all numbers are integers, f32 if they are exact in it, else f64.
fn tensor(json: &Json) -> Result<Tensor, String> {
    let (mut shape, mut flat) = (Vec::new(), Vec::new());
    flatten(json, 0, &mut shape, &mut flat)?;
    let values = flat
        .iter()
        .map(|n| number(n).ok_or_else(|| format!("{n} is no number")))
        .collect::<Result<Vec<f64>, String>>()?;
    let dtype = if !flat.is_empty() && flat.iter().all(|n| n.is_i64()) {
        DType::I32
    } else if values.iter().all(|&v| is_single(v)) {
        DType::F32
    } else {
        DType::F64
    };
    let array = tracelift_runtime::Array::from_vec(&shape, values).and_then(|array| array.cast(dtype));
    array.map(Tensor::from).map_err(|e| e.to_string())
}

/// Whether the number is one of single precision, but for the last digit, which the JSON reader may get wrong.
fn is_single(v: f64) -> bool {
    v.is_nan() || (f64::from(v as f32) - v).abs() <= 1e-15 * v.abs()
}

fn flatten<'a>(json: &'a Json, depth: usize, shape: &mut Vec<usize>, flat: &mut Vec<&'a Json>) -> Result<(), String> {
    let Some(list) = json.as_array() else {
        flat.push(json);
        return Ok(());
    };
    if shape.len() == depth {
        shape.push(list.len());
    }
    if shape[depth] != list.len() {
        return Err("a list of lists of different lengths".to_owned());
    }
    list.iter().try_for_each(|json| flatten(json, depth + 1, shape, flat))
}

fn compare(
    what: &str,
    found: &Tensor,
    expected: &Tensor,
    Tolerance(relative, absolute): Tolerance,
) -> Result<(), String> {
    if found.shape() != expected.shape() {
        return Err(format!("{what}: the shape is {:?} instead of {:?}", found.shape(), expected.shape()));
    }
    let [found, expected] = [found, expected].map(|x| eval::floats(&testing::array(x)));
    let close = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= absolute + relative * b.abs();
    match found.iter().zip(&expected).position(|(&a, &b)| !close(a, b)) {
        None => Ok(()),
        Some(i) => Err(format!("{what}: element {i} is {} instead of {}", found[i], expected[i])),
    }
}
