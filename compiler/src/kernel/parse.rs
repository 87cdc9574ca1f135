//! Kernels from text, in the form that [`print`](super::print) gives. Any text gives a kernel that verifies, or an
//! error that points at the place.

use super::{
    Access, BinaryOp, BufferParam, CompareOp, Inst, Kernel, Loop, Pass, PassKind, ReduceKind, Size, UnaryOp, Value,
    verify,
};
use crate::base::{DType, Error, Kind, Result};
use crate::text::{Reader, TokenKind, elements};
use smallvec::smallvec;

/// The greatest number that an index of the text may have, so that lists by index stay small.
const MAX_INDEX: u32 = 1 << 16;

/// Reads one kernel. An error says line and column.
pub fn parse(text: &str) -> Result<Kernel> {
    let mut parser = Parser { r: Reader::new(text), kernel: Kernel::default() };
    parser.kernel()?;
    parser.r.expect_kind(TokenKind::End, "the end of the text")?;
    let kernel = parser.kernel;
    verify::verify(&kernel, &[]).map_err(|e| Error::new(Kind::File, e.message()))?;
    Ok(kernel)
}

struct Parser<'t> {
    r: Reader<'t>,
    /// As far as it has been read.
    kernel: Kernel,
}

impl Parser<'_> {
    fn kernel(&mut self) -> Result<()> {
        self.r.expect("kernel")?;
        self.r.expect("@")?;
        self.kernel.name = self.r.up_to('(')?.trim_end().to_owned();
        self.r.expect("(")?;
        while !self.r.eat(";") {
            if !self.kernel.buffers.is_empty() {
                self.r.expect(",")?;
            }
            self.buffer()?;
        }
        self.kernel.sizes = self.r.int()?;
        self.r.expect("sizes")?;
        self.r.expect(")")?;
        self.kernel.checked = self.r.eat("checked");
        self.r.expect("grid")?;
        self.kernel.grid = sizes(&mut self.r)?.into();
        if self.r.eat("lanes") {
            self.kernel.lanes = Some(size(&mut self.r)?);
        }
        if self.r.eat("split") {
            let at = self.r.peek().at;
            let block: u32 = self.r.int()?;
            if block == 0 || self.kernel.lanes.is_none() {
                return Err(self.r.error_at(at, "lanes are split into blocks of at least one"));
            }
            self.kernel.split = Some(block);
        }
        self.r.expect("{")?;
        while !self.r.eat("}") {
            self.pass()?;
        }
        Ok(())
    }

    fn buffer(&mut self) -> Result<()> {
        let at = self.r.peek().at;
        let number = numbered(&mut self.r, "b", "a buffer")?;
        if number as usize != self.kernel.buffers.len() {
            return Err(self.r.error_at(at, format_args!("expected `b{}`", self.kernel.buffers.len())));
        }
        self.r.expect(":")?;
        let dtype = elements::read_dtype(&mut self.r)?;
        let mode = self.r.expect_kind(TokenKind::Ident, "`in`, `out`, `inout` or `unused`")?;
        let (read, written) = match mode.text {
            "in" => (true, false),
            "out" => (false, true),
            "inout" => (true, true),
            "unused" => (false, false),
            _ => return Err(self.r.error_at(mode.at, "expected `in`, `out`, `inout` or `unused`")),
        };
        let far = self.r.eat("far");
        self.kernel.buffers.push(BufferParam { dtype, read, written, far });
        Ok(())
    }

    fn pass(&mut self) -> Result<()> {
        let kind = match self.r.eat("scalar") {
            true => PassKind::Scalar,
            false => {
                self.r.expect("lanes")?;
                PassKind::Lanes { seq: if self.r.eat("seq") { sizes(&mut self.r)?.into() } else { smallvec![] } }
            }
        };
        self.kernel.passes.push(Pass { kind, insts: Vec::new() });
        self.r.expect("{")?;
        while !self.r.eat("}") {
            self.operation()?;
        }
        Ok(())
    }

    fn operation(&mut self) -> Result<()> {
        if self.r.eat("store") {
            let access = self.access()?;
            let value = self.value()?;
            self.kernel.push(Inst::Store(access, value), self.kernel.def(value).dtype);
            return Ok(());
        }
        let at = self.r.peek().at;
        let number = numbered(&mut self.r, "v", "an operation")?;
        if number as usize != self.kernel.values.len() {
            let next = self.kernel.values.len();
            return Err(self.r.error_at(at, format_args!("expected `v{next}`: stores count too")));
        }
        self.r.expect("=")?;
        let dtype = self.dtype_ahead()?;
        let inst = self.inst(dtype)?;
        self.r.expect(":")?;
        elements::read_dtype(&mut self.r)?;
        self.kernel.push(inst, dtype);
        Ok(())
    }

    /// The dtype at the end of the operation: constants are read by it.
    fn dtype_ahead(&self) -> Result<DType> {
        let mut ahead = self.r.clone();
        while !ahead.at(":") && ahead.peek().kind != TokenKind::End {
            ahead.take();
        }
        ahead.expect(":")?;
        elements::read_dtype(&mut ahead)
    }

    fn inst(&mut self, dtype: DType) -> Result<Inst> {
        let at = self.r.peek().at;
        let name = self.r.expect_kind(TokenKind::Ident, "an operation")?.text;
        Ok(match name {
            "const" => Inst::Const(elements::read_bits(&mut self.r, dtype)?),
            "size" => Inst::Size(size(&mut self.r)?),
            "index" => Inst::Coord(coordinate(&mut self.r)?),
            "load" => Inst::Load(self.access()?),
            "convert" => Inst::Convert(self.value()?),
            "bitcast" => Inst::Bitcast(self.value()?),
            "select" => {
                let condition = self.value()?;
                Inst::Select(condition, self.next_value()?, self.next_value()?)
            }
            "reduce" => {
                let at = self.r.peek().at;
                let kind = ReduceKind::named(self.r.expect_kind(TokenKind::Ident, "a kind of reduction")?.text);
                let kind = kind.ok_or_else(|| self.r.error_at(at, "there is no such reduction"))?;
                let value = self.value()?;
                let over_seq = self.r.eat("over");
                if over_seq {
                    self.r.expect("seq")?;
                }
                Inst::Reduce { kind, value, lanes: !over_seq }
            }
            _ => {
                let x = self.value()?;
                let y = if self.r.at(",") { Some(self.next_value()?) } else { None };
                let found = match y {
                    None => UnaryOp::named(name).map(|op| Inst::Unary(op, x)),
                    Some(y) => (CompareOp::named(name).map(|op| Inst::Compare(op, x, y)))
                        .or_else(|| BinaryOp::named(name, dtype).map(|op| Inst::Binary(op, x, y))),
                };
                found.ok_or_else(|| self.r.error_at(at, format_args!("there is no such operation `{name}`")))?
            }
        })
    }

    fn next_value(&mut self) -> Result<Value> {
        self.r.expect(",")?;
        self.value()
    }

    fn value(&mut self) -> Result<Value> {
        let at = self.r.peek().at;
        let number = numbered(&mut self.r, "v", "a value")?;
        match number < self.kernel.values.len() as u32 {
            true => Ok(Value(number)),
            false => Err(self.r.error_at(at, format_args!("v{number} is not defined"))),
        }
    }

    /// `b0[3 + s1*g0 + 2*q0 + l + b]`
    fn access(&mut self) -> Result<Access> {
        let buffer = numbered(&mut self.r, "b", "a buffer")?;
        let seq = match self.kernel.passes.last().map(|pass| &pass.kind) {
            Some(PassKind::Lanes { seq }) => seq.len(),
            _ => 0,
        };
        let zero = Size::Const(0);
        let mut access = Access {
            buffer,
            offset: zero,
            grid: smallvec![zero; self.kernel.grid.len()],
            seq: smallvec![zero; seq],
            lane: zero,
            block: zero,
        };
        self.r.expect("[")?;
        loop {
            let at = self.r.peek().at;
            let stride = if self.at_size() { Some(size(&mut self.r)?) } else { None };
            let place = match stride.is_some() && !self.r.eat("*") {
                true => &mut access.offset,
                false if self.r.eat("b") => &mut access.block,
                false => match coordinate(&mut self.r)? {
                    Loop::Lane => &mut access.lane,
                    Loop::Grid(k) => self.stride_of(&mut access.grid, k, at)?,
                    Loop::Seq(k) => self.stride_of(&mut access.seq, k, at)?,
                },
            };
            *place = stride.unwrap_or(Size::Const(1));
            if self.r.eat("]") {
                return Ok(access);
            }
            self.r.expect("+")?;
        }
    }

    fn stride_of<'s>(&self, strides: &'s mut [Size], k: u32, at: usize) -> Result<&'s mut Size> {
        strides.get_mut(k as usize).ok_or_else(|| self.r.error_at(at, "there is no such loop"))
    }

    fn at_size(&self) -> bool {
        let ahead = self.r.peek();
        ahead.kind == TokenKind::Int || ahead.text == "-" || number_after("s", ahead.text).is_some()
    }
}

