//! Results whose size depends on data: elements that are not zero, masked, repeated, different.
//!
//! Each op counts first and makes the count a size slot ([`build::Builder::counted`]); the positions of as many elements
//! come from a library kernel, and the rest is gathering. So all later ops see an ordinary size.

use super::scatter::{Place, Update};
use crate::ops::entry::*;

/// The most elements of a size that no operand bounds.
pub const UNBOUNDED: i64 = 1 << 30;

/// The number of the slot, and sizes that are known already (in gradients).
pub(in crate::ops) const fn slot_of(counts: &'static str, operand: u8) -> AttrDef {
    optional("slot", AttrKind::Slot { counts, operand })
}

/// Sizes that are known already: gradients need not count again.
pub(in crate::ops) const KNOWN: AttrDef = optional("size", AttrKind::KnownSizes);

/// For sizes that no other node can share.
pub(in crate::ops) const NO_OPERAND: u8 = u8::MAX;

/// A number that becomes a size.
pub static BOUNDED_SIZE: OpDef = OpDef {
    name: "bounded_size",
    doc: "The i64 `count`, which becomes the size slot `size`. It is an error if it is negative or above the slot's bound.",
    inputs: Operands::Named(&["count"]),
    attrs: &[required("size", AttrKind::Dims)],
    spec: |c| match c.attrs.dims("size") {
        Some([_]) if c.inputs[0] == TensorSpec::scalar(DType::I64) => infer::same(c),
        _ => Err(infer::wrong(Kind::Shape, "an i64 of rank 0 and one size", &c.inputs[0])),
    },
    grad: DISCRETE,
    lower: Lower::Slot,
    eval: |c| {
        let (shape, wanted) = (c.inputs[0].shape(), eval::shape_of(c, 0)?);
        match shape == &wanted[..] {
            true => Ok(vec![c.inputs[0].clone()]),
            false => Err(infer::wrong(Kind::Shape, format_args!("shape {wanted:?}"), format_args!("{shape:?}"))),
        }
    },
    domain: Domain::Special("tests/ops/bounded.rs"),
    ..BASE
};

macro_rules! routine {
    ($($static:ident $name:literal $doc:literal $x:ident $dtype:ident $takes_size:literal => $eval:expr;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            inputs: Operands::Named(&[stringify!($x)]),
            attrs: if $takes_size { &[required("dims", AttrKind::Dims)] } else { &[] },
            spec: |c| {
                if c.inputs[0].rank() != 1 || c.inputs[0].dtype != DType::$dtype {
                    return Err(infer::wrong(Kind::Shape, concat!("a list of ", stringify!($dtype)), &c.inputs[0]));
                }
                infer::one(DType::I64, infer::lengths(c.attrs)?)
            },
            grad: DISCRETE,
            lower: Lower::Library(|_, _| Ok(LibraryCall { routine: $name, params: Vec::new() })),
            eval: |c| {
                let evaluate: fn(&[i128]) -> Result<Vec<i128>> = $eval;
                let (values, shape) = (evaluate(&eval::ints(&c.inputs[0]))?, eval::shape_of(c, 0)?);
                if values.len() != shape.iter().product() {
                    return Err(infer::wrong(Kind::Shape, format_args!("{shape:?} positions"), values.len()));
                }
                Ok(vec![eval::from_ints(DType::I64, &shape, &values)?])
            },
            domain: Domain::Special("tests/ops/bounded.rs"),
            ..BASE
        };
    )*};
}

routine! {
    TRUE_POSITIONS "true_positions" "The positions of the true elements of the list `mask`, of which there are `dims`."
        mask Bool true => |mask| Ok((0..).zip(mask).filter(|(_, is_true)| **is_true != 0).map(|(i, _)| i).collect());
    REPEAT_COUNT "repeat_count" "The sum of `counts`; a negative one is an error." counts I64 false => |counts| {
        match counts.iter().find(|&&count| count < 0) {
            Some(bad) => Err(infer::wrong(Kind::Value, "counts of at least 0", bad)),
            None => match i64::try_from(counts.iter().sum::<i128>()) {
                Ok(total) => Ok(vec![total.into()]),
                Err(_) => Err(Error::new(Kind::Memory, "the sum of the counts overflows 64 bits")),
            },
        }
    };
    REPEAT_POSITIONS "repeat_positions" "Each index as often as `counts` says, `dims` in all." counts I64 true => |counts| {
        let total: i128 = counts.iter().map(|&count| count.max(0)).sum();
        if total > UNBOUNDED.into() {
            return Err(infer::wrong(Kind::Memory, format_args!("at most {UNBOUNDED} positions"), total));
        }
        Ok((0..).zip(counts).flat_map(|(i, &count)| std::iter::repeat_n(i, count.max(0) as usize)).collect())
    };
    SEGMENT_COUNT "segment_count" "One more than the last of `ids`, which must be in order; 0 if there are none." ids I64 false => |ids| {
        if !ids.is_sorted() || ids.first().is_some_and(|&first| first < 0) {
            return Err(infer::wrong(Kind::Value, "segment ids in order, none negative", format_args!("{ids:?}")));
        }
        Ok(vec![ids.last().map_or(0, |&last| (last + 1).min(i64::MAX.into()))])
    };
}

