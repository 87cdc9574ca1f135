//! Kernels to machine code with Cranelift, used as assembler and register allocator: the loop optimiser is ours.
//!
//! Data flow: [`plan`] decides phases, slots and kept rows; [`function`] emits the grid loop and the walks;
//! [`ops`] emits one operation, scalar or on a 128-bit vector; [`sums`] keeps what is accumulated; [`bounds`] checks
//! accesses if asked to; [`isa`] is the host. The code has no relocations (constants sit beside it, all else comes
//! through arguments), so bytes are the whole product.

mod bounds;
pub mod disk;
pub mod function;
pub mod isa;
pub mod ops;
pub mod plan;
mod sums;
#[cfg(test)]
mod tests;
mod turn;
mod walk;

use crate::base::{Error, Kind, Result};
use crate::kernel::{Backend, CompiledKernel, Kernel};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_frontend::FunctionBuilderContext;
use plan::Plan;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The Cranelift backend for the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cranelift;

/// Cranelift's tables, reused from kernel to kernel: they are what a compile allocates most.
struct Contexts {
    context: Context,
    builder: FunctionBuilderContext,
}

impl Default for Contexts {
    fn default() -> Self {
        Contexts { context: Context::new(), builder: FunctionBuilderContext::new() }
    }
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

impl Backend for Cranelift {
    fn compile(&self, kernel: &Kernel) -> Result<CompiledKernel> {
        // Taken out while in use: after a panic the next kernel starts with new ones.
        let mut contexts = CONTEXTS.take();
        let compiled = compile(kernel, &mut contexts);
        CONTEXTS.set(contexts);
        compiled
    }
}

fn compile(kernel: &Kernel, contexts: &mut Contexts) -> Result<CompiledKernel> {
    let isa = isa::vector()?;
    let plan = plan::plan(kernel);
    let Contexts { context, builder } = contexts;
    context.clear();
    function::emit(kernel, &plan, &**isa, &mut context.func, builder);
    let bug = |what: String| Error::new(Kind::Internal, format!("{what} while compiling kernel {kernel}"));
    let compiled = context
        .compile(&**isa, &mut ControlPlane::default())
        .map_err(|e| bug(format!("{:?}\n{}", e.inner, e.func.display())))?;
    if !compiled.buffer.relocs().is_empty() {
        return Err(bug(format!("relocations {:?}", compiled.buffer.relocs())));
    }
    Ok(CompiledKernel { code: compiled.buffer.data().to_vec(), scratch: plan.scratch })
}

/// The Cranelift IR of a kernel, for golden tests and for looking. It is the same on every host with this calling
/// convention that adds products in one instruction; what else the CPU offers matters to Cranelift alone.
pub fn clif(kernel: &Kernel) -> Result<String> {
    function(kernel).map(|(func, _)| func.display().to_string())
}

/// What was generated for a kernel, in numbers: for each type, how often each operation stands in the code; and what
/// scratch memory it needs.
pub fn summary(kernel: &Kernel) -> Result<String> {
    let (func, plan) = function(kernel)?;
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
    for inst in insts {
        let data = &func.dfg.insts[inst];
        let stored = || data.arguments(&func.dfg.value_lists).first().copied();
        let typed =
            func.dfg.inst_results(inst).first().copied().or_else(|| data.opcode().can_store().then(stored).flatten());
        let ty = typed.map_or("control".to_owned(), |value| func.dfg.value_type(value).to_string());
        *counts.entry(ty).or_default().entry(data.opcode().to_string()).or_default() += 1;
    }
    let mut text = String::new();
    for (ty, ops) in counts {
        let ops: Vec<String> = ops.into_iter().map(|(op, n)| format!("{op} {n}")).collect();
        let _ = writeln!(text, "{ty}: {}", ops.join(", "));
    }
    let _ = writeln!(text, "scratch: {} bytes and {} a lane", plan.scratch.fixed, plan.scratch.per_lane);
    Ok(text)
}

fn function(kernel: &Kernel) -> Result<(Function, Plan)> {
    let (isa, plan) = (isa::vector()?, plan::plan(kernel));
    let mut func = Function::new();
    function::emit(kernel, &plan, &**isa, &mut func, &mut FunctionBuilderContext::new());
    Ok((func, plan))
}
