//! Intersection over union, from the matrix of true and predicted classes.

use super::sums::Sums;
use super::{Metric, metric_tree};
use crate::engine::collect;
use crate::error::{Error, Kind, Result, unwrap};
use crate::losses::elementwise::EPSILON;
use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// The mean of `tp / (tp + fp + fn)` over some classes; classes that neither occur nor are predicted do not count.
pub struct IoU {
    num_classes: usize,
    targets: Vec<i64>,
    ignore_class: Option<i64>,
    sparse_y_true: bool,
    sparse_y_pred: bool,
    axis: i64,
    matrix: Sums<1>,
}

metric_tree! { IoU { num_classes, targets, ignore_class, sparse_y_true, sparse_y_pred, axis, matrix } }

impl IoU {
    /// Of these classes. Panics if there is no memory for `num_classes` squared numbers; an error on updates if a class
    /// is not below `num_classes`.
    #[track_caller]
    pub fn new(num_classes: usize, target_class_ids: &[i64]) -> IoU {
        IoU {
            num_classes,
            targets: target_class_ids.to_vec(),
            ignore_class: None,
            sparse_y_true: true,
            sparse_y_pred: true,
            axis: -1,
            matrix: Sums::of(["total_confusion_matrix"], &[num_classes, num_classes]),
        }
    }

    /// Examples of this class do not count.
    pub fn ignore_class(self, class: i64) -> IoU {
        IoU { ignore_class: Some(class), ..self }
    }

    /// Whether the truth is class numbers, not one number a class.
    pub fn sparse_y_true(self, sparse: bool) -> IoU {
        IoU { sparse_y_true: sparse, ..self }
    }

    /// Whether predictions are class numbers, not one number a class.
    pub fn sparse_y_pred(self, sparse: bool) -> IoU {
        IoU { sparse_y_pred: sparse, ..self }
    }

    /// The classes' axis where there is one.
    pub fn axis(self, axis: i64) -> IoU {
        IoU { axis, ..self }
    }

    fn classes(&self, x: &Tensor, is_sparse: bool) -> Tensor {
        let x = if is_sparse { x.clone() } else { crate::argmax_with(x, self.axis, DType::I64) };
        x.cast(DType::I64).reshape([-1])
    }
}

impl Metric for IoU {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        if let Some(wrong) = self.targets.iter().find(|&&class| class < 0 || class >= self.num_classes as i64) {
            let text = format!("IoU: target class {wrong} is not one of 0..{}", self.num_classes);
            return Err(Error::new(Kind::Value, text));
        }
        let (y_true, y_pred) = (self.classes(y_true, self.sparse_y_true), self.classes(y_pred, self.sparse_y_pred));
        // A number that is no class has a row of zeros, and so counts nowhere.
        let rows = |x: &Tensor| crate::one_hot_with(x, self.num_classes as i64, -1, 1.0, 0.0, DType::F64);
        let (mut truth, claim) = (rows(&y_true), rows(&y_pred));
        if let Some(class) = self.ignore_class {
            truth *= y_true.not_equal(class).cast(DType::F64).expand_dims(-1);
        }
        if let Some(weights) = weights {
            let weights = weights.cast(DType::F64);
            let weights = if weights.rank() == 0 { weights } else { weights.reshape([-1]).expand_dims(-1) };
            truth *= weights;
        }
        self.matrix.add([crate::matmul_with(truth, claim, true, false)])
    }

    fn try_result(&self) -> Result<Tensor> {
        let [matrix] = self.matrix.values()?;
        let hits = (&matrix * crate::eye([self.num_classes, self.num_classes]).cast(DType::F64)).sum_axis(0);
        let union = matrix.sum_axis(0) + matrix.sum_axis(1) - &hits;
        let pick = |x: Tensor| crate::gather_with(x, Tensor::from(&self.targets[..]), 0, 0);
        let (hits, union) = (pick(hits), pick(union));
        let occurs = union.greater(1e-9).cast(DType::F64);
        let each = hits / (union + EPSILON) * &occurs;
        Ok((each.sum() / (occurs.sum() + EPSILON)).cast(DType::F32))
    }
}

/// `variants! { /// doc  Name { fields } new(arguments) => IoU }`
macro_rules! variants {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $t:ty),*) $make:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name {
            iou: IoU,
        }

        metric_tree! { $name { iou } }

        impl $name {
            /// As [`IoU`].
            #[track_caller]
            pub fn new($($argument: $t),*) -> Self {
                $name { iou: $make }
            }

            /// Examples of this class do not count.
            pub fn ignore_class(self, class: i64) -> Self {
                $name { iou: self.iou.ignore_class(class) }
            }

            /// Whether predictions are class numbers, not one number a class.
            pub fn sparse_y_pred(self, sparse: bool) -> Self {
                $name { iou: self.iou.sparse_y_pred(sparse) }
            }

            /// The classes' axis where there is one.
            pub fn axis(self, axis: i64) -> Self {
                $name { iou: self.iou.axis(axis) }
            }
        }

        impl Metric for $name {
            fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
                self.iou.update(y_true, y_pred, weights)
            }
            fn try_result(&self) -> Result<Tensor> {
                self.iou.try_result()
            }
        }
    )*};
}

variants! {
    /// [`IoU`] of all classes.
    MeanIoU(num_classes: usize) IoU::new(num_classes, &all(num_classes));
    /// [`IoU`] where truth and predictions have one number a class.
    OneHotIoU(num_classes: usize, target_class_ids: &[i64])
        IoU::new(num_classes, target_class_ids).sparse_y_true(false).sparse_y_pred(false);
    /// [`MeanIoU`] where truth and predictions have one number a class.
    OneHotMeanIoU(num_classes: usize) IoU::new(num_classes, &all(num_classes)).sparse_y_true(false).sparse_y_pred(false);
}

impl MeanIoU {
    /// Whether the truth is class numbers, not one number a class.
    pub fn sparse_y_true(self, sparse: bool) -> Self {
        MeanIoU { iou: self.iou.sparse_y_true(sparse) }
    }
}

#[track_caller]
fn all(num_classes: usize) -> Vec<i64> {
    unwrap(collect(num_classes, 0..))
}

/// [`IoU`] of the classes 0 and 1, where a prediction of at least a threshold is class 1.
pub struct BinaryIoU {
    threshold: f64,
    iou: IoU,
}

metric_tree! { BinaryIoU { threshold, iou } }

impl BinaryIoU {
    /// Of both classes, with the threshold 0.5.
    #[allow(clippy::new_without_default)]
    pub fn new() -> BinaryIoU {
        BinaryIoU { threshold: 0.5, iou: IoU::new(2, &[0, 1]) }
    }

    /// Of one class alone, or of both.
    pub fn target_class_ids(self, classes: &[i64]) -> BinaryIoU {
        BinaryIoU { iou: IoU::new(2, classes), ..self }
    }

    /// With another threshold.
    pub fn threshold(self, threshold: f64) -> BinaryIoU {
        BinaryIoU { threshold, ..self }
    }
}

impl Metric for BinaryIoU {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.iou.update(y_true, &y_pred.greater_equal(self.threshold).cast(DType::I64), weights)
    }
    fn try_result(&self) -> Result<Tensor> {
        self.iou.try_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt;

    #[test]
    fn more_classes_than_memory_are_an_error() {
        assert_eq!(attempt(|| MeanIoU::new(1 << 45)).err().unwrap().kind(), Kind::Memory);
        assert_eq!(attempt(|| IoU::new(1 << 30, &[0])).err().unwrap().kind(), Kind::Memory);
    }
}
