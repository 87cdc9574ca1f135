//! The op of ARCHITECTURE.md's "To add an op", as it stands there: the page shows what compiles.

use crate::ops::entry::*;

composite! {
    /// The inverse of the sigmoid.
    LOGIT, (_b, x) => Ok(vec![(x[0] / (1.0 - x[0])).log()]),
    name: "logit",
    doc: "`log(x / (1 - x))`, the inverse of `sigmoid`.",
    domain: Domain::Between(0.1, 0.9),
}
