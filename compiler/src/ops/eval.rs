//! Shared naive evaluators: the executable specification, written to be obviously right.
//!
//! Floats are computed in f64 and rounded to the dtype at the end; integers are computed exactly and wrap.
//! Nothing here shares code with the runtime's kernels, so that comparing the two can find errors in both.

pub(crate) use crate::base::with_element;
use crate::base::{DType, Dim, Error, Kind, Result};
use crate::graph::opdef::{EvalCx, Lower};
use crate::graph::{Attrs, OpDef};
use crate::ops;
use half::{bf16, f16};
use tracelift_runtime::Array;

/// The elements of a float array (or the values of an integer one) as f64.
pub fn floats(array: &Array) -> Vec<f64> {
    match array.dtype() {
        DType::F32 => array.as_slice::<f32>().iter().map(|&v| v.into()).collect(),
        DType::F64 => array.as_slice::<f64>().to_vec(),
        DType::F16 => array.as_slice::<f16>().iter().map(|v| v.to_f64()).collect(),
        DType::BF16 => array.as_slice::<bf16>().iter().map(|v| v.to_f64()).collect(),
        _ => ints(array).into_iter().map(|v| v as f64).collect(),
    }
}

/// Ops that round once, and so give the same bits in any engine.
static ROUNDED_ONCE: [&OpDef; 14] = [
    &ops::ADD,
    &ops::SUBTRACT,
    &ops::MULTIPLY,
    &ops::DIVIDE,
    &ops::RECIPROCAL,
    &ops::SQUARE,
    &ops::SQRT,
    &ops::NEGATIVE,
    &ops::ABS,
    &ops::SIGN,
    &ops::MAXIMUM,
    &ops::MINIMUM,
    &ops::SELECT,
    &ops::CAST,
];

/// Whether the op, on operands of these dtypes, gives the same bits however it is computed: it moves elements, rounds
/// once, or reads whole numbers alone.
pub fn is_exact(op: &'static OpDef, mut operands: impl Iterator<Item = DType>) -> bool {
    matches!(op.lower, Lower::Movement(_))
        || ROUNDED_ONCE.iter().any(|known| std::ptr::eq(*known, op))
        || operands.all(|dtype| dtype.is_int() || dtype == DType::Bool)
}

/// The elements of an integer or bool array. Panics on others.
pub fn ints(array: &Array) -> Vec<i128> {
    match array.dtype() {
        DType::I8 => array.as_slice::<i8>().iter().map(|&v| v.into()).collect(),
        DType::I16 => array.as_slice::<i16>().iter().map(|&v| v.into()).collect(),
        DType::I32 => array.as_slice::<i32>().iter().map(|&v| v.into()).collect(),
        DType::I64 => array.as_slice::<i64>().iter().map(|&v| v.into()).collect(),
        DType::U8 => array.as_slice::<u8>().iter().map(|&v| v.into()).collect(),
        DType::U16 => array.as_slice::<u16>().iter().map(|&v| v.into()).collect(),
        DType::U32 => array.as_slice::<u32>().iter().map(|&v| v.into()).collect(),
        DType::U64 => array.as_slice::<u64>().iter().map(|&v| v.into()).collect(),
        DType::Bool => array.as_slice::<bool>().iter().map(|&v| v.into()).collect(),
        other => unreachable!("integers of {other}"),
    }
}

/// An array of `dtype` from f64 values: rounded to floats, to half precision by way of f32, as kernels and TensorFlow
/// do; truncated and saturated to integers; `!= 0` for bool.
pub fn from_floats(dtype: DType, shape: &[usize], values: &[f64]) -> Result<Array> {
    macro_rules! fill {
        ($T:ty, $f:expr) => {{
            let mut array = Array::zeros(dtype, shape)?;
            for (to, &v) in array.as_mut_slice::<$T>().iter_mut().zip(values) {
                *to = $f(v);
            }
            Ok(array)
        }};
    }
    match dtype {
        DType::F32 => fill!(f32, |v| v as f32),
        DType::F64 => fill!(f64, |v| v),
        DType::F16 => fill!(f16, |v| f16::from_f32(v as f32)),
        DType::BF16 => fill!(bf16, |v| bf16::from_f32(v as f32)),
        DType::I8 => fill!(i8, |v| v as i8),
        DType::I16 => fill!(i16, |v| v as i16),
        DType::I32 => fill!(i32, |v| v as i32),
        DType::I64 => fill!(i64, |v| v as i64),
        DType::U8 => fill!(u8, |v| v as u8),
        DType::U16 => fill!(u16, |v| v as u16),
        DType::U32 => fill!(u32, |v| v as u32),
        DType::U64 => fill!(u64, |v| v as u64),
        DType::Bool => fill!(bool, |v| v != 0.0),
        DType::Complex64 => fill!([f32; 2], |v| [v as f32, 0.0]),
    }
}

