//! What a call costs before any work is done: `cargo bench --bench dispatch`.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tl::prelude::*;
use tracelift as tl;
use tracelift_runtime::exec::parallel;

#[function]
fn nothing(x: &Tensor) -> Tensor {
    x.clone()
}

fn calls(c: &mut Criterion) {
    let (x, y) = (tl::ones(&[4]), tl::ones(&[4]));
    c.bench_function("compiled call that does nothing", |b| b.iter(|| nothing(black_box(&x))));
    c.bench_function("eager add of 4 elements", |b| b.iter(|| black_box(&x) + black_box(&y)));
}

/// A parallel region with an empty body on two threads.
fn fork_join() {
    parallel::for_each(2, 1_000_000, &|begin, end, _| {
        black_box((begin, end));
    });
}

fn threads(c: &mut Criterion) {
    parallel::set_threads(2);
    c.bench_function("fork-join of an empty body, back to back", |b| b.iter(fork_join));
    c.bench_function("fork-join of an empty body, after 50 us of serial work", |b| {
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let serial = Instant::now();
                while serial.elapsed() < Duration::from_micros(50) {
                    std::hint::spin_loop();
                }
                let start = Instant::now();
                fork_join();
                spent += start.elapsed();
            }
            spent
        });
    });
}

criterion_group!(benches, calls, threads);
criterion_main!(benches);
