//! Properties of the text form and the verifier, on random graphs of ops from the table and on damaged text.

use super::opdef::{AttrKind, Operands};
use super::parse::{parse, parse_dim};
use super::print::print;
use super::verify::verify;
use super::walk::{ValueMap, live, users};
use super::{AttrValue, Attrs, Graph, GraphBuilder, NodeId, OpDef, ValueId, dot, edit};
use crate::base::{DType, Dim, Loc, TensorSpec};
use crate::ops;
use tracelift_runtime::Array;

/// A small generator of numbers (SplitMix64): the same for the same seed everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

fn random_dim(rng: &mut Rng, depth: usize) -> Dim {
    let (a, b) = match depth {
        0 => return [Dim::sym(0), Dim::sym(1), 2i64.into(), 3i64.into(), Dim::ONE][rng.below(5)].clone(),
        _ => (random_dim(rng, depth - 1), random_dim(rng, depth - 1)),
    };
    match rng.below(9) {
        0 => a + b,
        1 => a * b,
        2 => a - b,
        3 => a.floor_div(&b),
        4 => a.modulo(&b),
        5 => a.maximum(&b),
        6 => a.minimum(&b),
        7 => Dim::slot(rng.below(3) as u32, a + b),
        _ => a.ceil_div(&b),
    }
}

fn random_array(rng: &mut Rng, dtype: DType) -> Array {
    let shape: Vec<usize> = (0..rng.below(3)).map(|_| [0, 1, 2, 3, 10][rng.below(5)]).collect();
    let n = shape.iter().product();
    match dtype {
        // Any bits: NaNs, infinities and subnormals have to survive too.
        DType::F32 => Array::from_slice(&shape, &(0..n).map(|_| f32::from_bits(rng.next() as u32)).collect::<Vec<_>>()),
        DType::F64 => Array::from_slice(&shape, &(0..n).map(|_| f64::from_bits(rng.next())).collect::<Vec<_>>()),
        DType::I64 => Array::from_slice(&shape, &(0..n).map(|_| rng.next() as i64).collect::<Vec<_>>()),
        _ => Array::from_slice(&shape, &(0..n).map(|_| rng.below(2) == 0).collect::<Vec<_>>()),
    }
}

fn random_attr(rng: &mut Rng, kind: AttrKind) -> AttrValue {
    let dtypes = [DType::F32, DType::F64, DType::I64, DType::Bool];
    let small = |rng: &mut Rng| rng.below(5) as i64 - 2;
    match kind {
        AttrKind::Bool => (rng.below(2) == 0).into(),
        AttrKind::Int => small(rng).into(),
        AttrKind::Slot { .. } => (rng.below(9) as i64).into(),
        AttrKind::Float => {
            [0.5, -1e-300, 1e16, f64::INFINITY, f64::NAN, f64::from_bits(rng.next())][rng.below(6)].into()
        }
        AttrKind::Str => rng.of(&["", "ij,jk->ik", "a\"\\\n\u{7}ß"]).into(),
        AttrKind::DType => rng.of(&dtypes).into(),
        AttrKind::Ints => (0..rng.below(4)).map(|_| small(rng)).collect::<Vec<i64>>().into(),
        AttrKind::Padding => rng.of(&["SAME", "VALID"]).into(),
        AttrKind::Dims | AttrKind::KnownSizes => {
            (0..rng.below(4)).map(|_| random_dim(rng, 0)).collect::<Vec<Dim>>().into()
        }
        AttrKind::Data => {
            let dtype = rng.of(&dtypes);
            random_array(rng, dtype).into()
        }
        AttrKind::Graph => random_graph(rng, 2).into(),
    }
}

fn random_node(rng: &mut Rng, builder: &mut GraphBuilder, values: &[ValueId], op: &'static OpDef) -> Vec<ValueId> {
    let count = match op.inputs {
        Operands::Named(names) => names.len(),
        Operands::Variadic { least, .. } => least + rng.below(3),
    };
    let inputs: Vec<ValueId> = (0..count).map(|_| rng.of(values)).collect();
    let mut attrs = Attrs::new();
    for def in op.attrs {
        if !def.optional || rng.below(2) == 0 {
            attrs.set(def.name, random_attr(rng, def.kind));
        }
    }
    builder.apply_at(op, attrs, &inputs, Loc::default()).map_or(Vec::new(), |v| v.to_vec())
}

