//! Where each element of a resized axis comes from: positions of the old one, and their weights.
//!
//! Start with [`taps`]. All is computed in f64 and, where that decides between neighbours, in integers.

use crate::ops::entry::*;

/// How positions of the new axis are mapped to the old one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinates {
    /// Elements are intervals, whose ends correspond.
    HalfPixel,
    /// As `HalfPixel`, but an axis of length 1 comes from position 0.
    HalfPixelOrFirst,
    /// First and last elements correspond.
    AlignCorners,
    /// Position 0 corresponds, and distances are scaled.
    Asymmetric,
}

/// How a position between elements gets its value.
#[derive(Clone, Copy)]
pub(super) enum Method {
    /// From one element.
    Nearest(Rounding),
    /// From elements around, weighted by a function of the distance, which is 0 beyond a radius.
    Kernel(Filter),
    /// The mean of the interval of the old axis.
    Area,
}

/// Which element is nearest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    Floor,
    Ceil,
    HalfUp,
    HalfDown,
}

/// Weights by distance.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    /// The weight at a distance, before normalisation.
    pub weight: fn(f64, f64) -> f64,
    /// The second argument of `weight`.
    pub shape: f64,
    /// Beyond this distance there is none.
    pub radius: f64,
    /// Whether positions outside the axis have no weight; else they stand for the first or the last.
    pub excludes: bool,
    /// Whether the filter is stretched when the axis shrinks, so that every element has a weight.
    pub stretches: bool,
}

/// For each element of the new axis as many positions of the old one, and their weights, row by row.
pub(super) struct Taps {
    /// Positions and weights of an element.
    pub count: usize,
    /// Positions.
    pub positions: Vec<i64>,
    /// Weights.
    pub weights: Vec<f64>,
}

/// The filters by name: linear, cubic, and those of TensorFlow's `ResizeMethod`.
pub(super) fn filter(name: &str, antialias: bool, shape: Option<f64>) -> Option<Filter> {
    let plain = |weight, shape, radius| Filter { weight, shape, radius, excludes: antialias, stretches: antialias };
    let scaled = |weight, shape, radius| Filter { excludes: true, ..plain(weight, shape, radius) };
    Some(match name {
        "linear" | "bilinear" | "trilinear" => plain(triangle, 0.0, 1.0),
        "cubic" => plain(cubic, shape.unwrap_or(-0.75), 2.0),
        "bicubic" => scaled(cubic, shape.unwrap_or(-0.5), 2.0),
        "lanczos3" => scaled(lanczos, 3.0, 3.0),
        "lanczos5" => scaled(lanczos, 5.0, 5.0),
        "gaussian" => scaled(gaussian, 0.5, 1.5),
        "mitchellcubic" => scaled(mitchell, 0.0, 2.0),
        _ => return None,
    })
}

/// The taps for an axis that goes from `from` elements to `to`, both at least 1.
pub(super) fn taps(from: i64, to: i64, coordinates: Coordinates, method: Method) -> Taps {
    let rows: Vec<Vec<(i64, f64)>> = (0..to)
        .map(|place| match method {
            Method::Nearest(rounding) => vec![(nearest(from, to, place, coordinates, rounding), 1.0)],
            Method::Kernel(filter) => weighted(from, to, place, coordinates, &filter),
            Method::Area => covered(from, to, place),
        })
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(1);
    let (mut positions, mut weights) = (Vec::new(), Vec::new());
    for row in rows {
        // Rows of fewer taps repeat a position, with no weight.
        let filler = (row[0].0, 0.0);
        for k in 0..count {
            let (position, weight) = row.get(k).copied().unwrap_or(filler);
            positions.push(position);
            weights.push(weight);
        }
    }
    Taps { count, positions, weights }
}

