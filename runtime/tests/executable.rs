//! The executor on programs made by hand: results, donations, aliases, errors, threads.
#![cfg(target_arch = "x86_64")]

mod support;

use support::*;
use tracelift_runtime::error::Kind;
use tracelift_runtime::exec::{Arg, Executable, parallel};
use tracelift_runtime::program::{Dim, Place, Program, SizeId, SizeStep, Step};
use tracelift_runtime::{Array, DType, Error, profile};

fn floats(values: &[f32]) -> Array {
    Array::from_slice(&[values.len()], values)
}

fn ready(program: Program) -> Executable {
    Executable::new(program).unwrap()
}

fn refused(program: Program) -> Error {
    Executable::new(program).unwrap_err()
}

#[test]
fn sizes_may_change_from_call_to_call() {
    let f = ready(quadruple());
    for n in [3, 1, 0, 100, 3, 1000, 2] {
        let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let y = f.call(&[&floats(&x)]).unwrap();
        assert_eq!(y.len(), 1);
        assert_eq!(y[0].as_slice::<f32>(), x.iter().map(|x| 4.0 * x).collect::<Vec<_>>());
    }
}

#[test]
fn a_symbol_that_no_size_uses_needs_no_axis() {
    let mut b = Builder::new("scalar");
    b.symbol(0, 3);
    b.input("x", DType::F32, &[]);
    assert!(b.0.to_string().contains("n0 is not used"));
    assert!(ready(b.0).call(&[&Array::scalar(1.0f32)]).unwrap().is_empty());
}

#[test]
fn kernels_receive_sizes_and_scratch() {
    let mut b = Builder::new("count");
    let n = b.symbol(0, 0);
    b.input("x", DType::F32, std::slice::from_ref(&n));
    let y = b.output("y", DType::I64, std::slice::from_ref(&n));
    let count = b.kernel("count", COUNT_FROM);
    b.run(count, &[y], &[n.clone() * Dim::from(10i64)], n);
    let f = ready(b.0);
    assert_eq!(f.call(&[&floats(&[0.0; 3])]).unwrap()[0].as_slice::<i64>(), [30, 31, 32]);
}

#[test]
fn large_kernels_are_split_over_threads() {
    let f = ready(quadruple());
    let x: Vec<f32> = (0..300_001).map(|i| i as f32).collect();
    let wanted: Vec<f32> = x.iter().map(|x| 4.0 * x).collect();
    for threads in [1, 2, 5] {
        let y = parallel::with_threads(threads, || f.call(&[&floats(&x)]).unwrap());
        assert!(y[0].as_slice::<f32>() == wanted, "with {threads} threads");
    }
}

#[test]
fn many_threads_call_at_once() {
    let f = ready(quadruple());
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let f = &f;
            scope.spawn(move || {
                for round in 0..200 {
                    let x = vec![thread as f32; 1 + (round * 7 + thread) % 40];
                    let y = f.call(&[&floats(&x)]).unwrap();
                    assert_eq!(y[0].as_slice::<f32>(), vec![4.0 * thread as f32; x.len()]);
                }
            });
        }
    });
}

#[test]
fn a_unique_state_is_updated_in_place() {
    let f = ready(accumulate(None));
    let mut state = floats(&[1.0, 2.0, 3.0, 4.0]);
    let x = floats(&[10.0; 4]);
    let address = state.as_ptr();
    let outputs = f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap();
    assert_eq!(state.as_slice::<f32>(), [11.0, 12.0, 13.0, 14.0]);
    assert_eq!(state.as_ptr(), address);
    assert_eq!(outputs.len(), 1, "the donated output is left out");
    assert_eq!(outputs[0].as_slice::<f32>(), [20.0; 4]);
}

#[test]
fn a_shared_state_is_replaced() {
    let f = ready(accumulate(None));
    let mut state = floats(&[1.0; 4]);
    let snapshot = state.clone();
    f.run(&mut [Arg::State(&mut state), Arg::Ref(&snapshot)]).unwrap();
    assert_eq!(state.as_slice::<f32>(), [2.0; 4]);
    assert_eq!(snapshot.as_slice::<f32>(), [1.0; 4]);
}

