//! The op reference on a terminal: `docs/ops.md`, whole or one op's part. A test keeps the page and the table in step.

const PAGE: &str = include_str!("../../../docs/ops.md");

/// The names of all ops, one a line.
pub fn names() -> String {
    sections().map(|(name, _)| format!("{name}\n")).collect()
}

/// The part about an op; an error with the names that contain it, if there is none.
pub fn about(name: &str) -> Result<&'static str, String> {
    if let Some((_, text)) = sections().find(|(n, _)| *n == name) {
        return Ok(text);
    }
    let similar: Vec<&str> = sections().map(|(n, _)| n).filter(|n| n.contains(name)).collect();
    Err(match similar.is_empty() {
        true => format!("no op `{name}`; `tracelift ops` lists all"),
        false => format!("no op `{name}`; there are: {}", similar.join(", ")),
    })
}

/// Each op's name and part of the page.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGE.split("\n## ").skip(1).filter_map(|section| {
        let (name, text) = section.split_once('\n')?;
        Some((name.trim_matches('`'), text.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_is_found_by_name() {
        assert!(names().lines().any(|name| name == "softmax"));
        assert!(about("softmax").unwrap().contains("- gradient: "));
        assert!(about("softm").unwrap_err().contains("softmax"));
    }
}
