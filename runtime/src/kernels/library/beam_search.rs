//! The likeliest label sequences under classes' logits over time, by beam search over prefixes (Graves and Jaitly,
//! "Towards End-to-End Speech Recognition with Recurrent Neural Networks", 2014).
//!
//! A prefix is worth the probabilities of all paths seen so far that read as it, those that end in a blank apart from those
//! that end in its last label: only after a blank does the same label count again. At each time the prefixes kept and
//! their extensions by one label compete for the places of the beam. All is computed in f64 with logarithms of
//! probabilities. An example belongs to one thread.

use super::LibraryCx;
use super::ctc::{Scalar, log_softmax};
use super::index::integers;
use crate::alloc::Block;
use crate::array::DType;
use crate::error::{Error, Kind, Result};
use crate::exec::parallel;
use std::cmp::Ordering;
use std::marker::PhantomData;

const NAME: &str = "ctc_beam_search";

/// See the table: `logits, lengths -> labels, counts, log probabilities`.
pub fn beam_search(cx: &mut LibraryCx<'_>) -> Result<()> {
    cx.expect(NAME, 2, 3, 2)?;
    let ([logits, lengths], [labels, counts, scores]) = (cx.inputs, cx.outputs) else { unreachable!("counted") };
    let ([times, batch, classes], [paths, ..]) = (logits.dims(), labels.dims()) else {
        return Err(cx.bad(NAME, Kind::Shape, "expected logits [time, batch, class] and labels [path, batch, time]"));
    };
    let (times, batch, classes, paths) = (*times, *batch, *classes, *paths);
    cx.expect_shape(NAME, &[paths, batch, times])?;
    if lengths.dims() != [batch] || counts.dims() != [paths, batch] || scores.dims() != [batch, paths] {
        return Err(cx.bad(NAME, Kind::Shape, "the batches of the operands, or the paths of the results, differ"));
    }
    cx.expect_same_dtype(NAME, &[logits.dtype(), scores.dtype()])?;
    cx.expect_same_dtype(NAME, &[labels.dtype(), counts.dtype(), DType::I64])?;
    if classes == 0 {
        return Err(cx.bad(NAME, Kind::Value, "there is no class, and so no blank"));
    }
    let (blank, width) = (cx.axis(NAME, 0, classes)?, cx.count(NAME, 1)?);
    if width == 0 || paths > width {
        let what = format!("expected a beam_width of at least 1 and at most as many paths, got {width} and {paths}");
        return Err(cx.bad(NAME, Kind::Value, what));
    }
    let lengths = integers(NAME, cx, lengths)?;
    let lengths = lengths.as_slice();
    if let Some(i) = lengths.iter().position(|&n| n < 0 || n as u64 > times as u64) {
        let what = format!("length {} of example {i} is not between 0 and {times}", lengths[i]);
        return Err(cx.bad(NAME, Kind::Value, what));
    }
    let cost = (times as f64 * width.min(1000) as f64 * classes as f64 * 10.0) as i64;
    parallel::try_for_each(batch as i64, cost, &|begin, end| {
        (begin as usize..end as usize).try_for_each(|example| {
            let beam = Beam::new(lengths[example] as usize, width, classes, blank)?;
            search(cx, example, lengths[example] as usize, beam)
        })
    })
}

/// Follows one example for so many times, and writes its results.
fn search(cx: &LibraryCx<'_>, example: usize, heard: usize, mut beam: Beam) -> Result<()> {
    let ([logits, _], [labels, counts, scores]) = (cx.inputs, cx.outputs) else { unreachable!("counted") };
    let [times, batch, classes] = *logits.dims() else { unreachable!("checked") };
    let mut row = Buffer::new(classes, 0.0)?;
    for time in 0..heard {
        let at = (time * batch + example) * classes;
        match logits.dtype() {
            DType::F32 => read(row.slice(), &logits.as_slice::<f32>()[at..]),
            DType::F64 => read(row.slice(), &logits.as_slice::<f64>()[at..]),
            other => return Err(cx.bad(NAME, Kind::DType, format!("no labels of {other} logits"))),
        }
        beam.step(row.slice());
    }
    let paths = labels.dims()[0];
    for path in 0..paths {
        let (at, place) = (path * batch + example, example * paths + path);
        // SAFETY: the row and the count are the example's own.
        let (row, count) =
            unsafe { (labels.part_mut::<i64>(at * times, (at + 1) * times), counts.part_mut::<i64>(at, at + 1)) };
        row.fill(-1);
        let score = beam.read(path, row, &mut count[0]);
        // SAFETY: so is the score.
        unsafe {
            match scores.dtype() {
                DType::F32 => scores.part_mut::<f32>(place, place + 1)[0] = score as f32,
                _ => scores.part_mut::<f64>(place, place + 1)[0] = score,
            }
        }
    }
    Ok(())
}

