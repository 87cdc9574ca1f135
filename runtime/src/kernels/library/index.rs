//! `gather`, its dual `scatter_add`, and `scatter`: slices addressed by indices.
//!
//! All indices are checked before anything is written. Several updates of one place are taken in the order of
//! their indices, whatever the number of threads: work is split only between places.

use super::number::Number;
use super::{LibraryCx, View, ViewMut};
use crate::alloc::Block;
use crate::array::element::{with_bits, with_element};
use crate::array::{DType, Element, Shape};
use crate::error::{Kind, Result};
use crate::exec::parallel;
use crate::kernels::tile::FoldFn;

/// What an update does to the element at its place.
#[derive(Clone, Copy)]
enum Update {
    Replace,
    Combine(FoldFn),
}

/// The sizes of all operations. The operand that is gathered from or scattered to is `[batch, outer, places,
/// inner]`, the indices are `[batch, count]`, the other one is `[batch, outer, count, inner]`.
struct Sizes {
    batch: usize,
    outer: usize,
    places: usize,
    count: usize,
    inner: usize,
}

/// See the table.
pub fn gather(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "gather";
    cx.expect(NAME, 2, 1, 2)?;
    let (x, indices, y) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
    let (sizes, shape) = sizes(NAME, cx, x.dims(), indices.dims())?;
    cx.expect_shape(NAME, &shape)?;
    let indices = places(NAME, cx, indices, &sizes)?;
    with_bits!(x.dtype(), T => {
        // SAFETY: an unsigned integer of the element's size can hold any element.
        let from = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>(), x.len()) };
        gather_all::<T>(from, indices.as_slice(), y, &sizes);
    });
    Ok(())
}

fn gather_all<T: Copy + Send + Sync>(x: &[T], indices: &[i64], y: &ViewMut<'_>, sizes: &Sizes) {
    let Sizes { outer, places, count, inner, .. } = *sizes;
    let rows = sizes.batch * outer * count;
    let to = y.as_mut_ptr() as usize;
    parallel::for_each(rows as i64, 2 + (inner * size_of::<T>()) as i64 / 8, &|begin, end, _| {
        for row in begin as usize..end as usize {
            let (matrix, i) = (row / count, row % count);
            let place = indices[matrix / outer * count + i] as usize;
            let from = &x[(matrix * places + place) * inner..][..inner];
            // SAFETY: rows of the result are disjoint, and inside it.
            let out = unsafe { std::slice::from_raw_parts_mut((to as *mut T).add(row * inner), inner) };
            match out {
                // One element is not worth a call of memcpy.
                [out] => *out = from[0],
                out => out.copy_from_slice(from),
            }
        }
    });
}

/// See the table.
pub fn scatter_add(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "scatter_add";
    cx.expect(NAME, 2, 1, 2)?;
    let (updates, indices, y) = (&cx.inputs[0], &cx.inputs[1], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[updates.dtype(), y.dtype()])?;
    if y.dtype() == DType::Bool {
        return Err(cx.bad(NAME, Kind::DType, "bool has no sum"));
    }
    let (sizes, shape) = sizes(NAME, cx, y.dims(), indices.dims())?;
    if updates.dims() != &shape[..] {
        return Err(cx.bad(NAME, Kind::Shape, format!("expected updates of shape {shape:?}")));
    }
    let indices = places(NAME, cx, indices, &sizes)?;
    let add = Update::Combine(FoldFn::Sum);
    with_element!(y.dtype(), T => scatter_all::<T>(None, updates.as_slice(), indices.as_slice(), add, y, &sizes))
}

/// See the table.
pub fn scatter(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "scatter";
    cx.expect(NAME, 3, 1, 3)?;
    let (x, indices, updates, y) = (&cx.inputs[0], &cx.inputs[1], &cx.inputs[2], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), updates.dtype(), y.dtype()])?;
    cx.expect_shape(NAME, x.dims())?;
    let (sizes, shape) = sizes(NAME, cx, x.dims(), indices.dims())?;
    if updates.dims() != &shape[..] {
        return Err(cx.bad(NAME, Kind::Shape, format!("expected updates of shape {shape:?}")));
    }
    let update = match cx.params[2] {
        0 => Update::Replace,
        1 => Update::Combine(FoldFn::Sum),
        2 => Update::Combine(FoldFn::Prod),
        3 => Update::Combine(FoldFn::Max),
        4 => Update::Combine(FoldFn::Min),
        kind => return Err(cx.bad(NAME, Kind::Internal, format!("there is no kind {kind}"))),
    };
    let indices = places(NAME, cx, indices, &sizes)?;
    with_element!(y.dtype(), T => {
        scatter_all::<T>(Some(x.as_slice()), updates.as_slice(), indices.as_slice(), update, y, &sizes)
    })
}

