//! Kernels to machine code with Cranelift, used as assembler and register allocator: the loop optimiser is ours.
//!
//! Data flow: [`plan`] decides phases, slots and kept rows; [`function`] emits the grid loop and the walks;
//! [`ops`] emits one operation, scalar or on a 128-bit vector; [`isa`] is the host. The code has no relocations
//! (constants sit beside it, all else comes through arguments), so bytes are the whole product.

pub mod disk;
pub mod function;
pub mod isa;
pub mod ops;
pub mod plan;
#[cfg(test)]
mod tests;
mod walk;

use crate::base::{Error, Kind, Result};
use crate::kernel::{Backend, CompiledKernel, Kernel};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_frontend::FunctionBuilderContext;
use std::cell::RefCell;

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

/// The Cranelift IR of a kernel, for golden tests and for looking.
pub fn clif(kernel: &Kernel) -> Result<String> {
    let isa = isa::vector()?;
    let mut context = Context::new();
    function::emit(kernel, &plan::plan(kernel), &**isa, &mut context.func, &mut FunctionBuilderContext::new());
    Ok(context.func.display().to_string())
}
