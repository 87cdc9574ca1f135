//! Complex numbers and Fourier transforms: machine code against `eval`, gradients against differences and TensorFlow's,
//! what is refused.

use crate::support::{Numbers, apply, assert_close, dims, one, refused, spec_of, values};
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Loc, compile, grad, interp};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

fn f32s(shape: &[usize], values: &[f32]) -> Array {
    Array::from_slice(shape, values)
}

fn sample(seed: u64, dtype: DType, shape: &[usize]) -> Array {
    let mut numbers = Numbers(seed);
    if dtype != DType::Complex64 {
        return numbers.array(dtype, shape, -2.0, 2.0);
    }
    let len: usize = shape.iter().product();
    let mut next = || (numbers.next() * 4.0 - 2.0) as f32;
    Array::from_slice(shape, &(0..len).map(|_| [next(), next()]).collect::<Vec<_>>())
}

/// All numbers; of complex ones both parts.
fn parts(array: &Array) -> Vec<f64> {
    match array.dtype() {
        DType::Complex64 => array.as_slice::<[f32; 2]>().iter().flatten().map(|&v| v.into()).collect(),
        _ => eval::floats(array),
    }
}

/// Results of a graph from its inputs.
type Build<'a> = &'a dyn Fn(&mut GraphBuilder, &[ValueId]) -> Vec<ValueId>;

