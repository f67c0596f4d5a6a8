// SPDX-License-Identifier: GPL-2.0

//! Every interleaving: the files of `rust/` as they are, over loom.
//!
//! `world` has the objects and roots, the other modules what threads do with them. What is
//! modelled, and what is not, is said in README.rst.

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

mod alone;
mod claims;
mod collection;
mod counts;
mod drains;
mod handed;
mod litmus;
mod moves;
mod reserved;
mod types;
mod world;
