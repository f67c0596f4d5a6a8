// SPDX-License-Identifier: GPL-2.0
/*
 * Any element of an array in one instruction: ldimm64 with BPF_PSEUDO_MAP_VALUE
 * or BPF_PSEUDO_MAP_IDX_VALUE, where the off fields of the two halves hold the
 * index. What is accepted, what is refused and in which words, what the verifier
 * knows of an element, and what a dump shows.
 */
#include <linux/filter.h>

#include "graph_test.h"

#define NR		70000	/* more than the first half's 16 bits can say */
#define VALUE_SIZE	16

/* Load the address of byte @at of element @elem, @src being how @map is given. */
#define LD_ELEM_AS(dst, src, map, elem, at)						\
	BPF_LD_IMM64_RAW_FULL(dst, src, (elem) & 0xffff, (__u32)(elem) >> 16, map, at)
#define LD_ELEM(dst, map, elem, at) LD_ELEM_AS(dst, BPF_PSEUDO_MAP_VALUE, map, elem, at)

/* An instruction that is never right: it is in places that cannot be reached. */
#define BAD_INSN	BPF_LDX_MEM(BPF_DW, BPF_REG_0, BPF_REG_10, 8)

static char log_buf[1 << 16];

static int load_fds(const struct bpf_insn *insns, int cnt, const int *fds)
{
	struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts),
		.log_buf = log_buf,
		.log_size = sizeof(log_buf),
		.log_level = 2,
		.fd_array = fds,
	};

	log_buf[0] = '\0';
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "elem", "GPL", insns, cnt, &opts);
}

#define LOAD(...)								\
({										\
	const struct bpf_insn insns_[] = { __VA_ARGS__ };			\
	load_fds(insns_, ARRAY_SIZE(insns_), NULL);				\
})

/* The last lines of the verifier's log, where it says why. */
static const char *log_end(void)
{
	size_t n = strlen(log_buf);

	return n > 400 ? log_buf + n - 400 : log_buf;
}

#define EXPECT_REFUSED(err, fd, words)						\
do {										\
	int fd_ = (fd);								\
										\
	EXPECT_EQ(err, fd_);							\
	EXPECT_NE(NULL, strstr(log_buf, words))					\
		TH_LOG("not said: %s; but: %s", words, log_end());		\
	if (fd_ >= 0)								\
		close(fd_);							\
} while (0)

#define EXPECT_LOADS(fd) EXPECT_LE(0, fd) TH_LOG("%s", log_end())

static int array(int type, int nr, int flags)
{
	struct bpf_map_create_opts opts = { .sz = sizeof(opts), .map_flags = flags };

	return bpf_map_create(type, "elems", sizeof(int), VALUE_SIZE, nr, &opts);
}

/* An array that is the same for ever: element i holds @values[i]. */
static int constant_array(const char (*values)[VALUE_SIZE], int nr)
{
	int i, fd = array(BPF_MAP_TYPE_ARRAY, nr, BPF_F_RDONLY_PROG);

	for (i = 0; fd >= 0 && i < nr; i++)
		if (bpf_map_update_elem(fd, &i, values[i], 0))
			return -errno;
	return fd < 0 ? fd : bpf_map_freeze(fd) ? -errno : fd;
}

FIXTURE(elem) {
	int many, one, hash, percpu;
};

FIXTURE_SETUP(elem)
{
	self->many = array(BPF_MAP_TYPE_ARRAY, NR, 0);
	self->one = array(BPF_MAP_TYPE_ARRAY, 1, 0);
	self->hash = array(BPF_MAP_TYPE_HASH, 8, 0);
	self->percpu = array(BPF_MAP_TYPE_PERCPU_ARRAY, 8, 0);
	ASSERT_LT(0, self->many);
	ASSERT_LT(0, self->one);
	ASSERT_LT(0, self->hash);
	ASSERT_LT(0, self->percpu);
}

FIXTURE_TEARDOWN(elem)
{
	close(self->many);
	close(self->one);
	close(self->hash);
	close(self->percpu);
}

static __u64 word(int map, int key, int at)
{
	__u64 value[VALUE_SIZE / 8] = {};

	if (bpf_map_lookup_elem(map, &key, value))
		return -1;
	return value[at / 8];
}