/// Runs a graph in the interpreter and, without and with optimisation, as machine code.
#[track_caller]
fn run(what: &str, inputs: &[Array], build: Build<'_>) -> Vec<Array> {
    let mut b = GraphBuilder::new("f");
    let x: Vec<ValueId> = inputs.iter().map(|a| b.parameter("x", spec_of(a))).collect();
    let results = build(&mut b, &x);
    let graph = b.finish(results);
    let expected = interp::run(&graph, inputs).unwrap_or_else(|e| panic!("{what}: {e}"));
    for level in [Level::O0, Level::O2] {
        let program = compile(&graph, &Options::at(level)).unwrap_or_else(|e| panic!("{what}: {e}")).program;
        let code = Executable::new(program).unwrap_or_else(|e| panic!("{what}: {e}"));
        let actual = code.call(&inputs.iter().collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{what}: {e}"));
        for (a, e) in actual.iter().zip(&expected) {
            assert_eq!(spec_of(a), spec_of(e), "{what}");
            assert_close(&parts(a), &parts(e), 3e-5, &format!("{what} at {level:?}"));
        }
    }
    expected
}

fn apply1(b: &mut GraphBuilder, op: &'static OpDef, attrs: Attrs, x: &[ValueId]) -> ValueId {
    b.apply_at(op, attrs, x, Loc::default()).unwrap_or_else(|e| panic!("{e}"))[0]
}

fn plain(b: &mut GraphBuilder, op: &'static OpDef, x: &[ValueId]) -> ValueId {
    apply1(b, op, Attrs::new(), x)
}

#[test]
fn machine_code_agrees_with_eval() {
    use DType::{Bool, Complex64, F32, I32};
    let none = Attrs::new;
    let whole = |name: &'static str, n: i64| Attrs::new().with(name, n);
    let lists = |name: &'static str, n: &[i64]| Attrs::new().with(name, n);
    let frames = || Attrs::new().with("frame_length", 5i64).with("frame_step", 3i64);
    type Call<'a> = (&'static OpDef, Attrs, Vec<(DType, &'a [usize])>);
    let calls: Vec<Call> = vec![
        (&ops::ADD, none(), vec![(Complex64, &[3, 2]), (Complex64, &[2])]),
        (&ops::SUBTRACT, none(), vec![(Complex64, &[2]), (Complex64, &[3, 1])]),
        (&ops::MULTIPLY, none(), vec![(Complex64, &[3, 2]), (Complex64, &[])]),
        (&ops::DIVIDE, none(), vec![(Complex64, &[3, 2]), (Complex64, &[2])]),
        (&ops::NEGATIVE, none(), vec![(Complex64, &[3, 2])]),
        (&ops::SQUARE, none(), vec![(Complex64, &[0, 2])]),
        (&ops::RECIPROCAL, none(), vec![(Complex64, &[4])]),
        (&ops::ABS, none(), vec![(Complex64, &[3, 2])]),
        (&ops::EXP, none(), vec![(Complex64, &[])]),
        (&ops::EQUAL, none(), vec![(Complex64, &[3]), (Complex64, &[3])]),
        (&ops::NOT_EQUAL, none(), vec![(Complex64, &[3]), (Complex64, &[1])]),
        (&ops::SELECT, none(), vec![(Bool, &[2, 1]), (Complex64, &[3]), (Complex64, &[3])]),
        (&ops::CAST, none().with("dtype", F32), vec![(Complex64, &[3])]),
        (&ops::CAST, none().with("dtype", Complex64), vec![(I32, &[3])]),
        (&ops::CAST, none().with("dtype", Complex64), vec![(Complex64, &[3])]),
        (&ops::REDUCE_SUM, none(), vec![(Complex64, &[3, 2])]),
        (&ops::REDUCE_MEAN, lists("axes", &[-1]).with("keepdims", true), vec![(Complex64, &[3, 2])]),
        (&ops::MATMUL, none().with("transpose_b", true), vec![(Complex64, &[3, 2]), (Complex64, &[4, 2])]),
        (&ops::ADJOINT, none(), vec![(Complex64, &[2, 3])]),
        (&ops::COMPLEX, none(), vec![(F32, &[3, 1]), (F32, &[2])]),
        (&ops::REAL, none(), vec![(Complex64, &[3])]),
        (&ops::REAL, none(), vec![(F32, &[3])]),
        (&ops::IMAG, none(), vec![(Complex64, &[3])]),
        (&ops::CONJ, none(), vec![(Complex64, &[3])]),
        (&ops::ANGLE, none(), vec![(Complex64, &[3])]),
        (&ops::TRANSPOSE, none(), vec![(Complex64, &[2, 3])]),
        (&ops::CONCAT, whole("axis", 0), vec![(Complex64, &[2]), (Complex64, &[3])]),
        (&ops::BROADCAST_TO, none().with("dims", dims(&[2, 3])), vec![(Complex64, &[3])]),
        (&ops::REVERSE, none(), vec![(Complex64, &[3])]),
        (&ops::BITCAST, none().with("dtype", I32), vec![(F32, &[3])]),
        (&ops::BITCAST, none().with("dtype", DType::I64), vec![(F32, &[3, 2])]),
        (&ops::FFT, none(), vec![(Complex64, &[2, 6])]),
        (&ops::IFFT, none(), vec![(Complex64, &[2, 7])]),
        (&ops::FFT2D, none(), vec![(Complex64, &[2, 3, 4])]),
        (&ops::IFFT2D, none(), vec![(Complex64, &[3, 5])]),
        (&ops::FFT3D, none(), vec![(Complex64, &[2, 3, 4])]),
        (&ops::IFFT3D, none(), vec![(Complex64, &[1, 2, 3, 4])]),
        (&ops::RFFT, none(), vec![(F32, &[2, 6])]),
        (&ops::RFFT, lists("fft_length", &[9]), vec![(F32, &[2, 6])]),
        (&ops::RFFT, lists("fft_length", &[4]), vec![(F32, &[0, 6])]),
        (&ops::RFFT2D, lists("fft_length", &[3, 4]), vec![(F32, &[2, 3])]),
        (&ops::RFFT3D, none(), vec![(F32, &[2, 3, 5])]),
        (&ops::IRFFT, none(), vec![(Complex64, &[2, 4])]),
        (&ops::IRFFT, lists("fft_length", &[7]), vec![(Complex64, &[2, 3])]),
        (&ops::IRFFT2D, lists("fft_length", &[2, 3]), vec![(Complex64, &[2, 2])]),
        (&ops::IRFFT3D, none(), vec![(Complex64, &[2, 3, 3])]),
        (&ops::FFTND, lists("axes", &[2, 0]).with("fft_length", &[3i64, 4][..]), vec![(Complex64, &[3, 2, 4])]),
        (&ops::IFFTND, lists("axes", &[0, -1]), vec![(Complex64, &[3, 2, 4])]),
        (&ops::RFFTND, none(), vec![(F32, &[2, 3, 4])]),
        (&ops::RFFTND, lists("axes", &[2, 0]), vec![(F32, &[2, 3, 4])]),
        (&ops::IRFFTND, lists("axes", &[1, 0]).with("fft_length", &[2i64, 5][..]), vec![(Complex64, &[3, 2])]),
        (&ops::FFTSHIFT, none(), vec![(Complex64, &[3, 4])]),
        (&ops::IFFTSHIFT, lists("axes", &[-1]), vec![(F32, &[3, 5])]),
        (&ops::FRAME, frames(), vec![(F32, &[2, 13])]),
        (&ops::FRAME, frames().with("pad_end", true).with("axis", 0i64), vec![(F32, &[13, 2])]),
        (&ops::FRAME, frames(), vec![(F32, &[3])]),
        (&ops::OVERLAP_AND_ADD, whole("frame_step", 2), vec![(F32, &[2, 4, 5])]),
        (&ops::STFT, frames().with("pad_end", true), vec![(F32, &[2, 13])]),
        (&ops::INVERSE_STFT, frames(), vec![(Complex64, &[2, 4, 5])]),
        (&ops::HANN_WINDOW, whole("window_length", 6), vec![]),
        (&ops::DCT, none(), vec![(F32, &[2, 5])]),
        (&ops::DCT, whole("kind", 3).with("norm", "ortho"), vec![(F32, &[6])]),
        (&ops::DCT, whole("kind", 1), vec![(F32, &[2, 6])]),
        (&ops::DCT, whole("kind", 4).with("norm", "ortho"), vec![(F32, &[2, 5])]),
        (&ops::IDCT, whole("n", 4), vec![(F32, &[2, 6])]),
        (&ops::MDCT, whole("frame_length", 8).with("pad_end", true), vec![(F32, &[2, 13])]),
        (&ops::INVERSE_MDCT, none(), vec![(F32, &[2, 3, 4])]),
        (&ops::LINEAR_TO_MEL_WEIGHT_MATRIX, none(), vec![]),
        (&ops::MFCCS_FROM_LOG_MEL_SPECTROGRAMS, none(), vec![(F32, &[2, 5])]),
        (&ops::KAISER_WINDOW, whole("window_length", 5), vec![]),
    ];
    for (op, attrs, operands) in calls {
        let what = format!("{} of {operands:?} {attrs:?}", op.name);
        let inputs: Vec<Array> = (1..).zip(&operands).map(|(k, (dtype, shape))| sample(k, *dtype, shape)).collect();
        run(&what, &inputs, &|b, x| vec![apply1(b, op, attrs.clone(), x)]);
    }
}

/// The gradient of a sum of results with numbers of TensorFlow 2.21, by every engine.
#[track_caller]
fn check(what: &str, inputs: &[Array], value: f64, gradients: &[&[f64]], build: Build<'_>) {
    let sum = |b: &mut GraphBuilder, x: &[ValueId]| {
        let result = build(b, x)[0];
        plain(b, &ops::REDUCE_SUM, &[result])
    };
    let found = run(what, inputs, &|b, x| {
        let target = sum(b, x);
        let gradients = grad::gradient(b, &[(target, None)], x).unwrap_or_else(|e| panic!("{what}: {e}"));
        [target].into_iter().chain(gradients.into_iter().map(|g| g.expect("connected"))).collect()
    });
    assert_close(&parts(&found[0]), &[value], 3e-6, what);
    for (found, expected) in found[1..].iter().zip(gradients) {
        assert_close(&parts(found), expected, 3e-6, what);
    }
}

#[test]
fn gradients_are_tensorflows() {
    let x = f32s(&[5], &[0.5, -1.0, 2.0, 0.25, 3.0]);
    let weights = f32s(&[3], &[1.0, 2.0, -0.5]);
    let slopes = [0.56178844, -0.74567413, -0.19952422, 3.0256238, 2.3577862];
    check("the length of rfft", std::slice::from_ref(&x), 8.457284, &[&slopes], &|b, x| {
        let w = b.constant(weights.clone());
        let spectrum = plain(b, &ops::RFFT, x);
        let length = plain(b, &ops::ABS, &[spectrum]);
        vec![plain(b, &ops::MULTIPLY, &[w, length])]
    });
    let slopes = [-0.14627329, -0.007911365, 0.13977545, 0.18069276, -0.048953373];
    check("a filter", &[x], 1.006037, &[&slopes], &|b, x| {
        let w = b.constant(weights.clone());
        let twice = plain(b, &ops::ADD, &[w, w]);
        let filter = plain(b, &ops::COMPLEX, &[w, twice]);
        let spectrum = plain(b, &ops::RFFT, x);
        let z = plain(b, &ops::MULTIPLY, &[spectrum, filter]);
        let shift = b.constant(Array::from_slice(&[], &[[3f32, 1.0]]));
        let below = plain(b, &ops::ADD, &[z, shift]);
        let z = plain(b, &ops::DIVIDE, &[z, below]);
        let signal = apply1(b, &ops::IRFFT, Attrs::new().with("fft_length", &[4i64][..]), &[z]);
        let three = apply1(b, &ops::SLICE, Attrs::new().with("begin", dims(&[0])).with("dims", dims(&[3])), &[signal]);
        vec![plain(b, &ops::MULTIPLY, &[w, three])]
    });
    let (re, im) = (f32s(&[2], &[0.3, -0.7]), f32s(&[2], &[1.1, 0.4]));
    let slopes: [&[f64]; 2] = [&[1.1934004, -1.3758037], &[1.7041256, -1.7018418]];
    check("parts", &[re, im], 8.423584, &slopes, &|b, x| {
        let z = plain(b, &ops::COMPLEX, x);
        let angle = plain(b, &ops::ANGLE, &[z]);
        let angles = plain(b, &ops::ADD, &[angle, angle]);
        let (power, conjugate) = (plain(b, &ops::EXP, &[z]), plain(b, &ops::CONJ, &[z]));
        let product = plain(b, &ops::MULTIPLY, &[power, conjugate]);
        let product = plain(b, &ops::MULTIPLY, &[product, z]);
        let imaginary = plain(b, &ops::IMAG, &[product]);
        let square = plain(b, &ops::SQUARE, &[z]);
        let back = plain(b, &ops::IFFT, &[square]);
        let real = plain(b, &ops::REAL, &[back]);
        let sum = plain(b, &ops::ADD, &[angles, imaginary]);
        vec![plain(b, &ops::ADD, &[sum, real])]
    });
    let zero = f32s(&[1], &[0.0]);
    check("length at zero", &[zero], 0.0, &[&[0.0]], &|b, x| {
        let z = plain(b, &ops::COMPLEX, &[x[0], x[0]]);
        vec![plain(b, &ops::ABS, &[z])]
    });
}

/// Every transform of reals that is linear: the gradient of `sum(w f(x))` is exact by one difference.
#[test]
fn gradients_of_linear_transforms() {
    let lists = |name: &'static str, n: &[i64]| Attrs::new().with(name, n);
    let frames = || Attrs::new().with("frame_length", 5i64).with("frame_step", 3i64);
    let calls: Vec<(&'static OpDef, Attrs, &[usize])> = vec![
        (&ops::RFFT, Attrs::new(), &[6]),
        (&ops::RFFT, lists("fft_length", &[9]), &[2, 7]),
        (&ops::RFFT2D, lists("fft_length", &[3, 5]), &[2, 6]),
        (&ops::RFFT3D, Attrs::new(), &[2, 3, 4]),
        (&ops::STFT, frames().with("pad_end", true), &[13]),
        (&ops::DCT, Attrs::new(), &[5]),
        (&ops::DCT, Attrs::new().with("kind", 3i64).with("norm", "ortho"), &[6]),
        (&ops::OVERLAP_AND_ADD, Attrs::new().with("frame_step", 2i64), &[3, 5]),
        (&ops::FRAME, frames(), &[12]),
    ];
    for (op, attrs, shape) in calls {
        let x = sample(1, DType::F32, shape);
        let total = |b: &mut GraphBuilder, x: ValueId| {
            let mut y = apply1(b, op, attrs.clone(), &[x]);
            if b.graph().spec(y).dtype == DType::Complex64 {
                // Both ways through complex numbers.
                let z = plain(b, &ops::CONJ, &[y]);
                let y1 = apply1(b, &ops::IRFFT, Attrs::new(), &[z]);
                let y2 = plain(b, &ops::IMAG, &[y]);
                let y2 = plain(b, &ops::REDUCE_SUM, &[y2]);
                y = plain(b, &ops::ADD, &[y1, y2]);
            }
            let weights = sample(2, DType::F32, &b.graph().spec(y).const_shape().unwrap());
            let weights = b.constant(weights);
            let product = plain(b, &ops::MULTIPLY, &[y, weights]);
            plain(b, &ops::REDUCE_SUM, &[product])
        };
        let gradient = run(op.name, std::slice::from_ref(&x), &|b, x| {
            let target = total(b, x[0]);
            vec![grad::gradient(b, &[(target, None)], x).unwrap_or_else(|e| panic!("{e}"))[0].expect("connected")]
        });
        let unit = |k: usize| {
            let values: Vec<f32> = (0..x.len()).map(|i| f32::from(i == k)).collect();
            let mut b = GraphBuilder::new("unit");
            let x = b.parameter("x", spec_of(&x));
            let target = total(&mut b, x);
            parts(&interp::run(&b.finish(vec![target]), &[f32s(shape, &values)]).unwrap()[0])[0]
        };
        let slopes: Vec<f64> = (0..x.len()).map(unit).collect();
        assert_close(&parts(&gradient[0]), &slopes, 1e-5, &format!("gradient of {} {attrs:?}", op.name));
    }
}

#[test]
fn values_are_tensorflows() {
    let x = f32s(&[5], &[0.5, -1.0, 2.0, 0.25, 3.0]);
    let dct = |attrs| values(&ops::DCT, attrs, std::slice::from_ref(&x));
    let known: [(Attrs, [f64; 5]); 4] = [
        (Attrs::new(), [9.5, -6.2247458, 2.1266444, -0.5612852, 7.3766437]),
        (Attrs::new().with("norm", "ortho"), [2.1242645, -1.9684374, 0.672504, -0.17749396, 2.3326995]),
        (Attrs::new().with("kind", 3i64), [3.9819493, -7.241269, 2.5000005, -3.9390717, 7.198391]),
        (
            Attrs::new().with("kind", 3i64).with("norm", "ortho"),
            [1.324696, -2.2243974, 0.85606253, -1.1801509, 2.341824],
        ),
    ];
    for (attrs, expected) in known {
        assert_close(&dct(attrs.clone()), &expected, 2e-6, &format!("dct {attrs:?}"));
    }
    let window =
        |op, n: i64, periodic: bool| values(op, Attrs::new().with("window_length", n).with("periodic", periodic), &[]);
    assert_close(&window(&ops::HANN_WINDOW, 5, true), &[0.0, 0.5, 1.0, 0.5, 0.0], 1e-6, "hann 5");
    assert_close(&window(&ops::HANN_WINDOW, 6, true), &[0.0, 0.25, 0.75, 1.0, 0.75, 0.25], 1e-6, "hann 6");
    let symmetric = [0.0, 0.34549153, 0.90450853, 0.9045085, 0.34549144, 0.0];
    assert_close(&window(&ops::HANN_WINDOW, 6, false), &symmetric, 1e-6, "symmetric");
    assert_close(&window(&ops::HAMMING_WINDOW, 4, true), &[0.08, 0.54, 1.0, 0.54], 1e-6, "hamming");
    assert_close(&window(&ops::HANN_WINDOW, 1, true), &[1.0], 0.0, "hann 1");

    let signal: Vec<f32> = (0..20).map(|i| (i as f32 * 0.7).sin() + 0.1).collect();
    let signal = f32s(&[20], &signal);
    let frames = Attrs::new().with("frame_length", 8i64).with("frame_step", 4i64);
    let spectra = one(&ops::STFT, frames.clone(), std::slice::from_ref(&signal));
    assert_eq!(spectra.shape(), [4, 5]);
    let second = [
        [-1.0694427, 0.0],
        [1.0800843, 1.5060446],
        [-0.52397203, -0.6568425],
        [-0.017551124, -0.022517681],
        [-0.00767976, 0.0],
    ];
    assert_close(&parts(&spectra)[10..20], second.as_flattened(), 3e-6, "stft");
    // With the inverse window the signal comes back, where two frames overlap.
    let back =
        values(&ops::INVERSE_STFT, frames.clone().with("window", "inverse_hann"), std::slice::from_ref(&spectra));
    assert_close(&back[4..16], &parts(&signal)[4..16], 2e-6, "inverse stft");
    let hann = values(&ops::INVERSE_STFT, frames, &[spectra]);
    let known = [0.0, 0.015960956, 0.27136242, 0.7017494, 0.43498814, -0.18808742, -0.38578784, -0.6618393];
    assert_close(&hann[..8], &known, 2e-6, "inverse stft with hann");

    let x = f32s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let y = one(&ops::RFFT2D, Attrs::new().with("fft_length", &[3i64, 4][..]), &[x]);
    let re = [15.0, -4.0, 5.0, -3.0, -4.464102, -1.0, -3.0, 2.4641016, -1.0];
    let im = [0.0, -5.0, 0.0, -10.392304, 2.732051, -3.4641016, 10.392304, -0.7320508, 3.4641016];
    let both: Vec<f64> = re.iter().zip(im).flat_map(|(&re, im)| [re, im]).collect();
    assert_close(&parts(&y), &both, 1e-6, "rfft2d");
    for (n, plain, padded) in [(7usize, [3, 3], [4, 3]), (2, [0, 3], [1, 3]), (0, [0, 3], [0, 3])] {
        let attrs = Attrs::new().with("frame_length", 3i64).with("frame_step", 2i64);
        let x = sample(1, DType::F32, &[n]);
        assert_eq!(one(&ops::FRAME, attrs.clone(), std::slice::from_ref(&x)).shape(), plain, "{n} samples");
        assert_eq!(one(&ops::FRAME, attrs.with("pad_end", true), &[x]).shape(), padded, "{n} samples, padded");
    }
}

#[test]
fn great_and_small_numbers() {
    let z = Array::from_slice(&[3], &[[3e30f32, 4e30], [0.0, 0.0], [f32::INFINITY, 1.0]]);
    assert_close(
        &values(&ops::ABS, Attrs::new(), std::slice::from_ref(&z)),
        &[5e30, 0.0, f64::INFINITY],
        1e-6,
        "lengths",
    );
    let quotient = apply(&ops::DIVIDE, Attrs::new(), &[z.clone(), z]).unwrap();
    assert_close(&parts(&quotient[0])[..2], &[1.0, 0.0], 1e-6, "quotient");
}

#[test]
fn refusals() {
    let says = |op, attrs, inputs: &[Array], words: &str| {
        let text = refused(op, attrs, inputs);
        assert!(text.contains(words), "{text}");
    };
    let (real, complex) = (sample(1, DType::F32, &[4]), sample(1, DType::Complex64, &[4]));
    says(&ops::FFT, Attrs::new(), std::slice::from_ref(&real), "`.cast(DType::Complex64)`");
    says(&ops::RFFT, Attrs::new(), std::slice::from_ref(&complex), "a tensor of f32");
    says(&ops::RFFT, Attrs::new(), &[sample(1, DType::F64, &[4])], "a tensor of f32");
    says(&ops::RFFT, Attrs::new(), &[sample(1, DType::F32, &[2, 0])], "length 1 or more");
    says(
        &ops::RFFT,
        Attrs::new().with("fft_length", &[0i64][..]),
        std::slice::from_ref(&real),
        "1 lengths of at least 1",
    );
    says(&ops::FFT2D, Attrs::new(), std::slice::from_ref(&complex), "a rank of at least 2");
    says(&ops::ADD, Attrs::new(), &[complex.clone(), real.clone()], "operands of one dtype");
    says(&ops::LESS, Attrs::new(), &[complex.clone(), complex.clone()], "received complex64[4]");
    says(&ops::COMPLEX, Attrs::new(), &[sample(1, DType::F64, &[1]), real.clone()], "f32 parts");
    says(&ops::OVERLAP_AND_ADD, Attrs::new().with("frame_step", 0i64), std::slice::from_ref(&real), "at least 1");
    let frames = Attrs::new().with("frame_length", 2i64).with("frame_step", 1i64).with("window", "round");
    says(&ops::STFT, frames, std::slice::from_ref(&real), "\"kaiser_bessel_derived\" or \"none\"");
    says(&ops::BITCAST, Attrs::new().with("dtype", DType::F64), &[real], "a last axis of length 2 for f64");

    let mut b = GraphBuilder::new("f");
    let x = b.parameter("x", spec_of(&complex));
    let y = plain(&mut b, &ops::REAL, &[x]);
    for (target, source, words) in [(x, y, "target 0"), (y, x, "source 0")] {
        let error = grad::gradient(&mut b, &[(target, None)], &[source]).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("complex"), "{error}");
    }
}

#[test]
fn spectrograms() {
    let signal = f32s(&[6, 2], &[1., 0., 2., 1., -1., 0.5, 0.5, 3., 2., -1., 1., 1.]);
    let attrs = |window: i64, stride: i64| Attrs::new().with("window_size", window).with("stride", stride);
    let found = one(&ops::AUDIO_SPECTROGRAM, attrs(4, 2), std::slice::from_ref(&signal));
    assert_eq!(found.shape(), [2, 2, 3]);
    let expected = [0.25, 1.25, 2.25, 2.75, 2.0155644, 1.25, 2.5, 1.118034, 1.5, 1.0, 2f64.sqrt(), 3.0];
    assert_close(&eval::floats(&found), &expected, 1e-6, "spectrogram");
    let squared = attrs(3, 1).with("magnitude_squared", true);
    let short = [f32s(&[4, 1], &[1., 2., -1., 0.5])];
    let expected = [0.5625, 2.8125, 5.0625, 0.140625, 0.703125, 1.265625];
    assert_close(&eval::floats(&one(&ops::AUDIO_SPECTROGRAM, squared, &short)), &expected, 1e-6, "squares");
    for (window, stride) in [(1, 1), (4, 0)] {
        let text = refused(&ops::AUDIO_SPECTROGRAM, attrs(window, stride), std::slice::from_ref(&signal));
        assert!(text.contains("`window_size` of at least 2"), "{text}");
    }
    assert!(refused(&ops::AUDIO_SPECTROGRAM, attrs(2, 1), &[f32s(&[3], &[1.; 3])]).contains("[samples, channels]"));
}
