//! Events in the order in which they ended, and their export in Chrome's trace format.

use super::Report;
use crate::error::{Error, Kind, Result};
use std::fmt::Write as _;
use std::path::Path;

/// One step of a program that ran, or one whole call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The kernel's or library routine's name; for a whole call the program's.
    pub name: String,
    /// Whose step it was.
    pub program: String,
    /// The step's index; None for the whole call.
    pub step: Option<u32>,
    /// Number of the calling thread, from 1.
    pub thread: u32,
    /// When it began, in nanoseconds since recording was first possible.
    pub begin_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
}

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In the order in which they ended.
    pub events: Vec<Event>,
    /// How many events there was no room for.
    pub dropped: u64,
}

impl Timeline {
    /// Time by kernel, the most expensive first.
    pub fn report(&self) -> Report {
        Report::of(self)
    }

    /// JSON that `chrome://tracing` and ui.perfetto.dev show.
    pub fn to_chrome_trace(&self) -> String {
        let mut json = String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        for (index, event) in self.events.iter().enumerate() {
            let category = if event.step.is_some() { "step" } else { "call" };
            json.push_str(if index == 0 { "\n{\"name\":" } else { ",\n{\"name\":" });
            quote(&mut json, &event.name);
            let (begin, duration) = (microseconds(event.begin_ns), microseconds(event.duration_ns));
            let thread = event.thread;
            let _ = write!(json, ",\"cat\":\"{category}\",\"ph\":\"X\",\"ts\":{begin},\"dur\":{duration}");
            let _ = write!(json, ",\"pid\":1,\"tid\":{thread},\"args\":{{\"program\":");
            quote(&mut json, &event.program);
            if let Some(step) = event.step {
                let _ = write!(json, ",\"step\":{step}");
            }
            json.push_str("}}");
        }
        json.push_str("\n]}\n");
        json
    }

    /// Writes [`to_chrome_trace`](Self::to_chrome_trace) to a file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_chrome_trace()).map_err(|cause| {
            Error::new(Kind::File, format!("the profile cannot be written to `{}`: {cause}", path.display()))
        })
    }
}

/// Nanoseconds as a decimal number of microseconds, exactly.
fn microseconds(ns: u64) -> String {
    format!("{}.{:03}", ns / 1000, ns % 1000)
}

/// Appends a JSON string.
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(json, "\\u{:04x}", c as u32);
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_is_what_viewers_expect() {
        let event = Event {
            name: "mul+\"add\"\n".into(),
            program: "f".into(),
            step: Some(3),
            thread: 2,
            begin_ns: 1_002_003,
            duration_ns: 45,
        };
        let call = Event { name: "f".into(), step: None, ..event.clone() };
        let timeline = Timeline { events: vec![event, call], dropped: 0 };
        let wanted = concat!(
            "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n",
            "{\"name\":\"mul+\\\"add\\\"\\u000a\",\"cat\":\"step\",\"ph\":\"X\",\"ts\":1002.003,\"dur\":0.045,",
            "\"pid\":1,\"tid\":2,\"args\":{\"program\":\"f\",\"step\":3}},\n",
            "{\"name\":\"f\",\"cat\":\"call\",\"ph\":\"X\",\"ts\":1002.003,\"dur\":0.045,",
            "\"pid\":1,\"tid\":2,\"args\":{\"program\":\"f\"}}\n]}\n",
        );
        assert_eq!(timeline.to_chrome_trace(), wanted);
    }
}
