//! The losses as objects: a struct for each, with Keras's arguments and defaults, of one line or two.

use super::elementwise;
use super::{Loss, Reduction};
use crate::tensor::Tensor;

/// `classes! { /// doc  Name { field: type = default } |loss, y_true, y_pred| values; }`
macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $t:ty = $default:expr),* $(,)? }
        |$this:pat_param, $y_true:ident, $y_pred:ident| $values:expr $(, mask $mask:expr)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            reduction: Reduction,
            $($field: $t,)*
        }

        impl $name {
            /// With Keras's defaults.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                $name { reduction: Reduction::default(), $($field: $default,)* }
            }

            /// With another reduction.
            pub fn reduction(mut self, reduction: Reduction) -> Self {
                self.reduction = reduction;
                self
            }

            $(
                $(#[$field_doc])*
                pub fn $field(mut self, $field: $t) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }

        impl Loss for $name {
            fn values(&self, $y_true: &Tensor, $y_pred: &Tensor) -> Tensor {
                let $this = self;
                $values
            }
            fn reduction(&self) -> Reduction {
                self.reduction
            }
            $(
                fn mask(&self, y_true: &Tensor, values: &Tensor) -> Option<Tensor> {
                    let mask: fn(&Self, &Tensor, &Tensor) -> Option<Tensor> = $mask;
                    mask(self, y_true, values)
                }
            )?
        }
    )*};
}

