// SPDX-License-Identifier: GPL-2.0

//! A live top of the tasks that `tasktop.bpf.c` keeps in a tree and a list.

mod served;
mod view;

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs, iter};

use libbpf_rs::{
    Link, MapCore, MapFlags, Object, ObjectBuilder, Program, ProgramInput, ProgramMut,
};

use served::Served;
use view::{Age, Row, View, MAX_ROWS};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: tasktop [--seconds N] [--rows N] [--plain] [--origin FILE]
               [--ktap FILE] [--expect NAME]... [COMMAND [ARG]...]
  COMMAND        start this to have something to watch, and wait for its end
  --seconds N    end after N seconds (10)
  --rows N       tasks to show, up to 32 (10)
  --plain        one table below the other, rather than in place
  --origin FILE  from tools/testing/origin: say at the end who served us
  --ktap FILE    write the result of the checks
  --expect NAME  check that a task of this name was shown";

static PROGRAMS: &[u8] = include_bytes!(env!("TASKTOP_BPF"));

struct Options {
    seconds: u64,
    rows: usize,
    plain: bool,
    origin: Option<String>,
    ktap: Option<String>,
    expect: BTreeSet<String>,
    command: Vec<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut o = Self {
            seconds: 10,
            rows: 10,
            plain: !io::stdout().is_terminal(),
            origin: None,
            ktap: None,
            expect: BTreeSet::new(),
            command: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value\n{USAGE}"));
            match arg.as_str() {
                "--seconds" => o.seconds = value()?.parse()?,
                "--rows" => o.rows = value()?.parse::<usize>()?.min(MAX_ROWS),
                "--plain" => o.plain = true,
                "--origin" => o.origin = Some(value()?),
                "--ktap" => o.ktap = Some(value()?),
                "--expect" => _ = o.expect.insert(value()?),
                option if option.starts_with('-') => return Err(USAGE.into()),
                _ => o.command = iter::once(arg).chain(args.by_ref()).collect(),
            }
        }
        Ok(o)
    }
}

/// The loaded programs.
struct Tasktop(Object);

impl Tasktop {
    fn load() -> Result<Self> {
        let open = ObjectBuilder::default().open_memory(PROGRAMS)?;
        Ok(Self(open.load()?))
    }

    fn program(&self, name: &str) -> Result<ProgramMut<'_>> {
        let mut all = self.0.progs_mut();
        let found = all.find(|p| p.name() == name);
        found.ok_or_else(|| format!("no program {name}").into())
    }

    fn attach(&self, name: &str) -> Result<Link> {
        Ok(self.program(name)?.attach()?)
    }

    fn run(&self, name: &str) -> Result<()> {
        self.program(name)?.test_run(ProgramInput::default())?;
        Ok(())
    }

    fn snapshot(&self) -> Result<View> {
        self.run("reap")?;
        self.run("snapshot")?;
        self.view()
    }

    fn view(&self) -> Result<View> {
        let map = self.0.maps().find(|m| m.name() == ".bss.view");
        let map = map.ok_or("no map .bss.view")?;
        let bytes = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?;
        bytes.ok_or(".bss.view is empty")?.try_into()
    }

    fn ids(&self) -> Result<Vec<u32>> {
        let id = |p: Program<'_>| Ok(Program::id_from_fd(p.as_fd())?);
        self.0.progs().map(id).collect()
    }
}

/// One table; `old` is what the one before was made from. No line is longer
/// than 80 columns, so that as many lines as it has are lines on the terminal.
fn table(view: &View, old: &View, rows: usize) -> String {
    let c = &view.counts;
    let ns = (view.now_ns - old.now_ns).max(1);
    let used: HashMap<_, _> = old.rows().iter().map(|r| (r.id, r.cpu_ns)).collect();
    let age = |row: &Row| Age(view.now_ns.saturating_sub(row.ran_ns));
    let exited = match c.exited {
        0 => String::new(),
        n => format!(" and {n} that exited"),
    };
    let mut text = format!(
        "{} switches, {}/s; {} objects made, {} freed\n\
         tree, by CPU time: {} tasks, {} levels\n\
         list, by last run: {} tasks{exited}, at its end {}, {} ago\n\
         {:>7}  {:<16} {:>10} {:>8} {:>10}\n",
        c.switches,
        (c.switches - old.counts.switches) * 1_000_000_000 / ns,
        c.allocated,
        c.dropped,
        c.in_tree,
        view.depth,
        c.in_list,
        view.longest_ago.comm(),
        age(&view.longest_ago),
        "PID",
        "COMM",
        "CPU ms",
        "SHARE",
        "LAST RUN",
    );
    for row in view.rows().iter().take(rows) {
        let share = used.get(&row.id).map_or("-".into(), |&before| {
            let used = row.cpu_ns.saturating_sub(before);
            format!("{:.1} %", used as f64 * 100.0 / ns as f64)
        });
        text += &format!(
            "{:>7}  {:<16} {:>10.1} {share:>8} {:>10}\n",
            row.id.pid,
            row.comm(),
            row.cpu_ns as f64 / 1e6,
            age(row),
        );
    }
    text
}