/* Each is written to by a program, and only that one changes. */
TEST_F(elem, write)
{
	static const int elems[] = { 0, 1, 2, 255, 256, 65535, 65536, 65537, NR - 1 };
	__u64 (*values)[VALUE_SIZE / 8] = calloc(NR, VALUE_SIZE);
	int fd, *keys = calloc(NR, sizeof(*keys));
	__u32 next, count = NR;
	unsigned int i, at;

	for (i = 0; i < ARRAY_SIZE(elems); i++)
		for (at = 0; at < VALUE_SIZE; at += 8) {
			fd = LOAD(LD_ELEM(BPF_REG_1, self->many, elems[i], at),
				  BPF_ST_MEM(BPF_DW, BPF_REG_1, 0, elems[i] + at + 1),
				  BPF_MOV64_IMM(BPF_REG_0, 0),
				  BPF_EXIT_INSN());
			ASSERT_LE(0, fd) TH_LOG("element %d: %s", elems[i], log_end());
			EXPECT_EQ(0, word(self->many, elems[i], at));
			EXPECT_EQ(0, run_fd(fd));
			EXPECT_EQ(elems[i] + at + 1, word(self->many, elems[i], at));
			close(fd);
		}
	ASSERT_EQ(0, bpf_map_lookup_batch(self->many, NULL, &next, keys, values, &count, NULL));
	ASSERT_EQ(NR, count);
	for (i = 0; i < NR; i++) {
		for (at = 0; at < ARRAY_SIZE(elems) && elems[at] != keys[i]; at++)
			;
		if (at == ARRAY_SIZE(elems))
			ASSERT_EQ(0, values[i][0] | values[i][1]);
	}
	free(keys);
	free(values);
}

/* The map by its place in fd_array. */
TEST_F(elem, by_fd_array)
{
	const int fds[] = { self->one, self->many };
	const struct bpf_insn insns[] = {
		LD_ELEM_AS(BPF_REG_1, BPF_PSEUDO_MAP_IDX_VALUE, 1, 65540, 8),
		BPF_ST_MEM(BPF_DW, BPF_REG_1, 0, 77),
		BPF_MOV64_IMM(BPF_REG_0, 0),
		BPF_EXIT_INSN(),
	};
	int fd = load_fds(insns, ARRAY_SIZE(insns), fds);

	ASSERT_LE(0, fd) TH_LOG("%s", log_end());
	EXPECT_EQ(0, run_fd(fd));
	EXPECT_EQ(77, word(self->many, 65540, 8));
	close(fd);
}

TEST_F(elem, per_cpu)
{
	int nr = libbpf_num_possible_cpus(), i, key = 5, fd, sum = 0;
	__u64 *values = calloc(nr, VALUE_SIZE);

	fd = LOAD(LD_ELEM(BPF_REG_1, self->percpu, key, 8),
		  BPF_ST_MEM(BPF_DW, BPF_REG_1, 0, 55),
		  BPF_MOV64_IMM(BPF_REG_0, 0),
		  BPF_EXIT_INSN());
	ASSERT_LE(0, fd) TH_LOG("%s", log_end());
	EXPECT_EQ(0, run_fd(fd));
	for (key = 0; key < 8; key++) {
		ASSERT_EQ(0, bpf_map_lookup_elem(self->percpu, &key, values));
		for (i = 0; i < nr; i++) {
			EXPECT_EQ(0, values[i * 2]);
			EXPECT_TRUE(!values[i * 2 + 1] || key == 5);
			sum += values[i * 2 + 1];
		}
	}
	EXPECT_EQ(55, sum);
	close(fd);
	free(values);
}

/* An array that is somebody's inner map has elements like others. */
TEST_F(elem, inner_map)
{
	int inner = array(BPF_MAP_TYPE_ARRAY, 4, BPF_F_INNER_MAP), fd;

	ASSERT_LT(0, inner);
	fd = LOAD(LD_ELEM(BPF_REG_1, inner, 3, 0),
		  BPF_ST_MEM(BPF_DW, BPF_REG_1, 0, 5),
		  BPF_MOV64_IMM(BPF_REG_0, 0),
		  BPF_EXIT_INSN());
	ASSERT_LE(0, fd) TH_LOG("%s", log_end());
	EXPECT_EQ(0, run_fd(fd));
	EXPECT_EQ(5, word(inner, 3, 0));
	close(fd);
	close(inner);
}

#define ONLY(ld) LOAD(ld, BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN())

