//! Options of optimizers, schedules, losses and metrics against numbers that Keras 3.15 gives, eagerly and traced; what
//! errors inside loops say.

use tl::losses::{self, Loss};
use tl::metrics::{self, Metric};
use tl::optimizers::schedule::{CosineDecayRestarts, PiecewiseConstantDecay, Schedule};
use tl::optimizers::*;
use tl::prelude::*;
use tracelift as tl;

/// The tolerance is that of numbers which Keras rounds to single precision on the way.
fn close(found: &[f64], expected: &[f64], what: &str) {
    let is_close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    let all = found.len() == expected.len() && found.iter().zip(expected).all(is_close);
    assert!(all, "{what}: {found:?} is not {expected:?}");
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.cast(DType::F64).to_vec()
}

/// Where `[1, -2]` is after five given gradients.
fn ends_at<O: Optimizer>(what: &str, make: impl Fn() -> O, expected: [f64; 2]) {
    const GRADIENTS: [[f64; 2]; 5] = [[0.5, -1.0], [-0.25, 2.0], [1.0, 0.125], [0.75, -0.5], [-2.0, 0.25]];
    #[function]
    fn step<O: Optimizer>(optimizer: &O, gradient: &Tensor, w: &Variable) {
        optimizer.apply(std::slice::from_ref(gradient), std::slice::from_ref(w));
    }
    for traced in [false, true] {
        let (optimizer, w) = (make(), Variable::new(Tensor::from([1.0f64, -2.0])).named("w"));
        for gradient in GRADIENTS.map(Tensor::from) {
            if traced {
                step(&optimizer, &gradient, &w)
            } else {
                step::eager(&optimizer, &gradient, &w)
            };
        }
        close(&numbers(&w.value()), &expected, &format!("{what}, traced: {traced}"));
    }
}

macro_rules! ends {
    ($($make:expr => $expected:expr;)*) => {$(
        ends_at(stringify!($make), || $make, $expected);
    )*};
}

#[test]
fn options_of_optimizers() {
    ends! {
        Sgd::new(0.1) => [1.0, -2.0875];
        Sgd::new(0.1).momentum(0.9).nesterov(true) => [0.700948, -2.3054485];
        Sgd::new(0.1).clipnorm(0.5) => [0.9422385421751, -1.9895609981972];
        Sgd::new(0.1).clipvalue(0.3) => [0.965, -2.0075];
        Sgd::new(0.1).global_clipnorm(0.25) => [0.9711192712188, -1.9947804987431];
        Sgd::new(0.1).weight_decay(0.5) => [0.79299, -1.6263675];
        Sgd::new(0.1).ema(0.75).ema_overwrite_frequency(2) => [1.09375, -1.96796875];
        Sgd::new(0.1).loss_scale_factor(4.0) => [1.0, -2.021875];
        RmsProp::new(0.1).rho(0.8).momentum(0.5).centered(true) => [0.2668473128354, -1.8780827503921];
        Adam::new(0.1).beta_1(0.5).beta_2(0.75).amsgrad(true) => [0.7837509692014, -2.0021039336763];
        AdamW::new(0.1).weight_decay(0.25) => [0.6367765089342, -1.765095016771];
        Adamax::new(0.1).beta_1(0.5) => [0.8116076443783, -1.9790171567673];
        Nadam::new(0.1).beta_2(0.9) => [0.8574197496667, -1.9866689571383];
        Ftrl::new(0.1).l1_regularization_strength(0.25).l2_shrinkage_regularization_strength(0.5)
            => [0.1043185182044, -0.9820243655107];
        Lion::new(0.1).beta_1(0.5) => [0.9, -2.1];
        Lamb::new(0.1) => [0.4136731366934, -2.3268898407391];
        Adadelta::new(1.0).rho(0.5) => [0.9995348021171, -2.0001175463032];
        Adagrad::new(0.1).initial_accumulator_value(0.5) => [0.926267229315, -1.9984855326032];
    }
}

#[test]
fn accumulated_gradients_count_as_one_step() {
    ends! {
        Adam::new(0.1).gradient_accumulation_steps(2) => [0.816864893156, -2.1365949397972];
        Adam::new(0.1).gradient_accumulation_steps(2).ema(0.5).ema_overwrite_frequency(2)
            => [0.8584337114571, -2.1182971536728];
        Sgd::new(PiecewiseConstantDecay::new(&[1, 3], &[0.4, 0.2, 0.1])).gradient_accumulation_steps(2)
            => [0.775, -2.1625];
    }
}

