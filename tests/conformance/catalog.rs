//! Keras's classes by name, made with the arguments of a case.
//!
//! An argument becomes the builder's method of that name; one that no class here takes is a failure, unless it has
//! Keras's value for "not used".

use crate::corpus::number;
use crate::outcome::{Failure, What};
use serde_json::Value as Json;
use std::sync::Arc;
use tracelift::initializers::Initializer;
use tracelift::losses::{self, Loss, Reduction};
use tracelift::metrics::{self, Aggregation, Average, Curve, Metric, Summation};
use tracelift::optimizers::schedule::{self, IntoRate, Schedule};
use tracelift::optimizers::{self, ByRule, Optimizer, Rule};

type Made<T> = Result<T, Failure>;

/// The arguments of a class, each taken once.
struct Args<'a> {
    class: &'a str,
    left: Vec<(&'a str, &'a Json)>,
}

impl<'a> Args<'a> {
    fn new(class: &'a str, json: &'a Json) -> Args<'a> {
        // What only names or describes, and null, says nothing.
        let is_said = |(name, value): &(&str, &Json)| !["name", "dtype", "seed"].contains(name) && !value.is_null();
        let given = json.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value));
        Args { class, left: given.filter(is_said).collect() }
    }

    fn take<T: FromJson>(&mut self, name: &str) -> Made<Option<T>> {
        let Some(at) = self.left.iter().position(|(n, _)| *n == name) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(at);
        let wrong = || Failure::new(What::Attribute, format!("{}: {name} = {value}", self.class));
        T::from_json(value).map(Some).ok_or_else(wrong)
    }

    fn need<T: FromJson>(&mut self, name: &str) -> Made<T> {
        let class = self.class;
        self.take(name)?.ok_or_else(|| Failure::new(What::Attribute, format!("{class} needs `{name}`")))
    }

    /// Fails if an argument was not taken.
    fn finish<T>(self, made: T) -> Made<T> {
        let unused = |value: &Json| value.as_array().is_some_and(Vec::is_empty);
        match self.left.iter().find(|(_, value)| !unused(value)) {
            None => Ok(made),
            Some((name, value)) => Err(Failure::new(What::Attribute, format!("{}: no `{name}` = {value}", self.class))),
        }
    }
}

/// Takes `object` through a builder's methods: those whose arguments were given.
macro_rules! build {
    ($args:ident, $object:expr $(, $method:ident)* $(,)?) => {{
        #[allow(unused_mut)] // A class may have no arguments.
        let mut object = $object;
        $(if let Some(value) = $args.take(stringify!($method))? {
            object = object.$method(value);
        })*
        object
    }};
}

/// The same for methods that take a slice.
macro_rules! build_lists {
    ($args:ident, $object:expr $(, $method:ident: $t:ty)* $(,)?) => {{
        #[allow(unused_mut)] // A class may have no arguments.
        let mut object = $object;
        $(if let Some(value) = $args.take::<Vec<$t>>(stringify!($method))? {
            object = object.$method(&value);
        })*
        object
    }};
}

/// `by_class!(class, args, Wrap; Name [method, ..], ..)`
macro_rules! by_class {
    ($args:ident, $module:ident; $($name:literal => $class:ident [$($method:ident),*]),* $(,)?) => {
        match $args.class {
            $($name => {
                let object = build!($args, $module::$class::new() $(, $method)*);
                return $args.finish(Arc::new(object));
            })*
            _ => {}
        }
    };
}

fn missing<T>(kind: &str, class: &str) -> Made<T> {
    Err(Failure::new(What::MissingOp, format!("no {kind} `{class}`")))
}

