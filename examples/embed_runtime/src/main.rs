//! Runs a saved program with the runtime alone: no compiler, no Cranelift. This is what a service embeds.
//!
//! ```text
//! embed-runtime FILE [SIZE] [THREADS]
//! ```
//!
//! Prints the program's signature, then runs it on generated inputs from several threads at once and prints what each
//! got. SIZE stands for every size that the program leaves open (default 4).

use std::process::ExitCode;
use tracelift_runtime::{Array, DType, Error, Program};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| args.get(index).map_or(Some(default), |text| text.parse().ok());
    let (Some(file), Some(size), Some(threads)) = (args.first(), number(1, 4), number(2, 4)) else {
        eprintln!("usage: embed-runtime FILE [SIZE] [THREADS]");
        return ExitCode::from(2);
    };
    match serve(file, size, threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(file: &str, size: usize, threads: usize) -> Result<(), Error> {
    // Checks the file, the CPU and the library routines, and maps the machine code.
    let program = Program::load(file)?;
    println!("{}", program.program().signature());

    // One program serves all threads.
    let answers = std::thread::scope(|scope| {
        let program = &program;
        let threads: Vec<_> =
            (0..threads).map(|seed| scope.spawn(move || answer(program, size, seed as u64))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    for (thread, outputs) in answers.into_iter().enumerate() {
        for (output, decl) in outputs?.iter().zip(&program.program().outputs) {
            println!("thread {thread}, {}:\n{output}", decl.name);
        }
    }
    Ok(())
}

/// One request: generated inputs in, outputs out.
fn answer(program: &Program, size: usize, seed: u64) -> Result<Vec<Array>, Error> {
    // A service knows the shapes of its data; here they come from the signature.
    let symbols = vec![size as i64; program.program().symbols.len()];
    let plan = program.plan(&symbols)?;
    let mut random = Generator(seed);
    let inputs = plan.inputs.iter().map(|spec| random.array(spec.dtype, &spec.shape)).collect::<Result<Vec<_>, _>>()?;
    program.call(&inputs.iter().collect::<Vec<_>>())
}

/// A small generator of test data.
struct Generator(u64);

impl Generator {
    /// Floats between -1 and 1, or integers below 10.
    fn array(&mut self, dtype: DType, shape: &[usize]) -> Result<Array, Error> {
        let mut value = || {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let fraction = (self.0 >> 11) as f64 / (1u64 << 53) as f64;
            if dtype.is_float() { 2.0 * fraction - 1.0 } else { (10.0 * fraction).floor() }
        };
        let values = (0..shape.iter().product::<usize>()).map(|_| value()).collect::<Vec<f64>>();
        Array::from_vec(shape, values)?.cast(dtype)
    }
}
