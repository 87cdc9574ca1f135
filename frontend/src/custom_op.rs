//! [`CustomOp`]: an op of the user's own, in Rust.
//!
//! Its kernel is registered with the runtime; compiled programs call it back as one of their steps. Its gradient is a
//! function of tensors, which tapes apply as they apply an op's rule: so it works traced, and for higher orders.

use crate::autograd::record;
use crate::autograd::sweep::full_like;
use crate::engine::dispatch;
use crate::engine::host::{self, HostOp};
use crate::error::{Error, Kind, Result, at, unwrap};
use crate::tensor::Tensor;
use crate::trace::recorder;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{TensorSpec, ops};
use tracelift_runtime::{Array, DType};

/// The cotangents of the operands from operands, results and the results' cotangents.
type Vjp = dyn Fn(&[Tensor], &[Tensor], &[Tensor]) -> Vec<Option<Tensor>> + Send + Sync;

/// An op of your own: a kernel in Rust, the dtypes and shapes of its results, and a gradient.
///
/// It works eagerly, inside `#[function]` (compiled code calls the kernel back) and under tapes. The kernel gets concrete
/// tensors, and may use any crate and any op. To read a variable that the call assigns is an error. It may run fewer times
/// than it is called, if nothing uses its results. What it gives is checked against the shape rule; a panic in it
/// is an error of the call. A compiled function that uses a custom op cannot be saved.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let cube = tl::CustomOp::new("cube", |operands| {
///     let cubes: Vec<f32> = operands[0].to_vec::<f32>().into_iter().map(|v| v * v * v).collect();
///     Ok(vec![Tensor::from(cubes).reshape(operands[0].shape())])
/// })
/// .with_vjp(|operands, _results, cotangents| vec![Some(&cotangents[0] * 3.0 * tl::square(&operands[0]))]);
///
/// let x = constant([1.0, 2.0]);
/// assert_eq!(cube.call(&[&x])[0], constant([1.0, 8.0]));
/// let slope = tl::function({
///     let cube = cube.clone();
///     move |x: &Tensor| tl::grad(|x| cube.call(&[x])[0].clone())(x)
/// });
/// assert_eq!(slope.call(&x), constant([3.0, 12.0]));
/// ```
#[derive(Clone)]
pub struct CustomOp {
    name: Arc<str>,
    number: i64,
    vjp: Option<Arc<Vjp>>,
}

impl CustomOp {
    /// An op whose kernel gives one result of the dtype and shape of its first operand.
    pub fn new<K>(name: &str, kernel: K) -> CustomOp
    where
        K: Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    {
        let first = |operands: &[(DType, Vec<usize>)]| match operands.first() {
            Some(first) => Ok(vec![first.clone()]),
            None => Err(Error::new(Kind::Shape, "it has no operands, so it needs a shape rule")),
        };
        Self::with_shape(name, first, kernel)
    }

    /// An op with a shape rule: the dtype and shape of each result from those of the operands.
    ///
    /// ```
    /// use tracelift as tl;
    /// use tl::prelude::*;
    ///
    /// let extremes = tl::CustomOp::with_shape(
    ///     "extremes",
    ///     |operands| Ok(vec![(operands[0].0, vec![]), (operands[0].0, vec![])]),
    ///     |operands| Ok(vec![operands[0].min(), operands[0].max()]),
    /// );
    /// let both = extremes.call(&[&constant([3.0, -1.0, 2.0])]);
    /// assert_eq!((both[0].item(), both[1].item()), (-1.0, 3.0));
    /// ```
    pub fn with_shape<S, K>(name: &str, shape: S, kernel: K) -> CustomOp
    where
        S: Fn(&[(DType, Vec<usize>)]) -> Result<Vec<(DType, Vec<usize>)>> + Send + Sync + 'static,
        K: Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    {
        let number = host::register(HostOp {
            name: name.to_owned(),
            spec: Box::new(move |operands| unseen(|| shape(operands))),
            kernel: Box::new(move |arrays| run(&kernel, arrays)),
        });
        CustomOp { name: name.into(), number, vjp: None }
    }

    /// With a gradient: from the operands, the results and the results' cotangents (zeros where nothing depends on a
    /// result) the cotangent of each operand, None where there is none. What it computes may be differentiated again.
    pub fn with_vjp<V>(mut self, vjp: V) -> CustomOp
    where
        V: Fn(&[Tensor], &[Tensor], &[Tensor]) -> Vec<Option<Tensor>> + Send + Sync + 'static,
    {
        self.vjp = Some(Arc::new(vjp));
        self
    }

