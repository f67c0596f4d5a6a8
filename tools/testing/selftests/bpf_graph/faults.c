// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation fails in turn. First those that a system call makes: loading
 * BTF and programs, making maps and elements, running programs. Then those of
 * BPF's allocator when it refills what it has at hand for programs, which it
 * does in an interrupt. Each time there is a documented error, nothing is lost,
 * nothing is half linked, and afterwards all is as before.
 *
 * Wants CONFIG_FAULT_INJECTION_DEBUG_FS, CONFIG_FAILSLAB and
 * CONFIG_FAIL_PAGE_ALLOC, and skips itself without.
 */
#include <dirent.h>
#include <sys/syscall.h>
#include <bpf/btf.h>

#include "inject.h"
#include "faults.skel.h"
#include "percpu.skel.h"

#define MAX_NTH		5000
#define KERNEL_ENOTSUPP	524	/* not in errno.h; the JIT's way to say no memory */

FIXTURE(faults) {
	struct counter live;
	struct faults *skel;
	int nth;
	bool can;
};

FIXTURE_SETUP(faults)
{
	const char *missing = inject_missing();

	self->nth = -1;
	if (missing)
		SKIP(return, "%s", missing);
	self->can = true;
	ASSERT_TRUE(inject_quiet());
	self->nth = open(FAIL_NTH, O_RDWR);
	ASSERT_LE(0, self->nth);
	ASSERT_TRUE(counter_open(&self->live));
	self->skel = faults__open_and_load();
	ASSERT_NE(NULL, self->skel);
}

FIXTURE_TEARDOWN(faults)
{
	if (self->can) {
		inject_set("failslab", "ignore-gfp-wait", "Y");
		inject_set("fail_page_alloc", "ignore-gfp-wait", "Y");
		EXPECT_TRUE(inject_quiet());
		inject_set("fail_page_alloc", "min-order", "1");
		EXPECT_TRUE(inject_announce(false));
	}
	if (self->nth >= 0)
		close(self->nth);
	faults__destroy(self->skel);
	if (self->live.skel)
		EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
	live__destroy(self->live.skel);
}

/* What fails: one system call. Returns 0, a descriptor, or -errno. */
struct call {
	const char *name;
	int (*make)(struct faults *skel);
	int allowed[2];	/* besides -ENOMEM */
};

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	int ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

static int load_btf(struct faults *skel)
{
	union bpf_attr attr = {};
	__u32 size;

	attr.btf = (unsigned long)btf__raw_data(bpf_object__btf(skel->obj), &size);
	attr.btf_size = size;
	return sys_bpf(BPF_BTF_LOAD, &attr);
}

static int create(struct faults *skel, int type, int flags)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = sizeof(int),
		.value_size = bpf_map__value_size(skel->maps.worlds),
		.max_entries = 4,
		.map_flags = flags,
		.btf_fd = bpf_object__btf_fd(skel->obj),
		.btf_key_type_id = bpf_map__btf_key_type_id(skel->maps.worlds),
		.btf_value_type_id = bpf_map__btf_value_type_id(skel->maps.worlds),
	};

	return sys_bpf(BPF_MAP_CREATE, &attr);
}

static int create_array(struct faults *skel)
{
	return create(skel, BPF_MAP_TYPE_ARRAY, 0);
}

static int create_hash(struct faults *skel)
{
	return create(skel, BPF_MAP_TYPE_HASH, 0);
}

static int create_hash_no_prealloc(struct faults *skel)
{
	return create(skel, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC);
}

/* An element that is there is replaced by a new one. */
static int update(struct faults *skel)
{
	char value[256] = {};
	int key = 0;
	union bpf_attr attr = {
		.map_fd = bpf_map__fd(skel->maps.hashed),
		.key = (unsigned long)&key,
		.value = (unsigned long)value,
	};

	return sys_bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static int load(struct faults *skel)
{
	const struct bpf_program *prog = skel->progs.rotate_packet;
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (unsigned long)bpf_program__insns(prog),
		.insn_cnt = bpf_program__insn_cnt(prog),
		.license = (unsigned long)"GPL",
		.prog_btf_fd = bpf_object__btf_fd(skel->obj),
	};

	return sys_bpf(BPF_PROG_LOAD, &attr);
}

