//! Library kernels: whole operations that are not worth generating, called by name from a program's steps.
//!
//! Start with [`TABLE`]; subjects that are features of this crate have tables of their own, and their kernels' names
//! begin with the feature's: `linalg.qr`. A kernel trusts its views' memory (see [`View`]) but checks dtypes, shapes and
//! parameters before it writes anything, indices before it follows them, and reports what is wrong as an error. After an
//! error the results' elements are unspecified.

mod beam_search;
mod bounded;
mod copy;
mod ctc;
mod draw;
#[cfg(feature = "fft")]
mod fft;
mod fill;
pub mod host;
mod index;
mod isotonic;
#[cfg(feature = "linalg")]
mod linalg;
pub(crate) mod number;
mod pointwise;
mod reduce;
mod scan;
mod search;
mod sort;
mod strided;
mod suppress;
#[cfg(test)]
pub(crate) mod testing;
pub mod view;

pub use view::{View, ViewMut};

use crate::array::DType;
use crate::error::{Error, Kind, Result};
use crate::kernels::{conv, gemm};
use std::fmt::Write as _;

/// One library kernel.
pub struct LibraryKernel {
    /// The name that a program calls it by.
    pub name: &'static str,
    /// Operands, results and parameters, and what it computes.
    pub doc: &'static str,
    /// Whether it can fail for the values of its operands, not only for their dtypes and shapes.
    pub can_fail: bool,
    /// Runs it.
    pub run: fn(&mut LibraryCx<'_>) -> Result<()>,
}

/// A call of a library kernel.
pub struct LibraryCx<'a> {
    /// What it reads.
    pub inputs: &'a [View<'a>],
    /// What it writes. May overlap no input.
    pub outputs: &'a [ViewMut<'a>],
    /// Integer parameters, in the order of the kernel's doc.
    pub params: &'a [i64],
    /// To be called with `(row_begin, row_end)`, from any thread, as soon as all columns of these rows of the
    /// first output are final; a row is a run along the last axis. Each row is passed once. Only `matmul` and
    /// `convolution` have one.
    pub epilogue: Option<&'a (dyn Fn(i64, i64) + Sync)>,
}

