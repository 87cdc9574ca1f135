//! Gradients of whole functions against central differences, in f64; second order; and the error texts.

use super::{gradient, pullback};
use crate::base::{DType, Error, Kind, Loc, Result, TensorSpec};
use crate::graph::cx::OpCx;
use crate::graph::opdef::{Domain, Effects, Grad, Lower, OpDef, Operands, Source};
use crate::graph::parse::parse;
use crate::graph::verify::verify;
use crate::graph::{Attrs, Graph, GraphBuilder, ValueId};
use crate::interp;
use crate::ops;
use tracelift_runtime::Array;

/// Numbers that look random, away from 0 and from each other.
fn sample(shape: &[usize], seed: usize) -> Array {
    let n: usize = shape.iter().product();
    let values: Vec<f64> =
        (0..n).map(|i| (((i * 7 + seed * 13 + 3) as f64) * 0.618_033_988_7).fract() + 0.35).collect();
    Array::from_slice(shape, &values)
}

/// The graph of the gradients of output 0 with respect to every input; its last input is the cotangent.
fn gradient_graph(graph: &Graph) -> Graph {
    let (inputs, output) = (graph.inputs.clone(), graph.outputs[0]);
    let spec = graph.spec(output).clone();
    let mut builder = GraphBuilder::from_graph(graph.clone());
    let cotangent = builder.parameter("cotangent", spec);
    let gradients = gradient(&mut builder, &[(output, Some(cotangent))], &inputs).unwrap();
    let graph = builder.finish(gradients.into_iter().map(|g| g.expect("every input is connected")).collect());
    verify(&graph).unwrap();
    assert_eq!(parse(&graph.to_string()).unwrap(), graph);
    graph
}

/// Central differences of `Σ weights * output 0` by each element of each input.
fn differences(graph: &Graph, inputs: &[Array], weights: &Array) -> Vec<Vec<f64>> {
    let h = 1e-5;
    let at = |inputs: &[Array]| -> f64 {
        let output = &interp::run(graph, inputs).unwrap()[0];
        output.as_slice::<f64>().iter().zip(weights.as_slice::<f64>()).map(|(a, b)| a * b).sum()
    };
    let slope = |k: usize, i: usize| {
        let moved = |by: f64| {
            let mut inputs = inputs.to_vec();
            inputs[k].as_mut_slice::<f64>()[i] += by;
            at(&inputs)
        };
        (moved(h) - moved(-h)) / (2.0 * h)
    };
    (0..inputs.len()).map(|k| (0..inputs[k].len()).map(|i| slope(k, i)).collect()).collect()
}

fn check_order_1(graph: &Graph, inputs: &[Array]) -> Graph {
    let output = interp::run(graph, inputs).unwrap().swap_remove(0);
    let weights = sample(output.shape(), 99);
    let backward = gradient_graph(graph);
    let arguments = [inputs, std::slice::from_ref(&weights)].concat();
    let gradients = interp::run(&backward, &arguments).unwrap();
    for (k, expected) in differences(graph, inputs, &weights).iter().enumerate() {
        assert_eq!(gradients[k].shape(), inputs[k].shape());
        for (i, (&got, want)) in gradients[k].as_slice::<f64>().iter().zip(expected).enumerate() {
            let error = (got - want).abs();
            assert!(error <= 2e-6 * (1.0 + want.abs()), "input {k} element {i}: {got} instead of {want}\n{backward}");
        }
    }
    backward
}

/// First order for the text's function, and second order for the gradient by input 0.
fn check(text: &str, shapes: &[&[usize]]) {
    let graph = parse(text).unwrap();
    verify(&graph).unwrap();
    let inputs: Vec<Array> = shapes.iter().enumerate().map(|(k, s)| sample(s, k)).collect();
    let mut backward = check_order_1(&graph, &inputs);
    backward.outputs.truncate(1);
    let output = interp::run(&graph, &inputs).unwrap().swap_remove(0);
    let inputs = [inputs, vec![sample(output.shape(), 7)]].concat();
    check_second(&backward, &inputs);
}

