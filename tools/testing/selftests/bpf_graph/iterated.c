// SPDX-License-Identifier: GPL-2.0
/* Iterators over lists and trees: what they see, and what cannot be done meanwhile. */
#include "refusal.h"
#include "iterated.skel.h"

#define BACKWARD 1
#define ONLY_THE_NODE(root)							\
	"goes over this " root ": only the node that it is at can be taken out"
#define GUARDED									\
	"goes over a bpf_list_head that this lock guards; leave its loop, or destroy it, before"

FIXTURE(iterated) {
	struct iterated *skel;
};

FIXTURE_SETUP(iterated)
{
	self->skel = iterated__open_and_load();
	ASSERT_NE(NULL, self->skel);
	ASSERT_EQ(0, run_prog(self->skel->progs.fill));
}

FIXTURE_TEARDOWN(iterated)
{
	iterated__destroy(self->skel);
}

TEST_F(iterated, from_either_end)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.list_seen));
	EXPECT_EQ(0101234567, s->bss->seen);
	ASSERT_EQ(0, run_prog(s->progs.tree_seen));
	EXPECT_EQ(0101234567, s->bss->seen);
	s->bss->flags = BACKWARD;
	ASSERT_EQ(0, run_prog(s->progs.list_seen));
	EXPECT_EQ(0176543210, s->bss->seen);
	ASSERT_EQ(0, run_prog(s->progs.tree_seen));
	EXPECT_EQ(0176543210, s->bss->seen);
	/* No such way: over nothing. */
	s->bss->flags = 2;
	ASSERT_EQ(0, run_prog(s->progs.list_seen));
	EXPECT_EQ(01, s->bss->seen);
	ASSERT_EQ(0, run_prog(s->progs.tree_seen));
	EXPECT_EQ(01, s->bss->seen);
}

TEST_F(iterated, removed_on_the_way)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.remove_odd));
	EXPECT_EQ(010246, s->bss->left);
	ASSERT_EQ(0, run_prog(s->progs.remove_low));
	EXPECT_EQ(0134567, s->bss->seen);
}

TEST_F(iterated, removed_on_the_way_back)
{
	struct iterated *s = self->skel;

	s->bss->flags = BACKWARD;
	ASSERT_EQ(0, run_prog(s->progs.remove_odd));
	EXPECT_EQ(010246, s->bss->left);
}

TEST_F(iterated, moved_on_the_way)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.move_all));
	EXPECT_EQ(0176543210, s->bss->left);
	EXPECT_EQ(0176543210, s->bss->seen);
	ASSERT_EQ(0, run_prog(s->progs.list_seen));
	EXPECT_EQ(01, s->bss->seen);
	ASSERT_EQ(0, run_prog(s->progs.tree_seen));
	EXPECT_EQ(0101234567, s->bss->seen);
}

TEST_F(iterated, nested)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.nested));
	EXPECT_EQ(6428, s->bss->pairs);
}

TEST_F(iterated, moved_and_removed)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.moved_and_removed));
	EXPECT_EQ(0101234567, s->bss->left);
	EXPECT_EQ(0101234567, s->bss->seen);
}

TEST_F(iterated, of_two_maps)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.of_two_maps));
	EXPECT_EQ(8, s->bss->pairs);
}

TEST_F(iterated, inserted_on_the_way)
{
	struct iterated *s = self->skel;

	ASSERT_EQ(0, run_prog(s->progs.insert_behind));
	EXPECT_EQ(01012345675, s->bss->seen);
}

REFUSED(iterated, -EINVAL, without_the_lock,
	"bpf_spin_lock at off=0 must be held for bpf_list_head");
REFUSED(iterated, -EINVAL, unlocked_inside,
	GUARDED);
REFUSED(iterated, -EINVAL, outlives_the_lock,
	GUARDED);
REFUSED(iterated, -EINVAL, popped_inside,
	ONLY_THE_NODE("bpf_list_head"));
REFUSED(iterated, -EINVAL, other_removed,
	ONLY_THE_NODE("bpf_list_head"));
REFUSED(iterated, -EINVAL, behind_removed,
	ONLY_THE_NODE("bpf_rb_root"));
REFUSED(iterated, -EINVAL, removed_under_two,
	ONLY_THE_NODE("bpf_list_head"));
REFUSED(iterated, -EINVAL, moved_by_another_name,
	ONLY_THE_NODE("bpf_list_head"));
REFUSED(iterated, -EINVAL, popped_through_an_outer_map,
	ONLY_THE_NODE("bpf_list_head"));
REFUSED(iterated, -EACCES, node_outlives_the_loop, "invalid mem access 'scalar'");

TEST_HARNESS_MAIN