/// A valid graph of about `size` nodes. Most of what is tried does not fit, and must be refused in good order.
fn random_graph(rng: &mut Rng, size: usize) -> Graph {
    let mut builder = GraphBuilder::new(rng.of(&["f", "a b", "", "step_1"]));
    let (n, m) = (Dim::sym(0), Dim::sym(1));
    let shapes: [&[Dim]; 4] = [&[n.clone(), m.clone()], &[m], &[n, 3i64.into()], &[]];
    let mut values = Vec::new();
    for (i, shape) in shapes.into_iter().enumerate() {
        for dtype in [DType::F32, DType::F32, DType::I64, DType::Bool] {
            values.push(builder.parameter(format!("x{i}\""), TensorSpec::new(dtype, shape.iter().cloned())));
        }
    }
    for _ in 0..size * 20 {
        let op = rng.of(ops::all());
        let op = if std::ptr::eq(op, &ops::PARAMETER) { &ops::CONSTANT } else { op };
        values.extend(random_node(rng, &mut builder, &values, op));
        if builder.graph().nodes.len() > size + 16 {
            break;
        }
    }
    let outputs: Vec<ValueId> = (0..1 + rng.below(3)).map(|_| rng.of(&values)).collect();
    let mut graph = builder.finish(outputs);
    let fits = graph.inputs.iter().position(|&v| graph.spec(v) == graph.spec(graph.outputs[0]));
    graph.donations.extend(fits.map(|input| (input as u32, 0)));
    graph
}

#[test]
fn what_is_printed_reads_back() {
    let mut used = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let graph = random_graph(&mut Rng(seed), 25);
        used.extend(graph.nodes.iter().map(|n| n.op.name));
        verify(&graph).unwrap();
        let text = print(&graph);
        let read = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(read, graph, "seed {seed}");
        assert_eq!(read.input_names, graph.input_names);
        assert_eq!(print(&read), text);
    }
    assert!(used.len() > ops::all().len() / 3, "the generator has become blind: {used:?}");
}

#[test]
fn sizes_read_back() {
    let mut rng = Rng(5);
    for _ in 0..2000 {
        let depth = rng.below(4);
        let dim = random_dim(&mut rng, depth);
        let text = dim.to_string();
        match parse_dim(&text) {
            Ok(read) => assert_eq!(read, dim, "{text}"),
            Err(e) => assert!(e.message().contains("levels of nesting"), "{e}"),
        }
    }
}

#[test]
fn damaged_text_is_an_error_or_a_valid_graph() {
    let mut rng = Rng(11);
    let mut valid = 0;
    for seed in 0..12 {
        let text = print(&random_graph(&mut Rng(seed), 12));
        for _ in 0..150 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..1 + rng.below(3) {
                if bytes.is_empty() {
                    break;
                }
                let (at, len) = (rng.below(bytes.len()), bytes.len());
                match rng.below(5) {
                    0 => bytes[at] = rng.of(b"%@{}[](),:=+-*<>0123456789.\"\\ \nnsx/"),
                    1 => _ = bytes.remove(at),
                    2 => bytes.insert(at, rng.next() as u8),
                    3 => bytes.truncate(at.max(1)),
                    _ => {
                        let end = (at + rng.below(40)).min(len);
                        let piece = bytes[at..end].to_vec();
                        let to = rng.below(len);
                        bytes.splice(to..to, piece);
                    }
                }
            }
            if let Ok(graph) = parse(&String::from_utf8_lossy(&bytes)) {
                verify(&graph).unwrap();
                valid += 1;
            }
        }
    }
    assert!(valid > 0, "damage is meant to be small");
}

