//! Order along an axis. NaN counts as greatest; equal elements keep their order, in both directions.

use crate::graph::opdef::Specs;
use crate::ops::entry::*;
use std::cmp::Ordering;
use tracelift_runtime::Array;

const ATTRS: &[AttrDef] = &[optional("axis", AttrKind::Int), optional("descending", AttrKind::Bool)];

/// In order.
pub static SORT: OpDef = OpDef {
    name: "sort",
    doc: "The elements in order along `axis` (default -1), greatest first if `descending`. NaN counts as greatest.",
    attrs: ATTRS,
    spec: |c| {
        check(c)?;
        infer::same(c)
    },
    grad: rule!(v => {
        // What came to place `j` came from place `order[j]`; so the way back is the order of the order.
        let order = v.b.apply(&ARGSORT, v.b.attrs().clone(), &[v.x()]);
        let axis = infer::axis(v.b.attrs(), -1, v.x().rank()?)? as i64;
        let back = v.b.apply(&ARGSORT, Attrs::new().with("axis", axis), &[order]);
        Ok(vec![Some(v.b.apply(&super::gather::TAKE_ALONG_AXIS, Attrs::new().with("axis", axis), &[v.g(), back]))])
    }),
    lower: Lower::Library(|c, _| call(c, "sort")),
    eval: |c| {
        let x = &c.inputs[0];
        let order = order(c)?;
        let shape = x.shape().to_vec();
        let axis = infer::axis(c.attrs, -1, shape.len())?;
        Ok(vec![eval::pick(x, &shape, |index| {
            let mut at = index.to_vec();
            at[axis] = order[eval::offset(&shape, index)] as usize;
            eval::offset(&shape, &at)
        })?])
    },
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};

/// The order.
pub static ARGSORT: OpDef = OpDef {
    name: "argsort",
    doc: "The indices (i32) that put the elements in order along `axis` (default -1), greatest first if `descending`.",
    attrs: ATTRS,
    spec: |c| {
        check(c)?;
        infer::one(DType::I32, c.inputs[0].dims.clone())
    },
    grad: DISCRETE,
    lower: Lower::Library(|c, _| call(c, "argsort")),
    eval: |c| Ok(vec![eval::from_ints(DType::I32, c.inputs[0].shape(), &order(c)?)?]),
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};

/// The greatest elements.
pub static TOP_K: OpDef = OpDef {
    name: "top_k",
    doc: "The `k` greatest elements along the last axis, greatest first, and their indices (i32).",
    attrs: &[required("k", AttrKind::Int)],
    spec: |c| {
        let x = &c.inputs[0];
        Class::Number.check(x)?;
        let axis = infer::normalize(-1, x.rank())?;
        let k = Dim::from(c.attrs.int("k").unwrap_or(0));
        // Whether an axis of unknown length is long enough is found out when the program runs.
        let is_too_short = |length: i64| infer::nonnegative(&(k.clone() - Dim::from(length) - Dim::ONE));
        if !infer::nonnegative(&k) || x.dims[axis].as_const().is_some_and(is_too_short) {
            let wanted = format!("k between 0 and the length {} of the last axis", x.dims[axis]);
            return Err(infer::wrong(Kind::Shape, wanted, k));
        }
        let mut dims = x.dims.clone();
        dims[axis] = k;
        let mut specs = infer::one(x.dtype, dims.clone())?;
        specs.extend(infer::one(DType::I32, dims)?);
        Ok(specs)
    },
    grad: rule!(v => {
        let Some(g) = v.g[0] else { return Ok(vec![None]) };
        let dims = v.x().dims()?;
        let last = dims.len() as i64 - 1;
        let attrs = Attrs::new().with("dims", &dims[..]).with("axis", last).with("batch_dims", last);
        Ok(vec![Some(v.b.apply(&super::gather::SCATTER_ADD, attrs, &[g, v.y[1]]))])
    }),
    lower: Lower::Library(|c, _| {
        Ok(LibraryCall { routine: "top_k", params: vec![c.attrs.int("k").unwrap_or(0).into()] })
    }),
    eval: |c| {
        let (x, shape) = (&c.inputs[0], eval::shape_of(c, 0)?);
        let (k, length) = (shape[shape.len() - 1], x.shape()[shape.len() - 1]);
        if k > length {
            return Err(infer::wrong(Kind::Value, format!("k between 0 and the length {length} of the last axis"), k));
        }
        let order = places(x, x.shape().len() - 1, true);
        let place = |index: &[usize]| order[eval::offset(x.shape(), index)];
        let indices: Vec<i128> = eval::indices(&shape).map(|index| place(&index)).collect();
        let values = eval::pick(x, &shape, |index| {
            let mut at = index.to_vec();
            at[index.len() - 1] = place(index) as usize;
            eval::offset(x.shape(), &at)
        })?;
        Ok(vec![values, eval::from_ints(DType::I32, &shape, &indices)?])
    },
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};

