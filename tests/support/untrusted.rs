//! What any bytes must come to, taken as the text of a graph or as a saved program: an error, or something that can be
//! used further.

use tracelift_compiler::graph::{parse, verify};
use tracelift_compiler::interp;
use tracelift_runtime::exec::Executable;
use tracelift_runtime::program::{Program, file};

/// A text that is read as a graph verifies, and reads back as it is printed.
pub fn read_graph(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(graph) = parse::parse(&text) else { return };
    verify::verify(&graph).expect("what is read verifies");
    let again = parse::parse(&graph.to_string()).expect("what is printed reads back");
    assert!(again == graph, "{graph}\nreads back as\n{again}");
    let _ = interp::bind_symbols(&graph, &[]);
}

/// Bytes as they come, and with the lengths and the checksum of the header made right, so that more than the header is
/// tried. What is accepted is machine code as trusted as a library: it is not run.
pub fn read_program(bytes: &[u8]) {
    for candidate in [bytes.to_vec(), sealed(bytes)] {
        let Ok(program) = Program::from_bytes(&candidate) else { continue };
        let _ = program.to_string();
        assert!(Program::from_bytes(&program.to_bytes()).is_ok(), "what is saved reads back");
        if let Ok(executable) = Executable::new(program) {
            let _ = executable.plan(&vec![3; executable.program().symbols.len()]);
        }
    }
}

fn sealed(bytes: &[u8]) -> Vec<u8> {
    const HEADER: usize = 28;
    let mut bytes = bytes.to_vec();
    if bytes.len() > HEADER {
        let body = bytes.split_off(HEADER);
        bytes.truncate(12);
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(file::checksum(&body).to_le_bytes());
        bytes.extend(body);
    }
    bytes
}
