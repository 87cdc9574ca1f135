//! Connectionist temporal classification: losses of label sequences, and the labels that logits are read as.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_as};
use crate::linalg;
use crate::support::{Numbers, apply, assert_close, dims, f64s, i32s, refused, values};
use tracelift_compiler::graph::{Attrs, GraphBuilder};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::{DType, Dim, TensorSpec, grad};
use tracelift_runtime::Array;

#[test]
fn losses_of_sequences() {
    let logits = Numbers(3).array(DType::F64, &[4, 2, 3], -2.0, 2.0);
    let operands = [i32s(&[2, 2], &[1, 2, 2, -7]), logits, i32s(&[2], &[2, 1]), i32s(&[2], &[4, 3])];
    assert_agrees(&ops::CTC_LOSS, Attrs::new(), &operands);
    assert_agrees(&ops::CTC_LOSS_GRADIENT, Attrs::new(), &operands);
    check_gradient(&ops::CTC_LOSS, Attrs::new(), &operands);
    // Class 2 as blank, counted from the end.
    let last = [i32s(&[2, 1], &[1, 0]), operands[1].clone(), i32s(&[2], &[1, 1]), operands[3].clone()];
    assert_agrees(&ops::CTC_LOSS, Attrs::new().with("blank_index", -1i64), &last);
    let with = |k: usize, operand: Array| {
        let mut operands = operands.clone();
        operands[k] = operand;
        refused(&ops::CTC_LOSS, Attrs::new(), &operands)
    };
    assert!(with(0, i32s(&[2, 2], &[9, 1, 1, 1])).contains("label 9 of example 0 is none of 3 classes"));
    assert!(with(0, i32s(&[2, 2], &[0, 1, 1, 1])).contains("is the blank"));
    assert!(with(3, i32s(&[2], &[5, 1])).contains("logit length 5"));
    assert!(with(2, i32s(&[2], &[3, 1])).contains("label length 3"));
    assert!(with(2, i32s(&[3], &[1, 1, 1])).contains("two lengths for each of 2"));
    assert!(refused(&ops::CTC_LOSS, Attrs::new().with("blank_index", 3i64), &operands).contains("blank_index"));
}

#[test]
fn losses_of_sequences_have_second_derivatives() {
    // Repeats and none, all heard and not; no label, and labels that do not fit.
    let rows = [1, 1, 2, 0, 2, 1, 0, 0, 0, 1, 1, 1];
    let (labels, blank) = (i32s(&[4, 3], &rows), Attrs::new().with("blank_index", 3i64));
    let lengths = [i32s(&[4], &[3, 2, 0, 3]), i32s(&[4], &[5, 4, 3, 4])];
    for dtype in [DType::F64, DType::F32] {
        let [logits, tangent] = [5, 6].map(|seed| Numbers(seed).array(dtype, &[5, 4, 4], -2.0, 2.0));
        let operands = [labels.clone(), logits, lengths[0].clone(), lengths[1].clone(), tangent];
        assert_agrees(&ops::CTC_LOSS_CURVATURE, blank.clone(), &operands);
        let [batch, times, most] = [0, 1, 2].map(Dim::sym);
        let logits = TensorSpec::new(dtype, [times, batch.clone(), 4i64.into()]);
        let [length, labels] = [&[batch.clone()][..], &[batch, most]].map(|d| TensorSpec::new(DType::I32, d.to_vec()));
        let specs = [labels, logits.clone(), length.clone(), length, logits];
        assert_agrees_as(&ops::CTC_LOSS_CURVATURE, blank.clone(), &operands, &specs);
        let curvature = values(&ops::CTC_LOSS_CURVATURE, blank.clone(), &operands);
        let of_example = |example: usize| (0..80).filter(move |i| i / 4 % 4 == example);
        assert!(of_example(3).all(|i| curvature[i] == 0.0), "labels that do not fit");
        assert!(of_example(0).any(|i| curvature[i] != 0.0));
        assert!(of_example(2).all(|i| (i < 48) == (curvature[i] != 0.0)), "what is not heard");
    }
    let logits = Numbers(5).array(DType::F64, &[5, 4, 4], -2.0, 2.0);
    linalg::check("ctc_loss", &[logits], &|b, x| {
        let [labels, label_length, logit_length] = [&labels, &lengths[0], &lengths[1]].map(|a| b.constant(a.clone()));
        let loss = linalg::apply(b, &ops::CTC_LOSS, blank.clone(), &[labels, x[0], label_length, logit_length]);
        // The loss of the last example is infinite.
        let attrs = Attrs::new().with("begin", dims(&[0])).with("strides", vec![1i64]).with("dims", dims(&[3]));
        linalg::apply(b, &ops::SLICE, attrs, &loss)
    });
}