/// A loss.
pub fn loss(class: &str, args: &Json, reduction: &str) -> Made<Arc<dyn Loss + Send + Sync>> {
    let reduction = match reduction {
        "sum_over_batch_size" => Reduction::SumOverBatchSize,
        "sum" => Reduction::Sum,
        "mean" => Reduction::Mean,
        "mean_with_sample_weight" => Reduction::MeanWithSampleWeight,
        "none" => Reduction::None,
        other => return Err(Failure::new(What::Attribute, format!("no reduction `{other}`"))),
    };
    let mut args = Args::new(class, args);
    macro_rules! losses {
        ($($name:ident $keras:literal [$($method:ident),*]),* $(,)?) => {
            match class {
                $($keras => {
                    let loss = losses::$name::new().reduction(reduction);
                    let loss = build!(args, loss $(, $method)*);
                    let loss: Arc<dyn Loss + Send + Sync> = Arc::new(loss);
                    args.finish(loss)
                })*
                _ => missing("loss", class),
            }
        };
    }
    // Dice's and Tversky's axes are called `axis` there, and may be one.
    if let Some(axes) = args.left.iter_mut().find(|(name, _)| *name == "axis" && ["Dice", "Tversky"].contains(&class)) {
        axes.0 = "axes";
    }
    losses! {
        MeanSquaredError "MeanSquaredError" [],
        MeanAbsoluteError "MeanAbsoluteError" [],
        MeanAbsolutePercentageError "MeanAbsolutePercentageError" [],
        MeanSquaredLogarithmicError "MeanSquaredLogarithmicError" [],
        CosineSimilarity "CosineSimilarity" [axis],
        Huber "Huber" [delta],
        LogCosh "LogCosh" [],
        Hinge "Hinge" [],
        SquaredHinge "SquaredHinge" [],
        CategoricalHinge "CategoricalHinge" [],
        KlDivergence "KLDivergence" [],
        Poisson "Poisson" [],
        BinaryCrossentropy "BinaryCrossentropy" [from_logits, label_smoothing, axis],
        BinaryFocalCrossentropy "BinaryFocalCrossentropy"
            [apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis],
        CategoricalCrossentropy "CategoricalCrossentropy" [from_logits, label_smoothing, axis],
        CategoricalFocalCrossentropy "CategoricalFocalCrossentropy" [alpha, gamma, from_logits, label_smoothing, axis],
        SparseCategoricalCrossentropy "SparseCategoricalCrossentropy" [from_logits, ignore_class, axis],
        Dice "Dice" [axes],
        Tversky "Tversky" [alpha, beta, axes],
        Circle "Circle" [gamma, margin, remove_diagonal],
        CategoricalGeneralizedCrossEntropy "CategoricalGeneralizedCrossEntropy" [q],
    }
}

