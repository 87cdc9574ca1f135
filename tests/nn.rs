//! Layers, optimizers and saved weights: formulas against plain Rust, and what is refused.

use tl::optimizers::{Adam, Optimizer, Sgd};
use tl::prelude::*;
use tracelift as tl;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-5 * b.abs().max(1e-3), "{a} is not {b}");
}

/// Runs ten steps of minimising `w²` and gives `w` after each, eagerly or traced.
fn descend(optimizer: &impl Optimizer, traced: bool) -> Vec<f64> {
    let w = Variable::new(3.0);
    #[function]
    fn step<O: Optimizer>(optimizer: &O, w: &Variable) {
        let tape = GradientTape::new();
        let loss = tl::square(w);
        let gradient = tape.gradient(&loss, w);
        optimizer.apply(&[gradient], std::slice::from_ref(w));
    }
    let once = || if traced { step(optimizer, &w) } else { step::eager(optimizer, &w) };
    (0..10).map(|_| (once(), w.value().item()).1).collect()
}

#[test]
fn sgd_follows_its_formulas() {
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        let (mut w, mut v) = (3.0f64, 0.0);
        let expected: Vec<f64> = (0..10)
            .map(|_| {
                let g = 2.0 * w;
                v = momentum * v - 0.1 * g;
                w += if nesterov { momentum * v - 0.1 * g } else { v };
                w
            })
            .collect();
        for traced in [false, true] {
            let sgd = Sgd::new(0.1).momentum(momentum).nesterov(nesterov);
            descend(&sgd, traced).iter().zip(&expected).for_each(|(&a, &b)| close(a, b));
        }
    }
}

#[test]
fn adam_follows_its_formulas() {
    let (mut w, mut m, mut v) = (3.0f64, 0.0, 0.0);
    let expected: Vec<f64> = (1..=10)
        .map(|t| {
            let g = 2.0 * w;
            m += (g - m) * 0.1;
            v += (g * g - v) * 0.001;
            let rate = 0.1 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
            w -= rate * m / (v.sqrt() + 1e-7);
            w
        })
        .collect();
    for traced in [false, true] {
        // 1 - 0.999 has few digits in f32, which is what Keras computes in too.
        let path = descend(&Adam::new(0.1), traced);
        path.iter().zip(&expected).for_each(|(&a, &b)| assert!((a - b).abs() < 1e-3, "{a} is not {b}"));
    }
}

#[test]
fn the_learning_rate_changes_without_a_new_trace() {
    #[function]
    fn step(sgd: &Sgd, w: &Variable) {
        sgd.apply(&[constant(1.0)], std::slice::from_ref(w));
    }
    let (sgd, w) = (Sgd::new(1.0), Variable::new(5.0));
    step(&sgd, &w);
    sgd.learning_rate().assign(0.5);
    step(&sgd, &w);
    assert_eq!((w.value().item(), step::trace_count()), (3.5, 1));
    let error = sgd.try_apply(&[], &[w]).unwrap_err().to_string();
    assert!(error.starts_with("Sgd: 0 gradients for 1 variables"), "{error}");
}

#[test]
fn slots_belong_to_their_variables() {
    #[function]
    fn step(a: &Variable, b: &Variable, sgd: &Sgd) {
        sgd.apply(&[constant(1.0), constant(2.0)], &[a.clone(), b.clone()]);
    }
    let (a, b) = (Variable::new(0.0), Variable::new(0.0));
    let (forward, backward) = (Sgd::new(1.0).momentum(0.5), Sgd::new(1.0).momentum(0.5));
    step(&a, &b, &forward);
    // The other optimizer meets the variables in the other order: its slots must not be mistaken.
    backward.apply(&[constant(2.0), constant(1.0)], &[b.clone(), a.clone()]);
    step(&a, &b, &backward);
    assert_eq!((a.value().item(), b.value().item()), (-1.0 - 1.0 - 1.5, -2.0 - 2.0 - 3.0));
}

