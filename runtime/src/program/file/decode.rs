//! Reading: one function for each kind of item, the twin of the one in [`super::encode`].
//!
//! Invariants: no read goes past the section; memory grows only with bytes really read; nesting is bounded.

use super::{SECTIONS, routine_fingerprint};
use crate::array::DType;
use crate::error::{Error, Kind, Result};
use crate::program::{
    Atom, BufferDecl, BufferId, Dim, Donation, KernelCall, KernelDecl, KernelId, LibraryCall, Place, Program, SizeId,
    SizeStep, Step, SymbolSource, TensorDecl, TensorRef, Term,
};

/// The deepest nesting of size expressions that is read.
const MAX_DEPTH: u32 = 256;

/// All sections, and nothing after them.
pub fn body(bytes: &[u8]) -> Result<Program> {
    let contents: [fn(&mut Reader, &mut Program) -> Result<()>; SECTIONS.len()] = [
        host,
        |r, p| r.list(|r| r.dim(0)).map(|sizes| p.sizes = sizes),
        |r, p| {
            p.symbols = r.list(Reader::symbol)?;
            p.inputs = r.list(Reader::tensor)?;
            p.outputs = r.list(Reader::tensor)?;
            p.donations = r.list(Reader::donation)?;
            Ok(())
        },
        |r, p| r.list(Reader::buffer).map(|buffers| p.buffers = buffers),
        |r, p| r.list(Reader::kernel).map(|kernels| p.kernels = kernels),
        |r, p| r.list(Reader::step).map(|steps| p.steps = steps),
        |r, p| r.rest().map(|bytes| p.constants = bytes),
        |r, p| r.rest().map(|bytes| p.code = bytes),
    ];
    let mut program = Program::default();
    let mut body = Reader { bytes, section: "list of sections" };
    for (tag, read) in SECTIONS.iter().zip(contents) {
        if body.take(tag.len())? != tag {
            return Err(body.damaged("a section is missing or out of order"));
        }
        let bytes = body.u64()?;
        let content = body.take(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let mut section = Reader { bytes: content, section: std::str::from_utf8(tag).expect("tags are ASCII") };
        read(&mut section, &mut program)?;
        if !section.bytes.is_empty() {
            return Err(section.damaged("bytes are left over"));
        }
    }
    if !body.bytes.is_empty() {
        return Err(body.damaged("bytes are left over"));
    }
    Ok(program)
}

/// For which host the code is, and the program's name.
fn host(r: &mut Reader, program: &mut Program) -> Result<()> {
    let (arch, fingerprint) = (r.string()?, r.u64()?);
    program.features = r.list(Reader::string)?;
    program.name = r.string()?;
    let here = std::env::consts::ARCH;
    let why = if arch != here {
        format!("program `{}` was compiled for {arch}, this host is {here}", program.name)
    } else if fingerprint != routine_fingerprint() {
        format!("program `{}` was compiled for other tile routines than this runtime has", program.name)
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::Host, why).hint("compile and save the program again"))
}

struct Reader<'a> {
    /// What is left.
    bytes: &'a [u8],
    section: &'static str,
}

impl<'a> Reader<'a> {
    fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::new(Kind::File, format!("damaged in section {}: {what}", self.section))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| self.damaged("it ends too early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("as many bytes as asked for"))
    }

