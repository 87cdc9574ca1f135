//! Kernels as text; the grammar is by example in [`super`], and [`parse`](super::parse) reads it back.

use super::{Access, Inst, Kernel, Loop, Pass, PassKind, Size, Value};
use crate::base::DType;
use crate::text::{Writer, elements};
use std::fmt::{self, Display, Formatter};

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Size::Const(c) => write!(f, "{c}"),
            Size::Arg(k) => write!(f, "s{k}"),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Display for Loop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Loop::Grid(k) => write!(f, "g{k}"),
            Loop::Seq(k) => write!(f, "q{k}"),
            Loop::Lane => f.write_str("l"),
        }
    }
}

impl Display for Access {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b{}[", self.buffer)?;
        let grid = self.grid.iter().zip(0..).map(|(s, k)| (*s, Loop::Grid(k).to_string()));
        let seq = self.seq.iter().zip(0..).map(|(s, k)| (*s, Loop::Seq(k).to_string()));
        let terms = grid
            .chain(seq)
            .chain([(self.lane, Loop::Lane.to_string()), (self.block, "b".into())])
            .filter(|(s, _)| *s != Size::Const(0));
        let mut parts: Vec<String> = Vec::new();
        if self.offset != Size::Const(0) {
            parts.push(self.offset.to_string());
        }
        parts.extend(
            terms.map(|(stride, name)| if stride == Size::Const(1) { name } else { format!("{stride}*{name}") }),
        );
        if parts.is_empty() {
            parts.push("0".into());
        }
        write!(f, "{}]", parts.join(" + "))
    }
}

impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "kernel @{}(", self.name)?;
        for (k, buffer) in self.buffers.iter().enumerate() {
            let mode = match (buffer.read, buffer.written) {
                (true, true) => "inout",
                (false, true) => "out",
                (true, false) => "in",
                (false, false) => "unused",
            };
            let far = if buffer.far { " far" } else { "" };
            write!(f, "{}b{k}: {} {mode}{far}", if k > 0 { ", " } else { "" }, buffer.dtype)?;
        }
        write!(f, "; {} sizes){} grid [", self.sizes, if self.checked { " checked" } else { "" })?;
        for (k, extent) in self.grid.iter().enumerate() {
            write!(f, "{}{extent}", if k > 0 { ", " } else { "" })?;
        }
        f.write_str("]")?;
        if let Some(lanes) = self.lanes {
            write!(f, " lanes {lanes}")?;
        }
        if let Some(split) = self.split {
            write!(f, " split {split}")?;
        }
        f.write_str(" {\n")?;
        for pass in &self.passes {
            print_pass(self, pass, f)?;
        }
        f.write_str("}")
    }
}

fn print_pass(kernel: &Kernel, pass: &Pass, f: &mut Formatter<'_>) -> fmt::Result {
    match &pass.kind {
        PassKind::Scalar => f.write_str("  scalar {\n")?,
        PassKind::Lanes { seq } if seq.is_empty() => f.write_str("  lanes {\n")?,
        PassKind::Lanes { seq } => {
            let seq: Vec<String> = seq.iter().map(Size::to_string).collect();
            writeln!(f, "  lanes seq [{}] {{", seq.join(", "))?;
        }
    }
    for &value in &pass.insts {
        let def = kernel.def(value);
        match &def.inst {
            Inst::Store(access, x) => writeln!(f, "    store {access} {x}")?,
            inst => writeln!(f, "    {value} = {} : {}", Text(inst, def.dtype), def.dtype)?,
        }
    }
    f.write_str("  }\n")
}

struct Text<'a>(&'a Inst, DType);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inst::Const(bits) => {
                let mut text = Writer::new();
                elements::write_bits(&mut text, *bits, self.1);
                write!(f, "const {}", text.finish())
            }
            Inst::Size(size) => write!(f, "size {size}"),
            Inst::Coord(at) => write!(f, "index {at}"),
            Inst::Load(access) => write!(f, "load {access}"),
            Inst::Unary(op, x) => write!(f, "{} {x}", op.name()),
            Inst::Binary(op, x, y) => write!(f, "{} {x}, {y}", op.name()),
            Inst::Compare(op, x, y) => write!(f, "{} {x}, {y}", op.name()),
            Inst::Select(c, x, y) => write!(f, "select {c}, {x}, {y}"),
            Inst::Convert(x) => write!(f, "convert {x}"),
            Inst::Bitcast(x) => write!(f, "bitcast {x}"),
            Inst::Reduce { kind, value, lanes } => {
                write!(f, "reduce {} {value}{}", kind.name(), if *lanes { "" } else { " over seq" })
            }
            Inst::Store(access, x) => write!(f, "store {access} {x}"),
        }
    }
}
