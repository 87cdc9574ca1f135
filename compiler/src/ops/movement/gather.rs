//! Elements chosen by index, and added up by index.

use crate::base::spec::Dims;
use crate::ops::entry::*;
use crate::ops::indexing::scatter::from_end;
use tracelift_runtime::Array;

/// Slices chosen by index.
pub static GATHER: OpDef = OpDef {
    name: "gather",
    doc: "Slices of `x` along `axis` (default `batch_dims`) chosen by `indices`. The first `batch_dims` (default 0) axes \
          of both go together. The result's shape is that of `x` with `axis` replaced by the other axes of \
          `indices`. An index out of range is an error.",
    inputs: Operands::Named(&["x", "indices"]),
    attrs: &[optional("axis", AttrKind::Int), optional("batch_dims", AttrKind::Int)],
    spec: |c| {
        let [x, indices] = c.inputs else { unreachable!("two operands") };
        infer::one(x.dtype, gathered(c.attrs, &x.dims, indices)?)
    },
    grad: rule!(v => {
        let mut dims = v.x().dims()?;
        if v.x().dtype() != DType::Complex64 {
            let attrs = v.b.attrs().clone().with("dims", &dims[..]);
            return Ok(vec![Some(v.b.apply(&SCATTER_ADD, attrs, &[v.g(), v.x1()])), None]);
        }
        // Complex numbers are added as pairs along one more axis.
        let (axis, batch) = axis_and_batch(v.b.attrs(), dims.len())?;
        dims.push(Dim::from(2usize));
        let attrs = Attrs::new().with("dims", &dims[..]).with("axis", axis as i64).with("batch_dims", batch as i64);
        let sums = v.b.apply(&SCATTER_ADD, attrs, &[v.g().pairs(), v.x1()]);
        Ok(vec![Some(sums.bitcast(DType::Complex64)), None])
    }),
    lower: Lower::Library(|c, _| {
        let (axis, batch) = axis_and_batch(c.attrs, c.inputs[0].rank())?;
        Ok(LibraryCall { routine: "gather", params: vec![axis.into(), batch.into()] })
    }),
    eval: |c| {
        let (x, shape) = (&c.inputs[0], eval::shape_of(c, 0)?);
        let from = sources(c.attrs, x.shape(), &c.inputs[1], &shape)?;
        eval::with_element!(x.dtype(), T => {
            let values: Vec<T> = from.iter().map(|&at| x.as_slice::<T>()[at]).collect();
            Ok(vec![Array::from_slice(&shape, &values)])
        })
    },
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};

/// The dual of [`GATHER`].
pub static SCATTER_ADD: OpDef = OpDef {
    name: "scatter_add",
    doc: "Zeros of shape `dims` to which `updates` are added at the places where `gather` with the same attributes \
          would take them from. An index out of range is an error.",
    inputs: Operands::Named(&["updates", "indices"]),
    attrs: &[required("dims", AttrKind::Dims), optional("axis", AttrKind::Int), optional("batch_dims", AttrKind::Int)],
    spec: |c| {
        let [updates, indices] = c.inputs else { unreachable!("two operands") };
        Class::Number.check(updates)?;
        let dims = infer::lengths(c.attrs)?;
        let wanted = gathered(c.attrs, &dims, indices)?;
        if updates.dims != wanted {
            let wanted = format!("updates of shape {}", infer::shape(&wanted));
            return Err(infer::wrong(Kind::Shape, wanted, updates));
        }
        infer::one(updates.dtype, dims)
    },
    grad: rule!(v => {
        let mut attrs = Attrs::new();
        for name in ["axis", "batch_dims"] {
            if let Some(value) = v.b.attrs().int(name) {
                attrs.set(name, value);
            }
        }
        Ok(vec![Some(v.b.apply(&GATHER, attrs, &[v.g(), v.x1()])), None])
    }),
    lower: Lower::Library(|c, outputs| {
        let (axis, batch) = axis_and_batch(c.attrs, outputs[0].rank())?;
        Ok(LibraryCall { routine: "scatter_add", params: vec![axis.into(), batch.into()] })
    }),
    eval: |c| {
        let (updates, shape) = (&c.inputs[0], eval::shape_of(c, 0)?);
        let to = sources(c.attrs, &shape, &c.inputs[1], updates.shape())?;
        let len = shape.iter().product();
        Ok(vec![if updates.dtype().is_float() {
            let mut sums = vec![0.0; len];
            to.iter().zip(eval::floats(updates)).for_each(|(&at, v)| sums[at] += v);
            eval::from_floats(updates.dtype(), &shape, &sums)?
        } else {
            let mut sums = vec![0i128; len];
            to.iter().zip(eval::ints(updates)).for_each(|(&at, v)| sums[at] += v);
            eval::from_ints(updates.dtype(), &shape, &sums)?
        }])
    },
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};

