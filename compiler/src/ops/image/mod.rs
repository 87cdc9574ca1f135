//! Ops on images `[batch, height, width, channels]`.

pub mod boxes;
pub mod color;
pub mod crop;
pub mod detect;
pub mod patches;
pub mod place;
pub mod resize;
pub mod sampling;
pub mod similarity;
pub mod suppress;

use crate::ops::entry::*;

/// Rows and columns, as axes from the end.
const ROWS: i64 = -3;
const COLUMNS: i64 = -2;

/// An error unless it is an image or a batch of them.
fn images(x: Expr<'_>) -> Result<()> {
    match x.rank()? {
        3 | 4 => Ok(()),
        _ => Err(infer::wrong(Kind::Shape, "an image [height, width, channels] or a batch of them", x.spec()?)),
    }
}
