//! Functions of several operands, element by element, that no generated kernel computes: `gcd` and `betainc`.

use super::{LibraryCx, View, ViewMut};
use crate::array::{DType, Element};
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::special;
use half::{bf16, f16};

/// See the table.
pub fn gcd(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "gcd";
    check(NAME, cx, 2)?;
    let (x, y, out) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    macro_rules! euclid {
        ($($dtype:ident $t:ty;)*) => {
            match out.dtype() {
                $(DType::$dtype => zip::<$t>(&[x, y], out, 200, |v| {
                    let (mut a, mut b) = ((v[0] as i128).unsigned_abs(), (v[1] as i128).unsigned_abs());
                    while b != 0 {
                        (a, b) = (b, a % b);
                    }
                    // Only the magnitude of the least number does not fit: it wraps.
                    a as $t
                }),)*
                _ => return Err(cx.bad(NAME, Kind::DType, "expected integers")),
            }
        };
    }
    euclid! { I8 i8; I16 i16; I32 i32; I64 i64; U8 u8; U16 u16; U32 u32; U64 u64; }
    Ok(())
}

/// See the table.
pub fn betainc(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "betainc";
    check(NAME, cx, 3)?;
    let (inputs, out) = ([&cx.inputs[0], &cx.inputs[1], &cx.inputs[2]], &cx.outputs[0]);
    const COST: i64 = 500;
    match out.dtype() {
        DType::F32 => {
            zip::<f32>(&inputs, out, COST, |v| special::betainc(v[0].into(), v[1].into(), v[2].into()) as f32)
        }
        DType::F64 => zip::<f64>(&inputs, out, COST, |v| special::betainc(v[0], v[1], v[2])),
        DType::F16 => zip::<f16>(&inputs, out, COST, |v| {
            f16::from_f64(special::betainc(v[0].to_f64(), v[1].to_f64(), v[2].to_f64()))
        }),
        DType::BF16 => zip::<bf16>(&inputs, out, COST, |v| {
            bf16::from_f64(special::betainc(v[0].to_f64(), v[1].to_f64(), v[2].to_f64()))
        }),
        _ => return Err(cx.bad(NAME, Kind::DType, "expected floats")),
    }
    Ok(())
}

/// An error unless there are `inputs` operands of the result's dtype and shape.
fn check(name: &str, cx: &LibraryCx<'_>, inputs: usize) -> Result<()> {
    cx.expect(name, inputs, 1, 0)?;
    let dtypes: Vec<DType> = cx.inputs.iter().map(View::dtype).chain([cx.outputs[0].dtype()]).collect();
    cx.expect_same_dtype(name, &dtypes)?;
    cx.inputs.iter().try_for_each(|x| cx.expect_shape(name, x.dims()))
}

/// `out[i] = f([x0[i], x1[i], …])`, of which one takes `cost` nanoseconds.
fn zip<T: Element>(inputs: &[&View<'_>], out: &ViewMut<'_>, cost: i64, f: impl Fn(&[T]) -> T + Sync) {
    let operands: Vec<&[T]> = inputs.iter().map(|x| x.as_slice::<T>()).collect();
    parallel::for_each(out.len() as i64, cost, &|begin, end, _| {
        let (begin, end) = (begin as usize, end as usize);
        // SAFETY: ranges are disjoint.
        let out = unsafe { out.part_mut::<T>(begin, end) };
        for (i, out) in (begin..end).zip(out) {
            let mut values = [operands[0][i]; 3];
            values.iter_mut().zip(&operands).for_each(|(value, x)| *value = x[i]);
            *out = f(&values[..operands.len()]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, run_err, values};
    use super::*;
    use crate::array::Array;

    #[test]
    fn gcd_of_every_sign_and_of_the_least() {
        let x = Array::from_slice(&[6], &[12i32, -12, 0, 0, i32::MIN, 7]);
        let y = Array::from_slice(&[6], &[18i32, 18, 5, 0, 0, -3]);
        let z = run("gcd", &[&x, &y], &[(DType::I32, &[6])], &[]).remove(0);
        assert_eq!(z.as_slice::<i32>(), [6, 6, 5, 0, i32::MIN, 1]);
        let x = Array::from_slice(&[1], &[u64::MAX]);
        let y = Array::from_slice(&[1], &[u64::MAX / 3]);
        assert_eq!(run("gcd", &[&x, &y], &[(DType::U64, &[1])], &[])[0].as_slice::<u64>(), [u64::MAX / 3]);
    }

    #[test]
    fn betainc_of_known_values() {
        // I_x(1, b) = 1 - (1 - x)^b; I_x(a, a) is 1/2 at 1/2; Abramowitz and Stegun 26.5 for the third.
        let [a, b, x] = [[1.0f64, 2.5, 0.5, 2.0], [3.0, 2.5, 0.5, 1.0], [0.25, 0.5, 0.25, -1.0]]
            .map(|v| Array::from_slice(&[4], &v));
        let z = values(&run("betainc", &[&a, &b, &x], &[(DType::F64, &[4])], &[])[0]);
        let expected = [1.0 - 0.75f64.powi(3), 0.5, 1.0 / 3.0];
        assert!(z.iter().zip(expected).all(|(z, e)| (z - e).abs() < 1e-15), "{z:?}");
        assert!(z[3].is_nan());
    }

    #[test]
    fn other_dtypes_and_shapes_are_refused() {
        let x = Array::from_slice(&[2], &[1.0f32, 2.0]);
        assert_eq!(run_err("gcd", &[&x, &x], &[(DType::F32, &[2])], &[]).kind(), Kind::DType);
        let y = Array::from_slice(&[1], &[1.0f32]);
        assert_eq!(run_err("betainc", &[&x, &x, &y], &[(DType::F32, &[2])], &[]).kind(), Kind::Shape);
    }
}
