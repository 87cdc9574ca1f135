//! The greatest element of each window, and where it is.

use super::columns::{Axis, Windows, window_axes};
use super::geometry::Geometry;
use crate::array::element::with_element;
use crate::array::{DType, Element};
use crate::error::{Error, Kind, Result};
use crate::exec::parallel;
use crate::kernels::library::LibraryCx;
use crate::kernels::library::number::Number;
use std::cmp::Ordering;

/// See the table: `x -> y`.
pub fn max_pool(cx: &mut LibraryCx<'_>) -> Result<()> {
    pool("max_pool", cx)
}

/// See the table: `x -> y, index`.
pub fn max_pool_with_argmax(cx: &mut LibraryCx<'_>) -> Result<()> {
    pool("max_pool_with_argmax", cx)
}

fn pool(name: &str, cx: &LibraryCx<'_>) -> Result<()> {
    let bad = |what: &str| {
        let text = format!("{name}: {what} ({:?} -> {:?}, params {:?})", cx.inputs, cx.outputs, cx.params);
        Err(Error::new(Kind::Internal, text))
    };
    let (x, y, indices) = match (cx.inputs, cx.outputs) {
        ([x], [y]) if name == "max_pool" => (x, y, None),
        ([x], [y, indices]) if name != "max_pool" => (x, y, Some(indices)),
        _ => return bad("expected another number of operands and results"),
    };
    if x.dtype() != y.dtype() || matches!(x.dtype(), DType::Bool | DType::Complex64) {
        return bad("expected numbers of one dtype");
    }
    if indices.is_some_and(|i| i.dtype() != DType::I64 || i.dims() != y.dims()) {
        return bad("expected as many i64 indices as results");
    }
    let rank = x.rank().saturating_sub(2);
    if cx.params.len() != 4 * rank || cx.epilogue.is_some() {
        return bad("expected four parameters an axis, and no epilogue");
    }
    let (window, rest) = cx.params.split_at(rank);
    if window.iter().any(|&taps| !(1..1 << 31).contains(&taps)) {
        return bad("windows must have elements");
    }
    // As a convolution with one channel a group.
    let channels = x.dims().last().copied().unwrap_or(0);
    if y.is_empty() {
        return Ok(());
    }
    let filter: crate::array::Shape = window.iter().map(|&taps| taps as usize).chain([1, channels]).collect();
    let geometry = Geometry::new(name, x.dims(), &filter, y.dims(), rest)?;
    with_element!(x.dtype(), T => {
        let (from, to) = (x.as_slice::<T>(), y.as_mut_ptr() as usize);
        let places = indices.map(|i| i.as_mut_ptr() as usize);
        windows::<T>(&geometry, from, to, places);
    });
    Ok(())
}

/// Channels that are compared together.
const STRIP: usize = 32;

fn windows<T: Number>(g: &Geometry, x: &[T], y: usize, indices: Option<usize>) {
    let axes = window_axes(g);
    let inside: usize = axes.iter().map(|axis| axis.taps.min(axis.size)).product();
    let cost = (inside * g.channels) as i64 / 4;
    let image_len = g.source.iter().product::<usize>() * g.channels;
    parallel::for_each(g.positions() as i64, cost.max(1), &|begin, end, _| {
        let mut window = Windows::from(&axes, begin as usize);
        for row in begin as usize..end as usize {
            for first in (0..g.channels).step_by(STRIP) {
                let width = STRIP.min(g.channels - first);
                let to = row * g.channels + first;
                // SAFETY: the window's own place in the results.
                let out = unsafe { std::slice::from_raw_parts_mut((y as *mut T).add(to), width) };
                out.fill(T::narrow(T::LEAST));
                match indices {
                    None => each_tap(g, &axes, window.at, |position| {
                        for (out, &x) in out.iter_mut().zip(&x[position * g.channels + first..][..width]) {
                            *out = T::narrow(T::max(out.widen(), x.widen()));
                        }
                    }),
                    Some(indices) => {
                        // SAFETY: as above.
                        let places = unsafe { std::slice::from_raw_parts_mut((indices as *mut i64).add(to), width) };
                        greatest(g, &axes, &window, x, (first, image_len), out, places);
                    }
                }
            }
            window.next(&axes);
        }
    });
}

