// SPDX-License-Identifier: GPL-2.0
/*
 * Sections .insn_addrs.NAME in libbpf and bpftool: the maps that are made of them, of one
 * object and of linked ones, what is refused and in which words, and what a dump shows.
 */
#include "addrs.h"
#include "bpftool.h"
#include "hooked.h"
#include "said.h"

#include "addrs.skel.h"
#include "addrs_linked.skel.h"

/* What a kernel says that has jump tables only. */
static int refuses_addrs(enum bpf_cmd cmd, const union bpf_attr *attr)
{
	return cmd == BPF_MAP_CREATE && attr->map_type == BPF_MAP_TYPE_INSN_ARRAY &&
	       attr->map_flags ? -EINVAL : 0;
}

FIXTURE(addrs_libbpf) {
};

FIXTURE_SETUP(addrs_libbpf)
{
	said_start();
}

FIXTURE_TEARDOWN(addrs_libbpf)
{
	refuses = NULL;
}

#define EXPECT_SAID(text, words)						\
	EXPECT_NE(NULL, strstr(text, words))					\
		TH_LOG("not said: %s; but: %.400s", words, text)

/* The index of "r1 = @mark" in @prog as it was loaded, or -1. */
static int marked_insn(const struct bpf_program *prog, __u32 mark)
{
	const struct bpf_insn *insns = bpf_program__insns(prog);
	size_t i;

	for (i = 0; i < bpf_program__insn_cnt(prog); i++)
		if (insns[i].imm == mark && insns[i].dst_reg == BPF_REG_1)
			return i;
	return -1;
}

/* @map has the addresses of the instructions of @prog that have these marks, in any order. */
static void expect_marks(struct __test_metadata *_metadata, const struct bpf_map *map,
			 const struct bpf_program *prog, int nr, const int *marks)
{
	struct addrs_prog p;
	int i, key, orig;

	ASSERT_EQ(0, addrs_prog_read(&p, bpf_program__fd(prog)));
	EXPECT_EQ(nr, bpf_map__max_entries(map)) TH_LOG("%s", bpf_map__name(map));
	for (i = 0; i < nr; i++) {
		orig = marked_insn(prog, MARKS + marks[i]);
		ASSERT_LE(0, orig);
		for (key = 0; key < nr; key++)
			if (addrs_get(bpf_map__fd(map), key).orig_off == orig)
				break;
		ASSERT_NE(nr, key) TH_LOG("%s: %d is not there", bpf_map__name(map), marks[i]);
		EXPECT_TRUE(addrs_marked(&p, bpf_map__fd(map), key, MARKS + marks[i], orig))
			TH_LOG("%s: %d", bpf_map__name(map), marks[i]);
	}
}

#define EXPECT_MARKS(map, prog, ...)						\
do {										\
	const int marks_[] = { __VA_ARGS__ };					\
										\
	expect_marks(_metadata, map, prog, ARRAY_SIZE(marks_), marks_);		\
} while (0)

/* A map for each section, by its name; of a program and of what it calls. */
TEST_F(addrs_libbpf, sections)
{
	struct addrs *skel = addrs__open_and_load();
	struct bpf_insn_array_value val;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), key = 0;

	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	EXPECT_EQ(skel->maps.insn_addrs_first,
		  bpf_object__find_map_by_name(skel->obj, ".insn_addrs.first"));
	EXPECT_STREQ(".insn_addrs.first", bpf_map__name(skel->maps.insn_addrs_first));
	EXPECT_MARKS(skel->maps.insn_addrs_first, skel->progs.one, 1, 2, 10, 11);
	EXPECT_MARKS(skel->maps.insn_addrs_other_key, skel->progs.one, 3);
	EXPECT_EQ(0, run_prog(skel->progs.one));
	EXPECT_EQ(0, run_prog(skel->progs.two));
	/* What libbpf reads is what the kernel has. */
	ASSERT_EQ(0, bpf_map__lookup_elem(skel->maps.insn_addrs_other_key, &key, sizeof(key),
					  &val, sizeof(val), 0));
	EXPECT_EQ(marked_insn(skel->progs.one, MARKS + 3), val.orig_off);
	ASSERT_EQ(0, bpf_map_get_info_by_fd(bpf_map__fd(skel->maps.insn_addrs_other_key),
					    &info, &len));
	EXPECT_STREQ("other_key", info.name);
	EXPECT_EQ(BPF_F_INSN_ADDRS, info.map_flags & BPF_F_INSN_ADDRS);
	/* It stays as it is. */
	EXPECT_EQ(-EPERM, bpf_map_update_elem(bpf_map__fd(skel->maps.insn_addrs_other_key),
					      &key, &val, 0));
	addrs__destroy(skel);
}

