//! Where the frontend meets compiler and runtime: ops are executed or recorded here, and only here.
//!
//! Start with [`dispatch::apply`]: every op a user calls goes through it.

pub(crate) mod backend;
pub(crate) mod backward;
pub(crate) mod cache;
pub(crate) mod cx;
pub(crate) mod dispatch;
pub(crate) mod eager;
pub(crate) mod key;
pub(crate) mod numerics;
#[cfg(test)]
mod tests;
