//! Every workload of `tracelift bench` through criterion: `cargo bench --bench workloads -- linreg`.

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;
use tracelift_cli::workloads::{ALL, Mode};

fn workloads(c: &mut Criterion) {
    for workload in ALL {
        let mut group = c.benchmark_group(workload.name);
        group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        for (mode, name) in [(Mode::Compiled, "compiled"), (Mode::Eager, "eager")] {
            // Inputs are made when the bench runs, not for every one that a filter leaves out.
            group.bench_function(name, |b| {
                let mut step = (workload.build)(workload.name, mode);
                b.iter(&mut step);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, workloads);
criterion_main!(benches);
