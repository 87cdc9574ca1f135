//! [`function`]: closures as traced functions.

use super::arg::{Arg, Returned};
use super::compiled::Concrete;
use super::function::{self, FunctionState};
use super::key::TypeKey;
use super::tree::Tree;
use crate::error::Result;
use std::sync::Arc;

/// A closure that is traced once and runs compiled from then on. A clone shares the traces.
pub struct Function<S: ?Sized> {
    body: Arc<S>,
    state: Arc<FunctionState>,
}

/// A closure that [`function`] takes: up to six references to trees, to a value that owns its tensors.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be traced",
    note = "write the parameters' types, each a reference: `tl::function(|x: &Tensor, w: &Variable| ..)`"
)]
pub trait IntoFunction<S: ?Sized> {
    /// The closure behind a pointer.
    fn into_body(self) -> Arc<S>;
}

/// Makes a closure a traced function.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let w = Variable::new(2.0);
/// let scale = w.clone();
/// let f = tl::function(move |x: &Tensor| x * &scale);
/// assert_eq!(f.call(&constant(3.0)), 6.0);
/// w.assign(10.0);
/// assert_eq!(f.call(&constant(3.0)), 30.0);
/// assert_eq!(f.trace_count(), 1);
/// ```
#[track_caller]
pub fn function<S: ?Sized>(f: impl IntoFunction<S>) -> Function<S> {
    let loc = std::panic::Location::caller();
    let state = FunctionState::new("closure", &["0", "1", "2", "3", "4", "5"], loc.file(), loc.line());
    Function { body: f.into_body(), state: Arc::new(state) }
}

impl<S: ?Sized> Function<S> {
    /// How often the body was traced.
    pub fn trace_count(&self) -> usize {
        self.state.trace_count()
    }

    /// How often a trace was compiled.
    pub fn compile_count(&self) -> usize {
        self.state.compile_count()
    }

    /// The traces with their signatures, and what the compiler made of each.
    pub fn explain(&self) -> String {
        self.state.explain()
    }

    /// Forgets every trace.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Writes the last trace's compiled program to a file that the runtime alone can load.
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        self.state.save(path.as_ref())
    }
}

impl<S: ?Sized> Clone for Function<S> {
    fn clone(&self) -> Self {
        Function { body: self.body.clone(), state: self.state.clone() }
    }
}

macro_rules! arities {
    ($(($($A:ident $a:ident $i:tt),*))*) => {$(
        impl<Body, $($A: Tree,)* R: Returned> IntoFunction<dyn Fn($(&$A),*) -> R + Send + Sync> for Body
        where
            Body: Fn($(&$A),*) -> R + Send + Sync + 'static,
        {
            fn into_body(self) -> Arc<dyn Fn($(&$A),*) -> R + Send + Sync> {
                Arc::new(self)
            }
        }

        impl<$($A: Tree,)* R: Returned> Function<dyn Fn($(&$A),*) -> R + Send + Sync> {
            /// Calls the compiled closure; traces it first if there is no trace for such arguments. Panics with
            /// the error of any op.
            #[track_caller]
            pub fn call(&self, $($a: &$A),*) -> R {
                #[allow(unused_variables)]
                function::call(&self.state, TypeKey::of::<()>(), ($($a,)*), |args, held| (self.body)($(args.$i.lend(&held.$i)),*))
            }

            /// The twin of `call`: an error of any op is the answer.
            #[track_caller]
            pub fn try_call(&self, $($a: &$A),*) -> Result<R> {
                #[allow(unused_variables)]
                function::try_call(&self.state, TypeKey::of::<()>(), ($($a,)*), |args, held| (self.body)($(args.$i.lend(&held.$i)),*))
            }

            /// The trace for these arguments, made if there is none; nothing is run.
            #[track_caller]
            pub fn concrete(&self, $($a: &$A),*) -> Result<Concrete> {
                #[allow(unused_variables)]
                function::concrete(&self.state, TypeKey::of::<()>(), ($($a,)*), |args, held| (self.body)($(args.$i.lend(&held.$i)),*))
            }

            /// Traces and compiles for such arguments ahead of use; nothing is run.
            #[track_caller]
            pub fn warm_up(&self, $($a: &$A),*) -> Result<()> {
                self.concrete($($a),*).map(|_| ())
            }
        }
    )*};
}

arities! {
    ()
    (A0 a0 0)
    (A0 a0 0, A1 a1 1)
    (A0 a0 0, A1 a1 1, A2 a2 2)
    (A0 a0 0, A1 a1 1, A2 a2 2, A3 a3 3)
    (A0 a0 0, A1 a1 1, A2 a2 2, A3 a3 3, A4 a4 4)
    (A0 a0 0, A1 a1 1, A2 a2 2, A3 a3 3, A4 a4 4, A5 a5 5)
}
