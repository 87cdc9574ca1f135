//! Where values belong, and whether indices are in range.

use crate::ops::entry::*;
use std::cmp::Ordering;

/// On whose behalf indices are checked: the numbers of the library's table of names.
#[derive(Clone, Copy)]
pub(in crate::ops) enum User {
    GatherNd = 0,
    ScatterNd = 1,
    ScatterElements = 2,
    UnravelIndex = 3,
    UnsortedSegment = 4,
    ReverseSequence = 5,
    ConfusionMatrix = 6,
    DynamicPartition = 7,
    Bincount = 8,
    CtcGreedyDecoder = 9,
    Labels = 10,
    MaxPoolGrad = 11,
}

/// `indices` (i64), element `i` of which must lie in `0..lengths[i % lengths.len()]` when the program runs.
pub(in crate::ops) fn checked<'b>(b: build::Builder<'b>, user: User, indices: Expr<'b>, lengths: &[Dim]) -> Expr<'b> {
    b.apply(&CHECK_INDEX, Attrs::new().with("user", user as i64).with("dims", lengths), &[indices])
}

/// Indices that are in range.
pub static CHECK_INDEX: OpDef = OpDef {
    name: "check_index",
    doc: "The i64 `indices`; it is an error if element `i` does not lie between 0 and `dims[i % len(dims)] - 1`. `user` is \
          the number of the op that the error names.",
    inputs: Operands::Named(&["indices"]),
    attrs: &[required("user", AttrKind::Int), required("dims", AttrKind::Dims)],
    spec: |c| {
        if c.inputs[0].dtype != DType::I64 || c.attrs.dims("dims").is_none_or(<[Dim]>::is_empty) {
            return Err(infer::wrong(Kind::DType, "i64 indices and at least one length", &c.inputs[0]));
        }
        infer::same(c)
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        let user = Dim::from(c.attrs.int("user").unwrap_or(0));
        let lengths = c.attrs.dims("dims").unwrap_or_default();
        Ok(LibraryCall { routine: "check_index", params: [&[user], lengths].concat() })
    }),
    eval: |c| {
        let lengths = eval::const_dims(c.attrs, "dims")?;
        for (at, index) in eval::ints(&c.inputs[0]).into_iter().enumerate() {
            let (axis, length) = (at % lengths.len(), lengths[at % lengths.len()]);
            if !(0..i128::from(length)).contains(&index) {
                let text = format!("index {index} is out of range for axis {axis} of length {length}");
                return Err(Error::new(Kind::Value, text));
            }
        }
        Ok(vec![c.inputs[0].clone()])
    },
    domain: Domain::Special("tests/ops/scatter.rs"),
    ..BASE
};

/// On whose behalf values are checked: the numbers of the library's table of names and of what they expect.
#[derive(Clone, Copy)]
pub(in crate::ops) enum Expects {
    HistogramRange = 0,
    QuantizeRange = 1,
    QuantizeAndDequantizeRange = 2,
    FakeQuantRange = 3,
    CropBoxes = 4,
    LuPermutation = 5,
}

/// `x`, all of whose elements must be as `holds` says when the program runs.
pub(in crate::ops) fn expected<'b>(
    b: build::Builder<'b>,
    user: Expects,
    x: Expr<'b>,
    holds: Expr<'b>,
) -> Result<Expr<'b>> {
    let values = b.apply(&CHECK_VALUE, Attrs::new().with("user", user as i64), &[x.cast(DType::F64), holds]);
    Ok(values.cast(x.spec()?.dtype))
}

/// Values that are as they should be.
pub static CHECK_VALUE: OpDef = OpDef {
    name: "check_value",
    doc: "The f64 `x`; it is an error if an element of `holds` is false. `user` is the number of the op that the error names, \
          and of what it expects.",
    inputs: Operands::Named(&["x", "holds"]),
    attrs: &[required("user", AttrKind::Int)],
    spec: |c| {
        let [x, holds] = c.inputs else { unreachable!("two operands") };
        if x.dtype != DType::F64 || holds.dtype != DType::Bool || x.dims != holds.dims {
            return Err(infer::wrong(
                Kind::Shape,
                "f64 values and as many truth values",
                format_args!("{x} and {holds}"),
            ));
        }
        infer::same(c)
    },
    grad: rule!(v => Ok(vec![Some(v.g()), None])),
    lower: Lower::Library(|c, _| {
        Ok(LibraryCall { routine: "check_value", params: vec![c.attrs.int("user").unwrap_or(0).into()] })
    }),
    eval: |c| match eval::ints(&c.inputs[1]).iter().position(|&holds| holds == 0) {
        Some(at) => Err(infer::wrong(Kind::Value, "other values", eval::floats(&c.inputs[0])[at])),
        None => Ok(vec![c.inputs[0].clone()]),
    },
    domain: Domain::Special("tests/ops/scatter.rs"),
    ..BASE
};

