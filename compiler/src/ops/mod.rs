//! THE TABLE: one line per op.
