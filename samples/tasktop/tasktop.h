/* SPDX-License-Identifier: GPL-2.0 */
/* What the BPF program shows to user space; src/view.rs has the same in Rust. */
#ifndef TASKTOP_H
#define TASKTOP_H

#define MAX_ROWS	32

/* Pids are used again; together with the time of the start they are not. */
struct id {
	__u64 pid;
	__u64 start_ns;
};

struct row {
	struct id id;
	__u64 cpu_ns;		/* CPU time used so far */
	__u64 ran_ns;		/* when it was last switched away from */
	char comm[16];
};

struct counts {
	__u64 switches;
	__u64 in_tree, in_list, exited;	/* exited: still in the tree */
	__u64 allocated, dropped;	/* objects */
	__u64 refs_got, refs_put;	/* owning references */
	__u64 lost;			/* tasks there was no room for */
};

struct view {
	struct counts counts;
	__u64 now_ns;
	__u32 walked, depth;		/* the tree: nodes met, levels */
	__u64 empty;			/* after drain: neither holds anything */
	struct row longest_ago;		/* the list's end */
	struct row rows[MAX_ROWS];
};

#endif
