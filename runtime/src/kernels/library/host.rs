//! Calls back into the host: kernels of the user's own, registered in this process.
//!
//! A registered op is known by a number that means nothing in another process; so a program that calls one cannot be
//! saved. What the closure gives is checked against what its shape rule promised, and a panic in it becomes an error.

use super::{LibraryCx, View};
use crate::array::{Array, DType};
use crate::error::{Error, Kind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

/// The routine's name in programs.
pub const ROUTINE: &str = "host_call";

/// The dtype and shape of each result from those of the operands.
pub type SpecRule = dyn Fn(&[(DType, Vec<usize>)]) -> Result<Vec<(DType, Vec<usize>)>> + Send + Sync;

/// The results from the operands.
pub type HostKernel = dyn Fn(&[Array]) -> Result<Vec<Array>> + Send + Sync;

/// A kernel of the user's own.
pub struct HostOp {
    /// For errors and listings.
    pub name: String,
    /// What it promises.
    pub spec: Box<SpecRule>,
    /// What it does.
    pub kernel: Box<HostKernel>,
}

static REGISTERED: RwLock<Vec<Arc<HostOp>>> = RwLock::new(Vec::new());

/// Makes an op known, as long as the process lives; gives its number.
pub fn register(op: HostOp) -> i64 {
    let mut all = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    all.push(Arc::new(op));
    all.len() as i64 - 1
}

/// The op of that number.
pub fn find(number: i64) -> Result<Arc<HostOp>> {
    let all = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    let found = usize::try_from(number).ok().and_then(|n| all.get(n)).cloned();
    found.ok_or_else(|| Error::new(Kind::Host, format!("no op of this process has the number {number}")))
}

impl HostOp {
    /// What the op promises for such operands; a panic in the rule is an error.
    pub fn promise(&self, operands: &[(DType, Vec<usize>)]) -> Result<Vec<(DType, Vec<usize>)>> {
        self.guarded("shape rule", || (self.spec)(operands))
    }

    /// The results, which are as promised.
    pub fn call(&self, operands: &[Array]) -> Result<Vec<Array>> {
        let specs: Vec<_> = operands.iter().map(|a| (a.dtype(), a.shape().to_vec())).collect();
        let promised = self.promise(&specs)?;
        let results = self.guarded("kernel", || (self.kernel)(operands))?;
        let given: Vec<_> = results.iter().map(|a| (a.dtype(), a.shape().to_vec())).collect();
        if given != promised {
            let text = format!(
                "custom op `{}`: its shape rule promises {}; its kernel gave {}",
                self.name,
                listed(&promised),
                listed(&given)
            );
            return Err(Error::new(Kind::Value, text));
        }
        Ok(results)
    }

    fn guarded<R>(&self, what: &str, f: impl FnOnce() -> Result<R>) -> Result<R> {
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(result) => result.map_err(|e| e.map_message(|text| format!("custom op `{}`: {text}", self.name))),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                let text = text.or_else(|| panic.downcast_ref::<Error>().map(Error::to_string));
                let text = text.unwrap_or_else(|| "no message".to_owned());
                Err(Error::new(Kind::Value, format!("custom op `{}`: its {what} panicked: {text}", self.name)))
            }
        }
    }
}

fn listed(specs: &[(DType, Vec<usize>)]) -> String {
    let specs: Vec<String> = specs.iter().map(|(dtype, shape)| format!("{dtype}{shape:?}")).collect();
    if specs.is_empty() { "nothing".to_owned() } else { specs.join(", ") }
}

/// xs… -> ys…; [number].
pub(super) fn host_call(cx: &mut LibraryCx<'_>) -> Result<()> {
    let [number] = cx.params else {
        return Err(Error::new(Kind::Internal, "host_call takes the number of an op"));
    };
    let op = find(*number)?;
    let operands: Vec<Array> = cx.inputs.iter().map(array).collect::<Result<_>>()?;
    let results = op.call(&operands)?;
    let fits = |(result, output): (&Array, &super::ViewMut<'_>)| {
        result.dtype() == output.dtype() && result.shape() == output.dims()
    };
    if results.len() != cx.outputs.len() || !results.iter().zip(cx.outputs).all(fits) {
        let text = format!("custom op `{}`: its shape rule promises another shape than when it was traced", op.name);
        return Err(Error::new(Kind::Value, text));
    }
    for (result, output) in results.iter().zip(cx.outputs) {
        // SAFETY: dtype and shape are equal, so both are as many bytes; the result is an array of its own.
        unsafe { output.as_mut_ptr().copy_from_nonoverlapping(result.as_ptr(), result.size_in_bytes()) };
    }
    Ok(())
}

fn array(view: &View<'_>) -> Result<Array> {
    let mut array = Array::uninit(view.dtype(), view.dims())?;
    // SAFETY: the new array has the view's dtype and shape.
    unsafe { array.as_mut_ptr()?.copy_from_nonoverlapping(view.as_ptr(), array.size_in_bytes()) };
    Ok(array)
}
