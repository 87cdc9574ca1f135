//! Isotonic regression: the nearest sequence that rises or falls.

use crate::ops::entry::*;
use crate::ops::movement::gather::{GATHER, SCATTER_ADD};

/// Where the nearest monotone sequence is constant.
pub static ISOTONIC_SEGMENTS: OpDef = OpDef {
    name: "isotonic_segments",
    doc: "The number of the run of one value, in the nearest sequence along the last axis that does not rise (fall, if not \
          `decreasing`), that each element of `x` (f64) belongs to, as i32.",
    attrs: &[required("decreasing", AttrKind::Bool)],
    spec: |c| match &c.inputs[0] {
        x if x.dtype == DType::F64 && x.rank() > 0 => infer::one(DType::I32, x.dims.clone()),
        x => Err(infer::wrong(Kind::Shape, "an f64 tensor of rank 1 or more", x)),
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        let params = vec![i64::from(c.attrs.bool("decreasing")).into()];
        Ok(LibraryCall { routine: "isotonic_segments", params })
    }),
    eval: |c| {
        let (shape, decreasing) = (eval::shape_of(c, 0)?, c.attrs.bool("decreasing"));
        let n = shape[shape.len() - 1];
        let mut ids = Vec::new();
        for row in eval::floats(&c.inputs[0]).chunks(n.max(1)) {
            // Runs are joined one pair at a time until none is out of order.
            let mut runs: Vec<Vec<f64>> = row.iter().map(|&v| vec![v]).collect();
            let mean = |run: &Vec<f64>| run.iter().sum::<f64>() / run.len() as f64;
            let is_wrong = |pair: &[Vec<f64>]| match decreasing {
                true => mean(&pair[0]) < mean(&pair[1]),
                false => mean(&pair[0]) > mean(&pair[1]),
            };
            while let Some(at) = runs.windows(2).position(is_wrong) {
                let next = runs.remove(at + 1);
                runs[at].extend(next);
            }
            ids.extend(runs.iter().enumerate().flat_map(|(id, run)| vec![id as i128; run.len()]));
        }
        Ok(vec![eval::from_ints(DType::I32, &shape, &ids)?])
    },
    domain: Domain::Special("tests/ops/sampled.rs"),
    ..BASE
};

composite! {
    /// The nearest monotone sequence.
    ISOTONIC_REGRESSION, (b, x) => {
        let spec = x[0].spec()?;
        Class::Number.check(&spec)?;
        let axis = infer::axis(b.attrs(), -1, spec.rank())?;
        let dtype = if spec.dtype.is_float() { spec.dtype } else { DType::F32 };
        let (last, mut order) = (spec.rank() - 1, (0..spec.rank()).collect::<Vec<_>>());
        order.swap(axis, last);
        let moved = x[0].cast(dtype).transpose(&order);
        let dims = moved.dims()?;
        let decreasing = b.attrs().get("decreasing").is_none() || b.attrs().bool("decreasing");
        let attrs = Attrs::new().with("decreasing", decreasing);
        let segments = b.apply(&ISOTONIC_SEGMENTS, attrs, &[moved.cast(DType::F64).stop_gradient()]);
        // The mean of each run, by row.
        let rows = [dims[..last].iter().product::<Dim>(), dims[last].clone()];
        let (values, ids) = (moved.reshape(&rows), segments.reshape(&rows));
        let along = || Attrs::new().with("axis", 1i64).with("batch_dims", 1i64);
        let summed = |x| b.apply(&SCATTER_ADD, along().with("dims", &rows[..]), &[x, ids]);
        let ones = b.scalar(1.0, dtype).broadcast_to(&rows);
        let means = summed(values) / summed(ones).max(1.0);
        let fitted = b.apply(&GATHER, along(), &[means, ids]).reshape(&dims);
        Ok(vec![fitted.transpose(&order), segments.transpose(&order)])
    },
    name: "isotonic_regression",
    doc: "The sequence along `axis` (default -1) nearest to `x` by squares that does not rise, or does not fall if `decreasing` \
          (default true) is false: runs of means. Gives it, and the number of each element's run (i32). Integers become f32. \
          The gradient is the mean over each run.",
    attrs: &[optional("decreasing", AttrKind::Bool), optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/sampled.rs"),
}
