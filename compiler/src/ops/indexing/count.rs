//! How often each number occurs: counts whose length the data says.

use super::bounded::{KNOWN, UNBOUNDED, slot_of};
use super::scatter::{Place, Update};
use super::search::{User, checked};
use crate::ops::entry::*;

const ATTRS: &[AttrDef] = &[
    optional("minlength", AttrKind::Int),
    optional("maxlength", AttrKind::Int),
    optional("dtype", AttrKind::DType),
    optional("axis", AttrKind::Int),
    optional("binary_output", AttrKind::Bool),
    slot_of("bins", 0),
    KNOWN,
];

composite! {
    /// How often each number occurs.
    BINCOUNT, (b, x) => {
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::I32);
        Class::Number.check(&TensorSpec::scalar(dtype))?;
        let ones = b.scalar(1.0, DType::I64).broadcast_to(&x[0].dims()?);
        let counts = counted(b, x[0], ones)?;
        let is_binary = b.attrs().bool("binary_output");
        Ok(vec![if is_binary { counts.gt(0.0) } else { counts }.cast(dtype)])
    },
    name: "bincount",
    doc: "How often each of 0, 1, … is in `x`, as `dtype` (default i32): as many counts as the greatest element plus 1, at \
          least `minlength` (default 0) and at most `maxlength`; elements beyond are left out. Of all elements (`axis` absent \
          or 0), or of each row (-1). With `binary_output` whether it is there: 0 or 1. A negative element is an error.",
    attrs: ATTRS,
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/bounded.rs"),
}

composite! {
    /// What the occurrences of each number weigh.
    WEIGHTED_BINCOUNT, (b, x) => {
        let (numbers, weights) = (x[0].spec()?, x[1].spec()?);
        Class::Number.check(&weights)?;
        if numbers.dims != weights.dims {
            return Err(infer::wrong(Kind::Shape, format_args!("weights of shape {}", infer::shape(&numbers.dims)), weights));
        }
        if b.attrs().bool("binary_output") {
            let hint = "leave the weights or `binary_output` out";
            return Err(infer::wrong(Kind::Value, "no weights with `binary_output`", weights).hint(hint));
        }
        let sums = counted(b, x[0], x[1])?;
        Ok(vec![sums.cast(b.attrs().dtype("dtype").unwrap_or(weights.dtype))])
    },
    name: "weighted_bincount",
    doc: "As `bincount`, with the sums of the `weights` of equal elements in the place of their number; in their dtype unless \
          `dtype` says another.",
    inputs: Operands::Named(&["x", "weights"]),
    attrs: ATTRS,
    domain: Domain::Special("tests/ops/bounded.rs"),
}

/// The sums of `weights` by number.
fn counted<'b>(b: build::Builder<'b>, numbers: Expr<'b>, weights: Expr<'b>) -> Result<Expr<'b>> {
    Class::Int.check(&numbers.spec()?)?;
    let is_by_row = match b.attrs().int("axis") {
        None | Some(0) => false,
        Some(-1) if numbers.rank()? <= 2 => numbers.rank()? == 2,
        Some(axis) => {
            return Err(infer::wrong(
                Kind::Shape,
                "axis 0, or axis -1 of a tensor of rank 1 or 2",
                format_args!("{axis}"),
            ));
        }
    };
    let length = |name| match b.attrs().int(name) {
        Some(bad) if !(0..=UNBOUNDED).contains(&bad) => {
            Err(infer::wrong(Kind::Value, format_args!("`{name}` between 0 and {UNBOUNDED}"), bad))
        }
        length => Ok(length),
    };
    let (least, most) = (length("minlength")?.unwrap_or(0), length("maxlength")?);
    let numbers = numbers.cast(DType::I64);
    let limit = if most.is_some() { i64::MAX } else { UNBOUNDED };
    let flat = checked(b, User::Bincount, numbers.flat()?, &[limit.into()]);
    // Of no elements the greatest is -1.
    let none = b.scalar(-1.0, DType::I64).broadcast_to(&[Dim::ONE]);
    let wanted = (b.concat(&[flat, none], 0).reduce_max(&[0]) + 1.0).max(least as f64);
    let wanted = most.map_or(wanted, |most| wanted.min(most as f64));
    let bins = b.counted(0, wanted, most.unwrap_or(UNBOUNDED).into());
    // What is beyond goes to a place of its own, which is cut off.
    let place = flat.min(b.size(&bins, DType::I64));
    let shape: Vec<Dim> = if is_by_row { numbers.dims()?.to_vec() } else { flat.dims()?.to_vec() };
    let axis = shape.len() - 1;
    let mut places = shape.clone();
    places[axis] = bins.clone() + Dim::ONE;
    let zeros = b.scalar(0.0, weights.dtype()).broadcast_to(&places);
    let at = Place { axis: axis as i64, batch_dims: axis as i64 };
    at.scatter(zeros, place.reshape(&shape), weights.reshape(&shape), Update::Add).narrow(axis, &Dim::ZERO, &bins)
}
