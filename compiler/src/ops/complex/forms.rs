//! Forms of ops for complex operands.

use crate::ops::entry::*;
use crate::ops::{
    ABS, ADD, ADJOINT, CAST, DIVIDE, EQUAL, EXP, MATMUL, MULTIPLY, NEGATIVE, NOT_EQUAL, RECIPROCAL, REDUCE_MEAN,
    REDUCE_SUM, SQUARE, SUBTRACT,
};

/// Ops with their forms.
static FORMS: &[(&OpDef, &OpDef)] = &[
    (&ADD, &COMPLEX_ADD),
    (&SUBTRACT, &COMPLEX_SUBTRACT),
    (&MULTIPLY, &COMPLEX_MULTIPLY),
    (&DIVIDE, &COMPLEX_DIVIDE),
    (&NEGATIVE, &COMPLEX_NEGATIVE),
    (&SQUARE, &COMPLEX_SQUARE),
    (&RECIPROCAL, &COMPLEX_RECIPROCAL),
    (&ABS, &COMPLEX_ABS),
    (&EXP, &COMPLEX_EXP),
    (&EQUAL, &COMPLEX_EQUAL),
    (&NOT_EQUAL, &COMPLEX_NOT_EQUAL),
    (&CAST, &COMPLEX_CAST),
    (&REDUCE_SUM, &COMPLEX_REDUCE_SUM),
    (&REDUCE_MEAN, &COMPLEX_REDUCE_MEAN),
    (&MATMUL, &COMPLEX_MATMUL),
    (&ADJOINT, &COMPLEX_ADJOINT),
];

