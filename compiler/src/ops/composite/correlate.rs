//! Correlation of sequences.

use crate::ops::entry::*;
use crate::ops::window::conv::CONV1D;

composite! {
    /// Products' sums of one sequence and another that slides along it.
    CORRELATE, (b, x) => {
        let specs = [x[0].spec()?, x[1].spec()?];
        infer::same_dtype(&specs)?;
        Class::Float.check(&specs[0])?;
        if specs.iter().any(|spec| spec.rank() != 1 || spec.dims[0] == Dim::ZERO) {
            let found = format!("{} and {}", specs[0], specs[1]);
            return Err(infer::wrong(Kind::Shape, "two lists that are not empty", found));
        }
        let [n, m] = specs.map(|spec| spec.dims[0].clone());
        let one = Dim::ONE;
        // How many zeros `x` has before it and behind it.
        let (before, behind) = match b.attrs().str("mode").unwrap_or("valid") {
            "full" => (m.clone() - one.clone(), m.clone() - one),
            mode @ ("same" | "valid") => {
                let is_longer = infer::nonnegative(&(n.clone() - m.clone()));
                if !is_longer && !infer::nonnegative(&(m.clone() - n.clone())) {
                    let wanted = format!("lengths of which it is known which is greater, for mode {mode:?}");
                    return Err(infer::wrong(Kind::Shape, wanted, format_args!("{n} and {m}")).hint("\"full\" takes any"));
                }
                let two = Dim::from(2i64);
                match (mode, is_longer) {
                    ("valid", true) => (Dim::ZERO, Dim::ZERO),
                    ("valid", false) => (m.clone() - n.clone(), m.clone() - n),
                    (_, true) => (m.floor_div(&two), (m.clone() - one).floor_div(&two)),
                    (_, false) => {
                        let first = m.clone() - one.clone() - n.floor_div(&two);
                        (first.clone(), m.clone() + m.clone() - n - one - first)
                    }
                }
            }
            other => {
                let found = format!("{other:?}");
                return Err(infer::wrong(Kind::Value, "`mode` \"valid\", \"same\" or \"full\"", found));
            }
        };
        let [before, behind] = [before, behind].map(|n| if infer::nonnegative(&n) { n } else { n.maximum(&Dim::ZERO) });
        let padded = x[0].pad_zeros(&[before], &[behind]);
        let length = padded.dims()?[0].clone();
        let signal = padded.reshape(&[Dim::ONE, length, Dim::ONE]);
        let attrs = Attrs::new().with("strides", vec![1i64]).with("padding", "VALID");
        let y = b.apply(&CONV1D, attrs, &[signal, x[1].reshape(&[m, Dim::ONE, Dim::ONE])]);
        Ok(vec![y.flat()?])
    },
    name: "correlate",
    doc: "The sums of `x[k + i] v[i]` for the shifts `k` at which the lists overlap wholly (`mode` \"valid\", the default), at \
          all (\"full\"), or as many in the middle as the longer one has elements (\"same\").",
    inputs: Operands::Named(&["x", "v"]),
    attrs: &[optional("mode", AttrKind::Str)],
    domain: Domain::Special("tests/ops/statistics.rs"),
}
