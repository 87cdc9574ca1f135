//! Tokens with positions, shared by both IRs.
//!
//! ```text
//! ident  = [A-Za-z_][A-Za-z0-9_]*
//! int    = [0-9]+ | "0x" [0-9A-Fa-f]+
//! float  = [0-9]+ ("." [0-9]+)? ([eE] [+-]? [0-9]+)?        with a point, an exponent, or both
//! string = '"' (any but '"', '\', newline | '\"' | '\\' | '\n' | '\t' | '\r' | '\u{' hex '}')* '"'
//! punct  = "->" | "<=" | any other ASCII punctuation character
//! ```
//! White space separates; `//` begins a comment that ends with the line. Nothing fails here: what is no token becomes
//! [`TokenKind::Bad`], which no reader expects.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TokenKind {
    Ident,
    Int,
    Float,
    /// With its quotes and escapes.
    Str,
    Punct,
    /// Nothing that the grammar knows.
    Bad,
    /// The end of the text.
    End,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub struct Token<'t> {
    /// What it is.
    pub kind: TokenKind,
    /// Its characters.
    pub text: &'t str,
    /// The byte where it begins.
    pub at: usize,
}

/// The first token at or after byte `from`, which must be a character boundary.
pub fn token(text: &str, from: usize) -> Token<'_> {
    let at = skip_blank(text, from);
    let rest = &text[at..];
    let (kind, len) = match rest.chars().next() {
        None => (TokenKind::End, 0),
        Some(c) if c.is_ascii_alphabetic() || c == '_' => (TokenKind::Ident, span(rest, is_word)),
        Some(c) if c.is_ascii_digit() => number(rest),
        Some('"') => string(rest),
        Some(_) if rest.starts_with("->") || rest.starts_with("<=") => (TokenKind::Punct, 2),
        Some(c) if c.is_ascii_punctuation() => (TokenKind::Punct, 1),
        Some(c) => (TokenKind::Bad, c.len_utf8()),
    };
    Token { kind, text: &rest[..len], at }
}

fn skip_blank(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        at += span(&text[at..], char::is_whitespace);
        if !text[at..].starts_with("//") {
            return at;
        }
        at += span(&text[at..], |c| c != '\n');
    }
}

fn number(rest: &str) -> (TokenKind, usize) {
    if let Some(digits) = rest.strip_prefix("0x") {
        return (TokenKind::Int, 2 + span(digits, |c| c.is_ascii_hexdigit()));
    }
    let digits = |from: usize| span(&rest[from..], |c| c.is_ascii_digit());
    let mut len = digits(0);
    let mut kind = TokenKind::Int;
    if rest[len..].starts_with('.') && digits(len + 1) > 0 {
        len += 1 + digits(len + 1);
        kind = TokenKind::Float;
    }
    if rest[len..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[len + 1..].starts_with(['+', '-']));
        if digits(len + 1 + sign) > 0 {
            len += 1 + sign + digits(len + 1 + sign);
            kind = TokenKind::Float;
        }
    }
    (kind, len)
}

fn string(rest: &str) -> (TokenKind, usize) {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return (TokenKind::Bad, i),
            '"' if !escaped => return (TokenKind::Str, i + 1),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    (TokenKind::Bad, rest.len())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The length in bytes of the longest prefix of such characters.
fn span(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind() {
        let text = "%a_1 -1.5e-3<=0x1F \"a\\\"b\" 1e5 7.x // gone\n ß";
        let mut tokens = Vec::new();
        let mut at = 0;
        loop {
            let t = token(text, at);
            if t.kind == TokenKind::End {
                break;
            }
            tokens.push((t.kind, t.text));
            at = t.at + t.text.len();
        }
        use TokenKind::*;
        let start = [(Punct, "%"), (Ident, "a_1"), (Punct, "-"), (Float, "1.5e-3"), (Punct, "<="), (Int, "0x1F")];
        let end = [(Str, "\"a\\\"b\""), (Float, "1e5"), (Int, "7"), (Punct, "."), (Ident, "x"), (Bad, "ß")];
        assert_eq!(tokens, [start, end].concat());
    }
}