#[test]
fn hostile_text_is_refused() {
    let refused = |text: &str, why: &str| {
        let e = parse(text).expect_err(text);
        assert!(e.message().contains(why), "{e}");
    };
    refused("tracelift graph 2 graph @f() { return }", "version 2");
    refused(&format!("graph @f(%0: f32[{}n0", "max(".repeat(10_000)), "levels of nesting");
    refused(&format!("graph @f(%0: f32[n0{}])", "*n0".repeat(10_000)), "factors");
    refused(&format!("graph @f(%0: f32[n0{}])", " + n0".repeat(10_000)), "terms");
    let product: Vec<String> = (0..40).map(|k| format!("max(n{}, n{})", 2 * k, 2 * k + 1)).collect();
    refused(&format!("graph @f(%0: f32[{}])", product.join("*")), "multiplied out");
    for slot in ["-1", "4294967296"] {
        let text = format!("graph @f(%0: f32[4]) {{ %1 = nonzero %0 {{slot = {slot}}} return %1 }}");
        refused(&text, "an integer");
    }
    refused("graph @f(%0: f32[n4000000000]) { return %0 }", "numbered up to");
    refused("graph @f(%0: f32[9223372036854775807, 4]) { return %0 }", "address space");
    refused("graph @f(%0: f32[-1]) { return %0 }", "lengths of at least 0, received -1");
    refused("graph @f() { %0 = constant {value = data f32[4611686018427387904](1.0)} return %0 }", "elements");
    refused("graph @f(%0: f32[]) { %1 = parameter {dtype = f32, dims = dims[]} return %1 }", "head");
    refused("graph @f(%0: f32[]) { return %0 donate 0 -> 1 }", "no such input or output");
    refused("graph @f(%0: f32[2]) { return %0 } x", "expected the end of the text; found `x`");
    refused(
        "graph @f(%0: f32[n0]) { %1 = broadcast_to %0 {dims = dims[n7, n0]} return %1 }",
        "size n7 is not the length of any axis",
    );
}

#[test]
fn errors_show_the_line() {
    let e = parse("graph @f(%0: f32[2], %1: f32[3]) {\n  %2 = add %0, %1 : f32[2]\n  return %2\n}").unwrap_err();
    assert_eq!(
        e.message().lines().next().unwrap(),
        "line 2, column 8: `add`: expected shapes that broadcast, received [2] and [3]"
    );
    assert!(e.message().ends_with("\n  2 |   %2 = add %0, %1 : f32[2]\n    |        ^"), "{e}");
    let e = parse("graph @f(%0: f32[2]) {\n  %1 = negative %0 : f32[3]\n  return %1\n}").unwrap_err();
    assert_eq!(
        e.message(),
        "line 2, column 20: `negative` gives [f32[2]] for these operands, not [f32[3]]\n  \
         2 |   %1 = negative %0 : f32[3]\n    |                    ^"
    );
}

fn example() -> Graph {
    parse(
        "graph @f(%0: f32[n0, 4] \"x\", %1: f32[4] \"w\") {
           %2 = multiply %0, %1
           %3 = exp %2
           %4 = reduce_sum %2 {axes = [0], keepdims = false}
           return %2, %4
           donate 1 -> 1
         }",
    )
    .unwrap()
}

#[test]
fn the_listing() {
    assert_eq!(
        print(&example()),
        "tracelift graph 1\n\n\
         graph @f(%0: f32[n0, 4] \"x\", %1: f32[4] \"w\") {\n  \
           %2 = multiply %0, %1 : f32[n0, 4]\n  \
           %3 = exp %2 : f32[n0, 4]\n  \
           %4 = reduce_sum %2 {axes = [0], keepdims = false} : f32[4]\n  \
           return %2, %4\n  \
           donate 1 -> 1\n\
         }\n"
    );
}

#[test]
fn the_verifier_finds_each_fault() {
    let broken = |break_it: fn(&mut Graph), why: &str| {
        let mut graph = example();
        verify(&graph).unwrap();
        break_it(&mut graph);
        let e = verify(&graph).expect_err(why);
        assert!(e.message().contains(why), "{e}");
    };

    broken(|g| g.nodes[2].inputs[0] = NodeId(3).result(0), "operand 0 is not defined before this node");
    broken(|g| g.nodes[2].inputs[0] = NodeId(0).result(1), "operand 0 is not defined before this node");
    broken(|g| g.outputs[0] = NodeId(9).result(0), "output 0 is not a result of any node");
    broken(|g| g.nodes.swap(1, 2), "input 1 is not the parameter");
    broken(|g| g.inputs.swap(0, 1), "input 0 is not the parameter");
    broken(|g| _ = g.input_names.pop(), "1 names for 2 inputs");
    broken(|g| g.inputs.truncate(1), "2 names for 1 inputs");
    broken(|g| g.nodes[3].outputs[0].dtype = DType::F64, "the op's rule gives [f32[n0, 4]]");
    broken(|g| _ = g.nodes[3].inputs.pop(), "expected operands: 1 (x); received 0");
    broken(|g| g.nodes[4].attrs.set("axes", 1i64), "attribute `axes` must be a list of integers");
    broken(|g| g.nodes[3].attrs.set("axes", 1i64), "there is no attribute `axes`");
    broken(|g| g.donations[0] = (1, 0), "donation 1 -> 0 joins");
    broken(|g| g.donations.push((1, 1)), "names an input or output again");
    broken(
        |g| {
            let dims = TensorSpec::new(DType::F32, [Dim::sym(5) + Dim::ONE]);
            g.nodes[1].attrs.set("dims", dims.dims.as_slice());
            g.nodes[1].outputs[0] = dims;
            (g.outputs, g.donations) = (g.inputs.clone(), Vec::new());
            g.nodes.truncate(2);
        },
        "size n5 is not the length of any axis",
    );
}

