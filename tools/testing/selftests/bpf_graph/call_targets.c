// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of a loaded program reach the Rust object, all of them: for each
 * graph kfunc, the machine code has a call to a function that DWARF says came
 * from a Rust file of ours. With kernel.bpf_graph_impl at "c", the same of
 * upstream's bodies in helpers.c. Which file a function came from is in the
 * file BPF_GRAPH_ORIGIN names, lines of ADDRESS NAME FILE, made from vmlinux
 * on the host.
 */
#include "targets.h"
#include "calls.skel.h"

#define RUST_DIR	"kernel/bpf/graph/rust/"
#define C_FILE		"kernel/bpf/helpers.c"

FIXTURE(call_targets) {
	struct symbols syms;
	struct calls *skel;
	bool rust;
	int inlined;
};

FIXTURE_SETUP(call_targets)
{
	ASSERT_TRUE(symbols_read(&self->syms));
	self->rust = strcmp(impl(), "c");
	/* What is no call any more: inlined.c. */
	self->inlined = inline_set(false);
	self->skel = calls__open_and_load();
	ASSERT_NE(NULL, self->skel);
}

FIXTURE_TEARDOWN(call_targets)
{
	calls__destroy(self->skel);
	free(self->syms.tab);
	inline_set(self->inlined == 1);
}

/*
 * The source file of the function at @addr, "" if the list does not know. The
 * list has link addresses: @name's entry there says how far the kernel moved.
 */
static const char *origin(unsigned long addr, const char *name, char *file, size_t size)
{
	const char *path = getenv("BPF_GRAPH_ORIGIN");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[1024], sym[256], src[512];
	unsigned long at;

	file[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %255s %511s", &at, sym, src) != 3)
			continue;
		/* Without KASLR equal; with it, equal in the page and by name. */
		if (strcmp(sym, name) || (at ^ addr) & 0xfff)
			continue;
		snprintf(file, size, "%s", src);
		break;
	}
	if (f)
		fclose(f);
	return file;
}

static bool is_ours(const char *file, bool rust)
{
	size_t len = strlen(file);

	if (rust)
		return strstr(file, RUST_DIR) && len > 3 && !strcmp(file + len - 3, ".rs");
	return len >= strlen(C_FILE) && !strcmp(file + len - strlen(C_FILE), C_FILE);
}

/* Is there, in @t, a call of function @name that comes from where it should? */
static bool called(const struct symbols *s, const struct targets *t, const char *name,
		   bool rust, char *why, size_t size)
{
	unsigned long addr = symbols_find(s, name);
	char file[512];

	why[0] = '\0';
	if (addr <= 1) {
		snprintf(why, size, "%s function %s", addr ? "more than one" : "no", name);
		return false;
	}
	if (!targets_has(t, addr)) {
		snprintf(why, size, "no call of %s at %lx", name, addr);
		return false;
	}
	if (!is_ours(origin(addr, name, file, sizeof(file)), rust)) {
		snprintf(why, size, "%s at %lx is from %s", name, addr,
			 *file ? file : "no known file");
		return false;
	}
	return true;
}

static void check(struct __test_metadata *_metadata, const struct symbols *s, int fd, bool rust,
		  bool twins)
{
	char name[128], other[128], why[1024], why_twin[1024];
	const char *suffix = twins ? "_impl" : "";
	struct targets t;
	int i;

	ASSERT_TRUE(targets_read(&t, fd, s));
	for (i = 0; i < NR_GRAPH_KFUNCS; i++) {
		const char *base = graph_kfuncs[i].name;
		unsigned long wrong;
		bool ok;

		if (twins && !graph_kfuncs[i].twin)
			continue;
		if (rust) {
			snprintf(name, sizeof(name), "%s%s", base, suffix);
			snprintf(other, sizeof(other), "bpf_graph_c_%s%s", base, suffix);
			ok = called(s, &t, name, rust, why, sizeof(why));
		} else {
			snprintf(name, sizeof(name), "bpf_graph_c_%s", base);
			snprintf(other, sizeof(other), "%s%s", base, suffix);
			ok = called(s, &t, name, rust, why, sizeof(why));
			/* A twin may have a C body of its own. */
			if (!ok && twins) {
				snprintf(name, sizeof(name), "bpf_graph_c_%s_impl", base);
				ok = called(s, &t, name, rust, why_twin, sizeof(why_twin));
			}
		}
		EXPECT_TRUE(ok) TH_LOG("%s", why);
		wrong = symbols_find(s, other);
		EXPECT_FALSE(wrong > 1 && targets_has(&t, wrong))
			TH_LOG("%s is called as well", other);
	}
}

TEST_F(call_targets, every_kfunc)
{
	check(_metadata, &self->syms, bpf_program__fd(self->skel->progs.call_all),
	      self->rust, false);
}

TEST_F(call_targets, every_impl_twin)
{
	check(_metadata, &self->syms, bpf_program__fd(self->skel->progs.call_impl),
	      self->rust, true);
}

/* The programs are no mere decoration: they run. */
TEST_F(call_targets, programs_run)
{
	EXPECT_EQ(0, run_prog(self->skel->progs.call_all));
	EXPECT_EQ(0, run_prog(self->skel->progs.call_impl));
	/* One is_first, one missing left and one missing right child. */
	EXPECT_EQ(3, self->skel->bss->seen);
}

TEST_HARNESS_MAIN
