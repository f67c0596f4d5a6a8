/* SPDX-License-Identifier: GPL-2.0 */
/* What user space hands to the BPF programs, and gets back. */
#ifndef LRU_H
#define LRU_H

struct access {
	__u64 key;
	__u64 value;	/* in: what to remember on a miss; out: what is remembered */
	__u64 evicted;	/* out: the key that had to go, or NO_KEY */
};

#define NO_KEY	(~0ULL)

/* What the programs return. */
#define MISS	0
#define HIT	1
#define MISS_NOT_KEPT	2	/* no memory, or another CPU is at this key */

#endif
