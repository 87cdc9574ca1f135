//! A tensor with some elements replaced, or changed, by index.

use super::search::{User, checked};
use crate::ops::entry::*;
use crate::ops::movement::gather::{gathered, sources};

/// What an update does to the element at its place: the library's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The last one wins.
    Replace = 0,
    /// Sums.
    Add = 1,
    /// Products.
    Multiply = 2,
    /// The greatest, the element itself included.
    Max = 3,
    /// The least, the element itself included.
    Min = 4,
}

const UPDATES: [Update; 5] = [Update::Replace, Update::Add, Update::Multiply, Update::Max, Update::Min];

impl Update {
    fn of(attrs: &Attrs) -> Result<Update> {
        let kind = attrs.int("kind").unwrap_or(0);
        let known = UPDATES.into_iter().find(|&update| update as i64 == kind);
        known.ok_or_else(|| infer::wrong(Kind::Value, "`kind` between 0 and 4", kind))
    }

    /// The update that ONNX and NumPy call so.
    fn named(name: &str) -> Result<Update> {
        Ok(match name {
            "none" => Update::Replace,
            "add" => Update::Add,
            "mul" => Update::Multiply,
            "max" => Update::Max,
            "min" => Update::Min,
            _ => return Err(infer::wrong(Kind::Value, "`reduction` none, add, mul, max or min", name)),
        })
    }

    /// `old` changed by `new`.
    fn apply<T: PartialOrd + Copy>(self, old: T, new: T, add: fn(T, T) -> T, mul: fn(T, T) -> T) -> T {
        // What compares with nothing, itself included, is NaN, and wins.
        #[allow(clippy::eq_op)]
        let wins = |better: bool| new != new || (old == old && better);
        match self {
            Update::Replace => new,
            Update::Add => add(old, new),
            Update::Multiply => mul(old, new),
            Update::Max if wins(new > old) => new,
            Update::Min if wins(new < old) => new,
            Update::Max | Update::Min => old,
        }
    }
}