composite! {
    /// Elements chosen one by one.
    TAKE_ALONG_AXIS, (b, x) => {
        let (mut dims, mut index_dims) = (x[0].dims()?, x[1].dims()?);
        Class::Int.check(&x[1].spec()?)?;
        let axis = infer::axis(b.attrs(), -1, dims.len())?;
        if dims.len() != index_dims.len() {
            let found = format!("{} and {}", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "operands of equal rank", found));
        }
        let (length, count) = (dims[axis].clone(), index_dims[axis].clone());
        (dims[axis], index_dims[axis]) = (Dim::ONE, Dim::ONE);
        let mut common = infer::broadcast(&dims, &index_dims)?;
        common[axis] = length.clone();
        let elements = x[0].broadcast_to(&common);
        common[axis] = count;
        let index = from_end(super::one_hot::index_of_class(x[1]), &length).broadcast_to(&common);
        let last = common.len() - 1;
        let mut swap: Vec<usize> = (0..=last).collect();
        swap.swap(axis, last);
        let attrs = Attrs::new().with("axis", last as i64).with("batch_dims", last as i64);
        let taken = b.apply(&GATHER, attrs, &[elements.transpose(&swap), index.transpose(&swap)]);
        Ok(vec![taken.transpose(&swap)])
    },
    name: "take_along_axis",
    doc: "`x[.., indices[.., i, ..], ..]` along `axis` (default -1); the other axes of both broadcast. Negative indices \
          count from the end.",
    inputs: Operands::Named(&["x", "indices"]),
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/indexing.rs"),
}

/// Attributes `axis` and `batch_dims` in normal form, for an operand of this rank.
pub fn axis_and_batch(attrs: &Attrs, rank: usize) -> Result<(usize, usize)> {
    let batch = attrs.int("batch_dims").unwrap_or(0);
    let axis = infer::axis(attrs, batch, rank)?;
    if batch < 0 || batch as usize > axis {
        return Err(infer::wrong(Kind::Shape, format_args!("batch_dims between 0 and axis {axis}"), batch));
    }
    Ok((axis, batch as usize))
}

/// The shape of what is gathered from a tensor of shape `dims`.
pub(in crate::ops) fn gathered(attrs: &Attrs, dims: &[Dim], indices: &TensorSpec) -> Result<Dims> {
    if !matches!(indices.dtype, DType::I32 | DType::I64) {
        return Err(
            infer::wrong(Kind::DType, "indices of dtype i32 or i64", indices).hint("convert with `.cast(DType::I32)`")
        );
    }
    let (axis, batch) = axis_and_batch(attrs, dims.len())?;
    if indices.rank() < batch || indices.dims[..batch] != dims[..batch] {
        let wanted = format!("indices whose first {batch} axes are {}", infer::shape(&dims[..batch]));
        return Err(infer::wrong(Kind::Shape, wanted, indices));
    }
    Ok(dims[..axis].iter().chain(&indices.dims[batch..]).chain(&dims[axis + 1..]).cloned().collect())
}

/// For each element of what is gathered, its position in the tensor of `shape` it comes from.
pub(in crate::ops) fn sources(attrs: &Attrs, shape: &[usize], indices: &Array, result: &[usize]) -> Result<Vec<usize>> {
    let (axis, batch) = axis_and_batch(attrs, shape.len())?;
    let chosen = eval::ints(indices);
    let index_rank = indices.shape().len() - batch;
    // Also where nothing is moved, because the other axes are empty.
    if let Some(&position) = chosen.iter().find(|&&i| i < 0 || i >= shape[axis] as i128) {
        let text = format!("index {position} is out of range for axis {axis} of length {}", shape[axis]);
        return Err(Error::new(Kind::Value, text));
    }
    Ok(eval::indices(result)
        .map(|index| {
            let (before, rest) = index.split_at(axis);
            let (middle, after) = rest.split_at(index_rank);
            let place = eval::offset(indices.shape(), &[&before[..batch], middle].concat());
            eval::offset(shape, &[before, &[chosen[place] as usize], after].concat())
        })
        .collect())
}
