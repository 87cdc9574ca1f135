//! `docs/ops.md`, the op reference, is what the table says. `TRACELIFT_BLESS=1 cargo test --test op_reference` writes it.

mod support;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::{bless, diff, files, relative, root};
use tracelift_compiler::graph::opdef::{AttrDef, AttrKind, Grad, Lower, Operands, SpecCx, Specs};
use tracelift_compiler::graph::{AttrValue, Attrs, OpDef};
use tracelift_compiler::{DType, Dim, TensorSpec, ops};

const PAGE: &str = "docs/ops.md";

const HEAD: &str = "# Ops

Every op of the table in `compiler/src/ops/mod.rs`, by name: written by `TRACELIFT_BLESS=1 cargo test --test op_reference`,
shown by `tracelift ops` and `tracelift ops NAME`. In Rust each is a function, a method and a `try_` twin of both; one
with optional attributes has a form `NAME_with` that takes them all, a reduction has forms `NAME_axis` and
`NAME_keepdims`. Random ops take a generator's state as an operand, which the functions of `random` supply.

Dtypes are those that all operands may have together, found by asking the op about operands of 2 by 3; so is the example.
";

#[test]
fn the_page_says_what_the_table_says() {
    let mut page = HEAD.to_owned();
    let mut all = ops::all().to_vec();
    all.sort_by_key(|op| op.name);
    all.iter().for_each(|op| page.push_str(&section(op)));
    let path = root().join(PAGE);
    if bless() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == committed, "{PAGE} is stale; bless with TRACELIFT_BLESS=1\n{}", diff(&committed, &page));
}

fn section(op: &OpDef) -> String {
    let mut text = format!("\n## `{}`\n\n{}\n\n", op.name, op.doc);
    let operands = match op.inputs {
        Operands::Named([]) => "none".to_owned(),
        Operands::Named(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        Operands::Variadic { name, least } => format!("`{name}`, {least} or more"),
    };
    let _ = writeln!(text, "- operands: {operands}");
    let is_for_users = |def: &&AttrDef| !matches!(def.kind, AttrKind::Slot { .. } | AttrKind::KnownSizes);
    let attrs: Vec<String> = op.attrs.iter().filter(is_for_users).map(attribute).collect();
    if !attrs.is_empty() {
        let _ = writeln!(text, "- attributes: {}", attrs.join(", "));
    }
    let dtypes: Vec<&str> = DType::ALL.into_iter().filter(|&d| example(op, d).is_some()).map(DType::name).collect();
    if let (false, Some((call, results))) = (has_no_operands(op), example(op, first_dtype(op))) {
        let _ = writeln!(text, "- dtypes: {}", dtypes.join(", "));
        let _ = writeln!(text, "- for example: `{call}` gives `{results}`");
    }
    let _ = writeln!(text, "- gradient: {}", gradient(&op.grad));
    let _ = writeln!(text, "- compiled as: {}", lowering(&op.lower));
    let _ = writeln!(text, "- defined in `{}`", source(op));
    text
}

fn attribute(def: &AttrDef) -> String {
    format!("`{}`: {:?}{}", def.name, def.kind, if def.optional { ", optional" } else { "" })
}

fn gradient(grad: &Grad) -> String {
    match grad {
        Grad::Elementwise(_) => "partial derivatives, elementwise".to_owned(),
        Grad::Rule(_) => "a rule of its own".to_owned(),
        Grad::Expansion => "that of its expansion".to_owned(),
        Grad::Zero(why) => format!("zero: {why}"),
        Grad::None(why) => format!("an error: {why}"),
    }
}

fn lowering(lower: &Lower) -> &'static str {
    match lower {
        Lower::Parameter => "an input",
        Lower::Source(_) => "a value that needs no operands",
        Lower::Elementwise(_) => "a loop, fused with its neighbours",
        Lower::Movement(_) => "addresses of other ops' loops",
        Lower::Reduction(_) => "a loop with a fold, fused with its neighbours",
        Lower::Contraction => "a matrix product",
        Lower::Library(_) => "a call of the runtime's library",
        Lower::Composite(_) => "its expansion into other ops",
        Lower::Slot => "a size that is found when it runs",
        Lower::Window(_) => "windows times a filter, by a library routine that takes an epilogue",
    }
}

fn has_no_operands(op: &OpDef) -> bool {
    op.inputs == Operands::Named(&[])
}

fn first_dtype(op: &OpDef) -> DType {
    DType::ALL.into_iter().find(|&dtype| example(op, dtype).is_some()).unwrap_or(DType::F32)
}

/// A call of the op on 2 by 3 operands of one dtype that it accepts, and its results.
fn example(op: &OpDef, dtype: DType) -> Option<(String, String)> {
    let (names, count) = match op.inputs {
        Operands::Named(names) => (names.to_vec(), names.len()),
        Operands::Variadic { name, least } => (vec![name; least.max(2)], least.max(2)),
    };
    let operands: Vec<TensorSpec> = (0..count).map(|_| TensorSpec::new(dtype, [2usize, 3])).collect();
    let required: Vec<&AttrDef> = op.attrs.iter().filter(|def| !def.optional).collect();
    let tries = candidates(&required);
    let (attrs, results) = tries.into_iter().find_map(|attrs| Some((attrs.clone(), specs(op, &operands, &attrs)?)))?;
    let operands = names.iter().zip(&operands).map(|(_, spec)| spec.to_string());
    let attrs = required.iter().filter_map(|def| Some(format!("{} = {}", def.name, shown(attrs.get(def.name)?))));
    let call = format!("{}({})", op.name, operands.chain(attrs).collect::<Vec<_>>().join(", "));
    Some((call, results.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
}

/// What the op says of these operands; an op that panics on them says nothing.
fn specs(op: &OpDef, operands: &[TensorSpec], attrs: &Attrs) -> Option<Specs> {
    catch_unwind(AssertUnwindSafe(|| (op.spec)(&SpecCx { inputs: operands, attrs }).ok())).ok().flatten()
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

/// The file with the op's entry.
fn source(op: &OpDef) -> String {
    let entry = format!("\"{}\"", op.name);
    let found = files(&root().join("compiler/src/ops"), "rs").into_iter().find(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.match_indices(&entry).any(|(at, _)| text[..at].trim_end().ends_with("name:"))
    });
    let macro_made = || format!("the table's macro entries of `{}`", op.name);
    found.map_or_else(macro_made, |path| relative(&path))
}