#[test]
fn a_state_passed_by_reference_is_returned() {
    let f = ready(accumulate(None));
    let (state, x) = (floats(&[1.0; 4]), floats(&[2.0; 4]));
    let outputs = f.call(&[&state, &x]).unwrap();
    assert_eq!(outputs[0].as_slice::<f32>(), [3.0; 4]);
    assert_eq!(outputs[1].as_slice::<f32>(), [4.0; 4]);
    assert_eq!(state.as_slice::<f32>(), [1.0; 4]);
}

#[test]
fn after_an_error_a_state_has_its_old_value() {
    for copy in [false, true] {
        let f = ready(accumulate(Some(copy)));
        let mut state = floats(&[1.0; 4]);
        let error = f.run(&mut [Arg::State(&mut state), Arg::Ref(&floats(&[1.0, 0.0, 1.0, 1.0]))]).unwrap_err();
        assert_eq!(error.kind(), Kind::Value);
        assert_eq!(
            error.to_string(),
            "program `accumulate`: integer division by zero, or a negative power of an integer (kernel `check`)"
        );
        assert_eq!(state.as_slice::<f32>(), [1.0; 4]);
        f.run(&mut [Arg::State(&mut state), Arg::Ref(&floats(&[1.0; 4]))]).unwrap();
        assert_eq!(state.as_slice::<f32>(), [2.0; 4]);
    }
}

#[test]
fn a_check_before_the_first_write_allows_in_place() {
    for (copy, in_place) in [(false, true), (true, false)] {
        let f = ready(accumulate(Some(copy)));
        let mut state = floats(&[1.0; 4]);
        let address = state.as_ptr();
        let x = floats(&[1.0; 4]);
        f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap();
        assert_eq!(state.as_ptr() == address, in_place);
    }
}

#[test]
fn an_output_of_the_old_value_prevents_in_place() {
    let mut program = accumulate(None);
    let old = program.inputs[0].clone();
    program.outputs.push(old);
    let f = ready(program);
    let mut state = floats(&[1.0; 4]);
    let x = floats(&[5.0; 4]);
    let outputs = f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap();
    assert_eq!(outputs[1].as_slice::<f32>(), [1.0; 4], "the value before the update");
    assert_eq!(state.as_slice::<f32>(), [6.0; 4]);
}

#[test]
fn an_output_of_the_new_value_shares_it() {
    let mut program = accumulate(None);
    let new = program.outputs[0].clone();
    program.outputs.push(new);
    let f = ready(program);
    let mut state = floats(&[1.0; 4]);
    let x = floats(&[5.0; 4]);
    let outputs = f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap();
    assert_eq!(outputs[1].as_slice::<f32>(), [6.0; 4]);
    assert_eq!(outputs[1].as_ptr(), state.as_ptr());
    f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap();
    assert_eq!(outputs[1].as_slice::<f32>(), [6.0; 4], "a snapshot stays what it was");
    assert_eq!(state.as_slice::<f32>(), [11.0; 4]);
}

#[test]
fn a_state_may_become_another_input() {
    let mut b = Builder::new("assign");
    b.input("state", DType::F32, &[Dim::from(4i64)]);
    let x = b.input("x", DType::F32, &[Dim::from(4i64)]);
    b.output_of("state", DType::F32, &[Dim::from(4i64)], x);
    b.donate(0, 0, true);
    let f = ready(b.0);
    let (mut state, x) = (floats(&[1.0; 4]), floats(&[5.0; 4]));
    assert!(f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap().is_empty());
    assert_eq!(state.as_slice::<f32>(), [5.0; 4]);
}

