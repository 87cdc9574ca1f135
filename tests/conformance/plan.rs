//! [`Plan`]: a case's call in the op table's terms. [`Plan::of`] finds the op by name and fills its declared
//! attributes from the manifest's; what is shaped differently there is rewritten by the table in [`adapters`] first.
//!
//! A rule can only make a case fail, never pass: whatever is called, the corpus' numbers decide.

use crate::adapters;
use crate::corpus::{Case, number};
use crate::outcome::{Failure, What};
use serde_json::{Map, Value};
use tracelift_compiler::graph::opdef::{AttrDef, AttrKind};
use tracelift_compiler::graph::{AttrValue, Attrs, OpDef};
use tracelift_compiler::{DType, Dim, ops};
use tracelift_runtime::Array;

/// Ops applied one after the other; the results are those of the last.
pub struct Plan {
    /// Operands that the manifest has as attributes.
    pub constants: Vec<Array>,
    /// In order; at least one.
    pub steps: Vec<Step>,
}

/// One application.
pub struct Step {
    /// The op.
    pub op: &'static OpDef,
    /// Its attributes.
    pub attrs: Attrs,
    /// Its operands.
    pub operands: Vec<Operand>,
}

/// Where a value comes from.
#[derive(Clone, Copy)]
pub enum Operand {
    /// An input of the case.
    Input(usize),
    /// One of [`Plan::constants`].
    Constant(usize),
    /// The first result of an earlier step.
    Step(usize),
}

/// A call on its way to the op table; what [`adapters`] rewrite.
pub struct Draft<'a> {
    /// The case.
    pub case: &'a Case,
    /// The op's name; to begin with the corpus' one.
    pub op: String,
    /// Attributes, to begin with the manifest's.
    pub attrs: Map<String, Value>,
    /// Operands, to begin with the case's inputs.
    pub operands: Vec<Operand>,
    /// Ops on the result, in order.
    pub after: Vec<(&'static OpDef, Attrs)>,
    /// Operands of the first of these ops besides the result.
    pub with_result: Vec<Operand>,
    plan: Plan,
}

/// Ops whose names differ, by the corpus' name without its folder.
const ALIASES: &[(&str, &str)] = &[
    ("hard_swish", "hard_silu"),
    ("space_to_batch_nd", "space_to_batch"),
    ("batch_to_space_nd", "batch_to_space"),
    ("qr_posdiag", "qr"),
    ("absolute_error", "mean_absolute_error"),
    ("squared_error", "mean_squared_error"),
];

/// Other names that the manifest has for a declared attribute.
const SYNONYMS: &[(&str, &[&str])] =
    &[("axes", &["axis"]), ("dims", &["shape", "size"]), ("padding", &["crop"]), ("blank_index", &["blank"])];

/// Attributes that say how the case was made or laid out, and change nothing.
const DESCRIPTIVE: &[&str] = &[
    "stable",
    "sorted",
    "filter_layout",
    "kernel_layout",
    "layout",
    "inputs",
    "input",
    "output",
    "sign",
    "symmetrised",
];

impl Plan {
    /// The case's call, or why there is none.
    pub fn of(case: &Case) -> Result<Plan, Failure> {
        let mut draft = Draft {
            case,
            op: case.op.clone(),
            attrs: case.attrs.clone(),
            operands: (0..case.inputs.len()).map(Operand::Input).collect(),
            after: Vec::new(),
            with_result: Vec::new(),
            plan: Plan { constants: Vec::new(), steps: Vec::new() },
        };
        // Whether the op exists comes first: an attribute that does not fit is the lesser lack.
        find(&draft.op)?;
        adapters::adapt(&mut draft).map_err(|m| Failure::new(What::Type, m))?;
        let op = find(&draft.op)?;
        let attrs = attributes(op, &draft.attrs, case)?;
        let mut plan = draft.plan;
        plan.steps.push(Step { op, attrs, operands: draft.operands });
        for (op, attrs) in draft.after {
            let mut operands = vec![Operand::Step(plan.steps.len() - 1)];
            operands.append(&mut draft.with_result);
            plan.steps.push(Step { op, attrs, operands });
        }
        Ok(plan)
    }

    /// The results of the last step: `apply` applies an op to values, `constants` are the plan's as values.
    pub fn run<V: Clone, E>(
        &self,
        inputs: &[V],
        constants: &[V],
        mut apply: impl FnMut(&Step, &[V]) -> Result<Vec<V>, E>,
    ) -> Result<Vec<V>, E> {
        let mut results: Vec<Vec<V>> = Vec::new();
        for step in &self.steps {
            let operands: Vec<V> = step
                .operands
                .iter()
                .map(|operand| match *operand {
                    Operand::Input(k) => inputs[k].clone(),
                    Operand::Constant(k) => constants[k].clone(),
                    Operand::Step(k) => results[k][0].clone(),
                })
                .collect();
            results.push(apply(step, &operands)?);
        }
        Ok(results.pop().unwrap_or_default())
    }
}

