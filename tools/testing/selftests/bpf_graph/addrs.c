// SPDX-License-Identifier: GPL-2.0
/*
 * Instruction arrays of plain addresses (BPF_F_INSN_ADDRS): what is read back from
 * them, that they are no jump tables, what is refused and in which words.
 */
#include <linux/filter.h>

#include "addrs.h"
#include "graph_test.h"

static char log_buf[1 << 16];

static int load_with(const struct bpf_insn *insns, int cnt, const int *maps, int nr_maps)
{
	struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts),
		.log_buf = log_buf,
		.log_size = sizeof(log_buf),
		.log_level = 2,
		.fd_array = maps,
		.fd_array_cnt = nr_maps,
	};

	log_buf[0] = '\0';
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "addrs", "GPL", insns, cnt, &opts);
}

#define LOAD(insns, ...)							\
({										\
	const int maps_[] = { __VA_ARGS__ };					\
	load_with(insns, ARRAY_SIZE(insns), maps_, ARRAY_SIZE(maps_));		\
})

#define EXPECT_LOADS(fd) EXPECT_LE(0, fd) TH_LOG("%s", log_buf)

#define EXPECT_REFUSED(err, fd, words)						\
do {										\
	int fd_ = (fd);								\
										\
	EXPECT_EQ(err, fd_);							\
	EXPECT_NE(NULL, strstr(log_buf, words))					\
		TH_LOG("not said: %s; but: %s", words, log_buf);		\
	if (fd_ >= 0)								\
		close(fd_);							\
} while (0)

static int unfrozen(__u32 flags, const __u32 *offs, int nr)
{
	struct bpf_map_create_opts opts = { .sz = sizeof(opts), .map_flags = flags };
	struct bpf_insn_array_value val = {};
	int i, fd;

	fd = bpf_map_create(BPF_MAP_TYPE_INSN_ARRAY, "key", 4, sizeof(val), nr, &opts);
	for (i = 0; fd >= 0 && i < nr; i++) {
		val.orig_off = offs[i];
		if (bpf_map_update_elem(fd, &i, &val, 0))
			return -errno;
	}
	return fd;
}

static int array(__u32 flags, const __u32 *offs, int nr)
{
	int fd = unfrozen(flags, offs, nr);

	return fd < 0 ? fd : bpf_map_freeze(fd) ? -errno : fd;
}

#define ARRAY(flags, ...)							\
({										\
	const __u32 offs_[] = { __VA_ARGS__ };					\
	array(flags, offs_, ARRAY_SIZE(offs_));					\
})
#define ADDRS(...) ARRAY(BPF_F_INSN_ADDRS, __VA_ARGS__)
#define JUMP_TABLE(...) ARRAY(0, __VA_ARGS__)

/* An instruction that can be told from others in machine code. */
#define MARK(n) BPF_MOV64_IMM(BPF_REG_1, MARKS + (n))

/* Two functions; the verifier takes instructions out and puts others in. */
static const struct bpf_insn two_functions[] = {
	BPF_JMP_IMM(BPF_JA, 0, 0, 0),					/* 0: goes away */
	MARK(1),
	BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_jiffies64),	/* 2: becomes three */
	MARK(3),
	BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2),
	BPF_MOV64_IMM(BPF_REG_0, 0),
	BPF_EXIT_INSN(),
	MARK(7),							/* the second */
	BPF_JMP_IMM(BPF_JA, 0, 0, 0),
	MARK(9),
	BPF_MOV64_IMM(BPF_REG_0, 0),
	BPF_EXIT_INSN(),
};

TEST(read_back)
{
	int fd, map = ADDRS(9, 1, 7, 0, 3);
	struct addrs_prog p;

	ASSERT_LE(0, map);
	fd = LOAD(two_functions, map);
	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	ASSERT_EQ(0, addrs_prog_read(&p, fd));
	ASSERT_EQ(2, p.nr_funcs);
	EXPECT_TRUE(addrs_marked(&p, map, 0, MARKS + 9, 9));
	EXPECT_TRUE(addrs_marked(&p, map, 1, MARKS + 1, 1));
	EXPECT_TRUE(addrs_marked(&p, map, 2, MARKS + 7, 7));
	EXPECT_TRUE(addrs_marked(&p, map, 4, MARKS + 3, 3));
	/* What was taken out has no address, and what is before it stays where it was. */
	EXPECT_EQ(-1, addrs_get(map, 3).xlated_off);
	EXPECT_EQ(0, addrs_get(map, 3).orig_off);
	EXPECT_EQ(0, addrs_get(map, 1).xlated_off);
	EXPECT_EQ(4, addrs_get(map, 4).xlated_off);
	close(fd);
	close(map);
}

