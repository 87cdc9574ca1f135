//! Compiled programs compared with the interpreter, at every level, on small graphs of every shape of group.

use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Dim, Loc, TensorSpec, compile, interp, ops};
use tracelift_runtime::Array;
use tracelift_runtime::exec::{Arg, Executable};

/// Builds a graph with little ceremony.
struct G {
    builder: GraphBuilder,
    symbolic: bool,
    /// The value of each symbol.
    symbols: Vec<i64>,
}

impl G {
    fn input(&mut self, shape: &[usize]) -> ValueId {
        self.typed(DType::F32, shape)
    }

    fn typed(&mut self, dtype: DType, shape: &[usize]) -> ValueId {
        let dims: Vec<Dim> = shape.iter().map(|&d| self.dim(d)).collect();
        self.builder.parameter("x", TensorSpec::new(dtype, dims))
    }

    /// Sizes above 1 are symbols in the symbolic run, the same symbol for the same size.
    fn dim(&mut self, d: usize) -> Dim {
        if !self.symbolic || d <= 1 {
            return Dim::from(d);
        }
        let known = self.symbols.iter().position(|s| *s == d as i64);
        Dim::sym(known.unwrap_or_else(|| {
            self.symbols.push(d as i64);
            self.symbols.len() - 1
        }) as u32)
    }

    fn op(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[ValueId]) -> ValueId {
        self.builder.apply_at(op, attrs, inputs, Loc::default()).unwrap_or_else(|e| panic!("{e}"))[0]
    }

    fn apply(&mut self, name: &str, inputs: &[ValueId]) -> ValueId {
        self.op(ops::find(name).unwrap_or_else(|| panic!("no op {name}")), Attrs::new(), inputs)
    }

    fn reduce(&mut self, name: &str, axes: &[i64], keepdims: bool, x: ValueId) -> ValueId {
        let attrs = Attrs::new().with("axes", axes).with("keepdims", keepdims);
        self.op(ops::find(name).unwrap(), attrs, &[x])
    }

    fn scalar(&mut self, value: f32) -> ValueId {
        self.builder.constant(Array::from_slice(&[], &[value]))
    }
}

fn inputs_of(graph: &Graph, symbols: &[i64]) -> Vec<Array> {
    let fill = |(k, &input): (usize, &ValueId)| {
        let spec = graph.spec(input);
        let concrete = |d: &Dim| d.eval(symbols, &[]).unwrap() as usize;
        let shape: Vec<usize> = spec.dims.iter().map(concrete).collect();
        let n: usize = shape.iter().product();
        // Multiples of 1/1024, so that f32 sums are exact and only functions round.
        let wave = |i: usize| ((i * 7919 + k * 104_729) % 2047) as f64 / 1024.0 - 1.0;
        match spec.dtype {
            DType::F32 => Array::from_slice(&shape, &(0..n).map(|i| wave(i) as f32).collect::<Vec<_>>()),
            DType::F64 => Array::from_slice(&shape, &(0..n).map(wave).collect::<Vec<_>>()),
            DType::I32 => Array::from_slice(&shape, &(0..n).map(|i| (wave(i) * 9.0) as i32).collect::<Vec<_>>()),
            DType::I64 => Array::from_slice(&shape, &(0..n).map(|i| (wave(i) * 9.0) as i64).collect::<Vec<_>>()),
            DType::Bool => Array::from_slice(&shape, &(0..n).map(|i| wave(i) > 0.0).collect::<Vec<_>>()),
            other => panic!("no sample of {other}"),
        }
    };
    graph.inputs.iter().enumerate().map(fill).collect()
}

fn as_f64(array: &Array) -> Vec<f64> {
    match array.dtype() {
        DType::F32 => array.as_slice::<f32>().iter().map(|&v| v.into()).collect(),
        DType::F64 => array.as_slice::<f64>().to_vec(),
        DType::I32 => array.as_slice::<i32>().iter().map(|&v| v.into()).collect(),
        DType::I64 => array.as_slice::<i64>().iter().map(|&v| v as f64).collect(),
        DType::Bool => array.as_slice::<bool>().iter().map(|&v| f64::from(u8::from(v))).collect(),
        other => panic!("no view of {other}"),
    }
}

/// Runs the function's graph everywhere, with constant and with symbolic sizes.
fn check(name: &str, build: impl Fn(&mut G) -> Vec<ValueId>) {
    check_sizes(name, &[false, true], build);
}

