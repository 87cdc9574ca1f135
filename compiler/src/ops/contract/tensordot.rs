//! Products over named axes, by way of [`MATMUL`](super::matmul::MATMUL).

use crate::base::spec::Dims;
use crate::ops::entry::*;

composite! {
    /// Summed over pairs of axes.
    TENSORDOT, (b, x) => {
        let (xs, ys) = (x[0].dims()?, x[1].dims()?);
        let list = |name, rank| -> Result<Vec<usize>> {
            let axes = b.attrs().ints(name).unwrap_or_default();
            infer::distinct(axes, rank)?;
            axes.iter().map(|&a| infer::normalize(a, rank)).collect()
        };
        let (over_x, over_y) = (list("axes_x", xs.len())?, list("axes_y", ys.len())?);
        if over_x.len() != over_y.len() || over_x.iter().zip(&over_y).any(|(&i, &j)| xs[i] != ys[j]) {
            let found = format!("axes {over_x:?} of {} and {over_y:?} of {}", infer::shape(&xs), infer::shape(&ys));
            return Err(infer::wrong(Kind::Shape, "as many axes of equal lengths", found));
        }
        let rest = |rank: usize, over: &[usize]| (0..rank).filter(|i| !over.contains(i)).collect::<Vec<_>>();
        let (rows, columns) = (rest(xs.len(), &over_x), rest(ys.len(), &over_y));
        let size = |dims: &[Dim], axes: &[usize]| axes.iter().map(|&i| &dims[i]).product::<Dim>();
        let inner = size(&xs, &over_x);
        let left = x[0].transpose(&[&rows[..], &over_x].concat()).reshape(&[size(&xs, &rows), inner.clone()]);
        let right = x[1].transpose(&[&over_y[..], &columns].concat()).reshape(&[inner, size(&ys, &columns)]);
        let dims: Dims = rows.iter().map(|&i| xs[i].clone()).chain(columns.iter().map(|&j| ys[j].clone())).collect();
        Ok(vec![left.matmul(right, false, false).reshape(&dims)])
    },
    name: "tensordot",
    doc: "The sum of products over axes `axes_x` of `x` paired with axes `axes_y` of `y`; the result has the other axes \
          of `x`, then those of `y`.",
    inputs: XY,
    attrs: &[required("axes_x", AttrKind::Ints), required("axes_y", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/contract.rs"),
}
