// SPDX-License-Identifier: GPL-2.0
/*
 * What each kfunc does, seen from whole BPF programs and compared with a model
 * in this file: return values, order, who holds what, and that nothing is left
 * in the end.
 */
#include <sched.h>

#include "graph_test.h"
#include "ops.h"
#include "rnd.h"
#include "nested.skel.h"
#include "ops_res.skel.h"
#include "ops_spin.skel.h"
#include "percpu.skel.h"

#define NODES		24
#define STEPS		3000
#define KEYS		7	/* few, so that many are equal */

/* An ordered set of node numbers: what a list or a tree should hold. */
struct seq {
	int id[STEPS];
	int nr;
};

static int seq_index(const struct seq *s, int id)
{
	int i;

	for (i = 0; i < s->nr; i++)
		if (s->id[i] == id)
			return i;
	return -1;
}

static void seq_insert(struct seq *s, int at, int id)
{
	memmove(&s->id[at + 1], &s->id[at], (s->nr - at) * sizeof(int));
	s->id[at] = id;
	s->nr++;
}

static int seq_remove(struct seq *s, int at)
{
	int id = s->id[at];

	s->nr--;
	memmove(&s->id[at], &s->id[at + 1], (s->nr - at) * sizeof(int));
	return id;
}

/* A loaded copy of progs/ops.bpf.h, with either lock, and a model of it. */
struct world {
	struct ops_spin *spin;
	struct ops_res *res;
	struct op *op;
	struct op_result *result;
	struct bpf_program *make, *forget, *refs, *list[2], *tree[2], *queue, *leaves;
	struct bpf_map *solos;
	struct counter live;
	/* the model */
	struct seq lists[2], trees[2];
	int key[STEPS];
	int nr_refs[NODES];
};

static bool world_open(struct world *w, bool res)
{
	struct bpf_object *obj = NULL;

	if (res) {
		w->res = ops_res__open_and_load();
		if (w->res) {
			obj = w->res->obj;
			w->op = (struct op *)&w->res->bss->op;
			w->result = (struct op_result *)&w->res->bss->res;
		}
	} else {
		w->spin = ops_spin__open_and_load();
		if (w->spin) {
			obj = w->spin->obj;
			w->op = (struct op *)&w->spin->bss->op;
			w->result = (struct op_result *)&w->spin->bss->res;
		}
	}
	if (!obj)
		return false;
	w->make = bpf_object__find_program_by_name(obj, "make_node");
	w->forget = bpf_object__find_program_by_name(obj, "forget_node");
	w->refs = bpf_object__find_program_by_name(obj, "count_refs");
	w->list[0] = bpf_object__find_program_by_name(obj, "list0_op");
	w->list[1] = bpf_object__find_program_by_name(obj, "list1_op");
	w->tree[0] = bpf_object__find_program_by_name(obj, "tree0_op");
	w->tree[1] = bpf_object__find_program_by_name(obj, "tree1_op");
	w->queue = bpf_object__find_program_by_name(obj, "queue_op");
	w->leaves = bpf_object__find_program_by_name(obj, "solo_tree_op");
	w->solos = bpf_object__find_map_by_name(obj, "solos");
	return true;
}

FIXTURE(api) {
	struct world w;
};

FIXTURE_VARIANT(api) {
	bool res;
};

FIXTURE_VARIANT_ADD(api, spin) { .res = false };
FIXTURE_VARIANT_ADD(api, res) { .res = true };

FIXTURE_SETUP(api)
{
	struct world *w = &self->w;
	char value[256] = {};
	int key = 0;

	if (getenv("BPF_GRAPH_SEED"))
		seed = atoi(getenv("BPF_GRAPH_SEED"));
	ASSERT_TRUE(counter_open(&w->live));
	ASSERT_TRUE(world_open(w, variant->res));
	ASSERT_EQ(0, bpf_map__update_elem(w->solos, &key, sizeof(key), value,
					  bpf_map__value_size(w->solos), BPF_NOEXIST));
}

