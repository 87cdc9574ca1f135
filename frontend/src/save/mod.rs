//! Variables in files: safetensors, by stable names.
//!
//! A name is the path of field names to the variable (`hidden/kernel`), so it stays while the struct does. Files
//! are data from outside: everything about them is checked before the first variable is assigned. A file is written at
//! once or not at all.

mod header;

use crate::error::{Error, Kind, Result};
use crate::nn::Module;
use crate::tensor::Tensor;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeSet;
use std::path::Path;
use tracelift_runtime::files::write_atomically;
use tracelift_runtime::{Array, DType};

/// Writes every variable of the module to a safetensors file, which is replaced at once or not at all. An error if the
/// module has none yet, or the file cannot be written.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let layer = tl::Dense::new(3);
/// layer.build(2, DType::F32);
/// let file = std::env::temp_dir().join("tracelift-doc.safetensors");
/// tl::save_weights(&layer, &file)?;
/// let other = tl::Dense::new(3);
/// other.build(2, DType::F32);
/// tl::load_weights(&other, &file)?;
/// assert_eq!(other.kernel().unwrap().value(), layer.kernel().unwrap().value());
/// # std::fs::remove_file(file).unwrap();
/// # Ok::<(), tl::Error>(())
/// ```
pub fn save_weights(module: &(impl Module + ?Sized), path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let arrays: Vec<(String, Array)> = module.named_variables().into_iter().map(|(name, v)| (name, v.peek())).collect();
    if arrays.is_empty() {
        let error = Error::new(Kind::Value, format!("{}: the module has no variables to save", path.display()));
        return Err(error.hint("layers make their variables at their first call"));
    }
    let views = arrays.iter().map(|(name, array)| {
        let view = TensorView::new(file_dtype(array.dtype()), array.shape().to_vec(), array.as_bytes());
        view.map(|view| (name.as_str(), view)).map_err(|e| file_error(path, e))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let text = safetensors::serialize(views, None).map_err(|e| file_error(path, e))?;
    write_atomically(path, &text).map_err(|e| file_error(path, e))
}

/// The tensors of a safetensors file with their names, sorted. An error if it cannot be read, is no safetensors file,
/// or holds a dtype that the library has not.
///
/// ```no_run
/// for (name, tensor) in tracelift::load_tensors("weights.safetensors")? {
///     println!("{name}: {tensor}");
/// }
/// # Ok::<(), tracelift::Error>(())
/// ```
pub fn load_tensors(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    let text = std::fs::read(path).map_err(|e| file_error(path, e))?;
    let file = parse(path, &text)?;
    let tensor = |name: &str| {
        let view = file.tensor(name).map_err(|e| file_error(path, e))?;
        let dtype = DType::ALL.into_iter().find(|&dtype| file_dtype(dtype) == view.dtype());
        let dtype = dtype.ok_or_else(|| file_error(path, format!("`{name}` is {:?}: no such dtype", view.dtype())))?;
        Ok((name.to_owned(), Tensor::from(Array::from_bytes(dtype, view.shape(), view.data())?)))
    };
    let names: BTreeSet<&str> = file.names().into_iter().collect();
    names.into_iter().map(tensor).collect()
}

/// Assigns every variable of the module from a safetensors file. An error, and nothing is assigned, if the file is
/// no safetensors file, or names, dtypes or shapes differ from the module's.
pub fn load_weights(module: &(impl Module + ?Sized), path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let text = std::fs::read(path).map_err(|e| file_error(path, e))?;
    let file = parse(path, &text)?;
    let variables = module.named_variables();
    let here: BTreeSet<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let there: BTreeSet<&str> = file.names().into_iter().collect();
    if here != there {
        let list = |names: Vec<&&str>| names.into_iter().copied().collect::<Vec<_>>().join(", ");
        let text = format!(
            "{}: the variables' names differ; only in the file: [{}]; only in the module: [{}]",
            path.display(),
            list(there.difference(&here).collect()),
            list(here.difference(&there).collect())
        );
        return Err(Error::new(Kind::File, text)
            .hint("layers make their variables at their first call: call the model once before loading"));
    }
    let mut arrays = Vec::with_capacity(variables.len());
    for (name, variable) in &variables {
        let view = file.tensor(name).map_err(|e| file_error(path, e))?;
        let (expected, shape) = (file_dtype(variable.dtype()), variable.shape());
        if view.dtype() != expected || view.shape() != &shape[..] {
            let text = format!(
                "{}: `{name}` is {expected:?}{:?} in the module, {:?}{:?} in the file",
                path.display(),
                &shape[..],
                view.dtype(),
                view.shape()
            );
            return Err(Error::new(Kind::File, text));
        }
        arrays.push(Array::from_bytes(variable.dtype(), &shape, view.data())?);
    }
    for ((_, variable), array) in variables.iter().zip(arrays) {
        *variable.lock() = array;
    }
    Ok(())
}

/// Checks the whole file: lengths, offsets, overlaps, names.
fn parse<'a>(path: &Path, text: &'a [u8]) -> Result<SafeTensors<'a>> {
    let (length, _) = SafeTensors::read_metadata(text).map_err(|e| file_error(path, e))?;
    header::check_names(&text[8..8 + length]).map_err(|e| file_error(path, e))?;
    SafeTensors::deserialize(text).map_err(|e| file_error(path, e))
}

fn file_error(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(Kind::File, format!("{}: {error}", path.display()))
}

fn file_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::U8 => Dtype::U8,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        DType::Bool => Dtype::BOOL,
        DType::Complex64 => Dtype::C64,
    }
}
