// SPDX-License-Identifier: GPL-2.0
/*
 * Externs in BTF: what the kernel takes, what it refuses and in which words; what
 * libbpf makes of them for kernels that take none; and how bpftool shows them.
 */
#include <linux/filter.h>
#include <bpf/btf.h>
#include "bpf/libbpf_internal.h"

#include "graph_test.h"
#include "externs.skel.h"

/* What is said. */
#define MIXED "Variable in a section that has externs, too: give the externs a section of their own"
#define LAYOUT "nothing of a section of externs is here, set its size and the offsets in it to 0"
#define FREE_VAR "Linkage not supported: extern in no section, declare it in one of externs"
#define FREE_FUNC "Invalid func linkage: extern in no section, declare it in one of externs"
#define NO_VALUES "A section of externs has no values: describe the map by another type."
#define NOT_ITS_OWN "func info names f, which is extern: name the function whose instructions begin"

static char log_buf[1 << 16];

/* Load @btf; it is freed. Returns a descriptor or -errno. */
static int load(struct btf *btf)
{
	struct bpf_btf_load_opts opts = {
		.sz = sizeof(opts),
		.log_buf = log_buf,
		.log_size = sizeof(log_buf),
		.log_level = 1,
	};
	const void *data;
	__u32 size;
	int fd;

	log_buf[0] = '\0';
	data = btf__raw_data(btf, &size);
	fd = bpf_btf_load(data, size, &opts);
	btf__free(btf);
	return fd;
}

#define EXPECT_TAKEN(btf)							\
do {										\
	int fd_ = load(btf);							\
										\
	EXPECT_LE(0, fd_) TH_LOG("%s", log_buf);				\
	close(fd_);								\
} while (0)

#define EXPECT_REFUSED(btf, words)						\
do {										\
	int fd_ = load(btf);							\
										\
	EXPECT_EQ(-EINVAL, fd_);						\
	EXPECT_NE(NULL, strstr(log_buf, words))					\
		TH_LOG("not said: %s; but: %s", words, log_buf);		\
	if (fd_ >= 0)								\
		close(fd_);							\
} while (0)

/* The types that each BTF here begins with. */
enum { INT = 1, LONG, PAIR, UNKNOWN, PROTO, NAMED };

static struct btf *begin(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_int(btf, "long", 8, BTF_INT_SIGNED);
	btf__add_struct(btf, "pair", 8);
	btf__add_field(btf, "a", INT, 0, 0);
	btf__add_field(btf, "b", INT, 32, 0);
	btf__add_fwd(btf, "unknown", BTF_FWD_STRUCT);
	btf__add_func_proto(btf, INT);
	btf__add_func_param(btf, "", INT);
	btf__add_func_param(btf, "", LONG);
	btf__add_func_proto(btf, 0);
	btf__add_func_param(btf, "number", INT);
	return btf;
}

static int var(struct btf *btf, const char *name, int type)
{
	return btf__add_var(btf, name, BTF_VAR_GLOBAL_EXTERN, type);
}

static int func(struct btf *btf, const char *name)
{
	return btf__add_func(btf, name, BTF_FUNC_EXTERN, PROTO);
}

/* One type behind the others, and a section with it alone. */
static struct btf *alone(struct btf *btf, int size, int type, int offset, int member_size)
{
	btf__add_datasec(btf, ".ksyms", size);
	btf__add_datasec_var_info(btf, type, offset, member_size);
	return btf;
}

/* All that LLVM writes, with sizes as it writes them. */
static struct btf *all_sorts(void)
{
	struct btf *btf = begin();
	int constant = btf__add_const(btf, 0);
	int of_pair = btf__add_const(btf, PAIR);
	int named = btf__add_typedef(btf, "unknown_t", UNKNOWN);
	int open = btf__add_array(btf, INT, INT, 0);
	int f = func(btf, "f"), g = btf__add_func(btf, "g", BTF_FUNC_EXTERN, NAMED);
	int vars[] = {
		var(btf, "number", INT), var(btf, "symbol", constant), var(btf, "nothing", 0),
		var(btf, "hidden", UNKNOWN), var(btf, "hidden_too", named), var(btf, "pair", PAIR),
		var(btf, "constant", of_pair), var(btf, "array", open),
	};
	static const int sizes[] = { 4, 1, 1, 0, 0, 8, 8, 0 };

	btf__add_decl_tag(btf, "tag", f, 1);
	btf__add_decl_tag(btf, "tag", vars[1], -1);
	btf__add_datasec(btf, ".ksyms", 0);
	btf__add_datasec_var_info(btf, f, 0, 0);
	btf__add_datasec_var_info(btf, g, 0, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(vars); i++)
		btf__add_datasec_var_info(btf, vars[i], 0, sizes[i]);
	return btf;
}

