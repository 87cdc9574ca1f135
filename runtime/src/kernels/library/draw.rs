//! `gamma_draws`, `poisson_draws`, `binomial_draws`: draws from a distribution of its own for each element.

use super::LibraryCx;
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::random::distributions::{Element, MAX_ELEMENTS};

/// See the table.
pub fn gamma(cx: &mut LibraryCx<'_>) -> Result<()> {
    draw(cx, "gamma_draws", 1, |e, p| e.gamma(p[0]))
}

/// See the table.
pub fn poisson(cx: &mut LibraryCx<'_>) -> Result<()> {
    draw(cx, "poisson_draws", 1, |e, p| e.poisson(p[0]))
}

/// See the table.
pub fn binomial(cx: &mut LibraryCx<'_>) -> Result<()> {
    draw(cx, "binomial_draws", 2, |e, p| e.binomial(p[0], p[1]))
}

/// `one` of each element and its `count` parameters.
fn draw(cx: &LibraryCx<'_>, kernel: &str, count: usize, one: fn(&mut Element, [f64; 2]) -> f64) -> Result<()> {
    cx.expect(kernel, count + 1, 1, 1)?;
    let (parameters, state, y) = (&cx.inputs[..count], &cx.inputs[count], &cx.outputs[0]);
    if (state.dtype(), state.len()) != (DType::U64, 2) {
        return Err(cx.bad(kernel, Kind::DType, "expected a random state u64[2]"));
    }
    for x in parameters {
        cx.expect_same_dtype(kernel, &[x.dtype(), y.dtype()])?;
        cx.expect_shape(kernel, x.dims())?;
    }
    if y.len() as u64 > MAX_ELEMENTS {
        return Err(cx.bad(kernel, Kind::Memory, "too many elements"));
    }
    let state = state.as_slice::<u64>();
    let (seed, tick) = (state[0], state[1].wrapping_add(cx.params[0] as u64));
    macro_rules! fill {
        ($t:ty) => {
            parallel::for_each(y.len() as i64, 200, &|begin, end, _| {
                let parameters = parameters.iter().map(|x| x.as_slice::<$t>()).collect::<Vec<_>>();
                // SAFETY: ranges are disjoint.
                let out = unsafe { y.part_mut::<$t>(begin as usize, end as usize) };
                for (i, to) in (begin as usize..).zip(out) {
                    let of = |k: usize| parameters.get(k).map_or(0.0, |x| f64::from(x[i]));
                    *to = one(&mut Element::new(seed, tick, i as u64), [of(0), of(1)]) as $t;
                }
            })
        };
    }
    match y.dtype() {
        DType::F32 => fill!(f32),
        DType::F64 => fill!(f64),
        _ => return Err(cx.bad(kernel, Kind::DType, "parameters must be f32 or f64")),
    }
    Ok(())
}