#[test]
fn losses_of_sequences_have_no_third_derivative() {
    let mut b = GraphBuilder::new("third");
    let [labels, lengths] = [i32s(&[1, 1], &[1]), i32s(&[1], &[1])].map(|a| b.constant(a));
    let spec = TensorSpec::new(DType::F64, [2usize, 1, 2]);
    let (logits, tangent) = (b.parameter("logits", spec.clone()), b.parameter("tangent", spec));
    let operands = [labels, logits, lengths, lengths, tangent];
    let curvature = linalg::apply(&mut b, &ops::CTC_LOSS_CURVATURE, Attrs::new(), &operands)[0];
    assert!(grad::gradient(&mut b, &[(curvature, None)], &[tangent]).is_ok());
    let error = grad::gradient(&mut b, &[(curvature, None)], &[logits]).expect_err("there is none").to_string();
    assert!(error.contains("there is no third derivative of `ctc_loss`"), "{error}");
}

#[test]
fn the_best_path_is_read() {
    // One-hot rows times 2: the path is 1 1 0 1 2 2, of which the second example hears four.
    let path = [1, 1, 0, 1, 2, 2];
    let rows = path.iter().flat_map(|&best| (0..2).flat_map(move |_| (0..3).map(move |c| f64::from(c == best) * 2.0)));
    let logits = f64s(&[6, 2, 3], &rows.collect::<Vec<_>>());
    let operands = [logits, i32s(&[2], &[6, 4])];
    let decoded = |attrs: Attrs| {
        assert_agrees(&ops::CTC_GREEDY_DECODER, attrs.clone(), &operands);
        let results = apply(&ops::CTC_GREEDY_DECODER, attrs, &operands).unwrap();
        assert_eq!(results[2].as_slice::<f64>(), [-12.0, -8.0]);
        (results[0].as_slice::<i64>().to_vec(), results[1].as_slice::<i64>().to_vec())
    };
    let (labels, counts) = decoded(Attrs::new().with("blank_index", 0i64));
    assert_eq!((labels, counts), (vec![1, 1, 2, -1, -1, -1, 1, 1, -1, -1, -1, -1], vec![3, 2]));
    let (labels, counts) = decoded(Attrs::new().with("merge_repeated", false));
    assert_eq!((labels, counts), (vec![1, 1, 0, 1, -1, -1, 1, 1, 0, 1, -1, -1], vec![4, 4]));
}

/// Logits that the sine gives, rounded, so that other systems can be given the same.
fn waves(dtype: DType) -> Array {
    let values: Vec<f64> = (0..72).map(|i| ((1.0 + 1.7 * f64::from(i)).sin() * 200.0).round() / 100.0).collect();
    eval::from_floats(dtype, &[6, 3, 4], &values).unwrap()
}

#[test]
fn the_likeliest_labels_are_those_of_tensorflow() {
    // What TensorFlow gives; labels row by row, -1 behind.
    type Found<'a> = (i64, i64, &'a [i64], &'a [i64], &'a [f64]);
    let found: [Found<'_>; 3] = [
        (
            1,
            1,
            &[0, 2, 1, 0, -1, -1, 0, 2, 1, -1, -1, -1, 0, -1, -1, -1, -1, -1],
            &[4, 3, 1],
            &[-1.7730682331272543, -0.942753432711888, -1.2475045267524747],
        ),
        (
            3,
            2,
            &[
                0, 2, 1, 0, -1, -1, 0, 2, 1, -1, -1, -1, 0, -1, -1, -1, -1, -1, //
                0, 2, 1, -1, -1, -1, 2, 1, -1, -1, -1, -1, 0, 2, -1, -1, -1, -1,
            ],
            &[4, 3, 1, 3, 2, 2],
            &[
                -1.4589790105819702,
                -2.1886696815490723,
                -0.729852557182312,
                -2.4529778957366943,
                -1.1761423349380493,
                -1.411595106124878,
            ],
        ),
        (
            100,
            3,
            &[
                0, 2, 1, 0, -1, -1, 0, 2, 1, -1, -1, -1, 0, -1, -1, -1, -1, -1, //
                0, 2, 1, -1, -1, -1, 2, 1, -1, -1, -1, -1, 0, 2, -1, -1, -1, -1, //
                0, 2, 0, -1, -1, -1, 0, 1, -1, -1, -1, -1, 2, -1, -1, -1, -1, -1,
            ],
            &[4, 3, 1, 3, 2, 2, 3, 2, 1],
            &[
                -1.397827386856079,
                -2.130042552947998,
                -2.276832103729248,
                -0.7073681950569153,
                -2.188119411468506,
                -2.3296124935150146,
                -1.1761423349380493,
                -1.411595106124878,
                -1.6038762331008911,
            ],
        ),
    ];
    for (width, paths, labels, counts, scores) in found {
        let attrs = Attrs::new().with("beam_width", width).with("top_paths", paths);
        for dtype in [DType::F64, DType::F32] {
            let operands = [waves(dtype), i32s(&[3], &[6, 4, 2])];
            let results = apply(&ops::CTC_BEAM_SEARCH_DECODER, attrs.clone(), &operands).unwrap();
            assert_eq!(results[0].as_slice::<i64>(), labels);
            assert_eq!(results[1].as_slice::<i64>(), counts);
            assert_close(&eval::floats(&results[2]), scores, 1e-6, "logarithms");
            assert_agrees(&ops::CTC_BEAM_SEARCH_DECODER, attrs.clone(), &operands);
            let [times, batch, classes] = [0, 1, 2].map(Dim::sym);
            let logits = TensorSpec::new(dtype, [times, batch.clone(), classes]);
            let specs = [logits, TensorSpec::new(DType::I32, [batch])];
            assert_agrees_as(&ops::CTC_BEAM_SEARCH_DECODER, attrs.clone(), &operands, &specs);
        }
    }
}

