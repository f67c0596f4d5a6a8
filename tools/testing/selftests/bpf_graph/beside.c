// SPDX-License-Identifier: GPL-2.0
/* Walks from node to node: what they go over, and what is refused. */
#include "refusal.h"
#include "beside.h"
#include "beside.skel.h"

FIXTURE(beside) {
	struct beside *skel;
};

FIXTURE_SETUP(beside)
{
	self->skel = beside__open_and_load();
	ASSERT_NE(NULL, self->skel);
	ASSERT_EQ(0, run_prog(self->skel->progs.fill));
}

FIXTURE_TEARDOWN(beside)
{
	beside__destroy(self->skel);
}

/* Does @prog go over the ids from @first on, each @step from the one before, @nr of them? */
static bool goes(struct beside *skel, const struct bpf_program *prog, int first, int step, int nr)
{
	int i;

	skel->bss->nr = 0;
	if (run_prog(prog) || skel->bss->nr != nr)
		return false;
	for (i = 0; i < nr; i++)
		if (skel->bss->seen[i] != first + i * step)
			return false;
	return true;
}

TEST_F(beside, walk)
{
	struct beside *skel = self->skel;

	EXPECT_TRUE(goes(skel, skel->progs.list_on, 0, 1, ITEMS));
	EXPECT_TRUE(goes(skel, skel->progs.list_back, ITEMS - 1, -1, ITEMS));
	EXPECT_TRUE(goes(skel, skel->progs.other_on, 0, 0, 0));
	EXPECT_TRUE(goes(skel, skel->progs.tree_on, ITEMS - 1, -1, ITEMS));
	EXPECT_TRUE(goes(skel, skel->progs.tree_back, 0, 1, ITEMS));
}

TEST_F(beside, take_out_on_the_way)
{
	struct beside *skel = self->skel;

	ASSERT_EQ(0, run_prog(skel->progs.move_odd));
	EXPECT_TRUE(goes(skel, skel->progs.list_on, 0, 2, ITEMS / 2));
	EXPECT_TRUE(goes(skel, skel->progs.list_back, ITEMS - 2, -2, ITEMS / 2));
	EXPECT_TRUE(goes(skel, skel->progs.other_on, 1, 2, ITEMS / 2));
	/* The trees have them all. */
	EXPECT_TRUE(goes(skel, skel->progs.tree_on, ITEMS - 1, -1, ITEMS));
	EXPECT_TRUE(goes(skel, skel->progs.stranger, 1, 0, 2));
	EXPECT_TRUE(goes(skel, skel->progs.in_no_list, 1, 0, 4));
	/* The one that was taken out is not there any more. */
	skel->bss->nr = 0;
	ASSERT_EQ(0, run_prog(skel->progs.list_on));
	EXPECT_EQ(ITEMS / 2 - 1, skel->bss->nr);
}

TEST_F(beside, elsewhere)
{
	struct beside *skel = self->skel;

	EXPECT_TRUE(goes(skel, skel->progs.in_an_object, 0, 1, ITEMS));
	EXPECT_TRUE(goes(skel, skel->progs.under_res_lock, 0, 1, ITEMS));
}

REFUSED(beside, -EINVAL, next_without_lock,
	"bpf_spin_lock at off=0 must be held for bpf_list_head");
REFUSED(beside, -EACCES, next_after_unlock, "invalid mem access 'scalar'");
REFUSED(beside, -EACCES, next_unchecked, "invalid mem access 'rcu_ptr_or_null_'");
REFUSED(beside, -EINVAL, next_of_another_lock,
	"held lock and object are not in the same allocation");
REFUSED(beside, -EINVAL, next_of_another_type,
	"operation on bpf_list_head expects arg#1 bpf_list_node at offset=8 in struct other");
REFUSED(beside, -EINVAL, next_beside_the_node, "bpf_list_node");
REFUSED(beside, -EINVAL, next_while_comparing, "not allowed in rbtree cb");

TEST_HARNESS_MAIN
