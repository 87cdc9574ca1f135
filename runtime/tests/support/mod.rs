//! Programs made by hand: a builder, and kernels as machine code for x86-64.
#![allow(dead_code)] // Each test binary uses a part.

use tracelift_runtime::DType;
use tracelift_runtime::program::{
    BufferDecl, BufferId, Dim, Donation, KernelCall, KernelDecl, KernelId, LibraryCall, Place, Program, SizeId, Step,
    SymbolSource, TensorDecl, TensorRef,
};

/// `y[i] = x[i] + x[i]` in f32; operands x, y.
#[rustfmt::skip]
pub const DOUBLE: &[u8] = &[
    0x48, 0x8b, 0x07,                   // mov rax, [rdi]
    0x4c, 0x8b, 0x57, 0x08,             // mov r10, [rdi + 8]
    0x4d, 0x39, 0xc8,                   // next: cmp r8, r9
    0x7d, 0x15,                         // jge done
    0xf3, 0x42, 0x0f, 0x10, 0x04, 0x80, // movss xmm0, [rax + r8*4]
    0xf3, 0x0f, 0x58, 0xc0,             // addss xmm0, xmm0
    0xf3, 0x43, 0x0f, 0x11, 0x04, 0x82, // movss [r10 + r8*4], xmm0
    0x49, 0xff, 0xc0,                   // inc r8
    0xeb, 0xe6,                         // jmp next
    0x31, 0xc0,                         // done: xor eax, eax
    0xc3,                               // ret
];

/// `z[i] = x[i] + y[i]` in f32; operands x, y, z.
#[rustfmt::skip]
pub const ADD: &[u8] = &[
    0x48, 0x8b, 0x07,                   // mov rax, [rdi]
    0x4c, 0x8b, 0x57, 0x08,             // mov r10, [rdi + 8]
    0x4c, 0x8b, 0x5f, 0x10,             // mov r11, [rdi + 16]
    0x4d, 0x39, 0xc8,                   // next: cmp r8, r9
    0x7d, 0x17,                         // jge done
    0xf3, 0x42, 0x0f, 0x10, 0x04, 0x80, // movss xmm0, [rax + r8*4]
    0xf3, 0x43, 0x0f, 0x58, 0x04, 0x82, // addss xmm0, [r10 + r8*4]
    0xf3, 0x43, 0x0f, 0x11, 0x04, 0x83, // movss [r11 + r8*4], xmm0
    0x49, 0xff, 0xc0,                   // inc r8
    0xeb, 0xe4,                         // jmp next
    0x31, 0xc0,                         // done: xor eax, eax
    0xc3,                               // ret
];

/// `y[i] = size0 + i` in i64, by way of scratch memory (8 bytes); operand y.
#[rustfmt::skip]
pub const COUNT_FROM: &[u8] = &[
    0x4c, 0x8b, 0x17,                   // mov r10, [rdi]
    0x4c, 0x8b, 0x1e,                   // mov r11, [rsi]
    0x4d, 0x39, 0xc8,                   // next: cmp r8, r9
    0x7d, 0x13,                         // jge done
    0x4b, 0x8d, 0x04, 0x03,             // lea rax, [r11 + r8]
    0x48, 0x89, 0x01,                   // mov [rcx], rax
    0x48, 0x8b, 0x01,                   // mov rax, [rcx]
    0x4b, 0x89, 0x04, 0xc2,             // mov [r10 + r8*8], rax
    0x49, 0xff, 0xc0,                   // inc r8
    0xeb, 0xe8,                         // jmp next
    0x31, 0xc0,                         // done: xor eax, eax
    0xc3,                               // ret
];

/// `y[i] = x[i]` in 32 bits; the status is 1 (division by zero) if any is 0. Operands x, y.
#[rustfmt::skip]
pub const COPY_NONZERO: &[u8] = &[
    0x48, 0x8b, 0x07,                   // mov rax, [rdi]
    0x4c, 0x8b, 0x57, 0x08,             // mov r10, [rdi + 8]
    0x45, 0x31, 0xdb,                   // xor r11d, r11d
    0x4d, 0x39, 0xc8,                   // next: cmp r8, r9
    0x7d, 0x17,                         // jge done
    0x42, 0x8b, 0x14, 0x80,             // mov edx, [rax + r8*4]
    0x43, 0x89, 0x14, 0x82,             // mov [r10 + r8*4], edx
    0x85, 0xd2,                         // test edx, edx
    0x75, 0x06,                         // jnz fine
    0x41, 0xbb, 0x01, 0x00, 0x00, 0x00, // mov r11d, 1
    0x49, 0xff, 0xc0,                   // fine: inc r8
    0xeb, 0xe4,                         // jmp next
    0x44, 0x89, 0xd8,                   // done: mov eax, r11d
    0xc3,                               // ret
];

