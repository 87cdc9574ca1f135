//! [`Case`]: a graph with arguments, and what of it is differentiated.

use tracelift_compiler::graph::{Graph, GraphBuilder, ValueId};
use tracelift_compiler::{Dim, Result, grad, interp};
use tracelift_runtime::Array;

/// A graph with arguments.
#[derive(Clone)]
pub struct Case {
    /// What is computed.
    pub graph: Graph,
    /// One for each input.
    pub inputs: Vec<Array>,
    /// The output that is differentiated by every float input, if any.
    pub target: Option<usize>,
    /// Whether machine code checks each access; else it is the code that users run.
    pub debug_bounds: bool,
}

/// A case's graph with its gradients as further outputs.
pub struct Whole {
    /// Outputs, then the gradients that there are.
    pub graph: Graph,
    /// For each float input whether a gradient flows to it.
    pub connected: Vec<bool>,
}

impl Case {
    /// The inputs that gradients are taken with respect to.
    pub fn sources(&self) -> Vec<usize> {
        (0..self.inputs.len()).filter(|&i| self.inputs[i].dtype().is_float()).collect()
    }

    /// The graph of values and gradients. An error if an op on the way has no derivative.
    pub fn whole(&self) -> Result<Whole> {
        let Some(target) = self.target else {
            return Ok(Whole { graph: self.graph.clone(), connected: Vec::new() });
        };
        let (outputs, inputs) = (self.graph.outputs.clone(), self.graph.inputs.clone());
        let sources: Vec<ValueId> = self.sources().into_iter().map(|i| inputs[i]).collect();
        let mut builder = GraphBuilder::from_graph(self.graph.clone());
        let gradients = grad::gradient(&mut builder, &[(outputs[target], None)], &sources)?;
        let connected = gradients.iter().map(Option::is_some).collect();
        let graph = builder.finish(outputs.into_iter().chain(gradients.into_iter().flatten()).collect());
        Ok(Whole { graph, connected })
    }

    /// The value of each size symbol.
    pub fn symbols(&self) -> Result<Vec<i64>> {
        let shapes: Vec<&[usize]> = self.inputs.iter().map(Array::shape).collect();
        interp::bind_symbols(&self.graph, &shapes)
    }
}

/// The size with its symbols put in; sizes that a kernel finds stay as they are.
pub fn concrete(dim: &Dim, symbols: &[i64]) -> Dim {
    dim.eval(symbols, &[]).map_or_else(|_| dim.clone(), Dim::from)
}