/// As [`check_order_1`], for inputs that the gradient still depends on.
fn check_second(graph: &Graph, inputs: &[Array]) {
    let mut builder = GraphBuilder::from_graph(graph.clone());
    let gradients = gradient(&mut builder, &[(graph.outputs[0], None)], &graph.inputs).unwrap();
    let connected: Vec<usize> = (0..gradients.len()).filter(|&k| gradients[k].is_some()).collect();
    let backward = builder.finish(gradients.into_iter().flatten().collect());
    verify(&backward).unwrap();
    let got = interp::run(&backward, inputs).unwrap();
    let output = interp::run(graph, inputs).unwrap().swap_remove(0);
    let ones = Array::from_slice(output.shape(), &vec![1.0; output.len()]);
    let expected = differences(graph, inputs, &ones);
    for (got, k) in got.iter().zip(0..inputs.len()).map(|(g, i)| (g, connected[i])) {
        for (&got, want) in got.as_slice::<f64>().iter().zip(&expected[k]) {
            assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "input {k}: {got} instead of {want}\n{backward}");
        }
    }
    for k in (0..inputs.len()).filter(|k| !connected.contains(k)) {
        assert!(expected[k].iter().all(|d| d.abs() < 1e-5), "input {k} is not unconnected");
    }
}

#[test]
fn broadcasting_is_undone() {
    check(
        "graph @f(%0: f64[2, 3], %1: f64[3], %2: f64[2, 1], %3: f64[]) {
           %4 = multiply %0, %1
           %5 = divide %4, %2
           %6 = subtract %5, %3
           %7 = pow %6, %1
           %8 = square %6
           return %8
         }",
        &[&[2, 3], &[3], &[2, 1], &[]],
    );
}

#[test]
fn symbolic_sizes() {
    check(
        "graph @f(%0: f64[n0, n1], %1: f64[n1], %2: f64[n0, 1]) {
           %3 = multiply %0, %1
           %4 = add %3, %2
           %5 = tanh %4
           %6 = reduce_mean %5 {axes = [0]}
           %7 = multiply %6, %1
           return %7
         }",
        &[&[4, 3], &[3], &[4, 1]],
    );
}

#[test]
fn two_layers_and_cross_entropy() {
    check(
        "graph @f(%0: f64[n0, 3], %1: f64[3, 4], %2: f64[4], %3: f64[4, 2], %4: f64[n0, 2]) {
           %5 = matmul %0, %1
           %6 = add %5, %2
           %7 = tanh %6
           %8 = matmul %7, %3
           %9 = log_softmax %8
           %10 = multiply %9, %4
           %11 = reduce_sum %10 {axes = [-1]}
           %12 = reduce_mean %11
           return %12
         }",
        &[&[2, 3], &[3, 4], &[4], &[4, 2], &[2, 2]],
    );
}

#[test]
fn normalisation() {
    check(
        "graph @f(%0: f64[n0, 5], %1: f64[5]) {
           %2 = reduce_mean %0 {axes = [1], keepdims = true}
           %3 = subtract %0, %2
           %4 = square %3
           %5 = reduce_mean %4 {axes = [1], keepdims = true}
           %6 = constant {value = data f64[](0.001)}
           %7 = add %5, %6
           %8 = rsqrt %7
           %9 = multiply %3, %8
           %10 = multiply %9, %1
           return %10
         }",
        &[&[3, 5], &[5]],
    );
}

#[test]
fn softmax_attention() {
    check(
        "graph @f(%0: f64[n0, 3], %1: f64[n1, 3], %2: f64[n1, 2]) {
           %3 = matmul %0, %1 {transpose_b = true}
           %4 = softmax %3
           %5 = matmul %4, %2
           %6 = reduce_logsumexp %5 {axes = [1]}
           return %6
         }",
        &[&[2, 3], &[4, 3], &[4, 2]],
    );
}

#[test]
fn movement() {
    check(
        "graph @f(%0: f64[4, 3], %1: f64[2, 3]) {
           %2 = concat %0, %1 {axis = 0}
           %3 = transpose %2 {perm = [1, 0]}
           %4 = slice %3 {begin = dims[0, 1], dims = dims[3, 4]}
           %5 = square %4
           %6 = reshape %5 {dims = dims[2, 6]}
           %7 = constant {value = data f64[](0.5)}
           %8 = pad %6, %7 {before = dims[1, 0], after = dims[0, 2]}
           %9 = reverse %8 {axes = [1]}
           %10 = exp %9
           return %10
         }",
        &[&[4, 3], &[2, 3]],
    );
}

#[test]
fn several_results_of_which_one_is_used_twice() {
    check(
        "graph @f(%0: f64[6, 2]) {
           %1, %2, %3 = split %0 {num = 3, axis = 0}
           %4 = multiply %1, %3
           %5 = sin %4
           %6 = multiply %5, %1
           return %6
         }",
        &[&[6, 2]],
    );
}

#[test]
fn reductions_and_scans() {
    check(
        "graph @f(%0: f64[3, 4]) {
           %1 = cumsum %0 {axis = 1}
           %2 = reduce_prod %1 {axes = [1]}
           %3 = reduce_max %0 {axes = [1]}
           %4 = reduce_min %1 {axes = [1]}
           %5 = multiply %2, %3
           %6 = multiply %5, %4
           return %6
         }",
        &[&[3, 4]],
    );
}