macro_rules! nonzero {
    ($($static:ident $name:literal;)*) => {$(
        composite! {
            /// Where elements are not zero.
            $static, (b, x) => {
                let dims = x[0].dims()?;
                let positions = true_positions(b, 0, is_nonzero(x[0])?)?;
                let count = positions.dims()?[0].clone();
                let mut columns = Vec::new();
                let mut rest = positions;
                for length in dims.iter().rev() {
                    let length = b.size(length, DType::I64);
                    columns.insert(0, rest.floormod(length).unsqueeze(1)?);
                    rest = rest.floordiv(length);
                }
                Ok(vec![match columns.as_slice() {
                    [] => b.scalar(0.0, DType::I64).broadcast_to(&[count, Dim::ZERO]),
                    [_] => positions.unsqueeze(1)?,
                    columns => b.concat(columns, 1),
                }])
            },
            name: $name,
            doc: "The coordinates (i64) of the elements that are not zero, in row-major order: a row each.",
            attrs: &[slot_of("nonzero", 0), KNOWN],
            grad: DISCRETE,
            domain: Domain::Special("tests/ops/bounded.rs"),
        }
    )*};
}

nonzero! {
    WHERE_INDICES "where_indices";
    NONZERO "nonzero";
}

composite! {
    /// Where a mask is true.
    BOOLEAN_MASK, (b, x) => {
        let (dims, mask) = (x[0].dims()?, x[1].dims()?);
        Class::Bool.check(&x[1].spec()?)?;
        let axis = match b.attrs().int("axis").unwrap_or(0) {
            0 if dims.is_empty() => 0,
            axis => infer::normalize(axis, dims.len())?,
        };
        if dims.len() < axis + mask.len() || dims[axis..axis + mask.len()] != mask[..] {
            let found = format!("{} for {}", x[1].spec()?, x[0].spec()?);
            return Err(infer::wrong(Kind::Shape, format_args!("a mask with the axes from axis {axis} on"), found));
        }
        let merged = [&dims[..axis], &[x[1].spec()?.numel()], &dims[axis + mask.len()..]].concat();
        let positions = true_positions(b, 0, x[1])?;
        Ok(vec![Place { axis: axis as i64, batch_dims: 0 }.gather(x[0].reshape(&merged), positions)])
    },
    name: "boolean_mask",
    doc: "The slices of `x` where `mask`, which has its axes from `axis` (default 0) on, is true; these axes become one.",
    inputs: Operands::Named(&["x", "mask"]),
    attrs: &[optional("axis", AttrKind::Int), slot_of("nonzero", 1), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

composite! {
    /// Each element as often as a tensor says.
    REPEAT_BY, (b, x) => {
        let dims = x[0].dims()?;
        let axis = infer::axis(b.attrs(), 0, dims.len())?;
        let spec = x[1].spec()?;
        Class::Int.check(&spec)?;
        let length = &dims[axis..=axis];
        if !(spec.rank() == 0 || spec.rank() == 1 && (spec.dims[0] == Dim::ONE || spec.dims[0] == dims[axis])) {
            let wanted = format!("one count, or {} for axis {axis}", dims[axis]);
            return Err(infer::wrong(Kind::Shape, wanted, spec));
        }
        let counts = x[1].cast(DType::I64).broadcast_to(length);
        let total = b.apply(&REPEAT_COUNT, Attrs::new(), &[counts]);
        let size = b.counted(0, total, Dim::from(UNBOUNDED));
        let positions = b.apply(&REPEAT_POSITIONS, Attrs::new().with("dims", vec![size]), &[counts]);
        Ok(vec![Place { axis: axis as i64, batch_dims: 0 }.gather(x[0], positions)])
    },
    name: "repeat_by",
    doc: "Element `i` along `axis` (default 0) `counts[i]` times in a row, or each as often as the one count says. A negative \
          count is an error, and more than 2^30 elements are.",
    inputs: Operands::Named(&["x", "counts"]),
    attrs: &[optional("axis", AttrKind::Int), slot_of("repeat", 1), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

/// A shape that the program checks as it runs.
pub static CHECKED_SHAPE: OpDef = OpDef {
    name: "checked_shape",
    doc: "`x`, whose shape must be `dims` when the program runs.",
    attrs: &[required("dims", AttrKind::Dims)],
    spec: |c| {
        let (x, dims) = (&c.inputs[0], infer::lengths(c.attrs)?);
        let differs = |(a, b): (&Dim, &Dim)| a.as_const().is_some() && b.as_const().is_some() && a != b;
        if dims.len() != x.rank() || x.dims.iter().zip(&dims).any(differs) {
            return Err(infer::wrong(Kind::Shape, format_args!("shape {}", infer::shape(&dims)), x));
        }
        infer::one(x.dtype, dims)
    },
    grad: rule!(v => {
        let attrs = Attrs::new().with("dims", &v.x().dims()?[..]);
        Ok(vec![Some(v.b.apply(&CHECKED_SHAPE, attrs, &[v.g()]))])
    }),
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "checked_shape", params: Vec::new() })),
    eval: |c| Ok(vec![c.inputs[0].clone()]),
    domain: Domain::Special("tests/ops/bounded.rs"),
    ..BASE
};

composite! {
    /// A shape that is known by other means.
    ENSURE_SHAPE, (b, x) => {
        let own = x[0].dims()?;
        let open = Dim::from(-1i64);
        let wanted: Vec<Dim> = b.attrs().dims("dims").unwrap_or_default().to_vec();
        let fill = |(k, dim): (usize, &Dim)| if *dim == open { own.get(k).cloned().unwrap_or(Dim::ONE) } else { dim.clone() };
        let dims: Vec<Dim> = wanted.iter().enumerate().map(fill).collect();
        if own[..] == dims[..] {
            return Ok(vec![x[0]]);
        }
        Ok(vec![b.apply(&CHECKED_SHAPE, Attrs::new().with("dims", dims), &[x[0]])])
    },
    name: "ensure_shape",
    doc: "`x`, whose shape must be `dims`, where -1 stands for any length. What cannot be known before is checked when the \
          program runs: then sizes that depend on data can meet sizes that do not.",
    attrs: &[required("dims", AttrKind::Dims)],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

/// What becomes of the elements of a list that are equal.
struct Groups<'b> {
    /// The elements, as one list.
    elements: Expr<'b>,
    /// The element at each place in order.
    order: Expr<'b>,
    /// For each place in order, the number of its group.
    group: Expr<'b>,
    /// The first place in order of each group.
    first: Expr<'b>,
    /// The number of elements of each group.
    counts: Expr<'b>,
}

impl<'b> Groups<'b> {
    fn of(b: build::Builder<'b>, x: Expr<'b>) -> Result<Self> {
        Class::Number.check(&x.spec()?)?;
        let elements = x.flat()?;
        let dims = elements.dims()?;
        let order = b.apply(&crate::ops::ARGSORT, Attrs::new(), &[elements]).cast(DType::I64);
        let sorted = Place::FIRST.gather(elements, order);
        let place = b.iota(&dims, 0, DType::I64);
        let before = Place::FIRST.gather(sorted, (place - 1.0).max(0.0));
        let is_first = place.eq(0.0).or(sorted.ne(before));
        let group = b.apply(&crate::ops::CUMSUM, Attrs::new(), &[is_first.cast(DType::I64)]) - 1.0;
        let first = true_positions(b, 0, is_first)?;
        let none = b.scalar(0.0, DType::I64).broadcast_to(&first.dims()?);
        let ones = b.scalar(1.0, DType::I64).broadcast_to(&dims);
        let counts = Place::FIRST.scatter(none, group, ones, Update::Add);
        Ok(Groups { elements, order, group, first, counts })
    }

    /// For each element of `x`, what its group has.
    fn spread(&self, x: Expr<'b>, of_group: Expr<'b>) -> Result<Expr<'b>> {
        let in_order = Place::FIRST.gather(of_group, self.group);
        let zeros = x.b().scalar(0.0, DType::I64).broadcast_to(&self.elements.dims()?);
        Ok(Place::FIRST.scatter(zeros, self.order, in_order, Update::Replace).reshape(&x.dims()?))
    }

    /// Values, for each element of `x` the place of its value, and counts; in order of first occurrence.
    fn by_occurrence(&self, x: Expr<'b>) -> Result<[Expr<'b>; 3]> {
        let b = x.b();
        // The order is stable: the first place of a group has its first element.
        let first = Place::FIRST.gather(self.order, self.first);
        let occurrence = b.apply(&crate::ops::ARGSORT, Attrs::new(), &[first]).cast(DType::I64);
        let rank = b.apply(&crate::ops::INVERSE, Attrs::new(), &[occurrence]);
        let values = Place::FIRST.gather(self.elements, Place::FIRST.gather(first, occurrence));
        Ok([values, self.spread(x, rank)?, Place::FIRST.gather(self.counts, occurrence)])
    }
}

