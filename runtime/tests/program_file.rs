//! The saved form of programs: round trips, listings, and every way in which a file can be wrong.
#![cfg(target_arch = "x86_64")]

mod support;

use std::path::PathBuf;
use support::*;
use tracelift_runtime::error::Kind;
use tracelift_runtime::program::{Dim, Program, Step};
use tracelift_runtime::{Array, DType, Error};

/// Where the body begins: after magic, version, length and checksum.
const HEADER: usize = 28;

/// A program with something of everything.
fn everything() -> Program {
    let mut b = Builder::new("everything");
    let (n, m) = (b.symbol(0, 0), b.symbol(0, 1));
    let x = b.input("x", DType::F32, &[n.clone(), m.clone()]);
    let state = b.input("model/w", DType::F32, &[Dim::from(4i64)]);
    let y = b.output("y", DType::F32, &[m.clone(), n.clone()]);
    let new = b.output("model/w", DType::F32, &[Dim::from(4i64)]);
    let odd = (n.clone() * m.clone()).ceil_div(&Dim::from(3i64)).maximum(&n.modulo(&m)).minimum(&Dim::from(99i64));
    let t = b.temp(DType::F32, n.clone() * m.clone(), 0, 1);
    b.temp(DType::U8, odd, 0, 0);
    let c = b.constant(&[1.0, 2.0, 3.0, 4.0]);
    let (double, add) = (b.kernel("double", DOUBLE), b.kernel("add", ADD));
    b.kernel("check", COPY_NONZERO);
    b.run(double, &[x, t], &[], n.clone() * m.clone());
    let from = b.tensor_ref(t, &[n.clone(), m.clone()]);
    let to = b.tensor_ref(y, &[m.clone(), n.clone()]);
    b.library("transpose", vec![from], vec![to], &[1, 0]);
    let epilogue = b.kernel_call(double, &[y, y], std::slice::from_ref(&n), m);
    let Some(Step::Library(call)) = b.0.steps.last_mut() else { unreachable!() };
    call.epilogue = Some(epilogue);
    b.run(add, &[state, c, new], &[], 4i64.into());
    b.donate(1, 1, true);
    b.0.features = vec!["sse2".into(), "avx".into()];
    b.0
}

/// What [`Program::from_bytes`] says about bytes.
fn refused(bytes: &[u8]) -> (Kind, String) {
    let error: Error = Program::from_bytes(bytes).unwrap_err();
    (error.kind(), error.to_string())
}

/// A file with this body: right magic, version, length and checksum.
fn sealed(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0xcbf29ce484222325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100000001b3));
    let mut bytes = everything().to_bytes()[..12].to_vec();
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(sum.to_le_bytes());
    bytes.extend(body);
    bytes
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tracelift-test-{}-{name}", std::process::id()))
}

#[test]
fn a_program_survives_the_round_trip() {
    for program in [everything(), quadruple(), accumulate(Some(true)), Program::default()] {
        let read = Program::from_bytes(&program.to_bytes()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{program:?}"));
        assert_eq!(read.sizes, program.sizes);
    }
}

#[test]
fn a_loaded_program_runs_in_several_threads() {
    let path = file("quadruple.tlp");
    quadruple().save(&path).unwrap();
    let program = tracelift_runtime::Program::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let y = program.call(&[&Array::from_slice(&[4], &[0.5f32; 4])]).unwrap();
                assert_eq!(y[0].as_slice::<f32>(), [2.0; 4]);
            });
        }
    });
}

#[test]
fn files_that_are_no_programs_are_refused() {
    let whole = everything().to_bytes();
    assert_eq!(refused(b""), (Kind::File, "not a saved Tracelift program".into()));
    assert_eq!(refused(b"\x7fELF and so on"), (Kind::File, "not a saved Tracelift program".into()));
    for end in [1, 8, 11, 19, 27] {
        assert_eq!(refused(&whole[..end]), (Kind::File, "truncated in the header".into()));
    }
    let body = whole.len() - HEADER;
    let text = format!("truncated: {} of {body} bytes after the header", body - 1);
    assert_eq!(refused(&whole[..whole.len() - 1]), (Kind::File, text));
    let text = "followed by 2 bytes that are not part of it";
    assert_eq!(refused(&[&whole[..], &[0, 0]].concat()), (Kind::File, text.into()));
    let mut other_version = whole.clone();
    other_version[8] = 9;
    let text = "saved in format 9, this runtime reads format 3\n  hint: compile and save the program again";
    assert_eq!(refused(&other_version), (Kind::File, text.into()));
}

