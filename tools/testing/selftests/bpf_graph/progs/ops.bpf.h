/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One operation per run, on nodes that user space names by number: api.c keeps
 * a model of what the lists and trees hold and compares after each step.
 */
#include "graph.bpf.h"
#include "../ops.h"

/*
 * A node with shared owners. It can be in a list and in a tree at once, and is
 * in @roster, a tree ordered by id, from birth to the end: that is where an
 * operation finds it, whatever else holds it.
 */
struct node {
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_rb_node by_id;
	struct bpf_refcount ref;
	struct task_struct __kptr * counted;
	int id;
	int key;
};

struct world {
	LOCK_TYPE lock;
	struct bpf_list_head list0 __contains(node, l);
	struct bpf_list_head list1 __contains(node, l);
	struct bpf_rb_root tree0 __contains(node, r);
	struct bpf_rb_root tree1 __contains(node, r);
	struct bpf_rb_root roster __contains(node, by_id);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct world);
	__uint(max_entries, 1);
} worlds SEC(".maps");

/* Nodes with one owner: no bpf_refcount, so a list or a tree, not both. */
struct item {
	struct bpf_list_node l;
	struct task_struct __kptr * counted;
	int id;
};

struct leaf {
	struct task_struct __kptr * counted;
	int id;
	int key;
	struct bpf_rb_node r;
};

struct solo {
	LOCK_TYPE lock;
	struct bpf_list_head queue __contains(item, l);
	struct bpf_rb_root tree __contains(leaf, r);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct solo);
	__uint(max_entries, 4);
} solos SEC(".maps");

struct op op;
struct op_result res;

static bool node_less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, r)->key < container_of(b, struct node, r)->key;
}

static bool id_less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, by_id)->id <
	       container_of(b, struct node, by_id)->id;
}

static bool leaf_less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, r)->key < container_of(b, struct leaf, r)->key;
}

/* The node's number, -1 for none. The caller holds the lock. */
static __always_inline int list_node_id(struct bpf_list_node *l)
{
	return l ? container_of(l, struct node, l)->id : -1;
}

static __always_inline int rb_node_id(struct bpf_rb_node *r)
{
	return r ? container_of(r, struct node, r)->id : -1;
}

/* Non-owning reference to the node called @id. The caller holds the lock. */
static __always_inline struct node *find(struct world *w, int id)
{
	struct bpf_rb_node *rb = bpf_rbtree_root(&w->roster);
	struct node *n;

	while (rb && can_loop) {
		n = container_of(rb, struct node, by_id);
		if (n->id == id)
			return n;
		if (id < n->id)
			rb = bpf_rbtree_left(&w->roster, rb);
		else
			rb = bpf_rbtree_right(&w->roster, rb);
	}
	return NULL;
}

static __always_inline struct world *world(void)
{
	int key = 0;

	res.ret = RET_NONE;
	res.id = -1;
	return bpf_map_lookup_elem(&worlds, &key);
}

/* A new node called op.id with op.key, in the roster only. */
SEC("tc")
int make_node(struct __sk_buff *ctx)
{
	struct world *w = world();
	struct node *n;

	if (!w)
		return 0;
	n = bpf_obj_new(struct node);
	if (!n) {
		res.ret = RET_NO_MEMORY;
		return 0;
	}
	n->id = op.id;
	n->key = op.key;
	if (!count_object(n) || !LOCK(&w->lock)) {
		res.ret = RET_NO_LOCK;
		bpf_obj_drop(n);
		return 0;
	}
	res.ret = bpf_rbtree_add(&w->roster, &n->by_id, id_less);
	UNLOCK(&w->lock);
	return 0;
}

/* Take the node out of the roster; whoever else holds it still does. */
SEC("tc")
int forget_node(struct __sk_buff *ctx)
{
	struct world *w = world();
	struct bpf_rb_node *rb = NULL;
	struct node *n;

	if (!w || !LOCK(&w->lock))
		return 0;
	n = find(w, op.id);
	if (n)
		rb = bpf_rbtree_remove(&w->roster, &n->by_id);
	UNLOCK(&w->lock);
	if (rb) {
		n = container_of(rb, struct node, by_id);
		res.id = n->id;
		bpf_obj_drop(n);
	}
	return 0;
}

