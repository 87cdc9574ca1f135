//! Sizes known only at run time: [`Dim`], an integer polynomial in normal form.
//!
//! Two dims that are equal as polynomials over the same atoms are equal values (`==`), which is the
//! compiler's proof that two sizes agree. Symbols are the sizes of input axes; a *slot* is a size that a
//! kernel writes at run time, with a bound known beforehand (the result of `nonzero`, say).

use crate::error::{Error, Kind, Result};
use std::fmt;
use std::iter::Product;
use std::ops::{Add, Mul, Sub};
use std::sync::Arc;

/// A size: a constant, or an expression over symbols and slots.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim(Repr);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr {
    Const(i64),
    Poly(Arc<[Term]>),
}

/// `coef * atom * atom …`; atoms sorted, `coef` never 0. The constant term has no atoms.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Term {
    /// The products' atoms, sorted.
    pub atoms: Vec<Atom>,
    /// The integer factor.
    pub coef: i64,
}

/// What a polynomial's variables are.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Atom {
    /// Symbol `n<k>`: bound from the inputs at each call.
    Sym(u32),
    /// Slot `s<k>`, written by a kernel, at most the bound.
    Slot(u32, Dim),
    /// Quotient rounded down.
    FloorDiv(Dim, Dim),
    /// Remainder of [`Atom::FloorDiv`].
    Mod(Dim, Dim),
    /// The greater of it and 0. Its terms have no common factor, and the last of them is positive.
    PositivePart(Dim),
}

impl Dim {
    /// Zero.
    pub const ZERO: Dim = Dim(Repr::Const(0));
    /// One.
    pub const ONE: Dim = Dim(Repr::Const(1));

    /// The symbol `n<k>`.
    pub fn sym(k: u32) -> Dim {
        Dim::atom(Atom::Sym(k))
    }

    /// The slot `s<k>` with an upper bound.
    pub fn slot(k: u32, bound: Dim) -> Dim {
        Dim::atom(Atom::Slot(k, bound))
    }

    /// The value, if it is a constant.
    pub fn as_const(&self) -> Option<i64> {
        match self.0 {
            Repr::Const(c) => Some(c),
            Repr::Poly(_) => None,
        }
    }

    /// `k`, if the size is just the symbol `n<k>`.
    pub fn as_symbol(&self) -> Option<u32> {
        match self.single_atom() {
            Some(Atom::Sym(k)) => Some(*k),
            _ => None,
        }
    }

    /// `k`, if the size is just the slot `s<k>`.
    pub fn as_slot(&self) -> Option<u32> {
        match self.single_atom() {
            Some(Atom::Slot(k, _)) => Some(*k),
            _ => None,
        }
    }

    /// The slot with its bound, if the size is nothing else.
    pub fn as_slot_atom(&self) -> Option<&Atom> {
        self.single_atom().filter(|atom| matches!(atom, Atom::Slot(..)))
    }

    /// The terms of the normal form, sorted; empty for 0.
    pub fn terms(&self) -> Vec<Term> {
        match &self.0 {
            Repr::Const(0) => Vec::new(),
            Repr::Const(c) => vec![Term { atoms: Vec::new(), coef: *c }],
            Repr::Poly(terms) => terms.to_vec(),
        }
    }

    /// Quotient rounded towards negative infinity.
    pub fn floor_div(&self, by: &Dim) -> Dim {
        match (self.as_const(), by.as_const()) {
            (Some(a), Some(b)) if b != 0 => a.wrapping_div_euclid(b).into(),
            (_, Some(1)) => self.clone(),
            (_, Some(b)) if b > 0 && self.terms().iter().all(|t| t.coef % b == 0) => self.scale_down(b),
            _ if self == by => Dim::ONE,
            _ => Dim::atom(Atom::FloorDiv(self.clone(), by.clone())),
        }
    }

    /// Quotient rounded up: `(self + by - 1) / by`.
    pub fn ceil_div(&self, by: &Dim) -> Dim {
        (self.clone() + by.clone() - Dim::ONE).floor_div(by)
    }

    /// The quotient, if `by` divides every term: then it divides for all values of the symbols (but where `by` is 0).
    pub fn div_exact(&self, by: &Dim) -> Option<Dim> {
        let [divisor]: [Term; 1] = by.terms().try_into().ok()?;
        let divide = |mut term: Term| {
            for atom in &divisor.atoms {
                let at = term.atoms.iter().position(|a| a == atom)?;
                term.atoms.remove(at);
            }
            (term.coef % divisor.coef == 0).then(|| Term { coef: term.coef / divisor.coef, ..term })
        };
        Some(Dim::from_terms(self.terms().into_iter().map(divide).collect::<Option<_>>()?))
    }