composite! {
    /// One element of the order.
    NTH_ELEMENT, (b, x) => {
        let spec = x[0].spec()?;
        let (axis, n) = (infer::normalize(-1, spec.rank())?, b.attrs().int("n").unwrap_or(0));
        // Whether an axis of unknown length is long enough is found out when the program runs.
        if n < 0 || spec.dims[axis].as_const().is_some_and(|length| n >= length) {
            let wanted = format!("`n` from 0 to less than the length {} of the last axis", spec.dims[axis]);
            return Err(infer::wrong(Kind::Value, wanted, n));
        }
        let sorted = b.apply(&SORT, Attrs::new().with("descending", b.attrs().bool("reverse")), &[x[0]]);
        let last = sorted.transpose(&[&[axis][..], &(0..axis).collect::<Vec<_>>()].concat());
        let at = Attrs::new().with("begin", vec![n]).with("end", vec![0i64]).with("shrink_axis_mask", 1i64);
        Ok(vec![b.apply(&crate::ops::STRIDED_SLICE, at, &[last])])
    },
    name: "nth_element",
    doc: "The element of the last axis that would be at place `n` (from 0) if it were in order, greatest first if `reverse`.",
    attrs: &[required("n", AttrKind::Int), optional("reverse", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/indexing.rs"),
}

macro_rules! extremes {
    ($($static:ident $name:literal $doc:literal |$x:ident| $turned:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let (rank, k) = (x[0].rank()?, b.attrs().int("k").unwrap_or(0));
                let (axis, mut order) = (infer::axis(b.attrs(), -1, rank)?, (0..rank).collect::<Vec<_>>());
                order.swap(axis, rank - 1);
                let turn: for<'e> fn(Expr<'e>) -> Expr<'e> = |$x| $turned;
                let found = b.apply_all(&TOP_K, Attrs::new().with("k", k), &[turn(x[0].transpose(&order))]);
                b.check()?;
                Ok(vec![turn(found[0]).transpose(&order), found[1].transpose(&order)])
            },
            name: $name,
            doc: $doc,
            attrs: &[required("k", AttrKind::Int), optional("axis", AttrKind::Int)],
            domain: Domain::Special("tests/ops/convert.rs"),
        }
    )*};
}

extremes! {
    APPROX_MAX_K "approx_max_k"
        "The `k` greatest elements along `axis` (default -1), greatest first, and their indices (i32): exactly, as a recall \
         of 1." |x| x;
    APPROX_MIN_K "approx_min_k" "As `approx_max_k`, the least elements, the least first; floats." |x| -x;
}

fn check(c: &SpecCx<'_>) -> Result<Specs> {
    Class::Number.check(&c.inputs[0])?;
    infer::axis(c.attrs, -1, c.inputs[0].rank())?;
    Ok(Specs::new())
}

fn call(c: &SpecCx<'_>, routine: &'static str) -> Result<LibraryCall> {
    let axis = infer::axis(c.attrs, -1, c.inputs[0].rank())?;
    Ok(LibraryCall { routine, params: vec![axis.into(), i64::from(c.attrs.bool("descending")).into()] })
}

fn order(c: &EvalCx<'_>) -> Result<Vec<i128>> {
    let axis = infer::axis(c.attrs, -1, c.inputs[0].shape().len())?;
    Ok(places(&c.inputs[0], axis, c.attrs.bool("descending")))
}

/// For each place along `axis`, the index of the element that belongs there.
fn places(x: &Array, axis: usize, descending: bool) -> Vec<i128> {
    let shape = x.shape();
    let mut result = vec![0; x.len()];
    let mut heads = shape.to_vec();
    heads[axis] = shape[axis].min(1);
    for head in eval::indices(&heads) {
        let at = |k: usize| {
            let mut index = head.clone();
            index[axis] = k;
            eval::offset(shape, &index)
        };
        let mut order: Vec<usize> = (0..shape[axis]).collect();
        let compare: Box<dyn Fn(usize, usize) -> Ordering> = if x.dtype().is_float() {
            let values = eval::floats(x);
            let nan_last = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
            Box::new(move |a, b| nan_last(values[a], values[b]))
        } else {
            let values = eval::ints(x);
            Box::new(move |a, b| values[a].cmp(&values[b]))
        };
        order.sort_by(|&a, &b| if descending { compare(at(b), at(a)) } else { compare(at(a), at(b)) });
        for (place, element) in order.into_iter().enumerate() {
            result[at(place)] = element as i128;
        }
    }
    result
}
