//! Einstein's sums: an equation over axis labels, by way of [`MATMUL`](super::matmul::MATMUL).
//!
//! Operands are multiplied from left to right. For each pair, labels that nobody needs any more are summed first;
//! the others are batch (in both and kept), inner (in both and dropped), rows and columns.

use crate::base::spec::Dims;
use crate::ops::entry::*;

composite! {
    /// A sum of products, by equation.
    EINSUM, (b, x) => {
        let equation = b.attrs().str("equation").unwrap_or_default();
        let ranks = x.iter().map(|x| x.rank()).collect::<Result<Vec<_>>>()?;
        let (operands, result) = parse(equation, &ranks)?;
        let mut terms = Vec::new();
        for (x, labels) in x.iter().zip(operands) {
            terms.push(Term { value: *x, labels }.diagonal()?);
        }
        check_lengths(&terms)?;
        let mut rest = terms.into_iter();
        let mut left = rest.next().ok_or_else(|| infer::wrong(Kind::Value, "at least one operand", "none"))?;
        while let Some(right) = rest.next() {
            let later = |label: &u32| result.contains(label) || rest.as_slice().iter().any(|t| t.labels.contains(label));
            left = left.times(right, &later)?;
        }
        let left = left.sum_out(&|label| result.contains(label));
        Ok(vec![left.arrange(&result)?.value])
    },
    name: "einsum",
    doc: "The sum of products that `equation` says, as `\"ij,jk->ik\"`: one letter an axis, `...` for axes in between; \
          letters missing on the right are summed. Without `->` the right side is every letter that occurs once, in \
          alphabetical order.",
    inputs: Operands::Variadic { name: "values", least: 1 },
    attrs: &[required("equation", AttrKind::Str)],
    domain: Domain::Special("tests/ops/contract.rs"),
}

/// An operand with a label for each axis. Letters are themselves; axes under `...` count down from `u32::MAX`.
struct Term<'b> {
    value: Expr<'b>,
    labels: Vec<u32>,
}

impl<'b> Term<'b> {
    /// With each label once: `ii` becomes the diagonal `i`.
    fn diagonal(mut self) -> Result<Self> {
        while let Some((i, j)) = repeated(&self.labels) {
            let dims = self.value.dims()?;
            if dims[i] != dims[j] {
                let found = format!("{} and {}", dims[i], dims[j]);
                return Err(infer::wrong(Kind::Shape, "equal lengths for a repeated label", found));
            }
            let coordinate = |axis: usize| {
                let shape: Dims = (0..dims.len()).map(|k| if k == axis { dims[k].clone() } else { Dim::ONE }).collect();
                self.value.b().iota(&shape, axis, DType::I64)
            };
            let on_diagonal = coordinate(i).eq(coordinate(j));
            self.value = on_diagonal.choose(self.value, 0.0).sum(&[j as i64]);
            self.labels.remove(j);
        }
        Ok(self)
    }

    /// Summed over the labels that are not needed.
    fn sum_out(self, needed: &dyn Fn(&u32) -> bool) -> Self {
        let axes: Vec<i64> = (0..self.labels.len()).filter(|&i| !needed(&self.labels[i])).map(|i| i as i64).collect();
        if axes.is_empty() {
            return self;
        }
        let labels = self.labels.into_iter().filter(|l| needed(l)).collect();
        Term { value: self.value.sum(&axes), labels }
    }

    /// With its axes in the order of `labels`, which are its own.
    fn arrange(self, labels: &[u32]) -> Result<Self> {
        let place = |label: &u32| {
            let missing =
                || infer::wrong(Kind::Value, "labels of the result among those of the operands", name(*label));
            self.labels.iter().position(|l| l == label).ok_or_else(missing)
        };
        let perm = labels.iter().map(place).collect::<Result<Vec<_>>>()?;
        Ok(Term { value: self.value.transpose(&perm), labels: labels.to_vec() })
    }

