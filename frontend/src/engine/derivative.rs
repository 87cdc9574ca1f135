//! Compiled graphs as one step of a tape: the forward half keeps what the backward half needs, each is compiled once.
//!
//! Start with [`Taped`]: a graph's two programs. [`Differentiable`] is a graph without state that may itself be
//! differentiated (a backward half under a second tape), to any order.

use super::backend::Backend;
use super::dispatch;
use super::replay::replay;
use crate::autograd::{sweep, tape};
use crate::error::Result;
use crate::tensor::Tensor;
use crate::trace::recorder;
use smallvec::SmallVec;
use std::panic::Location;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tracelift_compiler::graph::Graph;
use tracelift_compiler::vjp::{Kept, Vjp, whole};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Arg;

type Line = &'static Location<'static>;

/// The programs of a graph under a tape, for one choice of inputs whose cotangents are wanted.
pub(crate) struct Taped {
    /// Results, then residuals; donations as the graph's.
    pub(crate) forward: Backend,
    graph: Graph,
    kept: Vec<Kept>,
    backward: Arc<Differentiable>,
    cotangents: Vec<Option<usize>>,
    /// Which results take cotangents: the float ones.
    results: Vec<usize>,
    /// Number of results, which come before the residuals.
    result_count: usize,
    wanted: Vec<bool>,
    /// The gradient of results and residuals together: what a second tape asks for.
    whole: OnceLock<Option<Whole>>,
}

/// A differentiable graph, and the operand of each cotangent that it takes.
type Whole = (Arc<Differentiable>, Vec<Option<usize>>);

impl Taped {
    /// Derives and compiles both halves. None if the graph has no derivative, or nothing to derive.
    fn new(graph: &Graph, wanted: &[bool]) -> Option<Taped> {
        let is_state = |k: &usize| graph.donations.iter().any(|d| d.1 as usize == *k);
        let plain: Vec<usize> = (0..graph.outputs.len()).filter(|k| !is_state(k)).collect();
        let is_float = |k: &&usize| graph.spec(graph.outputs[**k]).dtype.is_float();
        let chosen: Vec<usize> = plain.iter().filter(is_float).copied().collect();
        let vjp = Vjp::new(graph, &chosen, wanted, &super::settings::Settings::now().options()).ok()?;
        let results = chosen.iter().filter_map(|k| plain.iter().position(|p| p == k)).collect();
        Some(Taped {
            forward: Backend::compile(&vjp.forward).ok()?.0,
            graph: vjp.forward,
            kept: vjp.kept,
            backward: Arc::new(Differentiable::new(vjp.backward)),
            cotangents: vjp.cotangents,
            results,
            result_count: plain.len(),
            wanted: wanted.to_vec(),
            whole: OnceLock::new(),
        })
    }

