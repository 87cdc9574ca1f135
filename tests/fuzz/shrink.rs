//! From a failing case to the smallest one that still fails.
//!
//! Moves: fewer outputs, an earlier value as the output, a value in the middle as an argument, no gradient, plainer
//! arguments. The first move that still fails is taken, until none does.

use crate::case::Case;
use std::fmt::Write;
use tracelift_compiler::graph::opdef::Lower;
use tracelift_compiler::graph::walk::{ValueMap, live};
use tracelift_compiler::graph::{Graph, GraphBuilder, ValueId};
use tracelift_compiler::interp;
use tracelift_compiler::ops::eval;
use tracelift_runtime::Array;

/// Elements of an argument that are printed.
const PRINTED: usize = 48;

/// The smallest case found that `fails`.
pub fn shrink(case: Case, fails: &dyn Fn(&Case) -> bool) -> Case {
    let mut best = case;
    'again: loop {
        for candidate in smaller(&best) {
            if weight(&candidate) < weight(&best) && fails(&candidate) {
                best = candidate;
                continue 'again;
            }
        }
        return best;
    }
}

/// The case as text: its graph, and the elements of its arguments.
pub fn describe(case: &Case) -> String {
    let mut text = String::new();
    let whole = case.whole();
    let _ = writeln!(text, "{}", whole.as_ref().map_or(&case.graph, |whole| &whole.graph));
    for (i, array) in case.inputs.iter().enumerate() {
        let numbers = crate::compare::numbers(array);
        let mut elements: Vec<String> = numbers.iter().take(PRINTED).map(|v| format!("{v:?}")).collect();
        if numbers.len() > PRINTED {
            elements.push("…".to_owned());
        }
        let _ = writeln!(text, "  input {i}: {}{:?} {}", array.dtype(), array.shape(), elements.join(" "));
    }
    if let Some(target) = case.target {
        let _ = writeln!(text, "  gradient of output {target} by each float input");
    }
    text
}

/// Nodes first, then outputs, arguments, gradients, and elements that are not 0 or 1.
fn weight(case: &Case) -> (usize, usize, usize, usize, usize) {
    let plain = |v: &f64| *v == 0.0 && v.is_sign_positive() || *v == 1.0;
    let odd = case.inputs.iter().flat_map(crate::compare::numbers).filter(|v| !plain(v)).count();
    let ops = case.graph.nodes.len() - case.inputs.len();
    (ops, case.graph.outputs.len(), usize::from(case.target.is_some()), case.inputs.len(), odd)
}

fn smaller(case: &Case) -> Vec<Case> {
    let mut candidates = Vec::new();
    let graph = &case.graph;
    let Some(values) = intermediate(case) else { return candidates };
    // One value alone.
    for (id, node) in graph.iter().filter(|(_, n)| !matches!(n.op.lower, Lower::Parameter)) {
        for value in (0..node.outputs.len() as u32).map(|i| id.result(i)) {
            let is_float = graph.spec(value).dtype.is_float();
            for target in [None, Some(0)] {
                if target.is_none() || (is_float && case.target.is_some()) {
                    candidates.push(copy(case, &[value], target, None, &values));
                }
            }
        }
    }
    for k in 0..graph.outputs.len() {
        let mut outputs = graph.outputs.clone();
        outputs.remove(k);
        let target = case.target.and_then(|t| if t == k { None } else { Some(t - usize::from(t > k)) });
        if !outputs.is_empty() {
            candidates.push(copy(case, &outputs, target, None, &values));
        }
    }
    candidates.push(Case { target: None, ..case.clone() });
    // A value computed becomes a value given.
    for (id, _) in graph.iter().filter(|(_, n)| !matches!(n.op.lower, Lower::Parameter)) {
        candidates.push(copy(case, &graph.outputs, case.target, Some(id.result(0)), &values));
    }
    candidates.push(copy(case, &graph.outputs, case.target, None, &values));
    for (k, array) in case.inputs.iter().enumerate() {
        for number in [0.0, 1.0] {
            let Ok(plain) = eval::from_floats(array.dtype(), array.shape(), &vec![number; array.len()]) else {
                continue;
            };
            let mut inputs = case.inputs.clone();
            inputs[k] = plain;
            candidates.push(Case { inputs, ..case.clone() });
        }
        if array.dtype().is_float() {
            let rounded: Vec<f64> = eval::floats(array).into_iter().map(f64::round).collect();
            let Ok(plain) = eval::from_floats(array.dtype(), array.shape(), &rounded) else { continue };
            let mut inputs = case.inputs.clone();
            inputs[k] = plain;
            candidates.push(Case { inputs, ..case.clone() });
        }
    }
    candidates
}

/// Every value of the graph, by the reference.
pub fn intermediate(case: &Case) -> Option<ValueMap<Option<Array>>> {
    let mut values = ValueMap::new(&case.graph, None);
    let all: Vec<ValueId> =
        case.graph.iter().flat_map(|(id, node)| (0..node.outputs.len() as u32).map(move |i| id.result(i))).collect();
    let graph = Graph { outputs: all.clone(), ..case.graph.clone() };
    for (value, array) in all.into_iter().zip(interp::run(&graph, &case.inputs).ok()?) {
        values[value] = Some(array);
    }
    Some(values)
}

/// The case with other outputs, what they do not need left out, and `given` as an argument.
fn copy(
    case: &Case,
    outputs: &[ValueId],
    target: Option<usize>,
    given: Option<ValueId>,
    values: &ValueMap<Option<Array>>,
) -> Case {
    let mut old = Graph { outputs: outputs.to_vec(), donations: Vec::new(), ..case.graph.clone() };
    if let Some(given) = given {
        // What only this value needs is not live any more.
        old.nodes[given.node.index()].inputs.clear();
    }
    let inputs = std::mem::take(&mut old.inputs);
    let needed = live(&old);
    let mut builder = GraphBuilder::new("failing");
    let mut map: ValueMap<Option<ValueId>> = ValueMap::new(&case.graph, None);
    let mut arguments = Vec::new();
    for (id, node) in old.iter().filter(|(id, _)| needed[id.index()]) {
        if given.is_some_and(|given| given.node == id) {
            for value in (0..node.outputs.len() as u32).map(|i| id.result(i)) {
                map[value] = Some(builder.parameter("given", old.spec(value).clone()));
                arguments.push(values[value].clone().expect("every value is computed"));
            }
        } else if let Some(k) = inputs.iter().position(|v| v.node == id) {
            map[id.result(0)] =
                Some(builder.parameter(case.graph.input_names[k].clone(), old.spec(id.result(0)).clone()));
            arguments.push(case.inputs[k].clone());
        } else {
            let operands: Vec<ValueId> = node.inputs.iter().map(|&v| map[v].expect("operands come first")).collect();
            match builder.apply_at(node.op, node.attrs.clone(), &operands, node.loc.clone()) {
                Ok(results) => {
                    for (i, result) in (0..).zip(results) {
                        map[id.result(i)] = Some(result);
                    }
                }
                Err(_) => return case.clone(),
            }
        }
    }
    let outputs = outputs.iter().map(|&v| map[v].expect("outputs are live")).collect();
    Case { graph: builder.finish(outputs), inputs: arguments, target, debug_bounds: case.debug_bounds }
}