TEST(as_llvm_writes_them)
{
	EXPECT_TAKEN(all_sorts());
}

/* The kernel gives back what it got, and user space finds the externs in it. */
TEST(given_back)
{
	struct btf *btf = all_sorts(), *back;
	const void *ours, *its;
	__u32 size, its_size, len;
	struct bpf_btf_info info = {};
	int fd = load(all_sorts());

	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	len = sizeof(info);
	ASSERT_EQ(0, bpf_btf_get_info_by_fd(fd, &info, &len));
	back = btf__load_from_kernel_by_id(info.id);
	ASSERT_NE(NULL, back);
	ours = btf__raw_data(btf, &size);
	its = btf__raw_data(back, &its_size);
	ASSERT_EQ(size, its_size);
	EXPECT_EQ(0, memcmp(ours, its, size));
	btf__free(back);
	btf__free(btf);
	close(fd);
}

/* A section may come before its members, and there may be several. */
TEST(in_any_order)
{
	struct btf *btf = begin();
	int first = btf__type_cnt(btf) + 3;

	btf__add_datasec(btf, ".ksyms", 0);
	btf__add_datasec_var_info(btf, first, 0, 0);
	btf__add_datasec_var_info(btf, first + 1, 0, 4);
	btf__add_datasec(btf, ".kconfig", 0);
	btf__add_datasec_var_info(btf, first + 2, 0, 1);
	btf__add_datasec(btf, ".data", 12);
	btf__add_datasec_var_info(btf, first + 3, 0, 8);
	btf__add_datasec_var_info(btf, first + 4, 8, 4);
	func(btf, "f");
	var(btf, "v", INT);
	var(btf, "nothing", 0);
	btf__add_var(btf, "a", BTF_VAR_STATIC, PAIR);
	btf__add_var(btf, "b", BTF_VAR_GLOBAL_ALLOCATED, INT);
	EXPECT_TAKEN(btf);
}

/* One section has either, whichever comes first and whatever its size. */
TEST(not_mixed)
{
	int turn;

	for (turn = 0; turn < 8; turn++) {
		struct btf *btf = begin();
		int own = btf__add_var(btf, "own", BTF_VAR_GLOBAL_ALLOCATED, INT);
		int other = turn & 2 ? func(btf, "other") : var(btf, "other", INT);
		int size = turn & 2 ? 0 : 4;

		btf__add_datasec(btf, ".data", turn & 4 ? 4 : 0);
		if (turn & 1)
			btf__add_datasec_var_info(btf, other, 0, size);
		btf__add_datasec_var_info(btf, own, 0, 4);
		if (!(turn & 1))
			btf__add_datasec_var_info(btf, other, 0, size);
		EXPECT_REFUSED(btf, MIXED);
	}
}

TEST(no_layout)
{
	struct btf *btf = begin();

	EXPECT_REFUSED(alone(btf, 4, var(btf, "v", INT), 0, 4), LAYOUT);
	btf = begin();
	EXPECT_REFUSED(alone(btf, 4, func(btf, "f"), 0, 0), LAYOUT);
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", INT), 4, 4), LAYOUT);
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, func(btf, "f"), 4, 0), LAYOUT);
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, func(btf, "f"), 0, 8),
		       "Invalid size: that of an extern function has to be 0");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", PAIR), 0, 4), "Invalid size");
}

/* Where it is to be found is said by its section. */
TEST(in_a_section)
{
	struct btf *btf = begin();

	var(btf, "v", INT);
	EXPECT_REFUSED(btf, FREE_VAR);
	btf = begin();
	func(btf, "f");
	EXPECT_REFUSED(btf, FREE_FUNC);
	/* That another is in one does not help. */
	btf = begin();
	func(btf, "f");
	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", INT), 0, 4), "Invalid func linkage: extern");
}

/* No type, or one that is not known; nothing else that is without a size. */
TEST(of_which_types)
{
	struct btf *btf = begin();

	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", PROTO), 0, 8), "Invalid type_id");
	btf = alone(begin(), 0, NAMED + 2, 0, 0);
	func(btf, "f");
	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", NAMED + 2), 0, 8), "Invalid type_id");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", NAMED + 1), 0, 8), "Invalid type_id");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, var(btf, "v", 1000), 0, 8), "Invalid type_id");
	/* A typedef of itself. */
	btf = begin();
	btf__add_typedef(btf, "loop", NAMED + 1);
	EXPECT_EQ(-EEXIST, load(alone(btf, 0, var(btf, "v", NAMED + 1), 0, 8)));
	EXPECT_NE(NULL, strstr(log_buf, "Loop detected")) TH_LOG("%s", log_buf);
	/* No function, but what a function is of. */
	btf = begin();
	EXPECT_REFUSED(alone(btf, 0, btf__add_func(btf, "f", BTF_FUNC_EXTERN, INT), 0, 0),
		       "Invalid type_id");
}

