//! A cursor over tokens, and errors that show the line with a caret.

use super::lexer::{Token, TokenKind, token};
use crate::base::{Error, Kind, Result};
use std::fmt::Display;

/// Reads one token at a time.
#[derive(Clone, Debug)]
pub struct Reader<'t> {
    text: &'t str,
    next: Token<'t>,
}

/// A number as written: sign, digits (or `inf`, `nan`), and the bits of a NaN if they are given.
#[derive(Clone, Copy, Debug)]
pub struct Number<'t> {
    /// Whether a minus stands before it.
    pub negative: bool,
    /// The rest of it.
    pub text: &'t str,
    /// Whether it has neither point nor exponent.
    pub is_int: bool,
    /// `nan(0x7fc00001)`
    pub nan_bits: Option<u64>,
}

impl<'t> Reader<'t> {
    /// Starts before the first token.
    pub fn new(text: &'t str) -> Self {
        Self { text, next: token(text, 0) }
    }

    /// The token ahead.
    pub fn peek(&self) -> Token<'t> {
        self.next
    }

    /// Whether the token ahead is this identifier or punctuation.
    pub fn at(&self, text: &str) -> bool {
        matches!(self.next.kind, TokenKind::Ident | TokenKind::Punct) && self.next.text == text
    }

    /// Takes the token ahead, whatever it is.
    pub fn take(&mut self) -> Token<'t> {
        let taken = self.next;
        self.next = token(self.text, taken.at + taken.text.len());
        taken
    }

    /// Takes the token ahead if it is this one.
    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.at(text);
        if found {
            self.take();
        }
        found
    }

    /// Takes this identifier or punctuation, or fails.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        if self.eat(text) { Ok(()) } else { Err(self.expected(format_args!("`{text}`"))) }
    }

    /// Takes a token of a kind, or fails.
    pub fn expect_kind(&mut self, kind: TokenKind, what: &str) -> Result<Token<'t>> {
        if self.next.kind == kind { Ok(self.take()) } else { Err(self.expected(what)) }
    }

    /// Takes the text up to a character, which stays ahead: a name that is no identifier.
    pub fn up_to(&mut self, end: char) -> Result<&'t str> {
        let from = self.next.at;
        let len = self.text[from..].find(end).ok_or_else(|| self.expected(format_args!("a name and `{end}`")))?;
        self.next = token(self.text, from + len);
        Ok(&self.text[from..from + len])
    }

    /// Takes a string and resolves its escapes.
    pub fn string(&mut self) -> Result<String> {
        let token = self.expect_kind(TokenKind::Str, "a string")?;
        let inner = &token.text[1..token.text.len() - 1];
        unescape(inner).ok_or_else(|| self.error_at(token.at, "unknown escape in string"))
    }

    /// Takes a number: `-1`, `0.5`, `1e-3`, `inf`, `nan`, `nan(0x7fc00001)`.
    pub fn number(&mut self) -> Result<Number<'t>> {
        let negative = self.eat("-");
        let ahead = self.next;
        let special = ahead.kind == TokenKind::Ident && (ahead.text == "inf" || (ahead.text == "nan" && !negative));
        if !special && !matches!(ahead.kind, TokenKind::Int | TokenKind::Float) {
            return Err(self.expected("a number"));
        }
        self.take();
        let mut number = Number { negative, text: ahead.text, is_int: ahead.kind == TokenKind::Int, nan_bits: None };
        if ahead.text == "nan" && self.eat("(") {
            let token = self.expect_kind(TokenKind::Int, "the bits of a NaN")?;
            let bits = token.text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
            let wrong = || self.error_at(token.at, "expected hexadecimal bits, as in 0x7fc00001");
            number.nan_bits = Some(bits.ok_or_else(wrong)?);
            self.expect(")")?;
        }
        Ok(number)
    }

    /// Takes an integer of any integer type.
    pub fn int<T: TryFrom<i128>>(&mut self) -> Result<T> {
        let at = self.next.at;
        let number = self.number()?;
        number.to_int().ok_or_else(|| self.error_at(at, "expected an integer within the type's range"))
    }

    /// Takes `item, item, …` up to and with `close`; the opening token has been taken.
    pub fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if self.eat(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(close) {
                return Ok(items);
            }
            if !self.eat(",") {
                return Err(self.expected(format_args!("`,` or `{close}`")));
            }
        }
    }

    /// An error at the token ahead: what would have been right, and what is there.
    pub fn expected(&self, what: impl Display) -> Error {
        let found = match self.next.kind {
            TokenKind::End => "the end of the text".to_owned(),
            TokenKind::Bad if self.next.text.starts_with('"') => "a string that does not end".to_owned(),
            _ => format!("`{}`", clip(self.next.text)),
        };
        self.error_at(self.next.at, format_args!("expected {what}; found {found}"))
    }

    /// An error at a byte of the text.
    pub fn error_at(&self, at: usize, what: impl Display) -> Error {
        let before = &self.text[..at];
        let begin = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[begin..].chars().count() + 1;
        // A constant may be one very long line: show what is around the place.
        let skip = column.saturating_sub(80);
        let shown: String = self.text[begin..].lines().next().unwrap_or("").chars().skip(skip).take(120).collect();
        let (margin, caret) = (line.to_string().len(), column - 1 - skip);
        let shown = format!("{line} | {shown}\n  {:margin$} | {:caret$}^", "", "");
        Error::new(Kind::File, format!("line {line}, column {column}: {what}\n  {shown}"))
    }
}

impl Number<'_> {
    /// The integer, if it is one within the type.
    pub fn to_int<T: TryFrom<i128>>(&self) -> Option<T> {
        if !self.is_int {
            return None;
        }
        let magnitude = match self.text.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16).ok()?,
            None => self.text.parse::<i128>().ok()?,
        };
        T::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// The number with its sign, for `str::parse` of a float type.
    pub fn signed(&self) -> String {
        format!("{}{}", if self.negative { "-" } else { "" }, self.text)
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        result.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'u' => {
                    let hex: String = chars.by_ref().take_while(|&c| c != '}').collect();
                    char::from_u32(u32::from_str_radix(hex.strip_prefix('{')?, 16).ok()?)?
                }
                c @ ('"' | '\\') => c,
                _ => return None,
            },
            c => c,
        });
    }
    Some(result)
}

fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(40).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_point_at_the_place() {
        let mut r = Reader::new("a b\n  c [1, 2; 3]");
        (0..4).for_each(|_| _ = r.take());
        let e = r.list("]", |r| r.int::<i64>()).unwrap_err();
        assert_eq!(
            e.message(),
            "line 2, column 10: expected `,` or `]`; found `;`\n  2 |   c [1, 2; 3]\n    |          ^"
        );
    }

    #[test]
    fn numbers_and_strings() {
        let mut r = Reader::new(r#"-9223372036854775808 18446744073709551615 -1.5 nan(0x1) -inf "a\u{1F600}\"" 300"#);
        assert_eq!(r.int::<i64>().unwrap(), i64::MIN);
        assert_eq!(r.int::<u64>().unwrap(), u64::MAX);
        assert_eq!(r.number().unwrap().signed(), "-1.5");
        assert_eq!(r.number().unwrap().nan_bits, Some(1));
        assert_eq!(r.number().unwrap().signed(), "-inf");
        assert_eq!(r.string().unwrap(), "a\u{1F600}\"");
        assert!(r.int::<u8>().is_err());
    }
}
