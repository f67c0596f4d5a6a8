/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Look at what progs/walk.bpf.h found in memory: every link, every ownership
 * word, every reference count.
 */
#ifndef _WALK_H
#define _WALK_H

#include "graph_test.h"
#include "stress.h"

#define AT_LIST(addr)	(addr)		/* the list node is the first member */
#define AT_TREE(addr)	((addr) + offsetof(struct raw_node, parent_color))
#define BLACK		1

/* All nodes that any walk met. */
struct census {
	struct walk_node nodes[3 * MAX_NODES];
	unsigned char slots[3 * MAX_NODES], lists[3 * MAX_NODES], trees[3 * MAX_NODES];
	unsigned int nr, nr_listed, nr_treed;
	unsigned int wrong;
};

#define WALK_WRONG(c, fmt, ...)							\
do {										\
	if (!(c)->wrong++)							\
		ksft_print_msg("%s:%d: " fmt "\n", __FILE__, __LINE__, ##__VA_ARGS__);	\
} while (0)

static inline int census_index(struct census *c, const struct walk_node *n)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		if (c->nodes[i].addr == n->addr)
			return i;
	c->nodes[c->nr] = *n;
	return c->nr++;
}

static inline void census_list(struct census *c, const struct walk *w)
{
	unsigned long long prev = w->root;
	unsigned int i;

	if (!w->first) {
		if (w->second)
			WALK_WRONG(c, "a head that was never used ends in %llx", w->second);
		return;
	}
	if (w->nr == MAX_NODES)
		WALK_WRONG(c, "a list without an end");
	for (i = 0; i < w->nr; i++) {
		const struct walk_node *n = &w->nodes[i];

		if (n->raw.prev != prev)
			WALK_WRONG(c, "node %u has %llx before it, not %llx", i, n->raw.prev, prev);
		if (n->raw.list_owner != w->root)
			WALK_WRONG(c, "node %u in list %llx is of %llx", i, w->root,
				   n->raw.list_owner);
		prev = AT_LIST(n->addr);
		c->lists[census_index(c, n)]++;
	}
	if ((w->nr ? w->nodes[w->nr - 1].raw.next : w->first) != w->root)
		WALK_WRONG(c, "the list does not end at its head");
	if (w->second != prev)
		WALK_WRONG(c, "the last node is %llx, not %llx", w->second, prev);
	c->nr_listed += w->nr;
}

struct tree_walk {
	const struct walk *walk;
	struct census *c;
	unsigned int seen;
	unsigned long long leftmost;
	unsigned int key;	/* of the last one in order */
};

/* Visit what is at or below @rb. Returns the number of black nodes on any way down. */
static inline int census_subtree(struct tree_walk *t, unsigned long long rb,
				 unsigned long long parent, bool red, int depth)
{
	const struct walk_node *n = NULL;
	int left, right;
	unsigned int i;

	if (!rb)
		return 1;
	for (i = 0; i < t->walk->nr && !n; i++)
		if (AT_TREE(t->walk->nodes[i].addr) == rb)
			n = &t->walk->nodes[i];
	if (!n || depth > 64) {
		WALK_WRONG(t->c, "no node at %llx, or a cycle", rb);
		return 1;
	}
	if ((n->raw.parent_color & ~3ULL) != parent)
		WALK_WRONG(t->c, "%llx has the parent %llx, not %llx", rb, n->raw.parent_color,
			   parent);
	if (n->raw.tree_owner != t->walk->root)
		WALK_WRONG(t->c, "%llx in tree %llx is of %llx", rb, t->walk->root,
			   n->raw.tree_owner);
	if (red && !(n->raw.parent_color & BLACK))
		WALK_WRONG(t->c, "%llx and its parent are red", rb);
	red = !(n->raw.parent_color & BLACK);

	left = census_subtree(t, n->raw.left, rb, red, depth + 1);
	if (!t->seen++)
		t->leftmost = rb;
	if (n->raw.key < t->key)
		WALK_WRONG(t->c, "%llx has key %u, after %u", rb, n->raw.key, t->key);
	t->key = n->raw.key;
	t->c->trees[census_index(t->c, n)]++;
	right = census_subtree(t, n->raw.right, rb, red, depth + 1);
	if (left != right)
		WALK_WRONG(t->c, "%llx has %d black nodes on its left, %d on its right", rb, left,
			   right);
	return left + !red;
}

static inline void census_tree(struct census *c, const struct walk *w)
{
	struct tree_walk t = { .walk = w, .c = c };

	census_subtree(&t, w->first, 0, true, 0);
	if (t.seen != w->nr)
		WALK_WRONG(c, "%u nodes in order, %u by level", t.seen, w->nr);
	if (t.leftmost != w->second)
		WALK_WRONG(c, "the first node is %llx, not %llx", t.leftmost, w->second);
	c->nr_treed += w->nr;
}

static inline void census_slots(struct census *c, const struct walk *w)
{
	unsigned int i;

	for (i = 0; i < w->nr; i++)
		c->slots[census_index(c, &w->nodes[i])]++;
}

/* Everything has been walked: is each node where its words say, and held by no other? */
static inline void census_finish(struct census *c)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		const struct raw_node *raw = &c->nodes[i].raw;
		unsigned long long addr = c->nodes[i].addr;

		if (c->slots[i] > 1 || c->lists[i] > 1 || c->trees[i] > 1)
			WALK_WRONG(c, "%llx is in %u slots, %u lists, %u trees", addr, c->slots[i],
				   c->lists[i], c->trees[i]);
		if (raw->refs != c->slots[i] + c->lists[i] + c->trees[i])
			WALK_WRONG(c, "%llx has %u references; %u slots, %u lists, %u trees", addr,
				   raw->refs, c->slots[i], c->lists[i], c->trees[i]);
		if (!c->lists[i] && (raw->list_owner || raw->next != AT_LIST(addr) ||
				     raw->prev != AT_LIST(addr)))
			WALK_WRONG(c, "%llx is in no list, but: owner %llx, %llx, %llx", addr,
				   raw->list_owner, raw->next, raw->prev);
		if (!c->trees[i] && (raw->tree_owner || raw->parent_color != AT_TREE(addr)))
			WALK_WRONG(c, "%llx is in no tree, but: owner %llx, parent %llx", addr,
				   raw->tree_owner, raw->parent_color);
	}
}

#endif
