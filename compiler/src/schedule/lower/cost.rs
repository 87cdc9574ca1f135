//! What a kernel's operations cost: the measure for splitting work, and for keeping a value instead of computing it again.

use crate::kernel::{BinaryOp, Inst, Kernel, UnaryOp, Value};

/// Estimated hundredths of a nanosecond of one operation on one lane.
pub fn cost(inst: &Inst) -> i64 {
    match inst {
        Inst::Unary(UnaryOp::Math(_), _) => 60,
        Inst::Binary(BinaryOp::Math(_), ..) => 300,
        Inst::Binary(BinaryOp::Div | BinaryOp::Rem, ..) | Inst::Unary(UnaryOp::Sqrt, _) => 40,
        Inst::Load(_) | Inst::Store(..) | Inst::Reduce { .. } => 15,
        Inst::Const(_) | Inst::Size(_) | Inst::Coord(_) => 0,
        _ => 8,
    }
}

/// For each value, whether keeping it beats computing it again: its computation holds a transcendental.
pub fn expensive(kernel: &Kernel) -> Vec<bool> {
    let mut flags: Vec<bool> = Vec::with_capacity(kernel.values.len());
    for def in &kernel.values {
        let of = |v: &Value| flags[v.0 as usize];
        flags.push(match &def.inst {
            Inst::Unary(UnaryOp::Math(_), _) | Inst::Binary(BinaryOp::Math(_), ..) => true,
            Inst::Unary(_, x) | Inst::Convert(x) | Inst::Bitcast(x) => of(x),
            Inst::Binary(_, x, y) | Inst::Compare(_, x, y) => of(x) || of(y),
            Inst::Select(c, x, y) => of(c) || of(x) || of(y),
            _ => false,
        });
    }
    flags
}
