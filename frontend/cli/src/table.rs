//! What `tracelift bench` prints: a table for people, one JSON line a workload for programs.

use crate::measure::Figures;
use std::fmt::Write as _;

/// The head of the table.
pub fn head() -> String {
    format!("{:<22} {:>13} {:>13} {:>9} {:>14}", "workload", "eager us", "compiled us", "speed-up", "first call ms")
}

/// A workload's row.
pub fn row(name: &str, eager: Option<&Figures>, compiled: Option<&Figures>) -> String {
    let us = |f: Option<&Figures>| f.map_or("-".into(), |f| format!("{:.2}", f.median_us));
    let speed = match (eager, compiled) {
        (Some(e), Some(c)) => format!("{:.2}x", e.median_us / c.median_us),
        _ => "-".into(),
    };
    let first = compiled.or(eager).map_or("-".into(), |f| format!("{:.2}", f.first_call_s * 1e3));
    format!("{name:<22} {:>13} {:>13} {speed:>9} {first:>14}", us(eager), us(compiled))
}

/// A workload's JSON line, in the peers' schema.
pub fn json(name: &str, framework: &str, threads: usize, f: &Figures) -> String {
    let mut line = format!(
        "{{\"framework\": \"{framework}\", \"workload\": \"{name}\", \"threads\": {threads}, \"first_call_s\": {:e}",
        f.first_call_s
    );
    if let Some(loss) = f.loss_first {
        let _ = write!(line, ", \"loss_first\": {}", number(loss));
    }
    let _ = write!(
        line,
        ", \"loss_or_checksum\": {}, \"median_us\": {:.4}, \"min_us\": {:.4}, \"calls\": {}, \"base_rss_mb\": {:.2}, \"peak_rss_mb\": {:.2}}}",
        number(f.loss_or_checksum),
        f.median_us,
        f.min_us,
        f.calls,
        f.base_rss_mb,
        f.peak_rss_mb
    );
    line
}

/// JSON has no NaN or infinity.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:e}") } else { "null".into() }
}