classes! {
    /// [`mean_squared_error`](elementwise::mean_squared_error).
    MeanSquaredError {} |_, y_true, y_pred| elementwise::mean_squared_error(y_true, y_pred);

    /// [`mean_absolute_error`](elementwise::mean_absolute_error).
    MeanAbsoluteError {} |_, y_true, y_pred| elementwise::mean_absolute_error(y_true, y_pred);

    /// [`mean_absolute_percentage_error`](elementwise::mean_absolute_percentage_error).
    MeanAbsolutePercentageError {} |_, y_true, y_pred| elementwise::mean_absolute_percentage_error(y_true, y_pred);

    /// [`mean_squared_logarithmic_error`](elementwise::mean_squared_logarithmic_error).
    MeanSquaredLogarithmicError {} |_, y_true, y_pred| elementwise::mean_squared_logarithmic_error(y_true, y_pred);

    /// [`huber`](elementwise::huber).
    Huber {
        /// Where squares end.
        delta: f64 = 1.0,
    } |loss, y_true, y_pred| elementwise::huber(y_true, y_pred, loss.delta);

    /// [`log_cosh`](elementwise::log_cosh).
    LogCosh {} |_, y_true, y_pred| elementwise::log_cosh(y_true, y_pred);

    /// Minus [`cosine_similarity`](elementwise::cosine_similarity): -1 if all point in one direction.
    CosineSimilarity {
        /// Along which axis the vectors lie.
        axis: i64 = -1,
    } |loss, y_true, y_pred| -elementwise::cosine_similarity(y_true, y_pred, loss.axis);

    /// [`hinge`](elementwise::hinge).
    Hinge {} |_, y_true, y_pred| elementwise::hinge(y_true, y_pred);

    /// [`squared_hinge`](elementwise::squared_hinge).
    SquaredHinge {} |_, y_true, y_pred| elementwise::squared_hinge(y_true, y_pred);

    /// [`categorical_hinge`](elementwise::categorical_hinge).
    CategoricalHinge {} |_, y_true, y_pred| elementwise::categorical_hinge(y_true, y_pred);

    /// [`kl_divergence`](elementwise::kl_divergence).
    KlDivergence {} |_, y_true, y_pred| elementwise::kl_divergence(y_true, y_pred);

    /// [`poisson`](elementwise::poisson).
    Poisson {} |_, y_true, y_pred| elementwise::poisson(y_true, y_pred);

    /// [`binary_crossentropy`](elementwise::binary_crossentropy).
    BinaryCrossentropy {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far labels move towards 0.5.
        label_smoothing: f64 = 0.0,
        /// Over which axis the mean of an example is.
        axis: i64 = -1,
    } |loss, y_true, y_pred| {
        elementwise::binary_crossentropy(y_true, y_pred, loss.from_logits, loss.label_smoothing, loss.axis)
    };

    /// [`binary_focal_crossentropy`](elementwise::binary_focal_crossentropy).
    BinaryFocalCrossentropy {
        /// Whether labels 1 and 0 weigh `alpha` and `1 - alpha`.
        apply_class_balancing: bool = false,
        /// The weight of label 1.
        alpha: f64 = 0.25,
        /// How little counts what is right already.
        gamma: f64 = 2.0,
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far labels move towards 0.5.
        label_smoothing: f64 = 0.0,
        /// Over which axis the mean of an example is.
        axis: i64 = -1,
    } |loss, y_true, y_pred| {
        let balance = loss.apply_class_balancing.then_some(loss.alpha);
        let (logits, smoothing) = (loss.from_logits, loss.label_smoothing);
        elementwise::binary_focal_crossentropy(y_true, y_pred, balance, loss.gamma, logits, smoothing, loss.axis)
    };

    /// [`categorical_crossentropy`](elementwise::categorical_crossentropy).
    CategoricalCrossentropy {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far labels move towards a uniform distribution.
        label_smoothing: f64 = 0.0,
        /// The classes' axis.
        axis: i64 = -1,
    } |loss, y_true, y_pred| {
        elementwise::categorical_crossentropy(y_true, y_pred, loss.from_logits, loss.label_smoothing, loss.axis)
    };

    /// [`categorical_focal_crossentropy`](elementwise::categorical_focal_crossentropy).
    CategoricalFocalCrossentropy {
        /// The weight of all.
        alpha: f64 = 0.25,
        /// How little counts what is right already.
        gamma: f64 = 2.0,
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far labels move towards a uniform distribution.
        label_smoothing: f64 = 0.0,
        /// The classes' axis.
        axis: i64 = -1,
    } |loss, y_true, y_pred| {
        let (logits, smoothing) = (loss.from_logits, loss.label_smoothing);
        elementwise::categorical_focal_crossentropy(
            y_true, y_pred, loss.alpha, loss.gamma, logits, smoothing, loss.axis,
        )
    };

    /// [`sparse_categorical_crossentropy`](elementwise::sparse_categorical_crossentropy).
    SparseCategoricalCrossentropy {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// A class whose examples do not count.
        ignore_class: Option<i64> = None,
        /// The classes' axis.
        axis: i64 = -1,
    } |loss, y_true, y_pred| {
        elementwise::sparse_categorical_crossentropy(y_true, y_pred, loss.from_logits, loss.ignore_class, loss.axis)
    }, mask |loss, y_true, values| {
        let (labels, _) = super::reduction::same_rank(y_true.clone(), values.clone());
        Some(labels.cast(tracelift_runtime::DType::I64).not_equal(loss.ignore_class?))
    };

    /// [`dice`](elementwise::dice).
    Dice {
        /// Over which axes; all if none. An example is what is left.
        axes: Option<Vec<i64>> = None,
    } |loss, y_true, y_pred| elementwise::dice(y_true, y_pred, loss.axes.as_deref());

    /// [`tversky`](elementwise::tversky).
    Tversky {
        /// The weight of true ones that were not predicted.
        alpha: f64 = 0.5,
        /// The weight of predicted ones that are not true.
        beta: f64 = 0.5,
        /// Over which axes; all if none. An example is what is left.
        axes: Option<Vec<i64>> = None,
    } |loss, y_true, y_pred| elementwise::tversky(y_true, y_pred, loss.alpha, loss.beta, loss.axes.as_deref());

    /// [`ctc`](elementwise::ctc).
    Ctc {} |_, y_true, y_pred| elementwise::ctc(y_true, y_pred);

    /// [`circle`](elementwise::circle). Only examples with a loss count in a mean.
    Circle {
        /// The scale of similarities.
        gamma: f64 = 80.0,
        /// How far apart classes are to be.
        margin: f64 = 0.4,
        /// Whether an example is left out of its own class.
        remove_diagonal: bool = true,
    } |loss, y_true, y_pred| {
        elementwise::circle(y_true, y_pred, loss.gamma, loss.margin, loss.remove_diagonal)
    }, mask |_, _, values| Some(values.greater(0.0));

    /// [`categorical_generalized_cross_entropy`](elementwise::categorical_generalized_cross_entropy).
    CategoricalGeneralizedCrossEntropy {
        /// Between 0 (cross-entropy) and 1 (mean absolute error).
        q: f64 = 0.5,
    } |loss, y_true, y_pred| elementwise::categorical_generalized_cross_entropy(y_true, y_pred, loss.q);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constant;
    use tracelift_runtime::DType;

    #[test]
    fn ctc_reads_labels_up_to_the_blanks() {
        // Keras 3.15's numbers.
        let logits = crate::sin(crate::range_with(0.0, 40.0, 1.0, DType::F32) * 1.7).reshape([2, 5, 4]);
        for (labels, expected) in [
            ([[1, 2, 3], [2, 1, 2]], [3.1291742, 4.299698]),
            ([[1, 2, 0], [3, 0, 0]], [3.0416636, 4.4264607]),
            ([[1, 1, 0], [2, 0, 0]], [2.8818388, 3.6681905]),
        ] {
            let each = Ctc::new().reduction(Reduction::None).call(&constant(labels), &logits).to_vec::<f32>();
            assert!(each.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5), "{each:?}");
            let mean = Ctc::new().call(&constant(labels), &logits).item();
            assert!((mean - f64::from(expected[0] + expected[1]) / 2.0).abs() < 1e-5, "{mean}");
        }
        assert!(Ctc::new().try_call(&constant([1, 2]), &logits, None).is_err());
    }
}
