//! Where the frontend meets compiler and runtime: ops are executed or recorded here, and only here.
//!
//! Start with [`dispatch::apply`]: every op a user calls goes through it. Compiled traces come in through
//! [`backend::Backend`], and under a tape through [`derivative::Taped`].

pub(crate) mod backend;
pub(crate) mod backward;
pub(crate) mod cache;
pub(crate) mod cx;
pub(crate) mod derivative;
pub(crate) mod dispatch;
pub(crate) mod eager;
pub(crate) mod key;
pub(crate) mod numerics;
pub(crate) mod replay;
pub(crate) mod settings;

/// Vectors of lengths that users chose.
pub(crate) use tracelift_runtime::alloc::collect;
/// Ops of the user's own, as the runtime calls them.
pub(crate) use tracelift_runtime::kernels::library::host;
#[cfg(test)]
mod tests;