/// What is applied when `op` is: its form if an operand is complex, or is to become it.
pub fn form(op: &'static OpDef, attrs: &Attrs, inputs: &[TensorSpec]) -> &'static OpDef {
    let is_complex = |dtype: DType| dtype == DType::Complex64;
    if !inputs.iter().any(|s| is_complex(s.dtype)) && !attrs.dtype("dtype").is_some_and(is_complex) {
        return op;
    }
    FORMS.iter().find(|(plain, _)| std::ptr::eq(*plain, op)).map_or(op, |(_, form)| form)
}

const X: Operands = Operands::Named(&["x"]);

/// A composite that takes the place of another op, of operands of one dtype.
macro_rules! forms {
    ($($static:ident $name:literal $doc:literal $operands:ident [$($attr:expr),*] $grad:expr, $body:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (_b, x) => {
                let specs = x.iter().map(|x| x.spec()).collect::<Result<Vec<_>>>()?;
                infer::same_dtype(&specs)?;
                super::expect_complex(&specs[0])?;
                let of: for<'b> fn(&[Expr<'b>]) -> Result<Expr<'b>> = $body;
                Ok(vec![of(x)?])
            },
            name: $name,
            doc: $doc,
            inputs: $operands,
            attrs: &[$($attr),*],
            grad: $grad,
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

forms! {
    COMPLEX_ADD "complex_add" "`add` of complex numbers." XY [] Grad::Expansion, |x| together(x, |x, y| x + y);
    COMPLEX_SUBTRACT "complex_subtract" "`subtract` of complex numbers." XY [] Grad::Expansion, |x| together(x, |x, y| x - y);
    COMPLEX_NEGATIVE "complex_negative" "`negative` of complex numbers." X [] Grad::Expansion,
        |x| Ok((-x[0].pairs()).bitcast(DType::Complex64));
    COMPLEX_MULTIPLY "complex_multiply" "`multiply` of complex numbers." XY [] Grad::Expansion, |x| product(x[0], x[1]);
    COMPLEX_SQUARE "complex_square" "`square` of complex numbers." X [] Grad::Expansion, |x| product(x[0], x[0]);
    COMPLEX_DIVIDE "complex_divide" "`divide` of complex numbers." XY [] Grad::Expansion, |x| quotient(x[0].parts()?, x[1]);
    COMPLEX_RECIPROCAL "complex_reciprocal" "`reciprocal` of complex numbers." X [] Grad::Expansion, |x| {
        let b = x[0].b();
        quotient((b.scalar(1.0, DType::F32), b.scalar(0.0, DType::F32)), x[0])
    };
    COMPLEX_EXP "complex_exp" "`exp` of complex numbers." X [] Grad::Expansion, |x| {
        let (re, im) = x[0].parts()?;
        (re.exp() * im.cos()).with_imaginary(re.exp() * im.sin())
    };
    COMPLEX_ABS "complex_abs" "The length of complex numbers, f32. Its derivative at 0 counts as 0." X [] rule!(v => {
        let by = v.g() * v.y().reciprocal_or_zero();
        Ok(vec![Some(v.x().scaled(by)?)])
    }), |x| {
        // Scaled, for squares may overflow.
        let (re, im) = x[0].parts()?;
        let most = re.abs().max(im.abs());
        let by = most.reciprocal_or_zero();
        let length = most * ((re * by).square() + (im * by).square()).sqrt();
        Ok(most.eq(f64::INFINITY).choose(most, length))
    };
    COMPLEX_EQUAL "complex_equal" "`equal` of complex numbers." XY [] DISCRETE, |x| {
        let ((a, b), (c, d)) = (x[0].parts()?, x[1].parts()?);
        Ok(a.eq(c).and(b.eq(d)))
    };
    COMPLEX_NOT_EQUAL "complex_not_equal" "`not_equal` of complex numbers." XY [] DISCRETE, |x| {
        let ((a, b), (c, d)) = (x[0].parts()?, x[1].parts()?);
        Ok(a.ne(c).or(b.ne(d)))
    };
    COMPLEX_REDUCE_SUM "complex_reduce_sum" "`reduce_sum` of complex numbers." X
        [optional("axes", AttrKind::Ints), optional("keepdims", AttrKind::Bool)] Grad::Expansion,
        |x| reduced(x[0], &REDUCE_SUM);
    COMPLEX_REDUCE_MEAN "complex_reduce_mean" "`reduce_mean` of complex numbers." X
        [optional("axes", AttrKind::Ints), optional("keepdims", AttrKind::Bool)] Grad::Expansion,
        |x| reduced(x[0], &REDUCE_MEAN);
    COMPLEX_MATMUL "complex_matmul" "`matmul` of complex numbers." XY
        [optional("transpose_a", AttrKind::Bool), optional("transpose_b", AttrKind::Bool)] Grad::Expansion,
        |x| {
            let ((a, b), (c, d)) = (x[0].parts()?, x[1].parts()?);
            (times(a, c) - times(b, d)).with_imaginary(times(a, d) + times(b, c))
        };
    COMPLEX_ADJOINT "complex_adjoint" "`adjoint` of complex numbers." X [] Grad::Expansion, |x| {
        let (re, im) = x[0].parts()?;
        re.transpose_matrix()?.with_imaginary(-im.transpose_matrix()?)
    };
}

composite! {
    /// `cast` from or to complex numbers.
    COMPLEX_CAST, (b, x) => {
        let (from, to) = (x[0].dtype(), b.attrs().dtype("dtype").unwrap_or(DType::Complex64));
        Ok(vec![match (from, to) {
            (DType::Complex64, DType::Complex64) => x[0],
            (DType::Complex64, DType::Bool) => {
                let (re, im) = x[0].parts()?;
                re.ne(0.0).or(im.ne(0.0))
            }
            (DType::Complex64, _) => x[0].parts()?.0.cast(to),
            _ => x[0].cast(DType::F32).with_imaginary(b.scalar(0.0, DType::F32))?,
        }])
    },
    name: "complex_cast",
    doc: "`cast` from complex numbers, of which the real part is taken (to bool: whether either part is not 0), or to \
          them.",
    attrs: &[required("dtype", AttrKind::DType)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

/// An elementwise op that takes real and imaginary parts alike.
fn together<'b>(x: &[Expr<'b>], op: fn(Expr<'b>, Expr<'b>) -> Expr<'b>) -> Result<Expr<'b>> {
    let rank = x[0].rank()?.max(x[1].rank()?);
    // The axis of the parts is the last: shapes broadcast in front of it.
    let pairs = |x: Expr<'b>| -> Result<Expr<'b>> {
        let dims = x.dims()?;
        let mut shape = vec![Dim::ONE; rank - dims.len()];
        shape.extend(dims);
        Ok(x.reshape(&shape).pairs())
    };
    Ok(op(pairs(x[0])?, pairs(x[1])?).bitcast(DType::Complex64))
}

fn product<'b>(x: Expr<'b>, y: Expr<'b>) -> Result<Expr<'b>> {
    let ((a, b), (c, d)) = (x.parts()?, y.parts()?);
    (a * c - b * d).with_imaginary(a * d + b * c)
}

/// `(a + ib) / y`, both divided by the greater part of `y` first, for squares may overflow.
fn quotient<'b>((a, b): (Expr<'b>, Expr<'b>), y: Expr<'b>) -> Result<Expr<'b>> {
    let (c, d) = y.parts()?;
    let by = c.abs().max(d.abs()).stop_gradient();
    let [a, b, c, d] = [a / by, b / by, c / by, d / by];
    let square = c * c + d * d;
    ((a * c + b * d) / square).with_imaginary((b * c - a * d) / square)
}

/// A reduction that takes real and imaginary parts alike.
fn reduced<'b>(x: Expr<'b>, op: &'static OpDef) -> Result<Expr<'b>> {
    let attrs = x.b().attrs();
    let axes: Vec<i64> = infer::axes(attrs, x.rank()?)?.iter().map(|&axis| axis as i64).collect();
    let attrs = Attrs::new().with("axes", axes).with("keepdims", attrs.bool("keepdims"));
    Ok(x.b().apply(op, attrs, &[x.pairs()]).bitcast(DType::Complex64))
}

/// The real `matmul` with the attributes of the complex one.
fn times<'b>(x: Expr<'b>, y: Expr<'b>) -> Expr<'b> {
    x.b().apply(&MATMUL, x.b().attrs().clone(), &[x, y])
}
