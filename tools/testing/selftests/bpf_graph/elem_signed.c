// SPDX-License-Identifier: GPL-2.0
/*
 * A program's signature covers the value of each of its maps, one value each: a
 * map with more elements, which nobody signed, is refused.
 */
#include <sys/syscall.h>

#include "graph_test.h"
#include "said.h"
#include "elem_signed.skel.h"

static char log_buf[1 << 14];

/* Load @prog once more, with a signature that is none and covers @map. Returns -errno. */
static int load_signed(const struct bpf_program *prog, int map)
{
	static const char signature[64];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SYSCALL,
		.prog_flags = BPF_F_SLEEPABLE,
		.insns = (unsigned long)bpf_program__insns(prog),
		.insn_cnt = bpf_program__insn_cnt(prog),
		.license = (unsigned long)"GPL",
		.log_buf = (unsigned long)log_buf,
		.log_size = sizeof(log_buf),
		.log_level = 1,
		.signature = (unsigned long)signature,
		.signature_size = sizeof(signature),
		.fd_array = (unsigned long)&map,
		.fd_array_cnt = 1,
	};
	int fd = syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int load_with_elements(int nr)
{
	struct elem_signed *skel = elem_signed__open();
	int err;

	if (!skel)
		return -errno;
	err = bpf_map__set_max_entries(skel->maps.covered, nr) ?:
	      bpf_map__set_exclusive_program(skel->maps.covered, skel->progs.reads) ?:
	      elem_signed__load(skel);
	/* An own number: it is not about the signature. */
	if (err || bpf_map_freeze(bpf_map__fd(skel->maps.covered)))
		err = -ECHILD;
	else
		err = load_signed(skel->progs.reads, bpf_map__fd(skel->maps.covered));
	elem_signed__destroy(skel);
	return err;
}

#define ENOTSUPP 524

TEST(elem_signed)
{
	int err;

	said_start();
	/* It comes to the signature, which is none, or no kernel's that cannot check one. */
	err = load_with_elements(1);
	EXPECT_TRUE(err == -EBADMSG || err == -EKEYREJECTED || err == -ENOPKG || err == -EOPNOTSUPP)
		TH_LOG("errno %d, %s%s", -err, said, log_buf);
	EXPECT_EQ(-ENOTSUPP, load_with_elements(2)) TH_LOG("%s%s", said, log_buf);
	EXPECT_EQ(-ENOTSUPP, load_with_elements(3));
}

TEST_HARNESS_MAIN
