// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays of variables and their elements, in libbpf and bpftool: what they
 * refuse and how they say so, a kernel that cannot do it, light skeletons,
 * objects that are linked, and what a dump shows.
 */
#include "bpftool.h"
#include "elf_mem.h"
#include "graph_test.h"
#include "hooked.h"
#include "said.h"

/* As the programs have it: the skeletons refer to it. */
struct odd {
	__u32 x, y, z;
};

#include "elem_linked.skel.h"
#include "elem_vars.lskel.h"
#include "elem_vars.skel.h"

/* A kernel that knows nothing of elements. */
static int refuses_elem(enum bpf_cmd cmd, const union bpf_attr *attr)
{
	const struct bpf_insn *insns = (void *)(unsigned long)attr->insns;
	unsigned int i;

	if (cmd != BPF_PROG_LOAD)
		return 0;
	for (i = 0; i < attr->insn_cnt; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insns[i].off || insns[i + 1].off)
				return -EINVAL;
			i++;
		}
	return 0;
}

FIXTURE(elem_libbpf) {
};

FIXTURE_SETUP(elem_libbpf)
{
	said_start();
}

FIXTURE_TEARDOWN(elem_libbpf)
{
	refuses = NULL;
}

TEST_F(elem_libbpf, refused)
{
	static const struct { const char *file, *words; } cases[] = {
		{ "two_variables", "section '.array.table': has 2 variables, but can only" },
		{ "no_array", "section '.array.table': variable 'table' is not an array" },
		{ "const_lock", "array 'table' is const, but has a lock" },
		{ "lock_with_value", "array 'table' gives a value to a lock" },
		{ "no_btf", "section '.array.table': there is no BTF for it" },
	};
	struct bpf_object *obj;
	char name[64];
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		said[0] = '\0';
		snprintf(name, sizeof(name), "elem_bad_%s.bpf.o", cases[i].file);
		obj = bpf_object__open_file(file_beside(name), NULL);
		EXPECT_EQ(NULL, obj) TH_LOG("%s", name);
		EXPECT_EQ(EINVAL, errno) TH_LOG("%s", name);
		EXPECT_NE(NULL, strstr(said, cases[i].words)) TH_LOG("%s: %s", name, said);
		bpf_object__close(obj);
	}
	obj = bpf_object__open_file(file_beside("elem_bad_good.bpf.o"), NULL);
	EXPECT_NE(NULL, obj) TH_LOG("%s", said);
	bpf_object__close(obj);
}

/* A name that the skeleton needs for itself: no C is made that would not compile. */
TEST_F(elem_libbpf, skeleton_name)
{
	char what[8192];
	const char *out;

	snprintf(what, sizeof(what), "gen skeleton %s", file_beside("elem_bad_name_taken.bpf.o"));
	out = bpftool(what);
	EXPECT_NE(NULL, strstr(out, "array 'progs' needs another name")) TH_LOG("%.200s", out);
}

/* Refused or not, libbpf lives on. */
TEST_F(elem_libbpf, malformed_btf)
{
	struct elf_opened n = elf_spoil_btf("elem_bad_good.bpf.o");
	struct bpf_object *obj;

	EXPECT_LT(50, n.refused);
	EXPECT_LT(50, n.opened);
	obj = bpf_object__open_file(file_beside("elem_bad_good.bpf.o"), NULL);
	EXPECT_NE(NULL, obj);
	bpf_object__close(obj);
}

TEST_F(elem_libbpf, kernel_cannot)
{
	struct elem_vars *skel;

	refuses = refuses_elem;
	skel = elem_vars__open();
	ASSERT_NE(NULL, skel);
	EXPECT_EQ(-EOPNOTSUPP, elem_vars__load(skel));
	EXPECT_NE(NULL, strstr(said, "prog 'variables': array 'table': this kernel cannot"))
		TH_LOG("%s", said);
	elem_vars__destroy(skel);

	/* Without programs that do so, the maps are maps. */
	said[0] = '\0';
	skel = elem_vars__open();
	ASSERT_NE(NULL, skel);
	bpf_program__set_autoload(skel->progs.variables, false);
	EXPECT_EQ(-EOPNOTSUPP, elem_vars__load(skel));
	EXPECT_NE(NULL, strstr(said, "prog 'maps': map 'in_maps': element 10 addressed directly"))
		TH_LOG("%s", said);
	elem_vars__destroy(skel);
	skel = elem_vars__open();
	ASSERT_NE(NULL, skel);
	bpf_program__set_autoload(skel->progs.variables, false);
	bpf_program__set_autoload(skel->progs.maps, false);
	EXPECT_EQ(0, elem_vars__load(skel)) TH_LOG("%s", said);
	elem_vars__destroy(skel);
}

/* The kernel itself loads maps, initial values and programs. */
TEST_F(elem_libbpf, light_skeleton)
{
	struct elem_vars_light *skel = elem_vars_light__open();

	ASSERT_NE(NULL, skel);
	EXPECT_EQ(5, skel->table[1].value.y);
	skel->table[4].value.x = 50;
	ASSERT_EQ(0, elem_vars_light__load(skel));
	EXPECT_EQ(6, skel->table[1].value.z);
	ASSERT_EQ(0, run_fd(skel->progs.variables.prog_fd));
	EXPECT_EQ(105, skel->table[1].value.y);
	EXPECT_EQ(50 + 30, skel->table[3].value.z);
	EXPECT_EQ(11, skel->table[0].value.x);
	EXPECT_EQ(77 + 6, skel->bss->found);
	elem_vars_light__destroy(skel);
}

/* One object made of two: the array of the one is addressed by the other as well. */
TEST_F(elem_libbpf, linked)
{
	struct elem_linked *skel = elem_linked__open_and_load();

	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	EXPECT_EQ(40, skel->table[4].value.x);
	EXPECT_EQ(8, skel->own[1].value);
	ASSERT_EQ(0, run_prog(skel->progs.other));
	EXPECT_EQ(9, skel->table[4].value.y);
	ASSERT_EQ(0, run_prog(skel->progs.variables));
	EXPECT_EQ(105, skel->table[1].value.y);
	EXPECT_EQ(9, skel->table[4].value.y);
	elem_linked__destroy(skel);
}

/* The element stands where a [0] always stood. */
TEST_F(elem_libbpf, dump)
{
	struct elem_linked *skel = elem_linked__open_and_load();
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	char what[64], words[64];
	const char *out;
	int i;

	ASSERT_NE(NULL, skel) TH_LOG("%s", said);
	ASSERT_EQ(0, bpf_prog_get_info_by_fd(bpf_program__fd(skel->progs.maps), &info, &len));
	snprintf(what, sizeof(what), "prog dump xlated id %u", info.id);
	out = bpftool(what);
	for (i = 10; i < 40; i += 10) {
		snprintf(words, sizeof(words), "map[id:%d][%d]+0",
			 map_id(bpf_map__fd(skel->maps.in_maps)), i);
		EXPECT_NE(NULL, strstr(out, words)) TH_LOG("not there: %s; but: %s", words, out);
	}
	snprintf(words, sizeof(words), "map[id:%d][33]",
		 map_id(bpf_map__fd(skel->maps.per_cpu)));
	EXPECT_NE(NULL, strstr(out, words)) TH_LOG("not there: %s; but: %s", words, out);
	elem_linked__destroy(skel);
}

TEST_HARNESS_MAIN