static int test_run(struct faults *skel)
{
	char packet[64] = {};
	union bpf_attr attr = {
		.test.prog_fd = bpf_program__fd(skel->progs.rotate_packet),
		.test.data_in = (unsigned long)packet,
		.test.data_size_in = sizeof(packet),
		.test.repeat = 1,
	};

	skel->bss->want = 1;
	return sys_bpf(BPF_PROG_TEST_RUN, &attr);
}

static const struct call calls[] = {
	{ .name = "BPF_BTF_LOAD", .make = load_btf },
	{ .name = "BPF_MAP_CREATE, array", .make = create_array },
	{ .name = "BPF_MAP_CREATE, hash", .make = create_hash },
	{ .name = "BPF_MAP_CREATE, hash, BPF_F_NO_PREALLOC", .make = create_hash_no_prealloc },
	{ .name = "BPF_MAP_UPDATE_ELEM", .make = update },
	/* bpf_prog_load() has no other word for a bpf_prog_alloc() that fails. */
	{ .name = "BPF_PROG_LOAD", .make = load, .allowed = { -EINVAL, -KERNEL_ENOTSUPP } },
	{ .name = "BPF_PROG_TEST_RUN", .make = test_run },
};

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

/* All that was made is in list and tree, and alive; there is nothing else. */
static void check(struct __test_metadata *_metadata, struct faults *skel, struct counter *live)
{
	int there = skel->bss->made - skel->bss->gone;

	ASSERT_EQ(0, run_prog(skel->progs.look));
	EXPECT_EQ(there, skel->bss->in_list);
	EXPECT_EQ(there, skel->bss->in_tree);
	EXPECT_EQ(0, skel->bss->broken);
	EXPECT_EQ(0, skel->bss->refused);
	EXPECT_EQ(there, counter_wait(live, there, PATIENCE_MS));
}

/* Let the first allocation of the call fail, then the second, to the last. */
static void sweep(struct __test_metadata *_metadata, const struct call *call, struct faults *skel,
		  int nth_fd, struct counter *live, bool pages)
{
	int nth, ret, left, failed = 0, files = open_files();

	for (nth = 1; nth < MAX_NTH; nth++) {
		ASSERT_LE(0, inject_nth(nth_fd, nth));
		ret = call->make(skel);
		left = inject_nth(nth_fd, 0);
		if (ret > 0)
			close(ret);
		ASSERT_LE(0, left);
		if (left)
			break;
		/* Some can be done without. */
		if (ret < 0) {
			failed++;
			EXPECT_TRUE(ret == -ENOMEM || ret == call->allowed[0] ||
				    ret == call->allowed[1])
				TH_LOG("%s, allocation %d: error %d", call->name, nth, ret);
		}
		if (call->make == test_run)
			check(_metadata, skel, live);
	}
	TH_LOG("%s: %d allocations, of which %d must not fail", call->name, nth - 1, failed);
	EXPECT_LE(0, ret);
	EXPECT_LT(nth, MAX_NTH);
	EXPECT_LT(1, nth);
	/* What kmalloc() does not have, vmalloc() may: until it gets no page. */
	if (pages)
		EXPECT_LT(0, failed);
	EXPECT_EQ(files, open_files());
	check(_metadata, skel, live);
}

static void sweep_all(struct __test_metadata *_metadata, struct faults *skel, int nth_fd,
		      struct counter *live, bool pages)
{
	unsigned int i;

	/* Something for a failing call to do harm to. */
	skel->bss->want = 8;
	ASSERT_EQ(0, run_prog(skel->progs.fill));
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		sweep(_metadata, &calls[i], skel, nth_fd, live, pages);
}

TEST_F_TIMEOUT(faults, calls_slab, 600)
{
	ASSERT_TRUE(inject_set("failslab", "ignore-gfp-wait", "N"));
	ASSERT_TRUE(inject_set("fail_page_alloc", "ignore-gfp-wait", "Y"));
	sweep_all(_metadata, self->skel, self->nth, &self->live, false);
}

TEST_F_TIMEOUT(faults, calls_slab_and_pages, 600)
{
	ASSERT_TRUE(inject_announce(true));
	ASSERT_TRUE(inject_set("failslab", "ignore-gfp-wait", "N"));
	ASSERT_TRUE(inject_set("fail_page_alloc", "ignore-gfp-wait", "N"));
	sweep_all(_metadata, self->skel, self->nth, &self->live, true);
}

#define STARVED		20	/* runs in vain */
#define BATCH		64

