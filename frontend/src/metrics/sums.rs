//! [`Sums`]: what a metric keeps: sums of one shape, f64, made when the shape is known.

use crate::error::{Error, Kind, Result};
use crate::tensor::Tensor;
use crate::trace::recorder::suspended;
use crate::trace::tree::{Leaves, Tree};
use crate::variable::Variable;
use std::sync::OnceLock;
use tracelift_runtime::DType;

/// `N` named sums of one shape.
pub(super) struct Sums<const N: usize> {
    names: [&'static str; N],
    variables: OnceLock<[Variable; N]>,
}

impl<const N: usize> Sums<N> {
    /// Of a shape that the first batch tells.
    pub(super) fn new(names: [&'static str; N]) -> Self {
        Sums { names, variables: OnceLock::new() }
    }

    /// Of this shape.
    pub(super) fn of(names: [&'static str; N], shape: &[usize]) -> Self {
        let sums = Sums::new(names);
        sums.built(shape);
        sums
    }

    /// Adds a term to each.
    pub(super) fn add(&self, terms: [Tensor; N]) -> Result<()> {
        let shape = terms[0].try_shape()?;
        for (variable, term) in self.built(&shape).iter().zip(terms) {
            variable.try_assign_add(term.cast(DType::F64))?;
        }
        Ok(())
    }

    /// The sums now.
    pub(super) fn values(&self) -> Result<[Tensor; N]> {
        let nothing = || {
            let text = format!("the metric has no result yet: the shape of `{}` is not known", self.names[0]);
            Error::new(Kind::Value, text).hint("call `update_state` first")
        };
        self.variables.get().ok_or_else(nothing).map(|variables| variables.each_ref().map(Variable::value))
    }

    fn built(&self, shape: &[usize]) -> &[Variable; N] {
        self.variables.get_or_init(|| {
            let zeros = || crate::zeros(shape).cast(DType::F64);
            self.names.map(|name| suspended(|| Variable::new(zeros())).trainable(false).named(name))
        })
    }
}

impl<const N: usize> Tree for Sums<N> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        let variables = self.variables.get();
        leaves.word(variables.is_some() as u64);
        for (name, variable) in self.names.iter().zip(variables.into_iter().flatten()) {
            leaves.enter(name);
            leaves.variable(variable);
            leaves.exit();
        }
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}
