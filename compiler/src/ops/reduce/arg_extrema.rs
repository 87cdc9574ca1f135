//! Where the greatest and least elements are.

use crate::ops::entry::*;

macro_rules! arg_extremum {
    ($($static:ident $name:literal $doc:literal $kind:literal $better:tt;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            attrs: &[optional("axis", AttrKind::Int), optional("dtype", AttrKind::DType)],
            spec: |c| {
                let x = &c.inputs[0];
                Class::Real.check(x)?;
                let axis = infer::axis(c.attrs, 0, x.rank())?;
                if x.dims[axis] == Dim::ZERO {
                    return Err(infer::wrong(Kind::Shape, "at least one element", format_args!("axis {axis} of length 0")));
                }
                let dtype = c.attrs.dtype("dtype").unwrap_or(DType::I64);
                if !matches!(dtype, DType::I32 | DType::I64) {
                    return Err(infer::wrong(Kind::DType, "`dtype` i32 or i64", dtype));
                }
                infer::one(dtype, infer::reduced(&x.dims, &[axis], false))
            },
            grad: DISCRETE,
            lower: Lower::Library(|c, _| {
                let axis = infer::axis(c.attrs, 0, c.inputs[0].rank())?;
                Ok(LibraryCall { routine: "arg_reduce", params: vec![Dim::from(axis), Dim::from($kind as i64)] })
            }),
            eval: |c| {
                let x = &c.inputs[0];
                let axis = infer::axis(c.attrs, 0, x.shape().len())?;
                if x.shape()[axis] == 0 {
                    return Err(infer::wrong(Kind::Shape, "at least one element", "an empty axis"));
                }
                let shape = eval::shape_of(c, 0)?;
                let best: Vec<i128> = eval::indices(&shape).map(|index| {
                    let at = |k: usize| {
                        let mut full = index.clone();
                        full.insert(axis, k);
                        eval::offset(x.shape(), &full)
                    };
                    if x.dtype().is_float() {
                        let values = eval::floats(x);
                        let wins = |v: f64, best: f64| !best.is_nan() && (v.is_nan() || v $better best);
                        (1..x.shape()[axis]).fold(0, |best, k| if wins(values[at(k)], values[at(best)]) { k } else { best })
                    } else {
                        let values = eval::ints(x);
                        (1..x.shape()[axis]).fold(0, |best, k| if values[at(k)] $better values[at(best)] { k } else { best })
                    }
                } as i128).collect();
                Ok(vec![eval::from_ints(c.outputs[0].dtype, &shape, &best)?])
            },
            ..BASE
        };
    )*};
}

arg_extremum! {
    ARGMAX "argmax" "The index of the first greatest element along `axis` (default 0), as `dtype` (i64 or i32, default \
        i64). NaN counts as greatest." 0 >;
    ARGMIN "argmin" "The index of the first least element along `axis` (default 0), as `dtype` (i64 or i32, default \
        i64). NaN counts as least." 1 <;
}