    /// Remainder of [`floor_div`](Self::floor_div).
    pub fn modulo(&self, by: &Dim) -> Dim {
        match (self.as_const(), by.as_const()) {
            (Some(a), Some(b)) if b != 0 => a.wrapping_rem_euclid(b).into(),
            (_, Some(b)) if b > 0 && self.terms().iter().all(|t| t.coef % b == 0) => Dim::ZERO,
            _ if self == by => Dim::ZERO,
            _ => Dim::atom(Atom::Mod(self.clone(), by.clone())),
        }
    }

    /// The greater of two.
    pub fn maximum(&self, other: &Dim) -> Dim {
        match (self.as_const(), other.as_const()) {
            (Some(a), Some(b)) => a.max(b).into(),
            _ => other.clone() + (self.clone() - other.clone()).positive_part(),
        }
    }

    /// The lesser of two.
    pub fn minimum(&self, other: &Dim) -> Dim {
        match (self.as_const(), other.as_const()) {
            (Some(a), Some(b)) => a.min(b).into(),
            _ => self.clone() - (self.clone() - other.clone()).positive_part(),
        }
    }

    /// The greater of it and 0: the one form that every [`maximum`](Self::maximum) and [`minimum`](Self::minimum) is
    /// reduced to, so that clamped positions that are equal for all sizes are equal here. (`n - min(n, 1)` and
    /// `max(n - 1, 0)`, the lengths of `x[1..]` and `x[..-1]`, are.)
    pub fn positive_part(&self) -> Dim {
        if let Some(c) = self.as_const() {
            return c.max(0).into();
        }
        let terms = self.terms();
        let counts = |atom: &Atom| matches!(atom, Atom::Sym(_) | Atom::Slot(..) | Atom::PositivePart(_));
        if terms.iter().all(|t| t.atoms.iter().all(counts)) {
            // Sizes are not negative, so the signs of the factors decide.
            if terms.iter().all(|t| t.coef > 0) {
                return self.clone();
            }
            if terms.iter().all(|t| t.coef < 0) {
                return Dim::ZERO;
            }
        }
        if terms.last().is_some_and(|t| t.coef < 0) {
            let negated = self.clone() * Dim::from(-1i64);
            return self.clone() + negated.positive_part();
        }
        let factor = terms.iter().fold(0, |divisor, t| greatest_divisor(divisor, t.coef.unsigned_abs()));
        match i64::try_from(factor) {
            Ok(factor) if factor > 1 => Dim::atom(Atom::PositivePart(self.scale_down(factor))) * Dim::from(factor),
            _ => Dim::atom(Atom::PositivePart(self.clone())),
        }
    }

    /// The value for these symbols and slots; an error if it overflows or a divisor is 0.
    pub fn eval(&self, symbols: &[i64], slots: &[i64]) -> Result<i64> {
        let terms = match &self.0 {
            Repr::Const(c) => return Ok(*c),
            Repr::Poly(terms) => terms,
        };
        let overflow = || Error::new(Kind::Memory, format!("size `{self}` overflows 64 bits"));
        let mut sum = 0i64;
        for term in terms.iter() {
            let mut product = term.coef;
            for atom in &term.atoms {
                product = product.checked_mul(atom.eval(symbols, slots)?).ok_or_else(overflow)?;
            }
            sum = sum.checked_add(product).ok_or_else(overflow)?;
        }
        Ok(sum)
    }

    /// Calls `f` with every symbol and slot atom inside, nested ones included.
    pub fn visit(&self, f: &mut dyn FnMut(&Atom)) {
        for term in self.terms() {
            for atom in &term.atoms {
                f(atom);
                match atom {
                    Atom::Sym(_) => {}
                    Atom::Slot(_, bound) => bound.visit(f),
                    Atom::PositivePart(a) => a.visit(f),
                    Atom::FloorDiv(a, b) | Atom::Mod(a, b) => {
                        a.visit(f);
                        b.visit(f);
                    }
                }
            }
        }
    }

