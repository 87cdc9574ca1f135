//! The ways to run a case: [`WAYS`], each compared with the reference evaluator.

use crate::case::{Case, Whole, concrete};
use tracelift::{GradientTape, Tensor, testing};
use tracelift_compiler::graph::ValueId;
use tracelift_compiler::graph::opdef::Lower;
use tracelift_compiler::graph::walk::ValueMap;
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{Result, compile, interp};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

/// What a run gives.
pub struct Results {
    /// Outputs, then the gradients that there are.
    pub arrays: Vec<Array>,
    /// For each float input whether a gradient flows to it.
    pub connected: Vec<bool>,
}

/// One way to run a case.
pub struct Way {
    /// In messages.
    pub name: &'static str,
    /// The run.
    pub run: fn(&Case, &Whole) -> Result<Results>,
}

/// Machine code at each level, and op by op with a tape.
pub static WAYS: [Way; 4] = [
    Way { name: "compiled at O2", run: |case, whole| compiled(case, whole, Level::O2) },
    Way { name: "compiled at O1", run: |case, whole| compiled(case, whole, Level::O1) },
    Way { name: "compiled at O0", run: |case, whole| compiled(case, whole, Level::O0) },
    Way { name: "eager", run: |case, _| eager(case) },
];

/// What the case means.
pub fn reference(case: &Case, whole: &Whole) -> Result<Results> {
    Ok(Results { arrays: interp::run(&whole.graph, &case.inputs)?, connected: whole.connected.clone() })
}

fn compiled(case: &Case, whole: &Whole, level: Level) -> Result<Results> {
    let options = Options { debug_bounds: case.debug_bounds, ..Options::at(level) };
    let program = compile(&whole.graph, &options)?.program;
    let arrays = Executable::new(program)?.call(&case.inputs.iter().collect::<Vec<_>>())?;
    Ok(Results { arrays: arrays.into_iter().collect(), connected: whole.connected.clone() })
}

fn eager(case: &Case) -> Result<Results> {
    let symbols = case.symbols()?;
    let arguments: Vec<Tensor> = case.inputs.iter().map(|a| Tensor::from(a.clone())).collect();
    let sources: Vec<Tensor> = case.sources().into_iter().map(|i| arguments[i].clone()).collect();
    let tape = case.target.map(|_| GradientTape::new());
    if let Some(tape) = &tape {
        tape.watch(&sources);
    }
    let graph = &case.graph;
    let mut values: ValueMap<Option<Tensor>> = ValueMap::new(graph, None);
    for (&input, argument) in graph.inputs.iter().zip(&arguments) {
        values[input] = Some(argument.clone());
    }
    let value = |values: &ValueMap<Option<Tensor>>, v: ValueId| values[v].clone().expect("operands come first");
    for (id, node) in graph.iter().filter(|(_, node)| !matches!(node.op.lower, Lower::Parameter)) {
        let operands: Vec<Tensor> = node.inputs.iter().map(|&v| value(&values, v)).collect();
        let attrs = interp::map_sizes(&node.attrs, &|dim| concrete(dim, &symbols));
        let results = testing::apply_op(node.op, attrs, &operands.iter().collect::<Vec<_>>())?;
        for (i, result) in (0..).zip(results) {
            values[id.result(i)] = Some(result);
        }
    }
    let outputs: Vec<Tensor> = graph.outputs.iter().map(|&v| value(&values, v)).collect();
    let gradients = match (tape, case.target) {
        (Some(tape), Some(target)) => tracelift::attempt(|| tape.gradient_or_none(&outputs[target], &sources))?,
        _ => Vec::new(),
    };
    let connected = gradients.iter().map(Option::is_some).collect();
    let arrays = outputs.iter().chain(gradients.iter().flatten()).map(testing::array).collect();
    Ok(Results { arrays, connected })
}
