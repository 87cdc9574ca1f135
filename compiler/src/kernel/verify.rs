//! Checks the invariants of [`super`]: order, dtypes, ranks, and, where sizes are constant, that every access is
//! inside its buffer.
//!
//! Start with [`verify`]. A failure is a bug of ours and prints the kernel.

use super::{Access, BinaryOp, Inst, Kernel, Loop, PassKind, Size, UnaryOp, Value};
use crate::base::{DType, Error, Kind, Result};

/// Checks a kernel; `lens` are its buffers' lengths in elements where they are known.
pub fn verify(kernel: &Kernel, lens: &[Option<i64>]) -> Result<()> {
    let fail = |what: String| Error::new(Kind::Internal, format!("{what} in\n{kernel}"));
    if kernel.checked && (kernel.sizes as usize) < kernel.buffers.len() {
        return Err(fail("a checked kernel's last sizes are its buffers' lengths, which are missing".to_owned()));
    }
    if let Some(size) = kernel.grid.iter().chain(&kernel.lanes).find(|size| !is_known(kernel, **size)) {
        return Err(fail(format!("there is no size {size}")));
    }
    let mut defined = vec![false; kernel.values.len()];
    for pass in &kernel.passes {
        let seq = match &pass.kind {
            PassKind::Scalar => &[][..],
            PassKind::Lanes { seq } => seq,
        };
        if let Some(size) = seq.iter().find(|size| !is_known(kernel, **size)) {
            return Err(fail(format!("there is no size {size}")));
        }
        for &value in &pass.insts {
            check_value(kernel, value, &pass.kind, seq.len(), &defined).map_err(fail)?;
            if let Inst::Load(access) | Inst::Store(access, _) = &kernel.def(value).inst {
                check_access(kernel, access, kernel.def(value).dtype, seq, &pass.kind, lens).map_err(fail)?;
            }
            defined[value.0 as usize] = true;
        }
    }
    Ok(())
}

fn is_known(kernel: &Kernel, size: Size) -> bool {
    matches!(size, Size::Const(_)) || matches!(size, Size::Arg(k) if k < kernel.sizes)
}

fn check_value(kernel: &Kernel, value: Value, pass: &PassKind, seq: usize, defined: &[bool]) -> Result<(), String> {
    let def = kernel.def(value);
    let scalar = *pass == PassKind::Scalar;
    let dtype = |v: Value| kernel.def(v).dtype;
    for operand in def.inst.operands() {
        if !defined[operand.0 as usize] {
            return Err(format!("{value} uses {operand}, which is not defined before it"));
        }
        if matches!(kernel.def(operand).inst, Inst::Store(..)) {
            return Err(format!("{value} uses {operand}, which is a store"));
        }
    }
    let fits = match &def.inst {
        Inst::Const(_) | Inst::Load(_) | Inst::Convert(_) => true,
        Inst::Bitcast(x) => dtype(*x).size() == def.dtype.size(),
        Inst::Size(size) => def.dtype == DType::I64 && is_known(kernel, *size),
        Inst::Coord(at) => {
            let exists = match *at {
                Loop::Grid(k) => (k as usize) < kernel.grid.len(),
                Loop::Seq(k) => (k as usize) < seq,
                Loop::Lane => !scalar,
            };
            def.dtype == DType::I64 && exists
        }
        Inst::Unary(UnaryOp::Math(f), x) => f.arity() == 1 && def.dtype.is_float() && dtype(*x) == def.dtype,
        Inst::Binary(BinaryOp::Math(f), x, y) => {
            f.arity() == 2 && def.dtype.is_float() && dtype(*x) == def.dtype && dtype(*y) == def.dtype
        }
        Inst::Unary(_, x) | Inst::Store(_, x) => dtype(*x) == def.dtype,
        Inst::Binary(BinaryOp::Rem, ..) if def.dtype.is_float() => false,
        Inst::Binary(_, x, y) => dtype(*x) == def.dtype && dtype(*y) == def.dtype,
        Inst::Compare(_, x, y) => def.dtype == DType::Bool && dtype(*x) == dtype(*y),
        Inst::Select(c, x, y) => dtype(*c) == DType::Bool && dtype(*x) == def.dtype && dtype(*y) == def.dtype,
        Inst::Reduce { value, .. } => !scalar && dtype(*value) == def.dtype,
    };
    if fits { Ok(()) } else { Err(format!("{value} does not fit its operands")) }
}

