// SPDX-License-Identifier: GPL-2.0
/* Nodes that are reserved before they are inserted: what comes of it, and what is refused. */
#include "refusal.h"
#include "reserved.skel.h"

#define NOT_RESERVED(kfunc, kind)						\
	kfunc ": the node in R2 is not reserved: call bpf_" kind			\
	"_can_add() before, and this only where that returned true"
#define BEFORE_GIVEN_AWAY(kind)							\
	"insert it, or call bpf_" kind "_unreserve() before the reference is given away"

TEST(inserted)
{
	struct reserved *s = reserved__open_and_load();

	ASSERT_NE(NULL, s);
	for (int n = 1; n <= 3; n++) {
		ASSERT_EQ(0, run_prog(s->progs.into_both));
		EXPECT_EQ(1, s->bss->first);
		EXPECT_EQ(0, s->bss->again);
		EXPECT_EQ(-EINVAL, s->bss->after);
		EXPECT_EQ(n, s->bss->in_list);
		EXPECT_EQ(n, s->bss->in_tree);
	}
	ASSERT_EQ(0, run_prog(s->progs.by_key));
	EXPECT_EQ(1, s->bss->first);
	EXPECT_EQ(1, s->bss->again);
	reserved__destroy(s);
}

TEST(given_back)
{
	struct reserved *s = reserved__open_and_load();

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, run_prog(s->progs.given_back));
	EXPECT_EQ(1, s->bss->first);
	EXPECT_EQ(1, s->bss->again);
	EXPECT_EQ(1, s->bss->in_list);
	EXPECT_EQ(0, s->bss->after);
	reserved__destroy(s);
}

REFUSED(reserved, -EINVAL, dropped, BEFORE_GIVEN_AWAY("list"));
REFUSED(reserved, -EINVAL, stored, BEFORE_GIVEN_AWAY("rbtree"));
REFUSED(reserved, -EINVAL, one_of_two,
	"the object's bpf_rb_node at offset=24 is reserved since insn");
REFUSED(reserved, -EINVAL, not_asked, NOT_RESERVED("bpf_list_push_back_reserved", "list"));
REFUSED(reserved, -EINVAL, not_granted, NOT_RESERVED("bpf_list_push_back_reserved", "list"));
REFUSED(reserved, -EINVAL, other_node, "bpf_list_unreserve: the node in R1 is not reserved");
REFUSED(reserved, -EINVAL, by_plain_push,
	"insert it by a kfunc that ends in _reserved, or call bpf_list_unreserve() before");
REFUSED(reserved, -EINVAL, asked_twice, "bpf_list_can_add: the node in R1 is reserved since insn");
REFUSED(reserved, -EINVAL, without_the_lock,
	"bpf_spin_lock at off=0 must be held for bpf_list_head");
REFUSED(reserved, -EINVAL, not_owned, "expected pointer to allocated object");

TEST_HARNESS_MAIN
