//! Selection, extrema, rectifiers.

use crate::ops::{LOGICAL_NOT, MAXIMUM, MINIMUM, RELU, RELU6, SELECT};
use crate::rewrite::Rule;
use crate::rules;

/// See the module.
pub const RULES: &[Rule] = rules! {
    exact select_true: SELECT(1, x, y) => x;
    exact select_false: SELECT(0, x, y) => y;
    exact select_same: SELECT(c, x, x) => x;
    exact select_not: SELECT(LOGICAL_NOT(c), x, y) => SELECT(c, y, x);
    exact select_then_same: SELECT(c, SELECT(c, x, y), z) => SELECT(c, x, z);
    exact select_else_same: SELECT(c, x, SELECT(c, y, z)) => SELECT(c, x, z);
    exact maximum_itself: MAXIMUM(x, x) => x;
    exact minimum_itself: MINIMUM(x, x) => x;
    exact relu_relu: RELU(RELU(x)) => RELU(x);
    exact relu6_relu: RELU6(RELU(x)) => RELU6(x);
    exact relu_relu6: RELU(RELU6(x)) => RELU6(x);
    exact relu6_relu6: RELU6(RELU6(x)) => RELU6(x);
};
