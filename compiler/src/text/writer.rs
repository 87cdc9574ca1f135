//! Text under construction: lines with indentation, lists, strings with escapes.

use std::fmt::{Display, Write};

/// Collects text.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    text: String,
    indent: usize,
}

impl Writer {
    /// No text yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends.
    pub fn put(&mut self, what: impl Display) {
        let _ = write!(self.text, "{what}");
    }

    /// Ends the line.
    pub fn newline(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.indent));
    }

    /// Lines that are begun from here on are one step further in.
    pub fn indent(&mut self) {
        self.indent += 1;
    }

    /// Undoes [`indent`](Self::indent).
    pub fn dedent(&mut self) {
        self.indent -= 1;
    }

    /// Appends `item, item, …`.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut put: impl FnMut(&mut Self, T)) {
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.put(", ");
            }
            put(self, item);
        }
    }

    /// Appends a string in quotes.
    pub fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                '\r' => self.text.push_str("\\r"),
                c if c.is_control() => self.put(format_args!("\\u{{{:x}}}", c as u32)),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}
