//! Running programs: the fork-join that every kernel's grid goes through.

pub mod parallel;