#[test]
fn outputs_may_be_inputs_constants_and_earlier_outputs() {
    let mut b = Builder::new("aliases");
    let n = b.symbol(0, 0);
    let two = Dim::from(2i64);
    let x = b.input("x", DType::F32, &[n.clone(), two.clone()]);
    let y = b.output("y", DType::F32, &[n.clone(), two.clone()]);
    b.output_of("x again, transposed shape", DType::F32, &[two.clone(), n.clone()], x);
    b.output_of("y again", DType::F32, &[n.clone() * two.clone()], y);
    let c = b.constant(&[7.0, 8.0]);
    b.output_of("c", DType::F32, std::slice::from_ref(&two), c);
    let double = b.kernel("double", DOUBLE);
    b.run(double, &[x, y], &[], n * two);
    let f = ready(b.0);
    let x = Array::from_slice(&[3, 2], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let outputs = f.call(&[&x]).unwrap();
    assert_eq!(outputs[0].as_slice::<f32>(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    assert_eq!((outputs[1].shape(), outputs[1].as_ptr()), (&[2, 3][..], x.as_ptr()));
    assert_eq!((outputs[2].shape(), outputs[2].as_ptr()), (&[6][..], outputs[0].as_ptr()));
    assert_eq!(outputs[3].as_slice::<f32>(), [7.0, 8.0]);
}

#[test]
fn wrong_inputs_are_named() {
    let mut b = Builder::new("f");
    let n = b.symbol(0, 0);
    b.input("x", DType::F32, &[n.clone(), 4i64.into()]);
    b.input("y", DType::F32, &[n.clone() + Dim::ONE]);
    let f = ready(b.0);
    let x = Array::zeros(DType::F32, &[3, 4]).unwrap();
    let y = |dtype, shape: &[usize]| Array::zeros(dtype, shape).unwrap();
    let error = |inputs: &[&Array]| {
        let error = f.call(inputs).unwrap_err();
        (error.kind(), error.to_string())
    };
    assert_eq!(error(&[&x]), (Kind::Value, "program `f` takes 2 inputs, received 1".into()));
    assert_eq!(
        error(&[&x, &y(DType::F64, &[4])]),
        (Kind::DType, "program `f`: input `y`: expected f32[n0 + 1], received f64[4]".into())
    );
    assert_eq!(
        error(&[&x, &y(DType::F32, &[4, 1])]),
        (Kind::Shape, "program `f`: input `y`: expected f32[n0 + 1], received f32[4, 1]".into())
    );
    assert_eq!(
        error(&[&x, &y(DType::F32, &[3])]),
        (
            Kind::Shape,
            "program `f`: input `y`: expected f32[n0 + 1] with n0 = 3 (axis 0 of `x`), received f32[3]".into()
        )
    );
    assert!(f.call(&[&x, &y(DType::F32, &[4])]).unwrap().is_empty());
}

#[test]
fn sizes_that_overflow_are_errors() {
    let mut b = Builder::new("outer");
    let n = b.symbol(0, 0);
    b.input("x", DType::F32, &[n.clone(), 0i64.into()]);
    let square = n.clone() * n.clone();
    b.output("y", DType::F32, &[square * n]);
    let f = ready(b.0);
    let x = |n| Array::zeros(DType::F32, &[n, 0]).unwrap();
    assert_eq!(f.call(&[&x(2)]).unwrap()[0].len(), 8);
    let error = f.call(&[&x(1 << 22)]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Memory, "program `outer`: size `n0*n0*n0` overflows 64 bits")
    );
    let error = f.call(&[&x(1 << 20)]).unwrap_err();
    let text = "program `outer`: 1152921504606846976 elements of f32 overflow the address space for n0 = 1048576";
    assert_eq!((error.kind(), error.message()), (Kind::Memory, text));

    let mut b = Builder::new("shrink");
    let n = b.symbol(0, 0);
    b.input("x", DType::F32, std::slice::from_ref(&n));
    b.output("y", DType::F32, &[n - Dim::from(5i64)]);
    let error = ready(b.0).call(&[&floats(&[0.0; 3])]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Shape, "program `shrink`: size `n0 - 5` is -2 for n0 = 3")
    );
}

#[test]
fn what_the_host_lacks_is_named() {
    let mut program = quadruple();
    program.features = vec!["sse2".into(), "avx9000".into(), "warp".into()];
    let error = refused(program);
    let text = "program `quadruple` was compiled for CPU features that this host lacks: avx9000, warp\n  \
                hint: compile it on this host, or for its features";
    assert_eq!((error.kind(), error.message()), (Kind::Host, text));

    let mut b = Builder::new("f");
    b.library("no_such_routine", vec![], vec![], &[]);
    let error = refused(b.0);
    let text = "program `f` needs library routine `no_such_routine`, which this runtime lacks";
    assert_eq!((error.kind(), error.message()), (Kind::Host, text));

    let mut b = Builder::new("f");
    b.library("warp.drive", vec![], vec![], &[]);
    let error = refused(b.0);
    let text = "program `f` needs library routine `warp.drive`, which this runtime lacks\n  \
                hint: build the runtime with feature `warp`";
    assert_eq!((error.kind(), error.message()), (Kind::Host, text));
}

#[test]
fn malformed_programs_are_refused() {
    type Break = fn(&mut Program);
    let cases: &[(Break, &str)] = &[
        (|p| p.symbols[0].axis = 1, "size `n0` needs n0, which nothing binds"),
        (|p| p.sizes.push(Dim::sym(3)), "size `n3` needs n3, which nothing binds"),
        (|p| p.sizes.push(Dim::slot(0, Dim::ONE)), "size `s0(<=1)` needs s0, which nothing binds"),
        (|p| p.inputs[0].dims[0] = SizeId(9), "input 0 names size 9, which does not exist"),
        (|p| p.inputs[0].dtype = DType::F64, "input 0 is f64, its buffer f32"),
        (|p| p.outputs[0].buffer.0 = 1, "output 0 is in a temporary buffer"),
        (|p| p.buffers[0].place = Place::Constant(0), "input 0 is not in a buffer of its own"),
        (
            |p| p.buffers[1].place = Place::Temp { first: 1, last: 2 },
            "step 0 uses buffer 1, which lives from step 1 to 2",
        ),
        (
            |p| p.buffers[1].place = Place::Temp { first: 0, last: 3 },
            "buffer 1 has the impossible place Temp { first: 0, last: 3 }",
        ),
        (|p| p.kernels[1].len += 1, "the code of kernel 1 (`add`) lies outside the program's"),
        (
            |p| {
                let Step::Kernel(call) = &mut p.steps[1] else { unreachable!() };
                call.kernel.0 = 7;
            },
            "step 1 calls kernel 7, which does not exist",
        ),
        (
            |p| {
                let Step::Kernel(call) = &mut p.steps[2] else { unreachable!() };
                call.operands[1].0 = 70;
            },
            "step 2 names buffer 70, which does not exist",
        ),
    ];
    for (break_it, why) in cases {
        let mut program = quadruple();
        break_it(&mut program);
        let error = refused(program);
        assert_eq!(error.message(), format!("program `quadruple` is not well formed: {why}"));
        assert_eq!(error.kind(), Kind::Internal);
    }
}

#[test]
fn a_profile_has_every_step_and_call() {
    let mut program = quadruple();
    program.name = "profiled".into();
    let f = ready(program);
    let x = floats(&[1.0; 10]);
    f.call(&[&x]).unwrap();
    profile::start();
    f.call(&[&x]).unwrap();
    f.call(&[&x]).unwrap();
    let mut timeline = profile::finish();
    f.call(&[&x]).unwrap();
    // Other tests run at the same time.
    timeline.events.retain(|event| event.program == "profiled");
    let names: Vec<&str> = timeline.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["double", "double", "add", "profiled", "double", "double", "add", "profiled"]);
    assert_eq!(timeline.events[5].step, Some(1));
    let (step, call) = (&timeline.events[0], &timeline.events[3]);
    assert!(call.begin_ns <= step.begin_ns && step.duration_ns <= call.duration_ns);
    let report = timeline.report();
    assert_eq!((report.calls, report.lines.len()), (2, 2));
}