fn check_sizes(name: &str, symbolic: &[bool], build: impl Fn(&mut G) -> Vec<ValueId>) {
    for &symbolic in symbolic {
        let mut g = G { builder: GraphBuilder::new(name), symbolic, symbols: Vec::new() };
        let outputs = build(&mut g);
        let graph = g.builder.finish(outputs);
        let inputs = inputs_of(&graph, &g.symbols);
        let want = interp::run(&graph, &inputs).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (level, debug_bounds) in Level::ALL.into_iter().flat_map(|level| [(level, false), (level, true)]) {
            let what = format!("{name} at {level:?}, symbolic {symbolic}, bounds checked {debug_bounds}");
            let options = Options { debug_bounds, ..Options::at(level) };
            let compiled = compile(&graph, &options).unwrap_or_else(|e| panic!("{what}: {e}"));
            let program = compiled.program;
            let executable = Executable::new(program).unwrap_or_else(|e| panic!("{what}: {e}"));
            let refs: Vec<&Array> = inputs.iter().collect();
            let got = executable.call(&refs).unwrap_or_else(|e| panic!("{what}: {e}"));
            for (k, (got, want)) in got.iter().zip(&want).enumerate() {
                assert_eq!((got.dtype(), got.shape()), (want.dtype(), want.shape()), "{what}, output {k}");
                for (i, (g, w)) in as_f64(got).iter().zip(as_f64(want)).enumerate() {
                    let close = (g - w).abs() <= 2e-5 * w.abs().max(1.0) || (g.is_nan() && w.is_nan()) || *g == w;
                    assert!(
                        close,
                        "{what}, output {k}, element {i}: {g}, expected {w}\n{}",
                        compiled.report.kernels.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
                    );
                }
            }
        }
    }
}

/// What is made of an empty sum is not empty itself.
#[test]
fn results_beside_empty_axes() {
    check("after a product without columns", |g| {
        let (a, b) = (g.input(&[3, 4]), g.input(&[4, 0]));
        let product = g.apply("matmul", &[a, b]);
        let doubled = g.apply("add", &[product, product]);
        let sum = g.reduce("reduce_sum", &[1], false, doubled);
        let five = g.scalar(5.0);
        vec![g.apply("subtract", &[five, sum]), doubled]
    });
    check("beside a sum over everything", |g| {
        let none = match g.symbolic {
            true => {
                g.symbols.push(0);
                Dim::sym(g.symbols.len() as u32 - 1)
            }
            false => Dim::ZERO,
        };
        let two = g.dim(2);
        let x = g.builder.parameter("x", TensorSpec::new(DType::F32, [two.clone(), none]));
        let y = g.builder.parameter("y", TensorSpec::new(DType::F32, [two]));
        let square = g.apply("multiply", &[x, x]);
        let sum = g.reduce("reduce_sum", &[0, 1], false, square);
        let far = g.apply("subtract", &[y, sum]);
        let ten = g.scalar(10.0);
        vec![g.apply("add", &[far, ten])]
    });
}

#[test]
fn elementwise_and_broadcasting() {
    check("chain", |g| {
        let (a, b, c) = (g.input(&[37]), g.input(&[37]), g.input(&[37]));
        let ab = g.apply("multiply", &[a, b]);
        let sum = g.apply("add", &[ab, c]);
        let t = g.apply("tanh", &[sum]);
        let d = g.apply("subtract", &[a, c]);
        let s = g.apply("sigmoid", &[d]);
        let r = g.apply("relu", &[b]);
        let p = g.apply("multiply", &[t, s]);
        vec![g.apply("add", &[p, r])]
    });
    check("bias", |g| {
        let (x, b) = (g.input(&[9, 21]), g.input(&[21]));
        let y = g.apply("add", &[x, b]);
        vec![g.apply("relu", &[y]), y]
    });
    check("outer", |g| {
        let (x, y) = (g.input(&[6, 1]), g.input(&[1, 11]));
        vec![g.apply("subtract", &[x, y])]
    });
    check("scalars", |g| {
        let (x, y) = (g.input(&[]), g.input(&[]));
        let e = g.apply("exp", &[x]);
        vec![g.apply("pow", &[e, y])]
    });
    check("pow by scalar", |g| {
        let x = g.input(&[700]);
        let two = g.scalar(2.5);
        let y = g.apply("abs", &[x]);
        vec![g.apply("pow", &[y, two])]
    });
    check("empty", |g| {
        let (x, y) = (g.input(&[0, 4]), g.input(&[4]));
        let s = g.apply("add", &[x, y]);
        vec![g.reduce("reduce_sum", &[0], false, s), s]
    });
}