/// Where values belong in sorted rows.
pub static SEARCHSORTED: OpDef = OpDef {
    name: "searchsorted",
    doc: "How many elements of the rows of `sorted` (its last axis, in order) are less than each of `values`, or not greater \
          if `right`, as `dtype` (i32 or i64, default i32). `sorted` has rank 1, or the same axes before the last as `values`.",
    inputs: Operands::Named(&["sorted", "values"]),
    attrs: &[optional("right", AttrKind::Bool), optional("dtype", AttrKind::DType)],
    spec: |c| {
        let [sorted, values] = c.inputs else { unreachable!("two operands") };
        infer::same_dtype(c.inputs)?;
        Class::Number.check(sorted)?;
        let rank = sorted.rank();
        if rank == 0 || rank > 1 && (values.rank() != rank || sorted.dims[..rank - 1] != values.dims[..rank - 1]) {
            let found = format!("{sorted} and {values}");
            return Err(infer::wrong(Kind::Shape, "a sorted list, or rows that agree with those of the values", found));
        }
        let dtype = c.attrs.dtype("dtype").unwrap_or(DType::I32);
        if !matches!(dtype, DType::I32 | DType::I64) {
            return Err(infer::wrong(Kind::DType, "`dtype` i32 or i64", dtype));
        }
        infer::one(dtype, values.dims.clone())
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| {
        Ok(LibraryCall { routine: "searchsorted", params: vec![i64::from(c.attrs.bool("right")).into()] })
    }),
    eval: |c| {
        let [sorted, values] = c.inputs else { unreachable!("two operands") };
        let length = *sorted.shape().last().unwrap_or(&0);
        let rows =
            if sorted.shape().len() == 1 { 1 } else { sorted.shape()[..sorted.shape().len() - 1].iter().product() };
        let each = values.len().checked_div(rows).unwrap_or(0);
        let right = c.attrs.bool("right");
        let order: Box<dyn Fn(usize, usize) -> Ordering> = if sorted.dtype().is_float() {
            let (a, b) = (eval::floats(sorted), eval::floats(values));
            Box::new(move |i, j| a[i].partial_cmp(&b[j]).unwrap_or_else(|| a[i].is_nan().cmp(&b[j].is_nan())))
        } else {
            let (a, b) = (eval::ints(sorted), eval::ints(values));
            Box::new(move |i, j| a[i].cmp(&b[j]))
        };
        let is_before = |i, j| order(i, j) == Ordering::Less || right && order(i, j) == Ordering::Equal;
        // The library's search: the two agree on rows that are not in order, too.
        let row: Vec<usize> = (0..length).collect();
        let count = |j: usize| row.partition_point(|k| is_before(j / each * length + k, j)) as i128;
        let counts: Vec<i128> = (0..values.len()).map(count).collect();
        Ok(vec![eval::from_ints(c.outputs[0].dtype, values.shape(), &counts)?])
    },
    domain: Domain::Special("tests/ops/scatter.rs"),
    ..BASE
};

composite! {
    /// Between which bounds numbers lie.
    DIGITIZE, (b, x) => {
        let bins = x[1].spec()?;
        if bins.rank() != 1 {
            return Err(infer::wrong(Kind::Shape, "a list of bounds", bins));
        }
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::I32);
        let attrs = Attrs::new().with("right", !b.attrs().bool("right")).with("dtype", dtype);
        let search = |bounds| b.apply(&SEARCHSORTED, attrs.clone(), &[bounds, x[0]]);
        // Falling bounds are searched from their end.
        let backwards = x[1].reverse(&[0]);
        let is_first = b.iota(&bins.dims, 0, DType::I64).eq(0.0);
        let is_falling = b.apply(&crate::ops::REDUCE_ANY, Attrs::new(), &[is_first.and(backwards.lt(x[1]))]);
        let found = search(is_falling.choose(backwards, x[1]));
        Ok(vec![is_falling.choose(b.size(&bins.dims[0], dtype) - found, found)])
    },
    name: "digitize",
    doc: "Between which of the bounds `bins`, a list that rises or falls, each element of `x` is, as `dtype` (i32 or i64, default \
          i32): `i` if `bins[i - 1] <= x < bins[i]`, or `bins[i - 1] < x <= bins[i]` if `right`; with falling bounds `<=` and \
          `<` the other way around.",
    inputs: Operands::Named(&["x", "bins"]),
    attrs: &[optional("right", AttrKind::Bool), optional("dtype", AttrKind::DType)],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/statistics.rs"),
}

