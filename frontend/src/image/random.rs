//! Images changed at random, for training: from the process generator, or (`stateless_..`) as a function of a seed.

use super::{hsv_to_rgb, rgb_to_hsv};
use crate::error::{Error, Kind, on_behalf, raise, unwrap};
use crate::random::{self, IntoSeed};
use crate::tensor::{IntoInts, IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::Dim;
use tracelift_runtime::DType;

/// Rows and columns, as axes from the end.
const ROWS: i64 = -3;
const COLUMNS: i64 = -2;

/// Functions of images and one random number: `name stateless(arguments) between low and high => change;`
macro_rules! adjusted {
    ($($(#[$doc:meta])* $name:ident $stateless:ident ($($arg:ident),*) from $low:expr, $high:expr, if $fits:expr,
        $wanted:literal => $change:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(images: impl IntoTensor, $($arg: f64),*) -> Tensor {
            let loc = Location::caller();
            let x = images_of(stringify!($name), images);
            expect($fits, Kind::Value, stringify!($name), $wanted, format!("{:?} for {}", [$($arg),*], x.spec()), loc);
            on_behalf(loc, || $change(&x, &random::uniform_between((), $low, $high).cast(x.dtype())))
        }

        #[doc = concat!("As [`", stringify!($name), "`], a function of the seed alone.")]
        #[track_caller]
        pub fn $stateless(images: impl IntoTensor, $($arg: f64,)* seed: impl IntoSeed) -> Tensor {
            let loc = Location::caller();
            let x = images_of(stringify!($stateless), images);
            expect($fits, Kind::Value, stringify!($stateless), $wanted, format!("{:?} for {}", [$($arg),*], x.spec()), loc);
            let seed = unwrap(seed.state(concat!("image::", stringify!($stateless)), loc));
            on_behalf(loc, || {
                $change(&x, &random::stateless_uniform_between((), $low, $high, seed).cast(x.dtype()))
            })
        }
    )*};
}

adjusted! {
    /// [`adjust_brightness`](super::adjust_brightness) by a number from `-max_delta` to `max_delta`.
    random_brightness stateless_random_brightness (max_delta) from -max_delta, max_delta,
        if max_delta >= 0.0, "a max_delta of at least 0" => brighter;
    /// [`adjust_contrast`](super::adjust_contrast) by a factor from `lower` to `upper`.
    random_contrast stateless_random_contrast (lower, upper) from lower, upper,
        if 0.0 <= lower && lower < upper, "0 <= lower < upper" => contrasted;
    /// [`adjust_hue`](super::adjust_hue) by a number from `-max_delta` to `max_delta`, at most 0.5.
    random_hue stateless_random_hue (max_delta) from -max_delta, max_delta,
        if (0.0..=0.5).contains(&max_delta), "a max_delta from 0 to 0.5" => turned;
    /// [`adjust_saturation`](super::adjust_saturation) by a factor from `lower` to `upper`.
    random_saturation stateless_random_saturation (lower, upper) from lower, upper,
        if 0.0 <= lower && lower < upper, "0 <= lower < upper" => coloured;
}

fn brighter(x: &Tensor, delta: &Tensor) -> Tensor {
    x + delta
}

fn contrasted(x: &Tensor, factor: &Tensor) -> Tensor {
    let mean = x.mean_keepdims([ROWS, COLUMNS]);
    (x - &mean) * factor + mean
}

fn turned(x: &Tensor, delta: &Tensor) -> Tensor {
    let hsv = crate::split(rgb_to_hsv(x), 3, -1);
    let hue = &hsv[0] + delta;
    hsv_to_rgb(crate::concat(&[&hue - hue.floor(), hsv[1].clone(), hsv[2].clone()], -1))
}

fn coloured(x: &Tensor, factor: &Tensor) -> Tensor {
    let hsv = crate::split(rgb_to_hsv(x), 3, -1);
    let saturation = (&hsv[1] * factor).clip_by_value(0.0, 1.0);
    hsv_to_rgb(crate::concat(&[hsv[0].clone(), saturation, hsv[2].clone()], -1))
}

/// Mirrored or not: `name stateless axis;`
macro_rules! flipped {
    ($($(#[$doc:meta])* $name:ident $stateless:ident $axis:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(images: impl IntoTensor) -> Tensor {
            let (x, loc) = (images_of(stringify!($name), images), Location::caller());
            let coin = random::uniform_dims(&one_each(&x), DType::F32, loc);
            on_behalf(loc, || flip(&x, unwrap(coin), $axis))
        }

        #[doc = concat!("As [`", stringify!($name), "`], a function of the seed alone.")]
        #[track_caller]
        pub fn $stateless(images: impl IntoTensor, seed: impl IntoSeed) -> Tensor {
            let (x, loc) = (images_of(stringify!($stateless), images), Location::caller());
            let seed = unwrap(seed.state(concat!("image::", stringify!($stateless)), loc));
            let coin = random::stateless_uniform_dims(&one_each(&x), DType::F32, seed, loc);
            on_behalf(loc, || flip(&x, unwrap(coin), $axis))
        }
    )*};
}

flipped! {
    /// Mirrored left to right, or not, with equal probability; the images of a batch one by one.
    random_flip_left_right stateless_random_flip_left_right COLUMNS;
    /// Mirrored upside down, or not, with equal probability; the images of a batch one by one.
    random_flip_up_down stateless_random_flip_up_down ROWS;
}

/// The shape of one number for each image.
fn one_each(x: &Tensor) -> Vec<Dim> {
    let mut dims = vec![Dim::ONE; x.rank()];
    if x.rank() == 4 {
        dims[0] = x.spec().dims[0].clone();
    }
    dims
}

fn flip(x: &Tensor, coin: Tensor, axis: i64) -> Tensor {
    crate::where_(coin.less(0.5), x.reverse_with([axis]), x)
}

/// A part of `x` of this size, for each axis, at a place that all have an equal chance of being.
///
/// ```
/// use tracelift as tl;
/// let part = tl::image::random_crop(tl::zeros(&[8, 9, 3]), [5, 5, 3]);
/// assert_eq!(part.shape(), [5, 5, 3]);
/// ```
#[track_caller]
pub fn random_crop(x: impl IntoTensor, size: impl IntoInts) -> Tensor {
    let (x, size, loc) = (x.into_tensor(), size.ints(), Location::caller());
    on_behalf(loc, || cut(&x, &size, |rank| random::integers(rank, 0, i64::from(i32::MAX)), loc))
}

/// As [`random_crop`], a function of the seed alone.
#[track_caller]
pub fn stateless_random_crop(x: impl IntoTensor, size: impl IntoInts, seed: impl IntoSeed) -> Tensor {
    let (x, size, loc) = (x.into_tensor(), size.ints(), Location::caller());
    let seed = unwrap(seed.state("image::stateless_random_crop", loc));
    on_behalf(loc, || cut(&x, &size, |rank| random::stateless_integers(rank, 0, i64::from(i32::MAX), seed), loc))
}

fn cut(x: &Tensor, size: &[i64], draw: impl FnOnce([i64; 1]) -> Tensor, loc: &'static Location<'static>) -> Tensor {
    let spec = x.spec();
    let is_beyond = |(length, &part): (&Dim, &i64)| part < 0 || length.as_const().is_some_and(|length| part > length);
    let fits = size.len() == spec.rank() && !spec.dims.iter().zip(size).any(is_beyond);
    expect(fits, Kind::Shape, "random_crop", &format!("a size within {spec}"), format!("{size:?}"), loc);
    if size.is_empty() {
        return x.clone();
    }
    let sizes = Tensor::from(size.iter().map(|&n| n as i32).collect::<Vec<_>>());
    let room = crate::shape(x) - sizes + 1;
    let first = crate::floormod(draw([size.len() as i64]), room);
    (0..).zip(size).fold(x.clone(), |x, (axis, &length)| {
        let places = crate::range_with(0.0, length as f64, 1.0, DType::I32) + first.at(axis);
        crate::gather_with(x, places, axis, 0)
    })
}

/// The images, if they are: of rank 3 or 4.
#[track_caller]
fn images_of(what: &str, images: impl IntoTensor) -> Tensor {
    let x = images.into_tensor();
    let wanted = "an image [height, width, channels] or a batch of them";
    expect((3..=4).contains(&x.rank()), Kind::Shape, what, wanted, x.spec().to_string(), Location::caller());
    x
}

/// Raises an error unless `holds`.
fn expect(holds: bool, kind: Kind, what: &str, expected: &str, received: String, loc: &'static Location<'static>) {
    if !holds {
        raise(Error::new(kind, format!("image::{what}: expected {expected}, received {received}")), loc);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{adjust_hue, adjust_saturation, flip_left_right};
    use super::*;
    use crate::error::attempt;

    fn image(rows: usize, columns: usize, channels: usize) -> Tensor {
        let len = rows * columns * channels;
        let data: Vec<f32> = (0..len).map(|i| (i * 37 % 100) as f32 / 100.0).collect();
        crate::reshape(Tensor::from(data), [rows, columns, channels])
    }

    #[test]
    fn random_flips_keep_or_turn_each_image() {
        crate::random::set_seed(4);
        let x = crate::stack(&std::array::from_fn::<_, 16, _>(|_| image(2, 3, 1)));
        let y = random_flip_left_right(&x);
        let (kept, turned) = (image(2, 3, 1), flip_left_right(image(2, 3, 1)));
        let images: Vec<Tensor> = crate::unstack(&y);
        let turns = images.iter().filter(|i| **i == turned).count();
        assert!(images.iter().all(|i| *i == kept || *i == turned) && (1..16).contains(&turns), "{turns}");
        assert_eq!(random_flip_up_down(&x).shape(), [16, 2, 3, 1]);
        assert_eq!(random_contrast(random_brightness(&x, 0.1), 0.5, 1.5).shape(), [16, 2, 3, 1]);
        assert_eq!(stateless_random_flip_left_right(&x, 3), stateless_random_flip_left_right(&x, 3));
    }

    #[test]
    fn colours_are_adjusted_by_what_is_drawn() {
        let x = image(3, 4, 3);
        let delta = random::stateless_uniform_between((), -0.3, 0.3, 7).item();
        crate::testing::assert_all_close(&stateless_random_hue(&x, 0.3, 7), &adjust_hue(&x, delta));
        let factor = random::stateless_uniform_between((), 0.5, 1.5, 7).item();
        crate::testing::assert_all_close(&stateless_random_saturation(&x, 0.5, 1.5, 7), &adjust_saturation(&x, factor));
        assert!(attempt(|| random_hue(&x, 0.6)).is_err() && attempt(|| random_contrast(&x, 1.0, 0.5)).is_err());
        assert!(attempt(|| random_saturation(&x, -1.0, 0.5)).is_err());
    }

    #[test]
    fn crops_are_parts_of_images() {
        let x = crate::reshape(Tensor::from((0..60).collect::<Vec<i32>>()), [5, 4, 3]);
        let mut places = std::collections::HashSet::new();
        for seed in 0..60 {
            let part = stateless_random_crop(&x, [2, 3, 3], seed);
            let first = part.to_vec::<i32>()[0];
            let (row, column) = (i64::from(first / 12), i64::from(first % 12 / 3));
            assert_eq!(part, super::super::crop_to_bounding_box(&x, row, column, 2, 3));
            places.insert(first);
        }
        assert_eq!(places.len(), 8, "{places:?}");
        assert_eq!(random_crop(&x, [5, 4, 3]), x);
        assert!(attempt(|| random_crop(&x, [6, 1, 1])).is_err() && attempt(|| random_crop(&x, [2, 2])).is_err());
    }
}
