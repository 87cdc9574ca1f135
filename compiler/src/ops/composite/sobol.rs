//! Sobol's sequence: points that fill the unit cube evenly.

use crate::ops::entry::*;

composite! {
    /// Points that fill a cube.
    SOBOL_SAMPLE, (b, _) => {
        let int = |name| b.attrs().int(name).unwrap_or(0);
        let (dim, count, skip) = (int("dim"), int("num_results"), int("skip"));
        if !(1..=MOST_DIMENSIONS).contains(&dim) {
            return Err(infer::wrong(Kind::Value, format_args!("1 to {MOST_DIMENSIONS} dimensions in `dim`"), dim));
        }
        let last = skip.checked_add(count).filter(|last| count >= 0 && skip >= 0 && *last < 1 << 31);
        let Some(last) = last else {
            let wanted = "a `num_results` and a `skip` of at least 0, together less than 2^31";
            return Err(infer::wrong(Kind::Value, wanted, format_args!("{count} and {skip}")));
        };
        let dtype = match b.attrs().dtype("dtype").unwrap_or(DType::F32) {
            dtype @ (DType::F32 | DType::F64) => dtype,
            other => return Err(infer::wrong(Kind::DType, "`dtype` f32 or f64", other)),
        };
        // In the order of Gray's code neighbours differ by one direction; point 0, the corner, is left out.
        let place = b.iota(&[count.into(), Dim::ONE], 0, DType::U32) + (skip + 1) as f64;
        let xor = |x, y| b.apply(&crate::ops::BITWISE_XOR, Attrs::new(), &[x, y]);
        let gray = xor(place, place.shift_right(1.0));
        let bits = 64 - last.leading_zeros() as usize;
        let columns: Vec<[u32; 32]> = (0..dim as usize).map(directions).collect();
        let mut point = b.scalar(0.0, DType::U32).broadcast_to(&[count.into(), dim.into()]);
        for bit in 0..bits {
            let column: Vec<i128> = columns.iter().map(|v| v[bit].into()).collect();
            let direction = b.constant(eval::from_ints(DType::U32, &[dim as usize], &column)?);
            point = xor(point, gray.shift_right(bit as f64).bit_and(1.0) * direction);
        }
        // As many digits as the dtype holds, so that none is rounded up to 1.
        let dropped = if dtype == DType::F32 { 8 } else { 0 };
        let digits = if dropped > 0 { point.shift_right(f64::from(dropped)) } else { point };
        Ok(vec![digits.cast(dtype) * 2f64.powi(dropped - 32)])
    },
    name: "sobol_sample",
    doc: "`num_results` points `[num_results, dim]` of Sobol's sequence in the unit cube of `dim` dimensions, from number `skip` \
          (default 0) on, as `dtype` (f32, the default, or f64): TensorFlow's order, with the direction numbers of Joe and Kuo \
          (\"Constructing Sobol sequences with better two-dimensional projections\", 2008).",
    inputs: NOTHING,
    attrs: &[
        required("dim", AttrKind::Int),
        required("num_results", AttrKind::Int),
        optional("skip", AttrKind::Int),
        optional("dtype", AttrKind::DType),
    ],
    domain: Domain::Special("tests/ops/convert.rs"),
}

/// As many dimensions as there are polynomials, and the first, which needs none.
const MOST_DIMENSIONS: i64 = POLYNOMIALS.len() as i64 + 1;

