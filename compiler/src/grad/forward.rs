//! Forward mode: tangents of results from tangents of sources, as the gradient of the gradient.
//!
//! The gradient `g(u)` of targets with respect to sources is linear in their cotangents `u`, whatever `u` is: its own
//! gradient with respect to `u`, weighted by the sources' tangents, is the Jacobian times the tangents. Nodes that depend
//! on `u` alone are not needed for it, and [`remove_dead`](crate::passes::remove_dead) drops them. So each op that has a
//! gradient has a tangent, without a rule of its own.

use super::gradient;
use super::pullback::zeros;
use crate::base::{Error, Kind, Result};
use crate::graph::{GraphBuilder, ValueId};

/// Appends the nodes that compute the tangent of each target, where each source moves by its tangent.
///
/// A tangent has its source's spec. The result is None for a target that depends on no source differentiably; otherwise
/// its spec is the target's. Errors are those of [`gradient`].
pub fn jvp(
    builder: &mut GraphBuilder,
    targets: &[ValueId],
    sources: &[(ValueId, ValueId)],
) -> Result<Vec<Option<ValueId>>> {
    for (i, &(source, tangent)) in sources.iter().enumerate() {
        let (expected, received) = (builder.graph().spec(source), builder.graph().spec(tangent));
        if expected != received {
            let text = format!("the tangent of source {i} must be {expected}, as the source is; received {received}");
            return Err(Error::new(Kind::Gradient, text));
        }
    }
    let primals: Vec<ValueId> = sources.iter().map(|s| s.0).collect();
    targets.iter().map(|&target| one(builder, target, &primals, sources)).collect()
}

fn one(
    builder: &mut GraphBuilder,
    target: ValueId,
    primals: &[ValueId],
    sources: &[(ValueId, ValueId)],
) -> Result<Option<ValueId>> {
    let spec = builder.graph().spec(target).clone();
    let cotangent = zeros(builder, &spec)?;
    let cotangent = builder.value(cotangent);
    let gradients = gradient(builder, &[(target, Some(cotangent))], primals)?;
    let weighted: Vec<_> =
        gradients.iter().zip(sources).filter_map(|(g, (_, tangent))| Some(((*g)?, Some(*tangent)))).collect();
    Ok(gradient(builder, &weighted, &[cotangent])?.swap_remove(0))
}
