//! The saved form of a [`Program`]: its own little-endian binary format.
//!
//! Start with [`Program::to_bytes`] and [`Program::from_bytes`]. Reading is safe on any bytes: every length is
//! checked against what is left before anything is allocated, the result passes [`super::check`], and what is
//! wrong is said in an error. The machine code inside is only as good as its source.
//!
//! ```text
//! file    = magic[8] version:u32 body_bytes:u64 checksum:u64 body      checksum: FNV-1a 64 of the body
//! body    = section*                                                   in the order of `SECTIONS`
//! section = tag[4] bytes:u64 content
//! ```
//!
//! Lists and strings are a `u32` count and their items. Items are written and read by the pair of functions of the
//! same name in [`encode`] and [`decode`].

mod decode;
mod encode;

use super::{Program, check};
use crate::array::DType;
use crate::error::{Error, Kind, Result};
use crate::files::write_atomically;
use crate::kernels::library::host;
use crate::kernels::tile::{FoldFn, MathFn, Routine};
use std::path::Path;

/// The first bytes of every file. The first is no ASCII, the last is changed by transfers that rewrite line ends.
const MAGIC: [u8; 8] = *b"\x89TLPROG\n";

/// To be raised with every change of the format or of [`super::abi`].
const VERSION: u32 = 3;

const HEADER_BYTES: usize = 28;

/// What tells the sections apart.
const SECTIONS: [[u8; 4]; 8] = [*b"HOST", *b"SIZE", *b"SIGN", *b"BUFS", *b"KERN", *b"STEP", *b"DATA", *b"CODE"];

impl Program {
    /// The saved form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = encode::body(self);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(checksum(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// The program of a saved form.
    ///
    /// An error of kind [`Kind::File`] if the bytes are not one whole program of this version, [`Kind::Host`] if it
    /// was compiled for another processor family or other tile routines.
    pub fn from_bytes(bytes: &[u8]) -> Result<Program> {
        let refuse = |what: String| Err(Error::new(Kind::File, what));
        let (magic, rest) = bytes.split_at(bytes.len().min(MAGIC.len()));
        if magic != &MAGIC[..magic.len()] || magic.is_empty() {
            return refuse("not a saved Tracelift program".into());
        }
        let Some((version, rest)) = rest.split_first_chunk() else { return refuse("truncated in the header".into()) };
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            let what = format!("saved in format {version}, this runtime reads format {VERSION}");
            return refuse(what).map_err(|e: Error| e.hint("compile and save the program again"));
        }
        let (Some((length, rest)), Some(sum)) = (rest.split_first_chunk(), rest.get(8..16)) else {
            return refuse("truncated in the header".into());
        };
        let (length, body) = (u64::from_le_bytes(*length), &rest[sum.len()..]);
        let found = body.len() as u64;
        if found < length {
            return refuse(format!("truncated: {found} of {length} bytes after the header"));
        }
        if found > length {
            return refuse(format!("followed by {} bytes that are not part of it", found - length));
        }
        if checksum(body).to_le_bytes() != sum {
            return refuse("damaged: its checksum is wrong".into());
        }
        let program = decode::body(body)?;
        check::check(&program).map_err(|e| Error::new(Kind::File, e.message()))?;
        Ok(program)
    }

    /// Writes the saved form to a file. The file is replaced at once or not at all.
    ///
    /// An error of kind [`Kind::Value`] if the program calls a custom op: the op exists in this process alone.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if self.routines().contains(&host::ROUTINE) {
            let text = format!("program `{}` cannot be saved: it calls a custom op of this process", self.name);
            return Err(Error::new(Kind::Value, text).hint("save the parts before and after it"));
        }
        write_atomically(path, &self.to_bytes()).map_err(|cause| {
            let what = format!("program `{}` cannot be saved to `{}`: {cause}", self.name, path.display());
            Error::new(Kind::File, what)
        })
    }

    /// Reads a saved form from a file. Errors as for [`Program::from_bytes`], with the path in front.
    pub fn load(path: impl AsRef<Path>) -> Result<Program> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|cause| {
            Error::new(Kind::File, format!("program file `{}` cannot be read: {cause}", path.display()))
        })?;
        let named = |error: Error| error.map_message(|what| format!("program file `{}`: {what}", path.display()));
        Program::from_bytes(&bytes).map_err(named)
    }
}

/// FNV-1a with 64 bits: finds every change of one byte, and most others.
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Stands for the ids of all tile routines: compiled code has them built in.
pub fn routine_fingerprint() -> u64 {
    let mut routines = vec![Routine::Fetch];
    for dtype in DType::ALL {
        routines.extend(MathFn::ALL.map(|f| Routine::Math(f, dtype)));
        routines.extend([FoldFn::Sum, FoldFn::Prod, FoldFn::Max, FoldFn::Min].map(|f| Routine::Fold(f, dtype)));
        routines.extend([Routine::Widen(dtype), Routine::Narrow(dtype)]);
    }
    let known = routines.iter().filter_map(|routine| Some(format!("{routine:?} {};", routine.try_id()?)));
    checksum(known.collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_fnv1a() {
        assert_eq!(checksum(b""), 0xcbf29ce484222325);
        assert_eq!(checksum(b"a"), 0xaf63dc4c8601ec8c);
        assert_eq!(checksum(b"foobar"), 0x85944171f73967e8);
    }
}
