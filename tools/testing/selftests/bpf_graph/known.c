// SPDX-License-Identifier: GPL-2.0
/* What is known of a node behind the question whether it is in a list or tree. */
#include "refusal.h"
#include "known.skel.h"

#define MAY_BE_NULL "invalid mem access 'ptr_or_null_'"
#define IS_NOT_IN(kfunc, root)							\
	kfunc ": the node in R2 is not in this " root ", as was found out at insn"

TEST(taken_out_by_a_handle)
{
	struct known *s = known__open_and_load();

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, run_fd(bpf_program__fd(s->progs.fill)));
	EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.asked_on_the_way)));
	EXPECT_EQ(1, s->bss->in_tree);
	EXPECT_EQ(0, s->bss->in_list);
	for (int there = 1; there >= 0; there--) {
		s->bss->key = 0;
		EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.out_of_list)));
		EXPECT_EQ(there, s->bss->in_list);
		EXPECT_EQ(7 * there, s->bss->key);
		s->bss->key = 0;
		EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.out_of_tree)));
		EXPECT_EQ(there, s->bss->in_tree);
		EXPECT_EQ(7 * there, s->bss->key);
	}
	for (int there = 0; there <= 1; there++) {
		EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.back_into_list)));
		EXPECT_EQ(there, s->bss->in_list);
	}
	EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.out_of_list)));
	EXPECT_EQ(1, s->bss->in_list);
	known__destroy(s);
}

REFUSED(known, -EINVAL, taken_from_where_it_is_not, IS_NOT_IN("bpf_list_del", "bpf_list_head"));
REFUSED(known, -EINVAL, walked_from_where_it_is_not, IS_NOT_IN("bpf_rbtree_next", "bpf_rb_root"));
REFUSED(known, -EINVAL, never_known, IS_NOT_IN("bpf_list_move_back", "bpf_list_head"));
REFUSED(known, -EACCES, known_of_another_list, MAY_BE_NULL);
REFUSED(known, -EACCES, known_of_another_value, MAY_BE_NULL);
REFUSED(known, -EACCES, known_before_another_was_taken, MAY_BE_NULL);
REFUSED(known, -EACCES, known_before_the_unlock, MAY_BE_NULL);
REFUSED(known, -EACCES, known_of_another_node, MAY_BE_NULL);
REFUSED(known, -EINVAL, without_the_lock, "bpf_spin_lock at off=0 must be held for bpf_list_head");

TEST_HARNESS_MAIN
