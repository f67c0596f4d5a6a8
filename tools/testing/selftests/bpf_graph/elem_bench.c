// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to add 1 to a fixed element of an array: found by a lookup with
 * a check for NULL, by a lookup whose constant key needs none, and addressed
 * directly. Prints what one such addition takes. For make bench, under -icount:
 * there a nanosecond is an instruction.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/filter.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define ELEMS	64
#define OPS	64	/* additions in a program, each to another element */
#define RUNS	2000

enum way { NOTHING, LOOKUP_CHECKED, LOOKUP, DIRECT };

static const char * const names[] = {
	[LOOKUP_CHECKED] = "elem_lookup_null_check",
	[LOOKUP] = "elem_lookup",
	[DIRECT] = "elem_direct",
};

static int emit(struct bpf_insn *insns, enum way way, int map)
{
	const struct bpf_insn lookup[] = {
		BPF_ST_MEM(BPF_W, BPF_REG_10, -8, 0),
		BPF_MOV64_REG(BPF_REG_2, BPF_REG_10),
		BPF_ALU64_IMM(BPF_ADD, BPF_REG_2, -8),
		BPF_LD_MAP_FD(BPF_REG_1, map),
		BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem),
	};
	const struct bpf_insn check[] = { BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, 3) };
	const struct bpf_insn direct[] = { BPF_LD_MAP_VALUE(BPF_REG_0, map, 0) };
	const struct bpf_insn add[] = {
		BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_0, 0),
		BPF_ALU64_IMM(BPF_ADD, BPF_REG_1, 1),
		BPF_STX_MEM(BPF_DW, BPF_REG_0, BPF_REG_1, 0),
	};
	const struct bpf_insn end[] = { BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN() };
	int n = 0, i;

#define PUT(what) do { memcpy(insns + n, what, sizeof(what)); n += ARRAY_SIZE(what); } while (0)
	for (i = 0; way != NOTHING && i < OPS; i++) {
		if (way == DIRECT) {
			PUT(direct);
			insns[n - 2].off = i % ELEMS;
		} else {
			PUT(lookup);
			insns[n - ARRAY_SIZE(lookup)].imm = i % ELEMS;
		}
		if (way == LOOKUP_CHECKED)
			PUT(check);
		PUT(add);
	}
	PUT(end);
	return n;
}

/* Time of all runs in ns, and the size of the machine code. Returns 0 or -errno. */
static int measure(enum way way, int map, unsigned long long *ns, int *bytes)
{
	static char log[1 << 16];
	static struct bpf_insn insns[OPS * 16];
	struct bpf_prog_load_opts load = {
		.sz = sizeof(load),
		.log_buf = log,
		.log_size = sizeof(log),
	};
	char packet[64] = {};
	struct bpf_test_run_opts run = {
		.sz = sizeof(run),
		.data_in = packet,
		.data_size_in = sizeof(packet),
		.repeat = RUNS,
	};
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int cnt = emit(insns, way, map), err;
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bench", "GPL", insns, cnt, &load);

	if (fd < 0) {
		fprintf(stderr, "%s\n", log);
		return fd;
	}
	err = bpf_prog_test_run_opts(fd, &run);
	if (!err)
		err = bpf_prog_get_info_by_fd(fd, &info, &len);
	close(fd);
	*ns = (unsigned long long)run.duration * RUNS;
	*bytes = info.jited_prog_len;
	return err;
}

int main(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "elems", 4, 8, ELEMS, NULL);
	unsigned long long base_ns, ns;
	int base_bytes, bytes, err;
	enum way way;

	err = map < 0 ? map : measure(NOTHING, map, &base_ns, &base_bytes);
	for (way = LOOKUP_CHECKED; !err && way <= DIRECT; way++) {
		err = measure(way, map, &ns, &bytes);
		if (!err)
			printf("bench op=%s instructions=%.2f bytes=%.2f\n", names[way],
			       (double)(ns - base_ns) / RUNS / OPS,
			       (double)(bytes - base_bytes) / OPS);
	}
	if (err)
		fprintf(stderr, "elem_bench: %s\n", strerror(-err));
	return !!err;
}