#[test]
fn choices() {
    check(
        "graph @f(%0: f64[5], %1: f64[5]) {
           %2 = maximum %0, %1
           %3 = square %0
           %4 = greater %3, %1
           %5 = where %4, %2, %3
           %6 = multiply %5, %1
           %7 = abs %6
           return %7
         }",
        &[&[5], &[5]],
    );
}

#[test]
fn activations() {
    check(
        "graph @f(%0: f64[4]) {
           %1 = gelu %0
           %2 = silu %1
           %3 = softplus %2
           %4 = mish %3
           %5 = elu %4
           %6 = log_sigmoid %5
           return %6
         }",
        &[&[4]],
    );
}

#[test]
fn functions_of_two() {
    check(
        "graph @f(%0: f64[3], %1: f64[3]) {
           %2 = atan2 %0, %1
           %3 = log1p %2
           %4 = divide_no_nan %3, %0
           %5 = squared_difference %4, %1
           %6 = sqrt %5
           return %6
         }",
        &[&[3], &[3]],
    );
}

#[test]
fn a_source_may_depend_on_another() {
    let graph = parse(
        "graph @f(%0: f64[]) {
           %1 = square %0
           %2 = multiply %1, %0
           return %2
         }",
    )
    .unwrap();
    let (x, squared, y) = (graph.inputs[0], graph.node(graph.outputs[0].node).inputs[0], graph.outputs[0]);
    let mut builder = GraphBuilder::from_graph(graph);
    let gradients = gradient(&mut builder, &[(y, None)], &[x, squared, y]).unwrap();
    let graph = builder.finish(gradients.into_iter().map(Option::unwrap).collect());
    let out = interp::run(&graph, &[Array::from_slice(&[], &[2.0])]).unwrap();
    let out: Vec<f64> = out.iter().map(|a| a.as_slice::<f64>()[0]).collect();
    assert_eq!(out, [12.0, 2.0, 1.0]);
}

#[test]
fn targets_are_summed() {
    let graph = parse("graph @f(%0: f64[2]) { %1 = square %0  %2 = exp %0  return %1, %2 }").unwrap();
    let (x, targets) = (graph.inputs[0], [(graph.outputs[0], None), (graph.outputs[1], None), (graph.inputs[0], None)]);
    let mut builder = GraphBuilder::from_graph(graph);
    let dx = gradient(&mut builder, &targets, &[x]).unwrap()[0].unwrap();
    let graph = builder.finish(vec![dx]);
    let out = interp::run(&graph, &[Array::from_slice(&[2], &[0.0, 3.0])]).unwrap();
    assert_eq!(out[0].as_slice::<f64>(), [2.0, 7.0 + 3f64.exp()]);
}

#[test]
fn what_does_not_flow_is_unconnected() {
    let graph = parse(
        "graph @f(%0: f32[2], %1: f32[2], %2: f32[2]) {
           %3 = stop_gradient %0
           %4 = floor %1
           %5 = add %3, %4
           return %5
         }",
    )
    .unwrap();
    let (inputs, target) = (graph.inputs.clone(), graph.outputs[0]);
    let mut builder = GraphBuilder::from_graph(graph);
    assert_eq!(gradient(&mut builder, &[(target, None)], &inputs).unwrap(), [None; 3]);
    assert_eq!(builder.graph().nodes.len(), 6, "nothing is appended in vain");
}

#[test]
fn integers_have_no_gradient() {
    let graph = parse("graph @f(%0: f32[2]) { %1 = cast %0 {dtype = i32} return %1 }").unwrap();
    let (x, y) = (graph.inputs[0], graph.outputs[0]);
    let mut builder = GraphBuilder::from_graph(graph);
    let e = gradient(&mut builder, &[(y, None)], &[x]).unwrap_err();
    assert_eq!(e.kind(), Kind::Gradient);
    assert_eq!(
        e.message(),
        "target 0 of the gradient is i32[2]; only floating-point tensors have one\n  \
         hint: convert to a float dtype before the computation that is differentiated"
    );
    assert!(gradient(&mut builder, &[(x, None)], &[y]).unwrap_err().message().starts_with("source 0 of the gradient"));
    let e = gradient(&mut builder, &[(x, Some(y))], &[x]).unwrap_err();
    assert_eq!(e.message(), "the cotangent of target 0 must be f32[2], as the target is; received i32[2]");
}

