//! The reference of ops, made from the compiler's table when it is asked for: [`page`] and [`names`]. The command
//! `tracelift ops [NAME]` prints it.

use crate::engine::eager;
use crate::tensor::Tensor;
use std::fmt::Write;
use std::panic::Location;
use tracelift_compiler::graph::opdef::{AttrKind, Domain, Effects, Grad, Lower, Operands};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops;
use tracelift_runtime::DType;

macro_rules! collect {
    ($(($kind:ident $name:ident $op:ident $($rest:tt)*))*) => {
        /// Kind of the table's line, the function's name, the op.
        static OPS: &[(&str, &str, &OpDef)] = &[$((stringify!($kind), stringify!($name), &ops::$op)),*];
    };
}

tracelift_compiler::for_each_op! { collect }

/// The names of the ops that have a function here, in the order of their subjects.
pub fn names() -> Vec<&'static str> {
    public().map(|(name, _)| name).collect()
}

/// What there is to know of an op: operands, attributes, what it computes, its gradient, and an example that is computed
/// now. None if there is no op of that name.
///
/// ```
/// let page = tracelift::reference::page("square").unwrap();
/// assert!(page.starts_with("square(x)\n"));
/// assert!(page.contains("example: square([-1.5, 0.5, 2.0]) = [2.25, 0.25, 4.0]"), "{page}");
/// ```
pub fn page(name: &str) -> Option<String> {
    let (name, op) = public().find(|(known, op)| *known == name || op.name == name)?;
    let operands = match op.inputs {
        Operands::Named(names) => names.join(", "),
        Operands::Variadic { name, .. } => format!("&[{name}, ..]"),
    };
    let mut text = format!("{name}({operands})\n  {}\n", op.doc);
    for attr in op.attrs {
        let optional = if attr.optional { ", optional" } else { "" };
        let _ = writeln!(text, "  attribute {}: {}{optional}", attr.name, kind(attr.kind));
    }
    let _ = writeln!(text, "  class: {}", class(op));
    let _ = writeln!(text, "  gradient: {}", gradient(op));
    if let Some(example) = example(name, op) {
        let _ = writeln!(text, "  example: {example}");
    }
    Some(text)
}

fn public() -> impl Iterator<Item = (&'static str, &'static OpDef)> {
    OPS.iter().filter(|(kind, ..)| *kind != "internal").map(|&(_, name, op)| (name, op))
}

fn kind(kind: AttrKind) -> &'static str {
    match kind {
        AttrKind::Bool => "truth value",
        AttrKind::Int => "integer",
        AttrKind::Float => "number",
        AttrKind::Str => "text",
        AttrKind::DType => "dtype",
        AttrKind::Ints => "integers",
        AttrKind::Dims => "sizes",
        AttrKind::Data => "elements",
        AttrKind::Graph => "graph",
        AttrKind::Padding => "padding: a name or integers",
        AttrKind::Slot { .. } => "number of a size that depends on data",
        AttrKind::KnownSizes => "sizes that are known already",
    }
}

fn class(op: &OpDef) -> &'static str {
    match op.lower {
        Lower::Parameter | Lower::Source(_) => "source",
        Lower::Elementwise(_) => "elementwise; shapes broadcast; fuses with its neighbours",
        Lower::Movement(_) => "movement: moves elements, computes none",
        Lower::Reduction(_) => "reduction; fuses with what comes before and after",
        Lower::Contraction => "contraction; fuses with what comes after",
        Lower::Slot => "names a size that depends on data",
        Lower::Library(_) => "library kernel",
        Lower::Window(_) => "windows times a filter; fuses with what comes after",
        Lower::Composite(_) => "composite: compiled as the ops that it consists of",
    }
}

fn gradient(op: &OpDef) -> String {
    match op.grad {
        Grad::Elementwise(_) => "partial derivatives of its own".to_owned(),
        Grad::Rule(_) => "a rule of its own".to_owned(),
        Grad::Expansion => "that of the ops that it consists of".to_owned(),
        Grad::Zero(reason) => format!("zero: {reason}"),
        Grad::None(reason) => format!("none: {reason}"),
    }
}

/// The op on three elements of its domain; None for ops that need attributes, other shapes, or no operands.
fn example(name: &str, op: &'static OpDef) -> Option<String> {
    let Operands::Named(operands @ [_, ..]) = op.inputs else { return None };
    if op.effects != Effects::Pure || op.attrs.iter().any(|attr| !attr.optional) {
        return None;
    }
    let operand = match op.domain {
        Domain::Any | Domain::NonZero => crate::constant([-1.5, 0.5, 2.0]),
        Domain::Between(low, high) => Tensor::from([0.25, 0.5, 0.75].map(|t| (low + (high - low) * t) as f32)),
        Domain::Bools => crate::constant([true, false, true]),
        Domain::Special(_) => return None,
    };
    // Each operand is the one before, turned by one element.
    let turned = |k: usize| {
        let order: Vec<i64> = (0..3).map(|i| (i + k as i64) % 3).collect();
        crate::gather(&operand, Tensor::from(order))
    };
    let inputs: Vec<Tensor> = (0..operands.len()).map(|k| if k == 0 { operand.clone() } else { turned(k) }).collect();
    let results = eager::run(op, &Attrs::new(), &inputs.iter().collect::<Vec<_>>(), Location::caller()).ok()?;
    let shown: Vec<String> = inputs.iter().map(written).collect();
    Some(format!("{name}({}) = {}", shown.join(", "), results.iter().map(written).collect::<Vec<_>>().join(", ")))
}

/// The elements as a literal.
fn written(tensor: &Tensor) -> String {
    match tensor.array() {
        Some(array) if array.dtype().is_float() => {
            let elements: Vec<f32> = (0..array.len()).map(|i| array.element_f64(i) as f32).collect();
            if array.shape().is_empty() { format!("{:?}", elements[0]) } else { format!("{elements:?}") }
        }
        Some(array) if array.dtype() == DType::Bool => format!("{:?}", array.as_slice::<bool>()),
        _ => tensor.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_op_has_a_page() {
        assert!(names().len() > 100);
        for name in names() {
            let page = page(name).unwrap();
            assert!(page.lines().count() >= 4 && page.starts_with(&format!("{name}(")), "{page}");
        }
        assert!(page("no_such_op").is_none());
        assert!(page("parameter").is_none());
    }

    #[test]
    fn examples_are_computed() {
        let line = |name: &str| page(name).unwrap().lines().last().unwrap().trim().to_owned();
        assert_eq!(line("maximum"), "example: maximum([-1.5, 0.5, 2.0], [0.5, 2.0, -1.5]) = [0.5, 2.0, 2.0]");
        assert_eq!(line("reduce_sum"), "example: reduce_sum([-1.5, 0.5, 2.0]) = 1.0");
        assert_eq!(line("logical_not"), "example: logical_not([true, false, true]) = [false, true, false]");
    }
}
