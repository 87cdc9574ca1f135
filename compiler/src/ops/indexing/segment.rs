//! Rows brought together by the number of their segment, and other counts by index.

use super::bounded::{KNOWN, UNBOUNDED, slot_of};
use super::scatter::{Place, Update};
use super::search::{User, checked};
use crate::ops::entry::*;

macro_rules! unsorted {
    ($($static:ident $name:literal $doc:literal $(($finish:ident))? $update:ident $start:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let num = b.attrs().int("num_segments").unwrap_or(0);
                if num < 0 {
                    return Err(infer::wrong(Kind::Value, "`num_segments` of at least 0", num));
                }
                let start: fn(DType) -> f64 = $start;
                let segments = Segments::new(b, x[0], x[1], Dim::from(num))?;
                let result = segments.combine(x[0], Update::$update, start(x[0].dtype()))?;
                $(let result = segments.$finish(b, result)?;)?
                Ok(vec![result])
            },
            name: $name,
            doc: concat!($doc, " `segment_ids` has the first axes of `x`; rows with a negative id are left out, an id of \
                `num_segments` or more is an error."),
            inputs: Operands::Named(&["x", "segment_ids"]),
            attrs: &[required("num_segments", AttrKind::Int)],
            domain: Domain::Special("tests/ops/segment.rs"),
        }
    )*};
}

unsorted! {
    UNSORTED_SEGMENT_SUM "unsorted_segment_sum" "The sums of the rows of each segment." Add |_| 0.0;
    UNSORTED_SEGMENT_MEAN "unsorted_segment_mean" "The means of the rows of each segment; 0 of an empty one." (mean) Add |_| 0.0;
    UNSORTED_SEGMENT_SQRT_N "unsorted_segment_sqrt_n"
        "The sums of the rows of each segment over the root of their number." (root_mean) Add |_| 0.0;
    UNSORTED_SEGMENT_PROD "unsorted_segment_prod" "The products of the rows of each segment." Multiply |_| 1.0;
    UNSORTED_SEGMENT_MAX "unsorted_segment_max"
        "The greatest of the rows of each segment, element by element; the least number of an empty one." Max lowest;
    UNSORTED_SEGMENT_MIN "unsorted_segment_min"
        "The least of the rows of each segment, element by element; the greatest number of an empty one." Min highest;
}

/// Rows and where they go.
pub(in crate::ops) struct Segments<'b> {
    /// One for each row; the last place is for those that are left out.
    ids: Expr<'b>,
    num: Dim,
    /// How many axes the ids have.
    leading: usize,
}

impl<'b> Segments<'b> {
    /// The first axes of `x` go to `num` segments.
    pub fn new(b: build::Builder<'b>, x: Expr<'b>, ids: Expr<'b>, num: Dim) -> Result<Self> {
        let (dims, own) = (x.dims()?, ids.dims()?);
        Class::Int.check(&ids.spec()?)?;
        Class::Number.check(&x.spec()?)?;
        if own.len() > dims.len() || own[..] != dims[..own.len()] {
            let found = format!("{} for {}", ids.spec()?, x.spec()?);
            return Err(infer::wrong(Kind::Shape, "ids with the first axes of the data", found));
        }
        let ids = ids.cast(DType::I64).flat()?;
        let left_out = b.size(&num, DType::I64);
        let limit = checked(b, User::UnsortedSegment, ids.max(0.0), &[num.maximum(&Dim::ONE)]);
        // Without segments every row must be left out; that place is not checked away.
        let place = ids.lt(0.0).choose(left_out.broadcast_to(&ids.dims()?), limit);
        Ok(Segments { ids: place, num, leading: own.len() })
    }

