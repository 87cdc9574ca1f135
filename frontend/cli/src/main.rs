//! The `tracelift` command: `bench` compares eager with compiled, `inspect` lists a saved program, `ops` tells of ops.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use tracelift_cli::measure::{Figures, measure, pin_to_one_core};
use tracelift_cli::workloads::{self, Mode, Workload};
use tracelift_cli::{reference, table};

#[derive(Parser)]
#[command(name = "tracelift", version, about = "Benchmarks and inspects Tracelift")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Times workloads eagerly and compiled.
    Bench {
        /// A workload, several with commas, or `all`.
        #[arg(long, default_value = "all")]
        workload: String,
        /// What to time.
        #[arg(long, value_enum, default_value_t = Which::Both)]
        mode: Which,
        /// Threads to use; 1 also pins the process to one core.
        #[arg(long)]
        threads: Option<usize>,
        /// Print one JSON line a workload and mode instead of the table.
        #[arg(long)]
        json: bool,
        /// Least seconds to measure each.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// Lists the ops, or tells all about one.
    Ops {
        /// The op's name.
        name: Option<String>,
    },
    /// Prints the steps of a saved program.
    Inspect {
        /// A file written by a compiled function's `save`.
        program: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Eager,
    Compiled,
    Both,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench { workload, mode, threads, json, seconds } => bench(&workload, mode, threads, json, seconds),
        Command::Inspect { program } => inspect(&program),
        Command::Ops { name } => ops(name.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn bench(names: &str, which: Which, threads: Option<usize>, json: bool, seconds: f64) -> Result<(), String> {
    let chosen = choose(names)?;
    if let Some(threads) = threads {
        if threads == 1 {
            pin_to_one_core();
        }
        tracelift::config::set_threads(threads);
    }
    let threads = tracelift::config::threads();
    if !json {
        println!("{}", table::head());
    }
    for workload in chosen {
        let run =
            |wanted: Which, mode| (which == wanted || which == Which::Both).then(|| measure(workload, mode, seconds));
        let eager: Option<Figures> = run(Which::Eager, Mode::Eager);
        let compiled = run(Which::Compiled, Mode::Compiled);
        if !json {
            println!("{}", table::row(workload.name, eager.as_ref(), compiled.as_ref()));
            continue;
        }
        for (figures, framework) in [(&eager, "tracelift-eager"), (&compiled, "tracelift")] {
            if let Some(figures) = figures {
                println!("{}", table::json(workload.name, framework, threads, figures));
            }
        }
    }
    Ok(())
}

fn choose(names: &str) -> Result<Vec<&'static Workload>, String> {
    if names == "all" {
        return Ok(workloads::ALL.iter().collect());
    }
    let known = || workloads::ALL.iter().map(|w| w.name).collect::<Vec<_>>().join(", ");
    let find =
        |name: &str| workloads::find(name).ok_or_else(|| format!("no workload `{name}`; there are: {}", known()));
    names.split(',').map(find).collect()
}

fn ops(name: Option<&str>) -> Result<(), String> {
    match name {
        Some(name) => println!("{}", reference::about(name)?),
        None => print!("{}", reference::names()),
    }
    Ok(())
}

fn inspect(path: &std::path::Path) -> Result<(), String> {
    let program = tracelift_runtime::program::Program::load(path).map_err(|e| e.to_string())?;
    println!("{program}");
    Ok(())
}