/// Every library kernel.
pub static TABLE: &[LibraryKernel] = &[
    LibraryKernel {
        name: "matmul",
        doc: "a, b -> c; [transpose_a, transpose_b]: the product over the last two axes; the axes before broadcast",
        can_fail: false,
        run: matmul,
    },
    LibraryKernel {
        name: "convolution",
        doc: "x, filter -> y; [strides…, dilations…, zeros before…]: channels last, groups by the filter's channels",
        can_fail: false,
        run: conv::forward,
    },
    LibraryKernel {
        name: "conv_backprop_input",
        doc: "dy, filter -> dx; [strides…, dilations…, zeros before…]: the gradient of `convolution` by x",
        can_fail: false,
        run: conv::input_gradient,
    },
    LibraryKernel {
        name: "conv_backprop_filter",
        doc: "x, dy -> dfilter; [strides…, dilations…, zeros before…]: the gradient of `convolution` by the filter",
        can_fail: false,
        run: conv::filter_gradient,
    },
    LibraryKernel {
        name: "max_pool",
        doc: "x -> y; [window…, strides…, dilations…, padding before…]: the greatest of each window; NaN is greatest",
        can_fail: false,
        run: conv::max_pool,
    },
    LibraryKernel {
        name: "max_pool_with_argmax",
        doc: "x -> y, index (i64); as max_pool: and which element of its image the first of the greatest is",
        can_fail: false,
        run: conv::max_pool_with_argmax,
    },
    LibraryKernel {
        name: "ctc_loss",
        doc: "labels, logits, label_length, logit_length -> loss; [blank]: logits are [time, batch, class]",
        can_fail: true,
        run: ctc::loss,
    },
    LibraryKernel {
        name: "ctc_loss_gradient",
        doc: "labels, logits, label_length, logit_length -> gradient; [blank]: of ctc_loss by the logits",
        can_fail: true,
        run: ctc::gradient,
    },
    LibraryKernel {
        name: "ctc_loss_curvature",
        doc: "labels, logits, label_length, logit_length, tangent -> slope; [blank]: of the gradient along the tangent",
        can_fail: true,
        run: ctc::curvature,
    },
    LibraryKernel {
        name: "ctc_beam_search",
        doc: "logits, lengths -> labels (i64[path, batch, time], -1 behind), counts (i64[path, batch]), log probabilities \
              [batch, path]; [blank, beam width]: the likeliest label sequences that a beam search finds",
        can_fail: true,
        run: beam_search::beam_search,
    },
    LibraryKernel {
        name: "non_max_suppression",
        doc: "boxes, scores -> indices, count (i32); [overlap, score (bits of f64)]: zeros behind the boxes kept; the axes \
              before are a batch",
        can_fail: false,
        run: suppress::non_max_suppression,
    },
    LibraryKernel {
        name: "non_max_suppression_overlaps",
        doc: "overlaps, scores -> indices, count (i32); [overlap, score (bits of f64)]: as above, of given overlaps",
        can_fail: false,
        run: suppress::non_max_suppression_overlaps,
    },
    LibraryKernel {
        name: "soft_non_max_suppression",
        doc: "boxes, scores -> indices, scores, count; [overlap, score, sigma (bits of f64)]: scores sink by overlaps",
        can_fail: false,
        run: suppress::soft_non_max_suppression,
    },
    LibraryKernel {
        name: "isotonic_segments",
        doc: "x -> y (i32); [decreasing]: along the last axis, which run of equal values of the nearest monotone \
              sequence each element belongs to",
        can_fail: false,
        run: isotonic::isotonic_segments,
    },
    LibraryKernel {
        name: "copy_strided",
        doc: "x -> y; [offset, stride of each axis of y]: y[i, j, …] is element offset + i * stride + j * stride … of x",
        can_fail: false,
        run: strided::copy_strided,
    },
    LibraryKernel {
        name: "pad",
        doc: "x, value -> y; [elements before x along each axis]: x with value all around",
        can_fail: false,
        run: copy::pad,
    },
    LibraryKernel {
        name: "concat",
        doc: "xs… -> y; [axis]: the operands one after the other",
        can_fail: false,
        run: copy::concat,
    },
    LibraryKernel {
        name: "bitcast",
        doc: "x -> y: the same bytes as another dtype",
        can_fail: false,
        run: copy::bitcast,
    },
    LibraryKernel {
        name: "gather",
        doc: "x, indices -> y; [axis, batch_dims]: the slices of x along axis that indices name",
        can_fail: true,
        run: index::gather,
    },
    LibraryKernel {
        name: "scatter_add",
        doc: "updates, indices -> y; [axis, batch_dims]: zeros, plus updates where gather would take them from",
        can_fail: true,
        run: index::scatter_add,
    },
    LibraryKernel {
        name: "scatter",
        doc: "x, indices, updates -> y; [axis, batch_dims, kind (0 replace, 1 add, 2 multiply, 3 max, 4 min)]: x, updated \
              in order where gather would take the updates from",
        can_fail: true,
        run: index::scatter,
    },
    LibraryKernel {
        name: "check_index",
        doc: "indices (i64) -> y (i64); [user, lengths…]: the indices, if element i lies in 0..lengths[i % number of lengths]",
        can_fail: true,
        run: search::check_index,
    },
    LibraryKernel {
        name: "check_value",
        doc: "x (f64), holds (bool) -> y (f64); [user]: x, if all of holds is true",
        can_fail: true,
        run: search::check_value,
    },
    LibraryKernel {
        name: "searchsorted",
        doc: "sorted, values -> y (i32 or i64); [right]: where each value belongs in the last axis of sorted",
        can_fail: false,
        run: search::searchsorted,
    },
    LibraryKernel {
        name: "invert_permutation",
        doc: "x (i64) -> y (i64): y[x[i]] = i",
        can_fail: true,
        run: search::invert_permutation,
    },
    LibraryKernel {
        name: "checked_shape",
        doc: "x -> y: x, if it has the shape of y",
        can_fail: true,
        run: bounded::checked_shape,
    },
    LibraryKernel {
        name: "true_positions",
        doc: "mask (bool[n]) -> y (i64): the indices of the true elements",
        can_fail: false,
        run: bounded::true_positions,
    },
    LibraryKernel {
        name: "repeat_count",
        doc: "counts (i64[n]) -> y (i64[]): their sum; a negative one is an error",
        can_fail: true,
        run: bounded::repeat_count,
    },
    LibraryKernel {
        name: "repeat_positions",
        doc: "counts (i64[n]) -> y (i64): each index as often as its count says",
        can_fail: false,
        run: bounded::repeat_positions,
    },
    LibraryKernel {
        name: "segment_count",
        doc: "ids (i64[n]) -> y (i64[]): the last one plus 1, or 0; an error if they are negative or not in order",
        can_fail: true,
        run: bounded::segment_count,
    },
    LibraryKernel {
        name: "cumulative",
        doc: "x -> y; [axis, kind (0 sum, 1 prod, 2 max, 3 min, 4 log of the sum of e^x), exclusive, reverse]: running reductions",
        can_fail: false,
        run: scan::cumulative,
    },
    LibraryKernel {
        name: "linear_recurrence",
        doc: "a, b -> y; [axis, reverse]: y[i] = a[i] * y[i - 1] + b[i], from the end if reverse; all of one shape, floats",
        can_fail: false,
        run: scan::linear_recurrence,
    },
    LibraryKernel {
        name: "gcd",
        doc: "x, y -> z: the greatest common divisors of integers; all of one shape",
        can_fail: false,
        run: pointwise::gcd,
    },
    LibraryKernel {
        name: "betainc",
        doc: "a, b, x -> y: the regularised incomplete beta function; all of one shape",
        can_fail: false,
        run: pointwise::betainc,
    },
    LibraryKernel {
        name: "arg_reduce",
        doc: "x -> y (i32 or i64); [axis, kind (0 max, 1 min)]: index of the first extremum; NaN is more extreme than any",
        can_fail: false,
        run: reduce::arg_reduce,
    },
    LibraryKernel {
        name: "reduce",
        doc: "x -> y; [kind (0 sum, 1 prod, 2 max, 3 min, 4 all, 5 any), axes…]: the reduction over these axes",
        can_fail: false,
        run: reduce::reduce,
    },
    LibraryKernel {
        name: "sort",
        doc: "x -> y; [axis, descending]: in order; NaN counts as greatest",
        can_fail: false,
        run: sort::sort,
    },
    LibraryKernel {
        name: "argsort",
        doc: "x -> y (i32 or i64); [axis, descending]: indices in order; equal elements keep theirs",
        can_fail: false,
        run: sort::argsort,
    },
    LibraryKernel {
        name: "top_k",
        doc: "x -> values, indices (i32 or i64); [k]: the k greatest along the last axis, greatest first",
        can_fail: false,
        run: sort::top_k,
    },
    LibraryKernel {
        name: "random_bits",
        doc: "state (u64[2]: seed, tick) -> y (u32); [offset]: words of the stream (seed, tick + offset)",
        can_fail: false,
        run: fill::random_bits,
    },
    LibraryKernel {
        name: "gamma_draws",
        doc: "alpha, state -> y; [offset]: gamma with these shapes and scale 1, from the stream (seed, tick + offset)",
        can_fail: false,
        run: draw::gamma,
    },
    LibraryKernel {
        name: "poisson_draws",
        doc: "rate, state -> y; [offset]: Poisson with these means",
        can_fail: false,
        run: draw::poisson,
    },
    LibraryKernel {
        name: "binomial_draws",
        doc: "counts, probs, state -> y; [offset]: successes in so many trials of these probabilities",
        can_fail: false,
        run: draw::binomial,
    },
    LibraryKernel {
        name: "iota",
        doc: "-> y; [axis]: each element's index along axis",
        can_fail: false,
        run: fill::iota,
    },
    LibraryKernel {
        name: host::ROUTINE,
        doc: "xs… -> ys…; [number]: a kernel of the user's own, registered in this process",
        can_fail: true,
        run: host::host_call,
    },
    LibraryKernel { name: "fill", doc: "value -> y: the one value everywhere", can_fail: false, run: fill::fill },
];