/// Logarithms of the probabilities of classes.
fn read<T: Copy + Into<f64>>(row: &mut [f64], logits: &[T]) {
    row.iter_mut().zip(logits).for_each(|(to, &v)| *to = v.into());
    log_softmax(row);
}

/// No prefix, no class, or no place in the beam.
const NONE: u32 = u32::MAX;

/// A label sequence that is or was in the beam: another one and a label.
#[derive(Clone, Copy)]
struct Prefix {
    /// All but the last label; NONE of the empty sequence.
    before: u32,
    label: u32,
    /// The latest of those that are one label longer; the others follow by `sibling`.
    extension: u32,
    sibling: u32,
    /// Its place in the beam.
    place: u32,
}

/// What a prefix is worth.
#[derive(Clone, Copy)]
struct Worth {
    /// Of the paths that end in a blank.
    blank: f64,
    /// Of those that end in the last label.
    label: f64,
}

impl Worth {
    const NOTHING: Worth = Worth { blank: f64::NEG_INFINITY, label: f64::NEG_INFINITY };

    fn total(self) -> f64 {
        self.blank.log_add(self.label)
    }
}

/// A prefix that may be in the next beam.
#[derive(Clone, Copy)]
struct Candidate {
    /// The prefix, or the one that it extends by `label`, which is NONE for a prefix that stays.
    prefix: u32,
    label: u32,
    worth: Worth,
    total: f64,
    /// How many candidates came before it.
    order: u64,
}

impl Candidate {
    /// The best first, of equal ones the earlier; what is NaN last.
    fn compare(&self, other: &Candidate) -> Ordering {
        let by_total = other.total.partial_cmp(&self.total);
        by_total.unwrap_or_else(|| self.total.is_nan().cmp(&other.total.is_nan())).then(self.order.cmp(&other.order))
    }
}

/// The prefixes that are followed.
struct Beam {
    blank: u32,
    /// At most so many.
    width: usize,
    /// All prefixes that ever were in the beam.
    prefixes: Buffer<Prefix>,
    known: usize,
    /// The beam, the best first.
    held: Buffer<(u32, Worth)>,
    holds: usize,
    candidates: Buffer<Candidate>,
    /// For each class, the last prefix (its place, plus 1, of this step) whose extension by it is in the beam.
    taken: Buffer<u32>,
}

impl Beam {
    /// The empty sequence alone.
    fn new(times: usize, width: usize, classes: usize, blank: usize) -> Result<Beam> {
        // As many prefixes as there can be at each time.
        let (mut most, mut all) = (1usize, 1usize);
        for _ in 0..times {
            most = most.saturating_mul(classes).min(width);
            all = all.saturating_add(most);
        }
        if all >= NONE as usize {
            let what = format!("a beam of width {width} over {times} times may see {all} prefixes, more than 2^32");
            return Err(Error::new(Kind::Memory, what));
        }
        let empty = Prefix { before: NONE, label: NONE, extension: NONE, sibling: NONE, place: 0 };
        let nobody = Candidate { prefix: NONE, label: NONE, worth: Worth::NOTHING, total: f64::NEG_INFINITY, order: 0 };
        Ok(Beam {
            blank: blank as u32,
            width: most,
            prefixes: Buffer::new(all, empty)?,
            known: 1,
            held: Buffer::new(most, (0, Worth { blank: 0.0, label: f64::NEG_INFINITY }))?,
            holds: 1,
            candidates: Buffer::new(2 * most, nobody)?,
            taken: Buffer::new(classes, 0)?,
        })
    }

