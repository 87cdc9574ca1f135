//! TensorFlow's raw ops that are more than another name of one of ours: compositions, and gradients whose operands are
//! given by their shapes. [`REWRITES`] has them by name.
//!
//! A composition's first op runs eagerly; its error is the call's.

use crate::calls::{Evaluated, Fault, Refusal};
use crate::signatures::{Bound, Rewrite, zeros};
use crate::values::{Value, attribute, tensor};
use tracelift::{Error, Tensor};

/// By TensorFlow's name.
pub const REWRITES: &[(&str, Rewrite)] = &[
    ("raw_ops.BatchToSpace", square_blocks),
    ("raw_ops.BiasAddGrad", of_bias),
    ("raw_ops.CropAndResizeGradBoxes", crop_size),
    ("raw_ops.CropAndResizeGradImage", crop_size),
    ("raw_ops.FusedBatchNorm", running),
    ("raw_ops.FusedBatchNormGrad", without_offset),
    ("raw_ops.FusedBatchNormGradV2", without_offset),
    ("raw_ops.FusedBatchNormGradV3", without_offset),
    ("raw_ops.FusedBatchNormV2", running),
    ("raw_ops.FusedBatchNormV3", running),
    ("raw_ops.LRNGrad", as_the_image),
    ("raw_ops.MaxPool3DGradGrad", of_pooled),
    ("raw_ops.MaxPoolGradGrad", of_pooled),
    ("raw_ops.MaxPoolGradGradV2", of_pooled),
    ("raw_ops.MaxPoolGradGradWithArgmax", of_pooled),
    ("raw_ops.MirrorPadGrad", unpadded),
    ("raw_ops.ResizeArea", corners),
    ("raw_ops.ResizeBicubic", corners),
    ("raw_ops.ResizeBicubicGrad", resized),
    ("raw_ops.ResizeBilinear", corners),
    ("raw_ops.ResizeBilinearGrad", resized),
    ("raw_ops.ResizeNearestNeighbor", corners),
    ("raw_ops.ResizeNearestNeighborGrad", resized),
    ("raw_ops.SpaceToBatch", square_blocks),
    ("raw_ops.SparseSegmentMean", gathered),
    ("raw_ops.SparseSegmentMeanWithNumSegments", gathered),
    ("raw_ops.SparseSegmentSqrtNWithNumSegments", gathered),
    ("raw_ops.SparseSegmentSum", gathered),
    ("raw_ops.SparseSegmentSumWithNumSegments", gathered),
    ("raw_ops.TridiagonalMatMul", compact),
    ("raw_ops.UniqueV2", of_list),
    ("raw_ops.UniqueWithCountsV2", of_list),
];

/// Gradients that need the result alone, as their formulas: by name, with the parameters.
pub const FORMULAS: &[(&str, &[&str], &str)] = &[
    ("raw_ops.EluGrad", &["gradients", "outputs"], "tf.where(outputs < 0.0, gradients * (outputs + 1.0), gradients)"),
    ("raw_ops.InvGrad", &["y", "dy"], "-dy * y * y"),
    ("raw_ops.ReciprocalGrad", &["y", "dy"], "-dy * y * y"),
    ("raw_ops.RsqrtGrad", &["y", "dy"], "dy * -0.5 * y * y * y"),
    (
        "raw_ops.SeluGrad",
        &["gradients", "outputs"],
        "gradients * tf.where(outputs < 0.0, outputs + 1.7580993408473768, 1.0507009873554805)",
    ),
    ("raw_ops.SigmoidGrad", &["y", "dy"], "dy * y * (1.0 - y)"),
    ("raw_ops.SqrtGrad", &["y", "dy"], "dy * 0.5 / y"),
    ("raw_ops.TanhGrad", &["y", "dy"], "dy * (1.0 - y * y)"),
];

