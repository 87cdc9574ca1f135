//! Random graphs over the whole op table.
//!
//! An op is picked, operands and attributes are guessed, and the op's own rule and evaluator say whether they fit. So an
//! op that is new in the table is generated without a word here. Each value is computed while the graph grows: indices
//! are in range and most numbers ordinary, because what the reference evaluator refuses is not put into the graph.

use crate::attributes;
use crate::case::{Case, concrete};
use crate::determined::{is_affordable, is_determined_at};
use crate::random::Random;
use crate::reach;
use crate::values;
use std::cell::Cell;
use tracelift_compiler::graph::opdef::{Domain, Operands, SpecCx};
use tracelift_compiler::graph::{AttrValue, Attrs, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::{DType, Dim, Kind, Loc, TensorSpec, interp};
use tracelift_runtime::Array;
use tracelift_runtime::program::Atom;

/// Most ops in a graph, arguments not counted.
pub const MOST_NODES: usize = 12;
/// How often operands and attributes are guessed for an op.
const GUESSES: usize = 24;
/// Most elements of a value.
const MOST_ELEMENTS: i64 = 2048;

const DTYPES: &[(DType, usize)] = &[
    (DType::F32, 46),
    (DType::F64, 12),
    (DType::I32, 12),
    (DType::I64, 6),
    (DType::Bool, 8),
    (DType::F16, 3),
    (DType::BF16, 3),
    (DType::U8, 3),
    (DType::I8, 2),
    (DType::U32, 1),
    (DType::U64, 1),
    (DType::I16, 1),
    (DType::U16, 1),
    (DType::Complex64, 1),
];

thread_local! {
    static CURRENT: Cell<&'static str> = const { Cell::new("") };
}

/// The op that this thread's generator tried last: a panic in its rule has no other trace.
pub fn current() -> &'static str {
    CURRENT.get()
}

/// The graph of a seed.
pub fn case(seed: u64) -> Case {
    let mut generator = Generator::new(Random::new(seed));
    let nodes = 1 + generator.random.below(MOST_NODES);
    for _ in 0..nodes * 2 {
        if generator.nodes == nodes {
            break;
        }
        let op = *generator.random.pick(ops::all());
        if !reach::is_excused(op) {
            generator.grow(op);
        }
    }
    generator.finish()
}

/// A graph around one op, if the seed finds operands for it.
pub fn reaches(op: &'static OpDef, seed: u64) -> bool {
    let mut generator = Generator::new(Random::new(seed));
    generator.grow(op)
}

/// A value of the graph.
struct Known {
    id: ValueId,
    array: Array,
}

/// An operand that is guessed.
enum Guess {
    /// A value that is there.
    Known(usize),
    /// An argument to be.
    New(TensorSpec, Array),
}

struct Generator {
    random: Random,
    builder: GraphBuilder,
    values: Vec<Known>,
    arguments: Vec<Array>,
    /// The sizes of arguments, symbols among them.
    sizes: Vec<Dim>,
    symbols: Vec<i64>,
    nodes: usize,
}

