//! The docs of op functions and methods: sections of the reference of ops, which a test keeps as the table says.
//!
//! An op that has no section yet has the doc that its line of the table gives.

use proc_macro2::TokenStream;
use quote::quote;
use std::collections::HashMap;
use std::path::Path;
use syn::LitStr;

/// The sections of a reference by op.
pub struct OpDocs {
    /// Relative to the folder of the crate being compiled.
    path: String,
    sections: HashMap<String, String>,
}

impl OpDocs {
    /// Reads the file; one that cannot be read has no sections, and [`tracked`](Self::tracked) is an error.
    pub fn read(path: &LitStr) -> OpDocs {
        let path = path.value();
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let text = std::fs::read_to_string(Path::new(&folder).join(&path)).unwrap_or_default();
        let section = |text: &str| {
            let (name, body) = text.split_once("`\n")?;
            Some((name.to_owned(), escaped(body.trim())))
        };
        let sections = text.split("\n## `").skip(1).filter_map(section).collect();
        OpDocs { path, sections }
    }

    /// An item that makes the compiler look again when the file has changed.
    pub fn tracked(&self) -> TokenStream {
        let path = format!("/{}", self.path);
        quote!(
            const _: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), #path));
        )
    }

    /// `first`, then the op's whole section.
    pub fn whole(&self, first: &str, op: &str) -> String {
        self.sections.get(op).map_or_else(|| first.to_owned(), |section| format!("{first}\n\n{section}"))
    }

    /// `first`, then what the op computes.
    pub fn brief(&self, first: &str, op: &str) -> String {
        let meaning = self.sections.get(op).and_then(|section| section.split("\n\n").next());
        meaning.map_or_else(|| first.to_owned(), |meaning| format!("{first}\n\n{meaning}"))
    }
}

/// Text with brackets outside of code kept from becoming links or tags.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(i, part)| match i % 2 {
        0 => part.replace('[', "\\[").replace('<', "\\<"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn code_stays_and_brackets_outside_are_escaped() {
        assert_eq!(escaped("`x[0]` in [0, 1], a < b"), "`x[0]` in \\[0, 1], a \\< b");
    }
}