/* What was refused where there are no externs still is. */
TEST(others_as_before)
{
	struct btf *btf = begin();

	EXPECT_REFUSED(alone(btf, 0, btf__add_var(btf, "v", BTF_VAR_STATIC, INT), 0, 4),
		       "size == 0");
	btf = begin();
	btf__add_datasec(btf, ".ksyms", 0);
	EXPECT_REFUSED(btf, "size == 0");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 4, btf__add_var(btf, "v", BTF_VAR_STATIC, 0), 0, 4),
		       "Invalid type_id");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 4, btf__add_var(btf, "v", BTF_VAR_STATIC, UNKNOWN), 0, 4),
		       "Invalid type_id");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 4, INT, 0, 4), "Not a VAR kind member");
	btf = begin();
	EXPECT_REFUSED(alone(btf, 4, btf__add_func(btf, "f", BTF_FUNC_GLOBAL, NAMED), 0, 4),
		       "Not a VAR kind member");
	btf = begin();
	btf__add_func(btf, "f", BTF_FUNC_GLOBAL, PROTO);
	EXPECT_REFUSED(btf, "Invalid arg#1");
	/* The same prototype may be an extern's, too. */
	btf = begin();
	btf__add_func(btf, "mine", BTF_FUNC_STATIC, PROTO);
	EXPECT_REFUSED(alone(btf, 0, func(btf, "f"), 0, 0), "Invalid arg#1");
}

/* A map has values, and a function of the program is no extern. */
TEST(not_of_the_program)
{
	static const struct bpf_insn insns[] = {
		BPF_MOV64_IMM(BPF_REG_0, 0),
		BPF_EXIT_INSN(),
	};
	struct bpf_log_opts log = {
		.sz = sizeof(log), .buf = log_buf, .size = sizeof(log_buf), .level = 1,
	};
	struct bpf_map_create_opts map = { .sz = sizeof(map), .log_opts = &log };
	struct bpf_func_info info = {};
	struct bpf_prog_load_opts prog = {
		.sz = sizeof(prog),
		.func_info = &info,
		.func_info_cnt = 1,
		.func_info_rec_size = sizeof(info),
		.log_buf = log_buf,
		.log_size = sizeof(log_buf),
		.log_level = 1,
	};
	struct btf *btf = begin();
	int f = func(btf, "f"), section = f + 1, fd = load(alone(btf, 0, f, 0, 0));

	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	map.btf_fd = fd;
	map.btf_value_type_id = section;
	EXPECT_EQ(-EINVAL, bpf_map_create(BPF_MAP_TYPE_ARRAY, "m", 4, 4, 1, &map));
	EXPECT_NE(NULL, strstr(log_buf, NO_VALUES))
		TH_LOG("%s", log_buf);
	/* An arena has no values either, so that the sizes are the same. */
	log_buf[0] = '\0';
	map.map_flags = BPF_F_MMAPABLE;
	EXPECT_EQ(-EINVAL, bpf_map_create(BPF_MAP_TYPE_ARENA, "m", 0, 0, 1, &map));
	EXPECT_NE(NULL, strstr(log_buf, NO_VALUES))
		TH_LOG("%s", log_buf);

	info.type_id = f;
	prog.prog_btf_fd = fd;
	EXPECT_EQ(-EINVAL, bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "p", "GPL", insns,
					 ARRAY_SIZE(insns), &prog));
	EXPECT_NE(NULL, strstr(log_buf, NOT_ITS_OWN))
		TH_LOG("%s", log_buf);
	close(fd);
}

static const struct btf_type *find(const struct btf *btf, const char *name, int kind)
{
	int id = btf__find_by_name_kind(btf, name, kind);

	return id < 0 ? NULL : btf__type_by_id(btf, id);
}

/* An object with externs, by a libbpf that does or does not know the kernel takes them. */
FIXTURE(object) {
	struct externs *skel;
	struct btf *loaded;	/* what the kernel has of its BTF */
};

FIXTURE_VARIANT(object) {
	bool old;
	bool laid_out;		/* by who wrote the object, as if .ksyms were in it */
};

FIXTURE_VARIANT_ADD(object, native) { .old = false };
FIXTURE_VARIANT_ADD(object, rewritten) { .old = true };
FIXTURE_VARIANT_ADD(object, laid_out) { .laid_out = true };

