//! The arguments of a call: their forms, and the check against a program's signature.
//!
//! A call whose arguments [`accepts`] recognises needs no more checking. Otherwise [`bind_symbols`] finds the values
//! of the size symbols, or says which argument is wrong.

use crate::array::Array;
use crate::error::{Error, Kind, Result};
use crate::program::plan::Spec;
use crate::program::{Atom, Program, SymbolSource, TensorDecl};
use smallvec::SmallVec;

/// An argument of [`Executable::run`](super::Executable::run).
#[derive(Debug)]
pub enum Arg<'a> {
    /// Read only.
    Ref(&'a Array),
    /// A variable's state: if the program gives it a new value, the array is replaced by it, in place where
    /// nobody else holds the elements.
    State(&'a mut Array),
}

/// The arguments of a call, whatever form they came in.
pub(super) trait Operands {
    fn count(&self) -> usize;
    fn array(&self, index: usize) -> &Array;
    /// The argument, if it is a state.
    fn state(&mut self, index: usize) -> Option<&mut Array>;
}

pub(super) struct References<'a>(pub &'a [&'a Array]);

impl Operands for References<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn array(&self, index: usize) -> &Array {
        self.0[index]
    }

    fn state(&mut self, _: usize) -> Option<&mut Array> {
        None
    }
}

pub(super) struct Arguments<'a, 'b>(pub &'a mut [Arg<'b>]);

impl Operands for Arguments<'_, '_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn array(&self, index: usize) -> &Array {
        match &self.0[index] {
            Arg::Ref(array) => array,
            Arg::State(array) => array,
        }
    }

    fn state(&mut self, index: usize) -> Option<&mut Array> {
        match &mut self.0[index] {
            Arg::Ref(_) => None,
            Arg::State(array) => Some(array),
        }
    }
}

/// Whether the arguments are of exactly these dtypes and shapes.
pub(super) fn accepts(specs: &[Spec], operands: &impl Operands) -> bool {
    specs.len() == operands.count()
        && specs.iter().enumerate().all(|(index, spec)| {
            let array = operands.array(index);
            // Lengths one by one: shapes are too short for a call of memcmp to pay.
            array.dtype() == spec.dtype
                && array.shape().len() == spec.shape.len()
                && array.shape().iter().zip(&spec.shape).all(|(a, b)| a == b)
        })
}

/// Checks the arguments against the signature and gives the values of the size symbols.
#[cold]
pub(super) fn bind_symbols(program: &Program, operands: &impl Operands) -> Result<SmallVec<[i64; 4]>> {
    if operands.count() != program.inputs.len() {
        let (wanted, given) = (program.inputs.len(), operands.count());
        let plural = if wanted == 1 { "input" } else { "inputs" };
        let why = format!("program `{}` takes {wanted} {plural}, received {given}", program.name);
        return Err(Error::new(Kind::Value, why));
    }
    for (index, input) in program.inputs.iter().enumerate() {
        let array = operands.array(index);
        if array.dtype() != input.dtype {
            return Err(refuse(program, Kind::DType, input, array, &[]));
        }
        if array.shape().len() != input.dims.len() {
            return Err(refuse(program, Kind::Shape, input, array, &[]));
        }
    }
    // A symbol that no size uses may come from nowhere.
    let axis = |source: &SymbolSource, array: &Array| array.shape().get(source.axis as usize).map_or(0, |&n| n as i64);
    let length = |source: &SymbolSource| match source.input as usize {
        input if input < operands.count() => axis(source, operands.array(input)),
        _ => 0,
    };
    let symbols: SmallVec<[i64; 4]> = program.symbols.iter().map(length).collect();
    for (index, input) in program.inputs.iter().enumerate() {
        let array = operands.array(index);
        for (&dim, &length) in input.dims.iter().zip(array.shape()) {
            if program.sizes[dim.index()].eval(&symbols, &[])? != length as i64 {
                return Err(refuse(program, Kind::Shape, input, array, &symbols));
            }
        }
    }
    Ok(symbols)
}

/// An error that shows an input's signature, with the sizes bound so far, beside what was received.
fn refuse(program: &Program, kind: Kind, input: &TensorDecl, array: &Array, symbols: &[i64]) -> Error {
    let dims = input.dims.iter().map(|dim| program.sizes[dim.index()].to_string()).collect::<Vec<_>>().join(", ");
    let mut bound = String::new();
    for &dim in &input.dims {
        program.sizes[dim.index()].visit(&mut |atom| {
            let Atom::Sym(k) = atom else { return };
            let (Some(value), Some(source)) = (symbols.get(*k as usize), program.symbols.get(*k as usize)) else {
                return;
            };
            let owner = &program.inputs[source.input as usize].name;
            let text = format!("n{k} = {value} (axis {} of `{owner}`)", source.axis);
            if !bound.contains(&text) {
                bound.push_str(if bound.is_empty() { " with " } else { ", " });
                bound.push_str(&text);
            }
        });
    }
    let received = array.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let why = format!(
        "program `{}`: input `{}`: expected {}[{dims}]{bound}, received {}[{received}]",
        program.name,
        input.name,
        input.dtype,
        array.dtype(),
    );
    Error::new(kind, why)
}