    /// The same expression with each symbol and slot replaced by what `f` gives.
    pub fn substitute(&self, f: &dyn Fn(&Atom) -> Option<Dim>) -> Dim {
        let mut sum = Dim::ZERO;
        for term in self.terms() {
            let mut product = Dim::from(term.coef);
            for atom in &term.atoms {
                let value = f(atom).unwrap_or_else(|| match atom {
                    Atom::Sym(_) => Dim::atom(atom.clone()),
                    Atom::Slot(k, bound) => Dim::slot(*k, bound.substitute(f)),
                    Atom::FloorDiv(a, b) => a.substitute(f).floor_div(&b.substitute(f)),
                    Atom::Mod(a, b) => a.substitute(f).modulo(&b.substitute(f)),
                    Atom::PositivePart(a) => a.substitute(f).positive_part(),
                });
                product = product * value;
            }
            sum = sum + product;
        }
        sum
    }

    /// An upper bound without slots: each slot replaced by its bound (sound where slots occur with positive sign).
    pub fn bound(&self) -> Dim {
        self.substitute(&|atom| match atom {
            Atom::Slot(_, bound) => Some(bound.bound()),
            _ => None,
        })
    }

    fn single_atom(&self) -> Option<&Atom> {
        match &self.0 {
            Repr::Poly(terms) => match &**terms {
                [Term { atoms, coef: 1 }] if atoms.len() == 1 => atoms.first(),
                _ => None,
            },
            Repr::Const(_) => None,
        }
    }

    fn atom(atom: Atom) -> Dim {
        Dim(Repr::Poly(Arc::from(vec![Term { atoms: vec![atom], coef: 1 }])))
    }

    fn scale_down(&self, by: i64) -> Dim {
        Dim::from_terms(self.terms().into_iter().map(|t| Term { coef: t.coef / by, ..t }).collect())
    }

    /// The sum of terms in any order, each with sorted atoms.
    pub(super) fn from_terms(mut terms: Vec<Term>) -> Dim {
        terms.sort();
        let mut merged: Vec<Term> = Vec::with_capacity(terms.len());
        for term in terms {
            match merged.last_mut() {
                Some(last) if last.atoms == term.atoms => last.coef = last.coef.wrapping_add(term.coef),
                _ => merged.push(term),
            }
        }
        merged.retain(|t| t.coef != 0);
        match merged.as_slice() {
            [] => Dim::ZERO,
            [only] if only.atoms.is_empty() => only.coef.into(),
            _ => Dim(Repr::Poly(merged.into())),
        }
    }
}

impl Atom {
    fn eval(&self, symbols: &[i64], slots: &[i64]) -> Result<i64> {
        let missing = || Error::new(Kind::Internal, format!("size symbol {self:?} is not bound"));
        let by_zero = || Error::new(Kind::Value, "a size is divided by zero");
        Ok(match self {
            Atom::Sym(k) => *symbols.get(*k as usize).ok_or_else(missing)?,
            Atom::Slot(k, _) => *slots.get(*k as usize).ok_or_else(missing)?,
            Atom::FloorDiv(a, b) => {
                a.eval(symbols, slots)?.checked_div_euclid(b.eval(symbols, slots)?).ok_or_else(by_zero)?
            }
            Atom::Mod(a, b) => {
                a.eval(symbols, slots)?.checked_rem_euclid(b.eval(symbols, slots)?).ok_or_else(by_zero)?
            }
            Atom::PositivePart(a) => a.eval(symbols, slots)?.max(0),
        })
    }
}

fn greatest_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

impl From<i64> for Dim {
    fn from(value: i64) -> Dim {
        Dim(Repr::Const(value))
    }
}