#[test]
fn dtypes() {
    for dtype in [DType::F32, DType::F64, DType::I32, DType::I64] {
        check("arithmetic", |g| {
            let (x, y) = (g.typed(dtype, &[5, 19]), g.typed(dtype, &[5, 19]));
            let m = g.apply("multiply", &[x, y]);
            let d = g.apply("subtract", &[m, x]);
            let big = g.apply("maximum", &[d, y]);
            let less = g.apply("less", &[x, y]);
            let chosen = g.apply("where", &[less, big, x]);
            vec![chosen, less, g.reduce("reduce_sum", &[1], false, chosen), g.reduce("reduce_max", &[0], false, chosen)]
        });
        check("casts", |g| {
            let x = g.typed(dtype, &[67]);
            [DType::F32, DType::F64, DType::I32, DType::I64, DType::Bool]
                .into_iter()
                .map(|to| g.op(&ops::CAST, Attrs::new().with("dtype", to), &[x]))
                .collect()
        });
    }
    for half in [DType::F16, DType::BF16] {
        check("halves", |g| {
            let (x, y) = (g.input(&[40]), g.input(&[40]));
            let x16 = g.op(&ops::CAST, Attrs::new().with("dtype", half), &[x]);
            let y16 = g.op(&ops::CAST, Attrs::new().with("dtype", half), &[y]);
            let bigger = g.apply("maximum", &[x16, y16]);
            vec![g.op(&ops::CAST, Attrs::new().with("dtype", DType::F32), &[bigger])]
        });
    }
    check("logic", |g| {
        let (x, y) = (g.typed(DType::Bool, &[83]), g.typed(DType::Bool, &[83]));
        let a = g.apply("logical_and", &[x, y]);
        let n = g.apply("logical_not", &[a]);
        vec![
            g.apply("logical_or", &[n, x]),
            g.reduce("reduce_all", &[0], false, x),
            g.reduce("reduce_any", &[0], false, a),
        ]
    });
}

#[test]
fn reductions_over_all_axes() {
    for axes in [vec![0], vec![1], vec![2], vec![0, 1], vec![1, 2], vec![0, 2], vec![0, 1, 2]] {
        for keepdims in [false, true] {
            check(&format!("reduce {axes:?}"), |g| {
                let x = g.input(&[4, 13, 70]);
                let y = g.apply("square", &[x]);
                let s = g.reduce("reduce_sum", &axes, keepdims, y);
                let m = g.reduce("reduce_max", &axes, keepdims, x);
                let d = g.apply("subtract", &[s, m]);
                vec![g.apply("exp", &[m]), d, y]
            });
        }
    }
}

#[test]
fn row_pipelines() {
    for shape in [vec![5usize, 10], vec![3, 700], vec![2, 3, 33], vec![1, 8]] {
        check("softmax", |g| {
            let x = g.input(&shape);
            vec![g.apply("softmax", &[x]), g.apply("log_softmax", &[x])]
        });
        check("softmax over the first axis", |g| {
            let x = g.input(&shape);
            vec![g.op(&ops::SOFTMAX, Attrs::new().with("axis", 0i64), &[x])]
        });
        check("normalise", |g| {
            let x = g.input(&shape);
            let mean = g.reduce("reduce_mean", &[-1], true, x);
            let d = g.apply("subtract", &[x, mean]);
            let sq = g.apply("square", &[d]);
            let var = g.reduce("reduce_mean", &[-1], true, sq);
            let r = g.apply("rsqrt", &[var]);
            vec![g.apply("multiply", &[d, r]), mean]
        });
        check("normalise columns", |g| {
            let x = g.input(&shape);
            let mean = g.reduce("reduce_mean", &[0], true, x);
            let d = g.apply("subtract", &[x, mean]);
            let sq = g.apply("square", &[d]);
            let var = g.reduce("reduce_mean", &[0], true, sq);
            let one = g.scalar(1.0);
            let var = g.apply("add", &[var, one]);
            let r = g.apply("rsqrt", &[var]);
            vec![g.apply("multiply", &[d, r])]
        });
    }
}

