//! Reads the expressions that the corpora write calls in: a small part of Python's, as a tree. [`parse`].
//!
//! Literals, lists and tuples, names, attributes, calls with keywords, indices and slices, arithmetic, comparisons
//! and lambdas; nothing is evaluated here. Precedences are Python's.

/// Positional and keyword arguments of a call.
type Arguments = (Vec<Expr>, Vec<(String, Expr)>);

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `3`, `0xff`, `1_000`
    Int(i128),
    /// `0.5`, `1e38`
    Float(f64),
    /// `'SAME'`
    Str(String),
    /// `tf`, `None`
    Name(String),
    /// `tf.float32`
    Attribute(Box<Expr>, String),
    /// `[1, 2]`, `(1, 2)`
    List(Vec<Expr>),
    /// `-x`, `not x`
    Unary(&'static str, Box<Expr>),
    /// `x // y`
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `f(x, axis=0)`
    Call(Box<Expr>, Vec<Expr>, Vec<(String, Expr)>),
    /// `x[0, ::2]`
    Index(Box<Expr>, Vec<Item>),
    /// `lambda x, y: x`
    Lambda(Vec<String>, Box<Expr>),
}

/// One part of an index.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `0`, `tf.newaxis`
    At(Expr),
    /// `begin:end:step`
    Slice([Option<Expr>; 3]),
    /// `...`
    Ellipsis,
}

/// The expression, or what cannot be read and where.
pub fn parse(text: &str) -> Result<Expr, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0 };
    let expr = reader.expression()?;
    match reader.peek() {
        Token::End => Ok(expr),
        other => Err(format!("unexpected {other:?} behind the expression")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Int(i128),
    Float(f64),
    Str(String),
    Name(String),
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: &[&str] = &[
    "...", "**", "//", "<<", ">>", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">",
    "(", ")", "[", "]", ",", ":", ".", "=",
];

/// Binary operators from the loosest to the tightest; `**` and unary ones bind tighter.
const LEVELS: &[&[&str]] = &[
    &["or"],
    &["and"],
    &["==", "!=", "<=", ">=", "<", ">"],
    &["|"],
    &["^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "//", "/", "%", "@"],
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) =
            if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                number(rest)?
            } else if first == '\'' || first == '"' {
                let end = rest[1..].find(first).ok_or_else(|| format!("no closing {first} in `{rest}`"))?;
                (Token::Str(rest[1..=end].to_owned()), end + 2)
            } else if first.is_alphabetic() || first == '_' {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest[..length].to_owned()), length)
            } else {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| format!("unexpected `{first}` in `{rest}`"))?;
                (Token::Sign(sign), sign.len())
            };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens.push(Token::End);
    Ok(tokens)
}