    /// One time, of these logarithms of probabilities.
    fn step(&mut self, log_p: &[f64]) {
        let held = self.held.slice();
        let prefixes = self.prefixes.slice();
        let mut next = Contest { candidates: self.candidates.slice(), width: self.width, len: 0, seen: 0 };
        for &(prefix, worth) in &held[..self.holds] {
            let Prefix { before, label, .. } = prefixes[prefix as usize];
            let mut stays = Worth { blank: worth.total() + log_p[self.blank as usize], ..Worth::NOTHING };
            if before != NONE {
                // The last label again, or for the first time after the prefix before, if that is in the beam.
                let before = prefixes[before as usize];
                let grown = match before.place {
                    NONE => f64::NEG_INFINITY,
                    place => grown(&before, held[place as usize].1, label),
                };
                stays.label = worth.label.log_add(grown) + log_p[label as usize];
            }
            next.enter(prefix, NONE, stays);
        }
        let taken = self.taken.slice();
        taken.fill(0);
        for (&(prefix, worth), place) in held[..self.holds].iter().zip(1..) {
            let known = prefixes[prefix as usize];
            let mut extension = known.extension;
            while extension != NONE {
                let Prefix { label, sibling, place: at, .. } = prefixes[extension as usize];
                if at != NONE {
                    taken[label as usize] = place;
                }
                extension = sibling;
            }
            for (label, log_p) in (0..).zip(log_p) {
                if label != self.blank && taken[label as usize] != place {
                    let label_worth = grown(&known, worth, label) + log_p;
                    next.enter(prefix, label, Worth { label: label_worth, ..Worth::NOTHING });
                }
            }
        }
        let winners = next.winners();
        for &(prefix, _) in &held[..self.holds] {
            prefixes[prefix as usize].place = NONE;
        }
        self.holds = winners.len();
        for (place, winner) in winners.iter().enumerate() {
            let prefix = match winner.label {
                NONE => winner.prefix,
                label => extension(prefixes, &mut self.known, winner.prefix, label),
            };
            prefixes[prefix as usize].place = place as u32;
            held[place] = (prefix, winner.worth);
        }
    }

    /// Writes the labels of the prefix at this place of the beam and how many they are; gives the logarithm of its
    /// probability. A place that is empty is impossible.
    fn read(&mut self, place: usize, labels: &mut [i64], count: &mut i64) -> f64 {
        *count = 0;
        if place >= self.holds {
            return f64::NEG_INFINITY;
        }
        let (last, worth) = self.held.slice()[place];
        let prefixes = self.prefixes.slice();
        let mut length = 0;
        let mut prefix = prefixes[last as usize];
        while prefix.before != NONE {
            labels[length] = prefix.label.into();
            length += 1;
            prefix = prefixes[prefix.before as usize];
        }
        labels[..length].reverse();
        *count = length as i64;
        worth.total()
    }
}

/// What paths that read as a prefix are worth for its extension by a label: a repeated label needs a blank between.
fn grown(prefix: &Prefix, worth: Worth, label: u32) -> f64 {
    if prefix.label == label { worth.blank } else { worth.total() }
}

/// The prefix that is one label longer, which may have been in the beam before.
fn extension(prefixes: &mut [Prefix], known: &mut usize, before: u32, label: u32) -> u32 {
    let first = prefixes[before as usize].extension;
    let mut at = first;
    while at != NONE {
        if prefixes[at as usize].label == label {
            return at;
        }
        at = prefixes[at as usize].sibling;
    }
    let new = *known as u32;
    prefixes[*known] = Prefix { before, label, extension: NONE, sibling: first, place: NONE };
    prefixes[before as usize].extension = new;
    *known += 1;
    new
}

/// Who comes into the next beam.
struct Contest<'a> {
    candidates: &'a mut [Candidate],
    width: usize,
    len: usize,
    seen: u64,
}

impl<'a> Contest<'a> {
    fn enter(&mut self, prefix: u32, label: u32, worth: Worth) {
        let total = worth.total();
        if total == f64::NEG_INFINITY {
            return;
        }
        if self.len == self.candidates.len() {
            // Only the best so far can win.
            self.candidates.select_nth_unstable_by(self.width - 1, Candidate::compare);
            self.len = self.width;
        }
        self.candidates[self.len] = Candidate { prefix, label, worth, total, order: self.seen };
        self.len += 1;
        self.seen += 1;
    }

    /// The best, in order.
    fn winners(self) -> &'a [Candidate] {
        let candidates = &mut self.candidates[..self.len];
        candidates.sort_unstable_by(Candidate::compare);
        &candidates[..self.len.min(self.width)]
    }
}

/// Elements in memory from the pool.
struct Buffer<T> {
    block: Block,
    len: usize,
    elements: PhantomData<T>,
}

impl<T: Copy> Buffer<T> {
    fn new(len: usize, value: T) -> Result<Buffer<T>> {
        let block = Block::new(len.saturating_mul(size_of::<T>()))?;
        let start = block.as_ptr().cast::<T>();
        // SAFETY: the block has room for as many, aligned for any of them.
        (0..len).for_each(|i| unsafe { start.add(i).write(value) });
        Ok(Buffer { block, len, elements: PhantomData })
    }

