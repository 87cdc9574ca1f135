//! [`Sources`]: what gradients are taken with respect to, and the shape of the answer.

use crate::Variable;
use crate::tensor::Tensor;

/// One source.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A watched tensor, or one computed from watched ones.
    Tensor(&'a Tensor),
    /// A variable.
    Variable(&'a Variable),
}

/// Tensors and variables, one or several: the answer has the same form.
///
/// `&x` gives one tensor, `&[a, b]` an array of two, a slice or `Vec` a `Vec`, `&(a, b)` a pair.
#[diagnostic::on_unimplemented(
    message = "gradients cannot be taken with respect to `{Self}`",
    label = "expected a tensor, a variable, or an array, slice, `Vec` or tuple of them"
)]
pub trait Sources {
    /// The same form with a `G` for each source.
    type Of<G>;

    #[doc(hidden)]
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>));

    #[doc(hidden)]
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> Self::Of<G>;
}

/// All sources, in order.
pub(crate) fn list<S: Sources + ?Sized>(sources: &S) -> Vec<Source<'_>> {
    let mut list = Vec::new();
    sources.visit(&mut |source| list.push(source));
    list
}

/// The answers in the form of the sources.
pub(crate) fn rebuild<S: Sources + ?Sized, G>(sources: &S, answers: Vec<G>) -> S::Of<G> {
    let mut answers = answers.into_iter();
    sources.rebuild(&mut || answers.next().expect("one answer for each source"))
}

impl Sources for Tensor {
    type Of<G> = G;
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
        f(Source::Tensor(self))
    }
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> G {
        next()
    }
}

impl Sources for Variable {
    type Of<G> = G;
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
        f(Source::Variable(self))
    }
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> G {
        next()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sources + ?Sized> Sources for &S {
    type Of<G> = S::Of<G>;
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
        (**self).visit(f)
    }
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> S::Of<G> {
        (**self).rebuild(next)
    }
}

impl<S: Sources, const N: usize> Sources for [S; N] {
    type Of<G> = [S::Of<G>; N];
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
        self.iter().for_each(|s| s.visit(f))
    }
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> [S::Of<G>; N] {
        std::array::from_fn(|i| self[i].rebuild(next))
    }
}

impl<S: Sources> Sources for [S] {
    type Of<G> = Vec<S::Of<G>>;
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
        self.iter().for_each(|s| s.visit(f))
    }
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> Vec<S::Of<G>> {
        self.iter().map(|s| s.rebuild(next)).collect()
    }
}

impl<S: Sources> Sources for Vec<S> {
    type Of<G> = Vec<S::Of<G>>;
    fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
        self.as_slice().visit(f)
    }
    fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> Vec<S::Of<G>> {
        self.as_slice().rebuild(next)
    }
}

macro_rules! tuple {
    ($($s:ident $i:tt),*) => {
        impl<$($s: Sources),*> Sources for ($($s,)*) {
            type Of<G> = ($($s::Of<G>,)*);
            fn visit<'a>(&'a self, f: &mut dyn FnMut(Source<'a>)) {
                $(self.$i.visit(f);)*
            }
            fn rebuild<G>(&self, next: &mut dyn FnMut() -> G) -> Self::Of<G> {
                ($(self.$i.rebuild(next),)*)
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