/* Several maps, one for each key, with instructions that are in two of them. */
TEST(several_keys)
{
	int fd, a = ADDRS(1, 9), b = ADDRS(9), c = ADDRS(3, 7, 9);
	struct addrs_prog p;

	fd = LOAD(two_functions, a, b, c);
	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	ASSERT_EQ(0, addrs_prog_read(&p, fd));
	EXPECT_TRUE(addrs_marked(&p, a, 0, MARKS + 1, 1));
	EXPECT_TRUE(addrs_marked(&p, a, 1, MARKS + 9, 9));
	EXPECT_TRUE(addrs_marked(&p, b, 0, MARKS + 9, 9));
	EXPECT_TRUE(addrs_marked(&p, c, 0, MARKS + 3, 3));
	EXPECT_TRUE(addrs_marked(&p, c, 1, MARKS + 7, 7));
	EXPECT_TRUE(addrs_marked(&p, c, 2, MARKS + 9, 9));
	close(fd);
	close(a);
	close(b);
	close(c);
}

#define GOTOX(reg) BPF_RAW_INSN(BPF_JMP | BPF_JA | BPF_X, reg, 0, 0, 0)

/* Jump by the first element of @table, to instruction 4; instruction 6 is elsewhere. */
#define JUMP(table)								\
	{									\
		BPF_LD_IMM64_RAW(BPF_REG_1, BPF_PSEUDO_MAP_VALUE, table),	\
		BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_1, 0),			\
		GOTOX(BPF_REG_1),						\
		BPF_MOV64_IMM(BPF_REG_0, 0),					\
		BPF_EXIT_INSN(),						\
		MARK(6),							\
		BPF_MOV64_IMM(BPF_REG_0, 0),					\
		BPF_EXIT_INSN(),						\
	}

/* Nothing jumps to what only an address is there of. */
TEST(no_edge)
{
	int fd, table = JUMP_TABLE(4), other = JUMP_TABLE(4, 6), addrs;
	const struct bpf_insn insns[] = JUMP(table);

	/* All tables together are where a jump can go. */
	fd = LOAD(insns, table, other);
	EXPECT_LOADS(fd);
	close(fd);
	close(table);
	close(other);
	table = JUMP_TABLE(4);
	addrs = ADDRS(4, 6);
	EXPECT_REFUSED(-EINVAL, LOAD(insns, table, addrs), "unreachable insn 6");
	close(table);
	close(addrs);
}

/* Two functions and a jump in the first. */
#define JUMP_AND_CALL(table)							\
	{									\
		BPF_LD_IMM64_RAW(BPF_REG_1, BPF_PSEUDO_MAP_VALUE, table),	\
		BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_1, 0),			\
		GOTOX(BPF_REG_1),						\
		MARK(4),							\
		BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2),	\
		BPF_MOV64_IMM(BPF_REG_0, 0),					\
		BPF_EXIT_INSN(),						\
		MARK(8),							\
		BPF_MOV64_IMM(BPF_REG_0, 0),					\
		BPF_EXIT_INSN(),						\
	}

/* Addresses in two functions are no jump table that leaves the first. */
TEST(beside_a_jump_table)
{
	int fd, table = JUMP_TABLE(4), addrs = ADDRS(4, 8), other = JUMP_TABLE(4, 8);
	const struct bpf_insn insns[] = JUMP_AND_CALL(table);
	struct addrs_prog p;

	EXPECT_REFUSED(-EINVAL, LOAD(insns, table, other),
		       "jump table for insn 3 points outside of the subprog [0,8]");
	fd = LOAD(insns, table, addrs);
	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	EXPECT_EQ(0, run_fd(fd));
	ASSERT_EQ(0, addrs_prog_read(&p, fd));
	EXPECT_TRUE(addrs_marked(&p, table, 0, MARKS + 4, 4));
	EXPECT_TRUE(addrs_marked(&p, addrs, 0, MARKS + 4, 4));
	EXPECT_TRUE(addrs_marked(&p, addrs, 1, MARKS + 8, 8));
	close(fd);
	close(table);
	close(addrs);
	close(other);
}

TEST(not_to_jump_by)
{
	int addrs = ADDRS(4);
	const struct bpf_insn insns[] = JUMP(addrs);

	EXPECT_REFUSED(-EACCES, LOAD(insns, addrs),
		       "map 'key' of instruction addresses is for user space to read: create it without BPF_F_INSN_ADDRS for a jump table");
	close(addrs);
}