TEST_F(elem, limits)
{
	static const unsigned int beyond[] = { NR, NR + 1, 131071, 0x7fffffff, 0xffffffff };
	unsigned int i;
	char words[128];
	int fd;

	EXPECT_LOADS(fd = ONLY(LD_ELEM(BPF_REG_1, self->many, NR - 1, VALUE_SIZE - 1)));
	close(fd);
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		snprintf(words, sizeof(words), "map 'elems' has %u elements and no element %u",
			 NR, beyond[i]);
		EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM(BPF_REG_1, self->many, beyond[i], 0)), words);
	}
	EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM(BPF_REG_1, self->many, 1, VALUE_SIZE)),
		       "invalid access to map value pointer, value_size=16 off=16");
	EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM(BPF_REG_1, self->many, 1, -1)),
		       "invalid access to map value pointer, value_size=16 off=4294967295");
	EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM(BPF_REG_1, self->percpu, 8, 0)),
		       "map 'elems' has 8 elements and no element 8");
	/* From one element there is no way to the next. */
	EXPECT_REFUSED(-EACCES,
		       LOAD(LD_ELEM(BPF_REG_1, self->many, 1, 0),
			    BPF_LDX_MEM(BPF_DW, BPF_REG_0, BPF_REG_1, VALUE_SIZE),
			    BPF_EXIT_INSN()),
		       "invalid access to map value, value_size=16 off=16 size=8");
	EXPECT_REFUSED(-EACCES,
		       LOAD(LD_ELEM(BPF_REG_1, self->many, 1, 0),
			    BPF_LDX_MEM(BPF_DW, BPF_REG_0, BPF_REG_1, -8),
			    BPF_EXIT_INSN()),
		       "invalid access to map value, value_size=16 off=-8 size=8");
}

/* Elsewhere the two fields mean nothing still, and are refused as ever. */
TEST_F(elem, reserved)
{
	static const char first[] = "BPF_LD_IMM64 uses reserved fields";
	static const char second[] = "invalid bpf_ld_imm64 insn";
	const struct { int src, imm; } others[] = {
		{ 0, 1 },
		{ BPF_PSEUDO_MAP_FD, self->many },
		{ BPF_PSEUDO_MAP_FD, self->one },
		{ BPF_PSEUDO_MAP_IDX, 0 },
		{ BPF_PSEUDO_BTF_ID, 1 },
		{ BPF_PSEUDO_MAP_VALUE, self->one },
		{ BPF_PSEUDO_MAP_VALUE, self->hash },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM_AS(BPF_REG_1, others[i].src, others[i].imm,
							1, 0)), first);
		EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM_AS(BPF_REG_1, others[i].src, others[i].imm,
							0x10000, 0)), second);
	}
#define FUNC(elem)								\
	LOAD(LD_ELEM_AS(BPF_REG_1, BPF_PSEUDO_FUNC, 3, elem, 0),		\
	     BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN(),			\
	     BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN())
	EXPECT_REFUSED(-EINVAL, FUNC(1), first);
	EXPECT_REFUSED(-EINVAL, FUNC(0x10000), second);
	EXPECT_REFUSED(-EINVAL, ONLY(LD_ELEM(BPF_REG_1, self->hash, 0, 0)),
		       "no direct value access support for this map type");
}

struct dump {
	struct bpf_insn insns[4];
	__u8 tag[BPF_TAG_SIZE];
};

static int dump(int fd, struct dump *d)
{
	struct bpf_prog_info info = {
		.xlated_prog_len = sizeof(d->insns),
		.xlated_prog_insns = (unsigned long)d->insns,
	};
	__u32 len = sizeof(info);

	memset(d, 0, sizeof(*d));
	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return -errno;
	memcpy(d->tag, info.tag, sizeof(d->tag));
	return info.xlated_prog_len / sizeof(d->insns[0]);
}

