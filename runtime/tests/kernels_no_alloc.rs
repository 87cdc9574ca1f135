//! Library kernels allocate nothing once the pool has the scratch they need: neither on the caller's thread nor on a
//! helper's, neither from the global allocator nor from the system.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use tracelift_runtime::alloc::memory_stats;
use tracelift_runtime::exec::parallel;
use tracelift_runtime::kernels::library::{LibraryCx, View, ViewMut, find};
use tracelift_runtime::{Array, DType};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Case {
    kernel: &'static str,
    inputs: Vec<Array>,
    outputs: Vec<Array>,
    params: Vec<i64>,
}

fn zeros(dtype: DType, shape: &[usize]) -> Array {
    Array::zeros(dtype, shape).unwrap()
}

fn case(kernel: &'static str, inputs: &[&[usize]], output: &[usize], params: &[i64]) -> Case {
    let inputs = inputs.iter().map(|shape| zeros(DType::F32, shape)).collect();
    Case { kernel, inputs, outputs: vec![zeros(DType::F32, output)], params: params.to_vec() }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("matmul", &[&[8, 8], &[8, 8]], &[8, 8], &[0, 0]),
        case("matmul", &[&[300, 200], &[200, 310]], &[300, 310], &[0, 0]),
        case("matmul", &[&[200, 300], &[310, 200]], &[300, 310], &[1, 1]),
        case("matmul", &[&[2000, 300], &[300, 1]], &[2000, 1], &[0, 0]),
        case("matmul", &[&[12, 64, 32], &[12, 32, 64]], &[12, 64, 64], &[0, 0]),
        case("convolution", &[&[4, 20, 20, 16], &[3, 3, 16, 24]], &[4, 20, 20, 24], &[1, 1, 1, 1, 1, 1]),
        case("conv_backprop_input", &[&[4, 10, 10, 24], &[3, 3, 16, 24]], &[4, 20, 20, 16], &[2, 2, 1, 1, 1, 1]),
        case("conv_backprop_filter", &[&[4, 20, 20, 16], &[4, 20, 20, 24]], &[3, 3, 16, 24], &[1, 1, 1, 1, 1, 1]),
        case("conv_backprop_filter", &[&[4, 20, 20, 16], &[4, 20, 20, 16]], &[3, 3, 1, 16], &[1, 1, 1, 1, 1, 1]),
        case("max_pool", &[&[4, 20, 20, 16]], &[4, 10, 10, 16], &[2, 2, 2, 2, 1, 1, 0, 0]),
        case("copy_strided", &[&[300, 500]], &[500, 300], &[0, 1, 500]),
        case("pad", &[&[300, 500], &[]], &[302, 502], &[1, 1]),
        case("concat", &[&[300, 500], &[300, 500]], &[300, 1000], &[1]),
        case("cumulative", &[&[300, 500]], &[300, 500], &[0, 0, 0, 0]),
        case("reduce", &[&[300, 500]], &[300], &[0, 1]),
        case("sort", &[&[300, 500]], &[300, 500], &[1, 0]),
        case("fill", &[&[]], &[300, 500], &[]),
        case("iota", &[], &[300, 500], &[1]),
    ];
    for (kernel, shape, output) in [("gather", [50, 60], [400, 60]), ("scatter_add", [400, 60], [50, 60])] {
        let mut case = case(kernel, &[&shape], &output, &[0, 0]);
        case.inputs.push(zeros(DType::I32, &[400]));
        cases.push(case);
    }
    let mut arg = case("arg_reduce", &[&[300, 500]], &[300], &[1, 0]);
    arg.outputs = vec![zeros(DType::I64, &[300])];
    let mut top = case("top_k", &[&[300, 500]], &[300, 7], &[7]);
    top.outputs.push(zeros(DType::I32, &[300, 7]));
    let mut half = case("matmul", &[], &[], &[0, 0]);
    half.inputs = vec![zeros(DType::F16, &[70, 80]), zeros(DType::F16, &[80, 90])];
    half.outputs = vec![zeros(DType::F16, &[70, 90])];
    cases.extend([arg, top, half]);
    cases
}

#[test]
fn a_repeated_call_allocates_nothing() {
    for Case { kernel, inputs, mut outputs, params } in cases() {
        let inputs: Vec<View<'_>> = inputs.iter().map(View::of).collect();
        let views: Vec<ViewMut<'_>> = outputs.iter_mut().map(|array| ViewMut::of(array).unwrap()).collect();
        let run = find(kernel).unwrap().run;
        let mut cx = LibraryCx { inputs: &inputs, outputs: &views, params: &params, epilogue: None };
        for threads in [1, 2] {
            parallel::with_threads(threads, || {
                // Helpers join when they can, so it may take a while until each has needed scratch of its own.
                let is_quiet = || {
                    let counts = || (COUNT.load(Ordering::Relaxed), memory_stats().system_allocations);
                    let before = counts();
                    for _ in 0..5 {
                        run(&mut cx).unwrap();
                    }
                    counts() == before
                };
                assert!(
                    std::iter::repeat_with(is_quiet).take(50).any(|quiet| quiet),
                    "{kernel} {params:?} on {threads}"
                );
            });
        }
    }
}
