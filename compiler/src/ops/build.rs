//! Expressions over an [`OpCx`]: how expansions and gradient rules are written.
//!
//! ```text
//! fn expand(c: &mut ExpandCx<'_>) -> Result<Handles> {
//!     expand(c, |b, x| { let e = (x[0] - x[0].max_keep(&[-1])).exp(); Ok(vec![e / e.sum_keep(&[-1])]) })
//! }
//! ```
//!
//! Invariant: the first error stops everything: later operations do nothing, and the error is returned in the end.
//! What looks at a shape returns a `Result`, so that no rule goes on with a shape that does not exist.

use super::{self as ops, eval, infer};
use crate::base::spec::Dims;
use crate::base::{DType, Dim, Error, Result, TensorSpec};
use crate::graph::cx::{Handle, Handles, OpCx};
use crate::graph::opdef::{ExpandCx, GradCx};
use crate::graph::{Attrs, OpDef};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Cotangents of an op's operands.
pub type Cotangents = SmallVec<[Option<Handle>; 3]>;

/// Writes an expansion: `f` gets a builder and the operands, and returns the results.
pub fn expand(
    c: &mut ExpandCx<'_>,
    f: impl for<'b> FnOnce(Builder<'b>, &[Expr<'b>]) -> Result<Vec<Expr<'b>>>,
) -> Result<Handles> {
    let scope = Scope::new(c.cx, c.attrs);
    let b = Builder { scope: &scope };
    let outputs: Handles = f(b, &b.wrap(c.inputs))?.into_iter().map(|e| e.handle).collect();
    b.check()?;
    Ok(outputs)
}

/// Writes a partial derivative of an elementwise op.
pub fn partial(g: &mut GradCx<'_>, f: impl for<'b> FnOnce(&Vjp<'b>) -> Expr<'b>) -> Result<Handle> {
    let scope = Scope::new(g.cx, g.attrs);
    let b = Builder { scope: &scope };
    let result = f(&Vjp::new(b, g.inputs, g.outputs, g.cotangents, g.wanted)).handle;
    b.check()?;
    Ok(result)
}

/// Writes a gradient rule: the cotangent of each operand, or None where there is none.
pub fn vjp(
    g: &mut GradCx<'_>,
    f: impl for<'b> FnOnce(&Vjp<'b>) -> Result<Vec<Option<Expr<'b>>>>,
) -> Result<Cotangents> {
    let scope = Scope::new(g.cx, g.attrs);
    let b = Builder { scope: &scope };
    let v = Vjp::new(b, g.inputs, g.outputs, g.cotangents, g.wanted);
    let result = f(&v)?.into_iter().map(|e| e.map(|e| e.handle)).collect();
    b.check()?;
    Ok(result)
}

/// Sums `tensor` down to the shape `dims` that broadcast to its shape.
pub fn sum_to(cx: &mut dyn OpCx, tensor: Handle, dims: &[Dim]) -> Result<Handle> {
    let attrs = Attrs::new();
    let scope = Scope::new(cx, &attrs);
    let b = Builder { scope: &scope };
    let result = b.expr(tensor).sum_to(dims)?.handle;
    b.check()?;
    Ok(result)
}

/// What a gradient rule sees, as expressions.
pub struct Vjp<'b> {
    /// Makes more.
    pub b: Builder<'b>,
    /// The op's operands.
    pub x: Vec<Expr<'b>>,
    /// Its results.
    pub y: Vec<Expr<'b>>,
    /// The cotangents of its results.
    pub g: Vec<Option<Expr<'b>>>,
    /// Which operands' cotangents are wanted.
    pub wanted: Vec<bool>,
}

impl<'b> Vjp<'b> {
    fn new(b: Builder<'b>, x: &[Handle], y: &[Handle], g: &[Option<Handle>], wanted: &[bool]) -> Self {
        let g = g.iter().map(|h| h.map(|h| b.expr(h))).collect();
        Vjp { b, x: b.wrap(x), y: b.wrap(y), g, wanted: wanted.to_vec() }
    }

