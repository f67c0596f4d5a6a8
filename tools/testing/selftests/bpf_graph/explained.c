// SPDX-License-Identifier: GPL-2.0
/* What the kernel says of types and of calls that it refuses: names, and a way out. */
#include "refusal.h"
#include "said.h"
#include "explained.skel.h"

/* Each of these is one mistake in the types; "good" is none. */
static const struct {
	const char *name, *words;
} bad[] = {
	{ "good" },
	{ "node_of_another_size",
	  "struct item: l is a struct bpf_list_node of 16 bytes, this kernel's has 24; build" },
	{ "node_unaligned",
	  "struct item: l, a bpf_list_node, is at offset=4, and has to be aligned to 8 bytes" },
	{ "list_and_tree",
	  "struct item: can be in a list and in a tree at once, so it needs a bpf_refcount" },
	{ "two_counts", "struct item: has 2 of struct bpf_refcount, and can have one" },
	{ "circle",
	  "struct item owns objects of struct item, and so on, in a circle or more than 8 types" },
	{ "contains_nothing",
	  "struct lists: head, a bpf_list_head, does not say what it contains; add" },
	{ "contains_twice", "struct lists: head, a bpf_list_head, says twice what it contains" },
	{ "no_such_type",
	  "struct lists: head contains struct thing, which no part of the program uses" },
	{ "no_such_member",
	  "struct lists: head contains struct item by its member \"node\", and it has no" },
	{ "no_node",
	  "head contains struct item by key, which has to be a struct bpf_list_node" },
	{ "no_lock",
	  "lists: has a bpf_list_head, and no bpf_spin_lock or bpf_res_spin_lock to guard it" },
	{ "two_locks", "struct lists: has 2 of struct bpf_spin_lock, and can have one" },
	{ "both_locks",
	  "struct lists: has a bpf_spin_lock and a bpf_res_spin_lock, and can have one" },
	{ "too_many",
	  "struct lists: has 12 locks, heads, roots, nodes and kptrs, and can have 11" },
};

TEST(types)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bpf_object *obj;
		char name[64];

		snprintf(name, sizeof(name), "explained_bad_%s.bpf.o", bad[i].name);
		obj = bpf_object__open_file(file_beside(name), NULL);
		ASSERT_NE(NULL, obj) TH_LOG("%s", name);
		said_start();
		EXPECT_EQ(!bad[i].words, !bpf_object__load(obj)) TH_LOG("%s", bad[i].name);
		libbpf_set_print(NULL);
		bpf_object__close(obj);
		if (bad[i].words)
			EXPECT_NE(NULL, strstr(said, bad[i].words))
				TH_LOG("%s: %s", bad[i].name, said);
	}
}

REFUSED(explained, -EINVAL, node_elsewhere, "struct item has a bpf_list_node at offset=32: l\n");
REFUSED(explained, -EINVAL, no_node, "struct plain has no bpf_list_node\n");
REFUSED(explained, -EINVAL, head_elsewhere, "struct lists has a bpf_list_head at offset=8: head\n");
REFUSED(explained, -EINVAL, no_lock_held,
	"the bpf_list_head at offset=8 of lists is guarded by the bpf_spin_lock at offset=0 of the same map value; no lock is held\n");
REFUSED(explained, -EINVAL, lock_of_another,
	"the bpf_list_head at offset=8 of lists is guarded by the bpf_spin_lock at offset=0 of the same map value; held is that of another\n");
REFUSED(explained, -EINVAL, no_res_lock_held,
	"the bpf_list_head at offset=8 of res_lists is guarded by the bpf_res_spin_lock at offset=0 of the same map value; no lock is held\n");
REFUSED(explained, -EINVAL, wrong_variable,
	"section .data.wrong: wrong contains struct item by r, which has to be a struct bpf_list_node\n");
REFUSED(explained, -EINVAL, less_as_cmp,
	"bpf_rbtree_find: less() returns bool, as what orders two nodes does; pass a comparison: int cmp(const void *key");
REFUSED(explained, -EINVAL, memory_for_a_node, "bpf_rb_node not found at offset=0\nprocessed ");
REFUSED(explained, -EACCES, kptr_without_rcu,
	"bpf_list_del: the node in R2 may be gone, as its kptr was read outside of RCU; call bpf_rcu_read_lock()");

TEST_HARNESS_MAIN