/// The position as a quotient of integers.
fn quotient(from: i64, to: i64, place: i64, coordinates: Coordinates) -> (i128, i128) {
    let (from, to, place) = (i128::from(from), i128::from(to), i128::from(place));
    match coordinates {
        Coordinates::Asymmetric => (place * from, to),
        Coordinates::AlignCorners | Coordinates::HalfPixelOrFirst if to == 1 => (0, 1),
        Coordinates::AlignCorners => (place * (from - 1), to - 1),
        Coordinates::HalfPixel | Coordinates::HalfPixelOrFirst => ((2 * place + 1) * from - to, 2 * to),
    }
}

fn nearest(from: i64, to: i64, place: i64, coordinates: Coordinates, rounding: Rounding) -> i64 {
    let (n, d) = quotient(from, to, place, coordinates);
    let rounded = match rounding {
        Rounding::Floor => n.div_euclid(d),
        Rounding::Ceil => -(-n).div_euclid(d),
        Rounding::HalfUp => (2 * n + d).div_euclid(2 * d),
        Rounding::HalfDown => -(-2 * n + d).div_euclid(2 * d),
    };
    rounded.clamp(0, i128::from(from) - 1) as i64
}

fn weighted(from: i64, to: i64, place: i64, coordinates: Coordinates, filter: &Filter) -> Vec<(i64, f64)> {
    let (n, d) = quotient(from, to, place, coordinates);
    let position = n as f64 / d as f64;
    let stretch = if filter.stretches { (from as f64 / to as f64).max(1.0) } else { 1.0 };
    let radius = filter.radius * stretch;
    let (first, last) = ((position - radius).floor() as i64 + 1, (position + radius).ceil() as i64 - 1);
    let mut row: Vec<(i64, f64)> = Vec::new();
    for at in first..=last {
        let weight = (filter.weight)(((at as f64 - position) / stretch).abs(), filter.shape);
        let inside = at.clamp(0, from - 1);
        if inside != at && filter.excludes {
            continue;
        }
        match row.iter_mut().find(|(known, _)| *known == inside) {
            Some((_, sum)) => *sum += weight,
            None => row.push((inside, weight)),
        }
    }
    let total: f64 = row.iter().map(|(_, weight)| weight).sum();
    if row.is_empty() || total == 0.0 {
        return vec![((position.round() as i64).clamp(0, from - 1), 1.0)];
    }
    if filter.excludes {
        row.iter_mut().for_each(|(_, weight)| *weight /= total);
    }
    row
}

/// The elements that an interval covers, by how much of each.
fn covered(from: i64, to: i64, place: i64) -> Vec<(i64, f64)> {
    let (begin, end) = (place as f64 * from as f64 / to as f64, (place + 1) as f64 * from as f64 / to as f64);
    let first = (place as i128 * from as i128 / to as i128) as i64;
    let last = ((place + 1) as u128 * from as u128).div_ceil(to as u128) as i64;
    (first..last)
        .map(|at| {
            let part = end.min(at as f64 + 1.0) - begin.max(at as f64);
            (at, part / (end - begin))
        })
        .collect()
}

fn triangle(x: f64, _: f64) -> f64 {
    (1.0 - x).max(0.0)
}