/// The primitive behind all writes by index.
pub static SCATTER: OpDef = OpDef {
    name: "scatter",
    doc: "`x` with the places from which `gather` with the same `axis` and `batch_dims` would take `updates` changed by \
          them in order: replaced (`kind` 0), added to (1), multiplied (2), or raised (3) or lowered (4) to them. An \
          index out of range is an error. The gradient of a maximum or minimum is shared equally by those that tie.",
    inputs: Operands::Named(&["x", "indices", "updates"]),
    attrs: &[optional("kind", AttrKind::Int), optional("axis", AttrKind::Int), optional("batch_dims", AttrKind::Int)],
    spec: |c| {
        let [x, indices, updates] = c.inputs else { unreachable!("three operands") };
        infer::same_dtype(&[x.clone(), updates.clone()])?;
        if Update::of(c.attrs)? != Update::Replace {
            Class::Number.check(x)?;
        }
        let wanted = gathered(c.attrs, &x.dims, indices)?;
        if updates.dims != wanted {
            let wanted = format!("updates of shape {}", infer::shape(&wanted));
            return Err(infer::wrong(Kind::Shape, wanted, updates));
        }
        infer::same(c)
    },
    grad: rule!(v => {
        let (x, indices, updates, g) = (v.x(), v.x1(), v.x[2], v.g());
        let place = Place::of(v.b.attrs());
        let (dx, du) = match Update::of(v.b.attrs())? {
            Update::Replace => {
                let zeros = v.constant(0.0).broadcast_to(&updates.dims()?);
                (place.scatter(g, indices, zeros, Update::Replace), place.gather(g, indices))
            }
            Update::Add => (g, place.gather(g, indices)),
            Update::Multiply => {
                // The product of the others, also where one of them or the element itself is 0.
                let one = v.constant(1.0);
                let (x_is_0, u_is_0) = (x.eq(0.0), updates.eq(0.0));
                let (x_part, u_part) = (x_is_0.choose(one, x), u_is_0.choose(one, updates));
                let product = place.scatter(x_part, indices, u_part, Update::Multiply);
                let zeros = place.scatter(x_is_0.cast(x.dtype()), indices, u_is_0.cast(x.dtype()), Update::Add);
                let [g_there, product_there, zeros_there] = [g, product, zeros].map(|e| place.gather(e, indices));
                (
                    g * rest(x_is_0, x_part, product, zeros),
                    g_there * rest(u_is_0, u_part, product_there, zeros_there),
                )
            }
            Update::Max | Update::Min => {
                let y = v.y();
                let x_won = x.eq(y).cast(x.dtype());
                let u_won = updates.eq(place.gather(y, indices)).cast(x.dtype());
                let winners = place.scatter(x_won, indices, u_won, Update::Add);
                let share = v.b.apply(&crate::ops::DIVIDE_NO_NAN, Attrs::new(), &[g, winners]);
                (share * x_won, place.gather(share, indices) * u_won)
            }
        };
        Ok(vec![Some(dx), None, Some(du)])
    }),
    lower: Lower::Library(|c, _| {
        let (axis, batch) = crate::ops::movement::gather::axis_and_batch(c.attrs, c.inputs[0].rank())?;
        let kind = Update::of(c.attrs)? as i64;
        Ok(LibraryCall { routine: "scatter", params: vec![axis.into(), batch.into(), kind.into()] })
    }),
    eval: |c| {
        let [x, indices, updates] = c.inputs else { unreachable!("three operands") };
        let update = Update::of(c.attrs)?;
        let to = sources(c.attrs, x.shape(), indices, updates.shape())?;
        Ok(vec![if x.dtype().is_float() {
            let mut values = eval::floats(x);
            for (at, new) in to.into_iter().zip(eval::floats(updates)) {
                values[at] = update.apply(values[at], new, |a, b| a + b, |a, b| a * b);
            }
            eval::from_floats(x.dtype(), x.shape(), &values)?
        } else if x.dtype() == DType::Complex64 {
            let mut values = x.as_slice::<[f32; 2]>().to_vec();
            to.into_iter().zip(updates.as_slice::<[f32; 2]>()).for_each(|(at, &new)| values[at] = new);
            tracelift_runtime::Array::from_slice(x.shape(), &values)
        } else {
            let mut values = eval::ints(x);
            for (at, new) in to.into_iter().zip(eval::ints(updates)) {
                values[at] =
                    update.apply(values[at], new, i128::wrapping_add, |a, b| (a as i64).wrapping_mul(b as i64).into());
            }
            eval::from_ints(x.dtype(), x.shape(), &values)?
        }])
    },
    domain: Domain::Special("tests/ops/scatter.rs"),
    ..BASE
};

/// The product of all but one factor: `product` is that of those that are not 0, of which `zeros` are.
fn rest<'b>(is_0: Expr<'b>, factor: Expr<'b>, product: Expr<'b>, zeros: Expr<'b>) -> Expr<'b> {
    let others_are_0 = zeros.gt(is_0.cast(zeros.dtype()));
    others_are_0.logical_not().choose(product / factor, 0.0)
}

/// Along which axes indices count.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Place {
    /// As the attribute.
    pub axis: i64,
    /// As the attribute.
    pub batch_dims: i64,
}

impl Place {
    /// The first axis.
    pub const FIRST: Place = Place { axis: 0, batch_dims: 0 };

    fn of(attrs: &Attrs) -> Place {
        let batch_dims = attrs.int("batch_dims").unwrap_or(0);
        Place { axis: attrs.int("axis").unwrap_or(batch_dims), batch_dims }
    }

    fn attrs(self) -> Attrs {
        Attrs::new().with("axis", self.axis).with("batch_dims", self.batch_dims)
    }

    /// Slices chosen by index.
    pub fn gather<'b>(self, x: Expr<'b>, indices: Expr<'b>) -> Expr<'b> {
        x.b().apply(&crate::ops::GATHER, self.attrs(), &[x, indices])
    }

    /// Slices updated by index.
    pub fn scatter<'b>(self, x: Expr<'b>, indices: Expr<'b>, updates: Expr<'b>, update: Update) -> Expr<'b> {
        x.b().apply(&SCATTER, self.attrs().with("kind", update as i64), &[x, indices, updates])
    }
}