    /// Operand 0.
    pub fn x(&self) -> Expr<'b> {
        self.x[0]
    }

    /// Operand 1.
    pub fn x1(&self) -> Expr<'b> {
        self.x[1]
    }

    /// Result 0.
    pub fn y(&self) -> Expr<'b> {
        self.y[0]
    }

    /// The cotangent of result 0 (which is there: rules of one result are called with one).
    pub fn g(&self) -> Expr<'b> {
        self.g[0].unwrap_or_else(|| self.y[0].b().scalar(0.0, self.y[0].dtype()))
    }

    /// A constant partial derivative.
    pub fn constant(&self, value: f64) -> Expr<'b> {
        self.b.scalar(value, self.x[0].dtype())
    }
}

/// Where operations go.
trait Record {
    fn record(&self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Handles;
    fn spec(&self, tensor: Handle) -> TensorSpec;
    fn attrs(&self) -> &Attrs;
    fn check(&self) -> Result<()>;
    fn fail(&self, error: Error);
}

struct Scope<'c> {
    cx: RefCell<&'c mut dyn OpCx>,
    error: RefCell<Option<Error>>,
    attrs: &'c Attrs,
}

impl<'c> Scope<'c> {
    fn new(cx: &'c mut dyn OpCx, attrs: &'c Attrs) -> Self {
        Scope { cx: RefCell::new(cx), error: RefCell::new(None), attrs }
    }
}

impl Record for Scope<'_> {
    fn record(&self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Handles {
        // A handle that exists stands for the result after an error; nobody sees it.
        let nothing = || Handles::from_elem(inputs.first().copied().unwrap_or(Handle(0)), 1);
        if self.error.borrow().is_some() {
            return nothing();
        }
        let result = self.cx.borrow_mut().apply(op, attrs, inputs);
        result.unwrap_or_else(|error| {
            self.fail(error);
            nothing()
        })
    }

    fn spec(&self, tensor: Handle) -> TensorSpec {
        match *self.error.borrow() {
            None => self.cx.borrow().spec(tensor),
            Some(_) => TensorSpec::scalar(DType::F32),
        }
    }

    fn attrs(&self) -> &Attrs {
        self.attrs
    }

    fn check(&self) -> Result<()> {
        self.error.borrow().clone().map_or(Ok(()), Err)
    }

    fn fail(&self, error: Error) {
        self.error.borrow_mut().get_or_insert(error);
    }
}

/// Makes expressions that have no operand.
#[derive(Clone, Copy)]
pub struct Builder<'b> {
    scope: &'b (dyn Record + 'b),
}

