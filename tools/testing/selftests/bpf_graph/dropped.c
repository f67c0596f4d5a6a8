// SPDX-License-Identifier: GPL-2.0
/*
 * Objects of several types that one call of bpf_obj_drop() gets: each is freed as what it
 * is. A count is taken from those that have one, and what others hold is let go of.
 */
#include "refusal.h"
#include "dropped.skel.h"

#define ROUNDS 1000

FIXTURE(dropped) {
	struct dropped *s;
	struct counter alive;
};

FIXTURE_SETUP(dropped)
{
	self->s = dropped__open_and_load();
	ASSERT_NE(NULL, self->s);
	ASSERT_TRUE(counter_open(&self->alive));
}

FIXTURE_TEARDOWN(dropped)
{
	live__destroy(self->alive.skel);
	dropped__destroy(self->s);
}

TEST_F(dropped, each_as_what_it_is)
{
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, run_prog(self->s->progs.each));
		ASSERT_LT(0, self->s->bss->made);
	}
	EXPECT_EQ(0, counter_read(&self->alive));
}

TEST_F(dropped, one_reference_of_two)
{
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, run_prog(self->s->progs.one_of_two));
		ASSERT_EQ(1, self->s->bss->made);
		ASSERT_EQ(1, counter_read(&self->alive));
		ASSERT_EQ(0, run_prog(self->s->progs.other_of_two));
		ASSERT_EQ(1, self->s->bss->made);
		ASSERT_EQ(0, counter_read(&self->alive));
	}
}

TEST_F(dropped, with_nothing_to_count)
{
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, run_prog(self->s->progs.without_count));
		ASSERT_EQ(1, self->s->bss->made);
		ASSERT_EQ(0, run_prog(self->s->progs.alike));
		ASSERT_EQ(2, self->s->bss->made);
	}
	EXPECT_EQ(0, counter_read(&self->alive));
}

#define BUT "but another path brings another type to this call"

REFUSED(dropped, -EINVAL, count_or_not, BUT);
REFUSED(dropped, -EINVAL, in_other_places, BUT);

TEST_HARNESS_MAIN