/// One length for rows and columns.
fn square_blocks(call: &mut Bound) -> Evaluated<()> {
    let length = call.take("block_shape").ok_or("`block_size` is missing")?;
    call.set("block_shape", Value::List(vec![length.clone(), length]));
    Ok(())
}

/// What comes back has the shape of the value, and the bias is a channel's.
fn of_bias(call: &mut Bound) -> Evaluated<()> {
    let shape = cotangent_shape(call)?;
    let is_first = matches!(call.attributes.iter().find(|(name, _)| name == "data_format"), Some((_, Value::Str(format))) if format.starts_with("NC"));
    let channels = if is_first { shape.get(1) } else { shape.last() }.copied().unwrap_or(1);
    call.operands = vec![zeros_of("value", &shape)?, zeros_of("bias", &[channels])?];
    Ok(())
}

/// Crops are as large as what comes back.
fn crop_size(call: &mut Bound) -> Evaluated<()> {
    let shape = cotangent_shape(call)?;
    call.set("crop_size", list(shape.get(1..shape.len().min(3)).unwrap_or_default()));
    Ok(())
}

/// Without running moments, which training does not need, they start from 0.
fn running(call: &mut Bound) -> Evaluated<()> {
    let trains =
        call.attributes.iter().any(|(name, value)| name == "is_training" && matches!(value, Value::Bool(true)));
    let channels = shape_of(call, 1)?;
    for at in [3, 4] {
        if trains && shape_of(call, at)? == [0] {
            call.operands[at] = zeros_of("moments", &channels)?;
        }
    }
    Ok(())
}

/// The offset does not matter to the gradient, and is not given.
fn without_offset(call: &mut Bound) -> Evaluated<()> {
    let offset = zeros_of("offset", &shape_of(call, 1)?)?;
    call.operands.insert(2, offset);
    running(call)
}

/// The result, which the gradient does not need, has the operand's shape.
fn as_the_image(call: &mut Bound) -> Evaluated<()> {
    if let Some(result) = call.take("output_image") {
        let (shape, result) = (shape_of(call, 0)?, operand(&result)?);
        result.try_ensure_shape(shape).map_err(|error| refused(error, "ensure_shape", &[&result]))?;
    }
    Ok(())
}

/// The gradient of the gradient by what came back, which has the shape of the pool's result.
fn of_pooled(call: &mut Bound) -> Evaluated<()> {
    let (pooled, at) = if call.operands.iter().any(|(name, _)| name == "argmax") { (1, 1) } else { (1, 2) };
    let incoming = zeros_of("incoming", &shape_of(call, pooled)?)?;
    call.operands.insert(at, incoming);
    Ok(())
}

/// What was padded is shorter than what comes back.
fn unpadded(call: &mut Bound) -> Evaluated<()> {
    let mut shape = cotangent_shape(call)?;
    let paddings = call.attributes.iter().find(|(name, _)| name == "paddings").map(|(_, value)| attribute(value));
    let paddings = paddings.and_then(Result::ok).and_then(|p| crate::plan::ints(&p)).ok_or("`paddings` is missing")?;
    for (length, sides) in shape.iter_mut().zip(paddings.chunks(2)) {
        *length -= sides.iter().sum::<i64>();
    }
    call.operands = vec![zeros_of("input", &shape)?];
    Ok(())
}

/// Two truth values say which positions correspond; without them distances are scaled from position 0.
fn corners(call: &mut Bound) -> Evaluated<()> {
    let is_set = |value: Option<Value>| matches!(value, Some(Value::Bool(true)));
    let (aligns, halves) = (is_set(call.take("align_corners")), is_set(call.take("half_pixel_centers")));
    if aligns && halves {
        return Err(Fault::Untyped("`align_corners` and `half_pixel_centers` are two of `coordinates`".to_owned()));
    }
    let method = call.attributes.iter().find(|(name, _)| name == "method").map(|(_, value)| value.clone());
    match method {
        Some(Value::Str(method)) if method == "nearest" && !aligns && !halves => {
            call.set("rounding", Value::Str("floor".to_owned()));
        }
        Some(Value::Str(method)) if method == "bicubic" && !halves => {
            call.take("method");
            call.set("method", Value::Str("cubic".to_owned()));
        }
        _ => {}
    }
    let coordinates = if aligns {
        "align_corners"
    } else if halves {
        "half_pixel"
    } else {
        "asymmetric"
    };
    call.set("coordinates", Value::Str(coordinates.to_owned()));
    Ok(())
}

