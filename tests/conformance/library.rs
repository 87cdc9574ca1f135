//! Functions of the library that are no ops of the table, by TensorFlow's names: images changed at random, candidates
//! for losses over many classes. [`function`].

use crate::calls::{Evaluated, Fault, Prepared};
use crate::flow::{Call, Flow};
use crate::plan;
use crate::values::{Value, attribute, float, tensor};
use std::sync::Arc;
use tracelift::{Tensor, image, random};

/// What a call gives, by the names of the function's parameters.
struct Given<'a> {
    parameters: &'static [&'static str],
    arguments: &'a [Value],
    keywords: &'a [(String, Value)],
}

impl Given<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let at = self.parameters.iter().position(|parameter| *parameter == name);
        let named = || self.keywords.iter().find(|(keyword, _)| keyword == name).map(|(_, value)| value);
        at.and_then(|at| self.arguments.get(at)).or_else(named).filter(|value| !matches!(value, Value::None))
    }

    fn tensor(&self, name: &str) -> Evaluated<Tensor> {
        let value = self.value(name).ok_or_else(|| format!("`{name}` is missing"))?;
        tensor(value, None).map_err(Fault::Untyped)
    }

    fn number(&self, name: &str) -> Evaluated<f64> {
        let value = self.value(name).ok_or_else(|| format!("`{name}` is missing"))?;
        float(value).ok_or_else(|| format!("`{name}` = {value:?} is no number").into())
    }

    fn integer(&self, name: &str) -> Evaluated<i64> {
        match self.value(name) {
            Some(Value::Int(v)) => {
                i64::try_from(*v).map_err(|_| format!("`{name}` = {v} has more than 64 bits").into())
            }
            other => Err(format!("`{name}` = {other:?} is no integer").into()),
        }
    }

    fn integers(&self, name: &str) -> Evaluated<Vec<i64>> {
        let list = self.value(name).and_then(|value| attribute(value).ok()).and_then(|value| plan::ints(&value));
        list.ok_or_else(|| format!("`{name}` are no integers").into())
    }

    /// Two integers.
    fn seed(&self) -> Evaluated<[u64; 2]> {
        let seed = self.integers("seed")?;
        <[i64; 2]>::try_from(seed)
            .map(|seed| seed.map(|v| v as u64))
            .map_err(|seed| format!("`seed` = {seed:?}").into())
    }
}

/// A function by TensorFlow's name; None if it is none of these.
pub fn function(name: &str, arguments: &[Value], keywords: &[(String, Value)]) -> Option<Evaluated<Prepared>> {
    let (of_images, op) = match name.strip_prefix("image.") {
        Some(op) => (true, op),
        None => (false, name.rsplit('.').next().unwrap_or(name)),
    };
    let op = match op {
        "LogUniformCandidateSampler" => "log_uniform_candidate_sampler",
        "UniformCandidateSampler" => "uniform_candidate_sampler",
        "split" if name == "random.split" => "stateless_split",
        "fold_in" => "stateless_fold_in",
        op => op,
    };
    let (op, parameters, is_image) = OPS.iter().find(|(of, ..)| *of == op).copied()?;
    if of_images != is_image {
        return None;
    }
    let given = Given { parameters, arguments, keywords };
    Some(prepare(op, &given))
}

/// Names, parameters, and whether they are in `tf.image`.
const OPS: &[(&str, &[&str], bool)] = &[
    ("log_uniform_candidate_sampler", SAMPLER, false),
    ("uniform_candidate_sampler", SAMPLER, false),
    ("nce_loss", LOSS, false),
    ("sampled_softmax_loss", LOSS, false),
    ("random_brightness", &["image", "max_delta", "seed"], true),
    ("random_contrast", &["image", "lower", "upper", "seed"], true),
    ("random_crop", &["value", "size", "seed"], true),
    ("random_flip_left_right", &["image", "seed"], true),
    ("random_flip_up_down", &["image", "seed"], true),
    ("random_hue", &["image", "max_delta", "seed"], true),
    ("random_saturation", &["image", "lower", "upper", "seed"], true),
    ("stateless_fold_in", &["seed", "data"], false),
    ("stateless_random_brightness", &["image", "max_delta", "seed"], true),
    ("stateless_random_contrast", &["image", "lower", "upper", "seed"], true),
    ("stateless_random_crop", &["value", "size", "seed"], true),
    ("stateless_random_flip_left_right", &["image", "seed"], true),
    ("stateless_random_flip_up_down", &["image", "seed"], true),
    ("stateless_random_hue", &["image", "max_delta", "seed"], true),
    ("stateless_random_saturation", &["image", "lower", "upper", "seed"], true),
    ("stateless_split", &["seed", "num"], false),
];

const SAMPLER: &[&str] = &["true_classes", "num_true", "num_sampled", "unique", "range_max", "seed"];
const LOSS: &[&str] = &["weights", "biases", "labels", "inputs", "num_sampled", "num_classes", "num_true"];

