//! The op cases of a corpora folder: [`read`].
//!
//! A case is a line of `opinfo/manifest.jsonl` with its tensors in the safetensors file that the line names; the
//! format is described by the README beside the folders. Nothing here knows any op.

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tracelift_runtime::{Array, DType};

/// One call of one op, with what it must give.
pub struct Case {
    /// Unique; names the op, the dtype and the sample.
    pub id: String,
    /// The op by the corpus' name.
    pub op: String,
    /// The attributes as the manifest has them.
    pub attrs: Map<String, Value>,
    /// The operands.
    pub inputs: Vec<Array>,
    /// The results.
    pub outputs: Vec<Array>,
    /// By result: its cotangent, if it has one.
    pub cotangents: Vec<Option<Array>>,
    /// Which operands' gradients are given, and those.
    pub gradients: Vec<(usize, Array)>,
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance.
    pub atol: f64,
}

/// What a manifest line gives: a case, or the reason why it cannot be run.
pub enum Entry {
    /// Everything is there.
    Case(Case),
    /// A tensor has a dtype that the library has not; the op's name.
    UnknownDType(String),
}

/// The name of the op cases' folder.
pub const FOLDER: &str = "opinfo";

/// The small part of the corpora that is committed.
const SAMPLE: &str = "tests/data/corpora";

/// The folder with the corpora: `TRACELIFT_CORPORA`, or `../shared/corpora`, or [`SAMPLE`].
pub fn folder(root: &Path) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TRACELIFT_CORPORA") {
        return Some(path.into());
    }
    ["../shared/corpora", SAMPLE].map(|p| root.join(p)).into_iter().find(|p| p.is_dir())
}

/// Whether the folder is [`SAMPLE`]: there, less fails than the ledger says.
pub fn is_sample(root: &Path, folder: &Path) -> bool {
    let same = |a: PathBuf, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    same(root.join(SAMPLE), folder)
}

/// Every op case, in the manifest's order; none if there is no manifest. An error names the file and line.
pub fn read(corpora: &Path) -> Result<Vec<Entry>, String> {
    let folder = corpora.join(FOLDER);
    let manifest = folder.join("manifest.jsonl");
    if !manifest.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
    let mut files = Files { folder, read: HashMap::new() };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(n, line)| entry(line, &mut files).map_err(|e| format!("{}:{n}: {e}", manifest.display()))).collect()
}

/// The folders beside those that are `run`, each with the number of cases in its manifest.
pub fn other_subjects(corpora: &Path, run: &[&str]) -> Vec<(String, Option<usize>)> {
    let folders = std::fs::read_dir(corpora).into_iter().flatten().flatten().filter(|e| e.path().is_dir());
    let mut subjects: Vec<_> = folders
        .map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))
        .filter(|(name, _)| !run.contains(&name.as_str()))
        .map(|(name, path)| {
            let manifests = ["manifest.jsonl", "layers.jsonl", "cases.jsonl"].map(|m| path.join(m));
            let text = manifests.iter().find_map(|m| std::fs::read_to_string(m).ok());
            (name, text.map(|t| t.lines().count()))
        })
        .collect();
    subjects.sort();
    subjects
}

fn entry(line: &str, files: &mut Files) -> Result<Entry, String> {
    // Python writes what JSON has not; elsewhere the manifest has strings for it.
    let line = line.replace(":Infinity", ":\"inf\"");
    let line: Value = serde_json::from_str(&line).map_err(|e| e.to_string())?;
    let text = |key: &str| line[key].as_str().map(str::to_owned).ok_or_else(|| format!("no text `{key}`"));
    let count = |key: &str| line[key].as_u64().map(|n| n as usize).ok_or_else(|| format!("no number `{key}`"));
    let tolerance = |key: &str| number(&line[key]).ok_or_else(|| format!("no number `{key}`"));
    let (id, op) = (text("id")?, text("op")?);
    let tensors = files.tensors(&text("file")?)?;
    let find = |what: &str, k: usize| tensors.get(&format!("{id}.{what}{k}"));
    let list = |what: &str, indices: &mut dyn Iterator<Item = usize>| {
        indices.map(|k| find(what, k).cloned().ok_or_else(|| format!("no tensor {id}.{what}{k}"))).collect()
    };
    let wanted = line["grads"].as_array().ok_or("no list `grads`")?;
    let wanted: Vec<usize> = wanted.iter().filter_map(|j| Some(j.as_u64()? as usize)).collect();
    let inputs: Result<Vec<Tensor>, String> = list("i", &mut (0..count("n_in")?));
    let outputs: Result<Vec<Tensor>, String> = list("o", &mut (0..count("n_out")?));
    let gradients: Result<Vec<Tensor>, String> = list("g", &mut wanted.iter().copied());
    let known = (all(inputs?), all(outputs?), all(gradients?));
    let (Some(inputs), Some(outputs), Some(gradients)) = known else { return Ok(Entry::UnknownDType(op)) };
    let cotangents = (0..outputs.len()).map(|k| find("c", k).cloned().flatten()).collect();
    let attrs = line["attrs"].as_object().cloned().unwrap_or_default();
    let gradients = wanted.into_iter().zip(gradients).collect();
    // Anything is within an infinite tolerance: the other one has to do.
    let finite = |tolerance: f64| if tolerance.is_finite() { tolerance } else { 0.0 };
    let (rtol, atol) = (finite(tolerance("rtol")?), finite(tolerance("atol")?));
    Ok(Entry::Case(Case { id, op, attrs, inputs, outputs, cotangents, gradients, rtol, atol }))
}

/// A number; those that JSON has not are strings.
pub fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A tensor of a file; None if the library has no such dtype.
type Tensor = Option<Array>;

fn all(tensors: Vec<Tensor>) -> Option<Vec<Array>> {
    tensors.into_iter().collect()
}

/// The safetensors files read so far.
struct Files {
    folder: PathBuf,
    read: HashMap<String, Rc<HashMap<String, Tensor>>>,
}

impl Files {
    fn tensors(&mut self, file: &str) -> Result<Rc<HashMap<String, Tensor>>, String> {
        if let Some(tensors) = self.read.get(file) {
            return Ok(tensors.clone());
        }
        let bytes = std::fs::read(self.folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
        let stored = SafeTensors::deserialize(&bytes).map_err(|e| format!("{file}: {e}"))?;
        let tensors = stored.iter().map(|(name, view)| {
            let array = dtype_of(view.dtype()).map(|dtype| Array::from_bytes(dtype, view.shape(), view.data()));
            Ok((name.to_owned(), array.transpose().map_err(|e| format!("{file}: {name}: {e}"))?))
        });
        let tensors = Rc::new(tensors.collect::<Result<_, String>>()?);
        self.read.insert(file.to_owned(), Rc::clone(&tensors));
        Ok(tensors)
    }
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::BOOL => DType::Bool,
        Dtype::I8 => DType::I8,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::U8 => DType::U8,
        Dtype::U16 => DType::U16,
        Dtype::U32 => DType::U32,
        Dtype::U64 => DType::U64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::C64 => DType::Complex64,
        _ => return None,
    })
}
