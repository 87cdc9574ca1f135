//! The transforms along the last axis, without a factor: the primitives.

use crate::ops::entry::*;
use std::f64::consts::TAU;
use tracelift_runtime::Array;

/// Complex to complex.
pub static DFT: OpDef = OpDef {
    name: "dft",
    doc: "Along the last axis of length `n`, the sums of `x[j] exp(-2πi j k / n)`, or of `x[j] exp(2πi j k / n)` if \
          `inverse`.",
    attrs: &[optional("inverse", AttrKind::Bool)],
    spec: |c| {
        length(&c.inputs[0], DType::Complex64)?;
        infer::same(c)
    },
    grad: rule!(v => {
        let attrs = Attrs::new().with("inverse", !v.b.attrs().bool("inverse"));
        Ok(vec![Some(v.b.apply(&DFT, attrs, &[v.g()]))])
    }),
    lower: Lower::Library(|c, _| {
        Ok(LibraryCall { routine: "fft.complex", params: vec![i64::from(c.attrs.bool("inverse")).into()] })
    }),
    eval: |c| {
        let (x, sign) = (&c.inputs[0], if c.attrs.bool("inverse") { 1.0 } else { -1.0 });
        let n = x.shape()[x.shape().len() - 1];
        rows(c, x.as_slice::<[f32; 2]>(), n, |row| {
            (0..n).map(|k| sum(n, sign, k, |j| [row[j][0].into(), row[j][1].into()])).map(single).collect()
        })
    },
    domain: Domain::Special("tests/ops/fourier.rs"),
    ..BASE
};

/// Real to complex.
pub static RDFT: OpDef = OpDef {
    name: "rdft",
    doc: "The first `n / 2 + 1` coefficients of `dft` of f32 along the last axis of length `n`; the others are their \
          conjugates.",
    spec: |c| {
        let n = length(&c.inputs[0], DType::F32)?;
        let mut dims = c.inputs[0].dims.clone();
        let last = dims.len() - 1;
        dims[last] = halved(&n);
        infer::one(DType::Complex64, dims)
    },
    grad: rule!(v => {
        let n = length(&v.x().spec()?, DType::F32)?;
        let attrs = Attrs::new().with("length", vec![n.clone()]);
        // The inverse counts each coefficient but the first (and the last of an even length) twice.
        Ok(vec![Some(v.b.apply(&IRDFT, attrs, &[v.g().scaled(weights(v.b, &n, 0.5)?)?]))])
    }),
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "fft.real", params: Vec::new() })),
    eval: |c| {
        let x = &c.inputs[0];
        let n = x.shape()[x.shape().len() - 1];
        rows(c, x.as_slice::<f32>(), n, |row| {
            (0..n / 2 + 1).map(|k| single(sum(n, -1.0, k, |j| [row[j].into(), 0.0]))).collect()
        })
    },
    domain: Domain::Special("tests/ops/fourier.rs"),
    ..BASE
};

/// Complex to real.
pub static IRDFT: OpDef = OpDef {
    name: "irdft",
    doc: "The f32 numbers along a last axis of length `n`, the one size in `length`, of which `rdft` gives `x`, times \
          `n`. The imaginary parts of the first coefficient, and of the last of an even length, do not count.",
    attrs: &[required("length", AttrKind::Dims)],
    spec: |c| {
        let m = length(&c.inputs[0], DType::Complex64)?;
        let Some([n]) = c.attrs.dims("length") else {
            return Err(infer::wrong(Kind::Shape, "one size", "several in `length`"));
        };
        if n.as_const().is_some_and(|n| n < 1) || halved(n) != m {
            let wanted = format!("n / 2 + 1 coefficients along the last axis for `length` n = {n}");
            return Err(infer::wrong(Kind::Shape, wanted, &c.inputs[0]));
        }
        let mut dims = c.inputs[0].dims.clone();
        let last = dims.len() - 1;
        dims[last] = n.clone();
        infer::one(DType::F32, dims)
    },
    grad: rule!(v => {
        let n = length(&v.y().spec()?, DType::F32)?;
        Ok(vec![Some(v.b.apply(&RDFT, Attrs::new(), &[v.g()]).scaled(weights(v.b, &n, 2.0)?)?)])
    }),
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "fft.real_inverse", params: Vec::new() })),
    eval: |c| {
        let (x, shape) = (&c.inputs[0], eval::shape_of(c, 0)?);
        let (m, n) = (x.shape()[shape.len() - 1], shape[shape.len() - 1]);
        rows(c, x.as_slice::<[f32; 2]>(), m, |row| {
            // Coefficient j of all n: the second half mirrors the first.
            let all = |j: usize| match j {
                0 => [row[0][0].into(), 0.0],
                _ if 2 * j == n => [row[j][0].into(), 0.0],
                _ if j < m => [row[j][0].into(), row[j][1].into()],
                _ => [row[n - j][0].into(), -f64::from(row[n - j][1])],
            };
            (0..n).map(|k| sum(n, 1.0, k, all)[0] as f32).collect()
        })
    },
    domain: Domain::Special("tests/ops/fourier.rs"),
    ..BASE
};

/// The length of the last axis, which must not be 0, of a tensor of this dtype.
pub(super) fn length(x: &TensorSpec, dtype: DType) -> Result<Dim> {
    if x.dtype != dtype {
        let hint = format!("convert with `.cast(DType::{})`", if dtype == DType::F32 { "F32" } else { "Complex64" });
        return Err(infer::wrong(Kind::DType, format_args!("a tensor of {dtype}"), x).hint(hint));
    }
    match x.dims.last() {
        Some(n) if n.as_const() != Some(0) => Ok(n.clone()),
        _ => Err(infer::wrong(Kind::Shape, "a last axis of length 1 or more", x)),
    }
}

/// `n / 2 + 1`
pub(super) fn halved(n: &Dim) -> Dim {
    n.floor_div(&Dim::from(2usize)) + Dim::ONE
}

/// A factor for each coefficient of real numbers: 1 for the first, and for the last of an even length; else `other`.
fn weights<'b>(b: build::Builder<'b>, n: &Dim, other: f64) -> Result<Expr<'b>> {
    let k = b.iota(&[halved(n)], 0, DType::I64);
    let is_alone = k.eq(0.0).or((k * 2.0).eq(b.size(n, DType::I64)));
    Ok(b.select(is_alone, b.scalar(1.0, DType::F32), b.scalar(other, DType::F32)))
}

/// `f` of each row of `n` numbers.
fn rows<T, R: tracelift_runtime::array::Element>(
    c: &EvalCx<'_>,
    x: &[T],
    n: usize,
    f: impl Fn(&[T]) -> Vec<R>,
) -> Result<Vec<Array>> {
    let all: Vec<R> = x.chunks(n.max(1)).flat_map(f).collect();
    Ok(vec![Array::from_slice(&eval::shape_of(c, 0)?, &all)])
}

/// The sum of `x(j) exp(± 2πi j k / n)`.
fn sum(n: usize, sign: f64, k: usize, x: impl Fn(usize) -> [f64; 2]) -> [f64; 2] {
    (0..n).fold([0.0; 2], |total, j| {
        let (sin, cos) = (sign * TAU * (j * k % n) as f64 / n as f64).sin_cos();
        let [re, im] = x(j);
        [total[0] + re * cos - im * sin, total[1] + re * sin + im * cos]
    })
}

fn single([re, im]: [f64; 2]) -> [f32; 2] {
    [re as f32, im as f32]
}
