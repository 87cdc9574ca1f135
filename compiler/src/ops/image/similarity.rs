//! How alike two images look: structural similarity (Wang et al., "Image quality assessment: from error visibility to
//! structural similarity", 2004), also over several scales (Wang et al., "Multiscale structural similarity for image
//! quality assessment", 2003). Constants and borders are TensorFlow's.

use crate::ops::entry::*;

const MAX_VALUE: AttrDef = required("max_value", AttrKind::Float);
const FILTER: [AttrDef; 4] = [
    optional("filter_size", AttrKind::Int),
    optional("filter_sigma", AttrKind::Float),
    optional("k1", AttrKind::Float),
    optional("k2", AttrKind::Float),
];

composite! {
    /// How alike two images look.
    SSIM, (b, x) => {
        let pair = Pair::of(x[0], x[1])?;
        let [whole, _] = Measure::of(b)?.compare(pair.images)?;
        if b.attrs().bool("return_index_map") {
            let dims = whole.dims()?;
            let all: Vec<Dim> = pair.batch.iter().chain(&dims[1..3]).cloned().collect();
            return Ok(vec![whole.mean(&[-1]).reshape(&all)]);
        }
        Ok(vec![whole.mean(&[1, 2, 3]).reshape(&pair.batch)])
    },
    name: "ssim",
    doc: "The structural similarity of images `a` and `b` `[.., height, width, channels]`, 1 for equal ones: the mean of \
          an index of local means, variances and covariance under a Gaussian window of `filter_size` (default 11) and \
          `filter_sigma` (default 1.5), whose constants are `(k1 max_value)²` and `(k2 max_value)²` (default 0.01 and \
          0.03). With `return_index_map` the index at each place of the window, the mean over channels.",
    inputs: Operands::Named(&["a", "b"]),
    attrs: &[MAX_VALUE, FILTER[0], FILTER[1], FILTER[2], FILTER[3], optional("return_index_map", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/similarity.rs"),
}

composite! {
    /// How alike two images look at several scales.
    SSIM_MULTISCALE, (b, x) => {
        let (pair, measure) = (Pair::of(x[0], x[1])?, Measure::of(b)?);
        let powers = x[2].spec()?;
        let count = match powers.dims.first().and_then(Dim::as_const) {
            Some(count) if powers.rank() == 1 && (1..=MOST_SCALES).contains(&count) => count,
            _ => {
                let wanted = format!("a list of 1 to {MOST_SCALES} `power_factors`");
                return Err(infer::wrong(Kind::Shape, wanted, powers));
            }
        };
        let (mut images, mut parts) = (pair.images, Vec::new());
        for scale in 0..count {
            if scale > 0 {
                images = [halved(images[0])?, halved(images[1])?];
            }
            let [whole, contrast] = measure.compare(images)?;
            let part = if scale + 1 == count { whole } else { contrast };
            parts.push(part.mean(&[1, 2]).relu().unsqueeze(2)?);
        }
        let raised = b.concat(&parts, 2).pow(x[2].cast(pair.images[0].dtype()));
        Ok(vec![raised.prod(&[2]).mean(&[1]).reshape(&pair.batch)])
    },
    name: "ssim_multiscale",
    doc: "The structural similarity of images at several scales, each half as large as the one before: the product of \
          the contrast terms of `ssim` to the powers `power_factors` (one a scale) and, at the last scale, of the whole \
          index; negative ones count as 0. The images' size must be known before the call, and the last scale be no \
          smaller than the window. Other attributes are those of `ssim`.",
    inputs: Operands::Named(&["a", "b", "power_factors"]),
    attrs: &[MAX_VALUE, FILTER[0], FILTER[1], FILTER[2], FILTER[3]],
    domain: Domain::Special("tests/ops/similarity.rs"),
}

/// Far more than any image has halves.
const MOST_SCALES: i64 = 32;
/// The widest window.
const MOST_TAPS: i64 = 1 << 12;

/// Two images of one shape, as `[n, height, width, channels]`, and the axes before.
struct Pair<'b> {
    images: [Expr<'b>; 2],
    batch: Vec<Dim>,
}

impl<'b> Pair<'b> {
    fn of(x: Expr<'b>, y: Expr<'b>) -> Result<Pair<'b>> {
        let specs = [x.spec()?, y.spec()?];
        infer::same_dtype(&specs)?;
        Class::Float.check(&specs[0])?;
        let [(own, image), (other, its)] = match specs.each_ref().map(|s| s.dims.split_last_chunk::<3>()) {
            [Some(a), Some(b)] if a.1 == b.1 => [a, b],
            _ => {
                let found = format!("{} and {}", specs[0], specs[1]);
                return Err(infer::wrong(Kind::Shape, "two images [.., height, width, channels] of one size", found));
            }
        };
        debug_assert!(image == its);
        let batch = infer::broadcast(own, other)?.to_vec();
        let whole: Vec<Dim> = batch.iter().chain(image).cloned().collect();
        let count = batch.iter().product::<Dim>();
        let flat: Vec<Dim> = [count].iter().chain(image).cloned().collect();
        Ok(Pair { images: [x, y].map(|x| x.broadcast_to(&whole).reshape(&flat)), batch })
    }
}

/// The window and the constants.
struct Measure {
    taps: Vec<f64>,
    c1: f64,
    c2: f64,
}

impl Measure {
    fn of(b: build::Builder<'_>) -> Result<Measure> {
        let float = |name, default| b.attrs().float(name).unwrap_or(default);
        let (size, sigma) = (b.attrs().int("filter_size").unwrap_or(11), float("filter_sigma", 1.5));
        if !(1..=MOST_TAPS).contains(&size) || sigma.is_nan() || sigma <= 0.0 {
            let found = format!("filter_size {size} and filter_sigma {sigma}");
            let wanted = format!("a filter_size from 1 to {MOST_TAPS} and a positive filter_sigma");
            return Err(infer::wrong(Kind::Value, wanted, found));
        }
        let weight = |k: i64| (-0.5 * ((k as f64 - (size - 1) as f64 / 2.0) / sigma).powi(2)).exp();
        let total: f64 = (0..size).map(weight).sum();
        let taps = (0..size).map(|k| weight(k) / total).collect();
        let square = |k: f64| (k * float("max_value", 1.0)).powi(2);
        Ok(Measure { taps, c1: square(float("k1", 0.01)), c2: square(float("k2", 0.03)) })
    }

    /// The index and its contrast term at each place of the window.
    fn compare<'b>(&self, [x, y]: [Expr<'b>; 2]) -> Result<[Expr<'b>; 2]> {
        let b = x.b();
        let all = b.concat(&[x, y, x * y, x.square() + y.square()], 0);
        let (smooth, count) = (self.smoothed(all)?, x.dims()?[0].clone());
        let part = |k: i64| smooth.narrow(0, &(count.clone() * Dim::from(k)), &count);
        let (mean_x, mean_y) = (part(0)?, part(1)?);
        let (product, squares) = (mean_x * mean_y * 2.0, mean_x.square() + mean_y.square());
        let luminance = (product + self.c1) / (squares + self.c1);
        let contrast = (part(2)? * 2.0 - product + self.c2) / (part(3)? - squares + self.c2);
        Ok([luminance * contrast, contrast])
    }

    /// Each channel under the window, where it fits: along columns, then along rows.
    fn smoothed<'b>(&self, x: Expr<'b>) -> Result<Expr<'b>> {
        let (spec, size) = (x.spec()?, self.taps.len());
        let mut y = x;
        for shape in [[size, 1, 1, 1], [1, size, 1, 1]] {
            let taps = x.b().constant(eval::from_floats(spec.dtype, &shape, &self.taps)?);
            let dims = [shape[0].into(), shape[1].into(), spec.dims[3].clone(), Dim::ONE];
            let attrs = Attrs::new().with("strides", vec![1i64]).with("padding", "VALID");
            y = x.b().apply(&crate::ops::DEPTHWISE_CONV2D, attrs, &[y, taps.broadcast_to(&dims)]);
        }
        Ok(y)
    }
}

/// Means of 2 by 2 elements; an odd last row or column counts twice.
fn halved(x: Expr<'_>) -> Result<Expr<'_>> {
    let spec = x.spec()?;
    let mut missing = vec![0i64; 8];
    for axis in [1, 2] {
        let Some(length) = spec.dims[axis].as_const() else {
            return Err(infer::wrong(Kind::Shape, "images whose size is known before the call", spec));
        };
        missing[2 * axis + 1] = length % 2;
    }
    let even = x.b().apply(&crate::ops::PAD_SYMMETRIC, Attrs::new().with("paddings", missing), &[x]);
    let attrs = Attrs::new().with("ksize", vec![2i64]).with("strides", vec![2i64]).with("padding", "VALID");
    Ok(x.b().apply(&crate::ops::AVG_POOL2D, attrs, &[even]))
}