/// Starts from `start`, or from zeros.
fn scatter_all<T: Number>(
    start: Option<&[T]>,
    updates: &[T],
    indices: &[i64],
    update: Update,
    y: &ViewMut<'_>,
    sizes: &Sizes,
) -> Result<()> {
    let Sizes { batch, outer, places, count, inner } = *sizes;
    // Sums are made in the accumulator's type: in the result itself if that is its type, else in scratch.
    let in_place = size_of::<T::Acc>() == size_of::<T>();
    let scratch = Block::new(if in_place { 0 } else { y.len() * size_of::<T::Acc>() })?;
    let sums = if in_place { y.as_mut_ptr() } else { scratch.as_ptr() } as usize;
    // Each place is the business of one thread: matrices are apart, and so are columns of one matrix.
    const COLUMNS: usize = 64;
    let strips = inner.div_ceil(COLUMNS);
    let cost = ((places + 2 * count) * inner.min(COLUMNS)) as i64 / 4 + count as i64;
    parallel::for_each((batch * outer * strips) as i64, cost, &|begin, end, _| {
        for point in begin as usize..end as usize {
            let (matrix, first) = (point / strips, point % strips * COLUMNS);
            let width = COLUMNS.min(inner - first);
            // SAFETY: strips are disjoint and inside the result, or the scratch of as many accumulators.
            let strip = |place: usize| unsafe {
                let start = (matrix * places + place) * inner + first;
                std::slice::from_raw_parts_mut((sums as *mut T::Acc).add(start), width)
            };
            for place in 0..places {
                match start {
                    None => strip(place).fill(T::ZERO),
                    Some(x) => {
                        let from = &x[(matrix * places + place) * inner + first..][..width];
                        strip(place).iter_mut().zip(from).for_each(|(to, &from)| *to = from.widen());
                    }
                }
            }
            for i in 0..count {
                let place = indices[matrix / outer * count + i] as usize;
                let from = &updates[(matrix * count + i) * inner + first..][..width];
                for (value, &new) in strip(place).iter_mut().zip(from) {
                    *value = match update {
                        Update::Replace => new.widen(),
                        Update::Combine(fold) => T::combine(fold, *value, new.widen()),
                    };
                }
            }
            if !in_place {
                for place in 0..places {
                    let start = (matrix * places + place) * inner + first;
                    // SAFETY: strips are disjoint.
                    let out = unsafe { y.part_mut::<T>(start, start + width) };
                    out.iter_mut().zip(strip(place)).for_each(|(out, &mut sum)| *out = T::narrow(sum));
                }
            }
        }
    });
    Ok(())
}

/// The sizes for an operand of shape `dims` addressed by `indices`, and the shape of what is gathered.
fn sizes(name: &str, cx: &LibraryCx<'_>, dims: &[usize], indices: &[usize]) -> Result<(Sizes, Shape)> {
    let axis = cx.axis(name, 0, dims.len())?;
    let batch_dims = cx.count(name, 1)?;
    if batch_dims > axis || batch_dims > indices.len() || dims[..batch_dims] != indices[..batch_dims] {
        return Err(cx.bad(
            name,
            Kind::Shape,
            format!("the first {batch_dims} axes differ, or axis {axis} is one of them"),
        ));
    }
    let sizes = Sizes {
        batch: dims[..batch_dims].iter().product(),
        outer: dims[batch_dims..axis].iter().product(),
        places: dims[axis],
        count: indices[batch_dims..].iter().product(),
        inner: dims[axis + 1..].iter().product(),
    };
    let gathered = dims[..axis].iter().chain(&indices[batch_dims..]).chain(&dims[axis + 1..]);
    Ok((sizes, gathered.copied().collect()))
}

/// Integers as i64.
pub enum Integers<'a> {
    /// They are.
    Given(&'a [i64]),
    /// A copy.
    Converted {
        /// Holds them.
        block: Block,
        /// How many.
        len: usize,
    },
}

