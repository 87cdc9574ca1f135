//! Whether the generator reaches every op.

use crate::generate;
use std::panic::catch_unwind;
use tracelift_compiler::graph::OpDef;
use tracelift_compiler::ops;

/// Ops that are never picked, and why.
const EXCUSED: &[(&str, &str)] = &[
    ("parameter", "arguments are made with the ops that take them"),
    ("betainc_dense", "`betainc` expands into it and has its gradient"),
    ("convolution", "`conv2d` and its like expand into it: its attribute `dims` is never guessed"),
    ("conv_backprop_input", "as `convolution`"),
    ("conv_backprop_filter", "as `convolution`"),
    ("window_max", "as `convolution`, for `max_pool2d` and its like"),
    ("window_argmax", "as `window_max`"),
    ("avg_pool_grad", "its attribute `dims` is never guessed"),
    ("space_to_batch", "its paddings are for the axes of the blocks, those that are guessed for all axes"),
    ("separable_conv1d", "three operands whose channels must fit each other; its parts are reached"),
    ("separable_conv2d", "as `separable_conv1d`"),
    ("dequantize", "small integers beside a range of two single floats"),
    ("collapse_repeated", "rows of labels with a length each, that fits"),
    ("ctc_loss", "four operands whose sizes and values must fit each other"),
    ("ctc_loss_gradient", "as `ctc_loss`"),
    ("ctc_loss_curvature", "as `ctc_loss`"),
    (
        "ctc_beam_search_decoder",
        "its width, its number of paths and the lengths must fit each other; `ctc.rs` has its tests",
    ),
    (
        "check_value",
        "values beside as many truth values, all true; composites that check their operands have it inside",
    ),
    ("max_pool_between", "its attributes are places that rise to the lengths of axes"),
    ("avg_pool_between", "as `max_pool_between`"),
    ("crop_and_resize", "boxes have four columns, and an index each"),
    ("sqrtm", "few matrices have a real root, and engines differ near the others; `spectral.rs` has tests"),
    ("logm", "as `sqrtm`"),
    ("eig", "eigenvalues that nearly coincide have vectors of any direction; `spectral.rs` has its tests"),
    ("eigvals", "as `eig`"),
    ("nce_loss", "seven operands whose sizes must fit each other"),
    ("sampled_softmax_loss", "as `nce_loss`"),
    ("combined_non_max_suppression", "boxes have four columns, and a score for each of their classes"),
    ("draw_bounding_boxes", "boxes have four columns, colours the images' channels"),
    ("extract_glimpse", "offsets have two columns, a row for each image"),
    ("host_call", "calls an op that a test would have to register; `frontend/src/custom_op.rs` has its tests"),
];

/// Whether an op is never picked.
pub fn is_excused(op: &OpDef) -> bool {
    EXCUSED.iter().any(|(name, _)| *name == op.name)
}

/// Seeds tried for an op.
const TRIES: u64 = 400;

/// The ops that no seed reaches and that have no excuse; `verbose` prints how many seeds each takes.
pub fn unreached(verbose: bool) -> Vec<String> {
    let mut missing = Vec::new();
    for op in ops::all().iter().filter(|op| !is_excused(op)) {
        // A panic is an op that is reached, and a difference when its seed comes.
        let found = (0..TRIES).find(|&seed| catch_unwind(|| generate::reaches(op, seed)).unwrap_or(true));
        if verbose {
            println!("{:<40} {}", op.name, found.map_or("not reached".into(), |seed| format!("seed {seed}")));
        }
        if found.is_none() {
            missing.push(op.name.to_owned());
        }
    }
    missing
}
