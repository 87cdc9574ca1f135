//! Loops over the first axis of tensors, and loops on a condition: [`map_fn`], [`scan`], [`foldl`], [`while_loop`],
//! [`TensorArray`].
//!
//! Everything works in a traced function too, where a loop over an axis is unrolled, so that the axis' length must be
//! known, and a condition of [`while_loop`] must be a tensor with a value, not one that is traced: it is asked while
//! tracing.

use crate::engine::collect;
use crate::error::{Error, Kind, Result, at, attempt, unwrap};
use crate::tensor::Tensor;
use std::panic::Location;
use tracelift_compiler::TensorSpec;
use tracelift_runtime::DType;

/// What `f` gives for each element of `x` along its first axis, stacked. Panics where [`try_map_fn`] gives an error.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let sums = tl::map_fn(|row| row.sum(), &constant([[1.0, 2.0], [3.0, 4.0]]));
/// assert_eq!(sums.to_vec::<f32>(), [3.0, 7.0]);
/// ```
#[track_caller]
pub fn map_fn(f: impl FnMut(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    unwrap(try_map_fn(f, x))
}

/// The twin of [`map_fn`]. An error if `x` has no axis or no element, or results differ in dtype or shape.
#[track_caller]
pub fn try_map_fn(mut f: impl FnMut(&Tensor) -> Tensor, x: &Tensor) -> Result<Tensor> {
    let mut results = try_map_fn_many(|parts| vec![f(&parts[0])], std::slice::from_ref(x))?;
    Ok(results.swap_remove(0))
}

/// [`map_fn`] over several tensors at once, with several results. Panics where [`try_map_fn_many`] gives an error.
#[track_caller]
pub fn map_fn_many(f: impl FnMut(&[Tensor]) -> Vec<Tensor>, xs: &[Tensor]) -> Vec<Tensor> {
    unwrap(try_map_fn_many(f, xs))
}

/// [`map_fn`] over several tensors at once, with several results. An error if there is no tensor or no element, one has
/// no axis or the first axes' lengths differ, `f` meets one, or results differ in number, dtype or shape.
#[track_caller]
pub fn try_map_fn_many(mut f: impl FnMut(&[Tensor]) -> Vec<Tensor>, xs: &[Tensor]) -> Result<Vec<Tensor>> {
    let loc = Location::caller();
    let count = count("map_fn", xs, loc)?;
    let mut columns: Vec<Vec<Tensor>> = Vec::new();
    for k in 0..count {
        let parts = elements(xs, k)?;
        let results = within("map_fn", xs, || f(&parts))?;
        if k == 0 {
            columns = results.iter().map(|_| Vec::new()).collect();
        }
        if results.len() != columns.len() {
            let text = format!("expected {} results for element {k}, received {}", columns.len(), results.len());
            return Err(wrong("map_fn", Kind::Value, text, xs, loc));
        }
        columns.iter_mut().zip(results).for_each(|(column, result)| column.push(result));
    }
    if count == 0 {
        let error = wrong("map_fn", Kind::Shape, "there are no elements, so no results".to_owned(), xs, loc);
        return Err(error.hint("the results' dtypes and shapes are not known without an element"));
    }
    columns.iter().map(|column| crate::try_stack(column).map_err(|e| at(e, loc))).collect()
}

/// The states that `f(state, element)` goes through from `initializer`, stacked: `scan` of a sum is a running sum.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let sums = tl::scan(|sum, x| sum + x, &constant([1.0, 2.0, 3.0]), &constant(0.0));
/// assert_eq!(sums.to_vec::<f32>(), [1.0, 3.0, 6.0]);
/// ```
#[track_caller]
pub fn scan(f: impl FnMut(&Tensor, &Tensor) -> Tensor, x: &Tensor, initializer: &Tensor) -> Tensor {
    unwrap(try_scan(f, x, initializer))
}

/// The twin of [`scan`]. An error if `x` has no axis or no element, `f` meets one, or a state differs from the first in
/// dtype or shape.
#[track_caller]
pub fn try_scan(f: impl FnMut(&Tensor, &Tensor) -> Tensor, x: &Tensor, initializer: &Tensor) -> Result<Tensor> {
    let loc = Location::caller();
    let mut states = Vec::new();
    fold("scan", f, x, initializer, false, loc, |state| states.push(state.clone()))?;
    if states.is_empty() {
        let text = "there are no elements, so no states".to_owned();
        return Err(wrong("scan", Kind::Shape, text, std::slice::from_ref(x), loc));
    }
    crate::try_stack(&states).map_err(|e| at(e, loc))
}

/// The last state of [`scan`]; the initializer if there are no elements.
#[track_caller]
pub fn foldl(f: impl FnMut(&Tensor, &Tensor) -> Tensor, x: &Tensor, initializer: &Tensor) -> Tensor {
    unwrap(try_foldl(f, x, initializer))
}

/// The twin of [`foldl`]. An error if `x` has no axis, or a state differs from the first in dtype or shape.
#[track_caller]
pub fn try_foldl(f: impl FnMut(&Tensor, &Tensor) -> Tensor, x: &Tensor, initializer: &Tensor) -> Result<Tensor> {
    fold("foldl", f, x, initializer, false, Location::caller(), |_| {})
}

/// [`foldl`] from the last element to the first.
#[track_caller]
pub fn foldr(f: impl FnMut(&Tensor, &Tensor) -> Tensor, x: &Tensor, initializer: &Tensor) -> Tensor {
    unwrap(try_foldr(f, x, initializer))
}

/// The twin of [`foldr`]. An error if `x` has no axis, or a state differs from the first in dtype or shape.
#[track_caller]
pub fn try_foldr(f: impl FnMut(&Tensor, &Tensor) -> Tensor, x: &Tensor, initializer: &Tensor) -> Result<Tensor> {
    fold("foldr", f, x, initializer, true, Location::caller(), |_| {})
}

/// `body` on variables again and again, as long as `condition` of them is true, but at most `maximum_iterations` times.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let powers = tl::while_loop(|v| v[0].less(100), |v| vec![&v[0] * 3], vec![constant(1)], None);
/// assert_eq!(powers[0], 243);
/// ```
#[track_caller]
pub fn while_loop(
    condition: impl FnMut(&[Tensor]) -> Tensor,
    body: impl FnMut(&[Tensor]) -> Vec<Tensor>,
    variables: Vec<Tensor>,
    maximum_iterations: Option<u64>,
) -> Vec<Tensor> {
    unwrap(try_while_loop(condition, body, variables, maximum_iterations))
}

/// The twin of [`while_loop`]. An error if a condition is not one truth value, a function meets one, or the body changes
/// the variables' number, dtypes or shapes.
#[track_caller]
pub fn try_while_loop(
    mut condition: impl FnMut(&[Tensor]) -> Tensor,
    mut body: impl FnMut(&[Tensor]) -> Vec<Tensor>,
    mut variables: Vec<Tensor>,
    maximum_iterations: Option<u64>,
) -> Result<Vec<Tensor>> {
    let loc = Location::caller();
    let mut done = 0;
    loop {
        let goes_on = within("while_loop", &variables, || condition(&variables))?;
        let spec = goes_on.spec();
        if spec != TensorSpec::new(DType::Bool, [0usize; 0]) {
            let text = format!("expected a condition bool[], received {spec}");
            return Err(wrong("while_loop", Kind::Shape, text, &variables, loc));
        }
        if maximum_iterations.is_some_and(|most| done >= most) {
            return Ok(variables);
        }
        if goes_on.try_item().map_err(|e| of_function(e, "while_loop", &variables))? == 0.0 {
            return Ok(variables);
        }
        let next = within("while_loop", &variables, || body(&variables))?;
        if next.len() != variables.len() {
            let text = format!(
                "the body must give one value for each of {} variables, it gave {}",
                variables.len(),
                next.len()
            );
            return Err(wrong("while_loop", Kind::Value, text, &variables, loc));
        }
        let specs = |list: &[Tensor]| list.iter().map(Tensor::spec).collect::<Vec<_>>();
        if specs(&next) != specs(&variables) {
            let text = format!("the body must keep dtypes and shapes, it gave {}", list(&next));
            return Err(wrong("while_loop", Kind::Shape, text, &variables, loc));
        }
        variables = next;
        done += 1;
    }
}

/// Tensors of one dtype by number. Writing gives a new array, which shares the others' elements.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let squares = (0..3).fold(tl::TensorArray::new(DType::F32, 3), |a, i| a.write(i, &constant((i * i) as f32)));
/// assert_eq!(squares.stack().to_vec::<f32>(), [0.0, 1.0, 4.0]);
/// ```
#[derive(Clone, Debug)]
pub struct TensorArray {
    dtype: DType,
    elements: Vec<Option<Tensor>>,
}

impl TensorArray {
    /// `size` elements, none written yet. Panics where [`try_new`](Self::try_new) gives an error.
    #[track_caller]
    pub fn new(dtype: DType, size: usize) -> TensorArray {
        unwrap(TensorArray::try_new(dtype, size))
    }

    /// `size` elements, none written yet. An error if there is no memory for so many.
    #[track_caller]
    pub fn try_new(dtype: DType, size: usize) -> Result<TensorArray> {
        let loc = Location::caller();
        let name = |e: Error| at(e.map_message(|m| format!("`tensor_array`: {size} elements of {dtype}: {m}")), loc);
        Ok(TensorArray { dtype, elements: collect(size, std::iter::repeat(None)).map_err(name)? })
    }

    /// The elements of `x` along its first axis.
    #[track_caller]
    pub fn unstack(x: &Tensor) -> TensorArray {
        let elements = unwrap(crate::try_unstack(x));
        TensorArray { dtype: x.dtype(), elements: elements.into_iter().map(Some).collect() }
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        self.elements.len()
    }

    /// With an element written. Panics where [`try_write`](Self::try_write) gives an error.
    #[track_caller]
    pub fn write(&self, index: i64, value: &Tensor) -> TensorArray {
        unwrap(self.try_write(index, value))
    }

    /// With an element written. An error if there is no such element, it was written already, or the dtype differs.
    #[track_caller]
    pub fn try_write(&self, index: i64, value: &Tensor) -> Result<TensorArray> {
        let loc = Location::caller();
        let wrong = |kind, text: String| self.wrong("write", kind, text, Some(value), loc);
        if value.dtype() != self.dtype {
            return Err(wrong(Kind::DType, format!("expected a value of {}, received {}", self.dtype, value.dtype())));
        }
        let mut elements = self.elements.clone();
        match usize::try_from(index).ok().and_then(|index| elements.get_mut(index)) {
            Some(element @ None) => *element = Some(value.clone()),
            Some(_) => return Err(wrong(Kind::Value, format!("element {index} was written already"))),
            None => return Err(wrong(Kind::Value, format!("there is no element {index} of {}", self.size()))),
        }
        Ok(TensorArray { dtype: self.dtype, elements })
    }

    /// An element. Panics where [`try_read`](Self::try_read) gives an error.
    #[track_caller]
    pub fn read(&self, index: i64) -> Tensor {
        unwrap(self.try_read(index))
    }

    /// An element. An error if there is no such element, or it was not written yet.
    #[track_caller]
    pub fn try_read(&self, index: i64) -> Result<Tensor> {
        let text = match usize::try_from(index).ok().and_then(|index| self.elements.get(index)) {
            Some(Some(element)) => return Ok(element.clone()),
            Some(None) => format!("element {index} was not written yet"),
            None => format!("there is no element {index} of {}", self.size()),
        };
        Err(self.wrong("read", Kind::Value, text, None, Location::caller()))
    }

    /// All elements along a new first axis. Panics where [`try_stack`](Self::try_stack) gives an error.
    #[track_caller]
    pub fn stack(&self) -> Tensor {
        unwrap(self.try_stack())
    }

    /// All elements along a new first axis. An error if one was not written, or shapes differ.
    #[track_caller]
    pub fn try_stack(&self) -> Result<Tensor> {
        let loc = Location::caller();
        if let Some(missing) = self.elements.iter().position(Option::is_none) {
            return Err(self.wrong("stack", Kind::Value, format!("element {missing} was not written yet"), None, loc));
        }
        let elements: Vec<Tensor> = self.elements.iter().flatten().cloned().collect();
        let array = || format!("as elements of an array {} of size {}", self.dtype, self.size());
        crate::try_stack(&elements).map_err(|e| with_context(at(e, loc), &array()))
    }

    fn wrong(&self, what: &str, kind: Kind, text: String, value: Option<&Tensor>, loc: &Location<'_>) -> Error {
        let value = value.map_or(String::new(), |value| format!(", value: {}", value.spec()));
        let (dtype, size) = (self.dtype, self.size());
        let text = format!("`tensor_array_{what}`: {text}\n  operands: array: {dtype} of size {size}{value}");
        at(Error::new(kind, text), loc)
    }
}

/// One state after the other; each is shown to `note`.
fn fold(
    op: &str,
    mut f: impl FnMut(&Tensor, &Tensor) -> Tensor,
    x: &Tensor,
    initializer: &Tensor,
    backwards: bool,
    loc: &'static Location<'static>,
    mut note: impl FnMut(&Tensor),
) -> Result<Tensor> {
    let xs = std::slice::from_ref(x);
    let count = count(op, xs, loc)?;
    let mut state = initializer.clone();
    for k in 0..count {
        let element = elements(xs, if backwards { count - 1 - k } else { k })?.swap_remove(0);
        let next = within(op, xs, || f(&state, &element))?;
        if next.spec() != state.spec() {
            let text = format!("the state must keep dtype and shape, {} became {}", state.spec(), next.spec());
            return Err(wrong(op, Kind::Shape, text, xs, loc));
        }
        state = next;
        note(&state);
    }
    Ok(state)
}

/// Runs the user's function: its error also says which loop called it, over what.
fn within<R>(op: &str, xs: &[Tensor], f: impl FnOnce() -> R) -> Result<R> {
    attempt(f).map_err(|error| of_function(error, op, xs))
}

fn of_function(error: Error, op: &str, xs: &[Tensor]) -> Error {
    with_context(error, &format!("in the function of `{op}` over {}", list(xs)))
}

/// The error with a line more, above its hint.
fn with_context(error: Error, context: &str) -> Error {
    error.map_message(|mut text| {
        let end = text.find("\n  hint:").unwrap_or(text.len());
        text.insert_str(end, &format!("\n  {context}"));
        text
    })
}

/// The common length of the first axes.
fn count(op: &str, xs: &[Tensor], loc: &Location<'_>) -> Result<usize> {
    let wrong = |text: &str| Err(wrong(op, Kind::Shape, text.to_owned(), xs, loc));
    let lengths: Option<Vec<_>> = xs.iter().map(|x| x.spec().dims.first().cloned()).collect();
    let Some(lengths) = lengths else { return wrong("expected tensors with a first axis to go along") };
    let Some(first) = lengths.first() else { return wrong("expected a tensor to go along, received none") };
    if lengths.iter().any(|length| length != first) {
        return wrong("expected first axes of one length");
    }
    match first.as_const().and_then(|n| usize::try_from(n).ok()) {
        Some(count) => Ok(count),
        None => wrong("a traced loop is unrolled: the first axis must have a known length"),
    }
}

/// Element `k` of each.
fn elements(xs: &[Tensor], k: usize) -> Result<Vec<Tensor>> {
    xs.iter().map(|x| crate::try_gather_with(x, k as i64, 0, 0)).collect()
}

fn list(xs: &[Tensor]) -> String {
    xs.iter().map(|x| x.spec().to_string()).collect::<Vec<_>>().join(", ")
}

fn wrong(op: &str, kind: Kind, text: String, xs: &[Tensor], loc: &Location<'_>) -> Error {
    at(Error::new(kind, format!("`{op}`: {text}\n  operands: {}", list(xs))), loc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constant;
    use crate::error::attempt;

    #[test]
    fn a_body_that_drops_a_variable_is_refused() {
        let start = || vec![constant(1), constant(2)];
        let lesser = |v: &[Tensor]| v[0].less(100);
        let eager = try_while_loop(lesser, |v| vec![&v[0] * 3], start(), None).unwrap_err().to_string();
        assert!(eager.contains("one value for each of 2 variables, it gave 1"), "{eager}");
        let traced = crate::function(|x: &Tensor| {
            let more = |v: &[Tensor]| vec![&v[0] * 3, v[1].clone(), v[1].clone()];
            while_loop(|_| constant(true), more, vec![constant(1), x.clone()], Some(2))[1].clone()
        });
        let error = attempt(|| traced.call(&constant(2))).unwrap_err().to_string();
        assert!(error.contains("one value for each of 2 variables, it gave 3"), "{error}");
    }
}
