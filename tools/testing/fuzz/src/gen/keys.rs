// SPDX-License-Identifier: GPL-2.0

//! In which order a tree is.

use super::{Gen, RawOp};
use crate::op::{Less, Root};
use crate::world::Declared;

/// Most often the one that the others of a tree have, too.
pub fn order(r: RawOp) -> Less {
    match r.c & 15 {
        15 => Less::Always,
        14 => Less::Never,
        13 => Less::Id,
        12 => Less::KeyDown,
        _ => Less::Key,
    }
}

impl Gen<'_> {
    /// The order in which a tree takes nodes: what it declares, if it does.
    pub fn order(&self, r: RawOp, root: Root) -> Less {
        self.declared(root).unwrap_or(order(r))
    }

    pub fn declared(&self, root: Root) -> Option<Less> {
        match self.layout(root.place).fields[root.field].0.declared() {
            Declared::Nothing => None,
            Declared::Key => Some(Less::OneKey),
            Declared::KeyAndId => Some(Less::TwoKeys),
        }
    }
}