fn print_served(served: &Served) {
    println!(
        "\n{:<24} {:<16} {:>5}  FROM",
        "FUNCTION", "ADDRESS", "SITES"
    );
    for (address, f) in &served.functions {
        println!("{:<24} {address:<16x} {:>5}  {}", f.name, f.sites, f.file);
    }
    if served.sites() != served.calls {
        println!("{} calls, {} of them found", served.calls, served.sites());
    }
    println!(
        "served by Rust: {} of {} functions",
        served.in_rust(),
        served.functions.len()
    );
}

/// What the run showed, in the order in which it is reported.
#[derive(Default)]
struct Checks(Vec<(String, bool)>);

impl Checks {
    fn add(&mut self, what: impl Into<String>, ok: bool) {
        self.0.push((what.into(), ok));
    }

    fn ktap(&self) -> String {
        let mut text = format!("KTAP version 1\n1..{}\n", self.0.len());
        for (n, (what, ok)) in self.0.iter().enumerate() {
            let result = if *ok { "ok" } else { "not ok" };
            text += &format!("{result} {} {what}\n", n + 1);
        }
        text
    }
}

fn run(o: &Options) -> Result<bool> {
    let tasktop = Tasktop::load()?;
    // The exit first: no task is to be met that will not be seen leaving.
    let on_exit = tasktop.attach("on_exit")?;
    let on_switch = tasktop.attach("on_switch")?;

    let mut child = match o.command.as_slice() {
        [command, args @ ..] => Some(Command::new(command).args(args).spawn()?),
        [] => None,
    };

    let end = Instant::now() + Duration::from_secs(o.seconds);
    let (mut old, mut shown) = (tasktop.snapshot()?, BTreeSet::new());
    let (mut balanced, mut consistent, mut lines) = (true, true, 0);
    let mut out = io::stdout().lock();
    while Instant::now() < end {
        sleep(Duration::from_secs(1));
        let view = tasktop.snapshot()?;
        balanced &= view.is_balanced();
        consistent &= view.is_consistent();
        shown.extend(view.rows().iter().take(o.rows).map(Row::comm));

        let text = table(&view, &old, o.rows);
        if o.plain {
            writeln!(out, "{text}")?;
        } else {
            // Up to where the table before began, and clear from there on.
            let up = if lines > 0 {
                format!("\x1b[{lines}A")
            } else {
                String::new()
            };
            write!(out, "{up}\x1b[J{text}")?;
        }
        out.flush()?;
        lines = text.lines().count();
        old = view;
    }
    drop(out);
    if let Some(child) = &mut child {
        child.wait()?;
    }

    drop(on_switch);
    drop(on_exit);
    sleep(Duration::from_millis(100)); // until those that still run have ended
    tasktop.run("drain")?;
    let view = tasktop.view()?;
    let (c, leaks) = (&view.counts, view.leaks());
    println!(
        "\ndrained: {} objects made and {} freed, {} references taken and {} given back",
        c.allocated, c.dropped, c.refs_got, c.refs_put
    );
    if c.lost > 0 {
        println!("{} switches were not counted: no room or no memory", c.lost);
    }
    match leaks.as_slice() {
        [] => println!("nothing leaked"),
        leaks => println!("LEAKED: {}", leaks.join("; ")),
    }

    let served = match &o.origin {
        Some(file) => Some(served::look_up(&tasktop.ids()?, file)?),
        None => None,
    };
    if let Some(served) = &served {
        print_served(served);
    }

    if let Some(file) = &o.ktap {
        let mut checks = Checks::default();
        for name in &o.expect {
            checks.add(format!("table shows {name}"), shown.contains(name));
        }
        checks.add("tree is no deeper than 2 * log2(n + 1)", balanced);
        checks.add("list and tree hold the same number", consistent);
        checks.add("nothing leaked", leaks.is_empty());
        if let Some(served) = &served {
            checks.add("all graph functions called are Rust", served.all_rust());
        }
        fs::write(file, checks.ktap())?;
        return Ok(checks.0.iter().all(|(_, ok)| *ok));
    }
    Ok(leaks.is_empty())
}

fn main() -> ExitCode {
    match Options::parse(env::args().skip(1)).and_then(|o| run(&o)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("tasktop: {e}");
            ExitCode::from(2)
        }
    }
}
