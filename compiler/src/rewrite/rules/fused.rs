//! Compositions of what the user wrote that are better as one composite. Used by the pass `recognize_fused`, before
//! composites are expanded.

use crate::base::Result;
use crate::graph::{OpDef, ValueId};
use crate::ops::{LOG, LOG_SIGMOID, LOG_SOFTMAX, SIGMOID, SOFTMAX};
use crate::rewrite::rule::{Action, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};

/// The logarithm of a probability: the fused form does not underflow. It gives a finite number where the composition
/// gives -inf, hence `fast`.
pub const RULES: &[Rule] = &[Rule {
    name: "log_of_probability",
    exactness: Exactness::Fast,
    action: Action::Code {
        roots: Roots::Ops(&[&LOG]),
        apply: log_of_probability,
        examples: &[
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = softmax %0 : f32[3, 2]
               %2 = log %1 : f32[3, 2]
               return %2
             }",
            "graph @f(%0: f32[3, 2] \"x\") {
               %1 = sigmoid %0 : f32[3, 2]
               %2 = log %1 : f32[3, 2]
               return %2
             }",
        ],
    },
}];

fn log_of_probability(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    let pairs: [(&'static OpDef, &'static OpDef); 2] = [(&SOFTMAX, &LOG_SOFTMAX), (&SIGMOID, &LOG_SIGMOID)];
    match pairs.into_iter().find(|(op, _)| graph.is(inner, op)) {
        Some((_, fused)) => {
            let (x, attrs) = (graph.operand(inner, 0), graph.node(inner).attrs.clone());
            graph.apply(fused, attrs, &[x]).map(Outcome::Applied)
        }
        None => Ok(Outcome::NoMatch),
    }
}
