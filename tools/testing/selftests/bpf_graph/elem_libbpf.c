// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays of variables and their elements, in libbpf and bpftool: what they
 * refuse and how they say so, a kernel that cannot do it, light skeletons,
 * objects that are linked, and what a dump shows.
 */
#include <elf.h>
#include <linux/btf.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "graph_test.h"
#include "said.h"

/* As the programs have it: the skeletons refer to it. */
struct odd {
	__u32 x, y, z;
};

#include "elem_linked.skel.h"
#include "elem_vars.lskel.h"
#include "elem_vars.skel.h"

/*
 * libbpf asks the kernel by way of this instead of libc's: with @old_kernel set
 * it gets what a kernel says that knows nothing of elements.
 */
static bool old_kernel;

static bool has_elem(const union bpf_attr *attr)
{
	const struct bpf_insn *insns = (void *)(unsigned long)attr->insns;
	unsigned int i;

	for (i = 0; i < attr->insn_cnt; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insns[i].off || insns[i + 1].off)
				return true;
			i++;
		}
	return false;
}

long syscall(long nr, ...)
{
	long a, b, c, d, e, f, ret;
	va_list args;

	va_start(args, nr);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	e = va_arg(args, long);
	f = va_arg(args, long);
	va_end(args);
	if (old_kernel && nr == __NR_bpf && a == BPF_PROG_LOAD && has_elem((void *)b)) {
		errno = EINVAL;
		return -1;
	}
	{
		register long r10 asm("r10") = d;
		register long r8 asm("r8") = e;
		register long r9 asm("r9") = f;

		asm volatile("syscall" : "=a"(ret)
			     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			     : "rcx", "r11", "memory");
	}
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* What bpftool says when it is asked for @what, which may be several words. */
static const char *bpftool(const char *what)
{
	static char out[1 << 15];
	char command[8192];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "%s %s 2>&1", file_beside("bpftool/bpftool"), what);
	f = popen(command, "r");
	n = f ? fread(out, 1, sizeof(out) - 1, f) : 0;
	out[n] = '\0';
	if (f)
		pclose(f);
	return out;
}

FIXTURE(elem_libbpf) {
};

FIXTURE_SETUP(elem_libbpf)
{
	said_start();
}

FIXTURE_TEARDOWN(elem_libbpf)
{
	old_kernel = false;
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

/* The section .BTF of an object in memory; where its types begin, how long they are. */
static __u32 *btf_types(char *elf, size_t *words)
{
	Elf64_Ehdr *eh = (void *)elf;
	Elf64_Shdr *sh = (void *)(elf + eh->e_shoff);
	const char *names = elf + sh[eh->e_shstrndx].sh_offset;
	struct btf_header *btf;
	int i;

	for (i = 0; i < eh->e_shnum; i++)
		if (!strcmp(names + sh[i].sh_name, ".BTF")) {
			btf = (void *)(elf + sh[i].sh_offset);
			*words = btf->type_len / 4;
			return (void *)((char *)btf + btf->hdr_len + btf->type_off);
		}
	return NULL;
}

/* Each word of the types spoiled in turn: refused or not, libbpf lives on. */
TEST_F(elem_libbpf, malformed_btf)
{
	static const __u32 spoilt[] = { 0, 1, 3, 0x7fffffff, 0xffffffff };
	int fd = open(file_beside("elem_bad_good.bpf.o"), O_RDONLY), refused = 0, opened = 0;
	struct bpf_object *obj;
	size_t words = 0, w, i;
	__u32 *types, was;
	struct stat st;
	char *elf;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	elf = malloc(st.st_size);
	ASSERT_EQ(st.st_size, read(fd, elf, st.st_size));
	close(fd);
	types = btf_types(elf, &words);
	ASSERT_NE(NULL, types);
	ASSERT_LT(20, words);
	for (w = 0; w < words; w++) {
		was = types[w];
		for (i = 0; i < ARRAY_SIZE(spoilt); i++) {
			said[0] = '\0';
			types[w] = spoilt[i];
			obj = bpf_object__open_mem(elf, st.st_size, NULL);
			if (obj)
				opened++;
			else
				refused++;
			bpf_object__close(obj);
		}
		types[w] = was;
	}
	EXPECT_LT(0, refused);
	EXPECT_LT(0, opened);
	obj = bpf_object__open_mem(elf, st.st_size, NULL);
	EXPECT_NE(NULL, obj);
	bpf_object__close(obj);
	free(elf);
}

TEST_F(elem_libbpf, kernel_cannot)
{
	struct elem_vars *skel;

	old_kernel = true;
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
