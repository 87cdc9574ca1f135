//! The benchmark workloads, by name. Each is one function, run as it is (eager) or through [`tracelift::function()`].
//!
//! A workload's k-th tensor is made with seed k, constants counted too.

mod pure;
#[cfg(test)]
mod tests;
mod train;

use tracelift::Tensor;

/// Run as written, or traced and compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Op by op.
    Eager,
    /// Through [`tracelift::function()`].
    Compiled,
}

/// One call of a workload: gives its results.
pub type Step = Box<dyn FnMut() -> Vec<Tensor>>;

/// A workload.
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// Whether its result is the loss of a training step.
    pub trains: bool,
    /// Makes its inputs and gives its step, not yet traced.
    pub build: fn(&'static str, Mode) -> Step,
}

/// Every workload.
pub static ALL: &[Workload] = &[
    Workload { name: "linreg_step", trains: true, build: train::linreg_step },
    Workload { name: "linreg_200", trains: true, build: train::linreg_200 },
    Workload { name: "ew_chain_small", trains: false, build: pure::build },
    Workload { name: "ew_chain_mid", trains: false, build: pure::build },
    Workload { name: "ew_chain_big", trains: false, build: pure::build },
    Workload { name: "arith_chain_mid", trains: false, build: pure::build },
    Workload { name: "arith_chain_big", trains: false, build: pure::build },
    Workload { name: "gelu_bias_residual", trains: false, build: pure::build },
    Workload { name: "softmax", trains: false, build: pure::build },
    Workload { name: "layernorm", trains: false, build: pure::build },
    Workload { name: "logsumexp_rows", trains: false, build: pure::build },
    Workload { name: "sum_axis0", trains: false, build: pure::build },
    Workload { name: "sum_axis1", trains: false, build: pure::build },
    Workload { name: "mean_all", trains: false, build: pure::build },
    Workload { name: "matmul_256", trains: false, build: pure::build },
    Workload { name: "matmul_1024", trains: false, build: pure::build },
    Workload { name: "matmul_2048", trains: false, build: pure::build },
    Workload { name: "matmul_bias_relu", trains: false, build: pure::build },
    Workload { name: "mlp_train_step", trains: true, build: train::mlp },
    Workload { name: "mlp_train_step_small", trains: true, build: train::mlp_small },
    Workload { name: "black_scholes", trains: false, build: pure::build },
    Workload { name: "black_scholes_grad", trains: false, build: pure::build },
    Workload { name: "pairwise_dist", trains: false, build: pure::build },
];

/// The workload of that name.
pub fn find(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|w| w.name == name)
}
