//! Composites: ops that are expansions into others. Those whose expanded gradient would overflow or cancel
//! override it.

pub mod activation;
pub mod flow;
pub mod loss;
pub mod normalize;
pub mod random;
pub mod softmax;