    /// The product with another, keeping the labels that `later` still needs.
    fn times(self, other: Self, later: &dyn Fn(&u32) -> bool) -> Result<Self> {
        let (mine, theirs) = (self.labels.clone(), other.labels.clone());
        let left = self.sum_out(&|l| theirs.contains(l) || later(l));
        let right = other.sum_out(&|l| mine.contains(l) || later(l));
        let shared = left.labels.iter().copied().filter(|l| right.labels.contains(l));
        let (batch, inner): (Vec<u32>, Vec<u32>) = shared.partition(|l| later(l));
        let alone = |of: &[u32], not: &[u32]| of.iter().copied().filter(|l| !not.contains(l)).collect::<Vec<_>>();
        let (rows, columns) = (alone(&left.labels, &right.labels), alone(&right.labels, &left.labels));
        let left = left.arrange(&[&batch[..], &rows, &inner].concat())?;
        let right = right.arrange(&[&batch[..], &inner, &columns].concat())?;
        let (xs, ys) = (left.value.dims()?, right.value.dims()?);
        let size = |dims: &[Dim]| dims.iter().product::<Dim>();
        let (head, middle) = (batch.len(), batch.len() + rows.len());
        let (m, k, n) = (size(&xs[head..middle]), size(&xs[middle..]), size(&ys[head + inner.len()..]));
        let matrices = |a: Dim, c: Dim| xs[..head].iter().cloned().chain([a, c]).collect::<Dims>();
        let x = left.value.reshape(&matrices(m, k.clone()));
        let y = right.value.reshape(&matrices(k, n));
        let dims: Dims = xs[..middle].iter().chain(&ys[head + inner.len()..]).cloned().collect();
        let value = x.matmul(y, false, false).reshape(&dims);
        Ok(Term { value, labels: [batch, rows, columns].concat() })
    }
}

/// The labels of each operand and of the result.
fn parse(equation: &str, ranks: &[usize]) -> Result<(Vec<Vec<u32>>, Vec<u32>)> {
    let wrong = |what: String| Error::new(Kind::Value, format!("equation {equation:?}: {what}"));
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&text[..], None),
    };
    let parts: Vec<&str> = left.split(',').collect();
    if parts.len() != ranks.len() {
        return Err(wrong(format!("expected {} operands, received {}", parts.len(), ranks.len())));
    }
    let mut operands = Vec::new();
    let mut widest = 0;
    for (part, &rank) in parts.iter().zip(ranks) {
        let letters = part.replacen("...", "", 1).chars().count();
        let under_dots = if part.contains("...") { rank.checked_sub(letters) } else { Some(0) };
        let labels = under_dots.map(|n| labels(part, n)).transpose().map_err(&wrong)?.unwrap_or_default();
        if labels.len() != rank {
            return Err(wrong(format!("expected a rank for {part:?}, received rank {rank}")));
        }
        widest = widest.max(under_dots.unwrap_or(0));
        operands.push(labels);
    }
    let result = match right {
        Some(right) => labels(right, widest).map_err(&wrong)?,
        None => {
            let all: Vec<u32> = operands.concat();
            let mut once: Vec<u32> =
                all.iter().copied().filter(|l| *l < DOTS && all.iter().filter(|m| *m == l).count() == 1).collect();
            once.sort_unstable();
            (0..widest as u32).map(|i| u32::MAX - (widest as u32 - 1 - i)).chain(once).collect()
        }
    };
    if repeated(&result).is_some() {
        return Err(wrong("a label occurs twice on the right".into()));
    }
    Ok((operands, result))
}

/// Labels from here on are axes under `...`: the last of them is `u32::MAX`, as they are aligned at the right.
const DOTS: u32 = 1 << 31;

fn labels(part: &str, under_dots: usize) -> Result<Vec<u32>, String> {
    let mut result = Vec::new();
    let (before, after) = part.split_once("...").unwrap_or((part, ""));
    let letter = |c: char| if c.is_alphabetic() { Ok(c as u32) } else { Err(format!("{c:?} is not a letter")) };
    for c in before.chars() {
        result.push(letter(c)?);
    }
    if part.contains("...") {
        result.extend((0..under_dots).rev().map(|i| u32::MAX - i as u32));
    }
    for c in after.chars() {
        result.push(letter(c)?);
    }
    Ok(result)
}

fn check_lengths(terms: &[Term<'_>]) -> Result<()> {
    let mut known: Vec<(u32, Dim)> = Vec::new();
    for term in terms {
        for (&label, dim) in term.labels.iter().zip(term.value.dims()?) {
            match known.iter().find(|(l, _)| *l == label) {
                Some((_, other)) if *other != dim => {
                    let text = format!("equal lengths for label {}", name(label));
                    return Err(infer::wrong(Kind::Shape, text, format_args!("{other} and {dim}")));
                }
                Some(_) => {}
                None => known.push((label, dim)),
            }
        }
    }
    Ok(())
}

fn repeated(labels: &[u32]) -> Option<(usize, usize)> {
    let twice = |j: &usize| labels[..*j].contains(&labels[*j]);
    let j = (0..labels.len()).find(twice)?;
    Some((labels.iter().position(|l| *l == labels[j])?, j))
}

fn name(label: u32) -> String {
    char::from_u32(label).map_or_else(|| "`...`".into(), |c| format!("`{c}`"))
}
