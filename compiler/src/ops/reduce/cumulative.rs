//! Running sums and products along an axis.

use crate::ops::entry::*;
use tracelift_runtime::Array;

const ATTRS: &[AttrDef] =
    &[optional("axis", AttrKind::Int), optional("exclusive", AttrKind::Bool), optional("reverse", AttrKind::Bool)];

/// The running sum.
pub static CUMSUM: OpDef = OpDef {
    name: "cumsum",
    doc: "The running sum along `axis` (default 0); `exclusive`: of the elements before; `reverse`: from the end.",
    attrs: ATTRS,
    spec: |c| spec(c, Class::Number),
    grad: rule!(v => {
        let attrs = v.b.attrs().clone().with("reverse", !v.b.attrs().bool("reverse"));
        Ok(vec![Some(v.b.apply(&CUMSUM, attrs, &[v.g()]))])
    }),
    lower: Lower::Library(|c, _| call(c, 0)),
    eval: |c| scan(c, 0.0, |a, x| a + x, 0, |a, x| a.wrapping_add(x)),
    ..BASE
};

/// The running product.
pub static CUMPROD: OpDef = OpDef {
    name: "cumprod",
    doc: "The running product along `axis` (default 0); `exclusive`: of the elements before; `reverse`: from the end. \
          The gradient divides by `x`, as TensorFlow's, so it is NaN where `x` is 0.",
    attrs: ATTRS,
    spec: |c| spec(c, Class::Number),
    grad: rule!(v => {
        let attrs = v.b.attrs().clone().with("reverse", !v.b.attrs().bool("reverse"));
        Ok(vec![Some(v.b.apply(&CUMSUM, attrs, &[v.g() * v.y()]) / v.x())])
    }),
    lower: Lower::Library(|c, _| call(c, 1)),
    eval: |c| scan(c, 1.0, |a, x| a * x, 1, |a, x| a.wrapping_mul(x)),
    domain: Domain::NonZero,
    ..BASE
};

fn spec(c: &SpecCx<'_>, class: Class) -> Result<crate::graph::opdef::Specs> {
    class.check(&c.inputs[0])?;
    infer::axis(c.attrs, 0, c.inputs[0].rank())?;
    infer::same(c)
}

fn call(c: &SpecCx<'_>, kind: i64) -> Result<LibraryCall> {
    let axis = infer::axis(c.attrs, 0, c.inputs[0].rank())?;
    let flags = [c.attrs.bool("exclusive"), c.attrs.bool("reverse")];
    let params = [axis as i64, kind, flags[0].into(), flags[1].into()];
    Ok(LibraryCall { routine: "cumulative", params: params.map(Dim::from).to_vec() })
}

fn scan(
    c: &EvalCx<'_>,
    float_start: f64,
    float: fn(f64, f64) -> f64,
    int_start: i128,
    int: fn(i128, i128) -> i128,
) -> Result<Vec<Array>> {
    let x = &c.inputs[0];
    Ok(vec![if x.dtype().is_float() {
        eval::from_floats(x.dtype(), x.shape(), &run(c, &eval::floats(x), float_start, float)?)?
    } else {
        eval::from_ints(x.dtype(), x.shape(), &run(c, &eval::ints(x), int_start, int)?)?
    }])
}

fn run<T: Copy>(c: &EvalCx<'_>, x: &[T], start: T, f: fn(T, T) -> T) -> Result<Vec<T>> {
    let shape = c.inputs[0].shape();
    let axis = infer::axis(c.attrs, 0, shape.len())?;
    let (exclusive, reverse) = (c.attrs.bool("exclusive"), c.attrs.bool("reverse"));
    let element = |index: &[usize]| {
        let here = index[axis];
        let mut before: Vec<usize> = if reverse { (here..shape[axis]).rev().collect() } else { (0..=here).collect() };
        if exclusive {
            before.pop();
        }
        before.into_iter().fold(start, |sum, k| {
            let mut at = index.to_vec();
            at[axis] = k;
            f(sum, x[eval::offset(shape, &at)])
        })
    };
    Ok(eval::indices(shape).map(|index| element(&index)).collect())
}