/// All tables of this build.
const TABLES: &[&[LibraryKernel]] = &[
    TABLE,
    #[cfg(feature = "linalg")]
    linalg::TABLE,
    #[cfg(feature = "fft")]
    fft::TABLE,
];

/// The kernel of that name.
pub fn find(name: &str) -> Option<&'static LibraryKernel> {
    TABLES.iter().copied().flatten().find(|kernel| kernel.name == name)
}

/// Forgets what kernels keep from call to call.
pub fn clear_caches() {
    #[cfg(feature = "fft")]
    fft::clear_plans();
}

fn matmul(cx: &mut LibraryCx<'_>) -> Result<()> {
    cx.expect_counts("matmul", 2, 1, 2)?;
    let [transpose_a, transpose_b] = [cx.params[0] != 0, cx.params[1] != 0];
    gemm::matmul(&cx.inputs[0], &cx.inputs[1], &cx.outputs[0], transpose_a, transpose_b, cx.epilogue)
}

impl<'a> LibraryCx<'a> {
    /// An error unless there are as many operands, results and parameters as given, and no epilogue.
    fn expect(&self, kernel: &str, inputs: usize, outputs: usize, params: usize) -> Result<()> {
        if self.epilogue.is_some() {
            return Err(self.bad(kernel, Kind::Internal, "takes no epilogue"));
        }
        self.expect_counts(kernel, inputs, outputs, params)
    }

