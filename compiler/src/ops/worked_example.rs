//! The op of ARCHITECTURE.md's "To add an op", as it stands there: the page shows what compiles.

use crate::ops::entry::*;

composite! {
    /// A smooth rectifier.
    SQUAREPLUS, (_b, x) => Ok(vec![(x[0] + (x[0].square() + 4.0).sqrt()) * 0.5]),
    name: "squareplus",
    doc: "`(x + sqrt(x^2 + 4)) / 2`, a smooth rectifier.",
}