/// Builds a program.
pub struct Builder(pub Program);

impl Builder {
    pub fn new(name: &str) -> Builder {
        Builder(Program { name: name.into(), ..Program::default() })
    }

    /// The id of a size, listed once.
    pub fn size(&mut self, dim: &Dim) -> SizeId {
        let at = self.0.sizes.iter().position(|size| size == dim).unwrap_or_else(|| {
            self.0.sizes.push(dim.clone());
            self.0.sizes.len() - 1
        });
        SizeId(at as u32)
    }

    /// A size symbol: the length of an axis of an input.
    pub fn symbol(&mut self, input: u32, axis: u32) -> Dim {
        self.0.symbols.push(SymbolSource { input, axis });
        Dim::sym(self.0.symbols.len() as u32 - 1)
    }

    pub fn buffer(&mut self, dtype: DType, len: Dim, place: Place) -> BufferId {
        let len = self.size(&len);
        self.0.buffers.push(BufferDecl { dtype, len, place });
        BufferId(self.0.buffers.len() as u32 - 1)
    }

    pub fn input(&mut self, name: &str, dtype: DType, dims: &[Dim]) -> BufferId {
        let buffer = self.buffer(dtype, product(dims), Place::Input(self.0.inputs.len() as u32));
        let input = self.tensor(name, dtype, dims, buffer);
        self.0.inputs.push(input);
        buffer
    }

    pub fn output(&mut self, name: &str, dtype: DType, dims: &[Dim]) -> BufferId {
        let buffer = self.buffer(dtype, product(dims), Place::Output(self.0.outputs.len() as u32));
        self.output_of(name, dtype, dims, buffer);
        buffer
    }

    /// An output in a buffer that exists.
    pub fn output_of(&mut self, name: &str, dtype: DType, dims: &[Dim], buffer: BufferId) {
        let output = self.tensor(name, dtype, dims, buffer);
        self.0.outputs.push(output);
    }

    fn tensor(&mut self, name: &str, dtype: DType, dims: &[Dim], buffer: BufferId) -> TensorDecl {
        TensorDecl { name: name.into(), dtype, dims: dims.iter().map(|dim| self.size(dim)).collect(), buffer }
    }

    pub fn temp(&mut self, dtype: DType, len: Dim, first: u32, last: u32) -> BufferId {
        self.buffer(dtype, len, Place::Temp { first, last })
    }

    pub fn constant(&mut self, values: &[f32]) -> BufferId {
        let offset = self.0.constants.len().next_multiple_of(64);
        self.0.constants.resize(offset, 0);
        self.0.constants.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.buffer(DType::F32, values.len().into(), Place::Constant(offset as u64))
    }

    pub fn donate(&mut self, input: u32, output: u32, in_place: bool) {
        self.0.donations.push(Donation { input, output, in_place });
    }

    pub fn kernel(&mut self, name: &str, code: &[u8]) -> KernelId {
        let (offset, len) = (self.0.code.len() as u64, code.len() as u64);
        self.0.code.extend(code);
        let can_fail = code == COPY_NONZERO;
        self.0.kernels.push(KernelDecl { name: name.into(), offset, len, can_fail });
        KernelId(self.0.kernels.len() as u32 - 1)
    }

    pub fn kernel_call(&mut self, kernel: KernelId, operands: &[BufferId], sizes: &[Dim], grid: Dim) -> KernelCall {
        KernelCall {
            kernel,
            operands: operands.to_vec(),
            sizes: sizes.iter().map(|size| self.size(size)).collect(),
            grid: self.size(&grid),
            point_cost: self.size(&1i64.into()),
            scratch: self.size(&8i64.into()),
        }
    }

    /// A step that runs a kernel.
    pub fn run(&mut self, kernel: KernelId, operands: &[BufferId], sizes: &[Dim], grid: Dim) {
        let call = self.kernel_call(kernel, operands, sizes, grid);
        self.0.steps.push(Step::Kernel(call));
    }