FIXTURE_TEARDOWN(api)
{
	ops_spin__destroy(self->w.spin);
	ops_res__destroy(self->w.res);
	live__destroy(self->w.live.skel);
}

/* One operation. @other and @key mean what struct op says. */
static struct op_result step(struct world *w, const struct bpf_program *prog,
			     unsigned int code, int id, int other, int key)
{
	struct op_result failed = { .ret = RET_NO_NODE, .id = -2 };

	*w->op = (struct op){ .code = code, .id = id, .other = other, .key = key };
	if (run_prog(prog))
		return failed;
	return *w->result;
}

static struct op_result list_do(struct world *w, int which, unsigned int code, int id)
{
	return step(w, w->list[which], code, id, -1, 0);
}

static struct op_result tree_do(struct world *w, int which, unsigned int code, int id)
{
	return step(w, w->tree[which], code, id, -1, 0);
}

static int make(struct world *w, int id, int key)
{
	int ret = step(w, w->make, 0, id, 0, key).ret;
	int tries = 100;

	while (ret == RET_NO_MEMORY && tries--)
		ret = step(w, w->make, 0, id, 0, key).ret;
	w->key[id] = key;
	w->nr_refs[id] = 1;
	return ret;
}

static int refs(struct world *w, int id)
{
	return step(w, w->refs, 0, id, 0, 0).ret;
}

/* Nodes 0 to @n - 1, each with its number for a key. */
static void make_all(struct __test_metadata *_metadata, struct world *w, int n)
{
	int i;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, make(w, i, i));
	ASSERT_EQ(n, counter_read(&w->live));
}

/* Drop the roster's references: all but @left of the nodes must be gone. */
static void forget_all(struct __test_metadata *_metadata, struct world *w, int n, int left)
{
	int i;

	for (i = 0; i < n; i++)
		EXPECT_EQ(i, step(w, w->forget, 0, i, 0, 0).id);
	EXPECT_EQ(left, counter_wait(&w->live, left, PATIENCE_MS));
}

TEST_F(api, list_order)
{
	struct world *w = &self->w;
	int i;

	make_all(_metadata, w, 6);
	EXPECT_EQ(1, list_do(w, 0, OP_EMPTY, 0).ret);
	EXPECT_EQ(-1, list_do(w, 0, OP_FRONT, 0).id);
	EXPECT_EQ(-1, list_do(w, 0, OP_BACK, 0).id);
	EXPECT_EQ(-1, list_do(w, 0, OP_POP_FRONT, 0).id);
	EXPECT_EQ(-1, list_do(w, 0, OP_POP_BACK, 0).id);
	EXPECT_EQ(-1, list_do(w, 0, OP_DEL, 0).id);

	/* First in, first out. */
	for (i = 0; i < 6; i++)
		EXPECT_EQ(0, list_do(w, 0, OP_PUSH_BACK, i).ret);
	EXPECT_EQ(0, list_do(w, 0, OP_EMPTY, 0).ret);
	EXPECT_EQ(0, list_do(w, 0, OP_FRONT, 0).id);
	EXPECT_EQ(5, list_do(w, 0, OP_BACK, 0).id);
	for (i = 0; i < 6; i++)
		EXPECT_EQ(i, list_do(w, 0, OP_POP_FRONT, 0).id);

	/* Last in, first out; and from the other end. */
	for (i = 0; i < 6; i++)
		EXPECT_EQ(0, list_do(w, 0, OP_PUSH_FRONT, i).ret);
	for (i = 5; i > 2; i--)
		EXPECT_EQ(i, list_do(w, 0, OP_POP_FRONT, 0).id);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(i, list_do(w, 0, OP_POP_BACK, 0).id);
	EXPECT_EQ(1, list_do(w, 0, OP_EMPTY, 0).ret);
	forget_all(_metadata, w, 6, 0);
}

