//! The op table against itself: one battery for all ops, and cases for those that need operands of their own.
//!
//! Start with `battery`. An op whose domain is `Special` names the module here that has its cases.

mod axes;
mod battery;
mod bounded;
mod boxes;
mod compiled;
mod contract;
mod convert;
mod ctc;
mod elementwise;
mod errors;
mod fourier;
mod image;
mod indexing;
mod limits;
mod linalg;
mod losses;
mod movement;
mod normalize;
mod quantile;
mod random;
mod reduce;
mod sampled;
mod scatter;
mod segment;
mod signal;
mod similarity;
mod special;
mod spectral;
mod statistics;
mod support;
mod symbolic;
mod window;
