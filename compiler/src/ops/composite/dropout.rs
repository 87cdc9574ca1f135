//! Random zeros.

use super::random::OFFSET;
use crate::ops::RANDOM_UNIFORM;
use crate::ops::entry::*;

composite! {
    /// Elements dropped at random.
    DROPOUT, (b, x) => {
        let spec = x[0].spec()?;
        Class::Float.check(&spec)?;
        let rate = b.attrs().float("rate").unwrap_or(0.0);
        if !(0.0..1.0).contains(&rate) {
            return Err(infer::wrong(Kind::Value, "a rate of at least 0 and less than 1", rate));
        }
        let dims: Vec<Dim> = match b.attrs().ints("noise_shape") {
            None => spec.dims.to_vec(),
            Some(shape) => {
                let fits = |(&length, own): (&i64, &Dim)| length == -1 || length == 1 || Dim::from(length) == *own;
                if shape.len() != spec.rank() || !shape.iter().zip(&spec.dims).all(fits) {
                    let wanted = format!("a noise_shape of 1, -1 or the length of each axis of {spec}");
                    return Err(infer::wrong(Kind::Shape, wanted, format_args!("{shape:?}")));
                }
                let chosen = shape.iter().zip(&spec.dims);
                chosen.map(|(&length, own)| if length == 1 { Dim::ONE } else { own.clone() }).collect()
            }
        };
        let attrs = Attrs::new().with("dims", dims).with("offset", b.attrs().int("offset").unwrap_or(0));
        let kept = b.apply(&RANDOM_UNIFORM, attrs, &[x[1]]).ge(rate);
        Ok(vec![kept.choose(x[0] * (1.0 / (1.0 - rate)), 0.0)])
    },
    name: "dropout",
    doc: "`x` with elements set to 0 with probability `rate`, and the others times `1 / (1 - rate)`. Along axes where \
          `noise_shape` (default: the shape of `x`; -1 stands for its length) is 1, elements are kept or dropped together.",
    inputs: Operands::Named(&["x", "state"]),
    attrs: &[required("rate", AttrKind::Float), optional("noise_shape", AttrKind::Ints), OFFSET],
    domain: Domain::Special("tests/ops/random.rs"),
}
