//! Kernels written by hand, run and compared with plain Rust.

use super::Cranelift;
use crate::kernel::{
    Access, Backend, BinaryOp, BufferParam, Inst, Kernel, MathOp, Pass, PassKind, ReduceKind, Size, UnaryOp, Value,
};
use smallvec::smallvec;
use tracelift_runtime::exec::Executable;
use tracelift_runtime::program::*;
use tracelift_runtime::{Array, DType};

fn param(written: bool) -> BufferParam {
    BufferParam { dtype: DType::F32, read: !written, written, streamed: false }
}

fn lanes() -> Pass {
    Pass { kind: PassKind::Lanes { seq: smallvec![] }, insts: Vec::new() }
}

fn at(buffer: u32, grid: &[i64], lane: i64) -> Access {
    let grid = grid.iter().map(|&c| Size::Const(c)).collect();
    Access { buffer, offset: Size::Const(0), grid, seq: smallvec![], lane: Size::Const(lane), block: Size::Const(0) }
}

/// Runs a kernel without size arguments on f32 arrays; the last buffer is the result.
fn run(kernel: &Kernel, grid: i64, inputs: &[Array], output: &[usize]) -> Array {
    let compiled = Cranelift.compile(kernel).unwrap();
    let lanes = match kernel.lanes {
        Some(Size::Const(c)) => c as u64,
        _ => 0,
    };
    let mut program = Program { name: "test".into(), features: super::isa::features(), ..Program::default() };
    let mut size = |d: i64| {
        program.sizes.push(d.into());
        SizeId(program.sizes.len() as u32 - 1)
    };
    let grid = size(grid);
    let one = size(1);
    let scratch = size((compiled.scratch.fixed + compiled.scratch.per_lane * lanes) as i64);
    let mut decl = |shape: &[usize], place: Place, buffers: &mut Vec<BufferDecl>| {
        let len = size(shape.iter().product::<usize>() as i64);
        buffers.push(BufferDecl { dtype: DType::F32, len, place });
        let buffer = BufferId(buffers.len() as u32 - 1);
        TensorDecl {
            name: "t".into(),
            dtype: DType::F32,
            dims: shape.iter().map(|&d| size(d as i64)).collect(),
            buffer,
        }
    };
    let mut buffers = Vec::new();
    let decls: Vec<_> =
        inputs.iter().enumerate().map(|(i, a)| decl(a.shape(), Place::Input(i as u32), &mut buffers)).collect();
    let out = decl(output, Place::Output(0), &mut buffers);
    program.inputs = decls;
    program.outputs = vec![out];
    program.buffers = buffers;
    program.kernels =
        vec![KernelDecl { name: "k".into(), offset: 0, len: compiled.code.len() as u64, can_fail: kernel.can_fail() }];
    program.code = compiled.code;
    program.steps = vec![Step::Kernel(KernelCall {
        kernel: KernelId(0),
        operands: (0..=inputs.len() as u32).map(BufferId).collect(),
        sizes: Vec::new(),
        grid,
        point_cost: one,
        scratch,
    })];
    let refs: Vec<&Array> = inputs.iter().collect();
    Executable::new(program).unwrap().call(&refs).unwrap().remove(0)
}

fn ramp(shape: &[usize], seed: f32) -> Array {
    let n: usize = shape.iter().product();
    let data: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37 + seed).sin() * 3.0).collect();
    Array::from_slice(shape, &data)
}

fn assert_close(got: &Array, want: &[f32]) {
    for (i, (g, w)) in got.as_slice::<f32>().iter().zip(want).enumerate() {
        assert!((g - w).abs() <= 1e-5 * w.abs().max(1.0), "element {i}: {g} instead of {w}");
    }
    assert_eq!(got.len(), want.len());
}

/// `tanh(a*b + a) * max(b, 0)` on every length up to beyond a tile, with and without blocks.
#[test]
fn elementwise_chain() {
    for streamed in [false, true] {
        chain(streamed);
    }
}

