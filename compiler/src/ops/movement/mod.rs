//! Movement: elements get new places, none is computed.

pub mod axes;
pub mod blocks;
pub mod broadcast;
pub mod concat;
pub mod gather;
pub mod one_hot;
pub mod pad;
pub mod reshape;
pub mod slice;
pub mod sort;
pub mod transpose;