TEST_F(api, list_in_the_middle)
{
	struct world *w = &self->w;

	make_all(_metadata, w, 4);
	EXPECT_EQ(0, list_do(w, 0, OP_PUSH_BACK, 0).ret);
	EXPECT_EQ(1, list_do(w, 0, OP_IS_FIRST, 0).ret);
	EXPECT_EQ(1, list_do(w, 0, OP_IS_LAST, 0).ret);
	/* 0 -> 0 1 -> 0 2 1 -> 0 2 3 1 */
	EXPECT_EQ(0, step(w, w->list[0], OP_ADD, 1, 0, 0).ret);
	EXPECT_EQ(0, step(w, w->list[0], OP_ADD, 2, 0, 0).ret);
	EXPECT_EQ(0, step(w, w->list[0], OP_ADD, 3, 2, 0).ret);
	EXPECT_EQ(1, list_do(w, 0, OP_IS_FIRST, 0).ret);
	EXPECT_EQ(0, list_do(w, 0, OP_IS_FIRST, 3).ret);
	EXPECT_EQ(0, list_do(w, 0, OP_IS_LAST, 3).ret);
	EXPECT_EQ(1, list_do(w, 0, OP_IS_LAST, 1).ret);
	EXPECT_EQ(2, list_do(w, 0, OP_DEL, 2).id);
	/* No longer in it: neither removed again nor something to add behind. */
	EXPECT_EQ(-1, list_do(w, 0, OP_DEL, 2).id);
	EXPECT_EQ(-EINVAL, step(w, w->list[0], OP_ADD, 2, 2, 0).ret);
	EXPECT_EQ(0, list_do(w, 0, OP_POP_FRONT, 0).id);
	EXPECT_EQ(3, list_do(w, 0, OP_POP_FRONT, 0).id);
	EXPECT_EQ(1, list_do(w, 0, OP_POP_FRONT, 0).id);
	forget_all(_metadata, w, 4, 0);
}

/* A node is in one list at most; a failed add costs its reference, no more. */
TEST_F(api, list_double_add)
{
	struct world *w = &self->w;
	int which;

	make_all(_metadata, w, 2);
	EXPECT_EQ(0, list_do(w, 0, OP_PUSH_BACK, 0).ret);
	EXPECT_EQ(0, list_do(w, 0, OP_PUSH_BACK, 1).ret);
	EXPECT_EQ(2, refs(w, 0));
	for (which = 0; which < 2; which++) {
		EXPECT_EQ(-EINVAL, list_do(w, which, OP_PUSH_BACK, 0).ret);
		EXPECT_EQ(2, refs(w, 0));
		EXPECT_EQ(-EINVAL, list_do(w, which, OP_PUSH_FRONT, 0).ret);
		EXPECT_EQ(2, refs(w, 0));
		EXPECT_EQ(-EINVAL, step(w, w->list[which], OP_ADD, 0, 1, 0).ret);
		EXPECT_EQ(2, refs(w, 0));
		EXPECT_EQ(2, refs(w, 1));
	}
	EXPECT_EQ(0, list_do(w, 0, OP_FRONT, 0).id);
	EXPECT_EQ(1, list_do(w, 0, OP_BACK, 0).id);
	/* The list has one of two references, so the roster's is not the last. */
	forget_all(_metadata, w, 2, 2);
	EXPECT_EQ(0, list_do(w, 0, OP_POP_FRONT, 0).id);
	EXPECT_EQ(1, counter_wait(&w->live, 1, PATIENCE_MS));
	EXPECT_EQ(1, list_do(w, 0, OP_POP_FRONT, 0).id);
	EXPECT_EQ(0, counter_wait(&w->live, 0, PATIENCE_MS));
}

TEST_F(api, list_wrong_head)
{
	struct world *w = &self->w;

	make_all(_metadata, w, 3);
	EXPECT_EQ(0, list_do(w, 0, OP_PUSH_BACK, 0).ret);
	EXPECT_EQ(0, list_do(w, 1, OP_PUSH_BACK, 1).ret);
	EXPECT_EQ(-1, list_do(w, 1, OP_DEL, 0).id);
	EXPECT_EQ(-1, list_do(w, 0, OP_DEL, 1).id);
	EXPECT_EQ(0, list_do(w, 1, OP_IS_FIRST, 0).ret);
	EXPECT_EQ(0, list_do(w, 1, OP_IS_LAST, 0).ret);
	EXPECT_EQ(-EINVAL, step(w, w->list[1], OP_ADD, 2, 0, 0).ret);
	EXPECT_EQ(1, refs(w, 2));
	EXPECT_EQ(2, refs(w, 0));
	EXPECT_EQ(0, list_do(w, 0, OP_DEL, 0).id);
	EXPECT_EQ(1, list_do(w, 1, OP_DEL, 1).id);
	forget_all(_metadata, w, 3, 0);
}

