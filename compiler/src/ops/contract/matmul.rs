//! Matrix products.

use crate::ops::entry::*;

/// The product of matrices.
pub static MATMUL: OpDef = OpDef {
    name: "matmul",
    doc: "The matrix product of the last two axes, of `x` transposed if `transpose_a`, of `y` if `transpose_b`; the \
          axes before broadcast.",
    inputs: XY,
    attrs: &[optional("transpose_a", AttrKind::Bool), optional("transpose_b", AttrKind::Bool)],
    spec: |c| {
        let dtype = infer::same_dtype(c.inputs)?;
        let [x, y] = c.inputs else { unreachable!("two operands") };
        Class::Number.check(x)?;
        for (name, operand) in [("x", x), ("y", y)] {
            if operand.rank() < 2 {
                let wanted = format!("a rank of at least 2 for `{name}`");
                return Err(infer::wrong(Kind::Shape, wanted, operand).hint("`expand_dims` makes a vector a matrix"));
            }
        }
        let [rows, inner] = matrix(x, c.attrs.bool("transpose_a"));
        let [inner_y, columns] = matrix(y, c.attrs.bool("transpose_b"));
        if inner != inner_y {
            return Err(infer::wrong(
                Kind::Shape,
                "equal inner lengths",
                format_args!("{inner} and {inner_y} ({x} times {y}{})", transposed(c.attrs)),
            ));
        }
        let mut dims = infer::broadcast(&x.dims[..x.rank() - 2], &y.dims[..y.rank() - 2])?;
        dims.extend([rows, columns]);
        infer::one(dtype, dims)
    },
    grad: rule!(v => {
        let (x, y, g) = (v.x(), v.x1(), v.g());
        let (dx, dy) = match (v.b.attrs().bool("transpose_a"), v.b.attrs().bool("transpose_b")) {
            (false, false) => (g.matmul(y, false, true), x.matmul(g, true, false)),
            (false, true) => (g.matmul(y, false, false), g.matmul(x, true, false)),
            (true, false) => (y.matmul(g, false, true), x.matmul(g, false, false)),
            (true, true) => (y.matmul(g, true, true), g.matmul(x, true, true)),
        };
        Ok(vec![
            if v.wanted[0] { Some(dx.sum_to(&x.dims()?)?) } else { None },
            if v.wanted[1] { Some(dy.sum_to(&y.dims()?)?) } else { None },
        ])
    }),
    lower: Lower::Contraction,
    eval: |c| {
        let (dtype, shape) = (c.outputs[0].dtype, eval::shape_of(c, 0)?);
        Ok(vec![if dtype.is_float() {
            eval::from_floats(dtype, &shape, &product(c, &shape, eval::floats, 0.0, |s, a, b| s + a * b))?
        } else {
            let step = |s: i128, a: i128, b: i128| s.wrapping_add(a.wrapping_mul(b));
            eval::from_ints(dtype, &shape, &product(c, &shape, eval::ints, 0, step))?
        }])
    },
    domain: Domain::Special("tests/ops/contract.rs"),
    ..BASE
};

/// The last two lengths, swapped if transposed.
fn matrix(x: &TensorSpec, transposed: bool) -> [Dim; 2] {
    let [a, b] = [x.dims[x.rank() - 2].clone(), x.dims[x.rank() - 1].clone()];
    if transposed { [b, a] } else { [a, b] }
}

fn transposed(attrs: &Attrs) -> &'static str {
    match (attrs.bool("transpose_a"), attrs.bool("transpose_b")) {
        (false, false) => "",
        (true, false) => ", transpose_a",
        (false, true) => ", transpose_b",
        (true, true) => ", transpose_a, transpose_b",
    }
}

fn product<T: Copy>(
    c: &EvalCx<'_>,
    shape: &[usize],
    read: fn(&tracelift_runtime::Array) -> Vec<T>,
    zero: T,
    step: impl Fn(T, T, T) -> T,
) -> Vec<T> {
    let (x, y) = (&c.inputs[0], &c.inputs[1]);
    let (xs, ys) = (read(x), read(y));
    let (ta, tb) = (c.attrs.bool("transpose_a"), c.attrs.bool("transpose_b"));
    let inner = x.shape()[x.shape().len() - if ta { 2 } else { 1 }];
    let at = |of: &[usize], batch: &[usize], i: usize, j: usize| {
        let (lead, last) = of.split_at(of.len() - 2);
        (eval::broadcast_offset(lead, batch) * last[0] + i) * last[1] + j
    };
    eval::indices(shape)
        .map(|index| {
            let (batch, ij) = index.split_at(index.len() - 2);
            (0..inner).fold(zero, |sum, k| {
                let a = if ta { at(x.shape(), batch, k, ij[0]) } else { at(x.shape(), batch, ij[0], k) };
                let b = if tb { at(y.shape(), batch, ij[1], k) } else { at(y.shape(), batch, k, ij[1]) };
                step(sum, xs[a], ys[b])
            })
        })
        .collect()
}