#[test]
fn short_rows_side_by_side() {
    check("pairwise distances", |g| {
        let (x, y) = (g.input(&[5, 1, 7]), g.input(&[1, 300, 7]));
        let d = g.apply("squared_difference", &[x, y]);
        let s = g.reduce("reduce_sum", &[2], false, d);
        vec![g.apply("sqrt", &[s])]
    });
    check("two reduced axes", |g| {
        let x = g.input(&[3, 300, 9]);
        let y = g.apply("square", &[x]);
        vec![g.reduce("reduce_max", &[0, 2], true, y), g.reduce("reduce_sum", &[0, 2], false, y)]
    });
}

/// A state's old value that a later pass of its kernel reads again must be the old one, also in place.
#[test]
fn states_are_read_before_they_are_written() {
    let mut g = G { builder: GraphBuilder::new("state"), symbolic: false, symbols: Vec::new() };
    let (x, m) = (g.input(&[40]), g.input(&[]));
    let sum = g.reduce("reduce_sum", &[0], false, x);
    let new = g.apply("add", &[m, sum]);
    let scaled = g.apply("multiply", &[x, sum]);
    let with_old = g.apply("multiply", &[scaled, m]);
    let mut graph = g.builder.finish(vec![new, with_old]);
    graph.donations = vec![(1, 0)];
    let x = Array::from_slice(&[40], &[1.0f32; 40]);
    for level in Level::ALL {
        let program = compile(&graph, &Options::at(level)).unwrap().program;
        let mut m = Array::from_slice(&[], &[3.0f32]);
        let executable = Executable::new(program).unwrap();
        let results = executable.run(&mut [Arg::Ref(&x), Arg::State(&mut m)]).unwrap();
        assert_eq!(m.as_slice::<f32>(), [43.0], "{level:?}");
        assert_eq!(results[0].as_slice::<f32>(), [120.0; 40], "{level:?}");
    }
}

/// A fold that reads a state straight from its buffer runs after the loop that writes the new value.
#[test]
fn states_are_folded_before_they_are_written() {
    let mut g = G { builder: GraphBuilder::new("state"), symbolic: false, symbols: Vec::new() };
    let w = g.input(&[40]);
    let two = g.scalar(2.0);
    let new = g.apply("multiply", &[w, two]);
    let sum = g.reduce("reduce_sum", &[0], false, w);
    let mut graph = g.builder.finish(vec![new, sum]);
    graph.donations = vec![(0, 0)];
    for level in Level::ALL {
        let program = compile(&graph, &Options::at(level)).unwrap().program;
        let mut w = Array::from_slice(&[40], &[3.0f32; 40]);
        let results = Executable::new(program).unwrap().run(&mut [Arg::State(&mut w)]).unwrap();
        assert_eq!(w.as_slice::<f32>(), [6.0; 40], "{level:?}");
        assert_eq!(results[0].as_slice::<f32>(), [120.0], "{level:?}");
    }
}

#[test]
fn long_reductions() {
    check("mean of many", |g| {
        let x = g.input(&[70, 1024]);
        let y = g.apply("square", &[x]);
        let m = g.reduce("reduce_mean", &[0, 1], false, y);
        let s = g.reduce("reduce_sum", &[0, 1], false, x);
        let both = g.apply("add", &[m, s]);
        vec![g.apply("exp", &[m]), both]
    });
    check("mean of many, not one run", |g| {
        let (x, b) = (g.input(&[70, 1024]), g.input(&[1024]));
        let y = g.apply("add", &[x, b]);
        vec![g.reduce("reduce_max", &[0, 1], false, y), y]
    });
    check("sum of a long row", |g| {
        let x = g.input(&[50_000]);
        vec![g.reduce("reduce_sum", &[0], true, x)]
    });
}

