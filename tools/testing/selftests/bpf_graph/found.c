// SPDX-License-Identifier: GPL-2.0
/* Searches by a comparison of the program's own: what they find, and what is refused. */
#include "refusal.h"
#include "targets.h"
#include "found.h"
#include "found.skel.h"

FIXTURE(found) {
	int inlined;
	struct found *skel;
};

FIXTURE_VARIANT(found) {
	bool inlined;
};

FIXTURE_VARIANT_ADD(found, called) {
};

FIXTURE_VARIANT_ADD(found, inlined) {
	.inlined = true,
};

FIXTURE_SETUP(found)
{
	self->inlined = inline_set(variant->inlined);
	self->skel = found__open_and_load();
	ASSERT_NE(NULL, self->skel);
	ASSERT_EQ(0, run_prog(self->skel->progs.fill));
}

FIXTURE_TEARDOWN(found)
{
	found__destroy(self->skel);
	inline_set(self->inlined == 1);
}

/* What is there of what @is says, in order. */
static int first(bool (*is)(int when, int rank, int w, int r), int w, int r)
{
	int i;

	for (i = 0; i < ITEMS; i++)
		if (is(i & ~1, i & 1, w, r))
			return 10 * (i & ~1) + (i & 1);
	return NOTHING;
}

static bool is_time(int when, int rank, int w, int r) { return when == w; }
static bool from_time(int when, int rank, int w, int r) { return when >= w; }
static bool after_time(int when, int rank, int w, int r) { return when > w; }
static bool is_both(int when, int rank, int w, int r) { return when == w && rank == r; }

static bool from_both(int when, int rank, int w, int r)
{
	return when > w || (when == w && rank >= r);
}

static bool after_both(int when, int rank, int w, int r)
{
	return when > w || (when == w && rank > r);
}

TEST_F(found, each)
{
	struct found *s = self->skel;
	const struct {
		struct bpf_program *prog;
		bool (*is)(int when, int rank, int w, int r);
	} all[] = {
		{ s->progs.find_time, is_time }, { s->progs.lower_time, from_time },
		{ s->progs.upper_time, after_time }, { s->progs.find_both, is_both },
		{ s->progs.lower_both, from_both }, { s->progs.upper_both, after_both },
	};
	int i, w, r;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		for (w = -1; w <= ITEMS; w++)
			for (r = -1; r <= 2; r++) {
				s->bss->when = w;
				s->bss->rank = r;
				ASSERT_EQ(0, run_prog(all[i].prog));
				EXPECT_EQ(first(all[i].is, w, r), s->bss->found)
					TH_LOG("search %d for %d, %d", i, w, r);
			}
	/* Not by a walk over all of them. */
	s->bss->compared = 0;
	ASSERT_EQ(0, run_prog(s->progs.find_both));
	EXPECT_LE(s->bss->compared, 10);
}

TEST_F(found, take_out)
{
	struct found *s = self->skel;
	const int want[] = { 80, 81, NOTHING };
	int i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(0, run_prog(s->progs.take_eight));
		EXPECT_EQ(want[i], s->bss->found);
	}
}

/* Is there no call of the functions any more where they are inlined, and one where not? */
TEST_F(found, calls)
{
	struct found *s = self->skel;
	struct symbols syms;
	struct targets t;

	if (self->inlined < 0)
		SKIP(return, "no kernel.bpf_graph_inline (CONFIG_BPF_GRAPH_INLINE)");
	ASSERT_TRUE(symbols_read(&syms));
	ASSERT_TRUE(targets_read(&t, bpf_program__fd(s->progs.find_time), &syms));
	EXPECT_EQ(!variant->inlined || hardened(),
		  targets_has(&t, symbols_find(&syms, "bpf_rbtree_find")));
	ASSERT_TRUE(targets_read(&t, bpf_program__fd(s->progs.lower_both), &syms));
	EXPECT_EQ(!variant->inlined || hardened(),
		  targets_has(&t, symbols_find(&syms, "bpf_rbtree_lower_bound")));
	free(syms.tab);
}

REFUSED(found, -EINVAL, without_lock, "bpf_spin_lock at off=0 must be held for bpf_rb_root");
REFUSED(found, -EACCES, without_key, "Possibly NULL pointer");
REFUSED(found, -EACCES, short_key, "invalid access to memory, mem_size=4 off=4 size=4");
REFUSED(found, -EACCES, key_cast, "copy it to the stack or to a map value");
REFUSED(found, -EACCES, key_of_the_kernel, "copy it to the stack or to a map value");
REFUSED(found, -EINVAL, long_key, "invalid read from stack");
REFUSED(found, -EACCES, key_written, "cannot write into rdonly_mem");
REFUSED(found, -EINVAL, node_removed, "not allowed in rbtree cb");
REFUSED(found, -EACCES, used_after_unlock, "invalid mem access 'scalar'");
REFUSED(found, -EACCES, unchecked, "rcu_ptr_or_null_");

TEST_HARNESS_MAIN