TEST_F(api, tree_order)
{
	struct world *w = &self->w;
	static const int keys[] = { 5, 3, 5, 1, 3, 5, 1, 4 };
	/* By key, and equal ones in the order in which they came. */
	static const int order[] = { 3, 6, 1, 4, 7, 0, 2, 5 };
	int i;

	EXPECT_EQ(-1, tree_do(w, 0, OP_RB_FIRST, 0).id);
	EXPECT_EQ(-1, tree_do(w, 0, OP_RB_ROOT, 0).id);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, make(w, i, keys[i]));
		EXPECT_EQ(0, tree_do(w, 0, OP_RB_ADD, i).ret);
		EXPECT_EQ(2, refs(w, i));
	}
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(order[i], tree_do(w, 0, OP_RB_FIRST, 0).id);
		EXPECT_EQ(order[i], tree_do(w, 0, OP_RB_REMOVE, order[i]).id);
		EXPECT_EQ(-1, tree_do(w, 0, OP_RB_REMOVE, order[i]).id);
	}
	EXPECT_EQ(-1, tree_do(w, 0, OP_RB_ROOT, 0).id);
	forget_all(_metadata, w, 8, 0);
}

TEST_F(api, tree_double_add)
{
	struct world *w = &self->w;

	make_all(_metadata, w, 2);
	EXPECT_EQ(0, tree_do(w, 0, OP_RB_ADD, 0).ret);
	EXPECT_EQ(0, tree_do(w, 0, OP_RB_ADD, 1).ret);
	EXPECT_EQ(-EINVAL, tree_do(w, 0, OP_RB_ADD, 0).ret);
	EXPECT_EQ(2, refs(w, 0));
	EXPECT_EQ(-EINVAL, tree_do(w, 1, OP_RB_ADD, 0).ret);
	EXPECT_EQ(2, refs(w, 0));
	EXPECT_EQ(-1, tree_do(w, 1, OP_RB_FIRST, 0).id);
	forget_all(_metadata, w, 2, 2);
}

TEST_F(api, tree_wrong_root)
{
	struct world *w = &self->w;
	int i;

	make_all(_metadata, w, 3);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, tree_do(w, 0, OP_RB_ADD, i).ret);
	EXPECT_EQ(1, tree_do(w, 0, OP_RB_ROOT, 0).id);
	EXPECT_EQ(0, tree_do(w, 0, OP_RB_LEFT, 1).id);
	EXPECT_EQ(2, tree_do(w, 0, OP_RB_RIGHT, 1).id);
	EXPECT_EQ(-1, tree_do(w, 1, OP_RB_LEFT, 1).id);
	EXPECT_EQ(-1, tree_do(w, 1, OP_RB_RIGHT, 1).id);
	EXPECT_EQ(-1, tree_do(w, 1, OP_RB_REMOVE, 1).id);
	EXPECT_EQ(2, refs(w, 1));
	EXPECT_EQ(1, tree_do(w, 0, OP_RB_REMOVE, 1).id);
	EXPECT_EQ(-1, tree_do(w, 0, OP_RB_LEFT, 1).id);
	forget_all(_metadata, w, 3, 2);
}