    pub fn tensor_ref(&mut self, buffer: BufferId, dims: &[Dim]) -> TensorRef {
        TensorRef { buffer, dims: dims.iter().map(|dim| self.size(dim)).collect() }
    }

    /// A step that runs a library kernel.
    pub fn library(&mut self, routine: &str, inputs: Vec<TensorRef>, outputs: Vec<TensorRef>, params: &[i64]) {
        let params = params.iter().map(|&param| self.size(&param.into())).collect();
        self.0.steps.push(Step::Library(LibraryCall {
            routine: routine.into(),
            inputs,
            outputs,
            params,
            epilogue: None,
        }));
    }
}

fn product(dims: &[Dim]) -> Dim {
    dims.iter().product::<Dim>()
}

/// `y = 2x + 2x` for f32[n], with two temporaries.
pub fn quadruple() -> Program {
    let mut b = Builder::new("quadruple");
    let n = b.symbol(0, 0);
    let x = b.input("x", DType::F32, std::slice::from_ref(&n));
    let (t, u) = (b.temp(DType::F32, n.clone(), 0, 2), b.temp(DType::F32, n.clone(), 1, 2));
    let y = b.output("y", DType::F32, std::slice::from_ref(&n));
    let (double, add) = (b.kernel("double", DOUBLE), b.kernel("add", ADD));
    b.run(double, &[x, t], &[], n.clone());
    b.run(double, &[x, u], &[], n.clone());
    b.run(add, &[t, u, y], &[], n);
    b.0
}

/// A training step in miniature: `state += x` for f32[4], and the sum as a second output. `copy` runs COPY_NONZERO
/// on x before (`Some(false)`) or after (`Some(true)`) the update.
pub fn accumulate(copy: Option<bool>) -> Program {
    let mut b = Builder::new("accumulate");
    let four = [Dim::from(4i64)];
    let state = b.input("state", DType::F32, &four);
    let x = b.input("x", DType::F32, &four);
    let new = b.output("state", DType::F32, &four);
    let y = b.output("y", DType::F32, &four);
    let (add, double, check) = (b.kernel("add", ADD), b.kernel("double", DOUBLE), b.kernel("check", COPY_NONZERO));
    if copy == Some(false) {
        b.run(check, &[x, y], &[], 4i64.into());
    }
    b.run(add, &[state, x, new], &[], 4i64.into());
    if copy == Some(true) {
        b.run(check, &[x, y], &[], 4i64.into());
    }
    b.run(double, &[x, y], &[], 4i64.into());
    b.donate(0, 0, true);
    b.0
}

/// `y = 2 (a b)` for f32[n, 3] and f32[3, 2], the doubling as the product's epilogue row by row, and `z = concat(y, y)`.
pub fn matmul_then_double() -> Program {
    let mut b = Builder::new("product");
    let n = b.symbol(0, 0);
    let (three, two) = (Dim::from(3i64), Dim::from(2i64));
    let lhs = b.input("a", DType::F32, &[n.clone(), three.clone()]);
    let rhs = b.input("b", DType::F32, &[three.clone(), two.clone()]);
    let product = b.temp(DType::F32, n.clone() * two.clone(), 0, 0);
    let y = b.output("y", DType::F32, &[n.clone(), two.clone()]);
    let z = b.output("z", DType::F32, &[n.clone() * two.clone(), two.clone()]);
    // One grid point is one row of two elements.
    let double_rows = [&[0x4d, 0x01, 0xc0, 0x4d, 0x01, 0xc9], DOUBLE].concat(); // add r8, r8; add r9, r9
    let double = b.kernel("double_rows", &double_rows);
    let inputs = vec![b.tensor_ref(lhs, &[n.clone(), three.clone()]), b.tensor_ref(rhs, &[three, two.clone()])];
    let outputs = vec![b.tensor_ref(product, &[n.clone(), two.clone()])];
    b.library("matmul", inputs, outputs, &[0, 0]);
    let epilogue = b.kernel_call(double, &[product, y], &[], n.clone());
    let Some(Step::Library(call)) = b.0.steps.last_mut() else { unreachable!() };
    call.epilogue = Some(epilogue);
    let part = b.tensor_ref(y, &[n.clone(), two.clone()]);
    let whole = b.tensor_ref(z, &[n * two.clone(), two]);
    b.library("concat", vec![part.clone(), part], vec![whole], &[0]);
    b.0
}