fn sizes(r: &mut Reader<'_>) -> Result<Vec<Size>> {
    r.expect("[")?;
    r.list("]", size)
}

fn size(r: &mut Reader<'_>) -> Result<Size> {
    match r.peek().kind {
        TokenKind::Ident => numbered(r, "s", "a size").map(Size::Arg),
        _ => r.int().map(Size::Const),
    }
}

fn coordinate(r: &mut Reader<'_>) -> Result<Loop> {
    if r.eat("l") {
        return Ok(Loop::Lane);
    }
    match number_after("q", r.peek().text) {
        Some(_) => numbered(r, "q", "a loop").map(Loop::Seq),
        None => numbered(r, "g", "a loop").map(Loop::Grid),
    }
}

/// `b0`, `s1`, `v27`: the number after the letter.
fn numbered(r: &mut Reader<'_>, letter: &str, what: &str) -> Result<u32> {
    let found = number_after(letter, r.peek().text);
    let number = found.ok_or_else(|| r.expected(format_args!("{what} (`{letter}0`, `{letter}1`, …)")))?;
    r.take();
    Ok(number)
}

fn number_after(letter: &str, text: &str) -> Option<u32> {
    text.strip_prefix(letter)?.parse().ok().filter(|&k| k < MAX_INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFTMAX: &str = "\
kernel @soft max+…(b0: f32 in, b1: f32 out far; 2 sizes) grid [s0, 3] lanes s1 {
  lanes {
    v0 = load b0[7 + s1*g0 + -1*l] : f32
    v1 = reduce max v0 : f32
  }
  scalar {
    v2 = const -inf : f32
    v3 = const nan(0x7fc00001) : f32
    v4 = index g1 : i64
    v5 = size s1 : i64
    v6 = rem v4, v5 : i64
    v7 = convert v6 : f32
    v8 = rem v7, v2 : f32
    v9 = le v8, v3 : bool
    v10 = const true : bool
    v11 = and v9, v10 : bool
    v12 = select v11, v1, v8 : f32
  }
  lanes {
    v13 = sub v0, v12 : f32
    v14 = exp v13 : f32
    store b1[s1*g0 + l] v14
  }
}";

    #[test]
    fn what_is_printed_reads_back() {
        let kernel = parse(SOFTMAX).unwrap();
        assert_eq!(kernel.to_string(), SOFTMAX);
        let columns = "\
kernel @columns(b0: i32 in, b1: i32 out; 0 sizes) grid [] lanes 700 split 64 {
  lanes seq [9] {
    v0 = load b0[700*q0 + l] : i32
    v1 = reduce sum v0 over seq : i32
  }
  lanes {
    v2 = const -3 : i32
    v3 = mul v1, v2 : i32
    v4 = neg v3 : i32
    store b1[l + 64*b] v4
  }
}";
        let kernel = parse(columns).unwrap();
        assert_eq!(kernel.to_string(), columns);
        assert_eq!(kernel.def(Value(2)).inst, Inst::Const(0xffff_fffd));
    }

    #[test]
    fn nonsense_is_an_error_at_the_place() {
        let broken = |from: &str, to: &str| {
            let text = SOFTMAX.replacen(from, to, 1);
            assert_ne!(text, SOFTMAX, "{from}");
            parse(&text).unwrap_err().message().lines().next().unwrap().to_owned()
        };
        assert_eq!(broken("v1 = reduce", "v2 = reduce"), "line 4, column 5: expected `v1`: stores count too");
        assert_eq!(broken("reduce max v0", "reduce most v0"), "line 4, column 17: there is no such reduction");
        assert_eq!(broken("exp v13", "exq v13"), "line 21, column 11: there is no such operation `exq`");
        assert_eq!(broken("exp v13", "exp v14"), "line 21, column 15: v14 is not defined");
        assert_eq!(
            broken("b0: f32 in,", "b0: f32 over,"),
            "line 1, column 28: expected `in`, `out`, `inout` or `unused`"
        );
        assert_eq!(broken("s1*g0 + -1*l", "s1*g4 + -1*l"), "line 3, column 22: there is no such loop");
        assert_eq!(broken("size s1", "size s9"), "v5 does not fit its operands in");
        assert_eq!(broken("index g1", "index g2"), "v4 does not fit its operands in");
        assert_eq!(broken("load b0", "load b3"), "b3[7 + s1*g0 + -1*l] names no buffer in");
        for end in 0..SOFTMAX.len() {
            if SOFTMAX.is_char_boundary(end) {
                assert!(parse(&SOFTMAX[..end]).is_err());
            }
        }
    }
}
