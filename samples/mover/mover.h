/* SPDX-License-Identifier: GPL-2.0 */
/* What user space hands to the BPF programs, and gets back. */
#ifndef MOVER_H
#define MOVER_H

struct work {
	__u64 cgroup;	/* whose queue; out: of enqueue() */
	__u64 id;
};

struct move {
	__u64 from, to;
	__u64 most;	/* how many, or ALL */
	__u64 moved;	/* out; 0 before */
};

#define ALL	(~0ULL)

struct total {
	__u64 from, to;
	__u64 found[2];	/* out: how many in each; 0 before, as the next one */
	__u64 ids;	/* out: their sum */
};

#endif
