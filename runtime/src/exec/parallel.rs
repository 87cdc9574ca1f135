//! Fork-join over the points of a grid, for work of microseconds.
//!
//! Start with [`for_each`]. The calling thread always works; helper threads join while there is work left, and
//! a helper that wakes too late is not waited for. A helper spins for a while after a region, so that a run of
//! short kernels finds it awake, then parks. There is one team of helpers in the process: a caller that finds
//! it taken by another thread runs alone, and so does a nested call.
//!
//! Points are dealt out as one contiguous share a worker, taken in chunks; a worker that has finished its
//! share takes chunks of the others'. Repeated regions over the same data thus find it in the same core's
//! cache, and an uneven load still balances.
//!
//! Invariants
//! - a body is called on disjoint ranges that cover `0..points`; within a region a worker number is in use by
//!   one thread at a time, and is less than the bound that [`for_each_of`] was given: who sizes memory by workers
//!   passes the same number to both, since [`threads`] may change between two looks. Bodies must give the same bits
//!   for any split;
//! - `Team::state` holds the region's number, whether it is open, how many helpers are wanted and how many are
//!   inside. `Team::job` is written only while the region is closed with nobody inside.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// The most threads that a region may use.
pub const MAX_THREADS: usize = 256;

/// The least work, in nanoseconds, for which one more thread pays.
const MIN_WORK_PER_THREAD: i64 = 4_000;
/// The least work, in nanoseconds, that is taken from a share at once.
const MIN_WORK_PER_CHUNK: i64 = 2_000;
/// Chunks in a share, if they are not too small.
const CHUNKS_PER_SHARE: i64 = 8;
/// How long a helper stays awake after its last region.
const SPIN: Duration = Duration::from_micros(30);

/// What a region runs: `body(begin, end, worker)`.
pub type Body<'a> = dyn Fn(i64, i64, usize) + Sync + 'a;

/// Calls `body(begin, end, worker)` on ranges that together are `0..points`, on as many threads as the work
/// is worth: `cost_ns_per_point` is the estimated time of one point in nanoseconds.
///
/// A panic in a body stops the region and is raised again here.
pub fn for_each(points: i64, cost_ns_per_point: i64, body: &Body<'_>) {
    for_each_of(threads(), points, cost_ns_per_point, body);
}

/// [`for_each`] with at most `limit` workers, whatever [`threads`] says by now: worker numbers are less than `limit`.
pub fn for_each_of(limit: usize, points: i64, cost_ns_per_point: i64, body: &Body<'_>) {
    if points <= 0 {
        return;
    }
    let work = points.saturating_mul(cost_ns_per_point.max(1));
    let worth = (work / MIN_WORK_PER_THREAD).min(points);
    if worth < 2 {
        return body(0, points, 0);
    }
    let workers = (limit.min(MAX_THREADS) as i64).min(worth);
    if workers < 2 || BUSY.get() {
        return body(0, points, 0);
    }
    let least = MIN_WORK_PER_CHUNK / cost_ns_per_point.max(1);
    let chunk = (points / (workers * CHUNKS_PER_SHARE)).max(least).max(1);
    if !Team::get().run(workers as usize, points, chunk, body) {
        body(0, points, 0);
    }
}

/// [`for_each`] of a body that can fail. All ranges are tried; the error is that of the first that fails, and so the same
/// for any split, if a body stops at the first point that fails.
pub fn try_for_each<E: Send>(
    points: i64,
    cost_ns_per_point: i64,
    body: &(dyn Fn(i64, i64) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let first: Mutex<Option<(i64, E)>> = Mutex::new(None);
    for_each(points, cost_ns_per_point, &|begin, end, _| {
        if let Err(error) = body(begin, end) {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.as_ref().is_none_or(|(at, _)| begin < *at) {
                *first = Some((begin, error));
            }
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |(_, error)| Err(error))
}

/// The number of threads, the caller included, that a region started here may use.
pub fn threads() -> usize {
    match LIMIT.get() {
        0 => default_threads().load(Relaxed),
        limit => limit,
    }
}

/// Sets the process-wide number of threads, the caller included; 1 means that nothing is split. 0 restores the
/// default: `TRACELIFT_THREADS`, or else the number of cores that the process may use.
pub fn set_threads(n: usize) {
    let n = if n == 0 { initial_threads() } else { n.min(MAX_THREADS) };
    default_threads().store(n, Relaxed);
}

/// Runs `f` with `n` threads for the regions that this thread starts in it.
pub fn with_threads<R>(n: usize, f: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            LIMIT.set(self.0);
        }
    }
    let _restore = Restore(LIMIT.replace(n.clamp(1, MAX_THREADS)));
    f()
}

thread_local! {
    /// The number of threads set by [`with_threads`], or 0.
    static LIMIT: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread is inside a region: nested regions run on it alone.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

fn default_threads() -> &'static AtomicUsize {
    static THREADS: OnceLock<AtomicUsize> = OnceLock::new();
    THREADS.get_or_init(|| AtomicUsize::new(initial_threads()))
}

fn initial_threads() -> usize {
    let asked = std::env::var("TRACELIFT_THREADS").ok().and_then(|text| text.trim().parse::<usize>().ok());
    asked.filter(|&n| n > 0).unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get())).min(MAX_THREADS)
}