/* What the compiler copies has an address for each copy, what is called has one. */
TEST_F(addrs_libbpf, copies)
{
	struct addrs *skel = addrs__open_and_load();
	__u32 key, other, copies = 0, called = 0;
	struct addrs_prog p;
	int map, orig[3];

	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	map = bpf_map__fd(skel->maps.insn_addrs_second);
	ASSERT_EQ(0, addrs_prog_read(&p, bpf_program__fd(skel->progs.two)));
	ASSERT_EQ(3, bpf_map__max_entries(skel->maps.insn_addrs_second));
	for (key = 0; key < 3; key++) {
		orig[key] = addrs_get(map, key).orig_off;
		for (other = 0; other < key; other++)
			EXPECT_NE(orig[other], orig[key]);
		if (orig[key] == marked_insn(skel->progs.two, MARKS + 20))
			called += addrs_marked(&p, map, key, MARKS + 20, orig[key]);
		else
			copies += addrs_marked(&p, map, key, MARKS + 4, orig[key]);
	}
	EXPECT_EQ(2, copies);
	EXPECT_EQ(1, called);
	addrs__destroy(skel);
}

/* A program that is not loaded needs no map. */
TEST_F(addrs_libbpf, not_loaded)
{
	struct addrs *skel = addrs__open();

	ASSERT_NE(NULL, skel);
	bpf_program__set_autoload(skel->progs.one, false);
	ASSERT_EQ(0, addrs__load(skel)) TH_LOG("%s", said);
	EXPECT_FALSE(bpf_map__autocreate(skel->maps.insn_addrs_first));
	EXPECT_FALSE(bpf_map__autocreate(skel->maps.insn_addrs_other_key));
	EXPECT_EQ(3, bpf_map__max_entries(skel->maps.insn_addrs_second));
	addrs__destroy(skel);
}

/* Sections and functions of both files begin behind one another. */
TEST_F(addrs_libbpf, linked)
{
	struct addrs_linked *skel = addrs_linked__open_and_load();

	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	EXPECT_MARKS(skel->maps.insn_addrs_first, skel->progs.one, 1, 2, 10, 11);
	EXPECT_MARKS(skel->maps.insn_addrs_third, skel->progs.three, 5, 6, 30);
	/* "four" is not loaded: what it has in this section is left out. */
	EXPECT_MARKS(skel->maps.insn_addrs_other_key, skel->progs.one, 3);
	EXPECT_EQ(0, run_prog(skel->progs.three));
	addrs_linked__destroy(skel);

	skel = addrs_linked__open();
	ASSERT_NE(NULL, skel);
	bpf_program__set_autoload(skel->progs.one, false);
	bpf_program__set_autoload(skel->progs.four, true);
	ASSERT_EQ(0, addrs_linked__load(skel)) TH_LOG("%s", said);
	EXPECT_MARKS(skel->maps.insn_addrs_other_key, skel->progs.four, 7);
	addrs_linked__destroy(skel);

	skel = addrs_linked__open();
	ASSERT_NE(NULL, skel);
	bpf_program__set_autoload(skel->progs.four, true);
	EXPECT_EQ(-EINVAL, addrs_linked__load(skel));
	EXPECT_SAID(said,
		    "map '.insn_addrs.other_key': has addresses in programs 'one' and 'four', but belongs to one: use a section for each");
	addrs_linked__destroy(skel);
}

static struct bpf_object *open_bad(const char *which)
{
	char name[64];

	said[0] = '\0';
	snprintf(name, sizeof(name), "addrs_bad_%s.bpf.o", which);
	return bpf_object__open_file(file_beside(name), NULL);
}

TEST_F(addrs_libbpf, refused)
{
	static const struct { const char *file, *words; } cases[] = {
		{
			"a_number",
			"section '.insn_addrs.key': #1 is a number, where only addresses of instructions can be: give a label",
		},
		{
			"short_number",
			"section '.insn_addrs.key': addresses of instructions have 8 bytes each, but the section has 12",
		},
		{
			"short_address",
			"section '.insn_addrs.key': relo #0 is not that of an address of 8 bytes",
		},
		{
			"in_the_middle",
			"section '.insn_addrs.key': address #1 is in the middle of an instruction, 4 bytes into section 'tc': put the label before an instruction",
		},
		{
			"behind_the_end",
			"section '.insn_addrs.key': address #1 is behind the last instruction of section 'tc': put the label before an instruction",
		},
		{
			"of_data",
			"section '.insn_addrs.key': address #1 is in section '.bss', which is no program: only addresses of instructions can be here",
		},
	};
	struct bpf_object *obj;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		obj = open_bad(cases[i].file);
		EXPECT_EQ(NULL, obj) TH_LOG("%s", cases[i].file);
		EXPECT_NE(NULL, strstr(said, cases[i].words))
			TH_LOG("%s: %s", cases[i].file, said);
		bpf_object__close(obj);
	}
	obj = open_bad("good");
	ASSERT_NE(NULL, obj) TH_LOG("%s", said);
	EXPECT_EQ(0, bpf_object__load(obj)) TH_LOG("%s", said);
	bpf_object__close(obj);
}

