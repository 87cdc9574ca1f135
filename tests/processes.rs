//! What a process tells and leaves behind: dumps, messages, the disk cache. Each test runs this binary again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tl::prelude::*;
use tracelift as tl;

/// What the child does: an eager op, a traced function called twice.
fn work() {
    #[function]
    fn f(x: &Tensor) -> Tensor {
        tl::tanh(x * 2.0 + 1.0) * 1.0
    }
    let x = constant([[0.5, 1.0], [1.5, 2.0]]);
    let y = f(&x);
    assert_eq!(f(&x), y);
    tl::testing::assert_all_close(&y, tl::tanh(&x * 2.0 + 1.0));
    let total = tl::reduce_sum(tl::exp(y));
    assert!(total.item() > 0.0);
}

/// Not a test of its own: the body of the children.
#[test]
#[ignore = "run by the other tests in a process of its own"]
fn child() {
    if std::env::var_os("TRACELIFT_TEST_MANY_TRACES").is_some() {
        let f = tl::function(|x: &Tensor, n: &f64| x * *n);
        for n in 0..6 {
            f.call(&constant([1.0]), &f64::from(n));
        }
        return;
    }
    work();
}

fn start(settings: &[(&str, &str)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "child", "--nocapture"]);
    for name in ["TRACELIFT_DUMP", "TRACELIFT_LOG", "TRACELIFT_CACHE_DIR"] {
        command.env_remove(name);
    }
    command.envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What the child writes to standard error.
fn finish(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn run(settings: &[(&str, &str)]) -> String {
    finish(start(settings))
}

#[test]
fn each_dump_level_adds_its_own() {
    // What only this level and those above show.
    let signs = [
        ("=== compiled f(", "=== ran f: "),
        ("=== @f: groups, kernels, steps", "group over ["),
        ("=== @f before passes", "=== @f after "),
        ("=== code of kernel @", "fadd"),
        ("  multiply_one: ", " => "),
    ];
    assert_eq!(run(&[]), "");
    assert_eq!(run(&[("TRACELIFT_DUMP", "0")]), "");
    for level in 1..=5 {
        let text = run(&[("TRACELIFT_DUMP", &level.to_string())]);
        for (k, (first, second)) in signs.iter().enumerate() {
            let shown = text.contains(first) && (k == 4 || text.contains(second));
            assert_eq!(shown, k < level, "level {level}, `{first}`:\n{text}");
        }
        assert_eq!(text.matches("=== ran f: ").count(), 2);
    }
}

#[test]
fn messages_by_level() {
    let many = ("TRACELIFT_TEST_MANY_TRACES", "1");
    let warning = "has been traced 6 times; the last time because of:\n`1`: another static value";
    let text = run(&[many]);
    assert!(text.starts_with("tracelift: `closure` (tests/processes.rs:") && text.contains(warning), "{text}");
    assert_eq!(text.matches("tracelift: ").count(), 1);
    assert_eq!(run(&[many, ("TRACELIFT_LOG", "off")]), "");
    let text = run(&[many, ("TRACELIFT_LOG", "info")]);
    assert_eq!(text.matches("tracelift: ").count(), 6, "{text}");
}

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tracelift-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn kernels(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|e| e == "kernel")).collect()
    }

    fn run(&self) -> String {
        run(&[("TRACELIFT_CACHE_DIR", self.path()), ("TRACELIFT_DUMP", "1")])
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The sum of the numbers before `what` in the lines that tell of compiled programs.
fn count(text: &str, what: &str) -> usize {
    let of = |line: &str| line.split(what).next()?.rsplit([' ', '(']).find(|w| !w.is_empty())?.parse::<usize>().ok();
    text.lines().filter(|l| l.starts_with("=== compiled ")).filter_map(of).sum()
}

fn damage(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0x55;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_second_process_compiles_nothing() {
    let folder = Folder::new("second");
    let first = folder.run();
    assert!(count(&first, " compiled,") > 0 && count(&first, " from disk") == 0, "{first}");
    assert_eq!(folder.kernels().len(), count(&first, " compiled,"));
    let second = folder.run();
    assert_eq!(count(&second, " compiled,"), 0, "{second}");
    assert_eq!(count(&second, " from disk"), folder.kernels().len());
}

#[test]
fn damaged_entries_are_compiled_again() {
    let folder = Folder::new("damaged");
    let all = count(&folder.run(), " compiled,");
    let files = folder.kernels();
    for (k, path) in files.iter().enumerate() {
        match k % 3 {
            0 => damage(path, 10),
            1 => damage(path, usize::MAX / 2),
            _ => std::fs::write(path, b"").unwrap(),
        }
    }
    let again = folder.run();
    assert_eq!((count(&again, " compiled,"), count(&again, " from disk")), (all, 0), "{again}");
    // They were replaced by good ones.
    assert_eq!(count(&folder.run(), " compiled,"), 0);
}

#[test]
fn concurrent_writers_leave_whole_entries() {
    let folder = Folder::new("writers");
    let children: Vec<Child> = (0..4).map(|_| start(&[("TRACELIFT_CACHE_DIR", folder.path())])).collect();
    children.into_iter().for_each(|child| assert_eq!(finish(child), ""));
    let after = folder.run();
    assert_eq!(count(&after, " compiled,"), 0, "{after}");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), folder.kernels().len(), "files left aside");
}

/// A folder that cannot be written costs nothing but the cache.
#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let text = run(&[("TRACELIFT_CACHE_DIR", "/dev/null/nowhere"), ("TRACELIFT_DUMP", "1")]);
    assert!(count(&text, " compiled,") > 0);
}
