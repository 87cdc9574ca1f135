//! Batteries over the table, and the worked example of ARCHITECTURE.md.

#[path = "worked_example.rs"]
mod worked_example;

use super::*;
use crate::graph::{Attrs, GraphBuilder};
use crate::options::{Level, Options};
use crate::{DType, Loc, TensorSpec, compile, grad, interp};
use std::collections::HashSet;
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

#[test]
fn names_are_unique_and_found() {
    let names: HashSet<&str> = all().iter().map(|op| op.name).collect();
    assert_eq!(names.len(), all().len());
    assert!(all().iter().all(|op| std::ptr::eq(find(op.name).unwrap(), *op)));
    assert!(find("no_such_op").is_none());
}

/// Table lines as the page has them.
macro_rules! table {
    ($(($kind:ident $name:ident $static:ident))*) => {
        [$((&worked_example::$static, concat!("(", stringify!($kind), " ", stringify!($name), " ", stringify!($static), ")"))),*]
    };
}

#[test]
fn the_worked_example_is_an_op() {
    let page = include_str!("../../../ARCHITECTURE.md");
    let (_, entry) = include_str!("worked_example.rs").split_once("use crate::ops::entry::*;\n\n").unwrap();
    assert!(page.contains(&format!("```rust\n{entry}```")), "ARCHITECTURE.md shows another entry than\n{entry}");
    let [(op, line)] = table! { (unary squareplus SQUAREPLUS) };
    assert!(page.contains(&format!("```rust\n{line}\n```")), "ARCHITECTURE.md shows another line than {line}");

    // It has a value, a gradient, and compiles, with nothing more.
    let mut builder = GraphBuilder::new("squareplus");
    let x = builder.parameter("x", TensorSpec::new(DType::F64, [3i64]));
    let y = builder.apply_at(op, Attrs::new(), &[x], Loc::default()).unwrap()[0];
    let slope = grad::gradient(&mut builder, &[(y, None)], &[x]).unwrap()[0].unwrap();
    let graph = builder.finish(vec![y, slope]);
    let x = Array::from_slice(&[3], &[0.25, 0.5, 0.9]);
    let expected = interp::run(&graph, std::slice::from_ref(&x)).unwrap();
    let program = Executable::new(compile(&graph, &Options::at(Level::O2)).unwrap().program).unwrap();
    let results = program.call(&[&x]).unwrap();
    for (i, &x) in x.as_slice::<f64>().iter().enumerate() {
        let root = (x * x + 4.0).sqrt();
        let exact = [(x + root) / 2.0, (1.0 + x / root) / 2.0];
        for (k, exact) in exact.into_iter().enumerate() {
            for array in [&expected[k], &results[k]] {
                assert!((array.as_slice::<f64>()[i] - exact).abs() < 1e-12, "{k}: {array:?}");
            }
        }
    }
}
