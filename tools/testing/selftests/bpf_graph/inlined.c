// SPDX-License-Identifier: GPL-2.0
/*
 * kernel.bpf_graph_inline: which calls are gone from a loaded program, and that
 * the program does what it did.
 */
#include <sys/stat.h>

#include "targets.h"
#include "calls.skel.h"
#include "inlined.skel.h"
#include "inlined_tree.skel.h"

FIXTURE(inlined) {
	struct symbols syms;
	int was;
};

FIXTURE_SETUP(inlined)
{
	self->was = -1;
	if (access(INLINE_SYSCTL, F_OK))
		SKIP(return, "no kernel.bpf_graph_inline (CONFIG_BPF_GRAPH_INLINE)");
	ASSERT_TRUE(symbols_read(&self->syms));
	self->was = inline_set(true);
	ASSERT_LE(0, self->was);
}

FIXTURE_TEARDOWN(inlined)
{
	if (self->was >= 0)
		inline_set(self->was);
	free(self->syms.tab);
}

static bool is_in(const char *name, const char * const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static const char * const none[] = { NULL };

/* Each kfunc is called by @prog if and only if it is not among @gone, and is among @of. */
static void expect_calls(struct __test_metadata *_metadata, const struct symbols *s,
			 const struct bpf_program *prog, const char * const *of,
			 const char * const *gone)
{
	struct targets t;
	int i;

	if (hardened())
		gone = none;
	ASSERT_TRUE(targets_read(&t, bpf_program__fd(prog), s));
	for (i = 0; i < NR_GRAPH_KFUNCS; i++) {
		const char *name = graph_kfuncs[i].name;

		if (of && !is_in(name, of))
			continue;
		EXPECT_EQ(!is_in(name, gone), targets_has(&t, symbols_find(s, name)))
			TH_LOG("%s", name);
	}
}

/* What does not depend on the type. */
static const char * const any[] = {
	"bpf_list_del", "bpf_list_pop_front", "bpf_list_pop_back", "bpf_list_front",
	"bpf_list_back", "bpf_list_is_first", "bpf_list_is_last", "bpf_list_empty",
	"bpf_rbtree_first", "bpf_rbtree_root", "bpf_rbtree_left", "bpf_rbtree_right",
	"bpf_rbtree_add", NULL,
};

static const char * const sole[] = {
	"bpf_list_push_front", "bpf_list_push_back",
	"bpf_list_del", "bpf_list_pop_front", "bpf_list_pop_back", "bpf_list_front",
	"bpf_list_back", "bpf_list_is_first", "bpf_list_is_last", "bpf_list_empty", NULL,
};

/* The objects of these programs are shared: to insert one is a call. */
TEST_F(inlined, shared)
{
	struct calls *on, *off;

	on = calls__open_and_load();
	ASSERT_NE(NULL, on);
	ASSERT_EQ(1, inline_set(false));
	off = calls__open_and_load();
	ASSERT_NE(NULL, off);
	expect_calls(_metadata, &self->syms, on->progs.call_all, NULL, any);
	expect_calls(_metadata, &self->syms, off->progs.call_all, NULL, none);
	EXPECT_EQ(0, run_prog(on->progs.call_all));
	EXPECT_EQ(0, run_prog(off->progs.call_all));
	EXPECT_EQ(3, on->bss->seen);
	EXPECT_EQ(3, off->bss->seen);
	calls__destroy(on);
	calls__destroy(off);
}

TEST_F(inlined, one_owner)
{
	struct inlined *on, *off;
	int i;

	on = inlined__open_and_load();
	ASSERT_NE(NULL, on);
	ASSERT_EQ(1, inline_set(false));
	off = inlined__open_and_load();
	ASSERT_NE(NULL, off);
	expect_calls(_metadata, &self->syms, on->progs.shuffle, sole, sole);
	expect_calls(_metadata, &self->syms, off->progs.shuffle, sole, none);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, run_prog(off->progs.shuffle));
		EXPECT_EQ(514655631206, off->bss->order);
		EXPECT_EQ(0, run_prog(on->progs.shuffle));
		EXPECT_EQ(off->bss->order, on->bss->order);
	}
	inlined__destroy(on);
	inlined__destroy(off);
}

static const char * const add[] = { "bpf_rbtree_add", NULL };

/*
 * The way down a tree, where the callback is known; nothing of what the program has in
 * registers and on its stack is lost.
 */
TEST_F(inlined, tree)
{
	struct inlined_tree *t;
	int on, i, compared = 0;

	for (on = 0; on < 2; on++) {
		ASSERT_LE(0, inline_set(on));
		t = inlined_tree__open_and_load();
		ASSERT_NE(NULL, t);
		expect_calls(_metadata, &self->syms, t->progs.one, add, on ? add : none);
		expect_calls(_metadata, &self->syms, t->progs.either, add, none);
		expect_calls(_metadata, &self->syms, t->progs.gone, add, on ? add : none);
		expect_calls(_metadata, &self->syms, t->progs.full, add, on ? add : none);
		for (i = 0; i < 3; i++) {
			EXPECT_EQ(0, run_prog(t->progs.one));
			EXPECT_EQ(001234567, t->bss->order);
			t->bss->down = true;
			EXPECT_EQ(0, run_prog(t->progs.either));
			EXPECT_EQ(076543210, t->bss->order);
			t->bss->down = false;
			EXPECT_EQ(0, run_prog(t->progs.either));
			EXPECT_EQ(001234567, t->bss->order);
			t->bss->compared = 0;
			EXPECT_EQ(0, run_prog(t->progs.gone));
			EXPECT_EQ(001234567, t->bss->order);
			if (!on)
				compared = t->bss->compared;
			EXPECT_EQ(compared, t->bss->compared);
			EXPECT_LT(7, compared);
			EXPECT_EQ(0, run_prog(t->progs.full));
			EXPECT_EQ(001, t->bss->order);
			EXPECT_EQ(0, t->bss->changed);
		}
		inlined_tree__destroy(t);
	}
}

/* Where C is chosen a call goes to C. */
TEST_F(inlined, not_of_c)
{
	char was[16], name[128];
	struct targets t;
	struct calls *c;
	int i;

	if (access(IMPL_SYSCTL, F_OK))
		SKIP(return, "no kernel.bpf_graph_impl: kernel built without CONFIG_BPF_GRAPH_AB");
	snprintf(was, sizeof(was), "%s", impl());
	ASSERT_EQ(0, impl_set("c"));
	c = calls__open_and_load();
	ASSERT_EQ(0, impl_set(was));
	ASSERT_NE(NULL, c);
	ASSERT_TRUE(targets_read(&t, bpf_program__fd(c->progs.call_all), &self->syms));
	for (i = 0; any[i]; i++) {
		snprintf(name, sizeof(name), "bpf_graph_c_%s", any[i]);
		EXPECT_TRUE(targets_has(&t, symbols_find(&self->syms, name))) TH_LOG("%s", name);
	}
	calls__destroy(c);
}

TEST_F(inlined, values)
{
	static const char * const bad[] = { "2", "-1", "x", "yes" };
	struct stat st;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, sysctl_set(INLINE_SYSCTL, bad[i])) TH_LOG("%s", bad[i]);
	EXPECT_EQ(1, inline_set(false));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, sysctl_set(INLINE_SYSCTL, bad[i])) TH_LOG("%s", bad[i]);
	EXPECT_EQ(0, inline_set(true));
	ASSERT_EQ(0, stat(INLINE_SYSCTL, &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
}

TEST_HARNESS_MAIN