#[test]
fn every_changed_byte_of_the_body_is_found() {
    let whole = quadruple().to_bytes();
    for at in HEADER..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        assert_eq!(refused(&bytes), (Kind::File, "damaged: its checksum is wrong".into()), "byte {at}");
    }
}

#[test]
fn contents_that_make_no_sense_are_refused() {
    let body = quadruple().to_bytes().split_off(HEADER);
    let mut wrong = body.clone();
    wrong[0] = b'G';
    let text = "damaged in section list of sections: a section is missing or out of order";
    assert_eq!(refused(&sealed(&wrong)), (Kind::File, text.into()));
    let text = "damaged in section list of sections: it ends too early";
    assert_eq!(refused(&sealed(&body[..100])), (Kind::File, text.into()));
    let text = "damaged in section list of sections: bytes are left over";
    assert_eq!(refused(&sealed(&[&body[..], b"x"].concat())), (Kind::File, text.into()));

    // A list of sizes that claims to be long: an error, not an attempt to allocate.
    let at = body.windows(4).position(|window| window == b"SIZE").unwrap() + 12;
    let mut wrong = body.clone();
    wrong[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let (kind, text) = refused(&sealed(&wrong));
    assert_eq!(kind, Kind::File);
    assert!(text.starts_with("damaged in section SIZE: "), "{text}");

    let mut program = quadruple();
    program.kernels[1].len += 1;
    let text = "program `quadruple` is not well formed: the code of kernel 1 (`add`) lies outside the program's";
    assert_eq!(refused(&program.to_bytes()), (Kind::File, text.into()));

    let mut program = quadruple();
    program.sizes[0] = (0..300).fold(Dim::sym(0), |size, k| size.modulo(&Dim::from(1000 - k as i64)));
    let text = "damaged in section SIZE: a size is nested too deeply";
    assert_eq!(refused(&program.to_bytes()), (Kind::File, text.into()));
}

#[test]
fn programs_for_other_hosts_are_refused() {
    let body = quadruple().to_bytes().split_off(HEADER);
    let mut other = body.clone();
    let at = body.windows(6).position(|window| window == b"x86_64").unwrap();
    other[at..at + 6].copy_from_slice(b"mips64");
    let text =
        "program `quadruple` was compiled for mips64, this host is x86_64\n  hint: compile and save the program again";
    assert_eq!(refused(&sealed(&other)), (Kind::Host, text.into()));
    let mut other = body;
    other[at + 6] ^= 1;
    let text = "program `quadruple` was compiled for other tile routines than this runtime has\n  \
                hint: compile and save the program again";
    assert_eq!(refused(&sealed(&other)), (Kind::Host, text.into()));

    // Features and routines are looked for when it is to run, not when it is to be inspected.
    let mut program = quadruple();
    program.features.push("avx9000".into());
    let bytes = program.to_bytes();
    assert!(Program::from_bytes(&bytes).is_ok());
    let error = tracelift_runtime::Program::from_bytes(&bytes).unwrap_err();
    let text = "program `quadruple` was compiled for CPU features that this host lacks: avx9000\n  \
                hint: compile it on this host, or for its features";
    assert_eq!((error.kind(), error.message()), (Kind::Host, text));
    let mut b = Builder::new("f");
    b.library("no_such_routine", vec![], vec![], &[]);
    let error = tracelift_runtime::Program::from_bytes(&b.0.to_bytes()).unwrap_err();
    let text = "program `f` needs library routine `no_such_routine`, which this runtime lacks";
    assert_eq!((error.kind(), error.message()), (Kind::Host, text));
}

#[test]
fn errors_of_files_name_the_file() {
    let path = file("bad.tlp");
    let error = Program::load(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::File);
    let text = format!("program file `{}` cannot be read: No such file or directory (os error 2)", path.display());
    assert_eq!(error.message(), text);
    std::fs::write(&path, b"hello").unwrap();
    let error = Program::load(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.message(), format!("program file `{}`: not a saved Tracelift program", path.display()));

    let nowhere = file("no-such-folder").join("f.tlp");
    let error = quadruple().save(&nowhere).unwrap_err();
    let text = format!(
        "program `quadruple` cannot be saved to `{}`: No such file or directory (os error 2)",
        nowhere.display()
    );
    assert_eq!((error.kind(), error.message()), (Kind::File, text.as_str()));
}

/// Thousands of damaged files, with a checksum that is right again so that the damage is met by the reader: an error
/// or a well-formed program, and never a panic.
#[test]
fn random_damage_never_panics() {
    let mut state = 0x5eed_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let whole = [everything(), quadruple(), accumulate(Some(false))].map(|program| program.to_bytes());
    let mut survivors = 0;
    for round in 0..6000 {
        let mut body = whole[round % 3][HEADER..].to_vec();
        for _ in 0..1 + next(4) {
            let at = next(body.len());
            match next(4) {
                0 => body[at] = next(256) as u8,
                1 => body[at] ^= 1 << next(8),
                2 => body.truncate(at.max(1)),
                _ => {
                    let from = next(body.len());
                    let run = body[from..(from + next(40)).min(body.len())].to_vec();
                    body.splice(at..at, run);
                }
            }
        }
        // Also without the seal: almost always caught by the header.
        let mut open = whole[round % 3].clone();
        open[HEADER..].iter_mut().zip(&body).for_each(|(to, from)| *to = *from);
        open.truncate(HEADER + body.len());
        let _ = Program::from_bytes(&open);
        if let Ok(program) = Program::from_bytes(&sealed(&body)) {
            survivors += 1;
            assert!(!program.to_string().is_empty());
            let _ = tracelift_runtime::Program::from_bytes(&program.to_bytes());
        }
    }
    assert!((100..5000).contains(&survivors), "{survivors} programs were still well formed");
}

#[test]
fn the_listing_shows_everything() {
    let signature = "everything(x: f32[n0, n1], model/w: f32[4]) -> (y: f32[n1, n0], model/w: f32[4])";
    assert_eq!(everything().signature(), signature);
    let text = everything().to_string();
    // min(99, max((n0*n1 + 2)/3, n0 mod n1)), as every minimum and maximum is written.
    const SIZE: &str = "floordiv(n0*n1 + 2, 3) - max(floordiv(n0*n1 + 2, 3) + max(-floordiv(n0*n1 + 2, 3) + mod(n0, n1), 0) \
                        - 99, 0) + max(-floordiv(n0*n1 + 2, 3) + mod(n0, n1), 0)";
    let wanted = format!(
        "\
program `everything`: 120 bytes of code, 16 bytes of constants
needs CPU features
  sse2
  avx
needs library routines
  transpose
inputs
  `x`: f32[n0, n1] in b0
  `model/w`: f32[4] in b1
outputs
  `y`: f32[n1, n0] in b2
  `model/w`: f32[4] in b3
sizes
  n0 = axis 0 of `x`
  n1 = axis 1 of `x`
donations
  `model/w` becomes `model/w`, in place
buffers
  b0: n0*n1 of f32, input 0
  b1: 4 of f32, input 1
  b2: n0*n1 of f32, output 0
  b3: 4 of f32, output 1
  b4: n0*n1 of f32, temporary of steps 0 to 1
  b5: {SIZE} of u8, temporary of steps 0 to 0
  b6: 4 of f32, constant at 0
kernels
  k0 `double`: 36 bytes at 0
  k1 `add`: 42 bytes at 36
  k2 `check`: 42 bytes at 78, can fail
steps
  0: k0 `double`(b0, b4) for n0*n1 points of 1 ns, 8 bytes of scratch
  1: transpose(b4[n0, n1]; 1, 0) -> b2[n1, n0], rows then k0 `double`(b2, b2; n0) for n1 points of 1 ns, \
8 bytes of scratch
  2: k1 `add`(b1, b6, b3) for 4 points of 1 ns, 8 bytes of scratch
memory with n0 = 64, n1 = 64
  16512 bytes of temporaries, of which 16512 are alive at once
"
    );
    assert_eq!(text, wanted);
}