/// The helpers and the region they work on.
struct Team {
    /// Whether some thread owns the team.
    taken: AtomicBool,
    /// See [`State`].
    state: Line<AtomicU64>,
    /// What to run; see the module's invariants.
    job: UnsafeCell<Job>,
    /// The next point of each worker's share.
    cursors: Box<[Line<AtomicI64>]>,
    /// Set when a body has panicked: no more chunks are taken.
    stopped: AtomicBool,
    /// The first panic of a helper.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    helpers: Box<[Helper]>,
    /// How many of `helpers` have a thread. Changed only by the owner of the team.
    spawned: AtomicUsize,
}

/// One helper thread.
struct Helper {
    thread: OnceLock<Thread>,
    /// Whether it sleeps, or is about to: whoever turns this off wakes it.
    parked: AtomicBool,
}

/// A region's body and how its points are dealt out.
#[derive(Clone, Copy)]
struct Job {
    body: *const Body<'static>,
    workers: usize,
    chunk: i64,
    /// Points in a share; the first `rest` shares have one more.
    base: i64,
    rest: i64,
}

/// A value on cache lines of its own (two, for the adjacent-line prefetcher).
#[repr(align(128))]
struct Line<T>(T);

/// The contents of [`Team::state`]: region number (32 bits), open (1), helpers wanted (15), helpers inside (16).
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    const OPEN: u64 = 1 << 31;

    fn region(self) -> u64 {
        self.0 >> 32
    }

    fn is_open(self) -> bool {
        self.0 & Self::OPEN != 0
    }

    fn wanted(self) -> usize {
        (self.0 >> 16 & 0x7fff) as usize
    }

    fn inside(self) -> u64 {
        self.0 & 0xffff
    }
}

// SAFETY: `job` is the only part that is not Sync by itself; the protocol of `state` (module doc) keeps its
// writes apart from its reads, and its body is Sync.
unsafe impl Sync for Team {}
// SAFETY: as above; nothing in it belongs to one thread.
unsafe impl Send for Team {}