#[test]
fn a_cosine_restarts_at_the_very_step() {
    let doubled = CosineDecayRestarts::new(1.0, 10).m_mul(0.5).alpha(0.1);
    let steps = [0, 5, 9, 10, 20, 29, 30, 50, 70, 150];
    let rates = [1.0, 0.55, 0.12202456766718, 0.55, 0.325, 0.10277012336609, 0.325, 0.2125, 0.2125, 0.15625];
    close(&steps.map(|step| doubled.at(step)), &rates, "each twice as long");
    let tripled = CosineDecayRestarts::new(1.0, 10).t_mul(3.0).m_mul(0.5);
    // The last of these would be at the end of the cosine before, were the logarithm of 243 trusted.
    let rates = [10, 40, 130, 400, 1210].map(|step| tripled.at(step));
    close(&rates, &[0.5, 0.25, 0.125, 0.0625, 0.03125], "each thrice as long");
    let traced = tl::function(move |step: &Tensor| tripled.value(step));
    close(&[traced.call(&Tensor::from(1210f64)).item()], &[0.03125], "traced");
}

#[test]
fn labels_without_the_axis_of_the_predictions() {
    let (y_true, y_pred) = (constant([1.0, 0.0, 1.0]), constant([[0.9], [0.4], [0.2]]));
    let weights = constant([2.0, 1.0, 0.5]);
    let check = |what: &str, loss: &dyn Loss, expected: [f64; 2]| {
        let found = [loss.call(&y_true, &y_pred), loss.call_weighted(&y_true, &y_pred, &weights)];
        close(&found.map(|x| x.item()), &expected, what);
    };
    check("mean squared error", &losses::MeanSquaredError::new(), [0.27, 1.0 / 6.0]);
    check("binary cross-entropy", &losses::BinaryCrossentropy::new(), [0.741874694824, 0.508755207062]);
    check("focal cross-entropy", &losses::BinaryFocalCrossentropy::new(), [0.370941996574, 0.199619814754]);
    check("hinge", &losses::Hinge::new(), [2.3 / 3.0, 2.0 / 3.0]);
    check("squared hinge", &losses::SquaredHinge::new(), [0.87, 2.3 / 3.0]);
    check("dice", &losses::Dice::new(), [0.371428589388, 0.433333367109]);
    check("tversky", &losses::Tversky::new().alpha(0.3).beta(0.7), [0.333333373737, 0.388888955116]);
    let counts = constant([1.0, 0.0, 3.0]);
    close(&[losses::Poisson::new().call(&counts, &y_pred).item()], &[2.144557476044], "poisson");
    let parts = constant([1.0, 0.5, 0.25]);
    close(&[losses::KlDivergence::new().call(&parts, &y_pred).item()], &[0.090906061232], "divergence");
}

/// Results without and with weights.
fn results(what: &str, make: impl Fn() -> Box<dyn Metric>, expected: [&[f64]; 2]) {
    let y_true = constant([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]]);
    let y_pred = constant([[0.1, 0.9, 0.4], [0.6, 0.3, 0.7], [0.2, 0.8, 0.55], [0.5, 0.45, 0.05]]);
    let weights = constant([1.0, 2.0, 0.5, 1.5]);
    for (weights, expected) in [None, Some(&weights)].into_iter().zip(expected) {
        let metric = make();
        metric.try_update_state(&y_true, &y_pred, weights).unwrap();
        let found = numbers(&metric.try_result().unwrap());
        close(&found, expected, &format!("{what}, weighted: {}", weights.is_some()));
    }
}

macro_rules! results {
    ($($make:expr => $plain:expr, $weighted:expr;)*) => {$(
        results(stringify!($make), || Box::new($make), [&$plain, &$weighted]);
    )*};
}

#[test]
fn options_of_metrics() {
    use metrics::*;
    results! {
        Precision::new() => [0.6], [0.5833333];
        Precision::new().thresholds(&[0.3, 0.6]) => [0.75, 1.0 / 3.0], [0.75, 2.0 / 7.0];
        Precision::new().top_k(1) => [0.5], [0.5];
        Precision::new().thresholds(&[0.5]).top_k(2) => [0.6], [0.5833333];
        Recall::new().class_id(2) => [0.5], [1.0 / 3.0];
        Auc::new().num_thresholds(5) => [0.694444478], [0.679999948];
        Auc::new().num_thresholds(5).curve(Curve::Pr).summation_method(Summation::Minoring)
            => [0.466666669], [0.505555511];
        Auc::new().num_thresholds(5).multi_label(true) => [0.708333313], [0.707936525];
        F1Score::new() => [2.0 / 3.0, 0.5, 0.0], [0.6, 0.5, 0.0];
        F1Score::new().average(Average::Macro).threshold(0.5) => [0.555555463], [0.49242416];
        FBetaScore::new(2.0).average(Average::Weighted).threshold(0.5) => [0.518518465], [0.495417691];
        SensitivityAtSpecificity::new(0.5).num_thresholds(11) => [1.0], [1.0];
        RecallAtPrecision::new(0.6).num_thresholds(11) => [1.0], [1.0];
        BinaryAccuracy::new().threshold(0.3) => [0.833333373], [0.833333313];
        CosineSimilarity::new() => [0.774542868], [0.787504256];
        Hinge::new() => [0.895833373], [0.898333371];
        LogCoshError::new() => [0.100321972], [0.098792672];
        RootMeanSquaredError::new() => [0.461654633], [0.457074016];
        R2Score::new() => [0.147500008], [0.054111104];
        PearsonCorrelation::new() => [0.538424194], [0.576116085];
        MeanIoU::new(3).sparse_y_true(false).sparse_y_pred(false) => [1.0 / 3.0], [0.365079373];
        OneHotMeanIoU::new(3) => [1.0 / 3.0], [0.365079373];
    }
}