#[test]
fn library_kernels_and_epilogues_run() {
    let f = ready(matmul_then_double());
    for n in [1usize, 5, 2000] {
        let a: Vec<f32> = (0..3 * n).map(|i| (i % 7) as f32).collect();
        let b = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let outputs = f.call(&[&Array::from_slice(&[n, 3], &a), &Array::from_slice(&[3, 2], &b)]).unwrap();
        let product = |row: usize, column: usize| (0..3).map(|k| a[3 * row + k] * b[2 * k + column]).sum::<f32>();
        let wanted: Vec<f32> = (0..2 * n).map(|i| 2.0 * product(i / 2, i % 2)).collect();
        assert_eq!(outputs[0].as_slice::<f32>(), wanted);
        assert_eq!(outputs[1].as_slice::<f32>(), [&wanted[..], &wanted[..]].concat());
    }
}

#[test]
fn an_index_out_of_range_leaves_states_alone() {
    let mut b = Builder::new("lookup");
    let four = [Dim::from(4i64)];
    let state = b.input("state", DType::F32, &four);
    let indices = b.input("indices", DType::I64, &four);
    let new = b.output("state", DType::F32, &four);
    let y = b.output("y", DType::F32, &four);
    let double = b.kernel("double", DOUBLE);
    b.run(double, &[state, new], &[], 4i64.into());
    let (new, indices, y) = (b.tensor_ref(new, &four), b.tensor_ref(indices, &four), b.tensor_ref(y, &four));
    b.library("gather", vec![new, indices], vec![y], &[0, 0]);
    b.donate(0, 0, true);
    let f = ready(b.0);
    let mut state = floats(&[1.0, 2.0, 3.0, 4.0]);
    let bad = Array::from_slice(&[4], &[0i64, 1, 2, 9]);
    let error = f.run(&mut [Arg::State(&mut state), Arg::Ref(&bad)]).unwrap_err();
    assert_eq!(error.kind(), Kind::Value);
    assert!(error.to_string().starts_with("program `lookup`: `gather`: "), "{error}");
    assert_eq!(state.as_slice::<f32>(), [1.0, 2.0, 3.0, 4.0]);
    let good = Array::from_slice(&[4], &[3i64, 2, 1, 0]);
    let outputs = f.run(&mut [Arg::State(&mut state), Arg::Ref(&good)]).unwrap();
    assert_eq!(state.as_slice::<f32>(), [2.0, 4.0, 6.0, 8.0]);
    assert_eq!(outputs[0].as_slice::<f32>(), [8.0, 6.0, 4.0, 2.0]);
}