composite! {
    /// Slices added by index.
    INDEX_ADD, (b, x) => {
        let axis = infer::axis(b.attrs(), 0, x[0].rank()?)? as i64;
        let alpha = b.attrs().float("alpha").unwrap_or(1.0);
        let updates = if alpha == 1.0 { x[2] } else { x[2] * alpha };
        Ok(vec![Place { axis, batch_dims: 0 }.scatter(x[0], x[1], updates, Update::Add)])
    },
    name: "index_add",
    doc: "`x` plus `alpha` (default 1) times `updates`, slice `i` of which along `axis` (default 0) is added to slice \
          `indices[i]`. An index out of range is an error.",
    inputs: Operands::Named(&["x", "indices", "updates"]),
    attrs: &[optional("axis", AttrKind::Int), optional("alpha", AttrKind::Float)],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Elements chosen one by one; the other axes of the indices may be shorter.
    GATHER_ELEMENTS, (b, x) => {
        let axis = infer::axis(b.attrs(), 0, x[0].rank()?)?;
        let at = element_positions(b, &x[0].dims()?, x[1], axis)?;
        let taken = Place::FIRST.gather(x[0].flat()?, at);
        Ok(vec![taken.reshape(&x[1].dims()?)])
    },
    name: "gather_elements",
    doc: "`x[i.., indices[i.., j, k..], k..]` along `axis` (default 0), for every place of `indices`, whose other axes may be \
          shorter than those of `x`. Negative indices count from the end; one out of range is an error.",
    inputs: Operands::Named(&["x", "indices"]),
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Elements written one by one.
    SCATTER_ELEMENTS, (b, x) => {
        let (target, indices, updates) = (x[0], x[1], x[2]);
        let axis = infer::axis(b.attrs(), 0, target.rank()?)?;
        let update = Update::named(b.attrs().str("reduction").unwrap_or("none"))?;
        if indices.dims()? != updates.dims()? {
            let found = format!("{} and {}", indices.spec()?, updates.spec()?);
            return Err(infer::wrong(Kind::Shape, "indices and updates of one shape", found));
        }
        let dims = target.dims()?;
        let at = element_positions(b, &dims, indices, axis)?;
        Ok(vec![Place::FIRST.scatter(target.flat()?, at, updates.flat()?, update).reshape(&dims)])
    },
    name: "scatter_elements",
    doc: "`x` with `updates` put where `gather_elements` with the same `indices` and `axis` (default 0) would take them from; \
          `reduction` (default \"none\": replaced) is \"add\", \"mul\", \"max\" or \"min\" with what is there.",
    inputs: Operands::Named(&["x", "indices", "updates"]),
    attrs: &[optional("axis", AttrKind::Int), optional("reduction", AttrKind::Str)],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

/// The flat position in a tensor of shape `dims` that each of `indices` along `axis` means, checked; one list.
fn element_positions<'b>(b: build::Builder<'b>, dims: &[Dim], indices: Expr<'b>, axis: usize) -> Result<Expr<'b>> {
    let own = indices.dims()?;
    Class::Int.check(&indices.spec()?)?;
    let fits = own.len() == dims.len()
        && (0..dims.len())
            .all(|k| k == axis || own[k] == dims[k] || infer::nonnegative(&(dims[k].clone() - own[k].clone())));
    if !fits {
        let wanted = format!(
            "indices of rank {} that are not longer than {} but along axis {axis}",
            dims.len(),
            infer::shape(dims)
        );
        return Err(infer::wrong(Kind::Shape, wanted, indices.spec()?));
    }
    let index = from_end(indices.cast(DType::I64), &dims[axis]);
    let index = checked(b, User::ScatterElements, index, &[dims[axis].clone()]);
    let mut position = index * b.size(&stride(dims, axis), DType::I64);
    for k in (0..dims.len()).filter(|&k| k != axis && own[k] != Dim::ONE) {
        let mut along: Vec<Dim> = vec![Dim::ONE; dims.len()];
        along[k] = own[k].clone();
        position = position + b.iota(&along, k, DType::I64) * b.size(&stride(dims, k), DType::I64);
    }
    position.flat()
}

/// Negative indices counted from the end of an axis of this length.
pub(in crate::ops) fn from_end<'b>(index: Expr<'b>, length: &Dim) -> Expr<'b> {
    index.lt(0.0).choose(index + index.b().size(length, index.dtype()), index)
}

/// The distance of neighbours along an axis of a dense tensor.
pub(in crate::ops) fn stride(dims: &[Dim], axis: usize) -> Dim {
    dims[axis + 1..].iter().product()
}