impl<'b> Builder<'b> {
    /// The attributes of the op that is expanded or differentiated.
    pub fn attrs(self) -> &'b Attrs {
        self.scope.attrs()
    }

    /// A tensor as an expression.
    pub fn expr(self, handle: Handle) -> Expr<'b> {
        Expr { scope: self.scope, handle }
    }

    /// The first error so far.
    pub fn check(self) -> Result<()> {
        self.scope.check()
    }

    /// A rank-0 constant.
    pub fn scalar(self, value: f64, dtype: DType) -> Expr<'b> {
        self.constant(eval::scalar(dtype, value))
    }

    /// A constant.
    pub fn constant(self, value: tracelift_runtime::Array) -> Expr<'b> {
        self.apply(&ops::CONSTANT, Attrs::new().with("value", value), &[])
    }

    /// A size as a rank-0 tensor.
    pub fn size(self, dim: &Dim, dtype: DType) -> Expr<'b> {
        match dim.as_const() {
            Some(c) => {
                let exact = eval::from_ints(dtype, &[], &[c.into()]).expect("one element");
                self.constant(exact)
            }
            None => self.apply(&ops::SIZE_OF, Attrs::new().with("dims", vec![dim.clone()]), &[]).cast(dtype),
        }
    }

    /// The op's `i`-th size that depends on data: `count`, an i64 of rank 0, at most `bound`.
    pub fn counted(self, i: usize, count: Expr<'b>, bound: Dim) -> Dim {
        if let Some(known) = self.attrs().dims("size").and_then(|sizes| sizes.get(i)) {
            return known.clone();
        }
        let first = self.attrs().int("slot").unwrap_or(0) as u32;
        let size = Dim::slot(first + i as u32, bound);
        self.apply(&ops::BOUNDED_SIZE, Attrs::new().with("size", vec![size.clone()]), &[count]);
        size
    }

    /// Element index along `axis` of a tensor of this shape.
    pub fn iota(self, dims: &[Dim], axis: usize, dtype: DType) -> Expr<'b> {
        let attrs = Attrs::new().with("dtype", dtype).with("dims", dims).with("axis", axis as i64);
        self.apply(&ops::IOTA, attrs, &[])
    }

    /// `op` applied; its first result.
    pub fn apply(self, op: &'static OpDef, attrs: Attrs, inputs: &[Expr<'b>]) -> Expr<'b> {
        self.apply_all(op, attrs, inputs)[0]
    }

    /// `op` applied; all results (one after an error).
    pub fn apply_all(self, op: &'static OpDef, attrs: Attrs, inputs: &[Expr<'b>]) -> Vec<Expr<'b>> {
        let handles: Handles = inputs.iter().map(|e| e.handle).collect();
        self.wrap(&self.scope.record(op, attrs, &handles))
    }

    /// These joined along `axis`.
    pub fn concat(self, parts: &[Expr<'b>], axis: usize) -> Expr<'b> {
        self.apply(&ops::CONCAT, Attrs::new().with("axis", axis as i64), parts)
    }

    /// `condition ? then : otherwise`, broadcast together.
    pub fn select(self, condition: Expr<'b>, then: Expr<'b>, otherwise: Expr<'b>) -> Expr<'b> {
        self.apply(&ops::SELECT, Attrs::new(), &[condition, then, otherwise])
    }

    fn wrap(self, handles: &[Handle]) -> Vec<Expr<'b>> {
        handles.iter().map(|&h| self.expr(h)).collect()
    }
}

/// A tensor in an expansion or gradient rule.
#[derive(Clone, Copy)]
pub struct Expr<'b> {
    scope: &'b (dyn Record + 'b),
    /// The tensor.
    pub handle: Handle,
}

macro_rules! unary {
    ($($name:ident $op:ident)*) => {$(
        #[doc = concat!("`", stringify!($name), "`, elementwise.")]
        pub fn $name(self) -> Self {
            self.b().apply(&ops::$op, Attrs::new(), &[self])
        }
    )*};
}

macro_rules! binary {
    ($($name:ident $op:ident)*) => {$(
        #[doc = concat!("`", stringify!($name), "`, elementwise.")]
        pub fn $name(self, y: impl Operand<'b>) -> Self {
            self.b().apply(&ops::$op, Attrs::new(), &[self, y.expr_like(self)])
        }
    )*};
}

macro_rules! reduce {
    ($($name:ident $keep:ident $op:ident)*) => {$(
        #[doc = concat!("`", stringify!($op), "` over these axes.")]
        pub fn $name(self, axes: &[i64]) -> Self {
            self.b().apply(&ops::$op, Attrs::new().with("axes", axes), &[self])
        }

        #[doc = concat!("`", stringify!($op), "` over these axes, which stay with length 1.")]
        pub fn $keep(self, axes: &[i64]) -> Self {
            self.b().apply(&ops::$op, Attrs::new().with("axes", axes).with("keepdims", true), &[self])
        }
    )*};
}

