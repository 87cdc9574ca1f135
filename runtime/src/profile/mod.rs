//! What ran, when, and for how long: events of program steps, as a timeline for viewers and a table.
//!
//! Start with [`start`] and [`finish`], or set `TRACELIFT_PROFILE=path` to record from the first call to the end of
//! the process. While nothing is recorded, a program's call pays one relaxed load.

mod report;
mod timeline;

pub use report::{Line, Report};
pub use timeline::{Event, Timeline};

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Events kept at most; later ones are only counted.
const MAX_EVENTS: usize = 4_000_000;

/// The environment has not been looked at.
const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
static TIMELINE: Mutex<Timeline> = Mutex::new(Timeline { events: Vec::new(), dropped: 0 });

/// Begins to record the calls of all threads, and forgets what was recorded before.
pub fn start() {
    *timeline() = Timeline::default();
    epoch();
    STATE.store(ON, Relaxed);
}

/// Stops recording and gives the events since [`start`].
pub fn finish() -> Timeline {
    STATE.store(OFF, Relaxed);
    std::mem::take(&mut timeline())
}

/// Whether events are recorded.
#[inline]
pub fn is_on() -> bool {
    match STATE.load(Relaxed) {
        OFF => false,
        ON => true,
        _ => look_at_environment(),
    }
}

/// Notes that something ran from `begin` until now.
pub(crate) fn record(program: &str, name: &str, step: Option<u32>, begin: Instant) {
    let nanoseconds = |duration: std::time::Duration| duration.as_nanos().try_into().unwrap_or(u64::MAX);
    let event = Event {
        name: name.to_owned(),
        program: program.to_owned(),
        step,
        thread: thread_number(),
        begin_ns: nanoseconds(begin.saturating_duration_since(epoch())),
        duration_ns: nanoseconds(begin.elapsed()),
    };
    let mut timeline = timeline();
    if timeline.events.len() < MAX_EVENTS {
        timeline.events.push(event);
    } else {
        timeline.dropped += 1;
    }
}

#[cold]
fn look_at_environment() -> bool {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();

    extern "C" fn save_at_exit() {
        let Some(Some(path)) = PATH.get() else { return };
        let timeline = finish();
        if let Err(error) = timeline.save(path) {
            eprintln!("tracelift: {error}");
        }
    }

    let path = PATH.get_or_init(|| {
        let path = std::env::var_os("TRACELIFT_PROFILE").filter(|path| !path.is_empty()).map(PathBuf::from);
        if path.is_some() {
            // SAFETY: the function is safe to call at exit: it touches only statics, which are never dropped.
            unsafe { libc::atexit(save_at_exit) };
        }
        path
    });
    epoch();
    // Unless `start` or `finish` was called in the meantime.
    let state = if path.is_some() { ON } else { OFF };
    match STATE.compare_exchange(UNKNOWN, state, Relaxed, Relaxed) {
        Ok(_) => state == ON,
        Err(other) => other == ON,
    }
}

/// The time from which events count.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn timeline() -> MutexGuard<'static, Timeline> {
    TIMELINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A small number for each thread that records.
fn thread_number() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    if NUMBER.get() == 0 {
        NUMBER.set(NEXT.fetch_add(1, Relaxed));
    }
    NUMBER.get()
}
