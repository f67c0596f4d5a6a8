// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of whole programs, per operation: by C, by calls of Rust, and
 * inlined; and what somebody would pick instead. For make bench, under -icount:
 * there a nanosecond is an instruction.
 */
#include "graph_test.h"
#include "graph_bench.h"
#include "graph_bench.skel.h"

/*
 * The fewest instructions of some batches: one that is shorter than the time
 * from one tick to the next comes out without a tick.
 */
#define BATCHES	30
#define RUNS	20

/*
 * What leaves work to others (to refill caches, to wait for a grace period) is
 * counted with that work: the mean of one long batch.
 */
#define LONG_RUNS	4000

/* What is counted, and the program that does the same but that. */
static const struct {
	const char *prog, *base, *op, *shape;
	bool mean;
	const char *c;	/* what C is measured by instead, as it has no such function */
} rows[] = {
	{ "sole_push_pop_front", "base_sole_node", "list_push_front+pop_front", "owners=one" },
	{ "sole_push_pop_back", "base_sole_node", "list_push_back+pop_back", "owners=one" },
	{ "sole_fifo", "base_sole_node", "list_push_back+pop_front", "owners=one" },
	{ "sole_push_del", "base_sole_node", "list_push_front+del", "owners=one" },
	{ "shared_push_pop_front", "base_shared_node", "list_push_front+pop_front", "owners=many" },
	{ "shared_push_pop_back", "base_shared_node", "list_push_back+pop_back", "owners=many" },
	{ "shared_fifo", "base_shared_node", "list_push_back+pop_front", "owners=many" },
	{ "shared_push_del", "base_shared_node", "list_push_front+del", "owners=many" },
	{ "list_front", "base_look", "list_front", "" },
	{ "list_back", "base_look", "list_back", "" },
	{ "list_empty", "base_look", "list_empty", "" },
	{ "list_is_first", "base_look", "list_is_first", "" },
	{ "list_is_last", "base_look", "list_is_last", "" },
	{ "tree_first", "base_look", "rbtree_first", "" },
	{ "tree_root", "base_look", "rbtree_root", "" },
	{ "tree_left", "base_look", "rbtree_left", "" },
	{ "tree_right", "base_look", "rbtree_right", "" },
	{ "tree_add_remove", "base_leaf", "rbtree_add+remove", "nodes=1023" },
	{ "tree_add_key_remove", "base_leaf", "rbtree_add_key+remove", "nodes=1023",
	  .c = "tree_add_remove" },
	{ "acquire_drop", "base_plain", "refcount_acquire+drop", "owners=many" },
	{ "new_drop", "base_plain", "obj_new+drop", "owners=one", true },
	{ "new_drop_shared", "base_plain", "obj_new+drop", "owners=many", true },
	{ "queue_push_pop", "base_plain", "queue_map_push+pop", "" },
	{ "stack_push_pop", "base_plain", "stack_map_push+pop", "" },
	{ "hash_update_delete", "base_plain", "hash_map_update+delete", "" },
};

static const struct {
	const char *name, *impl;
	bool inlined;
} impls[] = {
	{ "c", "c", false },
	{ "rust-called", "rust", false },
	{ "rust", "rust", true },
};

/* Instructions of one run of program @name, or -1. */
static int measure(struct bpf_object *obj, const char *name, bool mean)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	char packet[64] = {};
	int i, err, fewest = -1;

	for (i = 0; i < (mean ? 1 : BATCHES); i++) {
		struct bpf_test_run_opts run = {
			.sz = sizeof(run),
			.data_in = packet,
			.data_size_in = sizeof(packet),
			.repeat = mean ? LONG_RUNS : RUNS,
		};

		err = bpf_prog_test_run_opts(bpf_program__fd(prog), &run);
		if (err || run.retval) {
			fprintf(stderr, "graph_bench: %s: %s, returns %u\n", name, strerror(-err),
				run.retval);
			return -1;
		}
		if (fewest < 0 || (int)run.duration < fewest)
			fewest = run.duration;
	}
	return fewest;
}

/* What is in an arena instead, which no implementation of ours has a part in. */
static int measure_arena(void)
{
	static const char * const progs[][3] = {
		{ "arena_push_pop", "arena_list_add+del", "" },
		{ "arena_add_remove", "arena_rbtree_insert+remove", "nodes=1023 " },
	};
	struct bpf_program *fill;
	struct bpf_object *obj;
	unsigned int i;

	/* No skeleton: its types are the kernel's, and not for user space. */
	obj = bpf_object__open_file(file_beside("arena_bench.bpf.o"), NULL);
	if (!obj || bpf_object__load(obj))
		return 1;
	fill = bpf_object__find_program_by_name(obj, "arena_fill");
	if (!fill || run_prog(fill))
		return 1;
	for (i = 0; i < ARRAY_SIZE(progs); i++) {
		int base = measure(obj, "base_arena", false);
		int all = measure(obj, progs[i][0], false);

		if (base < 0 || all < 0)
			return 1;
		printf("bench op=%s %simpl=arena count=%.2f\n", progs[i][1], progs[i][2],
		       (double)(all - base) / OPS);
	}
	bpf_object__close(obj);
	return 0;
}

int main(void)
{
	double count[ARRAY_SIZE(impls)][ARRAY_SIZE(rows)];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(impls); i++) {
		struct graph_bench *skel;

		if (impl_set(impls[i].impl) || inline_set(impls[i].inlined) < 0)
			return 1;
		skel = graph_bench__open_and_load();
		if (!skel || run_prog(skel->progs.fill) || run_prog(skel->progs.fill_trees))
			return 1;
		for (j = 0; j < ARRAY_SIZE(rows); j++) {
			const char *prog = !i && rows[j].c ? rows[j].c : rows[j].prog;
			int base = measure(skel->obj, rows[j].base, rows[j].mean);
			int all = measure(skel->obj, prog, rows[j].mean);

			if (base < 0 || all < 0)
				return 1;
			if (skel->bss->misses) {
				fprintf(stderr, "graph_bench: %s: no memory, %u times\n",
					rows[j].prog, skel->bss->misses);
				return 1;
			}
			count[i][j] = (double)(all - base) / OPS;
			printf("bench op=%s %s%simpl=%s count=%.2f ratio=%.3f\n",
			       rows[j].op, rows[j].shape, *rows[j].shape ? " " : "", impls[i].name,
			       count[i][j], count[i][j] / count[0][j]);
		}
		graph_bench__destroy(skel);
	}
	return measure_arena();
}