    /// The rows of `x` combined by segment.
    pub fn combine(&self, x: Expr<'b>, update: Update, start: f64) -> Result<Expr<'b>> {
        let dims = x.dims()?;
        let inner = &dims[self.leading..];
        let rows = [&[dims[..self.leading].iter().product::<Dim>()], inner].concat();
        let places = [&[self.num.clone() + Dim::ONE], inner].concat();
        let start = x.b().scalar(start, x.dtype()).broadcast_to(&places);
        Place::FIRST.scatter(start, self.ids, x.reshape(&rows), update).narrow(0, &Dim::ZERO, &self.num)
    }

    /// The number of rows of each segment, at least 1, to be broadcast against `like`.
    fn counts(&self, b: build::Builder<'b>, like: Expr<'b>) -> Result<Expr<'b>> {
        let ones = b.scalar(1.0, like.dtype()).broadcast_to(&self.ids.dims()?);
        let flat = Segments { leading: 1, num: self.num.clone(), ids: self.ids };
        let counts = flat.combine(ones, Update::Add, 0.0)?.max(1.0);
        let mut column = vec![Dim::ONE; like.rank()?];
        column[0] = self.num.clone();
        Ok(counts.reshape(&column))
    }

    /// What is of each segment already.
    pub fn as_is(&self, _: build::Builder<'b>, result: Expr<'b>) -> Result<Expr<'b>> {
        Ok(result)
    }

    /// The result, but 0 of segments without rows.
    pub fn empty_as_zero(&self, b: build::Builder<'b>, result: Expr<'b>) -> Result<Expr<'b>> {
        let ones = b.scalar(1.0, DType::I64).broadcast_to(&self.ids.dims()?);
        let flat = Segments { leading: 1, num: self.num.clone(), ids: self.ids };
        let mut column = vec![Dim::ONE; result.rank()?];
        column[0] = self.num.clone();
        let has_rows = flat.combine(ones, Update::Add, 0.0)?.gt(0.0).reshape(&column);
        Ok(has_rows.choose(result, 0.0))
    }

    /// Sums to means.
    pub fn mean(&self, b: build::Builder<'b>, sums: Expr<'b>) -> Result<Expr<'b>> {
        let counts = self.counts(b, sums)?;
        Ok(if sums.dtype().is_float() { sums / counts } else { sums.floordiv(counts) })
    }

    fn root_mean(&self, b: build::Builder<'b>, sums: Expr<'b>) -> Result<Expr<'b>> {
        Class::Float.check(&sums.spec()?)?;
        Ok(sums / self.counts(b, sums)?.sqrt())
    }
}

/// The least finite number of a dtype.
pub(in crate::ops) fn lowest(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::MIN),
        DType::F64 => f64::MIN,
        DType::F16 => half::f16::MIN.to_f64(),
        DType::BF16 => half::bf16::MIN.to_f64(),
        DType::I8 => i8::MIN.into(),
        DType::I16 => i16::MIN.into(),
        DType::I32 => i32::MIN.into(),
        DType::I64 => i64::MIN as f64,
        _ => 0.0,
    }
}

/// The greatest finite number of a dtype.
pub(in crate::ops) fn highest(dtype: DType) -> f64 {
    match dtype {
        DType::U8 => u8::MAX.into(),
        DType::U16 => u16::MAX.into(),
        DType::U32 => u32::MAX.into(),
        // Saturates to the greatest integer on conversion.
        DType::I64 | DType::U64 => u64::MAX as f64,
        DType::I8 | DType::I16 | DType::I32 => -1.0 - lowest(dtype),
        _ => -lowest(dtype),
    }
}

/// The least integer of a dtype.
pub(in crate::ops) fn least_int(dtype: DType) -> i128 {
    lowest(dtype) as i128
}

/// The greatest integer of a dtype.
pub(in crate::ops) fn greatest_int(dtype: DType) -> i128 {
    match dtype {
        // Not among the f64.
        DType::I64 => i64::MAX.into(),
        DType::U64 => u64::MAX.into(),
        _ => highest(dtype) as i128,
    }
}