/* One node in a list and in a tree: two owners, each with its reference. */
TEST_F(api, list_and_tree)
{
	struct world *w = &self->w;

	make_all(_metadata, w, 1);
	EXPECT_EQ(1, refs(w, 0));
	EXPECT_EQ(0, list_do(w, 1, OP_PUSH_FRONT, 0).ret);
	EXPECT_EQ(2, refs(w, 0));
	EXPECT_EQ(0, tree_do(w, 1, OP_RB_ADD, 0).ret);
	EXPECT_EQ(3, refs(w, 0));
	EXPECT_EQ(0, tree_do(w, 1, OP_RB_REMOVE, 0).id);
	EXPECT_EQ(2, refs(w, 0));
	EXPECT_EQ(1, list_do(w, 1, OP_IS_FIRST, 0).ret);
	EXPECT_EQ(0, tree_do(w, 0, OP_RB_ADD, 0).ret);
	forget_all(_metadata, w, 1, 1);
	EXPECT_EQ(0, tree_do(w, 0, OP_RB_FIRST, 0).id);
	EXPECT_EQ(0, list_do(w, 1, OP_POP_BACK, 0).id);
	/* The tree has the last one. */
	EXPECT_EQ(1, counter_read(&w->live));
	EXPECT_EQ(0, tree_do(w, 0, OP_RB_FIRST, 0).id);
}

/* What a list operation should do to the model, and say. */
static struct op_result model_list(struct world *w, int which, unsigned int code, int id,
				   int other)
{
	struct op_result want = { .ret = RET_NONE, .id = -1 };
	struct seq *s = &w->lists[which];
	bool linked = seq_index(&w->lists[0], id) >= 0 || seq_index(&w->lists[1], id) >= 0;
	int at = -1;

	switch (code) {
	case OP_PUSH_FRONT:
		at = 0;
		break;
	case OP_PUSH_BACK:
		at = s->nr;
		break;
	case OP_ADD:
		at = seq_index(s, other) + 1 ?: -1;
		break;
	case OP_DEL:
		if (seq_index(s, id) >= 0)
			want.id = seq_remove(s, seq_index(s, id));
		break;
	case OP_POP_FRONT:
		if (s->nr)
			want.id = seq_remove(s, 0);
		break;
	case OP_POP_BACK:
		if (s->nr)
			want.id = seq_remove(s, s->nr - 1);
		break;
	case OP_FRONT:
		if (s->nr)
			want.id = s->id[0];
		return want;
	case OP_BACK:
		if (s->nr)
			want.id = s->id[s->nr - 1];
		return want;
	case OP_IS_FIRST:
		want.ret = s->nr && s->id[0] == id;
		return want;
	case OP_IS_LAST:
		want.ret = s->nr && s->id[s->nr - 1] == id;
		return want;
	case OP_EMPTY:
		want.ret = !s->nr;
		return want;
	}
	if (code <= OP_ADD) {
		want.ret = -EINVAL;
		if (at >= 0 && !linked) {
			want.ret = 0;
			seq_insert(s, at, id);
			w->nr_refs[id]++;
		}
	} else if (want.id >= 0) {
		w->nr_refs[want.id]--;
	}
	return want;
}

static int seq_upper_bound(const struct seq *s, const int *key, int id)
{
	int at = 0;

	while (at < s->nr && key[s->id[at]] <= key[id])
		at++;
	return at;
}

static struct op_result model_tree(struct world *w, int which, unsigned int code, int id)
{
	struct op_result want = { .ret = RET_NONE, .id = -1 };
	struct seq *s = &w->trees[which];

	switch (code) {
	case OP_RB_ADD:
		want.ret = -EINVAL;
		if (seq_index(&w->trees[0], id) < 0 && seq_index(&w->trees[1], id) < 0) {
			want.ret = 0;
			seq_insert(s, seq_upper_bound(s, w->key, id), id);
			w->nr_refs[id]++;
		}
		break;
	case OP_RB_REMOVE:
		if (seq_index(s, id) >= 0) {
			want.id = seq_remove(s, seq_index(s, id));
			w->nr_refs[id]--;
		}
		break;
	case OP_RB_FIRST:
		if (s->nr)
			want.id = s->id[0];
		break;
	}
	return want;
}

