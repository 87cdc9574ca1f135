//! Composites: ops that are expansions into others. Those whose expanded gradient would overflow or cancel
//! override it.

pub mod activation;
pub mod batch_norm;
pub mod beam_search;
pub mod clip;
pub mod correlate;
pub mod covariance;
pub mod ctc;
pub mod dense;
pub mod dropout;
pub mod flow;
pub mod histogram;
pub mod isotonic;
pub mod loss;
pub mod loss_terms;
pub mod margin;
pub mod norm;
pub mod normalize;
pub mod polynomial;
pub mod quantize;
pub mod random;
pub mod sampled;
pub mod shrink;
pub mod sobol;
pub mod softmax;
