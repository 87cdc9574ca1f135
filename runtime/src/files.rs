//! [`write_atomically`]: how everything that Tracelift saves gets into its file.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file at once or not at all: readers, other writers and a crash of this process find the old file or the new
/// one, whole. On an error nothing is left behind.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let path = path.as_ref();
    let name = path.file_name().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the path names no file"))?;
    // In the same folder, so that renaming does not copy; of a name that no other writer has at the time.
    let mut aside = name.to_owned();
    aside.push(format!(".{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let aside = path.with_file_name(aside);
    let written = std::fs::write(&aside, bytes).and_then(|()| std::fs::rename(&aside, path));
    if written.is_err() {
        // It may not exist; what matters is the first error.
        let _ = std::fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn writers_at_once_do_not_mix_and_leave_nothing() {
        let folder = std::env::temp_dir().join(format!("tracelift-files-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("taken/inside")).unwrap();
        std::thread::scope(|scope| {
            for k in 0..8u8 {
                let folder = &folder;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write_atomically(folder.join("shared"), &[k; 10_000]).unwrap();
                        write_atomically(folder.join(format!("file.{k}")), &[k; 10]).unwrap();
                    }
                });
            }
        });
        let whole = fs::read(folder.join("shared")).unwrap();
        assert!(whole.len() == 10_000 && whole.iter().all(|&byte| byte == whole[0]));
        assert!((0..8u8).all(|k| fs::read(folder.join(format!("file.{k}"))).unwrap() == [k; 10]));
        // A folder is in the way.
        assert!(write_atomically(folder.join("taken"), b"new").is_err());
        assert!(write_atomically("/", b"new").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 10);
        fs::remove_dir_all(&folder).unwrap();
    }
}
