//! Graphs from text, in the grammar of [`graph`](super). Any text gives a valid graph or an error that points at the
//! place: the graph is made by [`GraphBuilder`], which checks it, and depth and counts are limited.

use super::builder::infer;
use super::verify::verify;
use super::{AttrValue, Attrs, Graph, GraphBuilder, OpDef, ValueId, print};
use crate::base::spec::Dims;
use crate::base::{DType, Dim, Error, Kind, Loc, Result, TensorSpec};
use crate::ops;
use crate::text::{Reader, TokenKind, elements};
use rustc_hash::FxHashMap;

/// How deep subgraphs and size expressions may nest.
const MAX_DEPTH: usize = 16;
/// The greatest number of a size symbol or slot, so that tables by symbol stay small.
const MAX_SYMBOL: u32 = 1 << 16;
/// How many terms a size expression may have, and atoms a term: normal forms take quadratic time.
const MAX_TERMS: usize = 256;

/// Reads one graph, with or without the version line. An error says line and column.
pub fn parse(text: &str) -> Result<Graph> {
    let mut parser = Parser { r: Reader::new(text), depth: 0 };
    if parser.r.eat("tracelift") {
        parser.r.expect("graph")?;
        let at = parser.r.peek().at;
        let version: u32 = parser.r.int()?;
        if version != print::VERSION {
            let what = format!("this is version {version} of the format; only version {} is known", print::VERSION);
            return Err(parser.r.error_at(at, what));
        }
    }
    let graph = parser.graph()?;
    parser.r.expect_kind(TokenKind::End, "the end of the text")?;
    // What the builder cannot know: whether inputs bind every size symbol.
    verify(&graph).map_err(|e| Error::new(Kind::File, e.message()))?;
    Ok(graph)
}

/// Reads one size expression.
pub fn parse_dim(text: &str) -> Result<Dim> {
    let mut parser = Parser { r: Reader::new(text), depth: 0 };
    let dim = parser.dim()?;
    parser.r.expect_kind(TokenKind::End, "the end of the text")?;
    Ok(dim)
}

struct Parser<'t> {
    r: Reader<'t>,
    depth: usize,
}

/// The values of the graph being read, by the numbers that the text gives them.
type Values = FxHashMap<u64, ValueId>;