/* Walk the tree through its kfuncs; @got gets the nodes in order. */
static int walk(struct world *w, int which, int id, struct seq *got)
{
	int left, right;

	if (id < 0 || got->nr > NODES)
		return 0;
	left = walk(w, which, tree_do(w, which, OP_RB_LEFT, id).id, got);
	seq_insert(got, got->nr, id);
	right = walk(w, which, tree_do(w, which, OP_RB_RIGHT, id).id, got);
	return 1 + (left > right ? left : right);
}

/* Its order is the model's, and its depth a red-black tree's. */
static bool tree_is_model(struct world *w, int which)
{
	static struct seq got;
	struct seq *s = &w->trees[which];
	int depth, log = 0;

	got.nr = 0;
	depth = walk(w, which, tree_do(w, which, OP_RB_ROOT, 0).id, &got);
	while ((2 << log) <= s->nr + 1)
		log++;
	return got.nr == s->nr && !memcmp(got.id, s->id, s->nr * sizeof(int)) &&
	       depth <= 2 * (log + 1);
}

/* Random steps on two lists and two trees that share their nodes. */
TEST_F(api, random_shared)
{
	struct world *w = &self->w;
	struct op_result want, got;
	int i, alive = 0;

	for (i = 0; i < NODES; i++)
		ASSERT_EQ(0, make(w, i, rnd(KEYS)));
	for (i = 0; i < STEPS; i++) {
		unsigned int code = rnd(NR_OPS);
		int which = rnd(2), id = rnd(NODES), other = rnd(NODES);

		/* Adds that can succeed should not be rare. */
		if (code == OP_ADD && w->lists[which].nr && rnd(2))
			other = w->lists[which].id[rnd(w->lists[which].nr)];
		if (code >= OP_RB_ROOT) {
			ASSERT_TRUE(i % 8 || tree_is_model(w, which));
			continue;
		}
		if (code < NR_LIST_OPS) {
			got = step(w, w->list[which], code, id, other, 0);
			want = model_list(w, which, code, id, other);
		} else {
			got = step(w, w->tree[which], code, id, other, 0);
			want = model_tree(w, which, code, id);
		}
		ASSERT_EQ(want.ret, got.ret)
			TH_LOG("step %d: op %u, root %d, node %d", i, code, which, id);
		ASSERT_EQ(want.id, got.id)
			TH_LOG("step %d: op %u, root %d, node %d", i, code, which, id);
		if (want.id >= 0)
			id = want.id;
		ASSERT_EQ(w->nr_refs[id], refs(w, id))
			TH_LOG("step %d: op %u, root %d, node %d", i, code, which, id);
	}
	ASSERT_EQ(NODES, counter_read(&w->live));
	for (i = 0; i < NODES; i++) {
		ASSERT_EQ(i, step(w, w->forget, 0, i, 0, 0).id);
		alive += --w->nr_refs[i] > 0;
	}
	ASSERT_NE(0, alive);
	EXPECT_EQ(alive, counter_wait(&w->live, alive, PATIENCE_MS));

	/* Empty one list and one tree from here; the map has the rest. */
	while (w->lists[0].nr) {
		want = model_list(w, 0, OP_POP_FRONT, 0, 0);
		ASSERT_EQ(want.id, list_do(w, 0, OP_POP_FRONT, 0).id);
		alive -= !w->nr_refs[want.id];
	}
	EXPECT_EQ(alive, counter_wait(&w->live, alive, PATIENCE_MS));
}