composite! {
    /// Beginnings of sequences backwards.
    REVERSE_SEQUENCE, (b, x) => {
        let dims = x[0].dims()?;
        let axis = |name, default| infer::normalize(b.attrs().int(name).unwrap_or(default), dims.len());
        let (time, batch) = (axis("seq_axis", 1)?, axis("batch_axis", 0)?);
        Class::Int.check(&x[1].spec()?)?;
        if time == batch || x[1].dims()?[..] != dims[batch..=batch] {
            let wanted = format!("two different axes, and a length for each of {} sequences", dims[batch]);
            return Err(infer::wrong(Kind::Shape, wanted, x[1].spec()?));
        }
        let limit = dims[time].clone() + Dim::ONE;
        let lengths = checked(b, User::ReverseSequence, x[1].cast(DType::I64), &[limit]).unsqueeze(1)?;
        let index = b.iota(&[dims[time].clone()], 0, DType::I64);
        let from = index.lt(lengths).choose(lengths - 1.0 - index, index);
        let mut perm = vec![batch, time];
        perm.extend((0..dims.len()).filter(|k| ![batch, time].contains(k)));
        let mut back = vec![0; perm.len()];
        perm.iter().enumerate().for_each(|(to, &from)| back[from] = to);
        let place = Place { axis: 1, batch_dims: 1 };
        Ok(vec![place.gather(x[0].transpose(&perm), from).transpose(&back)])
    },
    name: "reverse_sequence",
    doc: "The first `lengths[i]` elements along `seq_axis` of part `i` of `batch_axis` (default 0) backwards, the others as they \
          are. A length beyond the axis is an error.",
    inputs: Operands::Named(&["x", "lengths"]),
    attrs: &[required("seq_axis", AttrKind::Int), optional("batch_axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/segment.rs"),
}

composite! {
    /// How often which class was taken for which.
    CONFUSION_MATRIX, (b, x) => {
        let num = b.attrs().int("num_classes").unwrap_or(0);
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::I32);
        Class::Number.check(&TensorSpec::scalar(dtype))?;
        if num < 0 || x[0].dims()? != x[1].dims()? || x[0].rank()? != 1 {
            let found = format!("{} and {}, {num} classes", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "two lists of one length, and `num_classes` of at least 0", found));
        }
        let mut at = Vec::new();
        for list in x {
            Class::Int.check(&list.spec()?)?;
            at.push(checked(b, User::ConfusionMatrix, list.cast(DType::I64), &[Dim::from(num)]));
        }
        let side = Dim::from(num);
        let zeros = b.scalar(0.0, dtype).broadcast_to(&[side.clone() * side.clone()]);
        let ones = b.scalar(1.0, dtype).broadcast_to(&x[0].dims()?);
        let counts = Place::FIRST.scatter(zeros, at[0] * num as f64 + at[1], ones, Update::Add);
        Ok(vec![counts.reshape(&[side.clone(), side])])
    },
    name: "confusion_matrix",
    doc: "How often each label (row) goes with each prediction (column), of `num_classes`, as `dtype` (default i32). A class out \
          of range is an error.",
    inputs: Operands::Named(&["labels", "predictions"]),
    attrs: &[required("num_classes", AttrKind::Int), optional("dtype", AttrKind::DType)],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/segment.rs"),
}

composite! {
    /// Truth as far as a length.
    SEQUENCE_MASK, (b, x) => {
        Class::Int.check(&x[0].spec()?)?;
        let lengths = x[0].cast(DType::I64);
        let longest = match b.attrs().int("maxlen") {
            Some(bad) if bad < 0 => return Err(infer::wrong(Kind::Value, "`maxlen` of at least 0", bad)),
            Some(length) => Dim::from(length),
            None => b.counted(0, lengths.flat()?.reduce_max(&[0]).max(0.0), Dim::from(UNBOUNDED)),
        };
        let mask = b.iota(&[longest], 0, DType::I64).lt(lengths.unsqueeze(x[0].rank()?)?);
        Ok(vec![mask.cast(b.attrs().dtype("dtype").unwrap_or(DType::Bool))])
    },
    name: "sequence_mask",
    doc: "A new last axis of length `maxlen` (default: the greatest of `lengths`) that is true at the first `lengths[i..]` \
          places, as `dtype` (default bool).",
    inputs: Operands::Named(&["lengths"]),
    attrs: &[
        optional("maxlen", AttrKind::Int),
        optional("dtype", AttrKind::DType),
        slot_of("longest", 0),
        KNOWN,
    ],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/segment.rs"),
}