/* A dump has map, element and offset again, and the tag tells elements apart. */
TEST_F(elem, dump)
{
	static const int elems[] = { 0, 1, 65535, 65536, NR - 1 };
	int i, fd, other = array(BPF_MAP_TYPE_ARRAY, NR, 0);
	struct dump d, last = {}, again;

	for (i = 0; i < ARRAY_SIZE(elems); i++) {
		EXPECT_LOADS(fd = ONLY(LD_ELEM(BPF_REG_1, self->many, elems[i], 12)));
		ASSERT_EQ(4, dump(fd, &d));
		EXPECT_EQ(BPF_PSEUDO_MAP_VALUE, (int)d.insns[0].src_reg);
		EXPECT_EQ(map_id(self->many), d.insns[0].imm);
		EXPECT_EQ(elems[i] & 0xffff, (__u16)d.insns[0].off);
		EXPECT_EQ(elems[i] >> 16, (__u16)d.insns[1].off);
		EXPECT_EQ(12, d.insns[1].imm);
		EXPECT_NE(0, memcmp(d.tag, last.tag, sizeof(d.tag)));
		last = d;
		close(fd);
		/* Neither the map's descriptor nor the offset is a part of the tag. */
		EXPECT_LOADS(fd = ONLY(LD_ELEM(BPF_REG_1, other, elems[i], 4)));
		ASSERT_EQ(4, dump(fd, &again));
		EXPECT_EQ(0, memcmp(d.tag, again.tag, sizeof(d.tag)));
		EXPECT_EQ(map_id(other), again.insns[0].imm);
		EXPECT_EQ(4, again.insns[1].imm);
		close(fd);
	}
	close(other);
}

/* What the verifier shows of the instruction, and of a register that points to an element. */
TEST_F(elem, log)
{
	char words[64];
	int fd;

	EXPECT_LOADS(fd = ONLY(LD_ELEM(BPF_REG_1, self->many, 65537, 4)));
	close(fd);
	snprintf(words, sizeof(words), "(18) r1 = map[id:%d][65537]+4", map_id(self->many));
	EXPECT_NE(NULL, strstr(log_buf, words)) TH_LOG("%s", log_end());
	EXPECT_LOADS(fd = ONLY(LD_ELEM(BPF_REG_1, self->many, 65537, 0)));
	close(fd);
	EXPECT_NE(NULL, strstr(log_buf, "R1=map_value(map=elems,elem=65537,ks=4,vs=16)"))
		TH_LOG("%s", log_end());
	EXPECT_LOADS(fd = ONLY(LD_ELEM(BPF_REG_1, self->one, 0, 0)));
	close(fd);
	EXPECT_NE(NULL, strstr(log_buf, "R1=map_value(map=elems,ks=4,vs=16)"));
	EXPECT_NE(NULL, strstr(log_buf, "(18) r1 = 0x"));
}

/* Constants: the values of the element that is meant, and of no other. */
TEST_F(elem, constants)
{
	static const char values[3][VALUE_SIZE] = { { 9 }, { 7 }, { 5, -1 } };
	int map = constant_array(values, 3), elem, guess, fd;

	ASSERT_LT(0, map);
	for (elem = 0; elem < 3; elem++)
		for (guess = 0; guess < 3; guess++) {
			fd = LOAD(LD_ELEM(BPF_REG_1, map, elem, 0),
				  BPF_LDX_MEM(BPF_B, BPF_REG_0, BPF_REG_1, 0),
				  BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, values[guess][0], 1),
				  BAD_INSN,
				  BPF_EXIT_INSN());
			if (elem == guess) {
				EXPECT_LOADS(fd);
				EXPECT_EQ(values[elem][0], run_fd(fd));
				close(fd);
			} else {
				EXPECT_REFUSED(-EACCES, fd, "invalid read from stack");
			}
		}
	/* With its sign. */
	fd = LOAD(LD_ELEM(BPF_REG_1, map, 2, 1),
		  BPF_RAW_INSN(BPF_LDX | BPF_B | BPF_MEMSX, BPF_REG_0, BPF_REG_1, 0, 0),
		  BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, -1, 1),
		  BAD_INSN,
		  BPF_EXIT_INSN());
	EXPECT_LOADS(fd);
	close(fd);
	/* Where two ways meet, either is possible. */
	for (guess = 0; guess < 2; guess++)
		EXPECT_REFUSED(-EACCES,
			       LOAD(BPF_LDX_MEM(BPF_W, BPF_REG_2, BPF_REG_1, 0),
				    LD_ELEM(BPF_REG_1, map, 0, 0),
				    BPF_JMP_IMM(BPF_JEQ, BPF_REG_2, 0, 2),
				    LD_ELEM(BPF_REG_1, map, 1, 0),
				    BPF_LDX_MEM(BPF_B, BPF_REG_0, BPF_REG_1, 0),
				    BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, values[guess][0], 1),
				    BAD_INSN,
				    BPF_EXIT_INSN()),
			       "invalid read from stack");
	close(map);
}