impl Integers<'_> {
    /// All of them.
    pub fn as_slice(&self) -> &[i64] {
        match self {
            Integers::Given(indices) => indices,
            // SAFETY: `convert` filled the block with so many.
            Integers::Converted { block, len } => unsafe { std::slice::from_raw_parts(block.as_ptr().cast(), *len) },
        }
    }
}

/// An operand's elements as i64.
pub fn integers<'a>(name: &str, cx: &LibraryCx<'_>, view: &View<'a>) -> Result<Integers<'a>> {
    match view.dtype() {
        DType::I64 => Ok(Integers::Given(view.as_slice())),
        DType::I32 => convert::<i32>(view),
        DType::I16 => convert::<i16>(view),
        DType::I8 => convert::<i8>(view),
        DType::U32 => convert::<u32>(view),
        DType::U16 => convert::<u16>(view),
        DType::U8 => convert::<u8>(view),
        _ => Err(cx.bad(name, Kind::DType, "indices must be integers of up to 63 bits")),
    }
}

/// The indices, checked.
fn places<'a>(name: &str, cx: &LibraryCx<'_>, indices: &View<'a>, sizes: &Sizes) -> Result<Integers<'a>> {
    let places = integers(name, cx, indices)?;
    let limit = sizes.places as u64;
    // A negative index is a large one when read as unsigned.
    if let Some(at) = places.as_slice().iter().position(|&index| index as u64 >= limit) {
        let (index, axis) = (places.as_slice()[at], cx.params[0]);
        let what =
            format!("index {index} (element {at} of the indices) is out of range for axis {axis} of length {limit}");
        return Err(cx.bad(name, Kind::Value, what));
    }
    Ok(places)
}

