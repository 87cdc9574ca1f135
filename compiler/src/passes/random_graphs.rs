//! Random graphs of a fixed seed: passes keep their values at every level.

use super::optimize;
use crate::base::{DType, Dim, Loc, TensorSpec};
use crate::graph::opdef::Lower;
use crate::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId, verify};
use crate::interp;
use crate::ops;
use crate::options::{Level, Options};
use crate::rewrite::splat;
use crate::testing::{difference, samples};
use tracelift_runtime::Array;

const GRAPHS: u64 = 80;
const NODES: u64 = 24;

#[test]
fn optimizing_keeps_values() {
    for seed in 0..GRAPHS {
        let graph = random_graph(seed);
        let inputs: Vec<Array> = graph.inputs.iter().map(|&v| ordinary(graph.spec(v))).collect();
        let expected = interp::run(&graph, &inputs).unwrap();
        for level in Level::ALL {
            for strict in [false, true] {
                let options = Options { strict, verify: true, ..Options::at(level) };
                let (optimized, report) = optimize(&graph, &options).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                assert!(optimized.nodes.iter().all(|n| !matches!(n.op.lower, Lower::Composite(_))), "seed {seed}");
                let actual = interp::run(&optimized, &inputs).unwrap();
                // Some rules round differently, and later nodes multiply the difference.
                let ulps = if strict { None } else { Some(1 << 12) };
                if let Some(why) = expected.iter().zip(&actual).find_map(|(e, a)| difference(e, a, ulps)) {
                    panic!("seed {seed}, {level:?}, strict {strict}: {why}\n{graph}\n{optimized}\n{report}");
                }
            }
        }
    }
}

#[test]
fn fuel_bounds_rewrites_and_keeps_values() {
    for seed in 0..20 {
        let graph = random_graph(seed);
        let inputs: Vec<Array> = graph.inputs.iter().map(|&v| ordinary(graph.spec(v))).collect();
        let expected = interp::run(&graph, &inputs).unwrap();
        for fuel in 0..6 {
            let options = Options { strict: true, fuel: Some(fuel), ..Options::default() };
            let (optimized, _) = optimize(&graph, &options).unwrap();
            let actual = interp::run(&optimized, &inputs).unwrap();
            let why = expected.iter().zip(&actual).find_map(|(e, a)| difference(e, a, None));
            assert_eq!(why, None, "seed {seed}, fuel {fuel}\n{graph}\n{optimized}");
        }
    }
}

fn ordinary(spec: &TensorSpec) -> Array {
    let shape: Vec<usize> = spec.dims.iter().map(|d| d.as_const().unwrap_or(3) as usize).collect();
    samples(spec.dtype, &shape, true)
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.next(of.len() as u64) as usize]
    }
}

const UNARY: &[&OpDef] =
    &[&ops::NEGATIVE, &ops::ABS, &ops::SQUARE, &ops::TANH, &ops::RELU, &ops::SIGMOID, &ops::SOFTSIGN];
const BINARY: &[&OpDef] = &[&ops::ADD, &ops::SUBTRACT, &ops::MULTIPLY, &ops::MAXIMUM, &ops::MINIMUM];
const REDUCE: &[&OpDef] = &[&ops::REDUCE_MAX, &ops::REDUCE_MIN, &ops::REDUCE_MEAN];

/// Steps that a spec rule refuses are skipped, so every graph is valid.
fn random_graph(seed: u64) -> Graph {
    let mut r = Random(seed);
    let mut b = GraphBuilder::new("random");
    let shapes: [&[Dim]; 4] =
        [&[Dim::from(2i64), Dim::from(3i64)], &[Dim::from(3i64)], &[Dim::from(3i64), Dim::from(3i64)], &[]];
    let mut values: Vec<ValueId> = (0..4)
        .map(|k| b.parameter(["a", "b", "c", "d"][k], TensorSpec::new(DType::F32, shapes[k].iter().cloned())))
        .collect();
    values.push(b.parameter("n", TensorSpec::new(DType::F32, [Dim::sym(0), Dim::from(3i64)])));
    for _ in 0..NODES {
        let (x, y) = (r.pick(&values), r.pick(&values));
        let spec = b.graph().spec(x).clone();
        let rank = spec.rank() as u64;
        let (op, attrs, inputs): (&'static OpDef, Attrs, Vec<ValueId>) = match r.next(12) {
            0 | 1 => (r.pick(UNARY), Attrs::new(), vec![x]),
            2..=4 => (r.pick(BINARY), Attrs::new(), vec![x, y]),
            5 => {
                let number = r.pick(&[0.0, 1.0, -1.0, 2.0, 0.5]);
                let constant = b.constant(splat::array(number, DType::F32).expect("exact"));
                (r.pick(BINARY), Attrs::new(), if r.next(2) == 0 { vec![constant, x] } else { vec![x, constant] })
            }
            6 if rank > 0 => {
                let attrs = Attrs::new().with("axes", vec![r.next(rank) as i64 - rank as i64]);
                (r.pick(REDUCE), attrs.with("keepdims", r.next(2) == 0), vec![x])
            }
            7 => (&ops::TRANSPOSE, Attrs::new(), vec![x]),
            8 => {
                let mut dims: Vec<Dim> = spec.dims.to_vec();
                dims.insert(r.next(rank + 1) as usize, Dim::ONE);
                (&ops::RESHAPE, Attrs::new().with("dims", dims), vec![x])
            }
            9 => {
                let mut dims: Vec<Dim> =
                    spec.dims.iter().map(|d| if *d == Dim::ONE { 3i64.into() } else { d.clone() }).collect();
                dims.insert(0, Dim::from(2i64));
                (&ops::BROADCAST_TO, Attrs::new().with("dims", dims), vec![x])
            }
            10 => {
                let flag = |r: &mut Random| r.next(2) == 0;
                let attrs = Attrs::new().with("transpose_a", flag(&mut r)).with("transpose_b", flag(&mut r));
                (&ops::MATMUL, attrs, vec![x, y])
            }
            _ => (&ops::CONCAT, Attrs::new().with("axis", 0i64), vec![x, y]),
        };
        if b.graph().spec(x).numel().as_const().is_none_or(|n| n < 500)
            && let Ok(results) = b.apply_at(op, attrs, &inputs, Loc::default())
        {
            values.extend(results);
        }
    }
    let outputs = vec![values[values.len() - 1], values[values.len() - 2], r.pick(&values)];
    let graph = b.finish(outputs);
    verify::verify(&graph).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    graph
}
