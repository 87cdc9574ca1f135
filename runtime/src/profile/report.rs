//! Time by kernel, as a table.

use super::Timeline;
use rustc_hash::FxHashMap;
use std::fmt;

/// Where the time went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One for each name, the most expensive first.
    pub lines: Vec<Line>,
    /// Number of program calls.
    pub calls: u64,
    /// Nanoseconds of all calls together.
    pub total_ns: u64,
    /// How many events are missing because there was no room for them.
    pub dropped: u64,
}

/// All runs of one kernel or library routine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// Nanoseconds of all runs together.
    pub total_ns: u64,
}

impl Report {
    pub(super) fn of(timeline: &Timeline) -> Report {
        let mut report = Report { lines: Vec::new(), calls: 0, total_ns: 0, dropped: timeline.dropped };
        let mut at = FxHashMap::default();
        for event in &timeline.events {
            if event.step.is_none() {
                report.calls += 1;
                report.total_ns += event.duration_ns;
                continue;
            }
            let index = *at.entry(event.name.as_str()).or_insert(report.lines.len());
            if index == report.lines.len() {
                report.lines.push(Line { name: event.name.clone(), runs: 0, total_ns: 0 });
            }
            report.lines[index].runs += 1;
            report.lines[index].total_ns += event.duration_ns;
        }
        report.lines.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.name.cmp(&b.name)));
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10}  {:>6}  {:>9}  {:>10}  kernel", "total ms", "share", "runs", "mean us")?;
        for line in &self.lines {
            self.row(f, line.total_ns, line.runs, &line.name)?;
        }
        let steps: u64 = self.lines.iter().map(|line| line.total_ns).sum();
        self.row(f, self.total_ns.saturating_sub(steps), self.calls, "(outside of kernels)")?;
        self.row(f, self.total_ns, self.calls, "(calls)")?;
        match self.dropped {
            0 => Ok(()),
            count => writeln!(f, "{count} later events were not recorded"),
        }
    }
}

impl Report {
    fn row(&self, f: &mut fmt::Formatter<'_>, ns: u64, runs: u64, name: &str) -> fmt::Result {
        let share = 100.0 * ns as f64 / self.total_ns.max(1) as f64;
        let (total, mean) = (ns as f64 / 1e6, ns as f64 / 1e3 / runs.max(1) as f64);
        writeln!(f, "{total:>10.3}  {share:>5.1}%  {runs:>9}  {mean:>10.3}  {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;

    #[test]
    fn table_sums_by_name() {
        let event = |name: &str, step, duration_ns| Event {
            name: name.into(),
            program: "f".into(),
            step,
            thread: 1,
            begin_ns: 0,
            duration_ns,
        };
        let events = vec![
            event("add", Some(0), 1_000),
            event("matmul", Some(1), 2_500_000),
            event("add", Some(2), 2_000),
            event("f", None, 5_000_000),
        ];
        let text = Timeline { events, dropped: 7 }.report().to_string();
        let wanted = "  total ms   share       runs     mean us  kernel
     2.500   50.0%          1    2500.000  matmul
     0.003    0.1%          2       1.500  add
     2.497   49.9%          1    2497.000  (outside of kernels)
     5.000  100.0%          1    5000.000  (calls)
7 later events were not recorded
";
        assert_eq!(text, wanted);
    }
}
