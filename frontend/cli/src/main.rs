//! The `tracelift` command: `bench` compares eager with compiled, `ops` tells of ops, `inspect` lists a saved program,
//! `accuracy` measures the f32 functions.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use tracelift_cli::accuracy;
use tracelift_cli::measure::{Figures, measure, pin_to_one_core};
use tracelift_cli::table;
use tracelift_cli::workloads::{self, Mode, Workload};
use tracelift_runtime::kernels::tile::Level;

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
    /// Tells what an op computes, its operands, attributes and gradient, with an example.
    Ops {
        /// An op's name; without one, the names of all.
        name: Option<String>,
    },
    /// Prints the steps of a saved program.
    Inspect {
        /// A file written by a compiled function's `save`.
        program: PathBuf,
    },
    /// Compares f32 functions with f64 ones, on each level of vector instructions that this CPU has.
    Accuracy {
        /// A function, or `all`.
        #[arg(long, default_value = "all")]
        function: String,
        /// `avx512`, `avx2`, `neon`, `portable`, several of them with commas, or `all`.
        #[arg(long, default_value = "all")]
        levels: String,
        /// Every one of the 2^32 inputs, which takes minutes a function; else 2^22 of them.
        #[arg(long)]
        full: bool,
        #[arg(long, default_value_t = 2)]
        threads: usize,
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
        Command::Ops { name } => ops(name.as_deref()),
        Command::Inspect { program } => inspect(&program),
        Command::Accuracy { function, levels, full, threads } => measure_accuracy(&function, &levels, full, threads),
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
    let Some(name) = name else {
        println!("{}", tracelift::reference::names().join("\n"));
        return Ok(());
    };
    let page = tracelift::reference::page(name).ok_or_else(|| format!("there is no op `{name}`"))?;
    print!("{page}");
    Ok(())
}

/// Prints rows of a Markdown table, as soon as they are known.
fn measure_accuracy(name: &str, levels: &str, full: bool, threads: usize) -> Result<(), String> {
    let chosen: Vec<_> =
        accuracy::functions().filter(|f| name == "all" || format!("{f:?}").eq_ignore_ascii_case(name)).collect();
    if chosen.is_empty() {
        let known: Vec<String> = accuracy::functions().map(|f| format!("{f:?}").to_lowercase()).collect();
        return Err(format!("no function `{name}`; there are: {}", known.join(", ")));
    }
    let wanted = |level: &Level| levels == "all" || levels.split(',').any(|name| name == level.name());
    let levels: Vec<Level> = Level::available().filter(wanted).collect();
    if levels.is_empty() {
        let known: Vec<&str> = Level::available().map(Level::name).collect();
        return Err(format!("no such level here; this CPU has: {}", known.join(", ")));
    }
    let count = 1u64 << if full { 32 } else { 22 };
    println!(
        "| function | level | inputs | largest error in ulp | at | result | exact |\n|---|---|---|---|---|---|---|"
    );
    for f in chosen {
        for (level, worst) in levels.iter().zip(accuracy::worst(f, &levels, count, threads)) {
            println!(
                "| {} | {} | {count} | {:.3} | {:e} | {:e} | {:e} |",
                format!("{f:?}").to_lowercase(),
                level.name(),
                worst.ulps,
                worst.at[0],
                worst.got,
                worst.exact
            );
        }
    }
    Ok(())
}

fn inspect(path: &std::path::Path) -> Result<(), String> {
    let program = tracelift_runtime::program::Program::load(path).map_err(|e| e.to_string())?;
    println!("{program}");
    Ok(())
}
