//! Complex tensors and Fourier transforms as users write them: eagerly, traced, under the tape.

use tl::prelude::*;
use tl::signal;
use tracelift as tl;

fn close(a: &Tensor, b: &Tensor) {
    tl::testing::assert_all_close(a, b);
}

#[test]
fn arithmetic_printing_and_comparison() {
    let z = tl::complex(constant([1.0, -2.0]), constant([2.0, 0.5]));
    assert_eq!(z.dtype(), DType::Complex64);
    assert_eq!(z.to_string(), "[ 1.+2.j  -2.+0.5j]");
    assert_eq!(&z * 2.0, tl::complex(constant([2.0, -4.0]), constant([4.0, 1.0])));
    assert_eq!((&z - &z).real(), constant([0.0, 0.0]));
    assert_eq!(z.conj().imag(), constant([-2.0, -0.5]));
    close(&(&z * z.conj()).real().sqrt(), &z.abs());
    close(&(&z / &z).real(), &constant([1.0, 1.0]));
    assert_eq!(z.equal(&z).to_vec::<bool>(), [true, true]);
    assert_eq!(z.cast(DType::F32), constant([1.0, -2.0]));
    assert_eq!(constant([1, 2]).cast(DType::Complex64).imag(), constant([0.0, 0.0]));
    assert_eq!(tl::where_(constant([true, false]), &z, z.conj()).imag(), constant([2.0, -0.5]));
    assert_eq!(z.reduce_sum().real().item(), -1.0);
}

#[test]
fn gradients_go_through_complex_numbers() {
    let x = constant([0.5, -1.0, 2.0, 0.25, 3.0]);
    let power = |x: &Tensor| signal::rfft(x).abs().square().reduce_sum();
    let slopes = move |x: &Tensor| {
        let tape = GradientTape::new();
        tape.watch(x);
        let y = power(x);
        tape.gradient(&y, x)
    };
    let eager = slopes(&x);
    close(&tl::function(move |x: &Tensor| slopes(x)).call(&x), &eager);
    // All coefficients count twice but the first: Parseval's sum, and half of it again.
    let mean = x.reduce_sum();
    close(&eager, &(&x * 5.0 + mean));

    let frames = |x: &Tensor| signal::stft(x, 8, 4).abs().reduce_sum();
    let signal = tl::random::stateless_normal([40], 1);
    let tape = GradientTape::new();
    tape.watch(&signal);
    let y = frames(&signal);
    let slope = tape.gradient(&y, &signal);
    let step = tl::random::stateless_normal([40], 2) * 1e-2;
    let moved = frames(&(&signal + &step)) - frames(&(&signal - &step));
    let predicted = (slope * step * 2.0).reduce_sum();
    assert!((moved.item() - predicted.item()).abs() < 2e-3, "{moved} {predicted}");
}

#[test]
fn a_second_size_needs_no_new_code_of_ours() {
    let back = tl::function(|x: &Tensor| signal::irfft_with(signal::rfft(x), [8]));
    for n in [2, 3, 5] {
        let x = tl::random::stateless_normal([n, 8], 3);
        close(&back.call(&x), &x);
    }
}

#[test]
fn complex_targets_and_sources_have_no_gradient() {
    let (x, z) = (constant([1.0, 2.0]), tl::complex(constant([1.0]), constant([2.0])));
    let tape = GradientTape::persistent();
    tape.watch(&[&x, &z]);
    let spectrum = signal::rfft(&x);
    let length = z.abs().reduce_sum();
    for (target, source) in [(&spectrum, &x), (&length, &z)] {
        let error = tl::attempt(|| tape.gradient(target, source)).unwrap_err().to_string();
        assert!(error.contains("complex64") && error.contains("real and imaginary part"), "{error}");
    }
}
