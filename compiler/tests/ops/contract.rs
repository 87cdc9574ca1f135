//! Products: matrices, named axes, equations.

use crate::battery::check_gradient;
use crate::support::{Numbers, counted, one, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

fn sample(shape: &[usize]) -> Array {
    Numbers(shape.len() as u64 + 7).array(DType::F64, shape, -1.0, 1.0)
}

#[test]
fn matrices() {
    let product = values(&ops::MATMUL, Attrs::new(), &[counted(&[2, 3]), counted(&[3, 2])]);
    assert_eq!(product, [10.0, 13.0, 28.0, 40.0]);
    for ta in [false, true] {
        for tb in [false, true] {
            let attrs = Attrs::new().with("transpose_a", ta).with("transpose_b", tb);
            let x = sample(if ta { &[2, 1, 4, 3] } else { &[2, 1, 3, 4] });
            let y = sample(if tb { &[5, 2, 4] } else { &[5, 4, 2] });
            assert_eq!(one(&ops::MATMUL, attrs.clone(), &[x.clone(), y.clone()]).shape(), [2, 5, 3, 2]);
            check_gradient(&ops::MATMUL, attrs, &[x, y]);
        }
    }
    let text = refused(&ops::MATMUL, Attrs::new(), &[sample(&[2, 3]), sample(&[2, 3])]);
    assert!(text.contains("expected equal inner lengths, received 3 and 2"), "{text}");
    assert!(
        refused(&ops::MATMUL, Attrs::new(), &[sample(&[3]), sample(&[3, 2])]).contains("rank of at least 2 for `x`")
    );
    let none = one(&ops::MATMUL, Attrs::new(), &[sample(&[2, 0]), sample(&[0, 3])]);
    assert_eq!((none.shape(), none.as_slice::<f64>()), (&[2, 3][..], &[0.0; 6][..]));
}

#[test]
fn named_axes() {
    let attrs = Attrs::new().with("axes_x", vec![2i64, 0]).with("axes_y", vec![0i64, 1]);
    let operands = [sample(&[2, 3, 4]), sample(&[4, 2, 5])];
    let by_equation = values(&ops::EINSUM, Attrs::new().with("equation", "abc,cad->bd"), &operands);
    crate::support::assert_close(&values(&ops::TENSORDOT, attrs.clone(), &operands), &by_equation, 1e-12, "tensordot");
    check_gradient(&ops::TENSORDOT, attrs, &operands);
}

#[test]
fn equations() {
    let equation = |text: &str| Attrs::new().with("equation", text);
    let x = counted(&[2, 2]);
    assert_eq!(values(&ops::EINSUM, equation("ij->ji"), std::slice::from_ref(&x)), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(values(&ops::EINSUM, equation("ii"), std::slice::from_ref(&x)), [3.0]);
    assert_eq!(values(&ops::EINSUM, equation("ii->i"), std::slice::from_ref(&x)), [0.0, 3.0]);
    assert_eq!(values(&ops::EINSUM, equation("ij->"), std::slice::from_ref(&x)), [6.0]);
    for (text, shapes, result) in [
        ("ij,jk->ik", &[&[2, 3][..], &[3, 4]][..], &[2, 4][..]),
        ("ij,jk", &[&[2, 3], &[3, 4]], &[2, 4]),
        ("bij,bjk->bik", &[&[2, 2, 3], &[2, 3, 2]], &[2, 2, 2]),
        ("i,j->ij", &[&[2], &[3]], &[2, 3]),
        ("i,i->", &[&[3], &[3]], &[]),
        ("...ij,...jk->...ik", &[&[2, 2, 3], &[2, 3, 2]], &[2, 2, 2]),
        ("ij,jk,kl->il", &[&[2, 3], &[3, 2], &[2, 4]], &[2, 4]),
        ("bqhd,bkhd->bhqk", &[&[2, 3, 2, 4], &[2, 3, 2, 4]], &[2, 2, 3, 3]),
        ("ijk,j->k", &[&[2, 3, 4], &[3]], &[4]),
    ] {
        let operands: Vec<Array> = shapes.iter().map(|s| sample(s)).collect();
        assert_eq!(one(&ops::EINSUM, equation(text), &operands).shape(), result, "{text}");
        check_gradient(&ops::EINSUM, equation(text), &operands);
    }
    for (text, says) in [
        ("ij,jk->ik", "expected 2 operands, received 1"),
        ("ijk->i", "received rank 2"),
        ("ij->k", "labels of the result"),
        ("ij->ii", "twice on the right"),
        ("i1->i", "is not a letter"),
    ] {
        let error = refused(&ops::EINSUM, equation(text), std::slice::from_ref(&x));
        assert!(error.contains(says), "{error}");
    }
}
