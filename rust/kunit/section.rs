// SPDX-License-Identifier: GPL-2.0

//! Sections of BTF, by members that are made up: what is taken, and which member is at fault.

use kernel::prelude::*;

use crate::section::{check, Fault, Kind, Member, What};

/// A section of `size` with `members`: a kind, an offset and a size each.
fn section(size: u32, members: &[(Kind, u32, u32)]) -> core::result::Result<(), Fault> {
    check(size, members.len() as u32, |i| {
        let (kind, offset, size) = members[i as usize];
        Member { kind, offset, size }
    })
}

/// A section that is refused: its size and members, why, and which member is at fault.
type Refused<'a> = (u32, &'a [(Kind, u32, u32)], What, Option<u32>);

fn fault(what: What, member: Option<u32>) -> core::result::Result<(), Fault> {
    Err(Fault { what, member })
}

#[kunit_tests(bpf_graph_section)]
mod tests {
    use super::{
        Kind::{ExternFunction as EF, ExternVariable as EV, Other as X, Variable as V},
        What::*,
        *,
    };

    /// Variables one behind the other, with gaps or not, up to the last byte there can be.
    #[test]
    fn takes_variables() {
        assert_eq!(section(4, &[]), Ok(()));
        assert_eq!(section(8, &[(V, 0, 4), (V, 4, 4)]), Ok(()));
        assert_eq!(section(32, &[(V, 3, 1), (V, 9, 4)]), Ok(()));
        assert_eq!(section(u32::MAX, &[(V, 0, u32::MAX)]), Ok(()));
        assert_eq!(section(u32::MAX, &[(V, u32::MAX - 1, 1)]), Ok(()));
    }

    /// Each way in which a variable is not where it can be, in the order in which C looks.
    #[test]
    fn refuses_variables() {
        let cases: [Refused<'_>; 12] = [
            (0, &[], SectionSize, None),
            (0, &[(V, 0, 4)], SectionSize, None),
            (8, &[(V, 8, 1)], MemberOffset, Some(0)),
            (8, &[(V, 0, 4), (V, 3, 4)], MemberOffset, Some(1)),
            (8, &[(V, 4, 4), (V, 0, 4)], MemberOffset, Some(1)),
            (8, &[(V, 0, 0)], MemberSize, Some(0)),
            (8, &[(V, 0, 9)], MemberSize, Some(0)),
            (8, &[(V, 4, 5)], MemberEnd, Some(0)),
            (8, &[(V, 0, 4), (V, 5, 4)], MemberEnd, Some(1)),
            (u32::MAX, &[(V, 2, u32::MAX)], MemberEnd, Some(0)),
            (8, &[(V, 9, 0)], MemberOffset, Some(0)),
            (8, &[(V, 7, 0)], MemberSize, Some(0)),
        ];
        for (size, members, what, at) in cases {
            assert_eq!(section(size, members), fault(what, at));
        }
    }

    /// What is no variable is laid out like one, and refused by C when its type is looked at.
    #[test]
    fn leaves_kinds_to_c() {
        assert_eq!(section(8, &[(X, 0, 4), (V, 4, 4)]), Ok(()));
        assert_eq!(section(8, &[(X, 0, 0)]), fault(MemberSize, Some(0)));
    }

    /// As LLVM writes them, whatever the size of a variable.
    #[test]
    fn takes_externs() {
        let of_all_sizes = [
            (EF, 0, 0),
            (EV, 0, 4),
            (EV, 0, 1),
            (EV, 0, 0),
            (EV, 0, u32::MAX),
            (EF, 0, 0),
        ];
        assert_eq!(section(0, &of_all_sizes), Ok(()));
        for one in of_all_sizes {
            assert_eq!(section(0, &[one]), Ok(()));
        }
    }

    /// Externs have no place, and those that would have one are told from those that share theirs.
    #[test]
    fn refuses_externs() {
        let cases: [Refused<'_>; 9] = [
            (4, &[(EV, 0, 4)], ExternLayout, None),
            (1, &[(EF, 0, 0)], ExternLayout, None),
            (0, &[(EV, 0, 4), (EV, 4, 4)], ExternLayout, Some(1)),
            (0, &[(EF, 1, 0)], ExternLayout, Some(0)),
            (0, &[(EV, 0, 4), (EF, 0, 8)], ExternFuncSize, Some(1)),
            (0, &[(V, 0, 4), (EV, 0, 4)], MemberMixed, Some(0)),
            (8, &[(EF, 0, 0), (V, 0, 8)], MemberMixed, Some(1)),
            (0, &[(X, 0, 0), (EV, 0, 4)], MemberKind, Some(0)),
            (8, &[(EV, 9, 4), (X, 0, 0)], MemberKind, Some(1)),
        ];
        for (size, members, what, at) in cases {
            assert_eq!(section(size, members), fault(what, at));
        }
    }
}
