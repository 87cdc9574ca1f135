//! The same bits at any number of threads: every workload at its real size, eager and compiled.

use super::{ALL, Mode, Workload};
use std::hash::{DefaultHasher, Hasher};
use tracelift as tl;

/// Steps whose results are compared: a later step of a training shows what the first did to the variables.
fn steps(workload: &Workload) -> usize {
    if workload.trains { 3 } else { 1 }
}

/// A hash of every byte of the results, and their length.
fn bytes(workload: &Workload, mode: Mode, threads: usize) -> (u64, usize) {
    tl::config::with_threads(threads, || {
        let mut step = (workload.build)(workload.name, mode);
        let (mut hasher, mut len) = (DefaultHasher::new(), 0);
        for _ in 0..steps(workload) {
            for tensor in step() {
                let array = tensor.to_array().unwrap();
                let size = array.len() * array.dtype().size();
                // SAFETY: the array holds this many initialised bytes.
                let bytes = unsafe { std::slice::from_raw_parts(array.as_ptr(), size) };
                hasher.write(bytes);
                len += size;
            }
        }
        (hasher.finish(), len)
    })
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for workload in ALL {
        for mode in [Mode::Eager, Mode::Compiled] {
            let one = bytes(workload, mode, 1);
            assert!(one.1 > 0);
            for threads in [2, 3] {
                assert_eq!(bytes(workload, mode, threads), one, "{} {mode:?} at {threads} threads", workload.name);
            }
        }
    }
}