composite! {
    /// Whether elements are among others.
    ISIN, (b, x) => {
        let sorted = b.apply(&crate::ops::SORT, Attrs::new(), &[x[1].flat()?]);
        let up_to = |right: bool| b.apply(&SEARCHSORTED, Attrs::new().with("right", right), &[sorted, x[0]]);
        let is_in = up_to(true).gt(up_to(false)).and(x[0].eq(x[0]));
        Ok(vec![if b.attrs().bool("invert") { is_in.logical_not() } else { is_in }])
    },
    name: "isin",
    doc: "Whether each element of `x` is equal to any of `elements`; whether it is to none, if `invert`.",
    inputs: Operands::Named(&["x", "elements"]),
    attrs: &[optional("invert", AttrKind::Bool)],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/statistics.rs"),
}

composite! {
    /// The permutation backwards.
    INVERT_PERMUTATION, (b, x) => {
        let spec = x[0].spec()?;
        if !matches!(spec.dtype, DType::I32 | DType::I64) || spec.rank() != 1 {
            return Err(infer::wrong(Kind::Shape, "a list of i32 or i64", spec));
        }
        Ok(vec![b.apply(&INVERSE, Attrs::new(), &[x[0].cast(DType::I64)]).cast(spec.dtype)])
    },
    name: "invert_permutation",
    doc: "The list `y` with `y[x[i]] = i`. `x` must hold each of 0, 1, … once.",
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/scatter.rs"),
}

/// [`INVERT_PERMUTATION`] of i64.
pub static INVERSE: OpDef = OpDef {
    name: "inverse",
    doc: "`invert_permutation` of i64.",
    spec: |c| match (c.inputs[0].dtype, c.inputs[0].rank()) {
        (DType::I64, 1) => infer::same(c),
        _ => Err(infer::wrong(Kind::Shape, "a list of i64", &c.inputs[0])),
    },
    grad: DISCRETE,
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "invert_permutation", params: Vec::new() })),
    eval: |c| {
        let places = eval::ints(&c.inputs[0]);
        let mut inverse = vec![-1; places.len()];
        for (i, &place) in places.iter().enumerate() {
            match usize::try_from(place).ok().and_then(|place| inverse.get_mut(place)) {
                Some(free) if *free < 0 => *free = i as i128,
                _ => return Err(infer::wrong(Kind::Value, "each of 0, 1, … once", place)),
            }
        }
        Ok(vec![eval::from_ints(DType::I64, c.inputs[0].shape(), &inverse)?])
    },
    domain: Domain::Special("tests/ops/scatter.rs"),
    ..BASE
};

composite! {
    /// Coordinates of flat positions.
    UNRAVEL_INDEX, (b, x) => {
        let lengths = b.attrs().ints("dims").unwrap_or_default();
        let spec = x[0].spec()?;
        Class::Int.check(&spec)?;
        if let Some(bad) = lengths.iter().find(|&&length| length < 1) {
            return Err(infer::wrong(Kind::Value, "lengths of at least 1 in `dims`", bad));
        }
        let total = lengths.iter().try_fold(1i64, |a, &length| a.checked_mul(length));
        let total = total.ok_or_else(|| Error::new(Kind::Memory, format!("a tensor of shape {lengths:?} overflows 64 bits")))?;
        let mut rest = checked(b, User::UnravelIndex, x[0].cast(DType::I64), &[Dim::from(total)]);
        let mut coordinates = Vec::new();
        for &length in lengths.iter().rev() {
            coordinates.insert(0, rest.floormod(length as f64).cast(spec.dtype).unsqueeze(0)?);
            rest = rest.floordiv(length as f64);
        }
        if coordinates.is_empty() {
            return Err(infer::wrong(Kind::Value, "at least one length in `dims`", "none"));
        }
        Ok(vec![b.concat(&coordinates, 0)])
    },
    name: "unravel_index",
    doc: "The coordinates, along a new first axis, of flat positions in a tensor of shape `dims`. A position out of range is \
          an error.",
    inputs: Operands::Named(&["indices"]),
    attrs: &[required("dims", AttrKind::Ints)],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/scatter.rs"),
}
