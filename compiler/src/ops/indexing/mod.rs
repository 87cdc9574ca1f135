//! Elements read, written, ordered and counted by index.
//!
//! [`scatter`] has the one primitive that writes by index; [`nd`] addresses by tuples of indices, both by way of
//! flat positions that [`search::CHECK_INDEX`] has checked. [`bounded`] has results whose size depends on data.

pub mod bounded;
pub mod count;
pub mod diagonal;
pub mod nd;
pub mod partition;
pub mod scatter;
pub mod search;
pub mod segment;
