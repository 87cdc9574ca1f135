//! The ops: one entry each, and THE TABLE that lists them.
//!
//! An op is a `static` [`OpDef`] in a file of its subject and one line in [`for_each_op!`](crate::for_each_op). Everything else comes
//! from there: [`find`] and [`all`], the text form, the frontend's functions and methods, the batteries.
//! To add one, write the entry (see [`elementwise::arith`] for primitives, [`composite`] for expansions) and its line.
//!
//! Invariants
//! - names are unique; the table's name of an op is its text name (but for the keyword `where`, written `where_`);
//! - an elementwise op's `eval`, `lower` and `grad` agree: the batteries compare them;
//! - attributes in nodes may be as users write them (negative axes, defaults absent); [`infer`] reads them.

pub mod build;
pub mod complex;
pub mod composite;
pub mod contract;
pub mod elementwise;
mod entry;
pub mod eval;
pub mod fourier;
pub mod image;
pub mod indexing;
pub mod infer;
pub mod linalg;
pub mod movement;
pub mod reduce;
pub mod source;
pub mod window;

#[cfg(test)]
mod tests;

use crate::graph::OpDef;

pub use complex::{BITCAST, forms::*, parts::*};
pub use composite::{
    activation::*, batch_norm::*, ctc::*, dense::*, flow::*, loss::*, loss_terms::*, margin::*, norm::*, normalize::*,
    quantize::*, random::*, shrink::*, softmax::*,
};
pub use contract::{einsum::*, matmul::*, product::*, tensordot::*};
pub use elementwise::{
    arith::*, bits::*, cast::*, choose::*, compare::*, logic::*, math::*, pieces::*, power::*, rounding::*, special::*,
};
pub use fourier::{dft::*, frame::*, stft::*, transform::*, window::*};
pub use image::{crop::*, patches::*, resize::*, suppress::*};
pub use indexing::{bounded::*, diagonal::*, nd::*, partition::*, scatter::*, search::*, segment::*};
pub use linalg::{eigen::*, factor::*, function::*, norm::*, product::*, solve::*};
pub use movement::{
    axes::*, blocks::*, broadcast::*, concat::*, gather::*, one_hot::*, pad::*, reshape::*, slice::*, sort::*,
    transpose::*,
};
pub use reduce::{arg_extrema::*, cumulative::*, extrema::*, logic::*, stats::*, sum::*};
pub use source::random::RANDOM_BITS;
pub use source::{CONSTANT, HOST_CALL, IOTA, PARAMETER, SIZE_OF};
pub use window::{average::*, conv::*, convolution::*, max::*, segments::*, transpose::*};