composite! {
    /// Different elements, in order.
    UNIQUE_SORTED, (b, x) => {
        let groups = Groups::of(b, x[0])?;
        let values = Place::FIRST.gather(groups.elements, Place::FIRST.gather(groups.order, groups.first));
        let number = b.iota(&groups.first.dims()?, 0, DType::I64);
        Ok(vec![values, groups.spread(x[0], number)?, groups.counts])
    },
    name: "unique_sorted",
    doc: "The different elements of `x` in order, for each element of `x` the place of its value among them (i64), and how \
          often each occurs (i64). Each NaN differs from all others.",
    attrs: &[slot_of("unique", 0), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

composite! {
    /// Different elements, as they occur.
    UNIQUE, (b, x) => {
        let dtype = dtype_of_places(b.attrs())?;
        expect_list(x[0])?;
        let [values, places, _] = Groups::of(b, x[0])?.by_occurrence(x[0])?;
        Ok(vec![values, places.cast(dtype)])
    },
    name: "unique",
    doc: "The different elements of the list `x` in the order in which they occur first, and for each element of `x` the place of its \
          value among them, as `dtype` (default i32).",
    attrs: &[optional("dtype", AttrKind::DType), slot_of("unique", 0), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

composite! {
    /// Different elements, as they occur, and how often.
    UNIQUE_WITH_COUNTS, (b, x) => {
        let dtype = dtype_of_places(b.attrs())?;
        expect_list(x[0])?;
        let [values, places, counts] = Groups::of(b, x[0])?.by_occurrence(x[0])?;
        Ok(vec![values, places.cast(dtype), counts.cast(dtype)])
    },
    name: "unique_with_counts",
    doc: "As `unique`, and how often each value occurs, as `dtype`.",
    attrs: &[optional("dtype", AttrKind::DType), slot_of("unique", 0), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

composite! {
    /// Elements of one list that another has not.
    LIST_DIFF, (b, x) => {
        let dtype = dtype_of_places(b.attrs())?;
        infer::same_dtype(&[x[0].spec()?, x[1].spec()?])?;
        expect_list(x[0])?;
        expect_list(x[1])?;
        let sorted = b.apply(&crate::ops::SORT, Attrs::new(), &[x[1]]);
        let place = |right| b.apply(&crate::ops::SEARCHSORTED, Attrs::new().with("right", right), &[sorted, x[0]]);
        let positions = true_positions(b, 0, place(false).eq(place(true)))?;
        Ok(vec![Place::FIRST.gather(x[0], positions), positions.cast(dtype)])
    },
    name: "list_diff",
    doc: "The elements of the list `x` that are not in the list `y`, in order and as often as they occur, and their places in \
          `x`, as `dtype` (i32 or i64, default i32).",
    inputs: Operands::Named(&["x", "y"]),
    attrs: &[optional("dtype", AttrKind::DType), slot_of("difference", NO_OPERAND), KNOWN],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/bounded.rs"),
}

/// The positions in row-major order where a mask is true: the op's size number `i`.
pub(in crate::ops) fn true_positions<'b>(b: build::Builder<'b>, i: usize, mask: Expr<'b>) -> Result<Expr<'b>> {
    let mask = mask.flat()?;
    let bound = mask.dims()?[0].clone();
    let size = b.counted(i, mask.cast(DType::I64).sum(&[0]), bound);
    Ok(b.apply(&TRUE_POSITIONS, Attrs::new().with("dims", vec![size]), &[mask]))
}

/// TensorFlow leaves open what the elements of more axes would be, and refuses them.
fn expect_list(x: Expr<'_>) -> Result<()> {
    match x.rank()? {
        1 => Ok(()),
        _ => Err(infer::wrong(Kind::Shape, "a list, of rank 1", x.spec()?)),
    }
}

fn dtype_of_places(attrs: &Attrs) -> Result<DType> {
    match attrs.dtype("dtype").unwrap_or(DType::I32) {
        dtype @ (DType::I32 | DType::I64) => Ok(dtype),
        other => Err(infer::wrong(Kind::DType, "`dtype` i32 or i64", other)),
    }
}

fn is_nonzero(x: Expr<'_>) -> Result<Expr<'_>> {
    Class::Real.check(&x.spec()?)?;
    Ok(if x.dtype() == DType::Bool { x } else { x.ne(0.0) })
}