#[test]
fn a_threshold_of_one_half_is_one_beside_top_k() {
    let (y_true, y_pred) = (constant([[1, 1, 0]]), constant([[0.4, 0.3, 0.1]]));
    let at = |metric: metrics::Recall| {
        metric.update_state(&y_true, &y_pred);
        metric.result()
    };
    assert_eq!(at(metrics::Recall::new().top_k(2)), 1.0);
    assert_eq!(at(metrics::Recall::new().top_k(2).thresholds(&[0.5])), 0.0);
    assert_eq!(at(metrics::Recall::new().thresholds(&[0.5]).top_k(2)), 0.0);
}

/// The error of a loop, and of the same loop in a traced function.
fn refusals(run: impl Fn(&Tensor) -> tl::Result<Vec<Tensor>> + Clone + Send + Sync + 'static) -> [String; 2] {
    let x = tl::ones(&[2, 3]);
    let eager = run(&x).unwrap_err().to_string();
    let traced = tl::function(run).try_call(&x).and_then(|result| result).unwrap_err();
    [eager, traced.to_string()]
}

#[test]
fn errors_inside_loops_name_the_loop() {
    let mapped = refusals(|x| tl::try_map_fn_many(|parts| vec![parts[0].reshape([2])], std::slice::from_ref(x)));
    let scanned = refusals(|x| Ok(vec![tl::try_scan(|sum, row| sum + row, x, &tl::zeros(&[2]))?]));
    let folded = refusals(|x| Ok(vec![tl::attempt(|| tl::foldr(|sum, row| sum + row, x, &tl::zeros(&[2])))?]));
    let looped = refusals(|x| {
        tl::try_while_loop(|v| v[0].sum().less(1e3), |v| vec![tl::matmul(&v[0], &v[0])], vec![x.clone()], Some(3))
    });
    let cases =
        [(mapped, "reshape", "map_fn"), (scanned, "add", "scan"), (folded, "add", "foldr"), (looped, "", "while_loop")];
    for (texts, op, name) in cases {
        for text in texts {
            let context = format!("\n  in the function of `{name}` over f32[2, 3]");
            assert!(text.starts_with(&format!("`{op}")) || op.is_empty(), "{text}");
            assert!(text.contains(&context) && text.contains("\n  at "), "{text}");
        }
    }
    let error = tl::try_map_fn_many(|_| vec![tl::ones(&[2]) + tl::ones(&[3])], &[tl::ones(&[1])]).unwrap_err();
    let lines: Vec<&str> = error.message().lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
    assert_eq!(
        lines,
        ["`add`", "  operands", "  at tests/keras.rs", "  in the function of `map_fn` over f32[1]", "  hint"]
    );
}

#[test]
fn results_of_loops() {
    let x = constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let zero = tl::zeros(&[2]);
    let run = |x: &Tensor, zero: &Tensor| {
        let pairs = tl::map_fn_many(|p| vec![&p[0] + &p[1], p[0].sum()], &[x.clone(), x * 10.0]);
        let scanned = tl::scan(|sum, row| sum * 0.5 + row, x, zero);
        let [left, right] = [tl::foldl(|a, row| a * 2.0 + row, x, zero), tl::foldr(|a, row| a * 2.0 + row, x, zero)];
        vec![pairs[0].clone(), pairs[1].clone(), scanned, left, right]
    };
    let expected: [&[f64]; 5] = [
        &[11.0, 22.0, 33.0, 44.0, 55.0, 66.0],
        &[3.0, 7.0, 11.0],
        &[1.0, 2.0, 3.5, 5.0, 6.75, 8.5],
        &[15.0, 22.0],
        &[27.0, 34.0],
    ];
    let traced = tl::function(move |x: &Tensor, zero: &Tensor| run(x, zero));
    for found in [run(&x, &zero), traced.call(&x, &zero)] {
        found.iter().zip(expected).for_each(|(found, expected)| close(&numbers(found), expected, "loop"));
    }
    // A condition is asked while tracing, so this loop is eager.
    let powers =
        tl::while_loop(|v| v[1].less(3), |v| vec![&v[0] * 2.0, &v[1] + 1], vec![zero + 1.0, constant(0)], None);
    assert_eq!((&powers[0], &powers[1]), (&constant([8.0, 8.0]), &constant(3)));
}
