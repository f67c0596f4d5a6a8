/* SPDX-License-Identifier: GPL-2.0 */
/* An array of variables that more than one file addresses. */
#ifndef _TABLE_BPF_H
#define _TABLE_BPF_H

struct odd {
	__u32 x, y, z;	/* 12 bytes: not the distance between two elements */
};

extern struct odd table[5] SEC(".array.table");

#endif
