// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_obj_drop(): memory that nobody else can read is free at once, all other
 * memory after a grace period.
 */
#include "graph_test.h"
#include "freed.skel.h"

FIXTURE(freed) {
	struct freed *skel;
};

FIXTURE_SETUP(freed)
{
	self->skel = freed__open_and_load();
	ASSERT_NE(NULL, self->skel);
}

FIXTURE_TEARDOWN(freed)
{
	freed__destroy(self->skel);
}

FIXTURE_VARIANT(freed) {
	const char *prog;
	bool at_once;
};

FIXTURE_VARIANT_ADD(freed, plain) { .prog = "plain_dropped", .at_once = true };
FIXTURE_VARIANT_ADD(freed, kept) { .prog = "kept_dropped" };
FIXTURE_VARIANT_ADD(freed, shared) { .prog = "shared_dropped" };
FIXTURE_VARIANT_ADD(freed, either) { .prog = "both_dropped" };
/* By a call of its own, but a type of the one before. */
FIXTURE_VARIANT_ADD(freed, mixed) { .prog = "mixed_dropped" };
FIXTURE_VARIANT_ADD(freed, sliced) { .prog = "sliced_dropped" };
FIXTURE_VARIANT_ADD(freed, refused) { .prog = "plain_refused" };

TEST_F(freed, memory)
{
	struct bpf_program *prog;
	bool at_once;

	prog = bpf_object__find_program_by_name(self->skel->obj, variant->prog);
	ASSERT_NE(NULL, prog);
	ASSERT_EQ(0, run_prog(prog));
	/* There may be no memory for some of them, and an interrupt takes what was free. */
	EXPECT_LT(50, self->skel->bss->made);
	at_once = variant->at_once && !strcmp(impl(), "rust");
	EXPECT_LE(at_once ? self->skel->bss->made / 2 : 0, self->skel->bss->again);
	EXPECT_GE(at_once ? self->skel->bss->made : 0, self->skel->bss->again);
}

TEST(found_under_the_lock)
{
	struct freed *skel = freed__open_and_load();

	ASSERT_NE(NULL, skel);
	EXPECT_EQ(0, run_prog(skel->progs.plain_found));
	EXPECT_EQ(7, skel->bss->made);
	freed__destroy(skel);
}

TEST_HARNESS_MAIN