impl Team {
    fn get() -> &'static Team {
        static TEAM: OnceLock<Team> = OnceLock::new();
        TEAM.get_or_init(|| Team {
            taken: AtomicBool::new(false),
            state: Line(AtomicU64::new(0)),
            job: UnsafeCell::new(Job { body: &|_, _, _| (), workers: 1, chunk: 1, base: 0, rest: 0 }),
            cursors: (0..MAX_THREADS).map(|_| Line(AtomicI64::new(0))).collect(),
            stopped: AtomicBool::new(false),
            panic: Mutex::new(None),
            helpers: (1..MAX_THREADS)
                .map(|_| Helper { thread: OnceLock::new(), parked: AtomicBool::new(false) })
                .collect(),
            spawned: AtomicUsize::new(0),
        })
    }

    /// Runs a region, or gives false if another thread has the team.
    fn run(&'static self, workers: usize, points: i64, chunk: i64, body: &Body<'_>) -> bool {
        if self.taken.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            return false;
        }
        let workers = 1 + self.spawn(workers - 1);
        // SAFETY: only the lifetime changes. The region is over, and no helper inside, before `run` returns.
        let body: *const Body<'static> = unsafe { std::mem::transmute(body as *const Body<'_>) };
        let job = Job { body, workers, chunk, base: points / workers as i64, rest: points % workers as i64 };
        // SAFETY: this thread owns the team and the region is closed, so nobody reads the job.
        unsafe { *self.job.get() = job };
        for worker in 0..workers {
            self.cursors[worker].0.store(job.share(worker).0, Relaxed);
        }
        self.stopped.store(false, Relaxed);
        self.open(workers - 1);
        BUSY.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work(job, 0)));
        BUSY.set(false);
        if outcome.is_err() {
            self.stopped.store(true, Relaxed);
        }
        self.close();
        let panic = match outcome {
            Err(payload) => Some(payload),
            Ok(()) if self.stopped.load(Relaxed) => self.panic.lock().unwrap_or_else(|e| e.into_inner()).take(),
            Ok(()) => None,
        };
        self.taken.store(false, Release);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        true
    }

    /// Makes sure that there are `wanted` helpers; gives how many there are of them.
    fn spawn(&'static self, wanted: usize) -> usize {
        let mut count = self.spawned.load(Relaxed);
        while count < wanted {
            let name = format!("tracelift-{}", count + 1);
            let Ok(handle) = thread::Builder::new().name(name).spawn(move || self.help(count)) else { break };
            let _ = self.helpers[count].thread.set(handle.thread().clone());
            count += 1;
            self.spawned.store(count, Relaxed);
        }
        count.min(wanted)
    }

    /// Publishes the job and wakes the helpers that sleep.
    fn open(&self, helpers: usize) {
        let region = State(self.state.0.load(Relaxed)).region() + 1;
        // Sequentially consistent, against a helper that sets `parked` and then looks at the state.
        self.state.0.store(region << 32 | State::OPEN | (helpers as u64) << 16, SeqCst);
        for helper in &self.helpers[..helpers] {
            if helper.parked.load(SeqCst) && helper.parked.swap(false, SeqCst) {
                helper.thread.get().expect("a helper is known before it is wanted").unpark();
            }
        }
    }

    /// Lets no more helpers in and waits for those inside.
    fn close(&self) {
        let mut state = State(self.state.0.fetch_and(!State::OPEN, AcqRel));
        let mut spins = 0;
        while state.inside() != 0 {
            spins += 1;
            // A helper that was preempted inside needs this core.
            if spins % 1024 == 0 {
                thread::yield_now()
            } else {
                std::hint::spin_loop()
            }
            state = State(self.state.0.load(Acquire));
        }
    }

    /// Takes chunks until there are none: of the worker's own share first, then of the others'.
    fn work(&self, job: Job, worker: usize) {
        // SAFETY: the region outlives the work of everyone inside it.
        let body = unsafe { &*job.body };
        for turn in 0..job.workers {
            let owner = (worker + turn) % job.workers;
            let end = job.share(owner).1;
            let cursor = &self.cursors[owner].0;
            while cursor.load(Relaxed) < end && !self.stopped.load(Relaxed) {
                let begin = cursor.fetch_add(job.chunk, Relaxed);
                if begin >= end {
                    break;
                }
                body(begin, end.min(begin + job.chunk), worker);
            }
        }
    }

    /// The life of a helper thread.
    fn help(&self, index: usize) {
        BUSY.set(true);
        let mut last_region = 0;
        let mut idle_since = Instant::now();
        loop {
            let state = State(self.state.0.load(Acquire));
            if state.region() != last_region && state.wanted() > index {
                if !state.is_open() {
                    // Missed: another one is likely to follow.
                    last_region = state.region();
                    idle_since = Instant::now();
                } else if self.state.0.compare_exchange(state.0, state.0 + 1, AcqRel, Relaxed).is_ok() {
                    last_region = state.region();
                    // SAFETY: the region is open or has this helper inside, so the job is not written.
                    let job = unsafe { *self.job.get() };
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.work(job, index + 1))) {
                        *self.panic.lock().unwrap_or_else(|e| e.into_inner()) = Some(payload);
                        self.stopped.store(true, Relaxed);
                    }
                    self.state.0.fetch_sub(1, AcqRel);
                    idle_since = Instant::now();
                }
                continue;
            }
            // Reading the clock costs as much as several looks at the state.
            let mut looks = 0;
            while looks < 16 && self.state.0.load(Relaxed) == state.0 {
                std::hint::spin_loop();
                looks += 1;
            }
            if idle_since.elapsed() > SPIN {
                self.park(index, last_region);
                idle_since = Instant::now();
            }
        }
    }

    /// Sleeps until a region wants this helper.
    fn park(&self, index: usize, last_region: u64) {
        let parked = &self.helpers[index].parked;
        parked.store(true, SeqCst);
        let state = State(self.state.0.load(SeqCst));
        if state.region() != last_region && state.wanted() > index {
            parked.store(false, SeqCst);
            return;
        }
        while parked.load(SeqCst) {
            thread::park();
        }
    }
}

