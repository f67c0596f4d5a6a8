/* SPDX-License-Identifier: GPL-2.0 */
/* What api.c asks of the programs in progs/ops.bpf.h, one step at a time. */
#ifndef _OPS_H
#define _OPS_H

enum op_code {
	/* lists */
	OP_PUSH_FRONT, OP_PUSH_BACK, OP_ADD, OP_DEL, OP_POP_FRONT, OP_POP_BACK,
	OP_FRONT, OP_BACK, OP_IS_FIRST, OP_IS_LAST, OP_EMPTY,
	NR_LIST_OPS,
	/* trees */
	OP_RB_ADD = NR_LIST_OPS, OP_RB_REMOVE, OP_RB_FIRST, OP_RB_ROOT,
	OP_RB_LEFT, OP_RB_RIGHT,
	NR_OPS,
};

/* Any other value of @ret is what the kfunc returned. */
enum op_special { RET_NONE = 1000, RET_NO_NODE, RET_NO_LOCK, RET_NO_MEMORY };

struct op {
	unsigned int code;
	int id;			/* the node it is about */
	int other;		/* the node it is about to be behind */
	int key;		/* for a new node */
};

struct op_result {
	int ret;
	int id;			/* of the node that was returned, -1 for NULL */
};

#endif