impl<'b> Expr<'b> {
    /// The builder.
    pub fn b(self) -> Builder<'b> {
        Builder { scope: self.scope }
    }

    /// Its spec; an error if it could not be made.
    pub fn spec(self) -> Result<TensorSpec> {
        self.scope.check()?;
        Ok(self.scope.spec(self.handle))
    }

    /// Its shape; an error if it could not be made.
    pub fn dims(self) -> Result<Dims> {
        Ok(self.spec()?.dims)
    }

    /// Its rank; an error if it could not be made.
    pub fn rank(self) -> Result<usize> {
        Ok(self.spec()?.rank())
    }

    /// Its dtype; f32 if it could not be made.
    pub fn dtype(self) -> DType {
        self.scope.spec(self.handle).dtype
    }

    unary! {
        abs ABS sign SIGN square SQUARE sqrt SQRT rsqrt RSQRT reciprocal RECIPROCAL floor FLOOR
        trunc TRUNC exp EXP expm1 EXPM1 log LOG log1p LOG1P sigmoid SIGMOID tanh TANH softplus SOFTPLUS erf ERF
        erfc ERFC ndtr NDTR sin SIN cos COS sinh SINH cosh COSH relu RELU is_finite IS_FINITE logical_not LOGICAL_NOT
        stop_gradient STOP_GRADIENT log_softmax LOG_SOFTMAX
    }

    binary! {
        pow POW max MAXIMUM min MINIMUM floormod FLOORMOD
        floordiv FLOORDIV eq EQUAL ne NOT_EQUAL lt LESS le LESS_EQUAL gt GREATER ge GREATER_EQUAL and LOGICAL_AND
        or LOGICAL_OR shift_left LEFT_SHIFT shift_right RIGHT_SHIFT bit_or BITWISE_OR bit_and BITWISE_AND
    }

    reduce! {
        sum sum_keep REDUCE_SUM mean mean_keep REDUCE_MEAN reduce_max max_keep REDUCE_MAX prod prod_keep REDUCE_PROD
    }

    /// Converted; itself if it has that dtype.
    pub fn cast(self, dtype: DType) -> Self {
        if self.dtype() == dtype {
            self
        } else {
            self.b().apply(&ops::CAST, Attrs::new().with("dtype", dtype), &[self])
        }
    }

    /// Where true, `then`, else `otherwise`, of `then`'s dtype.
    pub fn choose(self, then: Expr<'b>, otherwise: impl Operand<'b>) -> Self {
        self.b().select(self, then, otherwise.expr_like(then))
    }

    /// The same elements under another shape; itself if it has that shape.
    pub fn reshape(self, dims: &[Dim]) -> Self {
        if self.has_dims(dims) { self } else { self.b().apply(&ops::RESHAPE, Attrs::new().with("dims", dims), &[self]) }
    }

    /// The same elements as one list.
    pub fn flat(self) -> Result<Self> {
        Ok(self.reshape(&[self.spec()?.numel()]))
    }

    /// Stretched to `dims`; itself if it has that shape.
    pub fn broadcast_to(self, dims: &[Dim]) -> Self {
        if self.has_dims(dims) {
            self
        } else {
            self.b().apply(&ops::BROADCAST_TO, Attrs::new().with("dims", dims), &[self])
        }
    }

    /// Axes in this order; itself if that is their order.
    pub fn transpose(self, perm: &[usize]) -> Self {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return self;
        }
        let perm: Vec<i64> = perm.iter().map(|&p| p as i64).collect();
        self.b().apply(&ops::TRANSPOSE, Attrs::new().with("perm", perm), &[self])
    }

    /// `size` elements per axis from `begin`, in steps of `strides`.
    pub fn slice(self, begin: &[Dim], strides: &[i64], size: &[Dim]) -> Self {
        let attrs = Attrs::new().with("begin", begin).with("strides", strides).with("dims", size);
        self.b().apply(&ops::SLICE, attrs, &[self])
    }

    /// Elements `begin .. begin + size` along one axis.
    pub fn narrow(self, axis: usize, begin: &Dim, size: &Dim) -> Result<Self> {
        let mut dims = self.dims()?;
        let mut from: Dims = dims.iter().map(|_| Dim::ZERO).collect();
        (from[axis], dims[axis]) = (begin.clone(), size.clone());
        Ok(self.slice(&from, &vec![1; dims.len()], &dims))
    }

    /// Zeros put around it.
    pub fn pad_zeros(self, before: &[Dim], after: &[Dim]) -> Self {
        let zero = self.b().scalar(0.0, self.dtype());
        self.b().apply(&ops::PAD, Attrs::new().with("before", before).with("after", after), &[self, zero])
    }

    /// Reversed along these axes.
    pub fn reverse(self, axes: &[i64]) -> Self {
        self.b().apply(&ops::REVERSE, Attrs::new().with("axes", axes), &[self])
    }

    /// The matrix product of the last two axes.
    pub fn matmul(self, y: Self, transpose_a: bool, transpose_b: bool) -> Self {
        let attrs = Attrs::new().with("transpose_a", transpose_a).with("transpose_b", transpose_b);
        self.b().apply(&ops::MATMUL, attrs, &[self, y])
    }

    /// An axis of length 1 put in before `axis`.
    pub fn unsqueeze(self, axis: usize) -> Result<Self> {
        let mut dims = self.dims()?;
        dims.insert(axis, Dim::ONE);
        Ok(self.reshape(&dims))
    }

    /// Summed down to the shape `dims` that broadcast to its shape: the inverse of broadcasting in gradients.
    pub fn sum_to(self, dims: &[Dim]) -> Result<Self> {
        let own = self.dims()?;
        if own[..] == *dims {
            return Ok(self);
        }
        let extra = own.len() - dims.len();
        let stretched = |i: usize| i < extra || (dims[i - extra] == Dim::ONE && own[i] != Dim::ONE);
        let axes: Vec<i64> = (0..own.len()).filter(|&i| stretched(i)).map(|i| i as i64).collect();
        Ok(self.sum(&axes).reshape(dims))
    }

    /// Broadcast back over the axes that a reduction to `self` took away from `dims`.
    pub fn spread(self, axes: &[usize], dims: &[Dim]) -> Self {
        self.reshape(&infer::reduced(dims, axes, true)).broadcast_to(dims)
    }

    fn has_dims(self, dims: &[Dim]) -> bool {
        self.dims().is_ok_and(|own| own[..] == *dims)
    }
}

