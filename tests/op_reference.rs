//! `docs/ops.md`, the op reference, is what the table says. `TRACELIFT_BLESS=1 cargo test --test op_reference` writes it.

mod support;

use support::{bless, diff, root};
use tracelift::reference;

const PAGE: &str = "docs/ops.md";

const HEAD: &str = "# Ops

The ops of the table in `compiler/src/ops/table` that are for users, by name: written by
`TRACELIFT_BLESS=1 cargo test --test op_reference`; `tracelift ops` lists them, `tracelift ops NAME` shows one. In Rust each
is a function and, if it has operands, a method, and a `try_` twin of both; their docs are taken from here when the crate
is compiled. One with optional attributes has a form `NAME_with` that takes them all, a reduction has forms `NAME_axis` and
`NAME_keepdims`. Random numbers are in the module `random`.

Dtypes are those that all operands may have together, found by asking the op about operands of 2 by 3; so is the first
example. The second is computed, and its floats are rounded to five digits.
";

#[test]
fn the_page_says_what_the_table_says() {
    let mut names = reference::names();
    names.sort();
    let sections = names.into_iter().map(|name| reference::page(name).expect("every op has a page"));
    let page = sections.fold(HEAD.to_owned(), |page, section| page + "\n" + &section);
    let path = root().join(PAGE);
    if bless() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == committed, "{PAGE} is stale; bless with TRACELIFT_BLESS=1\n{}", diff(&committed, &page));
}
