//! Kernels written by hand, run and compared with plain Rust.

use super::Cranelift;
use crate::base::Result;
use crate::kernel::parse::parse;
use crate::kernel::{
    Access, Backend, BinaryOp, BufferParam, Inst, Kernel, MathOp, Pass, PassKind, ReduceKind, Size, UnaryOp, Value,
};
use smallvec::smallvec;
use tracelift_runtime::exec::Executable;
use tracelift_runtime::program::*;
use tracelift_runtime::{Array, DType};

fn param(written: bool) -> BufferParam {
    BufferParam { dtype: DType::F32, read: !written, written, far: false }
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
    try_run(kernel, grid, inputs, output).unwrap()
}

/// The twin of [`run`]. A checked kernel gets the lengths of its buffers.
fn try_run(kernel: &Kernel, grid: i64, inputs: &[Array], output: &[usize]) -> Result<Array> {
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
    let sizes = if kernel.checked { buffers.iter().map(|b| b.len).collect() } else { Vec::new() };
    program.buffers = buffers;
    program.kernels =
        vec![KernelDecl { name: "k".into(), offset: 0, len: compiled.code.len() as u64, can_fail: kernel.can_fail() }];
    program.code = compiled.code;
    program.steps = vec![Step::Kernel(KernelCall {
        kernel: KernelId(0),
        operands: (0..=inputs.len() as u32).map(BufferId).collect(),
        sizes,
        grid,
        point_cost: one,
        scratch,
    })];
    let refs: Vec<&Array> = inputs.iter().collect();
    Ok(Executable::new(program)?.call(&refs)?.remove(0))
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
    for far in [false, true] {
        chain(far);
    }
}

fn chain(far: bool) {
    for n in [1i64, 3, 4, 15, 16, 17, 511, 512, 513, 1500] {
        for split in [None, Some(512), Some(100)] {
            let mut k = Kernel { name: "chain".into(), lanes: Some(Size::Const(n)), split, ..Kernel::default() };
            k.buffers = vec![param(false), param(false), BufferParam { far, ..param(true) }];
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

/// A kernel of one row of `lanes` whose accesses are checked: `LOAD` and `STORE` are its indices, `F` what it computes.
fn checked(head: &str, load: &str, compute: &str, store: &str) -> Kernel {
    let text = format!(
        "kernel @k(b0: f32 in, b1: f32 out; 2 sizes) checked {head} {{
           lanes {{
             v0 = load b0[{load}] : f32
             v1 = {compute} : f32
             store b1[{store}] v1
           }}
         }}"
    );
    parse(&text).unwrap()
}

#[test]
fn checked_kernels_never_leave_their_buffers() {
    let run = |kernel: &Kernel, grid, input: usize, output: usize| {
        try_run(kernel, grid, &[ramp(&[input], 0.2)], &[output])
            .map_err(|e| e.to_string().lines().next().unwrap().to_owned())
    };
    // What is right passes: whole tiles, tails, nothing at all, blocks, a reversed row.
    for n in [0usize, 1, 5, 16, 512, 700] {
        for compute in ["neg v0", "exp v0"] {
            let kernel = checked(&format!("grid [] lanes {n}"), "l", compute, "l");
            assert!(run(&kernel, 1, n, n).is_ok(), "{kernel}");
        }
        let reversed = checked(&format!("grid [] lanes {n}"), &format!("{} + -1*l", n as i64 - 1), "neg v0", "l");
        assert!(run(&reversed, 1, n, n).is_ok(), "{reversed}");
        let split = checked(&format!("grid [] lanes {n} split 100"), "l", "exp v0", "l");
        assert!(run(&split, n.div_ceil(100) as i64, n, n).is_ok(), "{split}");
    }
    // What is wrong is named and not done. (grid, load, computation, store, grid points, instruction)
    let wrong = [
        ("grid [] lanes 16", "2*l", "neg v0", "l", 1, "v0"),
        ("grid [] lanes 16", "1 + l", "neg v0", "l", 1, "v0"),
        ("grid [] lanes 16", "-1 + l", "neg v0", "l", 1, "v0"),
        ("grid [] lanes 16", "-1*l", "neg v0", "l", 1, "v0"),
        ("grid [] lanes 17", "l", "exp v0", "l", 1, "v0"),
        ("grid [] lanes 1000", "l", "exp v0", "l", 1, "v0"),
        ("grid [] lanes 20 split 8", "l", "neg v0", "l", 3, "v0"),
        ("grid [] lanes 16", "l", "neg v0", "3*l", 1, "v2"),
        ("grid [] lanes 16", "l", "sqrt v0", "100", 1, "v2"),
        ("grid [3] lanes 8", "8*g0 + l", "neg v0", "0", 3, "v0"),
        ("grid [3] lanes 8", "8*g0", "neg v0", "l", 3, "v0"),
        ("grid [2] lanes 8", "l", "neg v0", "9*g0 + l", 2, "v2"),
    ];
    for (head, load, compute, store, grid, instruction) in wrong {
        let kernel = checked(head, load, compute, store);
        let want = format!("program `test`: {instruction} reaches outside its buffer (kernel `k`)");
        assert_eq!(run(&kernel, grid, 16, 16).unwrap_err(), want, "{kernel}");
    }
    // A routine that reads the row itself.
    let fold = parse(
        "kernel @k(b0: f32 in, b1: f32 out; 2 sizes) checked grid [] lanes 600 {
           lanes {
             v0 = load b0[1 + l] : f32
             v1 = reduce sum v0 : f32
           }
           scalar { store b1[0] v1 }
         }",
    )
    .unwrap();
    assert!(run(&fold, 1, 601, 1).is_ok());
    assert!(run(&fold, 1, 600, 1).unwrap_err().contains("v0 reaches outside"));
    // Rows of a sequential loop.
    let columns = parse(
        "kernel @k(b0: f32 in, b1: f32 out; 2 sizes) checked grid [] lanes 4 {
           lanes seq [5] {
             v0 = load b0[4*q0 + l] : f32
             v1 = reduce sum v0 over seq : f32
           }
           lanes { store b1[l] v1 }
         }",
    )
    .unwrap();
    assert!(run(&columns, 1, 20, 4).is_ok());
    assert!(run(&columns, 1, 16, 4).unwrap_err().contains("v0 reaches outside"));
    assert!(run(&columns, 1, 20, 3).unwrap_err().contains("v2 reaches outside"));
}
