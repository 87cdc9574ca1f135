//! The reference of ops, made from the compiler's table when it is asked for: [`page`] and [`names`]. The command
//! `tracelift ops [NAME]` prints it, `docs/ops.md` holds all of it, and the docs of functions and methods are taken from
//! there.

use crate::engine::eager;
use crate::tensor::Tensor;
use std::fmt::Write;
use std::panic::Location;
use tracelift_compiler::graph::opdef::{AttrDef, AttrKind, Domain, Effects, Grad, Lower, Operands, SpecCx};
use tracelift_compiler::graph::{AttrValue, Attrs, OpDef};
use tracelift_compiler::{Dim, TensorSpec, ops};
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

/// What there is to know of an op, as a section of Markdown: what it computes, operands, attributes, dtypes, an example that
/// is computed now, its gradient. None if there is no op of that name.
///
/// ```
/// let page = tracelift::reference::page("square").unwrap();
/// assert!(page.starts_with("## `square`\n"));
/// assert!(page.contains("`square([-1.5, 0.5, 2.0])` = `[2.25, 0.25, 4.0]`"), "{page}");
/// ```
pub fn page(name: &str) -> Option<String> {
    let (name, op) = public().find(|(known, op)| *known == name || op.name == name)?;
    let operands = match op.inputs {
        Operands::Named([]) => "none".to_owned(),
        Operands::Named(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        Operands::Variadic { name, least } => format!("`{name}`, {least} or more"),
    };
    let mut text = format!("## `{name}`\n\n{}\n\n- operands: {operands}\n", op.doc);
    let attrs: Vec<String> = op.attrs.iter().filter_map(attribute).collect();
    if !attrs.is_empty() {
        let _ = writeln!(text, "- attributes: {}", attrs.join(", "));
    }
    if op.inputs != Operands::Named(&[]) {
        let typed = DType::ALL.into_iter().filter_map(|dtype| Some((dtype, typed(name, op, dtype)?)));
        let (dtypes, calls): (Vec<DType>, Vec<String>) = typed.unzip();
        if let Some(call) = calls.first() {
            let _ = writeln!(text, "- dtypes: {}", dtypes.iter().map(|d| d.name()).collect::<Vec<_>>().join(", "));
            let _ = writeln!(text, "- for example: {call}");
        }
    }
    if let Some(example) = example(name, op) {
        let _ = writeln!(text, "- and: {example}");
    }
    let _ = writeln!(text, "- gradient: {}", gradient(op));
    let _ = writeln!(text, "- compiled as: {}", lowering(op));
    Some(text)
}

fn public() -> impl Iterator<Item = (&'static str, &'static OpDef)> {
    OPS.iter().filter(|(kind, ..)| *kind != "internal").map(|&(_, name, op)| (name, op))
}

/// Name and kind; None for what the library sets by itself.
fn attribute(def: &AttrDef) -> Option<String> {
    let kind = match def.kind {
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
        AttrKind::Slot { .. } | AttrKind::KnownSizes => return None,
    };
    Some(format!("`{}` ({kind}{})", def.name, if def.optional { ", optional" } else { "" }))
}

fn lowering(op: &OpDef) -> &'static str {
    match op.lower {
        Lower::Parameter | Lower::Source(_) => "a value that needs no operands",
        Lower::Elementwise(_) => "a loop over elements, fused with its neighbours; shapes broadcast",
        Lower::Movement(_) => "addresses in other ops' loops: it moves elements and computes none",
        Lower::Reduction(_) => "a loop with a fold, fused with what comes before and after",
        Lower::Contraction => "a matrix product, fused with what comes after",
        Lower::Slot => "a size that is found when it runs",
        Lower::Library(_) => "a call of the runtime's library",
        Lower::Window(_) => "windows times a filter, fused with what comes after",
        Lower::Composite(_) => "the ops that it consists of",
    }
}

fn gradient(op: &OpDef) -> String {
    match op.grad {
        Grad::Elementwise(_) => "partial derivatives of its own".to_owned(),
        Grad::Rule(_) => "a rule of its own".to_owned(),
        Grad::Expansion => "that of the ops that it consists of".to_owned(),
        Grad::Zero(reason) => format!("zero: {reason}"),
        Grad::None(reason) => format!("an error: {reason}"),
    }
}

