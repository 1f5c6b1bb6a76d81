//! Reads one JSON object per line from standard input and writes one per line to standard output.
//! `graphs`: plays event graphs through ruma-state-res. `sign`, `judge`: events through ruma-signatures.

mod events;
mod graph;

use std::io::{BufRead, Write};

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let answer: fn(&str) -> String = match mode.as_str() {
        "graphs" => graph::play,
        "sign" => events::sign,
        "judge" => events::judge,
        _ => {
            eprintln!("usage: nyx-ruma-oracle graphs|sign|judge");
            std::process::exit(2);
        }
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("input is UTF-8");
        writeln!(out, "{}", answer(&line)).expect("output is open");
    }
}