/// A sum of what was made of another sum of everything, spread out again, waits for all of that sum. Of lengths that are
/// not known, all sums are cut into chunks.
#[test]
fn sums_of_spread_sums() {
    check("sum of a spread sum", |g| {
        let x = g.input(&[300]);
        let y = g.apply("square", &[x]);
        let sum = g.reduce("reduce_sum", &[0], true, y);
        let norm = g.apply("sqrt", &[sum]);
        let (squared, dims) = (g.apply("square", &[norm]), [g.dim(300)]);
        let spread = g.op(&ops::BROADCAST_TO, Attrs::new().with("dims", &dims[..]), &[squared]);
        let again = g.reduce("reduce_sum", &[0], true, spread);
        let (greatest, least) = (g.reduce("reduce_max", &[0], true, x), g.reduce("reduce_min", &[0], true, x));
        let range = g.apply("subtract", &[greatest, least]);
        vec![g.apply("add", &[again, range]), sum]
    });
}

/// The size of the second is known before that of the first, whose elements it shares: none.
#[test]
fn outputs_that_share_no_elements() {
    let text = "graph @f(%0: f32[]) {
        %1 = where_indices %0 {slot = 0} : i64[s0(<=1), 0]
        %2 = reshape %1 {dims = dims[0]} : i64[0]
        return %1, %2
    }";
    let graph = tracelift_compiler::graph::parse::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let executable = Executable::new(compile(&graph, &Options::default()).unwrap().program).unwrap();
    for (value, rows) in [(0.0f32, 0), (1.0, 1)] {
        let results = executable.call(&[&Array::from_slice(&[], &[value])]).unwrap();
        assert_eq!((results[0].shape(), results[1].shape()), (&[rows, 0][..], &[0][..]));
    }
}

/// A strided operand that a routine takes from a copy and loops from its buffer, before and after.
#[test]
fn strided_operands_of_routines() {
    check("a transposed base", |g| {
        let (x, y) = (g.input(&[20, 30]), g.input(&[30, 20]));
        let moved = g.op(&ops::TRANSPOSE, Attrs::new().with("perm", [1i64, 0].as_slice()), &[x]);
        let tan = g.apply("tan", &[moved]);
        vec![g.apply("floormod", &[tan, y])]
    });
    check("a transposed side", |g| {
        let (x, y) = (g.input(&[20, 30]), g.input(&[30, 20]));
        let moved = g.op(&ops::TRANSPOSE, Attrs::new().with("perm", [1i64, 0].as_slice()), &[x]);
        let sum = g.apply("add", &[y, moved]);
        let (root, power) = (g.apply("sqrt", &[sum]), g.apply("pow", &[sum, moved]));
        let part = g.apply("multiply", &[power, moved]);
        vec![g.apply("add", &[root, part])]
    });
}