#[test]
fn the_verifier_marks_the_line() {
    let mut graph = example();
    graph.nodes[3].inputs[0] = NodeId(7).result(2);
    assert_eq!(
        verify(&graph).unwrap_err().message(),
        "graph `f` is invalid: operand 0 is not defined before this node\n\
         graph @f(%0: f32[n0, 4] \"x\", %1: f32[4] \"w\") {\n  \
           %2 = multiply %0, %1 : f32[n0, 4]\n  \
           %3 = exp %undefined<node 7, result 2> : f32[n0, 4]\n  \
           ^^^ operand 0 is not defined before this node\n  \
           %4 = reduce_sum %2 {axes = [0], keepdims = false} : f32[4]\n  \
           return %2, %4\n  \
           donate 1 -> 1\n\
         }"
    );
}

#[test]
fn sweeping_drops_what_nothing_needs() {
    let mut graph = example();
    assert_eq!(live(&graph), [true, true, true, false, true]);
    assert_eq!(edit::sweep(&mut graph), 1);
    verify(&graph).unwrap();
    assert_eq!(graph.nodes.len(), 4);
    assert_eq!(graph.outputs[1], NodeId(3).result(0));
    assert_eq!(edit::sweep(&mut graph), 0);
}

#[test]
fn rewriting_replaces_values_and_keeps_the_signature() {
    let graph = example();
    let mut rewriter = edit::Rewriter::new(&graph);
    for (id, node) in graph.iter() {
        if std::ptr::eq(node.op, &ops::MULTIPLY) {
            let swapped = [node.inputs[1], node.inputs[0]];
            let new = rewriter.append(node.op, node.attrs.clone(), &swapped, node.loc.clone()).unwrap();
            rewriter.replace(id, &new).unwrap();
        } else {
            rewriter.copy(id);
        }
    }
    let wrong = [graph.inputs[1]];
    assert!(rewriter.replace(NodeId(2), &wrong).unwrap_err().message().contains("cannot be replaced"));
    let new = rewriter.finish();
    verify(&new).unwrap();
    assert_eq!(new.nodes[2].inputs[..], [NodeId(1).result(0), NodeId(0).result(0)]);
    assert_eq!((new.donations, new.input_names), (graph.donations, graph.input_names));
    assert_eq!(new.nodes.len(), 4);
}

#[test]
fn splicing_appends_a_graph_to_another() {
    let graph = example();
    let mut builder = GraphBuilder::new("outer");
    let inputs: Vec<ValueId> = graph.inputs.iter().map(|&v| builder.parameter("p", graph.spec(v).clone())).collect();
    let first = edit::splice(&mut builder, &graph, &inputs).unwrap();
    let second = edit::splice(&mut builder, &graph, &[first[0], first[1]]).unwrap();
    assert!(edit::splice(&mut builder, &graph, &[first[1], first[1]]).is_err());
    let graph = builder.finish(second);
    verify(&graph).unwrap();
    assert_eq!(graph.nodes.len(), 2 + 3 + 3);
}

#[test]
fn replacing_uses_reaches_outputs() {
    let mut graph = parse("graph @f(%0: f32[2]) { %1 = exp %0 %2 = log %1 return %1, %2 }").unwrap();
    edit::replace_uses(&mut graph, NodeId(1).result(0), NodeId(0).result(0));
    assert_eq!(graph.outputs[0], NodeId(0).result(0));
    assert_eq!(users(&graph)[NodeId(0).result(0)][..], [NodeId(1), NodeId(2)]);
    verify(&graph).unwrap();
}

#[test]
fn graphviz_shows_ops_and_specs() {
    let text = dot::dot(&example());
    assert!(text.starts_with("digraph {"));
    assert!(text.contains("reduce_sum\\naxes = [0]"), "{text}");
    assert!(text.contains("label = \"f32[n0, 4]\""), "{text}");
    assert_eq!(ValueMap::new(&example(), ()).number(NodeId(4).result(0)), Some(4));
}
