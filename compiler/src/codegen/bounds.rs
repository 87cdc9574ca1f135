//! Checks of accesses inside generated code, for kernels that ask for them ([`Kernel::checked`]).
//!
//! A run of lanes is checked once, before it: its elements lie between its first and its last. A run that reaches
//! outside its buffer ends the kernel with a status that says which instruction it was; nothing is touched.
//!
//! [`Kernel::checked`]: crate::kernel::Kernel::checked

use super::function::Emitter;
use crate::kernel::{Access, Size, Value as KValue};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use tracelift_runtime::program::abi;

impl Emitter<'_> {
    /// The address at which `value`, a load or store, begins at the current grid point, `seq` indices and first lane
    /// plus `lane` lanes; `count` lanes are accessed from there on (None: the one element).
    pub fn run_address(&mut self, value: KValue, access: &Access, lane: Option<Value>, count: Option<Value>) -> Value {
        let index = self.element(access, lane);
        if let Some(length) = self.kernel.length_of(access.buffer) {
            self.check_run(value, access, index, length, count);
        }
        self.address_of(access.buffer, index)
    }

    fn check_run(&mut self, value: KValue, access: &Access, index: Option<Value>, length: Size, count: Option<Value>) {
        let first = index.unwrap_or_else(|| self.b.ins().iconst(types::I64, 0));
        let length = self.size(length);
        // Compared without sign: a negative index is a large one.
        let mut outside = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, first, length);
        if let Some(count) = count {
            let stride = self.size(access.lane);
            let turns = self.b.ins().iadd_imm_s(count, -1);
            let reach = self.b.ins().imul(stride, turns);
            let last = self.b.ins().iadd(first, reach);
            let beyond = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, last, length);
            let any = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, count, 0);
            outside = self.b.ins().bor(outside, beyond);
            outside = self.b.ins().band(outside, any);
        }
        let (refused, inside) = (self.refused(), self.b.create_block());
        let status = self.b.ins().iconst(types::I32, i64::from(abi::OUT_OF_BOUNDS) + i64::from(value.0));
        self.b.ins().brif(outside, refused, &[status.into()], inside, &[]);
        self.b.switch_to_block(inside);
    }

    /// The block that ends the kernel with a status.
    fn refused(&mut self) -> Block {
        *self.refused.get_or_insert_with(|| {
            let block = self.b.create_block();
            self.b.append_block_param(block, types::I32);
            block
        })
    }

    /// Fills that block, if there is one.
    pub fn finish_checks(&mut self) {
        let Some(refused) = self.refused else { return };
        self.b.switch_to_block(refused);
        let status = self.b.block_params(refused)[0];
        self.b.ins().return_(&[status]);
    }
}