/// An array of `dtype` from integers: wrapped to integers; rounded to floats; `!= 0` for bool.
pub fn from_ints(dtype: DType, shape: &[usize], values: &[i128]) -> Result<Array> {
    macro_rules! fill {
        ($T:ty) => {
            fill!($T, |v| v as $T)
        };
        ($T:ty, $f:expr) => {{
            let mut array = Array::zeros(dtype, shape)?;
            for (to, &v) in array.as_mut_slice::<$T>().iter_mut().zip(values) {
                *to = $f(v);
            }
            Ok(array)
        }};
    }
    match dtype {
        DType::F32 => fill!(f32),
        DType::I8 => fill!(i8),
        DType::I16 => fill!(i16),
        DType::I32 => fill!(i32),
        DType::I64 => fill!(i64),
        DType::U8 => fill!(u8),
        DType::U16 => fill!(u16),
        DType::U32 => fill!(u32),
        DType::U64 => fill!(u64),
        DType::F16 => fill!(f16, |v| f16::from_f32(v as f32)),
        DType::BF16 => fill!(bf16, |v| bf16::from_f32(v as f32)),
        _ => from_floats(dtype, shape, &values.iter().map(|&v| v as f64).collect::<Vec<_>>()),
    }
}

/// A rank-0 array.
pub fn scalar(dtype: DType, value: f64) -> Array {
    from_floats(dtype, &[], &[value]).expect("one element")
}

/// The constant shape of result `k`.
pub fn shape_of(c: &EvalCx<'_>, k: usize) -> Result<Vec<usize>> {
    c.outputs[k].const_shape().ok_or_else(|| {
        Error::new(Kind::Shape, format!("the result's sizes must be constant here, received {}", c.outputs[k]))
    })
}

/// An attribute's sizes, all constant.
pub fn const_dims(attrs: &Attrs, name: &str) -> Result<Vec<i64>> {
    let dims = attrs.dims(name).unwrap_or_default();
    dims.iter()
        .map(|d| {
            Dim::as_const(d).ok_or_else(|| Error::new(Kind::Shape, format!("size {d} of `{name}` is not constant")))
        })
        .collect()
}

/// Every index of a shape, row-major.
pub fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    let total: usize = shape.iter().product();
    (0..total).map(move |mut flat| {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = flat % shape[axis];
            flat /= shape[axis];
        }
        index
    })
}

/// The position of an index in a dense row-major array.
pub fn offset(shape: &[usize], index: &[usize]) -> usize {
    shape.iter().zip(index).fold(0, |at, (&len, &i)| at * len + i)
}

/// The position in an operand of `shape` that broadcasting puts at `index` of the result.
pub fn broadcast_offset(shape: &[usize], index: &[usize]) -> usize {
    let aligned = &index[index.len() - shape.len()..];
    shape.iter().zip(aligned).fold(0, |at, (&len, &i)| at * len + if len == 1 { 0 } else { i })
}

/// A new array whose element at `index` is element `from(index)` of `source`.
pub fn pick(source: &Array, shape: &[usize], from: impl Fn(&[usize]) -> usize) -> Result<Array> {
    with_element!(source.dtype(), T => {
        let mut out = Array::zeros(source.dtype(), shape)?;
        let elements = source.as_slice::<T>();
        for (to, index) in out.as_mut_slice::<T>().iter_mut().zip(indices(shape)) {
            *to = elements[from(&index)];
        }
        Ok(out)
    })
}

/// The greater of two; NaN if either is; the second of two zeros.
pub fn greater(x: f64, y: f64) -> f64 {
    if x > y || x.is_nan() { x } else { y }
}

/// The lesser of two; NaN if either is; the second of two zeros.
pub fn lesser(x: f64, y: f64) -> f64 {
    if x < y || x.is_nan() { x } else { y }
}

/// One result, elementwise: `float` for float operands, `int` for integers and bool. Operands are broadcast.
pub fn elementwise(c: &EvalCx<'_>, float: impl Fn(&[f64]) -> f64, int: impl Fn(&[i128]) -> i128) -> Result<Vec<Array>> {
    let (dtype, shape) = (c.outputs[0].dtype, shape_of(c, 0)?);
    let array = if c.inputs[0].dtype().is_float() {
        from_floats(dtype, &shape, &zip(c.inputs, &shape, floats, float))?
    } else {
        from_ints(dtype, &shape, &zip(c.inputs, &shape, ints, int))?
    };
    Ok(vec![array])
}

fn zip<T: Copy>(inputs: &[Array], shape: &[usize], read: fn(&Array) -> Vec<T>, f: impl Fn(&[T]) -> T) -> Vec<T> {
    let operands: Vec<Vec<T>> = inputs.iter().map(read).collect();
    indices(shape)
        .map(|index| {
            let at: Vec<T> =
                inputs.iter().zip(&operands).map(|(a, v)| v[broadcast_offset(a.shape(), &index)]).collect();
            f(&at)
        })
        .collect()
}

/// Elementwise on floats alone.
pub fn on_floats(c: &EvalCx<'_>, f: impl Fn(&[f64]) -> f64) -> Result<Vec<Array>> {
    elementwise(c, f, |_| unreachable!("the spec admits floats only"))
}

/// Elementwise on integers and bool alone.
pub fn on_ints(c: &EvalCx<'_>, f: impl Fn(&[i128]) -> i128) -> Result<Vec<Array>> {
    elementwise(c, |_| unreachable!("the spec admits no floats"), f)
}

/// For composites: they are evaluated by expansion.
pub fn by_expansion(_: &EvalCx<'_>) -> Result<Vec<Array>> {
    Err(Error::new(Kind::Internal, "a composite was evaluated without expanding it"))
}
