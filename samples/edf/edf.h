/* SPDX-License-Identifier: GPL-2.0 */
/* What user space hands to the BPF programs, and gets back. */
#ifndef EDF_H
#define EDF_H

/* Both words are the key: by deadline, then by id. */
struct job {
	__u64 deadline;
	__u64 id;
};

struct change {
	struct job job;		/* which, as it is now */
	__u64 deadline;		/* what is to be its deadline */
};

#endif
