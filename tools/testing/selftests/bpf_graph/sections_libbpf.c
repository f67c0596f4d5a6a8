// SPDX-License-Identifier: GPL-2.0
/*
 * Private sections that cannot be, in libbpf, its linker and bpftool: which are
 * refused, and what is said of what to change; and objects that are linked.
 */
#include "bpftool.h"
#include "elf_mem.h"
#include "graph_test.h"
#include "hooked.h"
#include "said.h"
#include "sections_linked.skel.h"

FIXTURE(sections_libbpf) {
};

FIXTURE_SETUP(sections_libbpf)
{
	said_start();
}

FIXTURE_TEARDOWN(sections_libbpf)
{
	refuses = NULL;
}

static struct bpf_object *open_bad(const char *name)
{
	char file[64];

	said[0] = '\0';
	snprintf(file, sizeof(file), "sections_bad_%s.bpf.o", name);
	return bpf_object__open_file(file_beside(file), NULL);
}

#define SAID(text, words)							\
	EXPECT_NE(NULL, strstr(text, words))					\
		TH_LOG("not said: %s; but: %.2000s", words, text)

TEST_F(sections_libbpf, refused)
{
	static const struct { const char *file, *words; int error; } cases[] = {
		{ "no_btf",
		  "prog 'uses': bad map relo against 'var' in section 'queue': BTF tells of no variable in it: compile with -g",
		  LIBBPF_ERRNO__RELOC },
		{ "dotted",
		  "prog 'uses': bad map relo against 'var' in section 'my.queue': names with a '.' are reserved: use one without, or \".private.NAME\"",
		  LIBBPF_ERRNO__RELOC },
		{ "dot_first",
		  "prog 'uses': bad map relo against 'var' in section '.queue': names with a '.' are reserved",
		  LIBBPF_ERRNO__RELOC },
		{ "optional",
		  "prog 'uses': bad map relo against 'var' in section '?queue': variables cannot be optional: use a name without the '?'",
		  LIBBPF_ERRNO__RELOC },
		{ "no_name",
		  "prog 'uses': bad map relo against 'var' in section 'que\\ue': this is not a name for variables: use letters",
		  LIBBPF_ERRNO__RELOC },
		{ "license",
		  "prog 'uses': bad map relo against '_license' in section 'license': programs cannot use what this section has: put a copy",
		  LIBBPF_ERRNO__RELOC },
		{ "lock_with_value",
		  "section 'queue': variable 'var' gives a value to a lock or another special field: leave it 0",
		  EINVAL },
		{ "const_lock",
		  "section 'queue': is constant, but has a lock or another special field: take the const away",
		  EINVAL },
	};
	struct bpf_object *obj;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		obj = open_bad(cases[i].file);
		EXPECT_EQ(NULL, obj) TH_LOG("%s", cases[i].file);
		EXPECT_EQ(cases[i].error, errno) TH_LOG("%s", cases[i].file);
		EXPECT_NE(NULL, strstr(said, cases[i].words)) TH_LOG("%s: %s", cases[i].file, said);
		bpf_object__close(obj);
	}
	obj = open_bad("good");
	EXPECT_NE(NULL, obj) TH_LOG("%s", said);
	EXPECT_NE(NULL, bpf_object__find_map_by_name(obj, "queue"));
	bpf_object__close(obj);
}

/* A section that has programs, and the variable that one of them uses. */
TEST_F(sections_libbpf, code_and_data)
{
	struct bpf_object *obj;
	size_t size;
	char *elf = elf_read("sections_bad_good.bpf.o", &size);
	Elf64_Shdr *sh = elf ? elf_section(elf, "queue") : NULL;

	ASSERT_NE(NULL, sh);
	sh->sh_flags |= SHF_EXECINSTR;
	obj = bpf_object__open_mem(elf, size, NULL);
	EXPECT_EQ(NULL, obj);
	SAID(said,
	     "section 'queue': this is a section of programs: variables need a section of another name");
	bpf_object__close(obj);
	free(elf);
}