fn prepare(op: &'static str, given: &Given<'_>) -> Evaluated<Prepared> {
    let (operands, call): (Vec<Tensor>, Call) = if given.parameters == SAMPLER {
        let (count, range) = (given.integer("num_sampled")?, given.integer("range_max")?);
        let is_unique = matches!(given.value("unique"), Some(Value::Bool(true)));
        (vec![given.tensor("true_classes")?], sampler(op, count, is_unique, range))
    } else if given.parameters == LOSS {
        let operands = ["weights", "biases", "labels", "inputs"].map(|name| given.tensor(name));
        let operands = operands.into_iter().collect::<Evaluated<Vec<Tensor>>>()?;
        (operands, loss(op, given.integer("num_sampled")?, given.integer("num_classes")?))
    } else if op == "stateless_split" {
        let count = if given.value("num").is_some() { given.integer("num")? } else { 2 };
        let count = usize::try_from(count).map_err(|_| format!("`num` = {count} is negative"))?;
        (vec![given.tensor("seed")?], from_seed(move |x| random::split(&x[0], count)))
    } else if op == "stateless_fold_in" {
        (vec![given.tensor("seed")?, given.tensor("data")?], from_seed(|x| random::fold_in(&x[0], &x[1])))
    } else {
        let images = given.tensor(given.parameters[0])?;
        (vec![images], change(op, given)?)
    };
    let ops = vec![op, op.trim_start_matches("stateless_"), "log_uniform_candidate_sampler"];
    Ok(Prepared::Flow(Arc::new(Flow::call(ops, operands, call))))
}

/// Seeds made of a seed.
fn from_seed(f: impl Fn(&[Tensor]) -> Tensor + Send + Sync + 'static) -> Call {
    Box::new(move |operands| Ok(vec![tracelift::attempt(|| f(operands))?]))
}

/// Candidates, and how often they and the true classes are expected.
fn sampler(op: &'static str, count: i64, is_unique: bool, range: i64) -> Call {
    Box::new(move |operands| {
        let (classes, of_zipf) = (&operands[0], op == "log_uniform_candidate_sampler");
        let (sampled, of_true, of_sampled) = tracelift::attempt(|| match of_zipf {
            true => random::log_uniform_candidate_sampler(classes, count, is_unique, range),
            false => random::uniform_candidate_sampler(classes, count, is_unique, range),
        })?;
        Ok(vec![sampled, of_true, of_sampled])
    })
}

/// A loss among candidates that are drawn as TensorFlow draws them.
fn loss(op: &'static str, count: i64, classes: i64) -> Call {
    Box::new(move |x| {
        let candidates = || random::log_uniform_candidate_sampler(&x[2], count, true, classes);
        let (sampled, of_true, of_sampled) = tracelift::attempt(candidates)?;
        let loss = match op {
            "nce_loss" => tracelift::try_nce_loss(&x[0], &x[1], &x[2], &x[3], &sampled, &of_true, &of_sampled)?,
            _ => tracelift::try_sampled_softmax_loss(&x[0], &x[1], &x[2], &x[3], &sampled, &of_true, &of_sampled)?,
        };
        Ok(vec![loss])
    })
}

/// Images changed at random.
fn change(op: &'static str, given: &Given<'_>) -> Evaluated<Call> {
    let seed = if op.starts_with("stateless") { given.seed()? } else { [0, 0] };
    let numbers = |names: &[&str]| names.iter().map(|name| given.number(name)).collect::<Evaluated<Vec<f64>>>();
    let n = match op.rsplit('_').next() {
        Some("brightness" | "hue") => numbers(&["max_delta"])?,
        Some("contrast" | "saturation") => numbers(&["lower", "upper"])?,
        _ => Vec::new(),
    };
    let size = if op.ends_with("crop") { given.integers("size")? } else { Vec::new() };
    Ok(Box::new(move |operands| {
        let x = &operands[0];
        let changed = || match op {
            "random_brightness" => image::random_brightness(x, n[0]),
            "random_contrast" => image::random_contrast(x, n[0], n[1]),
            "random_crop" => image::random_crop(x, &size[..]),
            "random_flip_left_right" => image::random_flip_left_right(x),
            "random_flip_up_down" => image::random_flip_up_down(x),
            "random_hue" => image::random_hue(x, n[0]),
            "random_saturation" => image::random_saturation(x, n[0], n[1]),
            "stateless_random_brightness" => image::stateless_random_brightness(x, n[0], seed),
            "stateless_random_contrast" => image::stateless_random_contrast(x, n[0], n[1], seed),
            "stateless_random_crop" => image::stateless_random_crop(x, &size[..], seed),
            "stateless_random_flip_left_right" => image::stateless_random_flip_left_right(x, seed),
            "stateless_random_flip_up_down" => image::stateless_random_flip_up_down(x, seed),
            "stateless_random_hue" => image::stateless_random_hue(x, n[0], seed),
            _ => image::stateless_random_saturation(x, n[0], n[1], seed),
        };
        Ok(vec![tracelift::attempt(changed)?])
    }))
}