/* Random steps on a list whose nodes have one owner. */
TEST_F(api, random_list)
{
	struct world *w = &self->w;
	struct seq *s = &w->lists[0];
	int i;

	for (i = 0; i < STEPS; i++) {
		struct op_result got, want = { .ret = RET_NONE, .id = -1 };
		unsigned int code = rnd(NR_LIST_OPS);

		got = step(w, w->queue, code, i, 0, 0);
		if (got.ret == RET_NO_MEMORY)
			continue;
		switch (code) {
		case OP_PUSH_FRONT:
		case OP_PUSH_BACK:
		case OP_ADD:
			want.ret = 0;
			seq_insert(s, code == OP_PUSH_BACK ? s->nr : code == OP_ADD && s->nr, i);
			break;
		case OP_DEL:
		case OP_POP_FRONT:
			if (s->nr)
				want.id = seq_remove(s, 0);
			break;
		case OP_POP_BACK:
			if (s->nr)
				want.id = seq_remove(s, s->nr - 1);
			break;
		case OP_FRONT:
		case OP_BACK:
			if (s->nr)
				want.id = s->id[code == OP_FRONT ? 0 : s->nr - 1];
			break;
		case OP_IS_FIRST:
		case OP_IS_LAST:
			if (s->nr)
				want.ret = code == OP_IS_FIRST || s->nr == 1;
			break;
		case OP_EMPTY:
			want.ret = !s->nr;
			break;
		}
		ASSERT_EQ(want.ret, got.ret) TH_LOG("step %d: op %u", i, code);
		ASSERT_EQ(want.id, got.id) TH_LOG("step %d: op %u", i, code);
		if (i % 64 == 0)
			ASSERT_EQ(s->nr, counter_read(&w->live));
	}
	EXPECT_EQ(s->nr, counter_wait(&w->live, s->nr, PATIENCE_MS));
}

/* Random steps on a tree whose nodes have one owner. */
TEST_F(api, random_tree)
{
	struct world *w = &self->w;
	struct seq *s = &w->trees[0];
	int i, at;

	for (i = 0; i < STEPS; i++) {
		struct op_result got;
		int other = rnd(2);

		w->key[i] = rnd(64);
		if (rnd(5) < 2) {
			got = step(w, w->leaves, OP_RB_ADD, i, 0, w->key[i]);
			if (got.ret == RET_NO_MEMORY)
				continue;
			ASSERT_EQ(0, got.ret);
			seq_insert(s, seq_upper_bound(s, w->key, i), i);
			continue;
		}
		/* Look at or remove the first one, or the one at the root. */
		got = step(w, w->leaves, rnd(2) ? OP_RB_REMOVE : OP_RB_FIRST, 0, other, 0);
		if (!s->nr) {
			ASSERT_EQ(-1, got.id);
			continue;
		}
		at = seq_index(s, got.id);
		ASSERT_TRUE(other ? at >= 0 : at == 0)
			TH_LOG("step %d: node %d", i, got.id);
		if (w->op->code == OP_RB_REMOVE)
			seq_remove(s, at);
		if (i % 64 == 0)
			ASSERT_EQ(s->nr, counter_read(&w->live));
	}
	EXPECT_EQ(s->nr, counter_wait(&w->live, s->nr, PATIENCE_MS));
}

/* Objects in objects, three deep. */
FIXTURE(nested) {
	struct counter live;
	struct nested *skel;
};

FIXTURE_SETUP(nested)
{
	ASSERT_TRUE(counter_open(&self->live));
	self->skel = nested__open_and_load();
	ASSERT_NE(NULL, self->skel);
}

FIXTURE_TEARDOWN(nested)
{
	nested__destroy(self->skel);
	live__destroy(self->live.skel);
}

TEST_F(nested, freed_with_object)
{
	ASSERT_EQ(0, run_prog(self->skel->progs.add_shelf));
	ASSERT_EQ(37, self->skel->bss->made);
	EXPECT_EQ(37, counter_read(&self->live));
	ASSERT_EQ(0, run_prog(self->skel->progs.drop_shelf));
	EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
}

TEST_F(nested, freed_with_map)
{
	int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, run_prog(self->skel->progs.add_shelf));
	EXPECT_EQ(370, counter_read(&self->live));
	ASSERT_EQ(0, run_prog(self->skel->progs.drop_shelf));
	EXPECT_EQ(333, counter_wait(&self->live, 333, PATIENCE_MS));
	nested__destroy(self->skel);
	self->skel = NULL;
	EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
}

/*
 * A node outlives the object whose list and tree held it, with one reference
 * left and no owner: another list and another tree can have it.
 */
