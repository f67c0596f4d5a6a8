// SPDX-License-Identifier: GPL-2.0
/*
 * What somebody would pick instead of lists and trees of objects: those that the
 * kernel's selftests have in an arena. Each program does one operation OPS times.
 */
#include "libarena/src/rbtree.bpf.c"
#include "bpf_arena_list.h"
#include "../graph_bench.h"

char _license[] SEC("license") = "GPL";

/* What the tree refers to, but is not asked for where nodes are the caller's. */
typeof(asan_violated) asan_violated;

void __arena *arena_malloc(size_t size)
{
	return NULL;
}

void arena_free(void __arena *ptr)
{
}

struct elem {
	struct arena_list_node l;
	u64 key;
};

struct arena_list_head __arena_global list;
struct elem __arena_global elem;
struct rbtree __arena_global tree;
struct rbnode __arena_global nodes[TREE_NODES];
struct rbnode __arena_global node;

#define REPEAT4(x)	do { x; x; x; x; } while (0)
#define REPEAT(x)	REPEAT4(REPEAT4(x))
_Static_assert(OPS == 16, "REPEAT");

SEC("tc")
int arena_fill(struct __sk_buff *ctx)
{
	int i;

	tree.alloc = RB_NOALLOC;
	tree.insert = RB_DUPLICATE;
	for (i = zero; i < TREE_NODES && can_loop; i++) {
		nodes[i].key = TREE_KEY(i);
		if (rb_insert_node(&tree, &nodes[i]))
			return 1;
	}
	return 0;
}

SEC("tc")
int base_arena(struct __sk_buff *ctx)
{
	arena_subprog_init();
	return 0;
}

SEC("tc")
int arena_push_pop(struct __sk_buff *ctx)
{
	arena_subprog_init();
	REPEAT(list_add_head(&elem.l, &list); list_del(&elem.l));
	return 0;
}

SEC("tc")
int arena_add_remove(struct __sk_buff *ctx)
{
	int failed = 0;

	arena_subprog_init();
	node.key = TREE_WANTED;
	REPEAT(failed |= rb_insert_node(&tree, &node) | rb_remove_node(&tree, &node));
	return !!failed;
}
