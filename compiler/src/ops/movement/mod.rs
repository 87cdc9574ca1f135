//! Movement: elements get new places, none is computed.

pub mod broadcast;
pub mod concat;
pub mod pad;
pub mod reshape;
pub mod slice;
pub mod transpose;