/// By dimension from the second on: a primitive polynomial over two elements, as the bits of its coefficients, and the
/// first direction numbers.
#[rustfmt::skip]
const POLYNOMIALS: [(u32, &[u32]); 63] = [
    (3, &[1]), (7, &[1, 3]), (11, &[1, 3, 1]), (13, &[1, 1, 1]), (19, &[1, 1, 3, 3]), (25, &[1, 3, 5, 13]),
    (37, &[1, 1, 5, 5, 17]), (41, &[1, 1, 5, 5, 5]), (47, &[1, 1, 7, 11, 19]), (55, &[1, 1, 5, 1, 1]),
    (59, &[1, 1, 1, 3, 11]), (61, &[1, 3, 5, 5, 31]), (67, &[1, 3, 3, 9, 7, 49]), (91, &[1, 1, 1, 15, 21, 21]),
    (97, &[1, 3, 1, 13, 27, 49]), (103, &[1, 1, 1, 15, 7, 5]), (109, &[1, 3, 1, 15, 13, 25]),
    (115, &[1, 1, 5, 5, 19, 61]), (131, &[1, 3, 7, 11, 23, 15, 103]), (137, &[1, 3, 7, 13, 13, 15, 69]),
    (143, &[1, 1, 3, 13, 7, 35, 63]), (145, &[1, 3, 5, 9, 1, 25, 53]), (157, &[1, 3, 1, 13, 9, 35, 107]),
    (167, &[1, 3, 1, 5, 27, 61, 31]), (171, &[1, 1, 5, 11, 19, 41, 61]), (185, &[1, 3, 5, 3, 3, 13, 69]),
    (191, &[1, 1, 7, 13, 1, 19, 1]), (193, &[1, 3, 7, 5, 13, 19, 59]), (203, &[1, 1, 3, 9, 25, 29, 41]),
    (211, &[1, 3, 5, 13, 23, 1, 55]), (213, &[1, 3, 7, 3, 13, 59, 17]), (229, &[1, 3, 1, 3, 5, 53, 69]),
    (239, &[1, 1, 5, 5, 23, 33, 13]), (241, &[1, 1, 7, 7, 1, 61, 123]), (247, &[1, 1, 7, 9, 13, 61, 49]),
    (253, &[1, 3, 3, 5, 3, 55, 33]), (285, &[1, 3, 1, 15, 31, 13, 49, 245]), (299, &[1, 3, 5, 15, 31, 59, 63, 97]),
    (301, &[1, 3, 1, 11, 11, 11, 77, 249]), (333, &[1, 3, 1, 11, 27, 43, 71, 9]),
    (351, &[1, 1, 7, 15, 21, 11, 81, 45]), (355, &[1, 3, 7, 3, 25, 31, 65, 79]), (357, &[1, 3, 1, 1, 19, 11, 3, 205]),
    (361, &[1, 1, 5, 9, 19, 21, 29, 157]), (369, &[1, 3, 7, 11, 1, 33, 89, 185]), (391, &[1, 3, 3, 3, 15, 9, 79, 71]),
    (397, &[1, 3, 7, 11, 15, 39, 119, 27]), (425, &[1, 1, 3, 1, 11, 31, 97, 225]),
    (451, &[1, 1, 1, 3, 23, 43, 57, 177]), (463, &[1, 3, 7, 7, 17, 17, 37, 71]),
    (487, &[1, 3, 1, 5, 27, 63, 123, 213]), (501, &[1, 1, 3, 5, 11, 43, 53, 133]),
    (529, &[1, 3, 5, 5, 29, 17, 47, 173, 479]), (539, &[1, 3, 3, 11, 3, 1, 109, 9, 69]),
    (545, &[1, 1, 1, 5, 17, 39, 23, 5, 343]), (557, &[1, 3, 1, 5, 25, 15, 31, 103, 499]),
    (563, &[1, 1, 1, 11, 11, 17, 63, 105, 183]), (601, &[1, 1, 5, 11, 9, 29, 97, 231, 363]),
    (607, &[1, 1, 5, 15, 19, 45, 41, 7, 383]), (617, &[1, 3, 7, 7, 31, 19, 83, 137, 221]),
    (623, &[1, 1, 1, 3, 23, 15, 111, 223, 83]), (631, &[1, 1, 5, 13, 31, 15, 55, 25, 161]),
    (637, &[1, 1, 3, 13, 25, 47, 39, 87, 257]),
];

/// The direction numbers of a dimension, their binary point before the first digit.
fn directions(dimension: usize) -> [u32; 32] {
    let mut v = std::array::from_fn(|i| 1 << (31 - i));
    let Some((polynomial, first)) = dimension.checked_sub(1).map(|k| POLYNOMIALS[k]) else { return v };
    let degree = first.len();
    v.iter_mut().zip(first).for_each(|(v, m)| *v *= m);
    for i in degree..32 {
        let terms = (1..degree).filter(|k| polynomial >> (degree - k) & 1 == 1);
        v[i] = terms.fold(v[i - degree] ^ v[i - degree] >> degree, |sum, k| sum ^ v[i - k]);
    }
    v
}
