//! Tracing: recording ops into a graph instead of running them. Start with [`recorder`].

pub(crate) mod recorder;
