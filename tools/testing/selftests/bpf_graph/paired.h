/* SPDX-License-Identifier: GPL-2.0 */
/* What paired and its programs agree on. */
#ifndef _PAIRED_H
#define _PAIRED_H

#define BAGS 3
#define ITEMS 8

/* What a run of the programs has seen. */
struct paired_seen {
	unsigned long long moved;	/* from one value to another */
	unsigned long long same;	/* both locks were one */
	unsigned long long refused;	/* a resilient lock could not be had */
	unsigned long long wrong;	/* under all locks, but not all items were there */
};

#endif
