//! What the top-level tests share: the repository's files, blessing, readable diffs.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether expectations are to be rewritten instead of checked: `TRACELIFT_BLESS=1`.
#[allow(dead_code)] // Not every test binary has expectations.
pub fn bless() -> bool {
    std::env::var("TRACELIFT_BLESS").is_ok_and(|v| v == "1")
}

/// Every file below `folder` with this extension, sorted. A folder that does not exist has none.
#[allow(dead_code)] // Not every test binary looks at many files.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The path as seen from the root.
#[allow(dead_code)]
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Lines of both texts: ` ` common, `-` expected only, `+` received only.
#[allow(dead_code)]
pub fn diff(expected: &str, received: &str) -> String {
    let (a, b): (Vec<_>, Vec<_>) = (expected.lines().collect(), received.lines().collect());
    // Lengths of the longest common subsequences of the suffixes.
    let mut common = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < a.len() || j < b.len() {
        let (sign, line) = if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
            (' ', a[i - 1])
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', a[i - 1])
        } else {
            j += 1;
            ('+', b[j - 1])
        };
        text.push_str(&format!("  {sign} {line}\n"));
    }
    text
}
