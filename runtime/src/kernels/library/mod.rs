//! Library kernels: whole operations that are not worth generating, called by name from a program's steps.
//!
//! Start with [`TABLE`]. A kernel trusts its views' memory (see [`View`]) but checks dtypes, shapes, parameters
//! and indices before it writes anything, and reports what is wrong as an error.

pub mod view;

pub use view::{View, ViewMut};

use crate::error::{Error, Kind, Result};
use std::fmt::Write as _;

/// One library kernel.
pub struct LibraryKernel {
    /// The name that a program calls it by.
    pub name: &'static str,
    /// Operands, results and parameters, and what it computes.
    pub doc: &'static str,
    /// Runs it.
    pub run: fn(&mut LibraryCx<'_>) -> Result<()>,
}

/// A call of a library kernel.
pub struct LibraryCx<'a> {
    /// What it reads.
    pub inputs: &'a [View<'a>],
    /// What it writes. May overlap no input.
    pub outputs: &'a [ViewMut<'a>],
    /// Integer parameters, in the order of the kernel's doc.
    pub params: &'a [i64],
    /// To be called with `(row_begin, row_end)`, from any thread, as soon as all columns of these rows of the
    /// first output are final; a row is a run along the last axis. Each row is passed once.
    pub epilogue: Option<&'a (dyn Fn(i64, i64) + Sync)>,
}

/// Every library kernel.
pub static TABLE: &[LibraryKernel] = &[];

/// The kernel of that name.
pub fn find(name: &str) -> Option<&'static LibraryKernel> {
    TABLE.iter().find(|kernel| kernel.name == name)
}

impl LibraryCx<'_> {
    /// An error unless there are as many operands, results and parameters as given.
    fn expect(&self, kernel: &str, inputs: usize, outputs: usize, params: usize) -> Result<()> {
        if (self.inputs.len(), self.outputs.len(), self.params.len()) == (inputs, outputs, params) {
            return Ok(());
        }
        Err(self.bad(
            kernel,
            Kind::Internal,
            format!(
                "expected {inputs} operands, {outputs} results and {params} parameters, got {}, {} and {}",
                self.inputs.len(),
                self.outputs.len(),
                self.params.len()
            ),
        ))
    }

    /// An axis parameter as an index below `rank`.
    fn axis(&self, kernel: &str, param: usize, rank: usize) -> Result<usize> {
        let axis = self.params[param];
        usize::try_from(axis)
            .ok()
            .filter(|&a| a < rank)
            .ok_or_else(|| self.bad(kernel, Kind::Shape, format!("axis {axis} is out of range for rank {rank}")))
    }

    /// An error of this call: `kernel: what (operands f32[2, 3], i32[4]; results …; params …)`.
    fn bad(&self, kernel: &str, kind: Kind, what: impl std::fmt::Display) -> Error {
        let mut text = format!("{kernel}: {what} (operands ");
        for (i, view) in self.inputs.iter().enumerate() {
            let _ = write!(text, "{}{view:?}", if i > 0 { ", " } else { "" });
        }
        text.push_str("; results ");
        for (i, view) in self.outputs.iter().enumerate() {
            let _ = write!(text, "{}{view:?}", if i > 0 { ", " } else { "" });
        }
        let _ = write!(text, "; params {:?})", self.params);
        Error::new(kind, text)
    }
}