/* Two sections of one name: BTF describes only one. */
TEST_F(sections_libbpf, twice)
{
	struct bpf_object *obj;
	size_t size;
	char *elf = elf_read("sections_bad_good.bpf.o", &size);
	Elf64_Shdr *queue = elf ? elf_section(elf, "queue") : NULL;
	Elf64_Shdr *other = elf ? elf_section(elf, ".debug_abbrev") : NULL;

	ASSERT_NE(NULL, queue);
	ASSERT_NE(NULL, other);
	other->sh_name = queue->sh_name;
	obj = bpf_object__open_mem(elf, size, NULL);
	EXPECT_EQ(NULL, obj);
	SAID(said,
	     "section 'queue': there are two sections of this name");
	bpf_object__close(obj);
	free(elf);
}

/* What is not part of a loaded program is none of a private section's business. */
TEST_F(sections_libbpf, not_allocated)
{
	struct bpf_object *obj;
	size_t size;
	char *elf = elf_read("sections_bad_good.bpf.o", &size);
	Elf64_Shdr *sh = elf ? elf_section(elf, "queue") : NULL;

	ASSERT_NE(NULL, sh);
	sh->sh_flags &= ~SHF_ALLOC;
	obj = bpf_object__open_mem(elf, size, NULL);
	EXPECT_EQ(NULL, obj);
	SAID(said,
	     "section 'queue': this is not a section for variables");
	bpf_object__close(obj);
	free(elf);
}

/* Refused or not, libbpf lives on. */
TEST_F(sections_libbpf, malformed_btf)
{
	struct elf_opened n = elf_spoil_btf("sections_bad_good.bpf.o");

	EXPECT_LT(50, n.refused);
	EXPECT_LT(50, n.opened);
}

/* What the verifier says of it, that there is no valid lock, helps nobody. */
TEST_F(sections_libbpf, two_locks)
{
	struct bpf_object *obj = open_bad("two_locks");

	ASSERT_NE(NULL, obj) TH_LOG("%s", said);
	EXPECT_GT(0, bpf_object__load(obj));
	SAID(said,
	     "section 'queue' has 2 locks, but kernels know of one per section at most: give each lock a section of its own");
	bpf_object__close(obj);

	obj = open_bad("good");
	ASSERT_NE(NULL, obj) TH_LOG("%s", said);
	EXPECT_EQ(0, bpf_object__load(obj)) TH_LOG("%s", said);
	EXPECT_STREQ("", said);
	bpf_object__close(obj);
}

static int refuses_btf(enum bpf_cmd cmd, const union bpf_attr *attr)
{
	return cmd == BPF_BTF_LOAD ? -EINVAL : 0;
}

static int refuses_btf_of_maps(enum bpf_cmd cmd, const union bpf_attr *attr)
{
	return cmd == BPF_MAP_CREATE && attr->btf_value_type_id ? -ENOTSUP : 0;
}

static int load_bad(const char *name, int (*refused)(enum bpf_cmd, const union bpf_attr *))
{
	struct bpf_object *obj = open_bad(name);
	int err;

	if (!obj)
		return -errno;
	refuses = refused;
	err = bpf_object__load(obj);
	refuses = NULL;
	bpf_object__close(obj);
	return err;
}