fn convert<'a, I: Element + Into<i64>>(indices: &View<'a>) -> Result<Integers<'a>> {
    let len = indices.len();
    let block = Block::new(len * size_of::<i64>())?;
    for (i, &index) in indices.as_slice::<I>().iter().enumerate() {
        // SAFETY: the block has room for as many.
        unsafe { *block.as_ptr().cast::<i64>().add(i) = index.into() };
    }
    Ok(Integers::Converted { block, len })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{indices as every_index, numbers, run, run_err, values};
    use super::*;
    use crate::array::Array;

    /// Where element `index` of what is gathered comes from.
    fn source(index: &[usize], axis: usize, batch_dims: usize, indices: &Array, dims: &[usize]) -> usize {
        let middle = indices.rank() - batch_dims;
        let at = |index: &[usize], dims: &[usize]| index.iter().zip(dims).fold(0, |at, (&i, &len)| at * len + i);
        let which = [&index[..batch_dims], &index[axis..axis + middle]].concat();
        let place = indices.element_f64(at(&which, indices.shape())) as usize;
        at(&[&index[..axis], &[place], &index[axis + middle..]].concat(), dims)
    }

    type Case = (&'static [usize], usize, usize, &'static [usize]);
    const CASES: [Case; 8] = [
        (&[5], 0, 0, &[3]),
        (&[5, 4], 0, 0, &[2, 3]),
        (&[5, 4], 1, 0, &[7]),
        (&[2, 5, 3], 1, 1, &[2, 4]),
        (&[2, 3, 5], 2, 2, &[2, 3, 6]),
        (&[2, 3, 5, 70], 2, 1, &[2, 4]),
        (&[5, 4], 0, 0, &[]),
        (&[5, 0], 0, 0, &[0]),
    ];

    fn operands(dtype: DType, index_dtype: DType, case: Case) -> (Array, Array, Vec<usize>) {
        let (shape, axis, batch_dims, index_shape) = case;
        let count: usize = index_shape.iter().product();
        let which: Vec<i32> = (0..count).map(|i| ((i * 3 + 1) % shape[axis]) as i32).collect();
        let indices = Array::from_vec(index_shape, which).unwrap().cast(index_dtype).unwrap();
        let gathered = [&shape[..axis], &index_shape[batch_dims..], &shape[axis + 1..]].concat();
        (numbers(dtype, shape), indices, gathered)
    }

    #[test]
    fn gathering_takes_slices() {
        for dtype in [DType::F32, DType::U8, DType::F64, DType::Bool] {
            for index_dtype in [DType::I32, DType::I64, DType::U8] {
                for case in CASES {
                    let (x, indices, shape) = operands(dtype, index_dtype, case);
                    let params = [case.1 as i64, case.2 as i64];
                    let y = run("gather", &[&x, &indices], &[(dtype, &shape)], &params).remove(0);
                    for (i, index) in every_index(&shape).enumerate() {
                        let at = source(&index, case.1, case.2, &indices, case.0);
                        assert_eq!(y.element_f64(i), x.element_f64(at), "{case:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn scattering_adds_where_gathering_takes() {
        for dtype in [DType::F32, DType::I32, DType::F16, DType::Complex64] {
            for case in CASES {
                let (_, indices, shape) = operands(dtype, DType::I64, case);
                let updates = numbers(dtype, &shape);
                let params = [case.1 as i64, case.2 as i64];
                let y = run("scatter_add", &[&updates, &indices], &[(dtype, case.0)], &params).remove(0);
                let mut sums = vec![0.0; y.len()];
                for (i, index) in every_index(&shape).enumerate() {
                    sums[source(&index, case.1, case.2, &indices, case.0)] += updates.element_f64(i);
                }
                assert_eq!(values(&y), sums, "{dtype} {case:?}");
            }
        }
    }

    #[test]
    fn updates_change_what_is_there() {
        let x = Array::from_slice(&[3, 2], &[1, 2, 3, 4, 5, 6]);
        let (indices, updates) =
            (Array::from_slice(&[3], &[2i64, 0, 2]), Array::from_slice(&[3, 2], &[7, 1, -2, 9, 4, 8]));
        let expected = [
            [-2, 9, 3, 4, 4, 8],
            [-1, 11, 3, 4, 16, 15],
            [-2, 18, 3, 4, 140, 48],
            [1, 9, 3, 4, 7, 8],
            [-2, 2, 3, 4, 4, 1],
        ];
        for (kind, expected) in expected.iter().enumerate() {
            let y = run("scatter", &[&x, &indices, &updates], &[(DType::I32, &[3, 2])], &[0, 0, kind as i64]).remove(0);
            assert_eq!(y.as_slice::<i32>(), expected, "kind {kind}");
        }
    }

    #[test]
    fn half_sums_are_rounded_once() {
        let updates = Array::from_vec(&[4096], vec![1i32; 4096]).unwrap().cast(DType::F16).unwrap();
        let indices = Array::from_vec(&[4096], vec![0i64; 4096]).unwrap();
        let y = run("scatter_add", &[&updates, &indices], &[(DType::F16, &[1])], &[0, 0]).remove(0);
        assert_eq!(y.element_f64(0), 4096.0);
    }

    #[test]
    fn bad_indices_are_named_before_anything_is_written() {
        let x = numbers(DType::F32, &[3, 4]);
        for (index, shown) in [(3, "index 3"), (-1, "index -1")] {
            let indices = Array::from_slice(&[2], &[0, index]);
            for (name, shape) in [("gather", [2, 4]), ("scatter_add", [3, 4])] {
                let operand = if name == "gather" { x.clone() } else { numbers(DType::F32, &[2, 4]) };
                let error = run_err(name, &[&operand, &indices], &[(DType::F32, &shape)], &[0, 0]);
                assert_eq!(error.kind(), Kind::Value);
                let (message, length) = (error.to_string(), "axis 0 of length 3");
                assert!(message.contains(shown) && message.contains(length) && message.contains("f32["), "{error}");
            }
        }
        let floats = Array::from_slice(&[1], &[0.0f32]);
        assert_eq!(run_err("gather", &[&x, &floats], &[(DType::F32, &[1, 4])], &[0, 0]).kind(), Kind::DType);
        let indices = Array::from_slice(&[1], &[0]);
        assert_eq!(run_err("gather", &[&x, &indices], &[(DType::F32, &[2, 4])], &[0, 0]).kind(), Kind::Shape);
        assert_eq!(run_err("gather", &[&x, &indices], &[(DType::F32, &[1, 4])], &[2, 0]).kind(), Kind::Shape);
        assert_eq!(run_err("gather", &[&x, &indices], &[(DType::F32, &[1, 4])], &[0, 1]).kind(), Kind::Shape);
    }
}