/// The greatest elements of a window and, counted in its image, where the first of each is; 0 if there is none.
fn greatest<T: Number + Element>(
    g: &Geometry,
    axes: &[Axis; 3],
    window: &Windows,
    x: &[T],
    (first, image_len): (usize, usize),
    out: &mut [T],
    places: &mut [i64],
) {
    let image = window.at[0] * image_len;
    let mut is_first = true;
    places.fill(0);
    each_tap(g, axes, window.at, |position| {
        let at = position * g.channels + first;
        for (i, (out, place)) in out.iter_mut().zip(places.iter_mut()).enumerate() {
            let x = x[at + i];
            if is_first || x.order(*out) == Ordering::Greater {
                (*out, *place) = (x, (at + i - image) as i64);
            }
        }
        is_first = false;
    });
}

/// Calls `f` with the number of each position of a window that is inside the tensor.
#[inline(always)]
fn each_tap(g: &Geometry, axes: &[Axis; 3], [image, jz, jy, jx]: [usize; 4], mut f: impl FnMut(usize)) {
    let [z, y, x] = axes;
    for pz in z.inside(jz).filter_map(|tap| z.position(jz, tap)) {
        for py in y.inside(jy).filter_map(|tap| y.position(jy, tap)) {
            for px in x.inside(jx).filter_map(|tap| x.position(jx, tap)) {
                f(((image * g.source[0] + pz) * g.source[1] + py) * g.source[2] + px);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::array::{Array, DType};
    use crate::kernels::library::testing::{numbers, run, run_err, values};

    #[test]
    fn windows_with_padding_and_dilation() {
        // Rows 0 1 2 3 | 4 5 6 7 | 8 9 10 11, one channel.
        let x = Array::from_vec(&[1, 3, 4, 1], (0..12).collect::<Vec<i32>>()).unwrap().cast(DType::F32).unwrap();
        let params = [2, 2, 2, 2, 1, 2, 1, 0];
        let outputs = [(DType::F32, &[1, 2, 1, 1][..]), (DType::I64, &[1, 2, 1, 1])];
        let both = run("max_pool_with_argmax", &[&x], &outputs, &params);
        assert_eq!(values(&both[0]), [2.0, 10.0]);
        assert_eq!(values(&both[1]), [2.0, 10.0]);
        assert_eq!(values(&run("max_pool", &[&x], &outputs[..1], &params)[0]), [2.0, 10.0]);
    }

    #[test]
    fn the_first_of_equals_and_nan_win() {
        let nan = f64::NAN;
        let x = Array::from_slice(&[2, 4, 1], &[1.0, 1.0, nan, 5.0, -f64::INFINITY, -f64::INFINITY, 3.0, nan]);
        let outputs = [(DType::F64, &[2, 2, 1][..]), (DType::I64, &[2, 2, 1])];
        let both = run("max_pool_with_argmax", &[&x], &outputs, &[2, 2, 1, 0]);
        assert_eq!(values(&both[1]), [0.0, 2.0, 0.0, 3.0]);
        assert!(values(&both[0])[1].is_nan() && values(&both[0])[3].is_nan());
        let y = run("max_pool", &[&x], &outputs[..1], &[2, 2, 1, 0]);
        assert!(values(&y[0])[1].is_nan() && values(&y[0])[2] == f64::NEG_INFINITY);
    }

    #[test]
    fn windows_far_larger_than_the_tensor() {
        const HUGE: i64 = (1 << 31) - 1;
        let x = Array::from_slice(&[1, 4, 1], &[3.0, 1.0, 2.0, 0.0]);
        let pool = |dilation: i64, before: i64| {
            let outputs = [(DType::F64, &[1, 4, 1][..])];
            values(&run("max_pool", &[&x], &outputs, &[HUGE, 1, dilation, before]).remove(0))
        };
        assert_eq!(pool(1, HUGE / 2), [3.0; 4]);
        assert_eq!(pool(1, 0), [3.0, 2.0, 2.0, 0.0]);
        assert_eq!(pool(2, 1), [1.0, 3.0, 1.0, 2.0]);
    }

    #[test]
    fn every_dtype_and_many_channels() {
        for dtype in [DType::F64, DType::F16, DType::I8, DType::U8, DType::I64] {
            let x = numbers(dtype, &[2, 5, 70]);
            let y = run("max_pool", &[&x], &[(dtype, &[2, 2, 70])], &[2, 2, 1, 0]).remove(0);
            for (i, value) in values(&y).into_iter().enumerate() {
                let (image, window, channel) = (i / 140, i / 70 % 2, i % 70);
                let at = |place: usize| x.element_f64((image * 5 + place) * 70 + channel);
                assert_eq!(value, at(2 * window).max(at(2 * window + 1)), "{dtype}");
            }
        }
        let x = numbers(DType::F32, &[1, 4, 2]);
        let error = run_err("max_pool", &[&x], &[(DType::F32, &[1, 2, 2])], &[0, 2, 1, 0]);
        assert!(error.message().contains("windows must have elements"), "{error}");
    }
}
