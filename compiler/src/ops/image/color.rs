//! Colours of images: brightness, contrast, hue, and other ways to write them. Formulas are TensorFlow's.

use super::{COLUMNS, ROWS, images};
use crate::ops::entry::*;

const IMAGES: Operands = Operands::Named(&["images"]);

composite! {
    /// Brighter or darker.
    ADJUST_BRIGHTNESS, (b, x) => {
        floats(x[0])?;
        Ok(vec![x[0] + b.attrs().float("delta").unwrap_or(0.0)])
    },
    name: "adjust_brightness",
    doc: "`images + delta`.",
    inputs: IMAGES,
    attrs: &[required("delta", AttrKind::Float)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// More or less contrast.
    ADJUST_CONTRAST, (b, x) => {
        floats(x[0])?;
        let mean = x[0].mean_keep(&[ROWS, COLUMNS]);
        Ok(vec![(x[0] - mean) * b.attrs().float("factor").unwrap_or(1.0) + mean])
    },
    name: "adjust_contrast",
    doc: "Distances from each channel's mean over an image, times `factor`.",
    inputs: IMAGES,
    attrs: &[required("factor", AttrKind::Float)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// A power of brightness.
    ADJUST_GAMMA, (b, x) => {
        floats(x[0])?;
        let (gamma, gain) = (b.attrs().float("gamma").unwrap_or(1.0), b.attrs().float("gain").unwrap_or(1.0));
        if gamma.is_nan() || gamma < 0.0 {
            return Err(infer::wrong(Kind::Value, "a gamma of at least 0", gamma));
        }
        Ok(vec![x[0].pow(gamma) * gain])
    },
    name: "adjust_gamma",
    doc: "`gain * images ^ gamma`, gamma at least 0.",
    inputs: IMAGES,
    attrs: &[required("gamma", AttrKind::Float), required("gain", AttrKind::Float)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Hue, saturation and value.
    RGB_TO_HSV, (_b, x) => Ok(vec![to_hsv(x[0])?]),
    name: "rgb_to_hsv",
    doc: "Hue, saturation and value of red, green and blue, the last axis; all in 0 to 1.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Red, green and blue.
    HSV_TO_RGB, (_b, x) => Ok(vec![to_rgb(x[0])?]),
    name: "hsv_to_rgb",
    doc: "Red, green and blue of hue, saturation and value: the inverse of `rgb_to_hsv`.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Hues turned.
    ADJUST_HUE, (b, x) => {
        images(x[0])?;
        let delta = b.attrs().float("delta").unwrap_or(0.0);
        if !(-1.0..=1.0).contains(&delta) {
            return Err(infer::wrong(Kind::Value, "`delta` from -1 to 1", delta));
        }
        let [hue, saturation, value] = channels(to_hsv(x[0])?)?;
        let turned = hue + delta;
        let last = x[0].rank()? - 1;
        Ok(vec![to_rgb(b.concat(&[turned - turned.floor(), saturation, value], last))?])
    },
    name: "adjust_hue",
    doc: "Colours with their hue turned by `delta` circles, from -1 to 1.",
    inputs: IMAGES,
    attrs: &[required("delta", AttrKind::Float)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// More or less colour.
    ADJUST_SATURATION, (b, x) => {
        images(x[0])?;
        let [hue, saturation, value] = channels(to_hsv(x[0])?)?;
        let saturation = (saturation * b.attrs().float("factor").unwrap_or(1.0)).max(0.0).min(1.0);
        let last = x[0].rank()? - 1;
        Ok(vec![to_rgb(b.concat(&[hue, saturation, value], last))?])
    },
    name: "adjust_saturation",
    doc: "Colours with their saturation times `factor`, at most 1.",
    inputs: IMAGES,
    attrs: &[required("factor", AttrKind::Float)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Without colour.
    RGB_TO_GRAYSCALE, (_b, x) => {
        let [red, green, blue] = channels(x[0])?;
        Ok(vec![red * 0.2989 + green * 0.587 + blue * 0.114])
    },
    name: "rgb_to_grayscale",
    doc: "The luma of red, green and blue (0.2989, 0.587, 0.114), as one channel.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// One channel three times.
    GRAYSCALE_TO_RGB, (b, x) => {
        let spec = x[0].spec()?;
        if spec.dims.last() != Some(&Dim::ONE) {
            return Err(infer::wrong(Kind::Shape, "images of one channel", spec));
        }
        Ok(vec![b.concat(&[x[0], x[0], x[0]], spec.rank() - 1)])
    },
    name: "grayscale_to_rgb",
    doc: "One channel three times.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

/// One line an op: colours times a matrix, a row for each new channel.
macro_rules! linear {
    ($($static:ident $name:literal $doc:literal $matrix:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let old = channels(x[0])?;
                let new = $matrix.map(|row: [f64; 3]| old[0] * row[0] + old[1] * row[1] + old[2] * row[2]);
                Ok(vec![b.concat(&new, x[0].rank()? - 1)])
            },
            name: $name,
            doc: $doc,
            inputs: IMAGES,
            domain: Domain::Special("tests/ops/image.rs"),
        }
    )*};
}

linear! {
    RGB_TO_YIQ "rgb_to_yiq" "Luma, in-phase and quadrature of red, green and blue (NTSC)."
        [[0.299, 0.587, 0.114], [0.59590059, -0.27455667, -0.32134392], [0.21153661, -0.52273617, 0.31119955]];
    YIQ_TO_RGB "yiq_to_rgb" "The inverse of `rgb_to_yiq`."
        [[1.0, 0.95598634, 0.6208248], [1.0, -0.27201283, -0.64720424], [1.0, -1.10674021, 1.70423049]];
    RGB_TO_YUV "rgb_to_yuv" "Luma and two colour differences of red, green and blue (PAL)."
        [[0.299, 0.587, 0.114], [-0.14714119, -0.28886916, 0.43601035], [0.61497538, -0.51496512, -0.10001026]];
    YUV_TO_RGB "yuv_to_rgb" "The inverse of `rgb_to_yuv`."
        [[1.0, 0.0, 1.13988303], [1.0, -0.394642334, -0.58062185], [1.0, 2.03206185, 0.0]];
}

composite! {
    /// Mean 0 and variance 1.
    PER_IMAGE_STANDARDIZATION, (b, x) => {
        floats(x[0])?;
        let all = [ROWS, COLUMNS, -1];
        let centred = x[0] - x[0].mean_keep(&all);
        let deviation = centred.square().mean_keep(&all).sqrt();
        // A deviation below that of one count in all elements says nothing.
        let dims = x[0].dims()?;
        let count = dims[dims.len() - 3..].iter().product::<Dim>();
        Ok(vec![centred / deviation.max(b.size(&count, x[0].dtype()).rsqrt())])
    },
    name: "per_image_standardization",
    doc: "Each image with mean 0 and variance 1; one without variance is only moved.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

fn floats(x: Expr<'_>) -> Result<()> {
    images(x)?;
    Class::Float.check(&x.spec()?)
}

/// The three channels, of floats.
fn channels(x: Expr<'_>) -> Result<[Expr<'_>; 3]> {
    let spec = x.spec()?;
    if spec.dims.last() != Some(&Dim::from(3i64)) || !spec.dtype.is_float() {
        return Err(infer::wrong(Kind::Shape, "images of floats with three channels", spec));
    }
    let channel = |k: i64| x.narrow(spec.rank() - 1, &Dim::from(k), &Dim::ONE);
    Ok([channel(0)?, channel(1)?, channel(2)?])
}

fn to_hsv<'b>(x: Expr<'b>) -> Result<Expr<'b>> {
    let [red, green, blue] = channels(x)?;
    let b = x.b();
    let ratio = |a: Expr<'b>, c: Expr<'b>| b.apply(&crate::ops::DIVIDE_NO_NAN, Attrs::new(), &[a, c]);
    let value = x.max_keep(&[-1]);
    let chroma = value + (-x).max_keep(&[-1]);
    // Sixths of the circle: which channel is greatest, and where the others draw it.
    let of_green = ratio(blue - red, chroma) + 2.0;
    let of_blue = ratio(red - green, chroma) + 4.0;
    let of_red = ratio(green - blue, chroma);
    let sixths = red.eq(value).choose(of_red, green.eq(value).choose(of_green, of_blue));
    let hue = sixths.lt(0.0).choose(sixths + 6.0, sixths) / 6.0;
    let hue = chroma.eq(0.0).choose(hue * 0.0, hue);
    Ok(b.concat(&[hue, ratio(chroma, value), value], x.rank()? - 1))
}

fn to_rgb(x: Expr<'_>) -> Result<Expr<'_>> {
    let [hue, saturation, value] = channels(x)?;
    let sixths = hue * 6.0;
    let near = |centre: f64| (sixths - centre).abs();
    let parts = [near(3.0) - 1.0, 2.0 - near(2.0), 2.0 - near(4.0)];
    let colours = parts.map(|part| ((part.max(0.0).min(1.0) - 1.0) * saturation + 1.0) * value);
    Ok(x.b().concat(&colours, x.rank()? - 1))
}