/*
 * Programs use up what the allocator has, and get NULL then. What they have
 * works on; so does giving back; and when there is memory again they get some.
 */
static void starve(struct __test_metadata *_metadata, struct faults *skel, struct counter *live,
		   const char *fault)
{
	int runs, vain = 0, left;
	__u32 made;

	skel->bss->want = BATCH;
	ASSERT_EQ(0, run_prog(skel->progs.fill));
	ASSERT_TRUE(inject_always(fault, true));
	for (runs = 0; vain < STARVED && runs < 2000; runs++) {
		made = skel->bss->made;
		ASSERT_EQ(0, run_prog(skel->progs.fill));
		vain = skel->bss->made == made ? vain + 1 : 0;
	}
	TH_LOG("%s: no memory after %u objects", fault, skel->bss->made);
	EXPECT_EQ(STARVED, vain);
	EXPECT_LE(STARVED * BATCH, skel->bss->no_memory);
	check(_metadata, skel, live);

	skel->bss->want = skel->bss->made;
	EXPECT_EQ(0, run_prog(skel->progs.rotate));
	check(_metadata, skel, live);
	skel->bss->want = skel->bss->made / 2;
	EXPECT_EQ(0, run_prog(skel->progs.empty));
	EXPECT_LT(0, skel->bss->gone);
	check(_metadata, skel, live);

	ASSERT_TRUE(inject_always(fault, false));
	left = 1000;
	skel->bss->want = BATCH;
	made = skel->bss->made;
	while (skel->bss->made < made + 1000 && left--)
		ASSERT_EQ(0, run_prog(skel->progs.fill));
	EXPECT_LE(made + 1000, skel->bss->made);
	check(_metadata, skel, live);
}

TEST_F_TIMEOUT(faults, refill_slab, 600)
{
	starve(_metadata, self->skel, &self->live, "failslab");
}

TEST_F_TIMEOUT(faults, refill_pages, 600)
{
	ASSERT_TRUE(inject_announce(true));
	starve(_metadata, self->skel, &self->live, "fail_page_alloc");
}

/* Fill slots until there is no memory for any more of them, or no more of them. */
static bool percpu_starve(struct percpu *skel)
{
	int runs, vain = 0;
	__u32 made;

	skel->bss->keep = true;
	for (runs = 0; vain < STARVED && runs < 2000; runs++) {
		made = skel->bss->made;
		if (run_prog(skel->progs.fill))
			return false;
		vain = skel->bss->made == made ? vain + 1 : 0;
	}
	return vain == STARVED;
}

/*
 * Per-CPU objects have an allocator of their own. It has one or two at hand, and
 * what others have given back: those go into maps first.
 */
TEST_F_TIMEOUT(faults, refill_percpu, 600)
{
	struct percpu *maps[8], *skel;
	int n, left = 1000;
	__u32 made;

	for (n = 0; n < ARRAY_SIZE(maps); n++) {
		maps[n] = percpu__open_and_load();
		ASSERT_NE(NULL, maps[n]);
	}
	ASSERT_TRUE(inject_always("failslab", true));
	for (n = 0; n < ARRAY_SIZE(maps); n++) {
		skel = maps[n];
		ASSERT_TRUE(percpu_starve(skel));
		if (skel->bss->made < ARRAY_SIZE(skel->bss->sums))
			break;
	}
	TH_LOG("no memory after %d full maps and %u objects", n, skel->bss->made);
	ASSERT_LT(n, ARRAY_SIZE(maps));
	/* What there is can be used and given back. */
	EXPECT_EQ(0, run_prog(skel->progs.add));
	EXPECT_EQ(0, run_prog(skel->progs.drop));
	EXPECT_EQ(skel->bss->made, skel->bss->dropped);

	ASSERT_TRUE(inject_always("failslab", false));
	made = skel->bss->made;
	while (skel->bss->made < made + ARRAY_SIZE(skel->bss->sums) && left--)
		ASSERT_EQ(0, run_prog(skel->progs.fill));
	EXPECT_EQ(made + ARRAY_SIZE(skel->bss->sums), skel->bss->made);
	EXPECT_EQ(0, run_prog(skel->progs.drop));
	EXPECT_EQ(skel->bss->made, skel->bss->dropped);
	for (n = 0; n < ARRAY_SIZE(maps); n++)
		percpu__destroy(maps[n]);
}

TEST_HARNESS_MAIN