/// `y`: each index as often as `counts` says, at most 100 in all; `z`: the same from a temporary of that size.
fn repeat() -> Program {
    let mut b = Builder::new("repeat");
    let (n, s) = (b.symbol(0, 0), Dim::slot(0, 100i64.into()));
    let counts = b.input("counts", DType::I64, std::slice::from_ref(&n));
    let total = b.temp(DType::I64, Dim::ONE, 0, 1);
    let copy = b.temp(DType::I64, s.clone(), 2, 3);
    let y = b.output("y", DType::I64, std::slice::from_ref(&s));
    let z = b.output("z", DType::I64, &[s.clone() + s.clone()]);
    let mut of = |buffer, dims: &[Dim]| b.tensor_ref(buffer, dims);
    let given = of(counts, &[n]);
    let [sum, once, alone] = [of(total, &[]), of(copy, std::slice::from_ref(&s)), of(y, std::slice::from_ref(&s))];
    let twice = of(z, &[s.clone() + s]);
    b.library("repeat_count", vec![given.clone()], vec![sum], &[]);
    let bound = b.size(&100i64.into());
    b.0.steps.push(Step::Size(SizeStep { value: total, bound }));
    b.library("repeat_positions", vec![given.clone()], vec![once.clone()], &[]);
    b.library("concat", vec![once.clone(), once], vec![twice], &[0]);
    b.library("repeat_positions", vec![given], vec![alone], &[]);
    b.0
}

#[test]
fn sizes_are_learned_on_the_way() {
    // As made, and saved and read.
    for f in [ready(repeat()), Executable::from_bytes(&repeat().to_bytes()).unwrap()] {
        for counts in [&[2i64, 0, 1][..], &[0, 0, 0], &[1], &[], &[2, 0, 1], &[100]] {
            let results = f.call(&[&Array::from_slice(&[counts.len()], counts)]).unwrap();
            let once: Vec<i64> = (0..).zip(counts).flat_map(|(i, &n)| vec![i; n as usize]).collect();
            assert_eq!(results[0].as_slice::<i64>(), once);
            assert_eq!(results[1].as_slice::<i64>(), [once.clone(), once].concat());
        }
        let error = f.call(&[&Array::from_slice(&[2], &[100i64, 1])]).unwrap_err();
        assert_eq!(error.kind(), Kind::Memory);
        let text = "program `repeat`: the size that the data asks for is 101\n  hint: it must lie between 0 and 100";
        assert_eq!(error.to_string(), text);
    }
    assert!(repeat().to_string().contains("1: s0 = b1, at most 100"), "{}", repeat());
}

#[test]
fn a_size_is_used_only_once_it_is_known() {
    let mut early = repeat();
    early.steps.swap(1, 2);
    assert!(refused(early).message().contains("step 1 uses size `s0(<=100)` before it is known"));
    let mut never = repeat();
    never.steps.remove(1);
    assert!(refused(never).message().contains("needs s0, which nothing binds"));
    let mut wrong = repeat();
    let Step::Size(size) = &mut wrong.steps[1] else { unreachable!() };
    size.value.0 = 0;
    assert!(refused(wrong).message().contains("step 1 reads a size from buffer 0, which is no i64"));
}
