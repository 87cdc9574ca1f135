//! A call with sizes seen before allocates nothing but its output arrays.
#![cfg(target_arch = "x86_64")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use support::{accumulate, matmul_then_double, quadruple};
use tracelift_runtime::exec::{Arg, Executable, parallel};
use tracelift_runtime::{Array, DType};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
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

/// How often `f` allocates on this thread.
fn allocations<R>(f: impl FnOnce() -> R) -> usize {
    let before = COUNT.get();
    let result = f();
    let count = COUNT.get() - before;
    drop(result);
    count
}

#[test]
fn a_call_allocates_its_outputs_only() {
    let f = Executable::new(quadruple()).unwrap();
    for n in [100, 500_000] {
        let x = Array::zeros(DType::F32, &[n]).unwrap();
        for threads in [1, 2] {
            parallel::with_threads(threads, || {
                for _ in 0..2 {
                    f.run(&mut [Arg::Ref(&x)]).unwrap();
                }
                let output = allocations(|| Array::uninit(DType::F32, &[n]).unwrap());
                assert_eq!(allocations(|| f.run(&mut [Arg::Ref(&x)]).unwrap()), output, "{n} elements");
                // `call` gives a Vec, which is one more.
                assert_eq!(allocations(|| f.call(&[&x]).unwrap()), output + 1, "{n} elements");
            });
        }
    }
}

#[test]
fn sizes_that_alternate_allocate_nothing_either() {
    let f = Executable::new(quadruple()).unwrap();
    let (x, y) = (Array::zeros(DType::F32, &[64]).unwrap(), Array::zeros(DType::F32, &[33]).unwrap());
    for x in [&x, &y] {
        f.run(&mut [Arg::Ref(x)]).unwrap();
    }
    let output = allocations(|| Array::uninit(DType::F32, &[64]).unwrap());
    for x in [&x, &y, &x, &y] {
        assert_eq!(allocations(|| f.run(&mut [Arg::Ref(x)]).unwrap()), output);
    }
}

#[test]
fn a_state_updated_in_place_allocates_nothing() {
    let f = Executable::new(accumulate(None)).unwrap();
    let mut state = Array::zeros(DType::F32, &[4]).unwrap();
    let x = Array::zeros(DType::F32, &[4]).unwrap();
    f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap();
    let output = allocations(|| Array::uninit(DType::F32, &[4]).unwrap());
    assert_eq!(allocations(|| f.run(&mut [Arg::State(&mut state), Arg::Ref(&x)]).unwrap()), output);
}

#[test]
fn library_steps_allocate_nothing() {
    let f = Executable::new(matmul_then_double()).unwrap();
    let (a, b) = (Array::zeros(DType::F32, &[40, 3]).unwrap(), Array::zeros(DType::F32, &[3, 2]).unwrap());
    parallel::with_threads(1, || {
        for _ in 0..2 {
            f.run(&mut [Arg::Ref(&a), Arg::Ref(&b)]).unwrap();
        }
        let output = allocations(|| Array::uninit(DType::F32, &[40, 2]).unwrap());
        assert_eq!(allocations(|| f.run(&mut [Arg::Ref(&a), Arg::Ref(&b)]).unwrap()), 2 * output);
    });
}
