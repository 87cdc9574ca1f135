//! House rules as tests: start with [`files_have_headers_and_one_subject`].

fn main() {}