fn check_access(
    kernel: &Kernel,
    access: &Access,
    dtype: DType,
    seq: &[Size],
    pass: &PassKind,
    lens: &[Option<i64>],
) -> Result<(), String> {
    let Some(buffer) = kernel.buffers.get(access.buffer as usize) else {
        return Err(format!("{access} names no buffer"));
    };
    if buffer.dtype != dtype {
        return Err(format!("{access} moves {dtype} of a buffer of {}", buffer.dtype));
    }
    if access.grid.len() != kernel.grid.len() || access.seq.len() != seq.len() {
        return Err(format!("{access} has strides for other loops"));
    }
    let strides = access.grid.iter().chain(&access.seq).chain([&access.offset, &access.lane, &access.block]);
    if let Some(size) = strides.copied().find(|&size| !is_known(kernel, size)) {
        return Err(format!("{access} goes by {size}, which is no size of the kernel"));
    }
    let lanes = match pass {
        PassKind::Scalar => Size::Const(1),
        PassKind::Lanes { .. } => kernel.lanes.unwrap_or(Size::Const(1)),
    };
    let block = match (kernel.split, kernel.lanes) {
        (Some(block), Some(Size::Const(n))) => Size::Const(n.saturating_add(i64::from(block) - 1) / i64::from(block)),
        (Some(_), _) => Size::Arg(0),
        (None, _) => Size::Const(1),
    };
    let loops = (kernel.grid.iter().copied().zip(access.grid.iter().copied()))
        .chain(seq.iter().copied().zip(access.seq.iter().copied()))
        .chain([(lanes, access.lane), (block, access.block)]);
    match (extent(access.offset, loops), lens.get(access.buffer as usize).copied().flatten()) {
        (Some(Some((least, greatest))), Some(len)) if least < 0 || greatest >= len.into() => {
            Err(format!("{access} reaches elements {least}..={greatest} of {len}"))
        }
        _ => Ok(()),
    }
}

/// The least and greatest element that an access touches: None if a size is not constant, Some(None) if it runs
/// over nothing.
fn extent(offset: Size, loops: impl Iterator<Item = (Size, Size)>) -> Option<Option<(i128, i128)>> {
    let Size::Const(offset) = offset else { return None };
    let (mut least, mut greatest, mut empty) = (i128::from(offset), i128::from(offset), false);
    for (len, stride) in loops {
        if stride == Size::Const(0) {
            empty |= len == Size::Const(0);
            continue;
        }
        let (Size::Const(len), Size::Const(stride)) = (len, stride) else { return None };
        empty |= len == 0;
        // Of two 64-bit numbers; a few of these do not overflow either.
        let reach = i128::from(stride) * (i128::from(len) - 1);
        least += reach.min(0);
        greatest += reach.max(0);
    }
    Some((!empty).then_some((least, greatest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{BufferParam, Pass};
    use smallvec::smallvec;

    fn copy(n: i64, stride: i64) -> Kernel {
        let mut kernel = Kernel { lanes: Some(Size::Const(n)), ..Kernel::default() };
        let param = |written: bool| BufferParam { dtype: DType::F32, read: !written, written, far: false };
        kernel.buffers = vec![param(false), param(true)];
        kernel.passes.push(Pass { kind: PassKind::Lanes { seq: smallvec![] }, insts: Vec::new() });
        let access = |buffer, lane| Access {
            buffer,
            offset: Size::Const(0),
            grid: smallvec![],
            seq: smallvec![],
            lane: Size::Const(lane),
            block: Size::Const(0),
        };
        let x = kernel.push(Inst::Load(access(0, stride)), DType::F32);
        kernel.push(Inst::Store(access(1, 1), x), DType::F32);
        kernel
    }

    #[test]
    fn accesses_stay_inside() {
        assert!(verify(&copy(8, 1), &[Some(8), Some(8)]).is_ok());
        assert!(verify(&copy(8, 0), &[Some(1), Some(8)]).is_ok());
        assert!(verify(&copy(0, 1), &[Some(0), Some(0)]).is_ok());
        assert!(verify(&copy(8, 1), &[None, None]).is_ok());
        let message = verify(&copy(8, 2), &[Some(8), Some(8)]).unwrap_err().to_string();
        assert!(message.starts_with("b0[2*l] reaches elements 0..=14 of 8 in\nkernel @"), "{message}");
        assert!(verify(&copy(8, -1), &[Some(8), Some(8)]).is_err());
    }

    #[test]
    fn dtypes_and_order_are_checked() {
        let mut kernel = copy(4, 1);
        kernel.values[0].dtype = DType::I32;
        let message = verify(&kernel, &[]).unwrap_err().to_string();
        assert!(message.contains("moves i32 of a buffer of f32"), "{message}");
        let mut kernel = copy(4, 1);
        kernel.passes[0].insts.reverse();
        assert!(verify(&kernel, &[]).unwrap_err().to_string().contains("not defined before"));
    }
}