/// Differentiable, but nobody has said how.
static OPAQUE: OpDef = OpDef {
    name: "opaque",
    doc: "",
    inputs: Operands::Named(&["x"]),
    attrs: &[],
    spec: ops::infer::same,
    grad: Grad::None("its rule is not known"),
    lower: Lower::Source(Source::Constant),
    eval: |cx| Ok(cx.inputs.to_vec()),
    domain: Domain::Special("grad::tests"),
    effects: Effects::Pure,
};

fn through_opaque(builder: &mut GraphBuilder) -> Result<(ValueId, ValueId)> {
    let x = builder.parameter("x", TensorSpec::new(DType::F32, [3i64]));
    let loc = Loc { line: None, scope: Some("model/dense_1".into()) };
    Ok((x, builder.apply_at(&OPAQUE, Attrs::new(), &[x], loc)?[0]))
}

#[test]
fn a_missing_gradient_is_an_error_that_names_the_op() {
    let mut builder = GraphBuilder::new("f");
    let (x, y) = through_opaque(&mut builder).unwrap();
    let e: Error = gradient(&mut builder, &[(y, None)], &[x]).unwrap_err();
    assert_eq!(e.kind(), Kind::Gradient);
    assert_eq!(
        e.message(),
        "`opaque`: there is no gradient: its rule is not known\n  operands: x: f32[3]\n  \
         at unknown line in model/dense_1\n  hint: `stop_gradient` on its operand says that none is wanted"
    );
}

#[test]
fn a_missing_gradient_that_is_not_wanted_is_no_error() {
    let mut builder = GraphBuilder::new("f");
    let (_, y) = through_opaque(&mut builder).unwrap();
    let w = builder.parameter("w", TensorSpec::new(DType::F32, [3i64]));
    let z = builder.apply_at(&ops::MULTIPLY, Attrs::new(), &[y, w], Loc::default()).unwrap()[0];
    assert!(gradient(&mut builder, &[(z, None)], &[w]).unwrap()[0].is_some());
}

#[test]
fn an_expansion_is_differentiated_without_computing_it_again() {
    let mut builder = GraphBuilder::new("f");
    let x = builder.parameter("x", TensorSpec::new(DType::F32, [2i64, 3]));
    let y = builder.apply_at(&ops::SOFTSIGN, Attrs::new(), &[x], Loc::default()).unwrap()[0];
    let g = builder.parameter("g", TensorSpec::new(DType::F32, [2i64, 3]));
    let (x, y, g) = (builder.handle(x), builder.handle(y), builder.handle(g));
    let before = builder.graph().nodes.len();
    let result = pullback(&mut builder, &ops::SOFTSIGN, &Attrs::new(), &[x], &[y], &[Some(g)], &[true]).unwrap();
    assert_eq!(builder.spec(result[0].unwrap()).to_string(), "f32[2, 3]");
    let again = builder.graph().nodes[before..].iter().filter(|n| std::ptr::eq(n.op, &ops::DIVIDE)).count();
    assert!(again <= 2, "x / (1 + |x|) is there already:\n{}", builder.graph());
    let unwanted = pullback(&mut builder, &ops::SOFTSIGN, &Attrs::new(), &[x], &[y], &[Some(g)], &[false]).unwrap();
    assert_eq!(unwanted[0], None);
}

#[test]
fn the_backward_listing() {
    let graph = parse(
        "graph @f(%0: f32[n0, 2] \"x\", %1: f32[2] \"w\") {
           %2 = multiply %0, %1
           %3 = exp %2
           %4 = reduce_sum %3
           return %4
         }",
    )
    .unwrap();
    let (w, loss) = (graph.inputs[1], graph.outputs[0]);
    let mut builder = GraphBuilder::from_graph(graph);
    let dw = gradient(&mut builder, &[(loss, None)], &[w]).unwrap()[0].unwrap();
    assert_eq!(
        builder.finish(vec![loss, dw]).to_string(),
        "graph @f(%0: f32[n0, 2] \"x\", %1: f32[2] \"w\") {\n  \
           %2 = multiply %0, %1 : f32[n0, 2]\n  \
           %3 = exp %2 : f32[n0, 2]\n  \
           %4 = reduce_sum %3 : f32[]\n  \
           %5 = constant {value = data f32[](1.0)} : f32[]\n  \
           %6 = reshape %5 {dims = dims[1, 1]} : f32[1, 1]\n  \
           %7 = broadcast_to %6 {dims = dims[n0, 2]} : f32[n0, 2]\n  \
           %8 = multiply %7, %3 : f32[n0, 2]\n  \
           %9 = multiply %8, %0 : f32[n0, 2]\n  \
           %10 = reduce_sum %9 {axes = [0]} : f32[2]\n  \
           return %4, %10\n\
         }"
    );
}
