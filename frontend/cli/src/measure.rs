//! Times a workload the way the peers are timed: one first call, four to warm up, then calls for a second.

use crate::workloads::{Mode, Workload};
use std::time::{Duration, Instant};
use tracelift::{DType, Tensor};

/// Figures of one workload in one mode.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Seconds of the first call: trace, passes, code generation and run.
    pub first_call_s: f64,
    /// Median microseconds of a call.
    pub median_us: f64,
    /// Least microseconds of a call.
    pub min_us: f64,
    /// Calls timed.
    pub calls: usize,
    /// Resident mebibytes before the first call, inputs made.
    pub base_rss_mb: f64,
    /// The most resident mebibytes of the process so far.
    pub peak_rss_mb: f64,
    /// Training: the loss of the fifth call. Else: the f64 sum of all results.
    pub loss_or_checksum: f64,
    /// Training: the loss of the first call.
    pub loss_first: Option<f64>,
}

/// Runs the workload for at least `seconds` and 20 calls, or 20 seconds.
pub fn measure(workload: &Workload, mode: Mode, seconds: f64) -> Figures {
    let mut step = (workload.build)(workload.name, mode);
    let base_rss_mb = resident_mb();
    let start = Instant::now();
    let first = step();
    let first_call_s = start.elapsed().as_secs_f64();
    let loss_first = workload.trains.then(|| value(&first));
    drop(first);
    let mut last = Vec::new();
    for _ in 0..4 {
        last = step();
    }
    let loss_or_checksum = value(&last);
    drop(last);
    let mut times = time_calls(&mut step, seconds);
    times.sort_unstable();
    let us = |d: Duration| d.as_secs_f64() * 1e6;
    Figures {
        first_call_s,
        median_us: us(times[times.len() / 2]),
        min_us: us(times[0]),
        calls: times.len(),
        base_rss_mb,
        peak_rss_mb: peak_mb(),
        loss_or_checksum,
        loss_first,
    }
}

fn time_calls(step: &mut dyn FnMut() -> Vec<Tensor>, seconds: f64) -> Vec<Duration> {
    let begin = Instant::now();
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let out = step();
        times.push(start.elapsed());
        drop(out);
        let spent = begin.elapsed().as_secs_f64();
        if (spent >= seconds && times.len() >= 20) || spent >= 20.0 {
            return times;
        }
    }
}

/// The f64 sum of every element.
fn value(results: &[Tensor]) -> f64 {
    let sum = |t: &Tensor| match t.dtype() {
        DType::F32 => t.to_vec::<f32>().into_iter().map(f64::from).sum::<f64>(),
        DType::I64 => t.to_vec::<i64>().into_iter().map(|v| v as f64).sum(),
        _ => t.cast(DType::F64).to_vec::<f64>().into_iter().sum(),
    };
    results.iter().map(sum).sum()
}

fn resident_mb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split_whitespace().nth(1).and_then(|p| p.parse().ok()).unwrap_or(0.0);
    pages * 4096.0 / 1048576.0
}

fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|p| p.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// Pins the process to its last core, as the peers are for one thread.
pub fn pin_to_one_core() {
    #[cfg(target_os = "linux")]
    // SAFETY: a zeroed CPU set is valid, and both calls only read or write that set.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let size = std::mem::size_of::<libc::cpu_set_t>();
        if libc::sched_getaffinity(0, size, &mut set) != 0 {
            return;
        }
        let Some(last) = (0..libc::CPU_SETSIZE as usize).rev().find(|&c| libc::CPU_ISSET(c, &set)) else { return };
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(last, &mut set);
        libc::sched_setaffinity(0, size, &set);
    }
}
