//! [`Options`]: everything that changes what the compiler makes of a graph. Plain data, so it is part of cache keys.

/// How hard to optimise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Only what is needed to get code: composites expanded, dead nodes removed, one kernel an op.
    O0,
    /// Cheap passes in one round.
    O1,
    /// All passes.
    #[default]
    O2,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Level; 3] = [Level::O0, Level::O1, Level::O2];
}

/// What to compile for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// How hard to optimise.
    pub level: Level,
    /// Bit-equal to eager execution for elementwise ops and reductions: no contraction, no rule that rounds
    /// differently, fixed reduction order.
    pub strict: bool,
    /// Rules may ignore NaN, infinities and the sign of zero. Never together with `strict`.
    pub fast_math: bool,
    /// Verify the IR after every pass. On by default in builds with debug assertions.
    pub verify: bool,
    /// Generated code compares each access with its buffer's length, and returns an error of kind `Internal` that
    /// names kernel and instruction instead of reaching outside. Kernels are verified as with `verify` too.
    pub debug_bounds: bool,
    /// Optional rewrites stop after this many, over all passes: the way to bisect a miscompile. None: each
    /// pass has a limit of its own that only a runaway rule reaches.
    pub fuel: Option<u64>,
    /// Constant folding makes no constant of more elements than this.
    pub fold_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: Level::default(),
            strict: false,
            fast_math: false,
            verify: cfg!(debug_assertions),
            debug_bounds: false,
            fuel: None,
            fold_limit: 1024,
        }
    }
}

impl Options {
    /// The defaults at a level.
    pub fn at(level: Level) -> Self {
        Self { level, ..Self::default() }
    }
}