impl Job {
    /// First point of a worker's share, and the point after its last.
    fn share(&self, worker: usize) -> (i64, i64) {
        let begin = |w: i64| self.base * w + w.min(self.rest);
        (begin(worker as i64), begin(worker as i64 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// Counts how often each point is visited; large cost so that the region is split.
    fn visits(points: i64) -> Vec<u32> {
        let counts: Vec<AtomicU32> = (0..points).map(|_| AtomicU32::new(0)).collect();
        let threads = threads();
        for_each(points, 1_000_000, &|begin, end, worker| {
            assert!(worker < threads);
            for point in begin..end {
                counts[point as usize].fetch_add(1, Relaxed);
            }
        });
        counts.into_iter().map(AtomicU32::into_inner).collect()
    }

    #[test]
    fn every_point_is_visited_once() {
        for n in [1, 2, 3, 8] {
            with_threads(n, || {
                for points in [0, 1, 2, 7, 64, 1001] {
                    assert_eq!(visits(points), vec![1; points as usize], "{points} points on {n} threads");
                }
            });
        }
    }

    #[test]
    fn small_work_is_not_split() {
        with_threads(4, || {
            for_each(100, 10, &|begin, end, worker| assert_eq!((begin, end, worker), (0, 100, 0)));
        });
    }

    #[test]
    fn one_thread_means_one_range() {
        with_threads(1, || {
            for_each(1000, 1_000_000, &|begin, end, worker| assert_eq!((begin, end, worker), (0, 1000, 0)));
        });
    }

    #[test]
    fn worker_numbers_keep_to_the_bound_that_memory_was_sized_by() {
        with_threads(8, || {
            let widest = AtomicUsize::new(0);
            for limit in [1, 2, 3] {
                for_each_of(limit, 1000, 1_000_000, &|_, _, worker| _ = widest.fetch_max(worker, Relaxed));
                assert!(widest.load(Relaxed) < limit, "worker {widest:?} of {limit}");
            }
        });
    }

    #[test]
    fn the_first_failure_is_told_for_any_split() {
        for threads in [1, 2, 8] {
            let fail_at = |least: i64| {
                with_threads(threads, || {
                    try_for_each(1000, 1_000_000, &|begin, end| {
                        (begin..end).find(|&point| point >= least && point % 7 == 0).map_or(Ok(()), Err)
                    })
                })
            };
            assert_eq!((fail_at(500), fail_at(0), fail_at(1000)), (Err(504), Err(0), Ok(())));
        }
    }

    #[test]
    fn helpers_work_too() {
        // The caller's point waits for somebody else's: without a helper this would not end.
        with_threads(2, || {
            for _ in 0..100 {
                let met = AtomicU32::new(0);
                let alone = AtomicBool::new(false);
                for_each(2, 1_000_000, &|begin, end, _| {
                    if end - begin == 2 {
                        alone.store(true, Relaxed);
                        return;
                    }
                    met.fetch_add(1, SeqCst);
                    while met.load(SeqCst) < 2 {
                        thread::yield_now();
                    }
                });
                // Another test may hold the team; then the region came as one range.
                assert!(alone.load(Relaxed) || met.load(SeqCst) == 2);
            }
        });
    }

    #[test]
    fn a_worker_number_is_used_by_one_thread_at_a_time() {
        with_threads(4, || {
            let in_use: Vec<AtomicBool> = (0..4).map(|_| AtomicBool::new(false)).collect();
            for _ in 0..200 {
                for_each(64, 100_000, &|_, _, worker| {
                    assert!(!in_use[worker].swap(true, SeqCst));
                    assert!(in_use[worker].swap(false, SeqCst));
                });
            }
        });
    }

    #[test]
    fn nested_regions_run_alone() {
        with_threads(4, || {
            for_each(8, 1_000_000, &|begin, end, _| {
                if end - begin == 8 {
                    return; // Another test holds the team, so this is no region.
                }
                let outer = thread::current().id();
                for_each(100, 1_000_000, &|b, e, worker| {
                    assert_eq!((b, e, worker, thread::current().id()), (0, 100, 0, outer));
                });
            });
        });
    }

    #[test]
    fn concurrent_callers_all_finish() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    with_threads(3, || {
                        for round in 0..200 {
                            assert!(visits(1 + round % 50).iter().all(|&n| n == 1));
                        }
                    })
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_survives() {
        with_threads(4, || {
            for bad in [0, 17, 63] {
                let caught = catch_unwind(|| {
                    for_each(64, 1_000_000, &|begin, end, _| {
                        assert!(!(begin..end).contains(&bad), "point {bad}");
                    });
                });
                let payload = caught.expect_err("the panic was lost");
                assert_eq!(payload.downcast_ref::<String>().unwrap(), &format!("point {bad}"));
                assert_eq!(visits(100), vec![1; 100]);
            }
        });
        assert!(!BUSY.get());
    }

    #[test]
    fn helpers_wake_after_a_pause() {
        with_threads(3, || {
            for _ in 0..20 {
                thread::sleep(SPIN * 4);
                assert_eq!(visits(33), vec![1; 33]);
            }
        });
    }

    #[test]
    fn thread_counts_nest_and_are_restored() {
        let before = threads();
        with_threads(3, || {
            assert_eq!(threads(), 3);
            with_threads(1, || assert_eq!(threads(), 1));
            assert_eq!(threads(), 3);
            let _ = catch_unwind(|| with_threads(2, || panic!("unwinds")));
            assert_eq!(threads(), 3);
        });
        assert_eq!(threads(), before);
    }
}
