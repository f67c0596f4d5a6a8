// SPDX-License-Identifier: GPL-2.0

//! Mutated BTF: a line for each, with what the kernel said, to be compared between kernels.
//!
//! A line is the number, what is special about the BTF (`plain`, `extern`, `wraps`), the error, 0
//! if it was accepted, and then what came of maps with its sections and variables as values.

mod btf;
mod mutate;
mod rng;
mod seed;
mod sys;

use btf::{class, Btf, Class, DATASEC, VAR};
use rng::Rng;
use std::io::{BufWriter, Write};

struct Options {
    seed: u64,
    blobs: u64,
    first: u64,
    dir: Option<String>,
    out: Option<String>,
    show: bool,
}

fn options() -> Result<Options, String> {
    let mut o = Options {
        seed: 1,
        blobs: 2000,
        first: 0,
        dir: None,
        out: None,
        show: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--show" {
            o.show = true;
            continue;
        }
        let value = args.next().ok_or(format!("{name} needs a value"))?;
        let number = || {
            let n = value.parse::<u64>();
            n.map_err(|_| format!("{name} {value}: not a number"))
        };
        match name.as_str() {
            "--seed" => o.seed = number()?,
            "--blobs" => o.blobs = number()?,
            "--first" => o.first = number()?,
            "--dir" => o.dir = Some(value),
            "--out" => o.out = Some(value),
            _ => {
                return Err(format!(
                    "{name}: there are --seed, --blobs, --first, --dir, --out and --show"
                ))
            }
        }
    }
    Ok(o)
}

/// The BTFs in a folder, in the order of their names.
fn read(dir: &str) -> Result<Vec<Btf>, String> {
    let why = |e: std::io::Error| format!("{dir}: {e}");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(why)? {
        paths.push(entry.map_err(why)?.path());
    }
    paths.sort();
    paths
        .iter()
        .map(|p| {
            let data = std::fs::read(p).map_err(why)?;
            let btf = Btf::parse(&data).filter(|b| !b.types.is_empty());
            btf.ok_or(format!("{}: no BTF", p.display()))
        })
        .collect()
}

/// What comes of maps of all sections and variables. Of those without a size not always: an arena
/// is 4 GiB, for which KASAN needs half a GiB of its own.
fn maps(fd: &std::os::fd::OwnedFd, blob: &[u8], arenas: bool) -> Vec<i32> {
    let types = Btf::parse(blob).map_or(Vec::new(), |b| b.types);
    (1..)
        .zip(&types)
        .filter(|(_, t)| t.kind == VAR || t.kind == DATASEC && (t.size != 0 || arenas))
        .map(|(id, t)| {
            let size = match t.kind {
                DATASEC => t.size,
                _ => 4,
            };
            sys::map(fd, id, size.min(1 << 16))
        })
        .collect()
}

fn real_main() -> Result<(), String> {
    let o = options()?;
    let wholes = o.dir.as_deref().map_or(Ok(Vec::new()), read)?;
    let out: Box<dyn Write> = match &o.out {
        Some(path) => Box::new(std::fs::File::create(path).map_err(|e| format!("{path}: {e}"))?),
        None => Box::new(std::io::stdout()),
    };
    let mut out = BufWriter::new(out);
    let mut log = vec![0u8; 1 << 16];
    for n in o.first..o.first + o.blobs {
        let mut rng = Rng::new(o.seed, n);
        let begin = if wholes.is_empty() || rng.one_in(3) {
            seed::made_up(&mut rng)
        } else {
            seed::part(rng.of(&wholes), &mut rng)
        };
        let blob = mutate::blob(begin, &mut rng);
        let what = match class(&blob) {
            Class::Plain => "plain",
            Class::Extern => "extern",
            Class::Wraps => "wraps",
        };
        log[0] = 0;
        let mut line = match sys::btf_load(&blob, &mut log) {
            Ok(fd) => format!("{n} {what} 0 maps {:?}", maps(&fd, &blob, n % 100 == 0)),
            Err(errno) => format!("{n} {what} {errno}"),
        };
        if o.show {
            let end = log.iter().position(|c| *c == 0).unwrap_or(log.len());
            line += &format!("\n{}", String::from_utf8_lossy(&log[..end]));
        }
        writeln!(out, "{line}").map_err(|e| e.to_string())?;
    }
    out.flush().map_err(|e| e.to_string())
}

fn main() -> std::process::ExitCode {
    match real_main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("btf-fuzz: {e}");
            std::process::ExitCode::from(2)
        }
    }
}
