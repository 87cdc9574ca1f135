//! Losses over many classes, of which only the true ones and a sample are looked at: noise-contrastive estimation
//! (Gutmann and Hyvärinen, 2010) and sampled softmax (Jean et al., 2014).

use crate::ops::entry::*;
use crate::ops::indexing::scatter::Place;
use crate::ops::indexing::segment::lowest;

const OPERANDS: Operands =
    Operands::Named(&["weights", "biases", "labels", "inputs", "sampled", "true_expected", "sampled_expected"]);
const HITS: AttrDef = optional("remove_accidental_hits", AttrKind::Bool);

composite! {
    /// Each class against noise.
    NCE_LOSS, (b, x) => {
        let (logits, labels) = logits(x, b.attrs().bool("remove_accidental_hits"))?;
        Ok(vec![b.apply(&crate::ops::SIGMOID_CROSS_ENTROPY, Attrs::new(), &[labels, logits]).sum(&[-1])])
    },
    name: "nce_loss",
    doc: "The noise-contrastive loss of each of `inputs` `[batch, dim]`: the sum of sigmoid cross-entropies of its true classes, \
          `labels` `[batch, true]`, and of `sampled` classes `[samples]`, under logits `weights[class] · input + \
          biases[class]` less the logarithm of how often a class is expected in the sample (`true_expected` `[batch, true]`, \
          `sampled_expected` `[samples]`). With `remove_accidental_hits` sampled classes that are true ones do not count.",
    inputs: OPERANDS,
    attrs: &[HITS],
    domain: Domain::Special("tests/ops/sampled.rs"),
}

composite! {
    /// A softmax over a sample.
    SAMPLED_SOFTMAX_LOSS, (b, x) => {
        let removes = b.attrs().get("remove_accidental_hits").is_none() || b.attrs().bool("remove_accidental_hits");
        let (logits, labels) = logits(x, removes)?;
        Ok(vec![b.apply(&crate::ops::SOFTMAX_CROSS_ENTROPY, Attrs::new(), &[labels, logits])])
    },
    name: "sampled_softmax_loss",
    doc: "The softmax cross-entropy of each of `inputs` among its true classes and the sampled ones; operands as for \
          `nce_loss`. Sampled classes that are true ones do not count unless `remove_accidental_hits` is false.",
    inputs: OPERANDS,
    attrs: &[HITS],
    domain: Domain::Special("tests/ops/sampled.rs"),
}

/// Logits of the true and the sampled classes, `[batch, true + samples]`, and what they should be.
fn logits<'b>(x: &[Expr<'b>], removes_hits: bool) -> Result<(Expr<'b>, Expr<'b>)> {
    let &[weights, biases, labels, inputs, sampled, true_expected, sampled_expected] = x else {
        unreachable!("seven operands")
    };
    let specs = x.iter().map(|x| x.spec()).collect::<Result<Vec<_>>>()?;
    let [w, bias, classes, given, sample, its, theirs] = &specs[..] else { unreachable!("seven operands") };
    infer::same_dtype(&[w.clone(), bias.clone(), given.clone(), its.clone(), theirs.clone()])?;
    Class::Float.check(w)?;
    Class::Int.check(classes)?;
    Class::Int.check(sample)?;
    let fits = w.rank() == 2
        && given.rank() == 2
        && classes.rank() == 2
        && sample.rank() == 1
        && bias.dims[..] == w.dims[..1]
        && given.dims[1] == w.dims[1]
        && given.dims[0] == classes.dims[0]
        && its.dims == classes.dims
        && theirs.dims == sample.dims;
    if !fits {
        let wanted = "weights [classes, dim], biases [classes], labels [batch, true], inputs [batch, dim], sampled [samples] \
                      and expected counts of the shapes of labels and sampled";
        let found: Vec<String> = specs.iter().map(ToString::to_string).collect();
        return Err(infer::wrong(Kind::Shape, wanted, found.join(", ")));
    }
    let b = weights.b();
    let true_logits = (Place::FIRST.gather(weights, labels) * inputs.unsqueeze(1)?).sum(&[-1])
        + Place::FIRST.gather(biases, labels)
        - true_expected.log();
    let sampled_logits =
        inputs.matmul(Place::FIRST.gather(weights, sampled), false, true) + Place::FIRST.gather(biases, sampled);
    let mut sampled_logits = sampled_logits - sampled_expected.log();
    if removes_hits {
        let same = labels.cast(DType::I64).unsqueeze(2)?.eq(sampled.cast(DType::I64));
        let is_hit = b.apply(&crate::ops::REDUCE_ANY, Attrs::new().with("axes", vec![1i64]), &[same]);
        sampled_logits = is_hit.choose(b.scalar(lowest(w.dtype), w.dtype), sampled_logits);
    }
    let share = b.size(&classes.dims[1], w.dtype).reciprocal().broadcast_to(&classes.dims);
    let none = b.scalar(0.0, w.dtype).broadcast_to(&[classes.dims[0].clone(), sample.dims[0].clone()]);
    Ok((b.concat(&[true_logits, sampled_logits], 1), b.concat(&[share, none], 1)))
}