    /// The results for these operands. Panics if the kernel or the shape rule gives an error or panics.
    #[track_caller]
    pub fn call(&self, operands: &[&Tensor]) -> Vec<Tensor> {
        unwrap(self.apply(operands, Location::caller()))
    }

    /// The twin of [`call`](Self::call).
    #[track_caller]
    pub fn try_call(&self, operands: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.apply(operands, Location::caller())
    }

    fn apply(&self, operands: &[&Tensor], loc: &'static Location<'static>) -> Result<Vec<Tensor>> {
        let attrs = Attrs::new().with("op", self.number);
        let apply = || dispatch::apply(&ops::HOST_CALL, attrs, operands, loc);
        if !record::is_recording() {
            return Ok(apply()?.into_vec());
        }
        // The tapes see one step with the user's gradient instead of the op, which has none.
        let results = record::unseen(apply).0?.into_vec();
        let inputs: Vec<Tensor> = operands.iter().map(|&t| t.clone()).collect();
        let (op, outputs) = (self.clone(), results.clone());
        let backward = move |cotangents: &[Option<Tensor>]| op.pull(&inputs, &outputs, cotangents, loc);
        record::note_custom(operands, &results, Rc::new(backward));
        Ok(results)
    }

    fn pull(
        &self,
        operands: &[Tensor],
        results: &[Tensor],
        cotangents: &[Option<Tensor>],
        loc: &'static Location<'static>,
    ) -> Result<Vec<Option<Tensor>>> {
        let wrong = |text: String| at(Error::new(Kind::Gradient, text), loc);
        let Some(vjp) = &self.vjp else {
            return Err(wrong(format!("custom op `{}` has no gradient", self.name))
                .hint("give it one by `with_vjp`, or use `stop_gradient` on its operands"));
        };
        let whole = |(result, cotangent): (&Tensor, &Option<Tensor>)| match cotangent {
            Some(cotangent) => Ok(cotangent.clone()),
            None => full_like(&result.spec(), 0.0, loc),
        };
        let cotangents = results.iter().zip(cotangents).map(whole).collect::<Result<Vec<_>>>()?;
        let gradients = vjp(operands, results, &cotangents);
        let specs = |tensors: &[Tensor]| tensors.iter().map(Tensor::spec).collect::<Vec<TensorSpec>>();
        let fits =
            |(given, operand): (&Option<Tensor>, &Tensor)| given.as_ref().is_none_or(|g| g.spec() == operand.spec());
        if gradients.len() != operands.len() || !gradients.iter().zip(operands).all(fits) {
            let given: Vec<_> = gradients.iter().map(|g| g.as_ref().map(Tensor::spec)).collect();
            let text =
                format!("custom op `{}`: its operands are {:?}, its vjp gave {given:?}", self.name, specs(operands));
            return Err(wrong(text).hint("a cotangent has the dtype and shape of its operand"));
        }
        Ok(gradients)
    }
}

impl std::fmt::Debug for CustomOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CustomOp({})", self.name)
    }
}

/// Runs the user's code: neither a trace nor a tape sees what it does, and panics of ours are its error.
fn unseen<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    recorder::suspended(|| record::unseen(|| crate::attempt(f))).0?
}

