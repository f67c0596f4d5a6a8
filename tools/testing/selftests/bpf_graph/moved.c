// SPDX-License-Identifier: GPL-2.0
/* Moves between lists and trees: where nodes are then, and what is refused. */
#include "refusal.h"
#include "moved.h"
#include "moved.skel.h"

FIXTURE(moved) {
	struct moved *skel;
};

FIXTURE_SETUP(moved)
{
	self->skel = moved__open_and_load();
	ASSERT_NE(NULL, self->skel);
	ASSERT_EQ(0, run_prog(self->skel->progs.fill));
}

FIXTURE_TEARDOWN(moved)
{
	moved__destroy(self->skel);
}

#define EXPECT_MOVED(prog, want_key, want, want_a, want_b)			\
do {										\
	self->skel->bss->key = want_key;					\
	ASSERT_EQ(0, run_prog(self->skel->progs.prog));				\
	EXPECT_EQ(want, self->skel->bss->moved);				\
	EXPECT_EQ(want_a, self->skel->bss->a);					\
	EXPECT_EQ(want_b, self->skel->bss->b);					\
} while (0)

TEST_F(moved, lists)
{
	EXPECT_MOVED(to_front, 5, 1, 0150123467, 01);
	EXPECT_MOVED(to_front, 5, 1, 0150123467, 01);
	EXPECT_MOVED(to_back, 0, 1, 0151234670, 01);
	EXPECT_MOVED(to_back, 0, 1, 0151234670, 01);
	EXPECT_MOVED(other_back, 3, 1, 015124670, 013);
	EXPECT_MOVED(other_back, 0, 1, 01512467, 0130);
	EXPECT_MOVED(other_front, 5, 1, 0112467, 01530);
	EXPECT_MOVED(to_front, 5, -1, 0112467, 01530);
	EXPECT_MOVED(stranger, 0, 0, 0112467, 0101234567);
}

TEST_F(moved, trees)
{
	struct moved *s = self->skel;

	EXPECT_MOVED(tree_move, 0, 1, 011234567, 010);
	EXPECT_MOVED(tree_move, 0, 1, 01234567, 0110);
	EXPECT_MOVED(tree_move, 0, 1, 0134567, 01210);
	/* To the right, to the left, to where it is, and behind its equals. */
	s->bss->to_key = 7;
	EXPECT_MOVED(tree_reposition, 3, 1, 0145677, 01210);
	s->bss->to_key = 0;
	EXPECT_MOVED(tree_reposition, 6, 1, 0104577, 01210);
	s->bss->to_key = 3;
	EXPECT_MOVED(tree_reposition, 4, 1, 0103577, 01210);
	s->bss->to_key = 5;
	EXPECT_MOVED(tree_reposition, 0, 1, 0135577, 01210);
}

TEST_F(moved, between_values)
{
	EXPECT_MOVED(two_locks, 0, 2, 011234567, 010);
	EXPECT_MOVED(two_locks, 0, 2, 01234567, 0110);
}

TEST_F(moved, by_key)
{
	self->skel->bss->to_key = 3;
	EXPECT_MOVED(by_key, 0, 2, 0112334, 015);
}

REFUSED(moved, -EINVAL, one_lock_of_two,
	"held lock and object are not in the same allocation");
REFUSED(moved, -EINVAL, other_lock_of_two,
	"held lock and object are not in the same allocation");
REFUSED(moved, -EACCES, used_after_one_unlock, "invalid mem access 'scalar'");
REFUSED(moved, -EINVAL, by_another_node,
	"bpf_list_move_back: from a bpf_list_head of struct pair by the node at offset=0 to one of struct pair by the node at offset=24; they must be the same");
REFUSED(moved, -EINVAL, against_the_key, "declares a key; use bpf_rbtree_move_key()");
REFUSED(moved, -EINVAL, to_a_key, "declares a key; use bpf_rbtree_move_key()");
REFUSED(moved, -EINVAL, by_no_key, "bpf_rbtree_move_key: the bpf_rb_root at offset=");
REFUSED(moved, -EINVAL, by_another_key, "declares another key than that at offset=");
REFUSED(moved, -EINVAL, while_comparing, "not allowed in rbtree cb");

TEST_HARNESS_MAIN