impl From<usize> for Dim {
    fn from(value: usize) -> Dim {
        Dim(Repr::Const(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl Add for Dim {
    type Output = Dim;
    fn add(self, other: Dim) -> Dim {
        match (self.as_const(), other.as_const()) {
            (Some(a), Some(b)) => a.saturating_add(b).into(),
            _ => Dim::from_terms([self.terms(), other.terms()].concat()),
        }
    }
}

impl Sub for Dim {
    type Output = Dim;
    fn sub(self, other: Dim) -> Dim {
        self + other * Dim::from(-1i64)
    }
}

impl Product for Dim {
    fn product<I: Iterator<Item = Dim>>(dims: I) -> Dim {
        dims.fold(Dim::ONE, |product, dim| product * dim)
    }
}

impl<'a> Product<&'a Dim> for Dim {
    fn product<I: Iterator<Item = &'a Dim>>(dims: I) -> Dim {
        dims.cloned().product()
    }
}

impl Mul for Dim {
    type Output = Dim;
    fn mul(self, other: Dim) -> Dim {
        if let (Some(a), Some(b)) = (self.as_const(), other.as_const()) {
            return a.saturating_mul(b).into();
        }
        if self == Dim::ONE {
            return other;
        }
        if other == Dim::ONE {
            return self;
        }
        let mut terms = Vec::new();
        for a in self.terms() {
            for b in other.terms() {
                let mut atoms = [a.atoms.clone(), b.atoms].concat();
                atoms.sort();
                terms.push(Term { atoms, coef: a.coef.saturating_mul(b.coef) });
            }
        }
        Dim::from_terms(terms)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.terms();
        if terms.is_empty() {
            return f.write_str("0");
        }
        // Symbols before the constant reads better; the normal form sorts the constant first.
        let ordered = terms.iter().filter(|t| !t.atoms.is_empty()).chain(terms.iter().filter(|t| t.atoms.is_empty()));
        for (i, term) in ordered.enumerate() {
            let (sign, coef) = (if term.coef < 0 { "-" } else { "+" }, term.coef.unsigned_abs());
            match (i, sign) {
                (0, "-") => f.write_str("-")?,
                (0, _) => {}
                _ => write!(f, " {sign} ")?,
            }
            if term.atoms.is_empty() || coef != 1 {
                write!(f, "{coef}")?;
            }
            for (k, atom) in term.atoms.iter().enumerate() {
                if k > 0 || coef != 1 {
                    f.write_str("*")?;
                }
                write!(f, "{atom}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Atom::Sym(k) => write!(f, "n{k}"),
            Atom::Slot(k, bound) => write!(f, "s{k}(<={bound})"),
            Atom::FloorDiv(a, b) => write!(f, "floordiv({a}, {b})"),
            Atom::Mod(a, b) => write!(f, "mod({a}, {b})"),
            Atom::PositivePart(a) => write!(f, "max({a}, 0)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_form_proves_equality() {
        let (n, m) = (Dim::sym(0), Dim::sym(1));
        assert_eq!((n.clone() + 1i64.into()) * m.clone(), m.clone() * n.clone() + m.clone());
        assert_eq!(n.clone() - n.clone(), Dim::ZERO);
        assert_eq!((n.clone() * 4i64.into()).floor_div(&2i64.into()), n.clone() * 2i64.into());
        assert_eq!(
            (n.clone() * m.clone() * 4i64.into()).div_exact(&(n.clone() * 2i64.into())),
            Some(m.clone() * 2i64.into())
        );
        assert_eq!((n.clone() + 4i64.into()).div_exact(&2i64.into()), None);
        assert_eq!((n * m * 2i64.into() + 3i64.into()).to_string(), "2*n0*n1 + 3");
    }

    #[test]
    fn clamps_have_one_form() {
        let (n, one) = (Dim::sym(0), Dim::ONE);
        let (after_first, before_last) = (n.clone() - n.minimum(&one), (n.clone() - one.clone()).maximum(&Dim::ZERO));
        assert_eq!(after_first, before_last);
        assert_eq!(before_last.to_string(), "max(n0 - 1, 0)");
        assert_eq!(n.maximum(&Dim::ZERO), n);
        assert_eq!((n.clone() * Dim::from(-2i64)).maximum(&Dim::ZERO), Dim::ZERO);
        assert_eq!((n.clone() + one.clone()).maximum(&n), n.clone() + one.clone());
        assert_eq!(n.maximum(&one), one.maximum(&n));
        let twice = (n.clone() * 2i64.into()).minimum(&Dim::from(6i64));
        assert_eq!(twice, n.minimum(&Dim::from(3i64)) * 2i64.into());
        for value in 0..8 {
            let at = |d: &Dim| d.eval(&[value], &[]).unwrap();
            assert_eq!(
                (at(&n.minimum(&Dim::from(3i64))), at(&n.maximum(&Dim::from(3i64)))),
                (value.min(3), value.max(3))
            );
            assert_eq!(at(&n.minimum(&Dim::from(i64::MAX))), value);
            assert_eq!(at(&(n.clone() + Dim::from(i64::MIN)).maximum(&Dim::ZERO)), 0);
        }
    }

    #[test]
    fn eval_reports_overflow() {
        let d = Dim::sym(0) * Dim::sym(0);
        assert_eq!(d.eval(&[3], &[]).unwrap(), 9);
        assert_eq!(d.eval(&[1 << 40], &[]).unwrap_err().kind(), Kind::Memory);
    }
}
