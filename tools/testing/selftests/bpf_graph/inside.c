// SPDX-License-Identifier: GPL-2.0
/* Reading what is in a kptr of an object, without taking it out. */
#include "refusal.h"
#include "inside.skel.h"

TEST(read_in_its_place)
{
	struct inside *s = inside__open_and_load();

	ASSERT_NE(NULL, s);
	EXPECT_EQ(0, run_prog(s->progs.read));
	EXPECT_EQ(42, s->bss->owned);
	EXPECT_EQ(42, s->bss->value);
	EXPECT_EQ(getpid(), s->bss->pid);
	inside__destroy(s);
}

REFUSED(inside, -EACCES, written, "direct access to kptr is disallowed");
REFUSED(inside, -EACCES, in_part, "direct access to kptr is disallowed");
REFUSED(inside, -EACCES, unchecked, "invalid mem access 'rcu_ptr_or_null_'");
REFUSED(inside, -EINVAL, given_away_unlocked, "must be a rcu pointer");

TEST_HARNESS_MAIN
