// SPDX-License-Identifier: GPL-2.0

//! Names the source files that are modelled: those in `BPF_GRAPH_RUST`, or else in the nearest
//! `rust` folder above this one. They are compiled from where they are.

use std::{env, fs, path::PathBuf};

/// What is modelled, each a module at the top of the crate as in `rust/bpf_graph.rs`.
const SOURCES: [&str; 8] = [
    "drain", "list", "lock", "object", "owner", "rbtree", "record", "refcount",
];

/// What is not used here is used elsewhere; the kernel's build allows lifetimes with names.
const ALLOWED: &str = "dead_code, clippy::needless_lifetimes";

fn main() {
    println!("cargo:rerun-if-env-changed=BPF_GRAPH_RUST");
    println!("cargo:rerun-if-env-changed=MODEL_SUM");
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap());
    let rust = match env::var("BPF_GRAPH_RUST") {
        Ok(named) => PathBuf::from(named),
        Err(_) => here
            .ancestors()
            .map(|above| above.join("rust"))
            .find(|rust| rust.join("owner.rs").is_file())
            .expect("no folder above has rust/owner.rs: name it, BPF_GRAPH_RUST=DIR"),
    };

    let mut modules = String::new();
    for name in SOURCES {
        let path = rust.join(name).with_extension("rs");
        let path = path
            .canonicalize()
            .unwrap_or_else(|e| panic!("BPF_GRAPH_RUST: {}: {e}", path.display()));
        println!("cargo:rerun-if-changed={}", path.display());
        modules += &format!("#[allow({ALLOWED})]\n#[path = {path:?}]\nmod {name};\n");
    }
    let out = PathBuf::from(env::var("OUT_DIR").unwrap()).join("sources.rs");
    fs::write(out, modules).unwrap();
}
