//! The text form of kernels; the grammar is by example in [`super`].

use super::{Access, BinaryOp, Inst, Kernel, Loop, Pass, PassKind, Size, UnaryOp, Value};
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

impl Display for Access {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b{}[", self.buffer)?;
        let grid = self.grid.iter().enumerate().map(|(k, s)| (*s, format!("g{k}")));
        let seq = self.seq.iter().enumerate().map(|(k, s)| (*s, format!("q{k}")));
        let terms = grid
            .chain(seq)
            .chain([(self.lane, "l".into()), (self.block, "b".into())])
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
                (false, true) if buffer.streamed => "stream",
                (false, true) => "out",
                _ => "in",
            };
            write!(f, "{}b{k}: {} {mode}", if k > 0 { ", " } else { "" }, buffer.dtype)?;
        }
        write!(f, "; {} sizes) grid [", self.sizes)?;
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

struct Text<'a>(&'a Inst, crate::base::DType);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inst::Const(bits) => match self.1 {
                crate::base::DType::F32 => write!(f, "const {:?}", f32::from_bits(*bits as u32)),
                crate::base::DType::F64 => write!(f, "const {:?}", f64::from_bits(*bits)),
                _ => write!(f, "const {bits}"),
            },
            Inst::Size(size) => write!(f, "size {size}"),
            Inst::Coord(Loop::Grid(k)) => write!(f, "index g{k}"),
            Inst::Coord(Loop::Seq(k)) => write!(f, "index q{k}"),
            Inst::Coord(Loop::Lane) => f.write_str("index l"),
            Inst::Load(access) => write!(f, "load {access}"),
            Inst::Unary(UnaryOp::Math(m), x) => write!(f, "{} {x}", lower(m)),
            Inst::Unary(op, x) => write!(f, "{} {x}", lower(op)),
            Inst::Binary(BinaryOp::Math(m), x, y) => write!(f, "{} {x}, {y}", lower(m)),
            Inst::Binary(op, x, y) => write!(f, "{} {x}, {y}", lower(op)),
            Inst::Compare(op, x, y) => write!(f, "{} {x}, {y}", lower(op)),
            Inst::Select(c, x, y) => write!(f, "select {c}, {x}, {y}"),
            Inst::Convert(x) => write!(f, "convert {x}"),
            Inst::Reduce { kind, value, lanes } => {
                write!(f, "reduce {} {value}{}", lower(kind), if *lanes { "" } else { " over seq" })
            }
            Inst::Store(access, x) => write!(f, "store {access} {x}"),
        }
    }
}

fn lower(name: impl fmt::Debug) -> String {
    format!("{name:?}").to_lowercase()
}
