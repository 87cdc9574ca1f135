//! Batteries over the table.

use super::*;
use std::collections::HashSet;

#[test]
fn names_are_unique_and_found() {
    let names: HashSet<&str> = all().iter().map(|op| op.name).collect();
    assert_eq!(names.len(), all().len());
    assert!(all().iter().all(|op| std::ptr::eq(find(op.name).unwrap(), *op)));
    assert!(find("no_such_op").is_none());
}
