//! `docs/subgradients.md`, line by line: eagerly, compiled, and in the reference evaluator.

#[allow(dead_code)] // Only the root is needed here.
mod support;

use tracelift::config::{Backend, with_backend};
use tracelift::{GradientTape, Tensor, testing};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;

/// One line of a table.
struct Line {
    op: &'static str,
    operands: Vec<Vec<f64>>,
    gradients: Vec<Vec<f64>>,
}

fn lines(page: &'static str) -> Vec<Line> {
    let numbers = |text: &str| -> Vec<Vec<f64>> {
        let of = |part: &str| part.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        text.split(',').map(of).collect()
    };
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let is_row = !cells[0].is_empty() && cells[0] != "op" && !cells[0].starts_with('-');
        is_row.then(|| Line { op: cells[0], operands: numbers(cells[1]), gradients: numbers(cells[2]) })
    };
    page.lines().filter_map(row).collect()
}

/// A scalar if there is one number, else a vector.
fn tensor(numbers: &[f64]) -> Tensor {
    match numbers {
        [one] => Tensor::from(*one),
        many => Tensor::from(many.to_vec()),
    }
}

fn gradients(name: &str, operands: &[Tensor]) -> Vec<Tensor> {
    let op = ops::find(name).unwrap_or_else(|| panic!("no op {name}"));
    let tape = GradientTape::new();
    tape.watch(operands);
    let inputs: Vec<&Tensor> = operands.iter().collect();
    let result = testing::apply_op(op, Attrs::new(), &inputs).unwrap_or_else(|e| panic!("{e}")).swap_remove(0);
    tape.gradient(&result, operands)
}

#[test]
fn every_line_of_the_page_holds() {
    let page = include_str!("../docs/subgradients.md");
    let lines = lines(page);
    assert!(lines.len() >= 15, "only {} lines are found", lines.len());
    for line in lines {
        let operands: Vec<Tensor> = line.operands.iter().map(|n| tensor(n)).collect();
        let op = line.op;
        let traced = tracelift::function(move |operands: &Vec<Tensor>| gradients(op, operands));
        let ways = [
            ("eager", gradients(op, &operands)),
            ("compiled", traced.call(&operands)),
            ("reference", with_backend(Backend::Interpreter, || gradients(op, &operands))),
        ];
        for (way, found) in ways {
            for (found, expected) in found.iter().zip(&line.gradients) {
                let found = found.to_vec::<f64>();
                let close = |(a, b): (&f64, &f64)| a == b || (a - b).abs() < 1e-8;
                let equal = found.len() == expected.len() && found.iter().zip(expected).all(close);
                assert!(equal, "{op} at {:?}, {way}: {found:?} instead of {expected:?}", line.operands);
            }
        }
    }
}

#[test]
fn integers_and_complex_numbers_are_refused() {
    let x = tracelift::constant(1.0);
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let whole = tracelift::constant([1, 2]);
    let error = tape.try_gradient(&(&x * 2.0), &whole).unwrap_err().to_string();
    assert!(error.contains("is not a float tensor; only float tensors have gradients"), "{error}");
    let error = tape.try_gradient(&whole, &x).unwrap_err().to_string();
    assert!(error.contains("the target is i32[2]; only float tensors have gradients"), "{error}");
}
