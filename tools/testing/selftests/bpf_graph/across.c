// SPDX-License-Identifier: GPL-2.0
/* Moves of objects between lists and trees: where they are then, and what is refused. */
#include "refusal.h"
#include "across.skel.h"

#define EXPECT_MOVED(prog, want, want_a, want_b)				\
do {										\
	ASSERT_EQ(0, run_prog(s->progs.prog));					\
	EXPECT_EQ(want, s->bss->moved);						\
	EXPECT_EQ(want_a, s->bss->a);						\
	EXPECT_EQ(want_b, s->bss->b);						\
} while (0)

TEST(between_list_and_tree)
{
	struct across *s = across__open_and_load();

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, run_prog(s->progs.fill));
	EXPECT_MOVED(to_tree, 1, 0143210, 015);
	EXPECT_MOVED(to_tree, 1, 013210, 0145);
	EXPECT_MOVED(to_tree, 1, 01210, 01345);
	EXPECT_MOVED(to_front, 1, 013210, 0145);
	EXPECT_MOVED(to_back, 1, 0132104, 015);
	EXPECT_MOVED(not_there, 0, 0132104, 015);
	EXPECT_MOVED(between_values, 1, 012104, 013);
	EXPECT_MOVED(other_node_taken, 0, 012104, 015);
	EXPECT_MOVED(to_tree, 0, 012104, 015);
	EXPECT_MOVED(to_front, 0, 012104, 015);
	across__destroy(s);
}

TEST(of_owned)
{
	struct across *s = across__open_and_load();

	ASSERT_NE(NULL, s);
	EXPECT_MOVED(of_owned, 1, 01, 013);
	EXPECT_MOVED(of_owned, 1, 01, 0133);
	across__destroy(s);
}

REFUSED(across, -EINVAL, nodes_of_two,
	"bpf_list_move_rbtree: the node in R4 is not known to be of the same object as that in R2; take both from one pointer");
REFUSED(across, -EINVAL, just_inserted,
	"bpf_list_move_rbtree: the node in R4 is not known to be of the same object as that in R2; take both from one pointer");
REFUSED(across, -EINVAL, one_lock_of_two, "held lock and object are not in the same allocation");
REFUSED(across, -EINVAL, to_a_key,
	"declares a key; take the node out and use bpf_rbtree_add_key()");
REFUSED(across, -EINVAL, while_comparing, "bpf_rbtree_move_list_back not allowed in rbtree cb");

TEST_HARNESS_MAIN