/* Which element a lookup yields is not known, so neither is what is in it. */
TEST_F(elem, constants_by_lookup)
{
	static const char values[2][VALUE_SIZE] = { { 9 }, { 7 } };
	int map = constant_array(values, 2), fd;

	ASSERT_LT(0, map);
#define LOOKUP(key)							\
	BPF_ST_MEM(BPF_W, BPF_REG_10, -4, key),				\
	BPF_MOV64_REG(BPF_REG_2, BPF_REG_10),				\
	BPF_ALU64_IMM(BPF_ADD, BPF_REG_2, -4),				\
	BPF_LD_MAP_FD(BPF_REG_1, map),					\
	BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem),			\
	BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, 1)
	fd = LOAD(LOOKUP(1),
		  BPF_LDX_MEM(BPF_B, BPF_REG_0, BPF_REG_0, 0),
		  BPF_EXIT_INSN());
	EXPECT_LOADS(fd);
	EXPECT_EQ(7, run_fd(fd));
	close(fd);
	EXPECT_REFUSED(-EACCES,
		       LOAD(LOOKUP(1),
			    BPF_LDX_MEM(BPF_B, BPF_REG_0, BPF_REG_0, 0),
			    BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, 7, 1),
			    BAD_INSN,
			    BPF_EXIT_INSN()),
		       "invalid read from stack");
	close(map);
}

/* bpf_strncmp(stack, 8, string) */
#define STRNCMP(...)							\
	LOAD(__VA_ARGS__,						\
	     BPF_MOV64_REG(BPF_REG_3, BPF_REG_0),			\
	     BPF_ST_MEM(BPF_DW, BPF_REG_10, -8, 'b'),			\
	     BPF_MOV64_REG(BPF_REG_1, BPF_REG_10),			\
	     BPF_ALU64_IMM(BPF_ADD, BPF_REG_1, -8),			\
	     BPF_MOV64_IMM(BPF_REG_2, 8),				\
	     BPF_EMIT_CALL(BPF_FUNC_strncmp),				\
	     BPF_EXIT_INSN())

/* Strings that end, and one that does not. */
TEST_F(elem, const_str)
{
	static const char values[3][VALUE_SIZE] = { "a", "b", "0123456789abcdef" };
	int map = constant_array(values, 3), fd;

	ASSERT_LT(0, map);
	EXPECT_LOADS(fd = STRNCMP(LD_ELEM(BPF_REG_0, map, 1, 0)));
	EXPECT_EQ(0, run_fd(fd));
	close(fd);
	EXPECT_LOADS(fd = STRNCMP(LD_ELEM(BPF_REG_0, map, 0, 0)));
	EXPECT_EQ(1, run_fd(fd));
	close(fd);
	EXPECT_REFUSED(-EINVAL, STRNCMP(LD_ELEM(BPF_REG_0, map, 2, 0)),
		       "string is not zero-terminated");
	EXPECT_REFUSED(-EACCES, STRNCMP(LOOKUP(1)),
		       "points to an element of map 'elems' that is not known before the program runs");
	close(map);
}

/* bpf_snprintf(stack, 8, format, &one word, 8) */
#define SNPRINTF(elem)							\
	LOAD(BPF_ST_MEM(BPF_DW, BPF_REG_10, -16, 4),			\
	     BPF_MOV64_REG(BPF_REG_1, BPF_REG_10),			\
	     BPF_ALU64_IMM(BPF_ADD, BPF_REG_1, -8),			\
	     BPF_MOV64_IMM(BPF_REG_2, 8),				\
	     LD_ELEM(BPF_REG_3, map, elem, 0),				\
	     BPF_MOV64_REG(BPF_REG_4, BPF_REG_10),			\
	     BPF_ALU64_IMM(BPF_ADD, BPF_REG_4, -16),			\
	     BPF_MOV64_IMM(BPF_REG_5, 8),				\
	     BPF_EMIT_CALL(BPF_FUNC_snprintf),				\
	     BPF_EXIT_INSN())

TEST_F(elem, snprintf)
{
	static const char values[3][VALUE_SIZE] = { "%d%d", "x=%d", "%y" };
	int map = constant_array(values, 3), fd;

	ASSERT_LT(0, map);
	EXPECT_LOADS(fd = SNPRINTF(1));
	EXPECT_EQ(sizeof("x=4"), run_fd(fd));
	close(fd);
	EXPECT_REFUSED(-EINVAL, SNPRINTF(0), "Invalid format string");
	EXPECT_REFUSED(-EINVAL, SNPRINTF(2), "Invalid format string");
	close(map);
}

TEST_HARNESS_MAIN
