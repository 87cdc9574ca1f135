//! The ops: one entry each, and THE TABLE that lists them.
//!
//! An op is a `static` [`OpDef`] in a file of its subject and one line in [`table`]. Everything else comes from there:
//! [`find`] and [`all`], the text form, the frontend's functions and methods, the batteries. To add one, write the entry
//! (see [`elementwise::arith`] for primitives, [`composite`] for expansions) and its line.
//!
//! Invariants
//! - names are unique; the table's name of an op is its text name (but for the keyword `where`, written `where_`);
//! - an elementwise op's `eval`, `lower` and `grad` agree: the batteries compare them;
//! - attributes in nodes may be as users write them (negative axes, defaults absent); [`infer`] reads them.

pub mod build;
pub mod complex;
pub mod composite;
pub mod contract;
pub mod elementwise;
mod entry;
pub mod eval;
pub mod fourier;
pub mod image;
pub mod indexing;
pub mod infer;
pub mod linalg;
pub mod movement;
pub mod reduce;
pub mod source;
pub mod table;
pub mod window;

#[cfg(test)]
mod tests;

use crate::graph::OpDef;

pub use complex::{BITCAST, forms::*, parts::*};
pub use composite::{
    activation::*, batch_norm::*, beam_search::*, clip::*, correlate::*, covariance::*, ctc::*, dense::*, dropout::*,
    flow::*, histogram::*, isotonic::*, loss::*, loss_terms::*, margin::*, norm::*, normalize::*, polynomial::*,
    quantize::*, random::*, sampled::*, shrink::*, sobol::*, softmax::*,
};
pub use contract::{einsum::*, matmul::*, product::*, tensordot::*};
pub use elementwise::{
    arith::*, bits::*, cast::*, choose::*, compare::*, logic::*, math::*, pieces::*, power::*, rounding::*,
    saturate::*, special::*,
};
pub use fourier::{cosine::*, dft::*, frame::*, mel::*, stft::*, transform::*, window::*};
pub use image::{boxes::*, color::*, crop::*, detect::*, patches::*, place::*, resize::*, similarity::*, suppress::*};
pub use indexing::{bounded::*, count::*, diagonal::*, nd::*, partition::*, scatter::*, search::*, segment::*};
pub use linalg::{banded::*, eigen::*, factor::*, function::*, general::*, lu::*, norm::*, product::*, solve::*};
pub use movement::{
    axes::*, blocks::*, broadcast::*, concat::*, gather::*, one_hot::*, pad::*, reshape::*, slice::*, sort::*,
    transpose::*,
};
pub use reduce::{
    arg_extrema::*, cumulative::*, extrema::*, logic::*, nan::*, quantile::*, stats::*, sum::*, trapezoid::*,
    weighted::*,
};
pub use source::random::RANDOM_BITS;
pub use source::{CONSTANT, HOST_CALL, IOTA, PARAMETER, SIZE_OF};
pub use window::{average::*, conv::*, convolution::*, dilation::*, max::*, segments::*, transpose::*};

macro_rules! collect {
    ($(($kind:ident $name:ident $static:ident $($rest:tt)*))*) => {
        static ALL: &[&OpDef] = &[$(&$static),*];
    };
}
crate::for_each_op!(collect);

/// Every op, in the table's order.
pub fn all() -> &'static [&'static OpDef] {
    ALL
}

/// The op of that text name.
pub fn find(name: &str) -> Option<&'static OpDef> {
    static BY_NAME: std::sync::LazyLock<rustc_hash::FxHashMap<&'static str, &'static OpDef>> =
        std::sync::LazyLock::new(|| ALL.iter().map(|&op| (op.name, op)).collect());
    BY_NAME.get(name).copied()
}