/// A metric without any update.
pub fn metric(class: &str, args: &Json) -> Made<Arc<dyn Metric + Send + Sync>> {
    // Null is a value of its own here: the scores are not put together.
    let apart = class == "R2Score" && args.get("class_aggregation").is_some_and(Json::is_null);
    let mut args = Args::new(class, args);
    if apart {
        let metric = metrics::R2Score::new().class_aggregation(Aggregation::None);
        let metric = build!(args, metric, num_regressors);
        return args.finish(Arc::new(metric));
    }
    by_class! { args, metrics;
        "Sum" => Sum [],
        "Mean" => Mean [],
        "Accuracy" => Accuracy [],
        "BinaryAccuracy" => BinaryAccuracy [threshold],
        "CategoricalAccuracy" => CategoricalAccuracy [],
        "SparseCategoricalAccuracy" => SparseCategoricalAccuracy [],
        "TopKCategoricalAccuracy" => TopKCategoricalAccuracy [k],
        "SparseTopKCategoricalAccuracy" => SparseTopKCategoricalAccuracy [k, from_sorted_ids],
        "MeanSquaredError" => MeanSquaredError [],
        "RootMeanSquaredError" => RootMeanSquaredError [],
        "MeanAbsoluteError" => MeanAbsoluteError [],
        "MeanAbsolutePercentageError" => MeanAbsolutePercentageError [],
        "MeanSquaredLogarithmicError" => MeanSquaredLogarithmicError [],
        "LogCoshError" => LogCoshError [],
        "CosineSimilarity" => CosineSimilarity [axis],
        "Hinge" => Hinge [],
        "SquaredHinge" => SquaredHinge [],
        "CategoricalHinge" => CategoricalHinge [],
        "KLDivergence" => KlDivergence [],
        "Poisson" => Poisson [],
        "BinaryCrossentropy" => BinaryCrossentropy [from_logits, label_smoothing],
        "CategoricalCrossentropy" => CategoricalCrossentropy [from_logits, label_smoothing, axis],
        "SparseCategoricalCrossentropy" => SparseCategoricalCrossentropy [from_logits, ignore_class, axis],
        "PearsonCorrelation" => PearsonCorrelation [axis],
        "ConcordanceCorrelation" => ConcordanceCorrelation [axis],
        "R2Score" => R2Score [class_aggregation, num_regressors],
        "F1Score" => F1Score [average, threshold],
    }
    macro_rules! counted {
        ($($name:ident $keras:literal [$($method:ident),*]),* $(,)?) => {
            match class {
                $($keras => {
                    let metric = build_lists!(args, metrics::$name::new(), thresholds: f64);
                    let metric = build!(args, metric $(, $method)*);
                    return args.finish(Arc::new(metric));
                })*
                _ => {}
            }
        };
    }
    if let Some((_, threshold)) = args.left.iter().find(|(name, value)| *name == "thresholds" && value.is_number()) {
        // One threshold is a list of one.
        let list = Json::Array(vec![(*threshold).clone()]);
        let others = args.left.iter().filter(|(name, _)| *name != "thresholds");
        let others = others.map(|(name, value)| ((*name).to_owned(), (*value).clone()));
        let all = others.chain([("thresholds".to_owned(), list)]).collect();
        return metric(class, &Json::Object(all));
    }
    counted! {
        TruePositives "TruePositives" [],
        FalsePositives "FalsePositives" [],
        TrueNegatives "TrueNegatives" [],
        FalseNegatives "FalseNegatives" [],
        Precision "Precision" [top_k, class_id],
        Recall "Recall" [top_k, class_id],
    }
    macro_rules! constrained {
        ($($name:ident $keras:literal $least:ident),* $(,)?) => {
            match class {
                $($keras => {
                    let metric = metrics::$name::new(args.need(stringify!($least))?);
                    let metric = build!(args, metric, num_thresholds, class_id);
                    return args.finish(Arc::new(metric));
                })*
                _ => {}
            }
        };
    }
    constrained! {
        SensitivityAtSpecificity "SensitivityAtSpecificity" specificity,
        SpecificityAtSensitivity "SpecificityAtSensitivity" sensitivity,
        PrecisionAtRecall "PrecisionAtRecall" recall,
        RecallAtPrecision "RecallAtPrecision" precision,
    }
    let metric: Arc<dyn Metric + Send + Sync> = match class {
        "AUC" => {
            let metric =
                build!(args, metrics::Auc::new(), num_thresholds, curve, summation_method, multi_label, from_logits);
            args.take::<f64>("num_labels")?;
            Arc::new(build_lists!(args, metric, thresholds: f64, label_weights: f64))
        }
        "FBetaScore" => {
            let beta = args.take("beta")?.unwrap_or(1.0);
            Arc::new(build!(args, metrics::FBetaScore::new(beta), average, threshold))
        }
        "IoU" => {
            let metric = metrics::IoU::new(args.need("num_classes")?, &args.need::<Vec<i64>>("target_class_ids")?);
            Arc::new(build!(args, metric, ignore_class, sparse_y_true, sparse_y_pred, axis))
        }
        "MeanIoU" => {
            let metric = metrics::MeanIoU::new(args.need("num_classes")?);
            Arc::new(build!(args, metric, ignore_class, sparse_y_true, sparse_y_pred, axis))
        }
        "OneHotIoU" => {
            let metric =
                metrics::OneHotIoU::new(args.need("num_classes")?, &args.need::<Vec<i64>>("target_class_ids")?);
            Arc::new(build!(args, metric, ignore_class, sparse_y_pred, axis))
        }
        "OneHotMeanIoU" => {
            let metric = metrics::OneHotMeanIoU::new(args.need("num_classes")?);
            Arc::new(build!(args, metric, ignore_class, sparse_y_pred, axis))
        }
        "BinaryIoU" => {
            let metric = build_lists!(args, metrics::BinaryIoU::new(), target_class_ids: i64);
            Arc::new(build!(args, metric, threshold))
        }
        _ => return missing("metric", class),
    };
    args.finish(metric)
}

