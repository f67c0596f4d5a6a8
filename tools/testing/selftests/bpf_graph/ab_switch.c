// SPDX-License-Identifier: GPL-2.0
/*
 * kernel.bpf_graph_impl (CONFIG_BPF_GRAPH_AB): root, and only root, chooses the
 * implementation that programs get when they are loaded from then on.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "targets.h"
#include "calls.skel.h"

FIXTURE(ab_switch) {
	struct symbols syms;
	char was[16];
	int inlined;
};

FIXTURE_SETUP(ab_switch)
{
	if (access(IMPL_SYSCTL, F_OK))
		SKIP(return, "no kernel.bpf_graph_impl: kernel built without CONFIG_BPF_GRAPH_AB");
	ASSERT_TRUE(symbols_read(&self->syms));
	snprintf(self->was, sizeof(self->was), "%s", impl());
	self->inlined = inline_set(false);
}

FIXTURE_TEARDOWN(ab_switch)
{
	if (self->was[0])
		impl_set(self->was);
	inline_set(self->inlined == 1);
	free(self->syms.tab);
}

TEST_F(ab_switch, read_and_write)
{
	ASSERT_EQ(0, impl_set("c\n"));
	EXPECT_STREQ("c", impl());
	ASSERT_EQ(0, impl_set("rust\n"));
	EXPECT_STREQ("rust", impl());
	/* Without the newline, too. */
	ASSERT_EQ(0, impl_set("c"));
	EXPECT_STREQ("c", impl());
	ASSERT_EQ(0, impl_set("rust"));
	EXPECT_STREQ("rust", impl());
}

TEST_F(ab_switch, bad_value)
{
	static const char * const bad[] = { "C", "Rust", "rusty", "cc", "0", "1", "r", "rust c",
		"rustrustrust",
	};
	static const char * const good[] = { "rust", "c" };
	unsigned int i, j;

	for (j = 0; j < ARRAY_SIZE(good); j++) {
		ASSERT_EQ(0, impl_set(good[j]));
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			EXPECT_EQ(-EINVAL, impl_set(bad[i])) TH_LOG("value \"%s\"", bad[i]);
			EXPECT_STREQ(good[j], impl());
		}
	}
}

TEST_F(ab_switch, root_only)
{
	struct stat st;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stat(IMPL_SYSCTL, &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd, bits = 0;

		if (setgid(65534) || setuid(65534))
			_exit(16);
		fd = open(IMPL_SYSCTL, O_RDONLY);
		bits |= fd >= 0 || errno != EACCES ? 1 : 0;
		fd = open(IMPL_SYSCTL, O_WRONLY);
		bits |= fd >= 0 || errno != EACCES ? 2 : 0;
		_exit(bits);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status)) TH_LOG("1: could read, 2: could write, 16: no setuid");
	EXPECT_STREQ(self->was, impl());
}

/* How many kfuncs does @prog call in Rust, how many in C? */
struct split {
	int rust, c;
};

static struct split split(const struct symbols *s, const struct bpf_program *prog, bool twins)
{
	struct split n = {};
	struct targets t;
	char name[128];
	int i;

	if (!targets_read(&t, bpf_program__fd(prog), s))
		return n;
	for (i = 0; i < NR_GRAPH_KFUNCS; i++) {
		const char *base = graph_kfuncs[i].name;

		if (twins && !graph_kfuncs[i].twin)
			continue;
		snprintf(name, sizeof(name), "%s%s", base, twins ? "_impl" : "");
		n.rust += targets_has(&t, symbols_find(s, name));
		snprintf(name, sizeof(name), "bpf_graph_c_%s", base);
		if (targets_has(&t, symbols_find(s, name))) {
			n.c++;
			continue;
		}
		snprintf(name, sizeof(name), "bpf_graph_c_%s_impl", base);
		n.c += twins && targets_has(&t, symbols_find(s, name));
	}
	return n;
}

static void expect_rust(struct __test_metadata *_metadata, const struct symbols *s,
			struct calls *skel)
{
	EXPECT_EQ(NR_GRAPH_KFUNCS, split(s, skel->progs.call_all, false).rust);
	EXPECT_EQ(0, split(s, skel->progs.call_all, false).c);
	EXPECT_EQ(8, split(s, skel->progs.call_impl, true).rust);
	EXPECT_EQ(0, split(s, skel->progs.call_impl, true).c);
	EXPECT_EQ(0, run_prog(skel->progs.call_all));
	EXPECT_EQ(0, run_prog(skel->progs.call_impl));
}

static void expect_c(struct __test_metadata *_metadata, const struct symbols *s,
		     struct calls *skel)
{
	EXPECT_EQ(0, split(s, skel->progs.call_all, false).rust);
	EXPECT_EQ(NR_GRAPH_KFUNCS, split(s, skel->progs.call_all, false).c);
	EXPECT_EQ(0, split(s, skel->progs.call_impl, true).rust);
	EXPECT_EQ(8, split(s, skel->progs.call_impl, true).c);
	EXPECT_EQ(0, run_prog(skel->progs.call_all));
	EXPECT_EQ(0, run_prog(skel->progs.call_impl));
}

/* A program keeps what it was loaded with; only the next one gets the other. */
TEST_F(ab_switch, loaded_keep_theirs)
{
	struct calls *first, *second, *third;

	ASSERT_EQ(0, impl_set("rust"));
	first = calls__open_and_load();
	ASSERT_NE(NULL, first);
	expect_rust(_metadata, &self->syms, first);

	ASSERT_EQ(0, impl_set("c"));
	second = calls__open_and_load();
	ASSERT_NE(NULL, second);
	expect_rust(_metadata, &self->syms, first);
	expect_c(_metadata, &self->syms, second);

	ASSERT_EQ(0, impl_set("rust"));
	third = calls__open_and_load();
	ASSERT_NE(NULL, third);
	expect_c(_metadata, &self->syms, second);
	expect_rust(_metadata, &self->syms, third);

	calls__destroy(first);
	calls__destroy(second);
	calls__destroy(third);
}

TEST_HARNESS_MAIN
