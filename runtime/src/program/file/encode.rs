//! Writing: one function for each kind of item, the twin of the one in [`super::decode`].

use super::{SECTIONS, routine_fingerprint};
use crate::array::DType;
use crate::program::{
    Atom, BufferDecl, Dim, Donation, KernelCall, KernelDecl, LibraryCall, Place, Program, SizeId, Step, SymbolSource,
    TensorDecl, TensorRef,
};

/// All sections.
pub fn body(program: &Program) -> Vec<u8> {
    let contents: [fn(&mut Writer, &Program); SECTIONS.len()] = [
        |w, p| {
            w.string(std::env::consts::ARCH);
            w.u64(routine_fingerprint());
            w.list(&p.features, |w, name| w.string(name));
            w.string(&p.name);
        },
        |w, p| w.list(&p.sizes, Writer::dim),
        |w, p| {
            w.list(&p.symbols, Writer::symbol);
            w.list(&p.inputs, Writer::tensor);
            w.list(&p.outputs, Writer::tensor);
            w.list(&p.donations, Writer::donation);
        },
        |w, p| w.list(&p.buffers, Writer::buffer),
        |w, p| w.list(&p.kernels, Writer::kernel),
        |w, p| w.list(&p.steps, Writer::step),
        |w, p| w.0.extend(&p.constants),
        |w, p| w.0.extend(&p.code),
    ];
    let mut body = Writer(Vec::new());
    for (tag, write) in SECTIONS.iter().zip(contents) {
        let mut content = Writer(Vec::new());
        write(&mut content, program);
        body.0.extend(tag);
        body.u64(content.0.len() as u64);
        body.0.extend(content.0);
    }
    body.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.u32(items.len() as u32);
        items.iter().for_each(|it| item(self, it));
    }

    fn string(&mut self, text: &str) {
        self.list(text.as_bytes(), |w, &byte| w.u8(byte));
    }

    fn dtype(&mut self, dtype: DType) {
        let index = DType::ALL.iter().position(|&known| known == dtype);
        self.u8(index.expect("every dtype is listed") as u8);
    }

    fn size(&mut self, id: &SizeId) {
        self.u32(id.0);
    }

    fn dim(&mut self, dim: &Dim) {
        self.list(&dim.terms(), |w, term| {
            w.u64(term.coef as u64);
            w.list(&term.atoms, Writer::atom);
        });
    }

    fn atom(&mut self, atom: &Atom) {
        let (tag, a, b) = match atom {
            Atom::Sym(k) => {
                self.u8(0);
                return self.u32(*k);
            }
            Atom::Slot(k, bound) => {
                self.u8(1);
                self.u32(*k);
                return self.dim(bound);
            }
            Atom::PositivePart(a) => {
                self.u8(2);
                return self.dim(a);
            }
            Atom::FloorDiv(a, b) => (3, a, b),
            Atom::Mod(a, b) => (4, a, b),
        };
        self.u8(tag);
        self.dim(a);
        self.dim(b);
    }

    fn symbol(&mut self, symbol: &SymbolSource) {
        self.u32(symbol.input);
        self.u32(symbol.axis);
    }

    fn tensor(&mut self, tensor: &TensorDecl) {
        self.string(&tensor.name);
        self.dtype(tensor.dtype);
        self.list(&tensor.dims, Writer::size);
        self.u32(tensor.buffer.0);
    }

    fn donation(&mut self, donation: &Donation) {
        self.u32(donation.input);
        self.u32(donation.output);
        self.u8(donation.in_place.into());
    }

    fn buffer(&mut self, buffer: &BufferDecl) {
        self.dtype(buffer.dtype);
        self.size(&buffer.len);
        match buffer.place {
            Place::Input(index) => {
                self.u8(0);
                self.u32(index);
            }
            Place::Output(index) => {
                self.u8(1);
                self.u32(index);
            }
            Place::Temp { first, last } => {
                self.u8(2);
                self.u32(first);
                self.u32(last);
            }
            Place::Constant(offset) => {
                self.u8(3);
                self.u64(offset);
            }
        }
    }

    fn kernel(&mut self, kernel: &KernelDecl) {
        self.string(&kernel.name);
        self.u64(kernel.offset);
        self.u64(kernel.len);
        self.u8(kernel.can_fail.into());
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Kernel(call) => {
                self.u8(0);
                self.kernel_call(call);
            }
            Step::Library(call) => {
                self.u8(1);
                self.library_call(call);
            }
            Step::Size(size) => {
                self.u8(2);
                self.u32(size.value.0);
                self.size(&size.bound);
            }
        }
    }

    fn kernel_call(&mut self, call: &KernelCall) {
        self.u32(call.kernel.0);
        self.list(&call.operands, |w, id| w.u32(id.0));
        self.list(&call.sizes, Writer::size);
        self.size(&call.grid);
        self.size(&call.point_cost);
        self.size(&call.scratch);
    }

    fn library_call(&mut self, call: &LibraryCall) {
        self.string(&call.routine);
        self.list(&call.inputs, Writer::tensor_ref);
        self.list(&call.outputs, Writer::tensor_ref);
        self.list(&call.params, Writer::size);
        self.list(call.epilogue.as_slice(), Writer::kernel_call);
    }

    fn tensor_ref(&mut self, tensor: &TensorRef) {
        self.u32(tensor.buffer.0);
        self.list(&tensor.dims, Writer::size);
    }
}
