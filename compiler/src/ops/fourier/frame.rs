//! Signals cut into frames, and put together again.

use crate::ops::entry::*;

composite! {
    /// Frames that may overlap.
    FRAME, (b, x) => {
        let (length, step) = sizes(b.attrs())?;
        Ok(vec![framed(x[0], length, step, b.attrs().bool("pad_end"), infer::axis(b.attrs(), -1, x[0].rank()?)?)?])
    },
    name: "frame",
    doc: "Frames of `frame_length` samples of `signal` along `axis` (default -1), which begin `frame_step` apart; the axis \
          is replaced by two, frames and samples. What does not fill a frame at the end is dropped, or filled with \
          zeros if `pad_end`.",
    inputs: Operands::Named(&["signal"]),
    attrs: &[
        required("frame_length", AttrKind::Int),
        required("frame_step", AttrKind::Int),
        optional("pad_end", AttrKind::Bool),
        optional("axis", AttrKind::Int),
    ],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

composite! {
    /// Frames added where they overlap.
    OVERLAP_AND_ADD, (b, x) => {
        let step = b.attrs().int("frame_step").unwrap_or(0);
        if step < 1 {
            return Err(infer::wrong(Kind::Value, "`frame_step` of at least 1", step));
        }
        Ok(vec![overlapped(x[0], step)?])
    },
    name: "overlap_and_add",
    doc: "The signal whose frames of shape [.., frames, samples] begin `frame_step` apart, added where they overlap.",
    inputs: Operands::Named(&["signal"]),
    attrs: &[required("frame_step", AttrKind::Int)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

/// Attributes `frame_length` and `frame_step`, both at least 1.
pub(super) fn sizes(attrs: &Attrs) -> Result<(i64, i64)> {
    let [length, step] = ["frame_length", "frame_step"].map(|name| attrs.int(name).unwrap_or(0));
    if length < 1 || step < 1 {
        let received = format!("frame_length {length} and frame_step {step}");
        return Err(infer::wrong(Kind::Value, "`frame_length` and `frame_step` of at least 1", received));
    }
    Ok((length, step))
}

pub(super) fn framed(x: Expr<'_>, length: i64, step: i64, pad_end: bool, axis: usize) -> Result<Expr<'_>> {
    let dims = x.dims()?;
    let (n, length, step) = (&dims[axis], Dim::from(length), Dim::from(step));
    let (mut x, mut count) = (x, ((n.clone() - length.clone()).floor_div(&step) + Dim::ONE).maximum(&Dim::ZERO));
    if pad_end {
        count = n.ceil_div(&step);
        // The last frame may need more than there is.
        let missing = (count.clone() * step.clone() - step.clone() + length.clone() - n.clone()).maximum(&Dim::ZERO);
        let before = vec![Dim::ZERO; dims.len()];
        let mut after = before.clone();
        after[axis] = missing;
        x = x.pad_zeros(&before, &after);
    }
    let places = places(x.b(), &count, &length, &step);
    Ok(x.b().apply(&crate::ops::GATHER, Attrs::new().with("axis", axis as i64), &[x, places]))
}

pub(super) fn overlapped(x: Expr<'_>, step: i64) -> Result<Expr<'_>> {
    let dims = x.dims()?;
    let [batch @ .., count, length] = &dims[..] else {
        return Err(infer::wrong(Kind::Shape, "frames of rank 2 or more", x.spec()?));
    };
    let step = Dim::from(step);
    let n = (count.clone() * step.clone() - step.clone() + length.clone()).maximum(&Dim::ZERO);
    let places = places(x.b(), count, length, &step);
    let whole: Vec<Dim> = batch.iter().chain([&n]).cloned().collect();
    let attrs = Attrs::new().with("dims", whole).with("axis", batch.len() as i64);
    Ok(x.b().apply(&crate::ops::SCATTER_ADD, attrs, &[x, places]))
}

/// The index of each sample of each frame.
fn places<'b>(b: build::Builder<'b>, count: &Dim, length: &Dim, step: &Dim) -> Expr<'b> {
    let frame = b.iota(&[count.clone(), Dim::ONE], 0, DType::I64);
    frame * b.size(step, DType::I64) + b.iota(std::slice::from_ref(length), 0, DType::I64)
}