/// Keys' cubic convolution; `a` is -0.5 in his paper of 1981.
fn cubic(x: f64, a: f64) -> f64 {
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// Mitchell and Netravali (1988), with B = C = 1/3.
fn mitchell(x: f64, _: f64) -> f64 {
    if x < 1.0 {
        ((7.0 * x / 6.0 - 2.0) * x) * x + 8.0 / 9.0
    } else if x < 2.0 {
        ((-7.0 * x / 18.0 + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0
    } else {
        0.0
    }
}

fn lanczos(x: f64, radius: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    if x < radius { sinc(x) * sinc(x / radius) } else { 0.0 }
}

fn gaussian(x: f64, sigma: f64) -> f64 {
    (-x * x / (2.0 * sigma * sigma)).exp()
}

/// Attribute `coordinates`.
pub(super) fn coordinates(attrs: &Attrs) -> Result<Coordinates> {
    Ok(match attrs.str("coordinates").unwrap_or("half_pixel") {
        "half_pixel" => Coordinates::HalfPixel,
        "pytorch_half_pixel" => Coordinates::HalfPixelOrFirst,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        other => {
            let wanted = "coordinates half_pixel, pytorch_half_pixel, align_corners or asymmetric";
            return Err(infer::wrong(Kind::Value, wanted, format_args!("{other:?}")));
        }
    })
}

/// Attributes `method`, `antialias`, `cubic_coefficient`, `exclude_outside` and `rounding`.
pub(super) fn method(attrs: &Attrs, coordinates: Coordinates) -> Result<Method> {
    let name = attrs.str("method").unwrap_or("bilinear");
    let rounding = match attrs.str("rounding") {
        None if coordinates == Coordinates::Asymmetric => Rounding::Floor,
        None | Some("round_prefer_ceil") => Rounding::HalfUp,
        Some("round_prefer_floor") => Rounding::HalfDown,
        Some("floor") => Rounding::Floor,
        Some("ceil") => Rounding::Ceil,
        Some(other) => {
            let wanted = "rounding floor, ceil, round_prefer_floor or round_prefer_ceil";
            return Err(infer::wrong(Kind::Value, wanted, format_args!("{other:?}")));
        }
    };
    match name {
        "nearest" => return Ok(Method::Nearest(rounding)),
        "area" => return Ok(Method::Area),
        _ => {}
    }
    match filter(name, attrs.bool("antialias"), attrs.float("cubic_coefficient")) {
        Some(filter) => {
            let excludes = filter.excludes || attrs.bool("exclude_outside");
            Ok(Method::Kernel(Filter { excludes, ..filter }))
        }
        None => {
            let wanted =
                "method nearest, bilinear, bicubic, cubic, area, lanczos3, lanczos5, gaussian or mitchellcubic";
            Err(infer::wrong(Kind::Value, wanted, format_args!("{name:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_between_elements() {
        let positions =
            |from, to, coordinates, rounding| taps(from, to, coordinates, Method::Nearest(rounding)).positions;
        assert_eq!(positions(4, 5, Coordinates::Asymmetric, Rounding::Floor), [0, 0, 1, 2, 3]);
        assert_eq!(positions(2, 4, Coordinates::HalfPixel, Rounding::HalfUp), [0, 0, 1, 1]);
        assert_eq!(positions(4, 2, Coordinates::HalfPixel, Rounding::HalfDown), [0, 2]);
        assert_eq!(positions(4, 2, Coordinates::HalfPixel, Rounding::HalfUp), [1, 3]);
        assert_eq!(positions(5, 1, Coordinates::AlignCorners, Rounding::Ceil), [0]);
        assert_eq!(positions(5, 3, Coordinates::AlignCorners, Rounding::Ceil), [0, 2, 4]);
    }

    #[test]
    fn weights_sum_to_one() {
        let names = ["bilinear", "cubic", "bicubic", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"];
        for name in names {
            for antialias in [false, true] {
                for (from, to) in [(3, 7), (7, 3), (1, 4), (9, 1), (5, 5)] {
                    let method = Method::Kernel(filter(name, antialias, None).unwrap());
                    let Taps { count, positions, weights } = taps(from, to, Coordinates::HalfPixel, method);
                    assert!(positions.iter().all(|p| (0..from).contains(p)));
                    for row in weights.chunks(count) {
                        assert!(
                            (row.iter().sum::<f64>() - 1.0).abs() < 1e-12,
                            "{name} {antialias} {from} {to} {row:?}"
                        );
                    }
                }
            }
        }
        let Taps { count, weights, .. } = taps(5, 2, Coordinates::HalfPixel, Method::Area);
        assert_eq!((count, weights), (3, vec![0.4, 0.4, 0.2, 0.2, 0.4, 0.4]));
    }
}