FIXTURE_SETUP(object)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	self->skel = externs__open();
	ASSERT_NE(NULL, self->skel);
	if (variant->old) {
		struct kern_feature_cache *cache = calloc(1, sizeof(*cache));

		/* All others are found out as ever. The object frees it. */
		cache->res[FEAT_BTF_EXTERN] = FEAT_MISSING;
		bpf_object_set_feat_cache(self->skel->obj, cache);
	}
	if (variant->laid_out) {
		const struct btf *btf = bpf_object__btf(self->skel->obj);

		((struct btf_type *)find(btf, ".ksyms", BTF_KIND_DATASEC))->size = 24;
	}
	ASSERT_EQ(0, externs__load(self->skel));
	ASSERT_EQ(0, bpf_prog_get_info_by_fd(bpf_program__fd(self->skel->progs.externs), &info,
					     &len));
	self->loaded = btf__load_from_kernel_by_id(info.btf_id);
	ASSERT_NE(NULL, self->loaded);
}

FIXTURE_TEARDOWN(object)
{
	btf__free(self->loaded);
	externs__destroy(self->skel);
}

/* The program does the same either way. */
TEST_F(object, runs)
{
	ASSERT_EQ(0, run_prog(self->skel->progs.externs));
	EXPECT_LE(0, self->skel->data->active);
	EXPECT_NE(0, self->skel->bss->fops);
	EXPECT_EQ(7, self->skel->bss->version >> 16);
	EXPECT_EQ(0, self->skel->bss->weak);
}

/* The kernel has what the compiler wrote, or variables; the object the former, always. */
TEST_F(object, btf)
{
	const struct btf *own = bpf_object__btf(self->skel->obj);
	const struct btf *btfs[] = { own, self->loaded };

	for (int i = 0; i < 2; i++) {
		bool rewritten = i && (variant->old || variant->laid_out);
		__u32 laid_out = variant->laid_out ? 24 : 0;
		const struct btf_type *sec = find(btfs[i], ".ksyms", BTF_KIND_DATASEC);
		const struct btf_type *symbol = find(btfs[i], "bpf_link_fops", BTF_KIND_VAR);
		const struct btf_type *f = find(btfs[i], "bpf_rcu_read_lock", BTF_KIND_FUNC);
		const struct btf_type *weak = find(btfs[i], "no_such_function", BTF_KIND_FUNC);

		ASSERT_NE(NULL, sec);
		ASSERT_NE(NULL, symbol);
		ASSERT_NE(NULL, f);
		ASSERT_NE(NULL, weak);
		EXPECT_EQ(6, btf_vlen(sec));
		EXPECT_EQ(rewritten ? 6 * sizeof(int) : laid_out, sec->size);
		EXPECT_EQ(rewritten ? BTF_FUNC_GLOBAL : BTF_FUNC_EXTERN, btf_func_linkage(f));
		EXPECT_EQ(rewritten ? BTF_VAR_GLOBAL_ALLOCATED : BTF_VAR_GLOBAL_EXTERN,
			  btf_var(symbol)->linkage);
		EXPECT_EQ(rewritten, btf_is_int(btf__type_by_id(btfs[i], symbol->type)));
		EXPECT_EQ(rewritten, !!find(btfs[i], "dummy_ksym", BTF_KIND_VAR));
		EXPECT_EQ(rewritten, !!btf_params(btf__type_by_id(btfs[i], weak->type))->name_off);
		/* .kconfig is a map's, with variables that are in it. */
		EXPECT_EQ(4, find(btfs[i], ".kconfig", BTF_KIND_DATASEC)->size);
	}
}

/* What the compiler wrote is what bpftool shows, raw and in C. */
TEST(bpftool)
{
	static const char * const words[] = {
		"FUNC 'no_such_function' type_id=", "linkage=extern",
		"VAR 'bpf_prog_active' type_id=",
		"DATASEC '.ksyms' size=0 vlen=6",
		"extern const int bpf_prog_active __ksym;\n",
		"extern const void bpf_link_fops __ksym;\n",
		"extern const struct nowhere no_such_struct __ksym;\n",
		"extern void bpf_rcu_read_lock(void) __ksym;\n",
		"extern int no_such_function(int, struct nowhere *) __ksym;\n",
		"extern int LINUX_KERNEL_VERSION __attribute__((",
		"section(\".kconfig\")));\n",
	};
	static char out[1 << 20];
	char command[4 * 4096], tool[4096];
	size_t n = 0;
	FILE *p;

	snprintf(tool, sizeof(tool), "%s", file_beside("bpftool/bpftool"));
	snprintf(command, sizeof(command),
		 "o=%s; %s btf dump file $o && %s btf dump file $o format c",
		 file_beside("externs.bpf.o"), tool, tool);
	p = popen(command, "r");
	ASSERT_NE(NULL, p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = '\0';
	ASSERT_EQ(0, pclose(p));
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		const char *word = words[i];

		EXPECT_NE(NULL, strstr(out, word)) TH_LOG("not shown: %s", word);
	}
}

TEST_HARNESS_MAIN