impl Draft<'_> {
    /// Puts an op before operand `k`.
    pub fn before(&mut self, k: usize, op: &'static OpDef, attrs: Attrs) {
        self.plan.steps.push(Step { op, attrs, operands: vec![self.operands[k]] });
        self.operands[k] = Operand::Step(self.plan.steps.len() - 1);
    }

    /// Adds an operand that is a number of input 0's dtype.
    pub fn push_constant(&mut self, value: f64) {
        self.plan.constants.push(Array::scalar_of(self.case.inputs[0].dtype(), value));
        self.operands.push(Operand::Constant(self.plan.constants.len() - 1));
    }

    /// The shape of input `k`.
    pub fn shape(&self, k: usize) -> &[usize] {
        self.case.inputs.get(k).map_or(&[], Array::shape)
    }

    /// Takes an attribute away; null counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.attrs.remove(name).filter(|v| !v.is_null())
    }
}

/// The op of that name in the corpus: its folder is part of the name (`bitwise.and`), or not (`math.abs`).
pub fn find(name: &str) -> Result<&'static OpDef, Failure> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let alias = ALIASES.iter().find(|(from, _)| *from == last).map(|(_, to)| *to);
    let found = ops::find(&name.replace('.', "_")).or_else(|| ops::find(last)).or_else(|| ops::find(alias?));
    found.ok_or_else(|| Failure::new(What::MissingOp, format!("the table has no `{last}`")))
}

/// The op's declared attributes from the manifest's.
fn attributes(op: &'static OpDef, given: &Map<String, Value>, case: &Case) -> Result<Attrs, Failure> {
    let (mut attrs, mut used) = (Attrs::new(), Vec::new());
    for def in op.attrs {
        let found = names(def.name).find_map(|name| given.get_key_value(name));
        if let Some((name, value)) = found.filter(|(_, value)| !value.is_null()) {
            let wrong = || Failure::new(What::Type, format!("`{name}` = {value} is no {:?}", def.kind));
            let value = convert(def, value).ok_or_else(wrong)?;
            attrs.set(def.name, value);
            used.push(name.as_str());
        } else if let Some(result) = case.outputs.first().filter(|_| def.name == "dtype") {
            // The corpus says it by the result.
            attrs.set("dtype", result.dtype());
        }
    }
    let is_neutral = |v: &Value| v.is_null() || v == false || v.as_f64() == Some(0.0);
    let left = given.iter().filter(|(name, _)| !used.contains(&name.as_str()));
    // Where an op does not ask, channels are last.
    let is_usual = |name: &str, value: &Value| {
        name == "data_format" && matches!(value.as_str(), Some("NWC" | "NHWC" | "NDHWC" | "channels_last"))
    };
    let mut left = left
        .filter(|(name, value)| !is_neutral(value) && !is_usual(name, value) && !DESCRIPTIVE.contains(&name.as_str()));
    match left.next() {
        Some((name, value)) => {
            Err(Failure::new(What::Attribute, format!("`{}` has no attribute for `{name}` = {value}", op.name)))
        }
        None => Ok(attrs),
    }
}

/// The names that the attribute `name` of the table has in manifests and calls.
pub fn names(name: &'static str) -> impl Iterator<Item = &'static str> {
    let synonyms = SYNONYMS.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, others)| *others);
    std::iter::once(name).chain(synonyms.iter().copied())
}

fn convert(def: &AttrDef, value: &Value) -> Option<AttrValue> {
    Some(match def.kind {
        AttrKind::Bool => value.as_bool()?.into(),
        AttrKind::Int => value.as_i64()?.into(),
        AttrKind::Float => number(value)?.into(),
        AttrKind::Str => value.as_str()?.into(),
        AttrKind::DType => dtype(value.as_str()?)?.into(),
        // Paddings are lists of lists, a shape is not.
        AttrKind::Dims | AttrKind::Ints if is_nested(value) && !["paddings", "crops"].contains(&def.name) => {
            return None;
        }
        AttrKind::Ints => ints(value)?.into(),
        AttrKind::Dims => ints(value)?.into_iter().map(Dim::from).collect::<Vec<_>>().into(),
        AttrKind::Padding => match value.as_str() {
            Some(name) => name.into(),
            None => ints(value)?.into(),
        },
        AttrKind::Data | AttrKind::Graph | AttrKind::Slot { .. } | AttrKind::KnownSizes => return None,
    })
}

/// Whether it is a list with lists in it.
pub fn is_nested(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().any(Value::is_array))
}

/// Integers; one stands for a list of one, lists of lists are one list.
pub fn ints(value: &Value) -> Option<Vec<i64>> {
    match value {
        Value::Array(list) => Some(list.iter().map(ints).collect::<Option<Vec<_>>>()?.concat()),
        one => Some(vec![one.as_i64()?]),
    }
}

/// NumPy's name of a dtype, or TensorFlow's of one for quantised numbers.
pub fn dtype(name: &str) -> Option<DType> {
    let name = name.strip_prefix('q').unwrap_or(name);
    let short = name.replace("float", "f").replace("uint", "u").replace("int", "i");
    DType::from_name(&short)
}