/// The images had the size of what comes back, and came from ones whose size, or that themselves, are given.
fn resized(call: &mut Bound) -> Evaluated<()> {
    let shape = cotangent_shape(call)?;
    let given = call.take("size").and_then(|size| attribute(&size).ok()).and_then(|size| crate::plan::ints(&size));
    if let Some(size) = given {
        let ends = |part: Option<&[i64]>| part.unwrap_or_default().to_vec();
        let original = [ends(shape.get(..1)), size, ends(shape.get(3..))].concat();
        call.operands = vec![zeros_of("images", &original)?];
    }
    call.set("size", list(shape.get(1..shape.len().min(3)).unwrap_or_default()));
    corners(call)
}

/// Rows chosen by index, then added up.
fn gathered(call: &mut Bound) -> Evaluated<()> {
    let [data, indices, _] = call.operands.as_slice() else { return Err("three operands".into()) };
    let (data, indices) = (operand(&data.1)?, operand(&indices.1)?);
    let taken = data.try_gather(&indices).map_err(|error| refused(error, "gather", &[&data, &indices]))?;
    call.operands.splice(..2, [("data".to_owned(), Value::Tensor(taken))]);
    Ok(())
}

/// The three diagonals one below the other.
fn compact(call: &mut Bound) -> Evaluated<()> {
    let diagonals = call.operands.iter().take(3).map(|(_, value)| operand(value)).collect::<Evaluated<Vec<_>>>()?;
    let parts: Vec<&Tensor> = diagonals.iter().collect();
    let all = tracelift::try_concat(&parts, -2).map_err(|error| refused(error, "concat", &parts))?;
    call.operands.splice(..3, [("diagonals".to_owned(), Value::Tensor(all))]);
    Ok(())
}

/// A list has one axis, which may be named.
fn of_list(call: &mut Bound) -> Evaluated<()> {
    let axes = call.take("axis").and_then(|axis| attribute(&axis).ok()).and_then(|axis| crate::plan::ints(&axis));
    match axes.as_deref() {
        None | Some([] | [0 | -1]) => Ok(()),
        Some(axes) => Err(Fault::Untyped(format!("`unique` has no axis {axes:?}"))),
    }
}

fn list(sizes: &[i64]) -> Value {
    Value::List(sizes.iter().map(|&n| Value::Int(n.into())).collect())
}

fn operand(value: &Value) -> Evaluated<Tensor> {
    tensor(value, None).map_err(Fault::Untyped)
}

fn zeros_of(name: &str, shape: &[i64]) -> Evaluated<(String, Value)> {
    Ok((name.to_owned(), Value::Tensor(zeros(&list(shape))?)))
}

fn shape_of(call: &Bound, at: usize) -> Evaluated<Vec<i64>> {
    let (_, value) = call.operands.get(at).ok_or_else(|| format!("operand {at} is missing"))?;
    Ok(operand(value)?.shape().iter().map(|&n| n as i64).collect())
}

fn cotangent_shape(call: &Bound) -> Evaluated<Vec<i64>> {
    let (_, cotangent) = call.gradient.as_ref().ok_or("what comes back is missing")?;
    Ok(operand(cotangent)?.shape().iter().map(|&n| n as i64).collect())
}

fn refused(error: Error, op: &'static str, operands: &[&Tensor]) -> Fault {
    let operands = operands.iter().map(|x| format!("{}{:?}", x.dtype(), &x.shape()[..])).collect();
    Fault::Refused(Refusal { error, ops: vec![op], operands })
}
