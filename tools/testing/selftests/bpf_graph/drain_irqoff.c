// SPDX-License-Identifier: GPL-2.0
/*
 * Freeing a long list or a large tree must not keep interrupts off for a time
 * that grows with its length.
 *
 * Time is a poor witness in a virtual machine on a busy host. Progress is a
 * good one: a timer interrupts the CPU that frees the nodes, and looks how many
 * of them still belong to the root. If interrupts are off while all of them
 * are taken from it, all of them change hands between one interrupt and the
 * next, however slow the machine is and wherever its host spends its time.
 * Upstream's C (7.3) does that for lists and for trees.
 */
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "graph_test.h"
#include "drain.h"
#include "drain.skel.h"

#define PERIOD_NS	500000

FIXTURE(drain_irqoff) {
	struct drain *skel;
	struct bpf_link *link;
};

FIXTURE_SETUP(drain_irqoff)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.size = sizeof(attr),
		.sample_period = PERIOD_NS,
	};
	cpu_set_t set;
	int cpu, fd;

	self->skel = drain__open_and_load();
	ASSERT_NE(NULL, self->skel);

	/* We, the drain and the timer are on one CPU. */
	cpu = sched_getcpu();
	ASSERT_LE(0, cpu);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	fd = syscall(__NR_perf_event_open, &attr, -1, cpu, -1, 0);
	ASSERT_LE(0, fd);
	self->link = bpf_program__attach_perf_event(self->skel->progs.sample, fd);
	ASSERT_NE(NULL, self->link);
}

FIXTURE_TEARDOWN(drain_irqoff)
{
	bpf_link__destroy(self->link);
	drain__destroy(self->skel);
}

/* Make @nodes nodes and drop what they are in. */
static void once(struct __test_metadata *_metadata, struct drain *skel, unsigned int nodes,
		 const struct bpf_program *fill, const struct bpf_program *drain)
{
	int tries = 1000;

	skel->bss->nodes = 0;
	skel->bss->samples = 0;
	skel->bss->largest = 0;
	skel->bss->longest_ns = 0;
	skel->bss->step = nodes / NR_MARKS;
	while (skel->bss->nodes < nodes && tries--) {
		skel->bss->batch = nodes - skel->bss->nodes;
		if (skel->bss->batch > 20000)
			skel->bss->batch = 20000;
		ASSERT_EQ(0, run_prog(fill));
	}
	ASSERT_EQ(nodes, skel->bss->nodes);
	ASSERT_EQ(0, run_prog(drain));
	TH_LOG("%u nodes: %u interrupts, at most %u of %u marks between two, %llu us apart",
	       nodes, skel->bss->samples, skel->bss->largest, NR_MARKS,
	       (unsigned long long)skel->bss->longest_ns / 1000);
	/* All of it was seen to go, in more than a few steps. */
	EXPECT_EQ(0, skel->bss->linked);
	EXPECT_LE(4, skel->bss->samples);
}

/*
 * None of the steps may be a good part of the whole. A host that keeps the
 * timer from firing, but not the CPU from running, may spoil an attempt: with
 * interrupts off throughout, all attempts look the same.
 */
static void check(struct __test_metadata *_metadata, struct drain *skel, unsigned int nodes,
		  const struct bpf_program *fill, const struct bpf_program *drain)
{
	int attempt;

	for (attempt = 0; attempt < 3; attempt++) {
		once(_metadata, skel, nodes, fill, drain);
		if (skel->bss->largest <= NR_MARKS / 4)
			break;
	}
	EXPECT_LE(skel->bss->largest, NR_MARKS / 4);
}

TEST_F(drain_irqoff, list)
{
	check(_metadata, self->skel, 400 * 1024, self->skel->progs.fill_list,
	      self->skel->progs.drain_list);
}

TEST_F(drain_irqoff, tree)
{
	check(_metadata, self->skel, 200 * 1024, self->skel->progs.fill_tree,
	      self->skel->progs.drain_tree);
}

TEST_HARNESS_MAIN