    fn rest(&mut self) -> Result<Vec<u8>> {
        self.take(self.bytes.len()).map(<[u8]>::to_vec)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn flag(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.damaged(format!("{other} is no truth value"))),
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.u32()?;
        // Not reserved: the count is only a claim.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn string(&mut self) -> Result<String> {
        let count = self.u32()?;
        let bytes = self.take(count as usize)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.damaged("a name is not UTF-8"))?;
        Ok(text.to_owned())
    }

    fn dtype(&mut self) -> Result<DType> {
        let index = self.u8()?;
        DType::ALL.get(index as usize).copied().ok_or_else(|| self.damaged(format!("{index} is no dtype")))
    }

    fn size(&mut self) -> Result<SizeId> {
        self.u32().map(SizeId)
    }

    fn dim(&mut self, depth: u32) -> Result<Dim> {
        if depth > MAX_DEPTH {
            return Err(self.damaged("a size is nested too deeply"));
        }
        let terms = self.list(|r| {
            let coef = r.u64()? as i64;
            let mut atoms = r.list(|r| r.atom(depth))?;
            atoms.sort();
            Ok(Term { atoms, coef })
        })?;
        Ok(Dim::from_terms(terms))
    }

    fn atom(&mut self, depth: u32) -> Result<Atom> {
        let tag = self.u8()?;
        if tag < 2 {
            let k = self.u32()?;
            return Ok(if tag == 0 { Atom::Sym(k) } else { Atom::Slot(k, self.dim(depth + 1)?) });
        }
        if tag == 2 {
            return Ok(Atom::PositivePart(self.dim(depth + 1)?));
        }
        let of = match tag {
            3 => Atom::FloorDiv,
            4 => Atom::Mod,
            _ => return Err(self.damaged(format!("{tag} is no kind of size"))),
        };
        Ok(of(self.dim(depth + 1)?, self.dim(depth + 1)?))
    }

    fn symbol(&mut self) -> Result<SymbolSource> {
        Ok(SymbolSource { input: self.u32()?, axis: self.u32()? })
    }

    fn tensor(&mut self) -> Result<TensorDecl> {
        Ok(TensorDecl {
            name: self.string()?,
            dtype: self.dtype()?,
            dims: self.list(Reader::size)?,
            buffer: BufferId(self.u32()?),
        })
    }

    fn donation(&mut self) -> Result<Donation> {
        Ok(Donation { input: self.u32()?, output: self.u32()?, in_place: self.flag()? })
    }

    fn buffer(&mut self) -> Result<BufferDecl> {
        let (dtype, len) = (self.dtype()?, self.size()?);
        let place = match self.u8()? {
            0 => Place::Input(self.u32()?),
            1 => Place::Output(self.u32()?),
            2 => Place::Temp { first: self.u32()?, last: self.u32()? },
            3 => Place::Constant(self.u64()?),
            other => return Err(self.damaged(format!("{other} is no place of a buffer"))),
        };
        Ok(BufferDecl { dtype, len, place })
    }

    fn kernel(&mut self) -> Result<KernelDecl> {
        Ok(KernelDecl { name: self.string()?, offset: self.u64()?, len: self.u64()?, can_fail: self.flag()? })
    }

    fn step(&mut self) -> Result<Step> {
        match self.u8()? {
            0 => self.kernel_call().map(Step::Kernel),
            1 => self.library_call().map(Step::Library),
            2 => Ok(Step::Size(SizeStep { value: BufferId(self.u32()?), bound: self.size()? })),
            other => Err(self.damaged(format!("{other} is no kind of step"))),
        }
    }

    fn kernel_call(&mut self) -> Result<KernelCall> {
        Ok(KernelCall {
            kernel: KernelId(self.u32()?),
            operands: self.list(|r| r.u32().map(BufferId))?,
            sizes: self.list(Reader::size)?,
            grid: self.size()?,
            point_cost: self.size()?,
            scratch: self.size()?,
        })
    }

    fn library_call(&mut self) -> Result<LibraryCall> {
        Ok(LibraryCall {
            routine: self.string()?,
            inputs: self.list(Reader::tensor_ref)?,
            outputs: self.list(Reader::tensor_ref)?,
            params: self.list(Reader::size)?,
            epilogue: self.list(Reader::kernel_call)?.pop(),
        })
    }

    fn tensor_ref(&mut self) -> Result<TensorRef> {
        Ok(TensorRef { buffer: BufferId(self.u32()?), dims: self.list(Reader::size)? })
    }
}