TEST_F(nested, node_outlives_object)
{
	char value[128] = {};
	int key = 0;

	ASSERT_EQ(0, run_prog(self->skel->progs.outlive_object));
	EXPECT_EQ(0, self->skel->bss->ret_list);
	EXPECT_EQ(0, self->skel->bss->ret_tree);
	EXPECT_EQ(1, self->skel->bss->refs);
	EXPECT_EQ(1, counter_read(&self->live));
	ASSERT_EQ(0, bpf_map__update_elem(self->skel->maps.pairs, &key, sizeof(key), value,
					  bpf_map__value_size(self->skel->maps.pairs), 0));
	ASSERT_EQ(0, run_prog(self->skel->progs.join_map));
	EXPECT_EQ(0, self->skel->bss->ret_list);
	EXPECT_EQ(0, self->skel->bss->ret_tree);
	EXPECT_EQ(3, self->skel->bss->refs);
	/* Now it is in both already. */
	ASSERT_EQ(0, run_prog(self->skel->progs.join_map));
	EXPECT_EQ(-EINVAL, self->skel->bss->ret_list);
	EXPECT_EQ(-EINVAL, self->skel->bss->ret_tree);
	EXPECT_EQ(3, self->skel->bss->refs);
	nested__destroy(self->skel);
	self->skel = NULL;
	EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
}

#define TALLIES 64

FIXTURE(percpu) {
	struct percpu *skel;
};

FIXTURE_SETUP(percpu)
{
	self->skel = percpu__open_and_load();
	ASSERT_NE(NULL, self->skel);
}

FIXTURE_TEARDOWN(percpu)
{
	percpu__destroy(self->skel);
}

/* Fill all empty slots: the allocator is refilled between the runs. */
static bool percpu_fill(struct percpu *skel)
{
	int tries = 100;

	do {
		skel->bss->made = 0;
		skel->bss->dropped = 0;
		if (run_prog(skel->progs.fill))
			return false;
	} while (skel->bss->made < TALLIES && tries--);
	return skel->bss->made == TALLIES;
}

/* Slot i gets i + 1 more on each CPU. What a new one begins with is not said. */
static void percpu_check(struct __test_metadata *_metadata, struct percpu *skel)
{
	__u64 before[TALLIES];
	cpu_set_t all, one;
	int cpu, i, cpus = 0;

	ASSERT_TRUE(percpu_fill(skel));
	ASSERT_EQ(0, run_prog(skel->progs.sum));
	memcpy(before, skel->bss->sums, sizeof(before));
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	for (cpu = 0; cpu < 8; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
		ASSERT_EQ(0, run_prog(skel->progs.add));
		cpus++;
	}
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
	ASSERT_EQ(0, run_prog(skel->progs.sum));
	for (i = 0; i < TALLIES; i++)
		EXPECT_EQ(before[i] + (i + 1) * cpus, skel->bss->sums[i]);
}

/* Each CPU has its own, all are found again, and so are those that follow them. */
TEST_F(percpu, values)
{
	percpu_check(_metadata, self->skel);
	self->skel->bss->dropped = 0;
	ASSERT_EQ(0, run_prog(self->skel->progs.drop));
	EXPECT_EQ(TALLIES, self->skel->bss->dropped);
	percpu_check(_metadata, self->skel);
}

static long percpu_kb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Percpu: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/*
 * Their memory comes back, dropped or left in the map. They hold nothing that
 * can be counted, but /proc/meminfo has a line for this memory alone: without
 * a free, 200 rounds would take 3200 kB of it.
 */
TEST_F(percpu, memory)
{
	long before = 0, more;
	int round;

	for (round = 0; round < 240; round++) {
		if (round == 40)
			before = percpu_kb();
		ASSERT_TRUE(percpu_fill(self->skel));
		if (round % 2) {
			ASSERT_EQ(0, run_prog(self->skel->progs.drop));
		} else if (round % 24 == 0) {
			percpu__destroy(self->skel);
			self->skel = percpu__open_and_load();
			ASSERT_NE(NULL, self->skel);
		}
	}
	more = percpu_kb() - before;
	TH_LOG("%ld kB more in use after 200 rounds", more);
	EXPECT_LT(more, 1024);
}

TEST_HARNESS_MAIN