#[test]
fn dense_says_what_it_expected() {
    let layer = tl::Dense::new(3);
    layer.call(&tl::zeros(&[2, 4]), Mode::Infer);
    for (x, text) in [
        (tl::zeros(&[2, 5]), "Dense(3): expected an input [.., 4], received f32[2, 5]"),
        (tl::zeros(&[4]), "the first axis is the batch"),
        (tl::zeros(&[1, 4]).cast(F64), "its variables are f32"),
    ] {
        let error = tl::attempt(|| layer.call(&x, Mode::Infer)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let error = tl::attempt(|| tl::Dense::new(1).activation("rellu")).map(drop).unwrap_err().to_string();
    assert!(error.contains("no op of one operand is named \"rellu\""), "{error}");
}

#[test]
fn weights_come_back_or_the_reason_is_given() {
    #[derive(Layer)]
    struct Model {
        first: tl::Dense,
        more: Vec<tl::Dense>,
    }
    let make = |units: usize| {
        let model = Model { first: tl::Dense::new(units), more: vec![tl::Dense::new(2).use_bias(false)] };
        model.first.build(4, F32);
        model.more[0].build(units, F32);
        model
    };
    let file = std::env::temp_dir().join(format!("tracelift-nn-{}.safetensors", std::process::id()));
    let (saved, loaded) = (make(3), make(3));
    tl::save_weights(&saved, &file).unwrap();
    tl::load_weights(&loaded, &file).unwrap();
    // Nothing else is written, whatever the file is called.
    let folder = std::env::temp_dir().join(format!("tracelift-nn-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("taken/inside")).unwrap();
    std::fs::write(folder.join("ckpt.partial"), "mine").unwrap();
    tl::save_weights(&saved, folder.join("ckpt.100")).unwrap();
    assert!(tl::save_weights(&saved, folder.join("taken")).is_err());
    assert_eq!(std::fs::read_to_string(folder.join("ckpt.partial")).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    std::fs::remove_dir_all(&folder).unwrap();
    let names: Vec<String> = saved.named_variables().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["first/kernel", "first/bias", "more/0/kernel"]);
    for (a, b) in saved.variables().iter().zip(loaded.variables()) {
        assert_eq!(a.value(), b.value());
    }
    let refused = |model: &Model, text: &str| {
        let before: Vec<Tensor> = model.variables().iter().map(Variable::value).collect();
        let error = tl::load_weights(model, &file).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.kind(), tl::Kind::File);
        assert!(model.variables().iter().zip(before).all(|(v, old)| v.value() == old));
    };
    refused(&make(5), "`first/kernel` is F32[4, 5] in the module, F32[4, 3] in the file");
    refused(
        &Model { first: tl::Dense::new(3), more: vec![] },
        "only in the file: [first/bias, first/kernel, more/0/kernel]",
    );
    std::fs::write(&file, [9; 40]).unwrap();
    refused(&saved, ".safetensors");
    std::fs::remove_file(&file).unwrap();
    refused(&saved, ".safetensors");
}

/// A little classifier of images: convolution, normalisation, pools, a dense end. Loss and gradients.
fn image_loss(images: &Tensor, filters: &Tensor, kernel: &Tensor) -> Vec<Tensor> {
    let tape = GradientTape::new();
    tape.watch(&[filters, kernel]);
    let ones = tl::ones(&[4]);
    let y = tl::conv2d(images, filters, 1, "SAME");
    let y = tl::batch_norm_training(y, &ones, tl::zeros(&[4])).swap_remove(0).relu();
    let y = y.max_pool2d(2, 2, "SAME").avg_pool2d(2, 1, [[0, 1], [0, 1]]);
    let logits = tl::dense(tl::global_avg_pool(y), kernel);
    let loss = tl::reduce_mean(logits.square());
    let gradients = tape.gradient(&loss, &[filters, kernel]);
    std::iter::once(loss).chain(gradients).collect()
}

#[test]
fn image_models_are_traced_once_for_every_batch_size() {
    let filters = tl::random::stateless_normal(&[3, 3, 2, 4], 1);
    let kernel = tl::random::stateless_normal(&[4, 3], 2);
    let traced = tl::function(|images: &Tensor, filters: &Tensor, kernel: &Tensor| image_loss(images, filters, kernel));
    for batch in [2, 3, 5, 1] {
        let images = tl::random::stateless_normal(&[batch, 7, 6, 2], batch);
        let (eager, compiled) = (image_loss(&images, &filters, &kernel), traced.call(&images, &filters, &kernel));
        for (a, b) in eager.iter().zip(&compiled) {
            assert_eq!(a.shape(), b.shape());
            let (a, b) = (a.to_vec::<f32>(), b.to_vec::<f32>());
            // Sums of terms that cancel: their rounding is of the terms' size, not of the result's.
            let size = a.iter().fold(0f32, |size, x| size.max(x.abs()));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-5 * size), "{a:?} is not {b:?}");
        }
    }
    assert!(traced.trace_count() <= 3, "{}", traced.trace_count());
}

#[test]
fn windows_and_images_say_what_is_wrong() {
    let x = tl::ones(&[1, 4, 4, 2]);
    let message = |result: tl::Result<Tensor>| result.unwrap_err().to_string();
    let text = message(tl::try_conv2d(&x, tl::ones(&[2, 2, 3, 3]), 1, "SAME"));
    assert!(text.starts_with("`conv2d`: ") && text.contains("hint:") && text.contains("tests/nn.rs"), "{text}");
    assert!(message(x.try_max_pool2d(-1, 1, "VALID")).contains("`ksize`"));
    assert!(message(tl::image::try_resize(&x, [0, 4])).contains("lengths from 1"));
    let shape = tl::try_conv2d_transpose_with(&x, tl::ones(&[2, 2, 3, 2]), 1, "SAME", [1, 99, 4, 3], 0, 1, 1, "NHWC");
    assert!(message(shape).contains("99"));
    assert_eq!(tl::ones(&[0, 4, 4, 2]).max_pool2d(2, 2, "VALID").shape(), [0, 2, 2, 2]);
}