    /// Shows the open tapes that `outputs` (results, then residuals) came of `inputs`; gives the results.
    pub(crate) fn note(
        self: &Arc<Taped>,
        inputs: Vec<Tensor>,
        outputs: impl IntoIterator<Item = Array>,
        loc: Line,
    ) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = outputs.into_iter().map(Tensor::from_array).collect();
        let operands: Vec<Tensor> = inputs.clone();
        let operands: Vec<&Tensor> = operands.iter().collect();
        let (taped, made) = (self.clone(), outputs.clone());
        let pull = move |cotangents: &[Option<Tensor>]| taped.pull(&inputs, &made, cotangents, loc);
        tape::note_custom(&operands, &outputs, Rc::new(pull));
        outputs.truncate(self.result_count);
        outputs
    }

    /// The cotangents of the inputs.
    fn pull(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        cotangents: &[Option<Tensor>],
        loc: Line,
    ) -> Result<Vec<Option<Tensor>>> {
        let seed = |k: usize| match &cotangents[k] {
            Some(cotangent) => Ok(cotangent.clone()),
            None => sweep::full_like(&outputs[k].spec(), 0.0, loc),
        };
        let (found, places) = if cotangents[self.result_count..].iter().all(Option::is_none) {
            let kept = self.kept.iter().map(|kept| match *kept {
                Kept::Input(i) => Ok(inputs[i].clone()),
                Kept::Residual(k) => Ok(outputs[self.result_count + k].clone()),
            });
            let operands = kept.chain(self.results.iter().map(|&k| seed(k))).collect::<Result<Vec<_>>>()?;
            (self.backward.call(operands, loc)?, &self.cotangents)
        } else {
            let Some((whole, places)) = self.whole.get_or_init(|| self.whole()) else {
                return Ok(vec![None; inputs.len()]);
            };
            let floats = (0..outputs.len()).filter(|&k| outputs[k].dtype().is_float());
            let operands = inputs.iter().cloned().map(Ok).chain(floats.map(seed)).collect::<Result<Vec<_>>>()?;
            (whole.call(operands, loc)?, places)
        };
        Ok(places.iter().map(|place| place.map(|k| found[k].clone())).collect())
    }

    fn whole(&self) -> Option<(Arc<Differentiable>, Vec<Option<usize>>)> {
        let is_state = |k: &usize| self.graph.donations.iter().any(|d| d.1 as usize == *k);
        let floats = (0..self.graph.outputs.len())
            .filter(|k| !is_state(k) && self.graph.spec(self.graph.outputs[*k]).dtype.is_float());
        let (graph, places) = whole(&self.graph, &floats.collect::<Vec<_>>(), &self.wanted).ok()?;
        Some((Arc::new(Differentiable::new(graph)), places))
    }
}

/// [`Taped`]s of one graph, by the inputs whose cotangents are wanted.
#[derive(Default)]
pub(crate) struct TapedForms(Mutex<Vec<TapedForm>>);

/// Which inputs' cotangents are wanted, and what was made for them, if it could be.
type TapedForm = (Vec<bool>, Option<Arc<Taped>>);

impl TapedForms {
    /// The form in which the open tapes can record a call of `graph` with these inputs; made once. None if the call
    /// must be recorded op by op.
    pub(crate) fn of(&self, graph: &Graph, wanted: &[bool]) -> Option<Arc<Taped>> {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, form)) = forms.iter().find(|(w, _)| w == wanted) {
            return form.clone();
        }
        let form = Taped::new(graph, wanted).map(Arc::new);
        forms.push((wanted.to_vec(), form.clone()));
        form
    }
}

/// A graph without state, compiled when it is called first.
pub(crate) struct Differentiable {
    graph: Graph,
    code: OnceLock<Result<Backend>>,
    forms: TapedForms,
}

impl Differentiable {
    pub(crate) fn new(graph: Graph) -> Differentiable {
        Differentiable { graph, code: OnceLock::new(), forms: TapedForms::default() }
    }

    /// The outputs. Open tapes see one step, a trace in progress the graph's ops.
    pub(crate) fn call(&self, inputs: Vec<Tensor>, loc: Line) -> Result<Vec<Tensor>> {
        let arrays: Option<SmallVec<[Array; 8]>> = inputs.iter().map(|t| t.array().cloned()).collect();
        let one_step = !recorder::is_active() && !tape::is_observed();
        let Some(arrays) = arrays.filter(|_| one_step) else { return self.op_by_op(&inputs, loc) };
        let mut args: SmallVec<[Arg<'_>; 8]> = arrays.iter().map(Arg::Ref).collect();
        let wanted = tape::watched(&inputs);
        if wanted.contains(&true) {
            let Some(taped) = self.forms.of(&self.graph, &wanted) else { return self.op_by_op(&inputs, loc) };
            let outputs = taped.forward.run(&mut args)?;
            return Ok(taped.note(inputs, outputs, loc));
        }
        let code = self.code.get_or_init(|| Backend::compile(&self.graph).map(|(code, _)| code));
        let outputs = code.as_ref().map_err(Clone::clone)?.run(&mut args)?;
        Ok(outputs.into_iter().map(Tensor::from_array).collect())
    }

    fn op_by_op(&self, inputs: &[Tensor], loc: Line) -> Result<Vec<Tensor>> {
        replay(&self.graph, inputs, loc, &mut |node, attrs, operands, line| {
            dispatch::apply(node.op, attrs, operands, line)
        })
    }
}