/// THE TABLE: calls `$callback!` with one parenthesised line for each op.
///
/// - `(unary exp EXP)`, `(binary add ADD)`: operands only;
/// - `(reduce reduce_sum REDUCE_SUM sum)`: attributes `axes` and `keepdims`; the last word is NumPy's short name; further
///   attributes in brackets;
/// - `(op name STATIC [operands] [attribute: Kind, …])`: one result. Kinds as [`AttrKind`](crate::graph::opdef::AttrKind);
///   with `Opt` in front if the attribute may be left out;
/// - `(multi …)`: as `op`, with several results;
/// - `(variadic name STATIC [attributes])`: any number of operands; `(variadic_multi …)`: and of results;
/// - `(internal name STATIC)`: not for users.
#[macro_export]
macro_rules! for_each_op {
    ($($callback:ident)::+) => {
        $($callback)::+! {
            (internal parameter PARAMETER)
            (internal constant CONSTANT)
            (internal size_of SIZE_OF)
            (internal host_call HOST_CALL)
            (op iota IOTA [] [dtype: DType, dims: Dims, axis: OptInt])

            (binary add ADD)
            (binary subtract SUBTRACT)
            (binary multiply MULTIPLY)
            (binary divide DIVIDE)
            (binary divide_no_nan DIVIDE_NO_NAN)
            (binary floordiv FLOORDIV)
            (binary floormod FLOORMOD)
            (binary truncatediv TRUNCATEDIV)
            (binary truncatemod TRUNCATEMOD)
            (binary maximum MAXIMUM)
            (binary minimum MINIMUM)
            (binary squared_difference SQUARED_DIFFERENCE)
            (unary negative NEGATIVE)
            (unary abs ABS)
            (unary sign SIGN)
            (unary square SQUARE)
            (unary reciprocal RECIPROCAL)
            (binary pow POW)
            (unary sqrt SQRT)
            (binary atan2 ATAN2)

            (unary exp EXP)
            (unary exp2 EXP2)
            (unary expm1 EXPM1)
            (unary log LOG)
            (unary log2 LOG2)
            (unary log10 LOG10)
            (unary log1p LOG1P)
            (unary rsqrt RSQRT)
            (unary cbrt CBRT)
            (unary tanh TANH)
            (unary sigmoid SIGMOID)
            (op softplus SOFTPLUS [x] [beta: OptFloat, linear_above: OptFloat])
            (unary erf ERF)
            (unary erfc ERFC)
            (unary ndtr NDTR)
            (unary sin SIN)
            (unary cos COS)
            (unary tan TAN)
            (unary sinh SINH)
            (unary cosh COSH)
            (unary asin ASIN)
            (unary acos ACOS)
            (unary atan ATAN)
            (unary asinh ASINH)
            (unary acosh ACOSH)
            (unary atanh ATANH)

            (unary lgamma LGAMMA)
            (unary digamma DIGAMMA)
            (op polygamma POLYGAMMA [a, x] [])
            (op zeta ZETA [x, q] [])
            (op igamma IGAMMA [a, x] [])
            (op igammac IGAMMAC [a, x] [])
            (op igamma_grad_a IGAMMA_GRAD_A [a, x] [])
            (op betainc BETAINC [a, b, x] [])
            (internal betainc_dense BETAINC_DENSE)
            (unary lbeta LBETA)
            (unary bessel_i0 BESSEL_I0)
            (unary bessel_i0e BESSEL_I0E)
            (unary bessel_i1 BESSEL_I1)
            (unary bessel_i1e BESSEL_I1E)
            (unary erfcx ERFCX)
            (unary erfcinv ERFCINV)
            (unary log_ndtr LOG_NDTR)
            (unary ndtri NDTRI)
            (unary dawsn DAWSN)
            (unary expint EXPINT)
            (unary fresnel_sin FRESNEL_SIN)
            (unary fresnel_cos FRESNEL_COS)
            (unary spence SPENCE)

            (binary hypot HYPOT)
            (binary xlogy XLOGY)
            (binary xlog1py XLOG1PY)
            (binary xdivy XDIVY)
            (binary multiply_no_nan MULTIPLY_NO_NAN)
            (unary reciprocal_no_nan RECIPROCAL_NO_NAN)
            (binary logaddexp LOGADDEXP)
            (binary logaddexp2 LOGADDEXP2)
            (op logit LOGIT [x] [eps: OptFloat])
            (unary entr ENTR)
            (unary sinc SINC)
            (unary deg2rad DEG2RAD)
            (unary rad2deg RAD2DEG)
            (op heaviside HEAVISIDE [x, values] [])
            (binary fmax FMAX)
            (binary fmin FMIN)
            (op lerp LERP [start, end, weight] [])
            (op nan_to_num NAN_TO_NUM [x] [nan: OptFloat, posinf: OptFloat, neginf: OptFloat])
            (binary gcd GCD)
            (binary lcm LCM)
            (internal gcd_dense GCD_DENSE)

            (unary signbit SIGNBIT)
            (binary copysign COPYSIGN)
            (binary nextafter NEXTAFTER)

            (unary floor FLOOR)
            (unary ceil CEIL)
            (unary round ROUND)
            (unary trunc TRUNC)
            (unary frac FRAC)

            (binary equal EQUAL eq)
            (binary not_equal NOT_EQUAL ne)
            (binary less LESS lt)
            (binary less_equal LESS_EQUAL le)
            (binary greater GREATER gt)
            (binary greater_equal GREATER_EQUAL ge)
            (unary is_nan IS_NAN)
            (unary is_inf IS_INF)
            (unary is_finite IS_FINITE)
            (op is_close IS_CLOSE [x, y] [rtol: OptFloat, atol: OptFloat, equal_nan: OptBool])

            (binary logical_and LOGICAL_AND)
            (binary logical_or LOGICAL_OR)
            (binary logical_xor LOGICAL_XOR)
            (unary logical_not LOGICAL_NOT)
            (binary bitwise_and BITWISE_AND)
            (binary bitwise_or BITWISE_OR)
            (binary bitwise_xor BITWISE_XOR)
            (unary bitwise_invert BITWISE_INVERT)
            (binary left_shift LEFT_SHIFT)
            (binary right_shift RIGHT_SHIFT)

            (op cast CAST [x] [dtype: DType])
            (op where_ SELECT [condition, x, y] [])
            (op clip_by_value CLIP_BY_VALUE [x, low, high] [])

            (op reshape RESHAPE [x] [dims: Dims])
            (op expand_dims EXPAND_DIMS [x] [axis: Int])
            (op squeeze SQUEEZE [x] [axes: OptInts])
            (op transpose TRANSPOSE [x] [perm: OptInts])
            (op reverse REVERSE [x] [axes: OptInts])
            (op broadcast_to BROADCAST_TO [x] [dims: Dims])
            (op fill FILL [value] [dims: Dims])
            (op zeros ZEROS [] [dims: Dims, dtype: OptDType])
            (op ones ONES [] [dims: Dims, dtype: OptDType])
            (op zeros_like ZEROS_LIKE [x] [dtype: OptDType])
            (op ones_like ONES_LIKE [x] [dtype: OptDType])
            (op shape SHAPE [x] [dtype: OptDType])
            (op size SIZE [x] [dtype: OptDType])
            (op tile TILE [x] [multiples: Ints])
            (op repeat REPEAT [x] [repeats: Ints, axis: OptInt])
            (op slice SLICE [x] [begin: Dims, dims: Dims, strides: OptInts])
            (op strided_slice STRIDED_SLICE [x] [begin: Ints, end: Ints, strides: OptInts, begin_mask: OptInt, end_mask: OptInt, shrink_axis_mask: OptInt])
            (op pad PAD [x, value] [before: Dims, after: Dims])
            (op pad_reflect PAD_REFLECT [x] [paddings: Ints])
            (op pad_symmetric PAD_SYMMETRIC [x] [paddings: Ints])
            (op pad_edge PAD_EDGE [x] [paddings: Ints])
            (op pad_wrap PAD_WRAP [x] [paddings: Ints])
            (op moveaxis MOVEAXIS [x] [source: Ints, destination: Ints])
            (op swapaxes SWAPAXES [x] [axis1: Int, axis2: Int])
            (op roll ROLL [x] [shift: Ints, axes: OptInts])
            (op rot90 ROT90 [x] [k: OptInt, axes: OptInts])
            (variadic_multi meshgrid MESHGRID [indexing: OptStr])
            (op space_to_depth SPACE_TO_DEPTH [x] [block_size: Int])
            (op depth_to_space DEPTH_TO_SPACE [x] [block_size: Int])
            (op space_to_batch SPACE_TO_BATCH [x] [block_shape: Ints, paddings: Ints])
            (op batch_to_space BATCH_TO_SPACE [x] [block_shape: Ints, crops: Ints])
            (variadic concat CONCAT [axis: Int])
            (variadic stack STACK [axis: OptInt])
            (multi split SPLIT [x] [num: OptInt, sizes: OptInts, axis: OptInt])
            (multi unstack UNSTACK [x] [axis: OptInt])
            (op gather GATHER [x, indices] [axis: OptInt, batch_dims: OptInt])
            (op scatter_add SCATTER_ADD [updates, indices] [dims: Dims, axis: OptInt, batch_dims: OptInt])
            (op take_along_axis TAKE_ALONG_AXIS [x, indices] [axis: OptInt])
            (op sort SORT [x] [axis: OptInt, descending: OptBool])
            (op argsort ARGSORT [x] [axis: OptInt, descending: OptBool])
            (multi top_k TOP_K [x] [k: Int])
            (op one_hot ONE_HOT [indices] [depth: Int, axis: OptInt, on_value: OptFloat, off_value: OptFloat, dtype: OptDType])
            (op range RANGE [] [start: Float, limit: Float, delta: OptFloat, dtype: OptDType])
            (op linspace LINSPACE [] [start: Float, stop: Float, num: Int, dtype: OptDType, may_be_empty: OptBool])
            (op eye EYE [] [dims: Dims, dtype: OptDType])
            (op band_part BAND_PART [x] [lower: OptInt, upper: OptInt])
            (op tril TRIL [x] [k: OptInt])
            (op triu TRIU [x] [k: OptInt])

            (internal scatter SCATTER)
            (internal check_index CHECK_INDEX)
            (internal inverse INVERSE)
            (op gather_flat GATHER_FLAT [x, indices] [])
            (op gather_nd GATHER_ND [x, indices] [batch_dims: OptInt])
            (op gather_elements GATHER_ELEMENTS [x, indices] [axis: OptInt])
            (op scatter_elements SCATTER_ELEMENTS [x, indices, updates] [axis: OptInt, reduction: OptStr])
            (op scatter_nd SCATTER_ND [indices, updates] [dims: Dims])
            (op tensor_scatter_nd_update TENSOR_SCATTER_ND_UPDATE [x, indices, updates] [])
            (op tensor_scatter_nd_add TENSOR_SCATTER_ND_ADD [x, indices, updates] [])
            (op tensor_scatter_nd_sub TENSOR_SCATTER_ND_SUB [x, indices, updates] [])
            (op tensor_scatter_nd_max TENSOR_SCATTER_ND_MAX [x, indices, updates] [])
            (op tensor_scatter_nd_min TENSOR_SCATTER_ND_MIN [x, indices, updates] [])
            (op index_add INDEX_ADD [x, indices, updates] [axis: OptInt, alpha: OptFloat])
            (op searchsorted SEARCHSORTED [sorted, values] [right: OptBool, dtype: OptDType])
            (op invert_permutation INVERT_PERMUTATION [x] [])
            (op unravel_index UNRAVEL_INDEX [indices] [dims: Ints])
            (op diagonal DIAGONAL [x] [offset: OptInt, axis1: OptInt, axis2: OptInt])
            (op diag_part DIAG_PART [x] [k: OptInts])
            (op diag DIAG [x] [k: OptInts])
            (op set_diag SET_DIAG [x, diagonal] [k: OptInts])
            (op unsorted_segment_sum UNSORTED_SEGMENT_SUM [x, segment_ids] [num_segments: Int])
            (op unsorted_segment_mean UNSORTED_SEGMENT_MEAN [x, segment_ids] [num_segments: Int])
            (op unsorted_segment_sqrt_n UNSORTED_SEGMENT_SQRT_N [x, segment_ids] [num_segments: Int])
            (op unsorted_segment_prod UNSORTED_SEGMENT_PROD [x, segment_ids] [num_segments: Int])
            (op unsorted_segment_max UNSORTED_SEGMENT_MAX [x, segment_ids] [num_segments: Int])
            (op unsorted_segment_min UNSORTED_SEGMENT_MIN [x, segment_ids] [num_segments: Int])
            (internal bounded_size BOUNDED_SIZE)
            (internal true_positions TRUE_POSITIONS)
            (internal repeat_count REPEAT_COUNT)
            (internal repeat_positions REPEAT_POSITIONS)
            (internal segment_count SEGMENT_COUNT)
            (internal checked_shape CHECKED_SHAPE)
            (op ensure_shape ENSURE_SHAPE [x] [dims: Dims])
            (op where_indices WHERE_INDICES [x] [])
            (op nonzero NONZERO [x] [])
            (op boolean_mask BOOLEAN_MASK [x, mask] [axis: OptInt])
            (op repeat_by REPEAT_BY [x, counts] [axis: OptInt])
            (multi unique UNIQUE [x] [dtype: OptDType])
            (multi unique_with_counts UNIQUE_WITH_COUNTS [x] [dtype: OptDType])
            (multi unique_sorted UNIQUE_SORTED [x] [])
            (op segment_sum SEGMENT_SUM [x, segment_ids] [])
            (op segment_mean SEGMENT_MEAN [x, segment_ids] [])
            (op segment_prod SEGMENT_PROD [x, segment_ids] [])
            (op segment_max SEGMENT_MAX [x, segment_ids] [])
            (op segment_min SEGMENT_MIN [x, segment_ids] [])
            (multi dynamic_partition DYNAMIC_PARTITION [x, partitions] [num_partitions: Int])
            (variadic dynamic_stitch DYNAMIC_STITCH [])
            (op reverse_sequence REVERSE_SEQUENCE [x, lengths] [seq_axis: Int, batch_axis: OptInt])
            (op confusion_matrix CONFUSION_MATRIX [labels, predictions] [num_classes: Int, dtype: OptDType])
            (op sequence_mask SEQUENCE_MASK [lengths] [maxlen: OptInt, dtype: OptDType])

            (reduce reduce_sum REDUCE_SUM sum)
            (reduce reduce_mean REDUCE_MEAN mean)
            (reduce reduce_prod REDUCE_PROD prod)
            (reduce reduce_max REDUCE_MAX max)
            (reduce reduce_min REDUCE_MIN min)
            (reduce reduce_all REDUCE_ALL all)
            (reduce reduce_any REDUCE_ANY any)
            (reduce reduce_logsumexp REDUCE_LOGSUMEXP logsumexp)
            (reduce reduce_variance REDUCE_VARIANCE variance [ddof: OptFloat])
            (reduce reduce_std REDUCE_STD std [ddof: OptFloat])
            (reduce reduce_euclidean_norm REDUCE_EUCLIDEAN_NORM reduce_euclidean_norm)
            (reduce count_nonzero COUNT_NONZERO count_nonzero)
            (reduce nansum NANSUM nansum)
            (reduce nanmean NANMEAN nanmean)
            (multi moments MOMENTS [x] [axes: OptInts, keepdims: OptBool])
            (op argmax ARGMAX [x] [axis: OptInt, dtype: OptDType])
            (op argmin ARGMIN [x] [axis: OptInt, dtype: OptDType])
            (op cumsum CUMSUM [x] [axis: OptInt, exclusive: OptBool, reverse: OptBool])
            (op cumprod CUMPROD [x] [axis: OptInt, exclusive: OptBool, reverse: OptBool])
            (op cummax CUMMAX [x] [axis: OptInt, reverse: OptBool])
            (op cummin CUMMIN [x] [axis: OptInt, reverse: OptBool])
            (op cumulative_logsumexp CUMULATIVE_LOGSUMEXP [x] [axis: OptInt, exclusive: OptBool, reverse: OptBool])
            (internal scaled_cumsum SCALED_CUMSUM)
            (op diff DIFF [x] [n: OptInt, axis: OptInt])

            (op matmul MATMUL [x, y] [transpose_a: OptBool, transpose_b: OptBool])

            (op tensordot TENSORDOT [x, y] [axes_x: Ints, axes_y: Ints])
            (variadic einsum EINSUM [equation: Str])
            (binary dot DOT)
            (binary inner INNER)
            (binary outer OUTER)
            (binary kron KRON)

            (op adjoint ADJOINT [x] [])
            (op matrix_transpose MATRIX_TRANSPOSE [x] [])
            (op matvec MATVEC [matrix, vector] [transpose_a: OptBool])
            (variadic multi_dot MULTI_DOT [])
            (op cross CROSS [x, y] [axis: OptInt])
            (op trace TRACE [x] [])
            (op matrix_norm MATRIX_NORM [x] [ord: OptStr, axes: OptInts, keepdims: OptBool])
            (op cholesky CHOLESKY [x] [])
            (op cholesky_solve CHOLESKY_SOLVE [chol, rhs] [])
            (multi lu LU [x] [])
            (multi qr QR [x] [full_matrices: OptBool])
            (multi svd SVD [x] [full_matrices: OptBool])
            (op svdvals SVDVALS [x] [])
            (multi eigh EIGH [x] [])
            (op eigvalsh EIGVALSH [x] [])
            (op solve SOLVE [matrix, rhs] [adjoint: OptBool])
            (op triangular_solve TRIANGULAR_SOLVE [matrix, rhs] [lower: OptBool, adjoint: OptBool])
            (op inv INV [x] [adjoint: OptBool])
            (op det DET [x] [])
            (multi slogdet SLOGDET [x] [])
            (op logdet LOGDET [x] [])
            (op expm EXPM [x] [])
            (op matrix_power MATRIX_POWER [x] [n: Int])
            (op pinv PINV [x] [rcond: OptFloat])
            (op lstsq LSTSQ [matrix, rhs] [l2_regularizer: OptFloat])
            (op matrix_rank MATRIX_RANK [x] [tol: OptFloat])

            (op bitcast BITCAST [x] [dtype: DType])
            (op complex COMPLEX [real, imag] [])
            (unary real REAL)
            (unary imag IMAG)
            (unary conj CONJ)
            (unary angle ANGLE)
            (internal complex_add COMPLEX_ADD)
            (internal complex_subtract COMPLEX_SUBTRACT)
            (internal complex_multiply COMPLEX_MULTIPLY)
            (internal complex_divide COMPLEX_DIVIDE)
            (internal complex_negative COMPLEX_NEGATIVE)
            (internal complex_square COMPLEX_SQUARE)
            (internal complex_reciprocal COMPLEX_RECIPROCAL)
            (internal complex_abs COMPLEX_ABS)
            (internal complex_exp COMPLEX_EXP)
            (internal complex_equal COMPLEX_EQUAL)
            (internal complex_not_equal COMPLEX_NOT_EQUAL)
            (internal complex_cast COMPLEX_CAST)
            (internal complex_reduce_sum COMPLEX_REDUCE_SUM)
            (internal complex_reduce_mean COMPLEX_REDUCE_MEAN)
            (internal complex_matmul COMPLEX_MATMUL)
            (internal complex_adjoint COMPLEX_ADJOINT)

            (internal dft DFT)
            (internal rdft RDFT)
            (internal irdft IRDFT)
            (op fft FFT [x] [])
            (op ifft IFFT [x] [])
            (op fft2d FFT2D [x] [])
            (op ifft2d IFFT2D [x] [])
            (op fft3d FFT3D [x] [])
            (op ifft3d IFFT3D [x] [])
            (op rfft RFFT [x] [fft_length: OptInts])
            (op irfft IRFFT [x] [fft_length: OptInts])
            (op rfft2d RFFT2D [x] [fft_length: OptInts])
            (op irfft2d IRFFT2D [x] [fft_length: OptInts])
            (op rfft3d RFFT3D [x] [fft_length: OptInts])
            (op irfft3d IRFFT3D [x] [fft_length: OptInts])
            (op fftshift FFTSHIFT [x] [axes: OptInts])
            (op ifftshift IFFTSHIFT [x] [axes: OptInts])
            (op dct DCT [x] [kind: OptInt, norm: OptStr])
            (op frame FRAME [signal] [frame_length: Int, frame_step: Int, pad_end: OptBool, axis: OptInt])
            (op overlap_and_add OVERLAP_AND_ADD [signal] [frame_step: Int])
            (op stft STFT [signals] [frame_length: Int, frame_step: Int, fft_length: OptInt, window: OptStr, pad_end: OptBool])
            (op inverse_stft INVERSE_STFT [stfts] [frame_length: Int, frame_step: Int, fft_length: OptInt, window: OptStr])
            (op hann_window HANN_WINDOW [] [window_length: Int, periodic: OptBool, dtype: OptDType])
            (op hamming_window HAMMING_WINDOW [] [window_length: Int, periodic: OptBool, dtype: OptDType])

            (unary identity IDENTITY)
            (unary stop_gradient STOP_GRADIENT)
            (internal recomputed RECOMPUTED)
            (unary relu RELU)
            (unary relu6 RELU6)
            (op leaky_relu LEAKY_RELU [x] [alpha: OptFloat])
            (op elu ELU [x] [alpha: OptFloat])
            (unary selu SELU)
            (unary silu SILU)
            (op gelu GELU [x] [approximate: OptBool])
            (unary softsign SOFTSIGN)
            (unary log_sigmoid LOG_SIGMOID)
            (unary mish MISH)
            (unary hard_sigmoid HARD_SIGMOID)
            (unary hard_silu HARD_SILU)
            (op celu CELU [x] [alpha: OptFloat])
            (unary tanhshrink TANHSHRINK)
            (op hard_shrink HARD_SHRINK [x] [threshold: OptFloat])
            (op soft_shrink SOFT_SHRINK [x] [threshold: OptFloat])
            (op hard_tanh HARD_TANH [x] [min: OptFloat, max: OptFloat])
            (op threshold THRESHOLD [x] [threshold: Float, value: Float])
            (op prelu PRELU [x, alpha] [])
            (op glu GLU [x] [axis: OptInt])
            (op swiglu SWIGLU [x] [axis: OptInt])
            (op crelu CRELU [x] [axis: OptInt])
            (op softmax SOFTMAX [x] [axis: OptInt])
            (op log_softmax LOG_SOFTMAX [x] [axis: OptInt])
            (unary erfinv ERFINV)

            (op layer_norm LAYER_NORM [x, gamma, beta] [axes: OptInts, epsilon: OptFloat])
            (op rms_norm RMS_NORM [x, gamma] [axes: OptInts, epsilon: OptFloat])
            (op l2_normalize L2_NORMALIZE [x] [axes: OptInts, epsilon: OptFloat])
            (op norm NORM [x] [ord: OptFloat, axes: OptInts, keepdims: OptBool])
            (op normalize NORMALIZE [x] [ord: OptFloat, axes: OptInts, epsilon: OptFloat])
            (op cosine_similarity COSINE_SIMILARITY [x, y] [axis: OptInt, epsilon: OptFloat])
            (op cdist CDIST [x, y] [p: OptFloat])

            (op batch_normalization BATCH_NORMALIZATION [x, mean, variance, offset, scale] [variance_epsilon: Float])
            (op batch_norm BATCH_NORM [x, gamma, beta, mean, variance] [axis: OptInt, epsilon: OptFloat])
            (multi batch_norm_training BATCH_NORM_TRAINING [x, gamma, beta] [axis: OptInt, epsilon: OptFloat])
            (multi fused_batch_norm FUSED_BATCH_NORM [x, scale, offset, mean, variance] [epsilon: OptFloat, exponential_avg_factor: OptFloat, is_training: OptBool])
            (op group_norm GROUP_NORM [x, gamma, beta] [groups: Int, axis: OptInt, epsilon: OptFloat])
            (op instance_norm INSTANCE_NORM [x, gamma, beta] [axis: OptInt, epsilon: OptFloat])
            (op local_response_norm LOCAL_RESPONSE_NORM [x] [size: Int, alpha: OptFloat, beta: OptFloat, k: OptFloat, axis: OptInt])
            (op local_response_normalization LOCAL_RESPONSE_NORMALIZATION [x] [depth_radius: OptInt, bias: OptFloat, alpha: OptFloat, beta: OptFloat])

            (op dense DENSE [x, kernel] [])
            (op bias_add BIAS_ADD [x, bias] [])
            (op embedding_lookup EMBEDDING_LOOKUP [params, ids] [])
            (op in_top_k IN_TOP_K [targets, predictions] [k: Int])
            (op scaled_dot_product_attention SCALED_DOT_PRODUCT_ATTENTION [query, key, value] [is_causal: OptBool, scale: OptFloat])
            (op masked_dot_product_attention MASKED_DOT_PRODUCT_ATTENTION [query, key, value, mask] [is_causal: OptBool, scale: OptFloat])
            (op ctc_loss CTC_LOSS [labels, logits, label_length, logit_length] [blank_index: OptInt])
            (internal ctc_loss_gradient CTC_LOSS_GRADIENT)
            (multi ctc_greedy_decoder CTC_GREEDY_DECODER [logits, logit_length] [blank_index: OptInt, merge_repeated: OptBool])

            (internal convolution CONVOLUTION)
            (internal conv_backprop_input CONV_BACKPROP_INPUT)
            (internal conv_backprop_filter CONV_BACKPROP_FILTER)
            (op conv1d CONV1D [x, filters] [strides: Ints, padding: Padding, dilations: OptInts, groups: OptInt])
            (op conv2d CONV2D [x, filters] [strides: Ints, padding: Padding, dilations: OptInts, groups: OptInt])
            (op conv3d CONV3D [x, filters] [strides: Ints, padding: Padding, dilations: OptInts, groups: OptInt])
            (op conv1d_transpose CONV1D_TRANSPOSE [x, filters] [strides: Ints, padding: Padding, output_shape: OptInts, output_padding: OptInts, dilations: OptInts, groups: OptInt])
            (op conv2d_transpose CONV2D_TRANSPOSE [x, filters] [strides: Ints, padding: Padding, output_shape: OptInts, output_padding: OptInts, dilations: OptInts, groups: OptInt])
            (op conv3d_transpose CONV3D_TRANSPOSE [x, filters] [strides: Ints, padding: Padding, output_shape: OptInts, output_padding: OptInts, dilations: OptInts, groups: OptInt])
            (op depthwise_conv1d DEPTHWISE_CONV1D [x, filters] [strides: Ints, padding: Padding, dilations: OptInts])
            (op depthwise_conv2d DEPTHWISE_CONV2D [x, filters] [strides: Ints, padding: Padding, dilations: OptInts])
            (op separable_conv1d SEPARABLE_CONV1D [x, depthwise, pointwise] [strides: Ints, padding: Padding, dilations: OptInts])
            (op separable_conv2d SEPARABLE_CONV2D [x, depthwise, pointwise] [strides: Ints, padding: Padding, dilations: OptInts])
            (internal window_max WINDOW_MAX)
            (internal window_argmax WINDOW_ARGMAX)
            (op max_pool1d MAX_POOL1D [x] [ksize: Ints, strides: Ints, padding: Padding, dilations: OptInts, ceil_mode: OptBool])
            (op max_pool2d MAX_POOL2D [x] [ksize: Ints, strides: Ints, padding: Padding, dilations: OptInts, ceil_mode: OptBool])
            (op max_pool3d MAX_POOL3D [x] [ksize: Ints, strides: Ints, padding: Padding, dilations: OptInts, ceil_mode: OptBool])
            (multi max_pool_with_argmax MAX_POOL_WITH_ARGMAX [x] [ksize: Ints, strides: Ints, padding: Padding, dilations: OptInts, ceil_mode: OptBool])
            (op avg_pool1d AVG_POOL1D [x] [ksize: Ints, strides: Ints, padding: Padding, count_include_pad: OptBool, ceil_mode: OptBool, dilations: OptInts])
            (op avg_pool2d AVG_POOL2D [x] [ksize: Ints, strides: Ints, padding: Padding, count_include_pad: OptBool, ceil_mode: OptBool, dilations: OptInts])
            (op avg_pool3d AVG_POOL3D [x] [ksize: Ints, strides: Ints, padding: Padding, count_include_pad: OptBool, ceil_mode: OptBool, dilations: OptInts])
            (op avg_pool_grad AVG_POOL_GRAD [dy] [dims: Dims, ksize: Ints, strides: Ints, padding: Padding, count_include_pad: OptBool])
            (op global_avg_pool GLOBAL_AVG_POOL [x] [keepdims: OptBool])
            (op global_max_pool GLOBAL_MAX_POOL [x] [keepdims: OptBool])
            (op adaptive_avg_pool ADAPTIVE_AVG_POOL [x] [size: Ints])
            (op adaptive_max_pool ADAPTIVE_MAX_POOL [x] [size: Ints])
            (multi fractional_max_pool FRACTIONAL_MAX_POOL [x] [row_ratio: Float, column_ratio: Float, pseudo_random: OptBool, overlapping: OptBool, seed: OptInt])
            (multi fractional_avg_pool FRACTIONAL_AVG_POOL [x] [row_ratio: Float, column_ratio: Float, pseudo_random: OptBool, overlapping: OptBool, seed: OptInt])
            (op resize RESIZE [images] [size: Ints, method: OptStr, coordinates: OptStr, antialias: OptBool, rounding: OptStr, cubic_coefficient: OptFloat, exclude_outside: OptBool])
            (op extract_patches EXTRACT_PATCHES [images] [sizes: Ints, strides: Ints, padding: Padding, rates: OptInts])
            (op crop_and_resize CROP_AND_RESIZE [images, boxes, box_indices] [crop_size: Ints, method: OptStr, extrapolation_value: OptFloat])
            (multi non_max_suppression_padded NON_MAX_SUPPRESSION [boxes, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat])

            (op mean_squared_error MEAN_SQUARED_ERROR [y_true, y_pred] [])
            (op mean_absolute_error MEAN_ABSOLUTE_ERROR [y_true, y_pred] [])
            (op huber HUBER [y_true, y_pred] [delta: OptFloat])
            (op binary_crossentropy BINARY_CROSSENTROPY [y_true, y_pred] [from_logits: OptBool, label_smoothing: OptFloat])
            (op categorical_crossentropy CATEGORICAL_CROSSENTROPY [y_true, y_pred] [from_logits: OptBool, label_smoothing: OptFloat, axis: OptInt])
            (op sparse_categorical_crossentropy SPARSE_CATEGORICAL_CROSSENTROPY [y_true, y_pred] [from_logits: OptBool])
            (op sigmoid_cross_entropy_with_logits SIGMOID_CROSS_ENTROPY [labels, logits] [])
            (op softmax_cross_entropy_with_logits SOFTMAX_CROSS_ENTROPY [labels, logits] [axis: OptInt])
            (op sparse_softmax_cross_entropy_with_logits SPARSE_SOFTMAX_CROSS_ENTROPY [labels, logits] [])
            (op weighted_sigmoid_cross_entropy_with_logits WEIGHTED_SIGMOID_CROSS_ENTROPY [labels, logits, pos_weight] [])
            (op smooth_l1 SMOOTH_L1 [y_true, y_pred] [beta: OptFloat])
            (op poisson_nll POISSON_NLL [y_true, y_pred] [log_input: OptBool, full: OptBool, eps: OptFloat])
            (op log_poisson_loss LOG_POISSON_LOSS [targets, log_input] [compute_full_loss: OptBool])
            (op kl_divergence_pointwise KL_DIVERGENCE_POINTWISE [y_true, y_pred] [log_target: OptBool])
            (op soft_margin SOFT_MARGIN [y_true, y_pred] [])
            (unary l2_loss L2_LOSS)
            (op hinge HINGE [y_true, y_pred] [])
            (op squared_hinge SQUARED_HINGE [y_true, y_pred] [])
            (op categorical_hinge CATEGORICAL_HINGE [y_true, y_pred] [])
            (op log_cosh LOG_COSH [y_true, y_pred] [])
            (op kl_divergence KL_DIVERGENCE [y_true, y_pred] [])
            (op poisson POISSON [y_true, y_pred] [])
            (op mean_absolute_percentage_error MEAN_ABSOLUTE_PERCENTAGE_ERROR [y_true, y_pred] [])
            (op mean_squared_logarithmic_error MEAN_SQUARED_LOGARITHMIC_ERROR [y_true, y_pred] [])

            (op fake_quant_with_min_max_args FAKE_QUANT_WITH_MIN_MAX_ARGS [x] [min: OptFloat, max: OptFloat, num_bits: OptInt, narrow_range: OptBool])
            (op fake_quant_with_min_max_vars FAKE_QUANT_WITH_MIN_MAX_VARS [x, min, max] [num_bits: OptInt, narrow_range: OptBool])
            (multi quantize QUANTIZE [x, min_range, max_range] [dtype: OptDType])
            (op dequantize DEQUANTIZE [x, min_range, max_range] [])
            (op quantize_and_dequantize_v2 QUANTIZE_AND_DEQUANTIZE [x, input_min, input_max] [signed_input: OptBool, num_bits: OptInt, range_given: OptBool, narrow_range: OptBool])
            (op histogram_fixed_width HISTOGRAM_FIXED_WIDTH [values, value_range] [nbins: OptInt, dtype: OptDType])

            (internal random_bits RANDOM_BITS)
            (internal random_uniform RANDOM_UNIFORM)
            (internal random_normal RANDOM_NORMAL)
            (internal truncated_normal TRUNCATED_NORMAL)
            (internal random_bernoulli RANDOM_BERNOULLI)
            (internal random_integers RANDOM_INTEGERS)
            (internal random_shuffle RANDOM_SHUFFLE)
            (internal random_categorical RANDOM_CATEGORICAL)
            (internal random_exponential RANDOM_EXPONENTIAL)
            (internal random_gumbel RANDOM_GUMBEL)
            (internal random_logistic RANDOM_LOGISTIC)
            (internal random_laplace RANDOM_LAPLACE)
            (internal random_cauchy RANDOM_CAUCHY)
            (internal random_gamma RANDOM_GAMMA)
            (internal random_poisson RANDOM_POISSON)
            (internal random_binomial RANDOM_BINOMIAL)
            (internal gamma_draws GAMMA_DRAWS)
            (internal poisson_draws POISSON_DRAWS)
            (internal binomial_draws BINOMIAL_DRAWS)
        }
    };
}

macro_rules! collect {
    ($(($kind:ident $name:ident $static:ident $($rest:tt)*))*) => {
        static ALL: &[&OpDef] = &[$(&$static),*];
    };
}
for_each_op!(collect);

/// Every op, in the table's order.
pub fn all() -> &'static [&'static OpDef] {
    ALL
}

/// The op of that text name.
pub fn find(name: &str) -> Option<&'static OpDef> {
    static BY_NAME: std::sync::LazyLock<rustc_hash::FxHashMap<&'static str, &'static OpDef>> =
        std::sync::LazyLock::new(|| ALL.iter().map(|&op| (op.name, op)).collect());
    BY_NAME.get(name).copied()
}
