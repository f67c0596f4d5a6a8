/* SPDX-License-Identifier: GPL-2.0 */
/* What progs/shared.bpf.h and progs/walk.bpf.h share with user space. */
#ifndef _STRESS_H
#define _STRESS_H

#define SLOTS		48	/* places that keep a node */
#define WORLDS		2	/* locks, each with a list and a tree */
#define MAX_THREADS	8
#define MAX_NODES	4096	/* in one list or tree, for the walk */

/* One operation on random slots and worlds. */
enum stress_op {
	S_NEW,		/* a new node for a slot, the old one dropped */
	S_DROP,		/* what is in a slot dropped */
	S_ADD,		/* a slot's node to either end of a list */
	S_ADD_AFTER,	/* ... behind that of another slot */
	S_DEL,		/* a slot's node out of a list */
	S_POP,		/* either end of a list out of it */
	S_MOVE,		/* ... and into the other list */
	S_RB_ADD,	/* a slot's node to a tree */
	S_RB_REMOVE,	/* ... out of a tree */
	S_RB_POP,	/* the first of a tree out of it */
	S_RB_MOVE,	/* ... and into the other tree */
	S_BAG,		/* slots' nodes into an object's roots, the object dropped */
	S_LOOK,		/* front, back, is_first, first, left, right */
	NR_STRESS_OPS,
};

/* How an operation ended. */
enum stress_end {
	END_NONE,	/* nothing there: no world, no node, no memory */
	END_DONE,
	END_REFUSED,	/* an insertion or removal found the node not free, not ours */
	END_LOCK,	/* bpf_res_spin_lock() gave up */
	END_WRONG,	/* what must not be */
	NR_ENDS,
};

struct stress_stats {
	unsigned long long n[NR_STRESS_OPS][NR_ENDS];
};

/* What a walk goes through. */
enum walk_what { WALK_LIST, WALK_TREE, WALK_SLOTS };

/* A node as it is in memory: struct node of progs/shared.bpf.h. */
struct raw_node {
	unsigned long long next, prev, list_owner;
	unsigned long long parent_color, right, left, tree_owner;
	unsigned int refs, pad;
	unsigned long long counted;
	unsigned int id, key;
};

struct walk_node {
	unsigned long long addr;
	struct raw_node raw;
};

struct walk {
	unsigned int what, world;		/* asked for */
	unsigned int found;			/* is there such a world? */
	unsigned int nr;
	unsigned long long root;		/* the head's or root's address */
	unsigned long long first, second;	/* its two words */
	struct walk_node nodes[MAX_NODES];
};

#endif