    fn slice(&mut self) -> &mut [T] {
        // SAFETY: so many were written, and the block is borrowed as long.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_ptr().cast::<T>(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, run_err, values};
    use crate::array::{Array, DType};

    const LOGITS: [f64; 12] = [0.1, 0.6, -0.2, 1.2, 0.3, 0.5, -0.4, 0.9, 0.8, 0.2, 0.7, 0.4];

    fn search(logits: &[f64], length: i32, width: i64, paths: usize) -> [Vec<f64>; 3] {
        let times = logits.len() / 3;
        let operands = [Array::from_slice(&[times, 1, 3], logits), Array::from_slice(&[1], &[length])];
        let outputs = [(DType::I64, &[paths, 1, times][..]), (DType::I64, &[paths, 1]), (DType::F64, &[1, paths])];
        let results = run("ctc_beam_search", &operands.each_ref(), &outputs, &[2, width]);
        [0, 1, 2].map(|k| values(&results[k]))
    }

    /// Every label sequence with its probability, the likeliest first, by adding up all paths.
    fn by_paths(logits: &[f64]) -> Vec<(Vec<f64>, f64)> {
        let times = logits.len() / 3;
        let mut sums: Vec<(Vec<f64>, f64)> = Vec::new();
        for path in 0..3usize.pow(times as u32) {
            let class = |time: usize| path / 3usize.pow(time as u32) % 3;
            let mut probability = 1.0;
            let mut read = Vec::new();
            for time in 0..times {
                let row = &logits[3 * time..][..3];
                probability *= row[class(time)].exp() / row.iter().map(|v| v.exp()).sum::<f64>();
                if class(time) != 2 && (time == 0 || class(time) != class(time - 1)) {
                    read.push(class(time) as f64);
                }
            }
            match sums.iter_mut().find(|(labels, _)| *labels == read) {
                Some((_, sum)) => *sum += probability,
                None => sums.push((read, probability)),
            }
        }
        sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        sums
    }

    #[test]
    fn a_wide_beam_finds_the_likeliest() {
        let expected = by_paths(&LOGITS);
        let paths = expected.len();
        let [labels, counts, scores] = search(&LOGITS, 4, 1000, paths + 2);
        for (k, (read, probability)) in expected.iter().enumerate() {
            assert_eq!((&labels[4 * k..][..read.len()], counts[k]), (&read[..], read.len() as f64));
            assert!(labels[4 * k + read.len()..4 * (k + 1)].iter().all(|&label| label == -1.0));
            assert!((scores[k] - probability.ln()).abs() < 1e-12, "{read:?}");
        }
        // There are no more.
        assert_eq!((&labels[4 * paths..], &counts[paths..]), (&[-1.0; 8][..], &[0.0; 2][..]));
        assert_eq!(scores[paths..], [f64::NEG_INFINITY; 2]);
    }

    #[test]
    fn equal_ones_keep_their_order() {
        let [labels, _, scores] = search(&[0.0; 6], 2, 4, 4);
        // The empty sequence, 0 and 1 have 1, 3 and 3 of 9 paths, 0 1 and 1 0 one each.
        assert_eq!(labels, [0.0, -1.0, 1.0, -1.0, -1.0, -1.0, 0.0, 1.0]);
        assert!((scores[1] - (1.0f64 / 3.0).ln()).abs() < 1e-15);
        let [labels, counts, scores] = search(&[0.0; 6], 0, 1, 1);
        assert_eq!((labels, counts, scores), (vec![-1.0; 2], vec![0.0], vec![0.0]));
    }

    #[test]
    fn bad_calls_are_refused() {
        let refused = |classes: usize, length: i32, params: [i64; 2], paths: usize| {
            let logits = Array::zeros(DType::F64, &[2, 1, classes]).unwrap();
            let outputs = [(DType::I64, &[paths, 1, 2][..]), (DType::I64, &[paths, 1]), (DType::F64, &[1, paths])];
            let operands = [logits, Array::from_slice(&[1], &[length])];
            run_err("ctc_beam_search", &operands.each_ref(), &outputs, &params).message().to_owned()
        };
        assert!(refused(3, 3, [2, 4], 1).contains("length 3 of example 0 is not between 0 and 2"));
        assert!(refused(3, -1, [2, 4], 1).contains("length -1 of example 0"));
        assert!(refused(3, 1, [2, 0], 1).contains("beam_width of at least 1"));
        assert!(refused(3, 1, [2, 1], 2).contains("got 1 and 2"));
        assert!(refused(0, 1, [0, 1], 1).contains("there is no class"));
    }

    #[test]
    fn a_beam_beyond_all_memory_is_refused() {
        let times = 200;
        let logits = Array::zeros(DType::F32, &[times, 1, 3]).unwrap();
        let operands = [logits, Array::from_slice(&[1], &[times as i32])];
        let outputs = [(DType::I64, &[1, 1, times][..]), (DType::I64, &[1, 1]), (DType::F32, &[1, 1])];
        let error = run_err("ctc_beam_search", &operands.each_ref(), &outputs, &[2, i64::MAX]);
        assert_eq!(error.kind(), crate::error::Kind::Memory);
    }
}