/// An optimizer of Keras's configuration.
pub fn optimizer(class: &str, config: &Json) -> Made<Arc<dyn Optimizer + Send + Sync>> {
    let mut args = Args::new(class, config);
    let rate = match config["learning_rate"].as_f64() {
        Some(rate) => rate.into_rate(),
        None => {
            let config = &config["learning_rate"];
            schedule(config["class_name"].as_str().unwrap_or_default(), &config["config"])?.into_rate()
        }
    };
    args.take::<Json>("learning_rate")?;
    macro_rules! optimizers {
        ($($name:ident $keras:literal [$($method:ident),*]),* $(,)?) => {
            match class {
                $($keras => {
                    let optimizer = build!(args, optimizers::$name::new(rate) $(, $method)*);
                    let optimizer = common(optimizer, config, &mut args)?;
                    let optimizer: Arc<dyn Optimizer + Send + Sync> = Arc::new(optimizer);
                    args.finish(optimizer)
                })*
                _ => missing("optimizer", class),
            }
        };
    }
    if class == "Muon" {
        let mut muon = optimizers::Muon::new(rate);
        if let (Some(a), Some(b), Some(c)) = (args.take("muon_a")?, args.take("muon_b")?, args.take("muon_c")?) {
            muon = muon.coefficients(a, b, c);
        }
        let adam = (args.take("adam_beta_1")?, args.take("adam_beta_2")?, args.take("epsilon")?);
        if let (Some(beta_1), Some(beta_2), Some(epsilon)) = adam {
            muon = muon.adam(beta_1, beta_2, epsilon);
        }
        let steps: Option<i64> = args.take("ns_steps")?;
        muon = muon.ns_steps(steps.unwrap_or(5) as u32);
        let excluded: Vec<String> = args.take("exclude_layers")?.unwrap_or_default();
        muon = muon.exclude_layers(&excluded.iter().map(String::as_str).collect::<Vec<_>>());
        muon = muon.rms_rate(args.take::<f64>("rms_rate")?).adam_weight_decay(args.take::<f64>("adam_weight_decay")?);
        muon = build!(args, muon, momentum, nesterov, adam_lr_ratio, exclude_embeddings);
        let muon = common(muon, config, &mut args)?;
        return args.finish(Arc::new(muon));
    }
    if class == "Adafactor" {
        // The step always limits the rate, there as here, whatever this says.
        args.take::<bool>("relative_step")?;
    }
    optimizers! {
        Sgd "SGD" [momentum, nesterov],
        RmsProp "RMSprop" [rho, momentum, epsilon, centered],
        Adagrad "Adagrad" [initial_accumulator_value, epsilon],
        Adadelta "Adadelta" [rho, epsilon],
        Adam "Adam" [beta_1, beta_2, epsilon, amsgrad],
        AdamW "AdamW" [beta_1, beta_2, epsilon, amsgrad],
        Adamax "Adamax" [beta_1, beta_2, epsilon],
        Nadam "Nadam" [beta_1, beta_2, epsilon],
        Ftrl "Ftrl" [
            learning_rate_power, initial_accumulator_value, l1_regularization_strength, l2_regularization_strength,
            l2_shrinkage_regularization_strength, beta
        ],
        Lion "Lion" [beta_1, beta_2],
        Lamb "Lamb" [beta_1, beta_2, epsilon],
        Adafactor "Adafactor" [beta_2_decay, epsilon_1, epsilon_2, clip_threshold],
    }
}

/// What every optimizer takes.
fn common<R: Rule>(mut optimizer: ByRule<R>, config: &Json, args: &mut Args<'_>) -> Made<ByRule<R>> {
    optimizer = build!(
        args,
        optimizer,
        weight_decay,
        clipvalue,
        global_clipnorm,
        clipnorm,
        loss_scale_factor,
        gradient_accumulation_steps
    );
    let momentum: Option<f64> = args.take("ema_momentum")?;
    let every: Option<u64> = args.take("ema_overwrite_frequency")?;
    args.take::<Json>("use_ema")?;
    if config["use_ema"] == true {
        optimizer = optimizer.ema(momentum.unwrap_or(0.99));
        if let Some(steps) = every {
            optimizer = optimizer.ema_overwrite_frequency(steps);
        }
    }
    Ok(optimizer)
}

/// A learning rate by the step.
pub fn schedule(class: &str, config: &Json) -> Made<Box<dyn Schedule>> {
    let mut args = Args::new(class, config);
    let made: Box<dyn Schedule> = match class {
        "ExponentialDecay" => {
            let initial = args.need("initial_learning_rate")?;
            let made = schedule::ExponentialDecay::new(initial, args.need("decay_steps")?, args.need("decay_rate")?);
            Box::new(build!(args, made, staircase))
        }
        "InverseTimeDecay" => {
            let initial = args.need("initial_learning_rate")?;
            let made = schedule::InverseTimeDecay::new(initial, args.need("decay_steps")?, args.need("decay_rate")?);
            Box::new(build!(args, made, staircase))
        }
        "PiecewiseConstantDecay" => {
            let (boundaries, values): (Vec<f64>, Vec<f64>) = (args.need("boundaries")?, args.need("values")?);
            // Steps are whole numbers.
            let boundaries: Vec<u64> = boundaries.into_iter().map(|b| b.floor() as u64).collect();
            Box::new(schedule::PiecewiseConstantDecay::new(&boundaries, &values))
        }
        "PolynomialDecay" => {
            let made = schedule::PolynomialDecay::new(args.need("initial_learning_rate")?, args.need("decay_steps")?);
            Box::new(build!(args, made, end_learning_rate, power, cycle))
        }
        "CosineDecay" => {
            let made = schedule::CosineDecay::new(args.need("initial_learning_rate")?, args.need("decay_steps")?);
            let made = build!(args, made, alpha);
            let steps: Option<u64> = args.take("warmup_steps")?;
            match args.take("warmup_target")? {
                Some(target) => Box::new(made.warmup(target, steps.unwrap_or(0))),
                None => Box::new(made),
            }
        }
        "CosineDecayRestarts" => {
            let initial = args.need("initial_learning_rate")?;
            let made = schedule::CosineDecayRestarts::new(initial, args.need("first_decay_steps")?);
            Box::new(build!(args, made, t_mul, m_mul, alpha))
        }
        _ => return missing("schedule", class),
    };
    args.finish(made)
}