/* Without BTF the kernel cannot know of a lock; without a lock it need not. */
TEST_F(sections_libbpf, kernel_without_btf)
{
	ASSERT_EQ(0, load_bad("good", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(-EOPNOTSUPP, load_bad("good", refuses_btf)) TH_LOG("%s", said);
	SAID(said,
	     "section 'queue' has a lock or another special field, but this kernel took no BTF");
	EXPECT_EQ(0, load_bad("constant", refuses_btf)) TH_LOG("%s", said);

	EXPECT_EQ(-ENOTSUP, load_bad("good", refuses_btf_of_maps)) TH_LOG("%s", said);
	SAID(said,
	     "this kernel does not take it with the BTF of section 'queue', by which it would find the lock");
	EXPECT_EQ(NULL, strstr(said, "Retrying without BTF")) TH_LOG("%s", said);
	EXPECT_EQ(0, load_bad("constant", refuses_btf_of_maps)) TH_LOG("%s", said);
}

static char linked_file[32];

/* Link "good" and another into @linked_file, to be removed: the linker's error. */
static int link_with_good(const char *other)
{
	int fd = mkstemp(strcpy(linked_file, "/tmp/sections-XXXXXX")), err;
	struct bpf_linker *linker;
	char file[64];

	said[0] = '\0';
	if (fd < 0)
		return -errno;
	linker = bpf_linker__new_fd(fd, NULL);
	if (!linker) {
		err = -errno;
	} else {
		snprintf(file, sizeof(file), "sections_bad_%s.bpf.o", other);
		err = bpf_linker__add_file(linker, file_beside("sections_bad_good.bpf.o"), NULL);
		err = err ?: bpf_linker__add_file(linker, file_beside(file), NULL);
		err = err ?: bpf_linker__finalize(linker);
		bpf_linker__free(linker);
	}
	close(fd);
	return err;
}

TEST_F(sections_libbpf, linked_kinds)
{
	EXPECT_EQ(-EINVAL, link_with_good("programs"));
	unlink(linked_file);
	SAID(said,
	     "sec queue flags mismatch: one has programs, the other variables: move these to another section");
	EXPECT_EQ(-EINVAL, link_with_good("constant"));
	unlink(linked_file);
	SAID(said,
	     "sec queue flags mismatch: const in one, not in the other: make all const, or none, or rename one");
}

/* The map of one file, the section of another. */
TEST_F(sections_libbpf, linked_map)
{
	struct bpf_object *obj;

	ASSERT_EQ(0, link_with_good("map")) TH_LOG("%s", said);
	obj = bpf_object__open_file(linked_file, NULL);
	EXPECT_EQ(NULL, obj);
	EXPECT_EQ(EEXIST, errno);
	SAID(said,
	     "section 'queue': there is a map of the same name: rename one of them, e.g. to SEC(\".private.queue\")");
	bpf_object__close(obj);
	unlink(linked_file);
}

/* Two files have one section between them. */
TEST_F(sections_libbpf, linked)
{
	struct sections_linked *skel = sections_linked__open_and_load();
	struct counter objects;

	ASSERT_TRUE(counter_open(&objects));
	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	ASSERT_NE(NULL, bpf_object__find_map_by_name(skel->obj, "other"));
	ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.push)));
	EXPECT_EQ(-1, run_fd(bpf_program__fd(skel->progs.take)));
	ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.transfer)));
	EXPECT_EQ(1, counter_read(&objects));
	EXPECT_EQ(1001 + 2002, run_fd(bpf_program__fd(skel->progs.take)));
	EXPECT_EQ(0, counter_read(&objects));
	sections_linked__destroy(skel);
	live__destroy(objects.skel);
}

/* A name that C does not take, or takes once: no C is made that would not compile. */
TEST_F(sections_libbpf, skeleton_name)
{
	static const struct { const char *file, *words; } cases[] = {
		{ "keyword",
		  "section 'default' needs another name: no member of a skeleton can be called 'default'",
		},
		{ "digit",
		  "section '1st' needs another name: no member of a skeleton can be called '1st'",
		},
		{ "same_member",
		  "section 'data/queue' needs another name: in a skeleton, map '.data.queue' is maps.data_queue as well",
		},
	};
	static const char * const gens[] = { "skeleton", "skeleton -L", "subskeleton" };
	char what[8192], file[64];
	const char *out;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (j = 0; j < ARRAY_SIZE(gens); j++) {
			snprintf(file, sizeof(file), "sections_bad_%s.bpf.o", cases[i].file);
			snprintf(what, sizeof(what), "gen %s %s", gens[j], file_beside(file));
			out = bpftool(what);
			EXPECT_NE(NULL, strstr(out, cases[i].words))
				TH_LOG("%s: %.200s", what, out);
			EXPECT_EQ(NULL, strstr(out, "#include"));
		}
}

/* The section is a map in each kind of skeleton, and nothing that is mapped. */
TEST_F(sections_libbpf, skeletons)
{
	static const struct { const char *gen, *member; } cases[] = {
		{ "skeleton", "struct bpf_map *queue;" },
		{ "skeleton -L", "struct bpf_map_desc queue;" },
		{ "subskeleton", "struct bpf_map *queue;" },
	};
	char what[8192];
	const char *out;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(what, sizeof(what), "gen %s %s name skel", cases[i].gen,
			 file_beside("sections_bad_good.bpf.o"));
		out = bpftool(what);
		EXPECT_NE(NULL, strstr(out, cases[i].member)) TH_LOG("%s: %.2000s", what, out);
		EXPECT_EQ(NULL, strstr(out, "struct skel__queue")) TH_LOG("%s", out);
		EXPECT_EQ(NULL, strstr(out, "skel->queue")) TH_LOG("%s", out);
	}
}

TEST_HARNESS_MAIN
