//! What is shown: [`Progress`] while training, then the [`confusion`] table.

use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;

/// A bar under the lines of the epochs on a terminal; the lines alone elsewhere.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new(steps: usize) -> Progress {
        let style = "{bar:40.cyan/dim} {pos} of {len} steps, {eta} left";
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress(ProgressBar::new(steps as u64).with_style(style.progress_chars("━╸─")))
    }

    pub fn step(&self) {
        self.0.inc(1);
    }

    pub fn line(&self, text: &str) {
        self.0.suspend(|| println!("{text}"));
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// How often each digit was taken for which: a row for each true digit, a column for each answer.
pub fn confusion(truth: &[i32], answers: &[i32]) -> String {
    let mut counts = [[0usize; 10]; 10];
    for (&digit, &answer) in truth.iter().zip(answers) {
        counts[digit as usize][answer as usize] += 1;
    }
    let right: usize = (0..10).map(|digit| counts[digit][digit]).sum();
    let mut text = format!(
        "held out: {right} of {} right, {:.2} %\n\nread as   0   1   2   3   4   5   6   7   8   9\n",
        truth.len(),
        100.0 * right as f64 / truth.len() as f64
    );
    for (digit, row) in counts.iter().enumerate() {
        let _ = write!(text, "a {digit}    ");
        for count in row {
            match count {
                0 => text.push_str("   ·"),
                n => {
                    let _ = write!(text, "{n:>4}");
                }
            }
        }
        text.push('\n');
    }
    text
}
