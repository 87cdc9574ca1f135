//! Rows sorted into parts and put together again, and segments whose number the data says.

use super::bounded::{KNOWN, NO_OPERAND, SEGMENT_COUNT, UNBOUNDED, slot_of, true_positions};
use super::scatter::{Place, Update};
use super::search::{User, checked};
use super::segment::{Segments, highest, lowest};
use crate::ops::entry::*;

macro_rules! segment {
    ($($static:ident $name:literal $doc:literal $update:ident $start:expr, $finish:ident;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let start: fn(DType) -> f64 = $start;
                let ids = x[1].spec()?;
                Class::Int.check(&ids)?;
                if ids.rank() != 1 {
                    return Err(infer::wrong(Kind::Shape, "a list of segment ids", ids));
                }
                let count = b.apply(&SEGMENT_COUNT, Attrs::new(), &[x[1].cast(DType::I64)]);
                let size = b.counted(0, count, Dim::from(UNBOUNDED));
                let segments = Segments::new(b, x[0], x[1], size)?;
                let result = segments.combine(x[0], Update::$update, start(x[0].dtype()))?;
                Ok(vec![segments.$finish(b, result)?])
            },
            name: $name,
            doc: concat!($doc, " `segment_ids`, one for each row, must be in order; there are as many segments as the last one says. \
                An empty segment gives 0, a product of none 1."),
            inputs: Operands::Named(&["x", "segment_ids"]),
            attrs: &[slot_of("segments", 1), KNOWN],
            domain: Domain::Special("tests/ops/bounded.rs"),
        }
    )*};
}

segment! {
    SEGMENT_SUM "segment_sum" "The sums of the rows of each segment." Add |_| 0.0, as_is;
    SEGMENT_MEAN "segment_mean" "The means of the rows of each segment." Add |_| 0.0, mean;
    SEGMENT_PROD "segment_prod" "The products of the rows of each segment." Multiply |_| 1.0, as_is;
    SEGMENT_MAX "segment_max" "The greatest of the rows of each segment, element by element." Max lowest, empty_as_zero;
    SEGMENT_MIN "segment_min" "The least of the rows of each segment, element by element." Min highest, empty_as_zero;
}

composite! {
    /// Rows sorted into parts.
    DYNAMIC_PARTITION, (b, x) => {
        let num = b.attrs().int("num_partitions").unwrap_or(0);
        let (dims, own) = (x[0].dims()?, x[1].dims()?);
        Class::Int.check(&x[1].spec()?)?;
        if !(1..=1 << 16).contains(&num) || own.len() > dims.len() || dims[..own.len()] != own[..] {
            let found = format!("{num} for {} and {}", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "at least one partition, and a number for each of the first axes", found));
        }
        let rows = [&[x[1].spec()?.numel()], &dims[own.len()..]].concat();
        let part_of = checked(b, User::DynamicPartition, x[1].cast(DType::I64), &[Dim::from(num)]);
        let part = |i: i64| {
            let positions = true_positions(b, i as usize, part_of.eq(i as f64))?;
            Ok(Place::FIRST.gather(x[0].reshape(&rows), positions))
        };
        (0..num).map(part).collect()
    },
    name: "dynamic_partition",
    doc: "`num_partitions` tensors: the `i`-th has the slices of `x` where `partitions`, which has its first axes, is `i`. A number \
          out of range is an error.",
    inputs: Operands::Named(&["x", "partitions"]),
    attrs: &[required("num_partitions", AttrKind::Int), slot_of("partition", NO_OPERAND), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}

composite! {
    /// Rows put where indices say.
    DYNAMIC_STITCH, (b, x) => {
        let (indices, data) = x.split_at(x.len() / 2);
        let differ = || infer::wrong(Kind::Shape, "as many indices as data, which begins with their shape", "others");
        let mut rest = None;
        let (mut places, mut rows) = (Vec::new(), Vec::new());
        for (index, values) in indices.iter().zip(data) {
            let (own, dims) = (index.dims()?, values.dims()?);
            Class::Int.check(&index.spec()?)?;
            if indices.len() != data.len() || dims.len() < own.len() || dims[..own.len()] != own[..] {
                return Err(differ());
            }
            let inner = rest.get_or_insert_with(|| dims[own.len()..].to_vec());
            if inner[..] != dims[own.len()..] {
                return Err(differ());
            }
            places.push(index.cast(DType::I64).flat()?);
            rows.push(values.reshape(&[&[index.spec()?.numel()], &inner[..]].concat()));
        }
        let Some(inner) = rest else { return Err(differ()) };
        let (places, rows) = (b.concat(&places, 0), b.concat(&rows, 0));
        let size = b.counted(0, places.reduce_max(&[0]).max(-1.0) + 1.0, Dim::from(UNBOUNDED));
        let zeros = b.scalar(0.0, rows.dtype()).broadcast_to(&[&[size], &inner[..]].concat());
        Ok(vec![Place::FIRST.scatter(zeros, places, rows, Update::Replace)])
    },
    name: "dynamic_stitch",
    doc: "The slices of the second half of the operands put where the first half, their indices, say, as many as the greatest \
          index asks for; of several for one place the last, of none zeros.",
    inputs: Operands::Variadic { name: "indices_and_data", least: 2 },
    attrs: &[slot_of("stitch", NO_OPERAND), KNOWN],
    domain: Domain::Special("tests/ops/bounded.rs"),
}