TEST(no_helper)
{
	int addrs = ADDRS(0);
	const struct bpf_insn insns[] = {
		BPF_ST_MEM(BPF_W, BPF_REG_10, -4, 0),
		BPF_MOV64_REG(BPF_REG_2, BPF_REG_10),
		BPF_ALU64_IMM(BPF_ADD, BPF_REG_2, -4),
		BPF_LD_IMM64_RAW(BPF_REG_1, BPF_PSEUDO_MAP_FD, addrs),
		BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		BPF_MOV64_IMM(BPF_REG_0, 0),
		BPF_EXIT_INSN(),
	};

	EXPECT_REFUSED(-EINVAL, LOAD(insns, addrs), "cannot pass map_type");
	close(addrs);
}

TEST(one_program)
{
	int addrs = ADDRS(1), fd = LOAD(two_functions, addrs);

	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	EXPECT_REFUSED(-EBUSY, LOAD(two_functions, addrs),
		       "map 'key' of instruction addresses belongs to a program that was loaded before: create one map for each program");
	/* Also when that is gone. */
	close(fd);
	EXPECT_REFUSED(-EBUSY, LOAD(two_functions, addrs), "create one map for each program");
	close(addrs);
}

/* A program that is refused for another reason leaves the map for the next. */
TEST(after_a_refusal)
{
	const struct bpf_insn no_exit[] = { BPF_MOV64_IMM(BPF_REG_0, 0), MARK(1) };
	int fd, addrs = ADDRS(1);
	struct addrs_prog p;

	EXPECT_GT(0, LOAD(no_exit, addrs));
	fd = LOAD(two_functions, addrs);
	ASSERT_LE(0, fd) TH_LOG("%s", log_buf);
	ASSERT_EQ(0, addrs_prog_read(&p, fd));
	EXPECT_TRUE(addrs_marked(&p, addrs, 0, MARKS + 1, 1));
	close(fd);
	close(addrs);
}

TEST(not_frozen)
{
	const __u32 off = 1;
	int fd, addrs = unfrozen(BPF_F_INSN_ADDRS, &off, 1);

	EXPECT_REFUSED(-EINVAL, LOAD(two_functions, addrs),
		       "map 'key' of instruction addresses can still change: freeze it (BPF_MAP_FREEZE) before the program is loaded");
	ASSERT_EQ(0, bpf_map_freeze(addrs));
	fd = LOAD(two_functions, addrs);
	EXPECT_LOADS(fd);
	close(fd);
	close(addrs);
}

TEST(outside)
{
	int addrs = ADDRS(0, 11, 12);

	EXPECT_REFUSED(-EINVAL, LOAD(two_functions, addrs),
		       "map 'key': element 2 is the address of instruction 12, but the program has 12: set orig_off to the index of one");
	close(addrs);
}

TEST(second_half)
{
	const struct bpf_insn insns[] = {
		BPF_MOV64_IMM(BPF_REG_0, 0),
		BPF_LD_IMM64(BPF_REG_1, 1),
		BPF_EXIT_INSN(),
	};
	int fd, addrs = ADDRS(0, 1, 3), half = ADDRS(0, 2);

	EXPECT_REFUSED(-EINVAL, LOAD(insns, half),
		       "map 'key': element 1 is the address of the second half of a ldimm64: set orig_off to that of the first, 1");
	fd = LOAD(insns, addrs);
	EXPECT_LOADS(fd);
	close(fd);
	close(addrs);
	close(half);
}

/* Of jump tables the same is said as ever. */
TEST(jump_tables_as_ever)
{
	int table = JUMP_TABLE(12);

	EXPECT_REFUSED(-EINVAL, LOAD(two_functions, table),
		       "Failed to properly initialize insn array");
	EXPECT_EQ(NULL, strstr(log_buf, "map 'key'")) TH_LOG("%s", log_buf);
	close(table);
}

TEST(other_flags)
{
	const __u32 off = 0;

	EXPECT_EQ(-EINVAL, unfrozen(BPF_F_INSN_ADDRS | BPF_F_MMAPABLE, &off, 1));
	EXPECT_EQ(-EINVAL, unfrozen(BPF_F_INSN_ADDRS << 1, &off, 1));
	EXPECT_EQ(-EINVAL, unfrozen(BPF_F_NO_PREALLOC, &off, 1));
}

TEST_HARNESS_MAIN