    fn expect_counts(&self, kernel: &str, inputs: usize, outputs: usize, params: usize) -> Result<()> {
        if (self.inputs.len(), self.outputs.len(), self.params.len()) == (inputs, outputs, params) {
            return Ok(());
        }
        Err(self.bad(
            kernel,
            Kind::Internal,
            format!(
                "expected {inputs} operands, {outputs} results and {params} parameters, got {}, {} and {}",
                self.inputs.len(),
                self.outputs.len(),
                self.params.len()
            ),
        ))
    }

    /// An axis parameter as an index below `rank`.
    fn axis(&self, kernel: &str, param: usize, rank: usize) -> Result<usize> {
        let axis = self.params[param];
        usize::try_from(axis)
            .ok()
            .filter(|&a| a < rank)
            .ok_or_else(|| self.bad(kernel, Kind::Shape, format!("axis {axis} is out of range for rank {rank}")))
    }

    /// An error unless the views' dtypes are equal.
    fn expect_same_dtype(&self, kernel: &str, dtypes: &[DType]) -> Result<()> {
        if dtypes.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(());
        }
        Err(self.bad(kernel, Kind::DType, "operands and result must have one dtype"))
    }

    /// An error unless the first result has this shape.
    fn expect_shape(&self, kernel: &str, shape: &[usize]) -> Result<()> {
        if self.outputs[0].dims() == shape {
            return Ok(());
        }
        Err(self.bad(kernel, Kind::Shape, format!("expected a result of shape {shape:?}")))
    }

    /// Parameter `param` as a size or count.
    fn count(&self, kernel: &str, param: usize) -> Result<usize> {
        let value = self.params[param];
        usize::try_from(value).map_err(|_| self.bad(kernel, Kind::Value, format!("parameter {value} is negative")))
    }

    /// An error of this call: `` `kernel`: what (operands f32[2, 3], i32[4]; results …; params …) ``.
    fn bad(&self, kernel: &str, kind: Kind, what: impl std::fmt::Display) -> Error {
        let mut call = "operands ".to_owned();
        for (i, view) in self.inputs.iter().enumerate() {
            let _ = write!(call, "{}{view:?}", if i > 0 { ", " } else { "" });
        }
        call.push_str("; results ");
        for (i, view) in self.outputs.iter().enumerate() {
            let _ = write!(call, "{}{view:?}", if i > 0 { ", " } else { "" });
        }
        let _ = write!(call, "; params {:?}", self.params);
        Error::new(kind, format!("`{kernel}`: {what}")).in_call(call)
    }
}