/* The number of references to node op.id, in res.ret. */
SEC("tc")
int count_refs(struct __sk_buff *ctx)
{
	struct world *w = world();
	struct node *n, *m = NULL;
	int refs = 0;

	if (!w || !LOCK(&w->lock))
		return 0;
	n = find(w, op.id);
	if (n)
		m = bpf_refcount_acquire(n);
	UNLOCK(&w->lock);
	if (m) {
		bpf_probe_read_kernel(&refs, sizeof(refs), &m->ref);
		bpf_obj_drop(m);
		res.ret = refs - 1;
	}
	return 0;
}

static __always_inline int list_op(struct world *w, struct bpf_list_head *head)
{
	struct bpf_list_node *out = NULL;
	struct node *n, *m, *prev;

	if (!LOCK(&w->lock)) {
		res.ret = RET_NO_LOCK;
		return 0;
	}
	switch (op.code) {
	case OP_PUSH_FRONT:
		n = find(w, op.id);
		m = n ? bpf_refcount_acquire(n) : NULL;
		if (m)
			res.ret = bpf_list_push_front(head, &m->l);
		break;
	case OP_PUSH_BACK:
		n = find(w, op.id);
		m = n ? bpf_refcount_acquire(n) : NULL;
		if (m)
			res.ret = bpf_list_push_back(head, &m->l);
		break;
	case OP_ADD:
		n = find(w, op.id);
		prev = find(w, op.other);
		if (!prev)
			break;
		m = n ? bpf_refcount_acquire(n) : NULL;
		if (m)
			res.ret = bpf_list_add(head, &m->l, &prev->l);
		break;
	case OP_DEL:
		n = find(w, op.id);
		if (n)
			out = bpf_list_del(head, &n->l);
		break;
	case OP_POP_FRONT:
		out = bpf_list_pop_front(head);
		break;
	case OP_POP_BACK:
		out = bpf_list_pop_back(head);
		break;
	case OP_FRONT:
		res.id = list_node_id(bpf_list_front(head));
		break;
	case OP_BACK:
		res.id = list_node_id(bpf_list_back(head));
		break;
	case OP_IS_FIRST:
		n = find(w, op.id);
		if (n)
			res.ret = bpf_list_is_first(head, &n->l);
		break;
	case OP_IS_LAST:
		n = find(w, op.id);
		if (n)
			res.ret = bpf_list_is_last(head, &n->l);
		break;
	case OP_EMPTY:
		res.ret = bpf_list_empty(head);
		break;
	}
	UNLOCK(&w->lock);
	if (out) {
		n = container_of(out, struct node, l);
		res.id = n->id;
		bpf_obj_drop(n);
	}
	return 0;
}

static __always_inline int tree_op(struct world *w, struct bpf_rb_root *root)
{
	struct bpf_rb_node *out = NULL;
	struct node *n, *m;

	if (!LOCK(&w->lock)) {
		res.ret = RET_NO_LOCK;
		return 0;
	}
	switch (op.code) {
	case OP_RB_ADD:
		n = find(w, op.id);
		m = n ? bpf_refcount_acquire(n) : NULL;
		if (m)
			res.ret = bpf_rbtree_add(root, &m->r, node_less);
		break;
	case OP_RB_REMOVE:
		n = find(w, op.id);
		if (n)
			out = bpf_rbtree_remove(root, &n->r);
		break;
	case OP_RB_FIRST:
		res.id = rb_node_id(bpf_rbtree_first(root));
		break;
	case OP_RB_ROOT:
		res.id = rb_node_id(bpf_rbtree_root(root));
		break;
	case OP_RB_LEFT:
		n = find(w, op.id);
		if (n)
			res.id = rb_node_id(bpf_rbtree_left(root, &n->r));
		break;
	case OP_RB_RIGHT:
		n = find(w, op.id);
		if (n)
			res.id = rb_node_id(bpf_rbtree_right(root, &n->r));
		break;
	}
	UNLOCK(&w->lock);
	if (out) {
		n = container_of(out, struct node, r);
		res.id = n->id;
		bpf_obj_drop(n);
	}
	return 0;
}

/* A head must be at an offset the verifier knows, hence a program for each. */
SEC("tc")
int list0_op(struct __sk_buff *ctx)
{
	struct world *w = world();

	return w ? list_op(w, &w->list0) : 0;
}

SEC("tc")
int list1_op(struct __sk_buff *ctx)
{
	struct world *w = world();

	return w ? list_op(w, &w->list1) : 0;
}