fn chain(streamed: bool) {
    for n in [1i64, 3, 4, 15, 16, 17, 511, 512, 513, 1500] {
        for split in [None, Some(512), Some(100)] {
            let mut k = Kernel { name: "chain".into(), lanes: Some(Size::Const(n)), split, ..Kernel::default() };
            k.buffers = vec![param(false), param(false), BufferParam { streamed, ..param(true) }];
            k.passes.push(lanes());
            let a = k.push(Inst::Load(at(0, &[], 1)), DType::F32);
            let b = k.push(Inst::Load(at(1, &[], 1)), DType::F32);
            let ab = k.push(Inst::Binary(BinaryOp::Mul, a, b), DType::F32);
            let sum = k.push(Inst::Binary(BinaryOp::Add, ab, a), DType::F32);
            let t = k.push(Inst::Unary(UnaryOp::Math(MathOp::Tanh), sum), DType::F32);
            let zero = k.push(Inst::Const(0), DType::F32);
            let r = k.push(Inst::Binary(BinaryOp::Max, b, zero), DType::F32);
            let y = k.push(Inst::Binary(BinaryOp::Mul, t, r), DType::F32);
            k.push(Inst::Store(at(2, &[], 1), y), DType::F32);
            let (x0, x1) = (ramp(&[n as usize], 0.1), ramp(&[n as usize], 1.7));
            let blocks = split.map_or(1, |s| (n + i64::from(s) - 1) / i64::from(s));
            let got = run(&k, blocks, &[x0.clone(), x1.clone()], &[n as usize]);
            let want: Vec<f32> = (x0.as_slice::<f32>().iter().zip(x1.as_slice::<f32>()))
                .map(|(a, b)| (a * b + a).tanh() * b.max(0.0))
                .collect();
            assert_close(&got, &want);
        }
    }
}

fn softmax(rows: i64, n: i64) -> Kernel {
    let mut k = Kernel { name: "softmax".into(), lanes: Some(Size::Const(n)), ..Kernel::default() };
    k.grid = smallvec![Size::Const(rows)];
    k.buffers = vec![param(false), param(true)];
    k.passes.push(lanes());
    let x = k.push(Inst::Load(at(0, &[n], 1)), DType::F32);
    let reduce = |kind, value: Value| Inst::Reduce { kind, value, lanes: true };
    let m = k.push(reduce(ReduceKind::Max, x), DType::F32);
    k.passes.push(lanes());
    let d = k.push(Inst::Binary(BinaryOp::Sub, x, m), DType::F32);
    let e = k.push(Inst::Unary(UnaryOp::Math(MathOp::Exp), d), DType::F32);
    let s = k.push(reduce(ReduceKind::Sum, e), DType::F32);
    k.passes.push(lanes());
    let y = k.push(Inst::Binary(BinaryOp::Div, e, s), DType::F32);
    k.push(Inst::Store(at(1, &[n], 1), y), DType::F32);
    k
}

#[test]
fn row_pipeline() {
    for n in [1usize, 10, 512, 700, 1024] {
        let x = ramp(&[5, n], 0.3);
        let got = run(&softmax(5, n as i64), 5, std::slice::from_ref(&x), &[5, n]);
        let mut want = Vec::new();
        for row in x.as_slice::<f32>().chunks(n) {
            let m = row.iter().cloned().fold(f32::MIN, f32::max);
            let s: f32 = row.iter().map(|v| (v - m).exp()).sum();
            want.extend(row.iter().map(|v| (v - m).exp() / s));
        }
        assert_close(&got, &want);
    }
}

/// Column sums: a sequential loop around the lanes, and an epilogue on the kept row.
#[test]
fn column_sums() {
    for (rows, n, split) in [(7i64, 5i64, None), (3, 700, None), (9, 130, Some(64))] {
        let mut k = Kernel { name: "colsum".into(), lanes: Some(Size::Const(n)), split, ..Kernel::default() };
        k.buffers = vec![param(false), param(true)];
        k.passes.push(Pass { kind: PassKind::Lanes { seq: smallvec![Size::Const(rows)] }, insts: Vec::new() });
        let mut access = at(0, &[], 1);
        access.seq = smallvec![Size::Const(n)];
        let x = k.push(Inst::Load(access), DType::F32);
        let s = k.push(Inst::Reduce { kind: ReduceKind::Sum, value: x, lanes: false }, DType::F32);
        k.passes.push(lanes());
        let half = k.push(Inst::Const(0.5f32.to_bits().into()), DType::F32);
        let y = k.push(Inst::Binary(BinaryOp::Mul, s, half), DType::F32);
        k.push(Inst::Store(at(1, &[], 1), y), DType::F32);
        let x = ramp(&[rows as usize, n as usize], 0.9);
        let blocks = split.map_or(1, |s| (n + i64::from(s) - 1) / i64::from(s));
        let got = run(&k, blocks, std::slice::from_ref(&x), &[n as usize]);
        let data = x.as_slice::<f32>();
        let want: Vec<f32> =
            (0..n as usize).map(|j| (0..rows as usize).map(|i| data[i * n as usize + j]).sum::<f32>() * 0.5).collect();
        assert_close(&got, &want);
    }
}