/// A distribution of first values.
pub fn initializer(class: &str, args: &Json) -> Made<Initializer> {
    let mut args = Args::new(class, args);
    let made = match class {
        "Zeros" => Initializer::Zeros,
        "Ones" => Initializer::Ones,
        "Constant" => Initializer::Constant(args.take("value")?.unwrap_or(0.0)),
        "Identity" => Initializer::Identity(args.take("gain")?.unwrap_or(1.0)),
        "Orthogonal" => Initializer::Orthogonal(args.take("gain")?.unwrap_or(1.0)),
        "RandomUniform" => {
            Initializer::Uniform(args.take("minval")?.unwrap_or(-0.05), args.take("maxval")?.unwrap_or(0.05))
        }
        "RandomNormal" => Initializer::Normal(args.take("mean")?.unwrap_or(0.0), args.take("stddev")?.unwrap_or(0.05)),
        "TruncatedNormal" => {
            Initializer::TruncatedNormal(args.take("mean")?.unwrap_or(0.0), args.take("stddev")?.unwrap_or(0.05))
        }
        "GlorotUniform" => Initializer::GlorotUniform,
        "GlorotNormal" => Initializer::GlorotNormal,
        "HeUniform" => Initializer::HeUniform,
        "HeNormal" => Initializer::HeNormal,
        "LecunUniform" => Initializer::LecunUniform,
        "LecunNormal" => Initializer::LecunNormal,
        "VarianceScaling" => Initializer::VarianceScaling {
            scale: args.take("scale")?.unwrap_or(1.0),
            mode: args.take("mode")?.unwrap_or_default(),
            distribution: args.take("distribution")?.unwrap_or_default(),
        },
        _ => return missing("initializer", class),
    };
    args.finish(made)
}

/// An argument's value.
trait FromJson: Sized {
    fn from_json(json: &Json) -> Option<Self>;
}

macro_rules! from_json {
    ($($t:ty => |$json:ident| $value:expr),* $(,)?) => {$(
        impl FromJson for $t {
            fn from_json($json: &Json) -> Option<Self> {
                $value
            }
        }
    )*};
}

from_json! {
    Json => |json| Some(json.clone()),
    Option<i64> => |json| i64::from_json(json).map(Some),
    Option<Vec<i64>> => |json| Vec::from_json(json).map(Some),
    bool => |json| json.as_bool(),
    f64 => |json| number(json),
    i64 => |json| json.as_i64(),
    u64 => |json| json.as_u64(),
    usize => |json| json.as_u64().map(|n| n as usize),
    // One stands for a list of one.
    Vec<f64> => |json| json.as_array().map_or_else(|| Some(vec![number(json)?]), |l| l.iter().map(number).collect()),
    Vec<i64> => |json| json.as_array().map_or_else(|| Some(vec![json.as_i64()?]), |l| l.iter().map(Json::as_i64).collect()),
    Vec<String> => |json| json.as_array()?.iter().map(|s| s.as_str().map(str::to_owned)).collect(),
    Average => |json| Some(match json.as_str()? {
        "micro" => Average::Micro,
        "macro" => Average::Macro,
        "weighted" => Average::Weighted,
        _ => return None,
    }),
    Curve => |json| Some(match json.as_str()?.to_lowercase().as_str() {
        "roc" => Curve::Roc,
        "pr" => Curve::Pr,
        "prgain" => Curve::PrGain,
        _ => return None,
    }),
    Summation => |json| Some(match json.as_str()?.to_lowercase().as_str() {
        "interpolation" => Summation::Interpolation,
        "minoring" => Summation::Minoring,
        "majoring" => Summation::Majoring,
        _ => return None,
    }),
    Aggregation => |json| Some(match json.as_str()? {
        "uniform_average" => Aggregation::UniformAverage,
        "variance_weighted_average" => Aggregation::VarianceWeightedAverage,
        _ => return None,
    }),
    tracelift::initializers::Fan => |json| tracelift::initializers::Fan::from_name(json.as_str()?),
    tracelift::initializers::Distribution => |json| tracelift::initializers::Distribution::from_name(json.as_str()?),
}