/// A call of the op on 2 by 3 operands of one dtype that it accepts, and what it gives.
fn typed(name: &str, op: &OpDef, dtype: DType) -> Option<String> {
    let count = match op.inputs {
        Operands::Named(names) => names.len(),
        Operands::Variadic { least, .. } => least.max(2),
    };
    let operands = vec![TensorSpec::new(dtype, [2usize, 3]); count];
    let required: Vec<&AttrDef> = op.attrs.iter().filter(|def| !def.optional).collect();
    let asked = candidates(&required).into_iter().map(|attrs| {
        let results = (op.spec)(&SpecCx { inputs: &operands, attrs: &attrs });
        (attrs, results)
    });
    let (attrs, results) = asked.into_iter().find_map(|(attrs, results)| Some((attrs, results.ok()?)))?;
    let attrs = required.iter().filter_map(|def| Some(format!("{} = {}", def.name, shown(attrs.get(def.name)?))));
    let call: Vec<String> = operands.iter().map(ToString::to_string).chain(attrs).collect();
    let results: Vec<String> = results.iter().map(ToString::to_string).collect();
    Some(format!("`{name}({})` gives `{}`", call.join(", "), results.join(", ")))
}

/// Values to try for required attributes.
fn candidates(required: &[&AttrDef]) -> Vec<Attrs> {
    let mut all = vec![Attrs::new()];
    for def in required {
        let values: Vec<AttrValue> = match def.kind {
            AttrKind::Bool => vec![false.into()],
            AttrKind::Int => vec![1i64.into(), 2i64.into(), 0i64.into()],
            AttrKind::Float => vec![1.0.into()],
            AttrKind::Str => vec!["ij,kj->ik".into(), "SAME".into()],
            AttrKind::DType => vec![DType::F32.into(), DType::I32.into()],
            AttrKind::Ints => vec![vec![1i64].into(), vec![1i64, 1].into(), vec![1i64, 0].into(), vec![0i64; 4].into()],
            AttrKind::Dims => [&[3i64, 2][..], &[2, 3], &[1, 1], &[0, 0], &[4]]
                .iter()
                .map(|sizes| sizes.iter().map(|&n| Dim::from(n)).collect::<Vec<_>>().into())
                .collect(),
            // Given by the builder, not by users.
            _ => Vec::new(),
        };
        all = all.iter().flat_map(|attrs| values.iter().map(|v| attrs.clone().with(def.name, v.clone()))).collect();
    }
    all
}

fn shown(value: &AttrValue) -> String {
    match value {
        AttrValue::Bool(v) => v.to_string(),
        AttrValue::Int(v) => v.to_string(),
        AttrValue::Float(v) => v.to_string(),
        AttrValue::Str(v) => format!("{v:?}"),
        AttrValue::DType(v) => v.to_string(),
        AttrValue::Ints(v) => format!("{v:?}"),
        AttrValue::Dims(v) => format!("[{}]", v.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        AttrValue::Data(_) | AttrValue::Graph(_) => "..".to_owned(),
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
    let results: Vec<String> = results.iter().map(written).collect();
    Some(format!("`{name}({})` = `{}`", shown.join(", "), results.join(", ")))
}

/// The elements as a literal; of floats five digits, which are the same on every machine.
fn written(tensor: &Tensor) -> String {
    match tensor.array() {
        Some(array) if array.dtype().is_float() => {
            let rounded = |x: f64| format!("{x:.4e}").parse().unwrap_or(x as f32);
            let elements: Vec<f32> = (0..array.len()).map(|i| rounded(array.element_f64(i))).collect();
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
    fn pages_are_found_by_name() {
        assert!(names().len() > 100);
        assert!(page("where").unwrap().starts_with("## `where_`\n"));
        assert!(page("no_such_op").is_none());
        assert!(page("parameter").is_none());
    }

    #[test]
    fn examples_are_computed() {
        let has = |name: &str, text: &str| {
            let page = page(name).unwrap();
            assert!(page.contains(text), "{page}");
        };
        has("maximum", "- and: `maximum([-1.5, 0.5, 2.0], [0.5, 2.0, -1.5])` = `[0.5, 2.0, 2.0]`\n");
        has("reduce_sum", "- and: `reduce_sum([-1.5, 0.5, 2.0])` = `1.0`\n");
        has("logical_not", "- and: `logical_not([true, false, true])` = `[false, true, false]`\n");
        has("expand_dims", "- for example: `expand_dims(f32[2, 3], axis = 1)` gives `f32[2, 1, 3]`\n");
    }
}