SEC("tc")
int tree0_op(struct __sk_buff *ctx)
{
	struct world *w = world();

	return w ? tree_op(w, &w->tree0) : 0;
}

SEC("tc")
int tree1_op(struct __sk_buff *ctx)
{
	struct world *w = world();

	return w ? tree_op(w, &w->tree1) : 0;
}

static __always_inline struct solo *solo(void)
{
	int key = 0;

	res.ret = RET_NONE;
	res.id = -1;
	return bpf_map_lookup_elem(&solos, &key);
}

/*
 * The same for nodes with one owner. What asks for a node in the list gets the
 * front one; what puts one in makes it, called op.id.
 */
SEC("tc")
int queue_op(struct __sk_buff *ctx)
{
	struct bpf_list_node *l, *out = NULL;
	struct item *it = NULL;
	struct solo *s = solo();
	__u32 code = op.code;

	if (!s)
		return 0;
	if (code == OP_PUSH_FRONT || code == OP_PUSH_BACK || code == OP_ADD) {
		it = bpf_obj_new(struct item);
		if (!it) {
			res.ret = RET_NO_MEMORY;
			return 0;
		}
		it->id = op.id;
		if (!count_object(it) || !LOCK(&s->lock)) {
			res.ret = RET_NO_LOCK;
			bpf_obj_drop(it);
			return 0;
		}
		l = bpf_list_front(&s->queue);
		if (code == OP_ADD && l)
			res.ret = bpf_list_add(&s->queue, &it->l, l);
		else if (code == OP_PUSH_BACK)
			res.ret = bpf_list_push_back(&s->queue, &it->l);
		else
			res.ret = bpf_list_push_front(&s->queue, &it->l);
		UNLOCK(&s->lock);
		return 0;
	}
	if (!LOCK(&s->lock)) {
		res.ret = RET_NO_LOCK;
		return 0;
	}
	l = bpf_list_front(&s->queue);
	switch (code) {
	case OP_DEL:
		if (l)
			out = bpf_list_del(&s->queue, l);
		break;
	case OP_POP_FRONT:
		out = bpf_list_pop_front(&s->queue);
		break;
	case OP_POP_BACK:
		out = bpf_list_pop_back(&s->queue);
		break;
	case OP_FRONT:
		if (l)
			res.id = container_of(l, struct item, l)->id;
		break;
	case OP_BACK:
		l = bpf_list_back(&s->queue);
		if (l)
			res.id = container_of(l, struct item, l)->id;
		break;
	case OP_IS_FIRST:
		if (l)
			res.ret = bpf_list_is_first(&s->queue, l);
		break;
	case OP_IS_LAST:
		if (l)
			res.ret = bpf_list_is_last(&s->queue, l);
		break;
	case OP_EMPTY:
		res.ret = bpf_list_empty(&s->queue);
		break;
	}
	UNLOCK(&s->lock);
	if (out) {
		it = container_of(out, struct item, l);
		res.id = it->id;
		bpf_obj_drop(it);
	}
	return 0;
}

/* Removes the first, or with op.other set the one at the root. */
SEC("tc")
int solo_tree_op(struct __sk_buff *ctx)
{
	struct bpf_rb_node *r, *out = NULL;
	struct solo *s = solo();
	struct leaf *leaf;

	if (!s)
		return 0;
	if (op.code == OP_RB_ADD) {
		leaf = bpf_obj_new(struct leaf);
		if (!leaf) {
			res.ret = RET_NO_MEMORY;
			return 0;
		}
		leaf->id = op.id;
		leaf->key = op.key;
		if (!count_object(leaf) || !LOCK(&s->lock)) {
			res.ret = RET_NO_LOCK;
			bpf_obj_drop(leaf);
			return 0;
		}
		res.ret = bpf_rbtree_add(&s->tree, &leaf->r, leaf_less);
		UNLOCK(&s->lock);
		return 0;
	}
	if (!LOCK(&s->lock)) {
		res.ret = RET_NO_LOCK;
		return 0;
	}
	if (op.other)
		r = bpf_rbtree_root(&s->tree);
	else
		r = bpf_rbtree_first(&s->tree);
	if (r) {
		res.id = container_of(r, struct leaf, r)->id;
		if (op.code == OP_RB_REMOVE)
			out = bpf_rbtree_remove(&s->tree, r);
	}
	UNLOCK(&s->lock);
	if (out)
		bpf_obj_drop(container_of(out, struct leaf, r));
	return 0;
}