/// The number at the start of `text`, and its length.
fn number(text: &str) -> Result<(Token, usize), String> {
    let run = |text: &str, is_digit: fn(char) -> bool| text.find(|c| !is_digit(c)).unwrap_or(text.len());
    if let Some(digits) = text.strip_prefix("0x") {
        let length = run(digits, |c| c.is_ascii_hexdigit());
        let value = i128::from_str_radix(&digits[..length], 16).map_err(|e| format!("{text}: {e}"))?;
        return Ok((Token::Int(value), length + 2));
    }
    let is_digit = |c: char| c.is_ascii_digit() || c == '_';
    let mut length = run(text, is_digit);
    let mut is_float = false;
    if text[length..].starts_with('.') {
        is_float = true;
        length += 1 + run(&text[length + 1..], is_digit);
    }
    if let Some(exponent) = text[length..].strip_prefix(['e', 'E']) {
        let sign = exponent.starts_with(['+', '-']) as usize;
        let digits = run(&exponent[sign..], is_digit);
        if digits > 0 {
            is_float = true;
            length += 1 + sign + digits;
        }
    }
    let plain = text[..length].replace('_', "");
    let token = match is_float {
        true => plain.parse().map(Token::Float).map_err(|e| format!("{plain}: {e}")),
        false => plain.parse().map(Token::Int).map_err(|e| format!("{plain}: {e}")),
    };
    Ok((token?, length))
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    /// Steps over `sign` if it is next.
    fn skip(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.at += is_next as usize;
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        match self.skip(sign) {
            true => Ok(()),
            false => Err(format!("expected `{sign}`, found {:?}", self.peek())),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek().clone() {
            Token::Name(name) => {
                self.at += 1;
                Ok(name)
            }
            other => Err(format!("expected a name, found {other:?}")),
        }
    }

    fn expression(&mut self) -> Result<Expr, String> {
        if *self.peek() != Token::Name("lambda".to_owned()) {
            return self.binary(0);
        }
        self.at += 1;
        let mut names = Vec::new();
        while !self.skip(":") {
            names.push(self.name()?);
            self.skip(",");
        }
        Ok(Expr::Lambda(names, Box::new(self.expression()?)))
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            let word = match self.peek() {
                Token::Sign(sign) => sign,
                Token::Name(name) => name.as_str(),
                _ => return Ok(left),
            };
            let Some(sign) = signs.iter().find(|s| **s == word) else { return Ok(left) };
            self.at += 1;
            left = Expr::Binary(sign, Box::new(left), Box::new(self.binary(level + 1)?));
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        for sign in ["-", "+", "~"] {
            if self.skip(sign) {
                return Ok(Expr::Unary(sign, Box::new(self.unary()?)));
            }
        }
        if *self.peek() == Token::Name("not".to_owned()) {
            self.at += 1;
            return Ok(Expr::Unary("not", Box::new(self.binary(2)?)));
        }
        let base = self.postfix()?;
        match self.skip("**") {
            // Binds to the right, and tighter than a sign on its left.
            true => Ok(Expr::Binary("**", Box::new(base), Box::new(self.unary()?))),
            false => Ok(base),
        }
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.atom()?;
        loop {
            if self.skip(".") {
                expr = Expr::Attribute(Box::new(expr), self.name()?);
            } else if self.skip("(") {
                let (arguments, keywords) = self.arguments()?;
                expr = Expr::Call(Box::new(expr), arguments, keywords);
            } else if self.skip("[") {
                let mut items = vec![self.item()?];
                while self.skip(",") && *self.peek() != Token::Sign("]") {
                    items.push(self.item()?);
                }
                self.expect("]")?;
                expr = Expr::Index(Box::new(expr), items);
            } else {
                return Ok(expr);
            }
        }
    }

    fn arguments(&mut self) -> Result<Arguments, String> {
        let (mut arguments, mut keywords) = (Vec::new(), Vec::new());
        while !self.skip(")") {
            match (self.peek().clone(), self.tokens.get(self.at + 1)) {
                (Token::Name(name), Some(Token::Sign("="))) => {
                    self.at += 2;
                    keywords.push((name, self.expression()?));
                }
                _ => arguments.push(self.expression()?),
            }
            if !self.skip(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok((arguments, keywords))
    }

    fn item(&mut self) -> Result<Item, String> {
        if self.skip("...") {
            return Ok(Item::Ellipsis);
        }
        let is_end = |t: &Token| matches!(t, Token::Sign(":" | "," | "]"));
        let mut bounds = [None, None, None];
        let mut k = 0;
        loop {
            if !is_end(self.peek()) {
                bounds[k] = Some(self.expression()?);
            }
            if k == 2 || !self.skip(":") {
                break;
            }
            k += 1;
        }
        match (k, bounds) {
            (0, [Some(at), ..]) => Ok(Item::At(at)),
            (0, _) => Err("an empty index".to_owned()),
            (_, bounds) => Ok(Item::Slice(bounds)),
        }
    }

    fn atom(&mut self) -> Result<Expr, String> {
        let token = self.peek().clone();
        self.at += 1;
        match token {
            Token::Int(v) => Ok(Expr::Int(v)),
            Token::Float(v) => Ok(Expr::Float(v)),
            Token::Str(v) => Ok(Expr::Str(v)),
            Token::Name(v) => Ok(Expr::Name(v)),
            Token::Sign("[") => Ok(Expr::List(self.list("]")?.0)),
            Token::Sign("(") => match self.list(")")? {
                (mut items, false) if items.len() == 1 => Ok(items.swap_remove(0)),
                (items, _) => Ok(Expr::List(items)),
            },
            other => Err(format!("unexpected {other:?}")),
        }
    }

    /// Expressions up to `close`, and whether a comma stood behind the last.
    fn list(&mut self, close: &str) -> Result<(Vec<Expr>, bool), String> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.skip(close) {
            items.push(self.expression()?);
            comma = self.skip(",");
            if !comma {
                self.expect(close)?;
                break;
            }
        }
        Ok((items, comma))
    }
}
