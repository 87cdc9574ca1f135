//! Every rule against the interpreter: both sides on samples that include NaN, infinities and signed zeros.
//!
//! A pattern's left side is built for each assignment of dtypes to its variables that its ops accept; variables get
//! samples along axes of their own, so every combination is met. A code rule has examples. Each rule must apply to
//! its own left side.

use super::ALL;
use crate::base::{DType, Dim, Loc, Result, TensorSpec};
use crate::graph::{Attrs, Graph, GraphBuilder, ValueId, parse};
use crate::interp;
use crate::options::Options;
use crate::rewrite::pattern::Pat;
use crate::rewrite::rule::Action;
use crate::rewrite::{Exactness, Log, Rule, RuleSet, rewrite, splat};
use crate::testing::{difference, samples};
use tracelift_runtime::Array;

const DTYPES: [DType; 6] = [DType::F32, DType::F64, DType::F16, DType::I32, DType::U8, DType::Bool];
/// Samples of each variable: enough to meet each special value.
const SAMPLES: i64 = 24;
const NUMBERS: [f64; 5] = [2.0, 3.0, -4.0, 0.1, 1.0];

#[test]
fn every_rule_keeps_values() {
    let mut wrong: Vec<String> = Vec::new();
    for rule in ALL.iter().copied().flatten() {
        let graphs = match &rule.action {
            Action::Pattern { left, .. } => instances(left),
            Action::Code { examples, .. } => examples
                .iter()
                .map(|text| parse::parse(text).unwrap_or_else(|e| panic!("{}: {e}", rule.name)))
                .collect(),
        };
        let must_apply_to_all = matches!(rule.action, Action::Code { .. });
        let mut applied = 0;
        for graph in &graphs {
            match check(rule, graph) {
                Ok(does) => applied += usize::from(does),
                Err(why) => wrong.push(format!("{}: {why}\n{graph}", rule.name)),
            }
        }
        if applied == 0 || (must_apply_to_all && applied < graphs.len()) {
            wrong.push(format!("{}: applies to {applied} of {} instances of its left side", rule.name, graphs.len()));
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = ALL.iter().copied().flatten().map(|r| r.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// Whether the rule applies; an error if the values are then not as it promises.
fn check(rule: &'static Rule, graph: &Graph) -> Result<bool, String> {
    let fast = rule.exactness == Exactness::Fast;
    let options = Options { fast_math: fast, ..Options::default() };
    let mut log = Log::new(None);
    let rules = RuleSet::new(&[std::slice::from_ref(rule)]);
    let rewritten = rewrite(graph.clone(), &rules, &options, &mut log).map_err(|e| e.to_string())?;
    if log.rewrites == 0 {
        return Ok(false);
    }
    let inputs: Vec<Array> = graph.inputs.iter().map(|&v| input(graph.spec(v), fast)).collect();
    let expected = interp::run(graph, &inputs).map_err(|e| e.to_string())?;
    let actual = interp::run(&rewritten, &inputs).map_err(|e| e.to_string())?;
    let ulps = match rule.exactness {
        Exactness::Exact | Exactness::Ints => None,
        Exactness::Close(ulps) => Some(ulps),
        Exactness::Fast => Some(64),
    };
    let mut differences = expected.iter().zip(&actual).filter_map(|(e, a)| difference(e, a, ulps));
    differences.next().map_or(Ok(true), |why| Err(format!("{why}\n{rewritten}")))
}

fn input(spec: &TensorSpec, ordinary: bool) -> Array {
    let shape: Vec<usize> = spec.dims.iter().map(|d| d.as_const().unwrap_or(3) as usize).collect();
    samples(spec.dtype, &shape, ordinary)
}

/// Graphs of the pattern: every assignment of dtypes and numbers that the ops accept.
fn instances(pattern: &Pat) -> Vec<Graph> {
    let mut names = Vec::new();
    variables(pattern, &mut names);
    let free = names.iter().filter(|(_, number)| !number).count() as u32;
    let mut graphs = Vec::new();
    for assignment in 0..DTYPES.len().pow(free) {
        for first_number in 0..NUMBERS.len() {
            let mut instance =
                Instance { builder: GraphBuilder::new("rule"), bound: Vec::new(), assignment, first_number };
            if let Ok(Some(root)) = instance.build(pattern, None) {
                graphs.push(instance.builder.finish(vec![root]));
            }
            if names.iter().all(|(_, number)| !number) {
                break;
            }
        }
    }
    graphs
}

fn variables(pattern: &Pat, names: &mut Vec<(&'static str, bool)>) {
    match pattern {
        Pat::Var(name) | Pat::Number(name) if names.iter().any(|(n, _)| n == name) => {}
        Pat::Var(name) => names.push((name, false)),
        Pat::Number(name) => names.push((name, true)),
        Pat::Const(_) => {}
        Pat::Op(_, operands) => operands.iter().for_each(|p| variables(p, names)),
    }
}

/// A pattern being built with dtypes for its variables.
struct Instance {
    builder: GraphBuilder,
    bound: Vec<(&'static str, ValueId)>,
    /// The variables' dtypes, as digits.
    assignment: usize,
    first_number: usize,
}

impl Instance {
    /// None if a constant has no dtype to take or the dtype does not hold it.
    fn build(&mut self, pattern: &Pat, beside: Option<DType>) -> Result<Option<ValueId>> {
        match *pattern {
            Pat::Var(name) => Ok(Some(self.variable(name))),
            Pat::Number(name) => {
                if let Some(&(_, value)) = self.bound.iter().find(|(n, _)| *n == name) {
                    return Ok(Some(value));
                }
                let number = NUMBERS[(self.first_number + self.bound.len()) % NUMBERS.len()];
                let Some(dtype) = beside else { return Ok(None) };
                // 0.1 as the dtype has it.
                let number = if dtype == DType::F32 { f64::from(number as f32) } else { number };
                let Some(array) = splat::array(number, dtype) else { return Ok(None) };
                let value = self.builder.constant(array);
                self.bound.push((name, value));
                Ok(Some(value))
            }
            Pat::Const(number) => {
                Ok(beside.and_then(|dtype| splat::array(number, dtype)).map(|array| self.builder.constant(array)))
            }
            Pat::Op(op, operands) => {
                let is_constant = |p: &Pat| matches!(p, Pat::Const(_) | Pat::Number(_));
                let mut values = vec![None; operands.len()];
                let mut dtype = None;
                for (value, operand) in values.iter_mut().zip(operands).filter(|(_, p)| !is_constant(p)) {
                    *value = self.build(operand, None)?;
                    dtype = value.map(|v| self.builder.graph().spec(v).dtype);
                }
                for (k, operand) in operands.iter().enumerate().filter(|(_, p)| is_constant(p)) {
                    // The condition of a select is a truth value.
                    let is_condition = k == 0 && operands.len() == 3;
                    values[k] = self.build(operand, if is_condition { Some(DType::Bool) } else { dtype })?;
                }
                let Some(inputs) = values.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
                let results = self.builder.apply_at(op, Attrs::new(), &inputs, Loc::default())?;
                Ok(Some(results[0]))
            }
        }
    }

    /// The parameter of a variable: samples along an axis of its own.
    fn variable(&mut self, name: &'static str) -> ValueId {
        if let Some(&(_, value)) = self.bound.iter().find(|(n, _)| *n == name) {
            return value;
        }
        let position = self.builder.graph().inputs.len();
        let dtype = DTYPES[self.assignment / DTYPES.len().pow(position as u32) % DTYPES.len()];
        let mut dims = vec![Dim::ONE; position + 1];
        dims[0] = Dim::from(SAMPLES);
        let value = self.builder.parameter(name, TensorSpec::new(dtype, dims));
        self.bound.push((name, value));
        value
    }
}