/// Added one by one in f32, the last digits of each add up.
#[test]
fn many_equal_elements_are_counted() {
    let count = 50_000;
    let mut g = G { builder: GraphBuilder::new("f"), symbolic: true, symbols: Vec::new() };
    let (x, like) = (g.input(&[]), g.typed(DType::Bool, &[count]));
    let attrs = Attrs::new().with("dims", vec![g.dim(count)]);
    let spread = g.op(&ops::BROADCAST_TO, attrs, &[x]);
    let sum = g.reduce("reduce_sum", &[0], false, spread);
    let graph = g.builder.finish(vec![sum, like]);
    let program = compile(&graph, &Options::default()).unwrap().program;
    let executable = Executable::new(program).unwrap();
    for (value, count, expected) in [(0.1, count, 0.1 * 50_000.0), (f32::INFINITY, 0, 0.0), (f32::NAN, 0, 0.0)] {
        let inputs = [Array::from_slice(&[], &[value]), Array::zeros(DType::Bool, &[count]).unwrap()];
        let results = executable.call(&inputs.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(results[0].as_slice::<f32>(), [expected]);
    }
}

#[test]
fn empty_sums_and_vanishing_quotients() {
    check("the sum of nothing is 0, not -0", |g| {
        let x = g.input(&[0]);
        let sum = g.reduce("reduce_sum", &[0], false, x);
        vec![g.apply("reciprocal", &[sum])]
    });
    check("floordiv of a quotient that vanishes", |g| {
        let (tiny, y) = (g.scalar(f32::from_bits(1)), g.scalar(-2.75));
        let x = g.input(&[3]);
        let zeros = g.apply("subtract", &[x, x]);
        let [tiny, y] = [tiny, y].map(|s| g.apply("add", &[zeros, s]));
        vec![g.apply("floordiv", &[tiny, y])]
    });
}

#[test]
fn movement() {
    check("transpose", |g| {
        let (x, y) = (g.input(&[7, 12]), g.input(&[12, 7]));
        let t = g.apply("transpose", &[x]);
        let s = g.apply("add", &[t, y]);
        vec![s, t, g.reduce("reduce_sum", &[0], false, t)]
    });
    // Constant slices of axes whose length is unknown are refused.
    check_sizes("slices", &[false], |g| {
        let x = g.input(&[9, 12]);
        let dims = vec![Dim::from(4usize), Dim::from(3usize)];
        let attrs = Attrs::new().with("begin", vec![Dim::from(1usize), Dim::from(2usize)]).with("dims", dims.clone());
        let a = g.op(&ops::SLICE, attrs.clone(), &[x]);
        let b = g.op(&ops::SLICE, attrs.with("strides", vec![2i64, 3]), &[x]);
        let r = g.op(&ops::REVERSE, Attrs::new().with("axes", vec![1i64]), &[a]);
        vec![g.apply("add", &[a, b]), g.apply("multiply", &[r, b]), r]
    });
    check("concat and reshape", |g| {
        let (x, y) = (g.input(&[4, 6]), g.input(&[4, 6]));
        let e = g.apply("exp", &[x]);
        let c = g.op(&ops::CONCAT, Attrs::new().with("axis", 1i64), &[e, y]);
        let flat = g.op(&ops::RESHAPE, Attrs::new().with("dims", vec![Dim::from(-1i64)]), &[c]);
        let t = g.apply("tanh", &[flat]);
        vec![c, t, flat]
    });
    check("one hot", |g| {
        let labels = g.typed(DType::I32, &[11]);
        vec![g.op(&ops::ONE_HOT, Attrs::new().with("depth", 10i64), &[labels])]
    });
    check("identities", |g| {
        let x = g.input(&[4, 6]);
        let flat = g.op(&ops::RESHAPE, Attrs::new().with("dims", vec![Dim::from(-1i64)]), &[x]);
        let two = g.scalar(2.0);
        vec![x, flat, two, flat]
    });
}

#[test]
fn products_and_losses() {
    check("dense", |g| {
        let (x, w, b) = (g.input(&[17, 20]), g.input(&[20, 40]), g.input(&[40]));
        let p = g.apply("matmul", &[x, w]);
        let y = g.apply("add", &[p, b]);
        vec![g.apply("relu", &[y])]
    });
    check("cross entropy", |g| {
        let (labels, logits) = (g.typed(DType::I32, &[12]), g.input(&[12, 10]));
        let positive = g.apply("abs", &[labels]);
        let each = g.apply("sparse_softmax_cross_entropy_with_logits", &[positive, logits]);
        vec![g.reduce("reduce_mean", &[0], false, each), each]
    });
    check("gelu and layer norm", |g| {
        let (x, gamma, beta) = (g.input(&[6, 48]), g.input(&[48]), g.input(&[48]));
        let n = g.apply("layer_norm", &[x, gamma, beta]);
        vec![g.apply("gelu", &[n])]
    });
}

#[test]
fn kernels_that_read_one_buffer_along_different_axes() {
    // The row means are read along the columns: a square frame must not make the two one kernel.
    check("square", |g| {
        let (x, y) = (g.input(&[4, 4]), g.input(&[4, 4]));
        let difference = g.apply("subtract", &[x, y]);
        let means = g.reduce("reduce_mean", &[1], false, difference);
        vec![g.apply("atan2", &[y, means])]
    });
    check("transposed", |g| {
        let (x, y) = (g.input(&[5, 5]), g.input(&[5, 5]));
        let product = g.apply("multiply", &[x, y]);
        let turned = g.apply("transpose", &[product]);
        vec![g.apply("subtract", &[turned, y]), g.apply("add", &[product, y])]
    });
}

/// Rows of a column sum are taken several at a time, and blocks of them added up: every remainder, with operands that
/// differ from row to row.
#[test]
fn columns_of_every_number_of_rows() {
    for rows in (0..=9).chain([255, 256, 257, 514]) {
        for columns in [1, 7, 40] {
            check(&format!("{rows} rows of {columns}"), |g| {
                let (x, by_row, by_column) = (g.input(&[rows, columns]), g.input(&[rows, 1]), g.input(&[columns]));
                let difference = g.apply("subtract", &[x, by_row]);
                let product = g.apply("multiply", &[difference, by_column]);
                let mut outputs = vec![g.reduce("reduce_sum", &[0], false, product)];
                if rows > 0 {
                    outputs.push(g.reduce("reduce_max", &[0], false, difference));
                }
                outputs
            });
        }
    }
}

/// Added to one f32, 100,000 times 0.1 is 9998.56. The same bits whether sizes are known or not.
#[test]
fn long_sums_keep_their_digits() {
    let sum = |symbolic: bool, shapes: [&[usize]; 2], axes: &[i64]| {
        let mut g = G { builder: GraphBuilder::new("f"), symbolic, symbols: Vec::new() };
        let (x, y) = (g.input(shapes[0]), g.input(shapes[1]));
        let product = g.apply("multiply", &[x, y]);
        let outputs = vec![g.reduce("reduce_sum", axes, false, product)];
        let graph = g.builder.finish(outputs);
        let executable = Executable::new(compile(&graph, &Options::default()).unwrap().program).unwrap();
        let filled = |shape: &[usize], v: f32| Array::from_slice(shape, &vec![v; shape.iter().product()]);
        executable.call(&[&filled(shapes[0], 0.1), &filled(shapes[1], 1.0)]).unwrap().remove(0)
    };
    let cases: [([&[usize]; 2], &[i64]); 5] = [
        ([&[100_000, 3], &[3]], &[0]),
        ([&[100_000, 17], &[1]], &[0]),
        ([&[20, 1, 5], &[5000, 5]], &[0, 1]),
        ([&[5, 20_000, 1], &[5, 1, 4]], &[1, 2]),
        ([&[3, 100_000], &[1]], &[1]),
    ];
    for (shapes, axes) in cases {
        let results = [false, true].map(|symbolic| as_f64(&sum(symbolic, shapes, axes)));
        let count = if axes == [1, 2] { 80_000.0 } else { 100_000.0 };
        let expected = count * f64::from(0.1f32);
        let close = |v: &f64| (v / expected - 1.0).abs() < 1e-5;
        assert!(results[0].iter().all(close), "{shapes:?} over {axes:?}: {:?}", results[0]);
        assert_eq!(results[0], results[1], "{shapes:?} over {axes:?}");
    }
}

/// Distances of all pairs: the rows of `y` are met by every row of `x`, so they are turned.
#[test]
fn short_rows_shared_by_many_sums() {
    check("distances of pairs", |g| {
        let (x, y) = (g.input(&[5, 1, 6]), g.input(&[300, 6]));
        let difference = g.apply("subtract", &[x, y]);
        let square = g.apply("multiply", &[difference, difference]);
        vec![g.reduce("reduce_sum", &[2], false, square), g.reduce("reduce_max", &[-1], true, square)]
    });
}

#[test]
fn reductions_of_indices() {
    for dtype in [DType::I64, DType::I32, DType::F32] {
        for name in ["reduce_max", "reduce_min", "reduce_sum"] {
            check(name, |g| {
                let x = g.typed(dtype, &[5, 37]);
                let attrs = Attrs::new().with("dtype", dtype).with("dims", vec![Dim::from(5i64), Dim::from(37i64)]);
                let index = g.op(&ops::IOTA, attrs.with("axis", 1i64), &[]);
                vec![g.reduce(name, &[1], false, index), g.apply("add", &[x, x])]
            });
        }
    }
}

#[test]
fn a_graph_that_is_not_valid_is_refused() {
    let mut graph =
        tracelift_compiler::graph::parse::parse("graph @f(%0: f32[2] \"x\") { %1 = exp %0 return %1 }").unwrap();
    graph.nodes[1].outputs[0].dims[0] = Dim::from(3i64);
    let error = compile(&graph, &Options { verify: false, ..Options::default() }).map(|_| ()).unwrap_err();
    assert!(error.message().contains("graph `f` is invalid: the op's rule gives [f32[2]]"), "{error}");
}

#[test]
fn quotients_by_constants_are_exact_where_they_are_whole() {
    check("floors of quotients", |g| {
        let x = g.input(&[2, 1000]);
        let (factor, divisor) = (g.scalar(1024.0 * 41.0), g.scalar(41.0));
        let multiples = g.apply("multiply", &[x, factor]);
        let quotients = g.apply("divide", &[multiples, divisor]);
        vec![g.apply("floor", &[quotients])]
    });
}