/// The right side of a binary operation: an expression, or a number of the left side's dtype.
pub trait Operand<'b> {
    /// As an expression that fits `other`.
    fn expr_like(self, other: Expr<'b>) -> Expr<'b>;
}

impl<'b> Operand<'b> for Expr<'b> {
    fn expr_like(self, _: Expr<'b>) -> Expr<'b> {
        self
    }
}

impl<'b> Operand<'b> for f64 {
    fn expr_like(self, other: Expr<'b>) -> Expr<'b> {
        other.b().scalar(self, other.dtype())
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident)*) => {$(
        impl<'b, R: Operand<'b>> $trait<R> for Expr<'b> {
            type Output = Expr<'b>;
            fn $method(self, y: R) -> Expr<'b> {
                self.b().apply(&ops::$op, Attrs::new(), &[self, y.expr_like(self)])
            }
        }

        impl<'b> $trait<Expr<'b>> for f64 {
            type Output = Expr<'b>;
            fn $method(self, y: Expr<'b>) -> Expr<'b> {
                y.b().apply(&ops::$op, Attrs::new(), &[self.expr_like(y), y])
            }
        }
    )*};
}

operators! { Add add ADD Sub sub SUBTRACT Mul mul MULTIPLY Div div DIVIDE }

impl<'b> Neg for Expr<'b> {
    type Output = Expr<'b>;
    fn neg(self) -> Expr<'b> {
        self.b().apply(&ops::NEGATIVE, Attrs::new(), &[self])
    }
}