TEST_F(addrs_libbpf, read_by_a_program)
{
	struct bpf_object *obj = open_bad("referred_to");

	EXPECT_EQ(NULL, obj);
	EXPECT_SAID(said,
		    "refers to section '.insn_addrs.key', whose instruction addresses are for user space to read");
	bpf_object__close(obj);
}

TEST_F(addrs_libbpf, two_programs)
{
	struct bpf_object *obj = open_bad("two_programs");

	ASSERT_NE(NULL, obj) TH_LOG("%s", said);
	EXPECT_EQ(-EINVAL, bpf_object__load(obj));
	EXPECT_SAID(said,
		    "map '.insn_addrs.key': has addresses in programs 'one' and 'two', but belongs to one");
	bpf_object__close(obj);

	obj = open_bad("two_programs");
	ASSERT_NE(NULL, obj) TH_LOG("%s", said);
	bpf_program__set_autoload(bpf_object__find_program_by_name(obj, "one"), false);
	EXPECT_EQ(0, bpf_object__load(obj)) TH_LOG("%s", said);
	bpf_object__close(obj);
}

TEST_F(addrs_libbpf, kernel_cannot)
{
	struct addrs *skel;

	refuses = refuses_addrs;
	skel = addrs__open();
	ASSERT_NE(NULL, skel);
	EXPECT_EQ(-EOPNOTSUPP, addrs__load(skel));
	EXPECT_SAID(said,
		    "map '.insn_addrs.first': this kernel has no maps of plain instruction addresses; to do without, use bpf_map__set_autocreate()");
	addrs__destroy(skel);

	said[0] = '\0';
	skel = addrs__open();
	ASSERT_NE(NULL, skel);
	bpf_map__set_autocreate(skel->maps.insn_addrs_first, false);
	bpf_map__set_autocreate(skel->maps.insn_addrs_second, false);
	bpf_map__set_autocreate(skel->maps.insn_addrs_other_key, false);
	EXPECT_EQ(0, addrs__load(skel)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_prog(skel->progs.one));
	addrs__destroy(skel);
}

TEST_F(addrs_libbpf, light_skeleton)
{
	char what[4200];
	const char *out;

	snprintf(what, sizeof(what), "gen skeleton -L %s", file_beside("addrs.bpf.o"));
	out = bpftool(what);
	EXPECT_SAID(out,
		    "map '.insn_addrs.first': instruction addresses cannot be in a light skeleton: generate it without -L");
}

TEST_F(addrs_libbpf, dump)
{
	struct addrs *skel = addrs__open_and_load();
	struct bpf_insn_array_value val;
	char what[64], words[128];
	const char *out;
	int id;

	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	val = addrs_get(bpf_map__fd(skel->maps.insn_addrs_other_key), 0);
	id = map_id(bpf_map__fd(skel->maps.insn_addrs_other_key));
	snprintf(what, sizeof(what), "map dump id %d", id);
	snprintf(words, sizeof(words), "orig_off: %u  xlated_off: %u  jitted_off: %u\n",
		 val.orig_off, val.xlated_off, val.jitted_off);
	out = bpftool(what);
	EXPECT_NE(NULL, strstr(out, words)) TH_LOG("not there: %s; but: %s", words, out);
	snprintf(what, sizeof(what), "-j map dump id %d", id);
	snprintf(words, sizeof(words), "\"orig_off\":%u,\"xlated_off\":%u,\"jitted_off\":%u}",
		 val.orig_off, val.xlated_off, val.jitted_off);
	out = bpftool(what);
	EXPECT_NE(NULL, strstr(out, words)) TH_LOG("not there: %s; but: %s", words, out);
	addrs__destroy(skel);
}

/* An instruction that the verifier has taken out. */
TEST_F(addrs_libbpf, dump_of_what_is_gone)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_JA },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_map_create_opts map_opts = {
		.sz = sizeof(map_opts), .map_flags = BPF_F_INSN_ADDRS,
	};
	struct bpf_insn_array_value val = {};
	int fd, map = bpf_map_create(BPF_MAP_TYPE_INSN_ARRAY, "gone", 4, sizeof(val), 1, &map_opts);
	struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts), .fd_array = &map, .fd_array_cnt = 1,
	};
	char what[64];
	const char *out;

	ASSERT_LE(0, map);
	ASSERT_EQ(0, bpf_map_freeze(map));
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "gone", "GPL", insns, 3, &opts);
	ASSERT_LE(0, fd);
	snprintf(what, sizeof(what), "map dump id %d", map_id(map));
	out = bpftool(what);
	EXPECT_NE(NULL, strstr(out, "orig_off: 0  deleted\n")) TH_LOG("%s", out);
	snprintf(what, sizeof(what), "-j map dump id %d", map_id(map));
	out = bpftool(what);
	EXPECT_NE(NULL, strstr(out, "\"orig_off\":0,\"deleted\":true}")) TH_LOG("%s", out);
	close(fd);
	close(map);
}

TEST_HARNESS_MAIN