#[test]
fn beams_of_any_width_agree() {
    // Few different numbers, and so many that are equally likely; impossible classes, and what is no number.
    let levels = [0.0, 1.0, 1.0, -2.0, f64::NEG_INFINITY, 0.5];
    for (seed, numbers) in [(1, &levels[..4]), (2, &levels), (3, &[f64::NAN, 0.0, 1.0])] {
        let mut random = Numbers(seed);
        let values: Vec<f64> = (0..84).map(|_| numbers[(random.next() * numbers.len() as f64) as usize]).collect();
        let operands = [f64s(&[7, 3, 4], &values), i32s(&[3], &[7, 0, 5])];
        for (width, paths, blank) in [(1i64, 1i64, -1i64), (2, 2, 0), (3, 1, 1), (10, 10, -2), (1000, 40, 3)] {
            let attrs = Attrs::new().with("beam_width", width).with("top_paths", paths).with("blank_index", blank);
            assert_agrees(&ops::CTC_BEAM_SEARCH_DECODER, attrs, &operands);
        }
    }
    for shape in [[0, 2, 3], [2, 0, 3], [3, 2, 1]] {
        let operands = [f64s(&shape, &vec![0.5; shape.iter().product()]), i32s(&[shape[1]], &vec![0; shape[1]])];
        assert_agrees(&ops::CTC_BEAM_SEARCH_DECODER, Attrs::new(), &operands);
    }
}

#[test]
fn bad_searches_are_refused() {
    let operands = [waves(DType::F64), i32s(&[3], &[6, 4, 2])];
    let says = |attrs: Attrs, operands: &[Array], words: &str| {
        let text = refused(&ops::CTC_BEAM_SEARCH_DECODER, attrs, operands);
        assert!(text.contains(words), "{text}");
    };
    let attrs = |width: i64, paths: i64| Attrs::new().with("beam_width", width).with("top_paths", paths);
    says(attrs(0, 1), &operands, "`beam_width` of at least 1, received 0");
    says(attrs(5, 0), &operands, "`top_paths` between 1 and the `beam_width` 5, received 0");
    says(attrs(5, 6), &operands, "received 6");
    says(Attrs::new(), &[operands[0].clone(), i32s(&[3], &[6, 7, 2])], "length 7 of example 1 is not between 0 and 6");
    says(Attrs::new(), &[operands[0].clone(), i32s(&[2], &[6, 4])], "a length for each of the batch");
    says(Attrs::new(), &[f64s(&[2, 1, 0], &[]), i32s(&[1], &[2])], "a blank_index that is one of 0 classes");
    says(Attrs::new().with("blank_index", 4i64), &operands, "a blank_index that is one of 4 classes");
    let mut b = GraphBuilder::new("no gradient");
    let logits = b.parameter("logits", TensorSpec::new(DType::F64, [6usize, 3, 4]));
    let lengths = b.constant(operands[1].clone());
    let found = linalg::apply(&mut b, &ops::CTC_BEAM_SEARCH_DECODER, Attrs::new(), &[logits, lengths]);
    let error = grad::gradient(&mut b, &[(found[2], None)], &[logits]).expect_err("there is none").to_string();
    assert!(error.contains("which label sequences are kept"), "{error}");
}