/// The user's kernel on arrays.
fn run(kernel: &dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>, arrays: &[Array]) -> Result<Vec<Array>> {
    let operands: Vec<Tensor> = arrays.iter().map(|array| Tensor::from_array(array.clone())).collect();
    let concrete = |result: Tensor| {
        let lost = || Error::new(Kind::Tracer, "its kernel gave a symbolic tensor");
        result.array().cloned().ok_or_else(lost)
    };
    unseen(|| kernel(&operands))?.into_iter().map(concrete).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate as tl;
    use crate::GradientTape;
    use crate::tensor::constant;

    /// `x * y` with a count of its calls.
    fn product(calls: &Arc<std::sync::atomic::AtomicUsize>) -> CustomOp {
        let calls = calls.clone();
        CustomOp::new("product", move |x| {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (a, b) = (x[0].to_vec::<f32>(), x[1].to_vec::<f32>());
            Ok(vec![Tensor::from(a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<f32>>())])
        })
        .with_vjp(|x, _, g| vec![Some(&g[0] * &x[1]), Some(&g[0] * &x[0])])
    }

    #[test]
    fn eager_traced_and_under_tapes() {
        let calls = Arc::default();
        let op = product(&calls);
        let (x, y) = (constant([1.0, 2.0]), constant([3.0, 4.0]));
        assert_eq!(op.call(&[&x, &y])[0], constant([3.0, 8.0]));
        let f = move |x: &Tensor, y: &Tensor| tl::exp(op.call(&[x, y])[0].clone() * 0.5).sum();
        let gradient = move |x: &Tensor, y: &Tensor| {
            let tape = GradientTape::new();
            tape.watch(&(x, y));
            let z = f(x, y);
            tape.gradient(&z, &(x, y))
        };
        let expected = {
            let tape = GradientTape::new();
            tape.watch(&(&x, &y));
            let z = tl::exp(&x * &y * 0.5).sum();
            tape.gradient(&z, &(&x, &y))
        };
        let eager = gradient(&x, &y);
        tl::testing::assert_all_close(&eager.0, &expected.0);
        let before = calls.load(std::sync::atomic::Ordering::Relaxed);
        let traced = tl::function(move |x: &Tensor, y: &Tensor| gradient(x, y));
        for run in 0..3 {
            let (dx, dy) = traced.call(&x, &y);
            tl::testing::assert_all_close(&dx, &expected.0);
            tl::testing::assert_all_close(&dy, &expected.1);
            assert!(calls.load(std::sync::atomic::Ordering::Relaxed) > before + run, "compiled code calls back");
        }
        // Another size.
        let (x, y) = (constant([1.0, 2.0, 0.5]), constant([0.5, 0.25, 1.0]));
        let (dx, _) = traced.call(&x, &y);
        tl::testing::assert_all_close(dx, 0.5 * &y * tl::exp(&x * &y * 0.5));
    }

    #[test]
    fn second_order_goes_through_the_vjp() {
        let op = product(&Arc::default());
        let square = move |x: &Tensor| op.call(&[x, x])[0].clone();
        let x = constant([3.0]);
        assert_eq!(tl::grad(tl::grad(&square))(&x), constant([2.0]));
        assert_eq!(tl::jvp(&square)(&x, &constant([0.5])).1, constant([3.0]));
    }

    #[test]
    fn what_goes_wrong_is_an_error() {
        let x = constant([1.0]);
        let text = |op: &CustomOp| op.try_call(&[&x]).unwrap_err().to_string();
        let panics = CustomOp::new("shaky", |_| panic!("out of luck"));
        assert!(text(&panics).contains("custom op `shaky`: its kernel panicked: out of luck"), "{}", text(&panics));
        let lies = CustomOp::new("liar", |_| Ok(vec![constant([1.0, 2.0])]));
        let promise = "custom op `liar`: its shape rule promises f32[1]; its kernel gave f32[2]";
        assert!(text(&lies).contains(promise), "{}", text(&lies));
        let refuses = CustomOp::new("strict", |_| Err(Error::new(Kind::Value, "not today")));
        assert!(text(&refuses).contains("custom op `strict`: not today"), "{}", text(&refuses));
        let traced = tl::function(move |x: &Tensor| panics.call(&[x])[0].clone());
        let error = traced.try_call(&x).unwrap_err().to_string();
        assert!(error.contains("its kernel panicked: out of luck"), "{error}");
        let plain = CustomOp::new("plain", |x| Ok(x.to_vec()));
        let error = tl::attempt(|| tl::grad(|x| plain.call(&[x])[0].clone())(&x)).unwrap_err().to_string();
        assert!(error.starts_with("custom op `plain` has no gradient"), "{error}");
    }

    #[test]
    fn many_threads_call_one_op() {
        let op = product(&Arc::default());
        let traced = tl::function(move |x: &Tensor| op.call(&[x, x])[0].clone() + 1.0);
        std::thread::scope(|scope| {
            for k in 0..4 {
                let traced = &traced;
                scope.spawn(move || {
                    for i in 0..50 {
                        let v = (k * 50 + i) as f32;
                        assert_eq!(traced.call(&Tensor::from(vec![v])).to_vec::<f32>(), [v * v + 1.0]);
                    }
                });
            }
        });
    }
}