impl Generator {
    fn new(mut random: Random) -> Generator {
        let symbolic = random.chance(40);
        let (mut sizes, mut symbols) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let length = match random.below(40) {
                0 => 0,
                1..=3 => 1,
                4..=7 => *random.pick(&[7, 8, 16, 19, 33]),
                _ => random.within(2, 4),
            };
            sizes.push(match symbolic && random.chance(70) {
                true => {
                    symbols.push(length);
                    Dim::sym(symbols.len() as u32 - 1)
                }
                false => Dim::from(length),
            });
        }
        let mut generator = Generator {
            random,
            builder: GraphBuilder::new("random"),
            values: Vec::new(),
            arguments: Vec::new(),
            sizes,
            symbols,
            nodes: 0,
        };
        if symbolic {
            // Every symbol must be the length of some argument's axis.
            let spec = TensorSpec::new(DType::F32, generator.sizes.clone());
            if let Some(array) = generator.argument(&spec, Domain::Any) {
                generator.add_argument(spec, array);
            }
        }
        generator
    }

    /// Adds a node of this op; false if no guess fits.
    fn grow(&mut self, op: &'static OpDef) -> bool {
        CURRENT.set(op.name);
        if std::ptr::eq(op, &ops::PARAMETER) {
            return false;
        }
        (0..GUESSES).any(|_| self.guess(op).is_some())
    }

    fn guess(&mut self, op: &'static OpDef) -> Option<()> {
        let operands = self.operands(op)?;
        let specs: Vec<TensorSpec> = operands.iter().map(|guess| self.spec(guess)).collect();
        let attrs = self.attrs(op, &specs)?;
        // An eager op takes numbers: sizes that the data decides are for the graph to pass on.
        let is_slot = |atom: &Atom| matches!(atom, Atom::Slot(..));
        if attrs.iter().any(|(_, value)| matches!(value, AttrValue::Dims(dims) if dims.iter().any(|d| has(d, is_slot))))
        {
            return None;
        }
        let results = (op.spec)(&SpecCx { inputs: &specs, attrs: &attrs }).ok()?;
        let sizes: Option<Vec<i64>> = results.iter().map(|spec| self.numel(spec)).collect();
        if sizes?.iter().any(|&n| !(0..=MOST_ELEMENTS).contains(&n)) {
            return None;
        }
        let arrays = self.evaluate(op, &attrs, &operands)?;
        let ids: Vec<ValueId> = operands
            .into_iter()
            .map(|guess| match guess {
                Guess::Known(i) => self.values[i].id,
                Guess::New(spec, array) => self.add_argument(spec, array),
            })
            .collect();
        let results = self.builder.apply_at(op, attrs, &ids, Loc::default()).ok()?;
        self.values.extend(results.into_iter().zip(arrays).map(|(id, array)| Known { id, array }));
        self.nodes += 1;
        Some(())
    }

    fn operands(&mut self, op: &'static OpDef) -> Option<Vec<Guess>> {
        let names: Vec<&str> = match op.inputs {
            Operands::Named(names) => names.to_vec(),
            Operands::Variadic { name, least } => vec![name; least + self.random.below(3)],
        };
        let mut guesses: Vec<Guess> = Vec::new();
        for name in names {
            let guess = match guesses.first() {
                _ if name == "state" => {
                    let spec = TensorSpec::new(DType::U64, [2i64]);
                    let array = self.argument(&spec, Domain::Any)?;
                    Guess::New(spec, array)
                }
                None => self.first_operand(op)?,
                Some(first) => {
                    let first = self.spec(first);
                    self.further_operand(op, &first)?
                }
            };
            guesses.push(guess);
        }
        Some(guesses)
    }

    fn first_operand(&mut self, op: &OpDef) -> Option<Guess> {
        let count = self.values.len();
        match self.random.below(10) {
            // Chains are what fuses.
            0..=4 if count > 0 => Some(Guess::Known(count - 1 - self.random.below(count.min(2)))),
            5..=7 if count > 0 => Some(Guess::Known(self.random.below(count))),
            _ => {
                let dtype = self.dtype();
                let rank = *self.random.pick(&[0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5]);
                let spec = TensorSpec::new(dtype, self.lengths(rank));
                let array = self.argument(&spec, op.domain)?;
                Some(Guess::New(spec, array))
            }
        }
    }

    fn further_operand(&mut self, op: &OpDef, first: &TensorSpec) -> Option<Guess> {
        let fits = |generator: &Self, i: usize| generator.spec(&Guess::Known(i)).dtype == first.dtype;
        match self.random.below(10) {
            0..=2 => {
                let like: Vec<usize> = (0..self.values.len()).filter(|&i| fits(self, i)).collect();
                if !like.is_empty() {
                    return Some(Guess::Known(*self.random.pick(&like)));
                }
            }
            3 if !self.values.is_empty() => return Some(Guess::Known(self.random.below(self.values.len()))),
            _ => {}
        }
        let dtype = if self.random.chance(70) { first.dtype } else { self.dtype() };
        let mut dims = first.dims.to_vec();
        match self.random.below(12) {
            0..=3 => {}
            4 | 5 if !dims.is_empty() => _ = dims.remove(0),
            6 if !dims.is_empty() => {
                let at = self.random.below(dims.len());
                dims[at] = Dim::ONE;
            }
            7 if dims.len() > 1 => dims.swap(0, 1),
            8 => dims.truncate(1),
            9 => _ = dims.pop(),
            _ => {
                let rank = self.random.below(5);
                dims = self.lengths(rank);
                // Something in common with the first, as channels are.
                if let (Some(last), Some(len)) = (first.dims.last(), (!dims.is_empty()).then_some(dims.len())) {
                    dims[self.random.below(len)] = last.clone();
                }
            }
        }
        let spec = TensorSpec::new(dtype, dims);
        let array = self.argument(&spec, op.domain)?;
        Some(Guess::New(spec, array))
    }

    fn attrs(&mut self, op: &OpDef, specs: &[TensorSpec]) -> Option<Attrs> {
        if std::ptr::eq(op, &ops::CONSTANT) {
            let (dtype, rank) = (self.dtype(), self.random.below(3));
            let shape: Vec<usize> = (0..rank).map(|_| self.random.below(4)).collect();
            return Some(
                Attrs::new().with("value", values::sample(&mut self.random, dtype, &shape, Domain::Any).ok()?),
            );
        }
        let mut attrs = Attrs::new();
        for def in op.attrs {
            if def.optional && self.random.chance(50) {
                continue;
            }
            match attributes::sample(&mut self.random, def, specs, &self.sizes) {
                Some(value) => attrs.set(def.name, value),
                None if def.optional => {}
                None => return None,
            }
        }
        Some(attrs)
    }

    /// The results, if the op takes these operands' values and they are worth going on with.
    fn evaluate(&mut self, op: &'static OpDef, attrs: &Attrs, operands: &[Guess]) -> Option<Vec<Array>> {
        let mut builder = GraphBuilder::new(op.name);
        let arrays: Vec<Array> = operands
            .iter()
            .map(|guess| match guess {
                Guess::Known(i) => self.values[*i].array.clone(),
                Guess::New(_, array) => array.clone(),
            })
            .collect();
        let parameter =
            |array: &Array| builder.parameter("x", TensorSpec::new(array.dtype(), array.shape().iter().copied()));
        let ids: Vec<ValueId> = arrays.iter().map(parameter).collect();
        let attrs = interp::map_sizes(attrs, &|dim| concrete(dim, &self.symbols));
        let results = builder.apply_at(op, attrs.clone(), &ids, Loc::default()).ok()?;
        let graph = builder.finish(results.to_vec());
        if !is_affordable(&graph) {
            return None;
        }
        let results = match interp::run(&graph, &arrays) {
            Ok(results) => results,
            Err(error) if error.kind() == Kind::Internal => panic!("the reference evaluator fails: {error}"),
            Err(_) => return None,
        };
        if results.iter().any(|array| array.len() > MOST_ELEMENTS as usize) {
            return None;
        }
        let wild = results.iter().any(is_wild);
        let wanted = (!wild || self.random.chance(8)) && is_determined_at(op, &attrs, &arrays);
        wanted.then_some(results)
    }

    fn argument(&mut self, spec: &TensorSpec, domain: Domain) -> Option<Array> {
        let shape: Option<Vec<usize>> =
            spec.dims.iter().map(|d| concrete(d, &self.symbols).as_const().map(|d| d as usize)).collect();
        let shape = shape?;
        if shape.iter().product::<usize>() > MOST_ELEMENTS as usize {
            return None;
        }
        values::sample(&mut self.random, spec.dtype, &shape, domain).ok()
    }

    fn add_argument(&mut self, spec: TensorSpec, array: Array) -> ValueId {
        let id = self.builder.parameter(format!("x{}", self.arguments.len()), spec);
        self.arguments.push(array.clone());
        self.values.push(Known { id, array });
        id
    }

    fn spec(&self, guess: &Guess) -> TensorSpec {
        match guess {
            Guess::Known(i) => self.builder.graph().spec(self.values[*i].id).clone(),
            Guess::New(spec, _) => spec.clone(),
        }
    }

    /// The number of elements; the most there can be if only a kernel finds it.
    fn numel(&self, spec: &TensorSpec) -> Option<i64> {
        spec.dims
            .iter()
            .try_fold(1i64, |product, dim| product.checked_mul(concrete(&bounded(dim), &self.symbols).as_const()?))
    }

    fn dtype(&mut self) -> DType {
        let total = DTYPES.iter().map(|(_, weight)| weight).sum();
        let mut at = self.random.below(total);
        let found = DTYPES.iter().find(|(_, weight)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        found.expect("weights add up").0
    }

    fn lengths(&mut self, rank: usize) -> Vec<Dim> {
        (0..rank)
            .map(|_| match self.random.below(8) {
                0 => Dim::ONE,
                1 => Dim::from(self.random.within(2, 3)),
                _ => self.random.pick(&self.sizes).clone(),
            })
            .collect()
    }

    /// The last values are outputs, and now and then earlier ones, so that groups have several.
    fn finish(mut self) -> Case {
        let used: Vec<ValueId> = self.builder.graph().nodes.iter().flat_map(|n| n.inputs.iter().copied()).collect();
        let is_argument = |v: ValueId| self.builder.graph().inputs.contains(&v);
        let ids: Vec<ValueId> = self.values.iter().map(|v| v.id).collect();
        let mut outputs: Vec<ValueId> = Vec::new();
        for &id in &ids {
            let wanted = if used.contains(&id) { self.random.chance(12) } else { !is_argument(id) };
            if wanted {
                outputs.push(id);
            }
        }
        if outputs.is_empty() {
            outputs.extend(ids.last());
        }
        let graph = self.builder.finish(outputs);
        let floats: Vec<usize> =
            (0..graph.outputs.len()).filter(|&i| graph.spec(graph.outputs[i]).dtype.is_float()).collect();
        let target = (!floats.is_empty() && self.random.chance(70)).then(|| *self.random.pick(&floats));
        let debug_bounds = self.random.chance(50);
        Case { graph, inputs: self.arguments, target, debug_bounds }
    }
}

/// Whether most of what is computed from the array would be NaN or infinite.
fn is_wild(array: &Array) -> bool {
    let most = if matches!(array.dtype(), DType::F16) { 200.0 } else { 1e4 };
    array.dtype().is_float() && eval::floats(array).iter().any(|v| !v.is_finite() || v.abs() > most)
}

/// The size with each slot's bound in its place; with 1 for a slot that has none, whose size shows when it is evaluated.
fn bounded(dim: &Dim) -> Dim {
    dim.substitute(&|atom| match atom {
        Atom::Slot(_, bound) if bound.as_const() == Some(ops::UNBOUNDED) => Some(Dim::ONE),
        Atom::Slot(_, bound) => Some(bounded(bound)),
        _ => None,
    })
}

/// Whether some atom of a size is so.
fn has(dim: &Dim, is: impl Fn(&Atom) -> bool) -> bool {
    let mut found = false;
    dim.visit(&mut |atom| found |= is(atom));
    found
}