impl Parser<'_> {
    fn graph(&mut self) -> Result<Graph> {
        self.nested(|p| {
            p.r.expect("graph")?;
            p.r.expect("@")?;
            let name = p.name()?;
            let mut builder = GraphBuilder::new(name);
            let mut values = Values::default();
            p.r.expect("(")?;
            p.list(")", |p| p.parameter(&mut builder, &mut values))?;
            p.r.expect("{")?;
            while !p.r.at("return") {
                p.node(&mut builder, &mut values)?;
            }
            p.r.expect("return")?;
            let outputs = if p.r.at("%") { p.operands(&values)? } else { Vec::new() };
            let mut graph = builder.finish(outputs);
            if p.r.eat("donate") {
                p.donations(&mut graph)?;
            }
            p.r.expect("}")?;
            Ok(graph)
        })
    }

    fn name(&mut self) -> Result<String> {
        match self.r.peek().kind {
            TokenKind::Str => self.r.string(),
            _ => Ok(self.r.expect_kind(TokenKind::Ident, "a name")?.text.to_owned()),
        }
    }

    fn parameter(&mut self, builder: &mut GraphBuilder, values: &mut Values) -> Result<()> {
        let number = self.new_value(values)?;
        self.r.expect(":")?;
        let at = self.r.peek().at;
        let spec = self.spec()?;
        let attrs = Attrs::new().with("dtype", spec.dtype).with("dims", spec.dims.as_slice());
        infer(&ops::PARAMETER, &attrs, &[]).map_err(|e| self.r.error_at(at, e))?;
        let name = if self.r.peek().kind == TokenKind::Str { self.r.string()? } else { String::new() };
        values.insert(number, builder.parameter(name, spec));
        Ok(())
    }

    fn node(&mut self, builder: &mut GraphBuilder, values: &mut Values) -> Result<()> {
        let mut results = Vec::new();
        if self.r.at("%") {
            loop {
                let number = self.new_value(values)?;
                if results.contains(&number) {
                    return Err(self.r.expected(format_args!("results with different names, not %{number} twice")));
                }
                results.push(number);
                if !self.r.eat(",") {
                    break;
                }
            }
            self.r.expect("=")?;
        }
        let at = self.r.peek().at;
        let name = self.r.expect_kind(TokenKind::Ident, "`%`, an op or `return`")?.text;
        let op = ops::find(name).ok_or_else(|| self.r.error_at(at, format_args!("there is no op `{name}`")))?;
        if std::ptr::eq(op, &ops::PARAMETER) {
            return Err(self.r.error_at(at, "parameters stand in the graph's head"));
        }
        let operands = if self.r.at("%") { self.operands(values)? } else { Vec::new() };
        let attrs = self.attrs(op)?;
        let made = builder.apply_at(op, attrs, &operands, Loc::default()).map_err(|e| self.r.error_at(at, e))?;
        if made.len() != results.len() {
            let what = format!("`{name}` has {} results, not {}", made.len(), results.len());
            return Err(self.r.error_at(at, what));
        }
        let at = self.r.peek().at;
        if self.r.eat(":") {
            let mut stated = vec![self.spec()?];
            while self.r.eat(",") {
                stated.push(self.spec()?);
            }
            let inferred: Vec<TensorSpec> = made.iter().map(|&v| builder.graph().spec(v).clone()).collect();
            if stated != inferred {
                let what = format!("`{name}` gives {inferred:?} for these operands, not {stated:?}");
                return Err(self.r.error_at(at, what));
            }
        }
        values.extend(results.into_iter().zip(made));
        Ok(())
    }

    fn new_value(&mut self, values: &Values) -> Result<u64> {
        self.r.expect("%")?;
        let at = self.r.peek().at;
        let number = self.r.int()?;
        match values.contains_key(&number) {
            true => Err(self.r.error_at(at, format_args!("%{number} is defined already"))),
            false => Ok(number),
        }
    }

    fn operands(&mut self, values: &Values) -> Result<Vec<ValueId>> {
        let mut operands = Vec::new();
        loop {
            self.r.expect("%")?;
            let at = self.r.peek().at;
            let number = self.r.int()?;
            let value = values.get(&number).copied();
            operands.push(value.ok_or_else(|| self.r.error_at(at, format_args!("%{number} is not defined")))?);
            if !self.r.eat(",") {
                return Ok(operands);
            }
        }
    }

    fn donations(&mut self, graph: &mut Graph) -> Result<()> {
        loop {
            let at = self.r.peek().at;
            let input: u32 = self.r.int()?;
            self.r.expect("->")?;
            let output: u32 = self.r.int()?;
            let old = graph.inputs.get(input as usize).map(|&v| graph.spec(v));
            let new = graph.outputs.get(output as usize).map(|&v| graph.spec(v));
            let again = graph.donations.iter().any(|&(i, o)| i == input || o == output);
            if old.is_none() || old != new || again {
                let what = format!("output {output} cannot be the new value of input {input}: ");
                let why = match (old, new) {
                    _ if again => "one of them is donated already".to_owned(),
                    (Some(old), Some(new)) => format!("it is {new}, the input {old}"),
                    _ => "there is no such input or output".to_owned(),
                };
                return Err(self.r.error_at(at, what + &why));
            }
            graph.donations.push((input, output));
            if !self.r.eat(",") {
                return Ok(());
            }
        }
    }

    fn attrs(&mut self, op: &OpDef) -> Result<Attrs> {
        let mut attrs = Attrs::new();
        if !self.r.eat("{") {
            return Ok(attrs);
        }
        self.list("}", |p| {
            let at = p.r.peek().at;
            let name = p.r.expect_kind(TokenKind::Ident, "an attribute's name")?.text;
            let Some(def) = op.attrs.iter().find(|d| d.name == name) else {
                let known: Vec<_> = op.attrs.iter().map(|d| d.name).collect();
                let what = format!("`{}` has no attribute `{name}`; it has [{}]", op.name, known.join(", "));
                return Err(p.r.error_at(at, what));
            };
            if attrs.get(name).is_some() {
                return Err(p.r.error_at(at, format_args!("attribute `{name}` is given twice")));
            }
            p.r.expect("=")?;
            attrs.set(def.name, p.attr()?);
            Ok(())
        })?;
        Ok(attrs)
    }

    fn attr(&mut self) -> Result<AttrValue> {
        let ahead = self.r.peek();
        match ahead.kind {
            TokenKind::Str => Ok(AttrValue::Str(self.r.string()?.into())),
            _ if self.r.eat("true") => Ok(true.into()),
            _ if self.r.eat("false") => Ok(false.into()),
            _ if self.r.eat("[") => Ok(self.r.list("]", |r| r.int::<i64>())?.into()),
            _ if self.r.eat("dims") => {
                self.r.expect("[")?;
                Ok(self.list("]", Self::dim)?.into())
            }
            _ if self.r.eat("data") => self.data(),
            _ if self.r.at("graph") => Ok(self.graph()?.into()),
            TokenKind::Int | TokenKind::Float | TokenKind::Punct => self.number(),
            TokenKind::Ident if matches!(ahead.text, "inf" | "nan") => self.number(),
            TokenKind::Ident => match DType::from_name(ahead.text) {
                Some(dtype) => {
                    self.r.take();
                    Ok(dtype.into())
                }
                None => Err(self.r.expected("an attribute's value")),
            },
            _ => Err(self.r.expected("an attribute's value")),
        }
    }

    fn number(&mut self) -> Result<AttrValue> {
        let at = self.r.peek().at;
        let number = self.r.number()?;
        if number.is_int {
            let value: Option<i64> = number.to_int();
            return Ok(value.ok_or_else(|| self.r.error_at(at, "the integer does not fit 64 bits"))?.into());
        }
        Ok(elements::to_f64(&self.r, at, &number)?.into())
    }

    fn data(&mut self) -> Result<AttrValue> {
        let at = self.r.peek().at;
        let spec = self.spec()?;
        let shape = spec.const_shape().ok_or_else(|| self.r.error_at(at, "a constant's sizes are numbers"))?;
        Ok(elements::read(&mut self.r, spec.dtype, &shape)?.into())
    }

    fn spec(&mut self) -> Result<TensorSpec> {
        let dtype = elements::read_dtype(&mut self.r)?;
        self.r.expect("[")?;
        let dims: Dims = self.list("]", Self::dim)?.into();
        Ok(TensorSpec { dtype, dims })
    }

    fn dim(&mut self) -> Result<Dim> {
        self.nested(|p| {
            let mut sum = Dim::ZERO;
            let mut negative = p.r.eat("-");
            for _ in 0..MAX_TERMS {
                let term = p.term(negative)?;
                sum = p.short(sum + term)?;
                negative = p.r.at("-");
                if !negative && !p.r.at("+") {
                    return Ok(sum);
                }
                p.r.take();
            }
            Err(p.r.expected(format_args!("at most {MAX_TERMS} terms")))
        })
    }

    fn term(&mut self, negative: bool) -> Result<Dim> {
        let sign = if negative { -1i64 } else { 1 };
        let mut product = Dim::from(sign);
        if self.r.peek().kind == TokenKind::Int {
            let at = self.r.peek().at;
            let magnitude: i128 = self.r.int()?;
            let coefficient = magnitude.checked_mul(sign.into()).and_then(|c| i64::try_from(c).ok());
            product = coefficient.ok_or_else(|| self.r.error_at(at, "the integer does not fit 64 bits"))?.into();
        } else {
            product = product * self.atom()?;
        }
        for _ in 0..MAX_TERMS {
            if !self.r.eat("*") {
                return Ok(product);
            }
            let factor = self.atom()?;
            if product.terms().len().saturating_mul(factor.terms().len()) > MAX_TERMS {
                return Err(self.r.expected(format_args!("at most {MAX_TERMS} terms, multiplied out")));
            }
            product = product * factor;
        }
        Err(self.r.expected(format_args!("at most {MAX_TERMS} factors")))
    }

    /// The size itself, unless its normal form is too long.
    fn short(&self, dim: Dim) -> Result<Dim> {
        match dim.terms().len() <= MAX_TERMS {
            true => Ok(dim),
            false => Err(self.r.expected(format_args!("at most {MAX_TERMS} terms"))),
        }
    }

    fn atom(&mut self) -> Result<Dim> {
        let token = self.r.expect_kind(TokenKind::Ident, "a size")?;
        let number = |prefix: char| token.text.strip_prefix(prefix).and_then(|k| k.parse::<u32>().ok());
        let too_great = |p: &Self| p.r.error_at(token.at, format_args!("symbols are numbered up to {MAX_SYMBOL}"));
        if let Some(k) = number('n') {
            return if k <= MAX_SYMBOL { Ok(Dim::sym(k)) } else { Err(too_great(self)) };
        }
        if let Some(k) = number('s') {
            self.r.expect("(")?;
            self.r.expect("<=")?;
            let bound = self.dim()?;
            self.r.expect(")")?;
            return if k <= MAX_SYMBOL { Ok(Dim::slot(k, bound)) } else { Err(too_great(self)) };
        }
        let combine: fn(&Dim, &Dim) -> Dim = match token.text {
            "floordiv" => Dim::floor_div,
            "mod" => Dim::modulo,
            "max" => Dim::maximum,
            "min" => Dim::minimum,
            name => {
                return Err(self.r.error_at(token.at, format_args!("`{name}` is no size: n0, s0(<=4), max(..), …")));
            }
        };
        self.r.expect("(")?;
        let a = self.dim()?;
        self.r.expect(",")?;
        let b = self.dim()?;
        self.r.expect(")")?;
        self.short(combine(&a, &b))
    }

    /// [`Reader::list`] for items that the parser reads.
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if self.r.eat(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.r.eat(close) {
                return Ok(items);
            }
            if !self.r.eat(",") {
                return Err(self.r.expected(format_args!("`,` or `{close}`")));
            }
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.r.expected(format_args!("at most {MAX_DEPTH} levels of nesting")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
