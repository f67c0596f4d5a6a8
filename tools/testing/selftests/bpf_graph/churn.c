// SPDX-License-Identifier: GPL-2.0
/*
 * What goes on around running programs: others are loaded and unloaded, maps
 * are made and freed with full lists and trees in them, CPUs go and come, and
 * the implementation is switched. The programs that run are those of
 * progs/stress.bpf.h, and what they leave is looked at as in stress.c.
 *
 * OPS= operations for each test, instead of two seconds.
 */
#include "shared.h"
#include "targets.h"
#include "churn_res.skel.h"
#include "churn_spin.skel.h"
#include "nested.skel.h"
#include "owned_res.skel.h"
#include "owned_spin.skel.h"

#define THREADS		4
#define RUN_MS		2000
#define CPU_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/* Called before a program of section graph_c or graph_rust is loaded. */
static int choose(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long name)
{
	/* A kernel without the switch has one implementation only. */
	if (access(IMPL_SYSCTL, F_OK))
		return 0;
	return impl_set((const char *)name);
}

static bool choose_by_section(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, c,
		    .cookie = (long)"c", .prog_prepare_load_fn = choose);
	LIBBPF_OPTS(libbpf_prog_handler_opts, rust,
		    .cookie = (long)"rust", .prog_prepare_load_fn = choose);

	return libbpf_register_prog_handler("graph_c", BPF_PROG_TYPE_SCHED_CLS, 0, &c) > 0 &&
	       libbpf_register_prog_handler("graph_rust", BPF_PROG_TYPE_SCHED_CLS, 0, &rust) > 0;
}

FIXTURE(churn) {
	struct counter live;
	struct churn_spin *spin;
	struct churn_res *res;
	struct shared sh;
	int rust, c;		/* the same program by either implementation */
	struct worker workers[THREADS];
	bool stop;
};

FIXTURE_VARIANT(churn) {
	bool res;
};

FIXTURE_VARIANT_ADD(churn, spin) { .res = false };
FIXTURE_VARIANT_ADD(churn, res) { .res = true };

FIXTURE_SETUP(churn)
{
	int i;

	ASSERT_TRUE(choose_by_section());
	ASSERT_TRUE(counter_open(&self->live));
	if (variant->res) {
		self->res = churn_res__open_and_load();
		ASSERT_NE(NULL, self->res);
		SHARED_USE(&self->sh, self->res);
		self->rust = bpf_program__fd(self->res->progs.stress_rust);
		self->c = bpf_program__fd(self->res->progs.stress_c);
	} else {
		self->spin = churn_spin__open_and_load();
		ASSERT_NE(NULL, self->spin);
		SHARED_USE(&self->sh, self->spin);
		self->rust = bpf_program__fd(self->spin->progs.stress_rust);
		self->c = bpf_program__fd(self->spin->progs.stress_c);
	}
	if (!access(IMPL_SYSCTL, F_OK))
		ASSERT_EQ(0, impl_set("rust"));
	for (i = 0; i < WORLDS; i++)
		ASSERT_EQ(0, world_replace(&self->sh, i));
	for (i = 0; i < THREADS; i++)
		self->sh.seeds[i] = i + 1;
}

/* Returns 0 or -errno. */
static int cpu_online(bool on)
{
	int fd = open(CPU_ONLINE, O_WRONLY), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, on ? "1" : "0", 1) != 1)
		ret = -errno;
	close(fd);
	return ret;
}

FIXTURE_TEARDOWN(churn)
{
	if (!access(CPU_ONLINE, W_OK))
		cpu_online(true);
	/* Also where a test ended early: C does not free all that there is. */
	if (!access(IMPL_SYSCTL, F_OK))
		EXPECT_EQ(0, impl_set("rust"));
	churn_spin__destroy(self->spin);
	churn_res__destroy(self->res);
	if (self->live.skel)
		EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
	live__destroy(self->live.skel);
}

/* The threads take turns at the two programs. */
static void start(struct __test_metadata *_metadata, struct worker *workers, bool *stop, int even,
		  int odd)
{
	int i;

	*stop = false;
	for (i = 0; i < THREADS; i++)
		ASSERT_TRUE(worker_start(&workers[i], i % 2 ? odd : even, i, stop));
}

static bool go_on(const struct shared *sh, long long since)
{
	unsigned long long ops = wanted_ops();

	return ops ? shared_all_ops(sh) < ops : now_ms() - since < RUN_MS;
}

/* The threads end; what they leave must be right, and the only objects. */
static void finish(struct __test_metadata *_metadata, struct shared *sh, struct counter *live,
		   struct worker *workers, bool *stop)
{
	struct census *c;
	int i;

	__atomic_store_n(stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++)
		EXPECT_EQ(0, worker_join(&workers[i]));
	c = shared_census(sh);
	ASSERT_NE(NULL, c);
	TH_LOG("%llu operations; %u nodes: %u in lists, %u in trees",
	       shared_all_ops(sh), c->nr, c->nr_listed, c->nr_treed);
	EXPECT_EQ(0, c->wrong);
	EXPECT_EQ(0, shared_wrong(sh));
	EXPECT_LT(0, shared_all_ops(sh));
	EXPECT_EQ(c->nr, counter_wait(live, c->nr, PATIENCE_MS));
	free(c);
}

static bool run_named(struct bpf_object *obj, const char *name)
{
	return !run_prog(bpf_object__find_program_by_name(obj, name));
}

/* Lists and trees in array and hash elements and in an object that a map keeps. */
static bool fill_and_free(struct bpf_object *obj, __u32 *want, __u32 *made, int in_hash)
{
	char value[256] = {};
	int key = 0;

	*want = 100;
	*made = 0;
	return !bpf_map_update_elem(in_hash, &key, value, BPF_ANY) &&
	       run_named(obj, "array_list") && run_named(obj, "array_tree") &&
	       run_named(obj, "hash_list") && run_named(obj, "hash_tree") &&
	       run_named(obj, "object_stash") && *made;
}

static bool owned_spin_once(void)
{
	struct owned_spin *s = owned_spin__open_and_load();
	bool ok;

	ok = s && fill_and_free(s->obj, &s->bss->want, &s->bss->made,
				bpf_map__fd(s->maps.in_hash));
	owned_spin__destroy(s);
	return ok;
}

static bool owned_res_once(void)
{
	struct owned_res *s = owned_res__open_and_load();
	bool ok;

	ok = s && fill_and_free(s->obj, &s->bss->want, &s->bss->made,
				bpf_map__fd(s->maps.in_hash));
	owned_res__destroy(s);
	return ok;
}

/* Three levels of roots in objects. */
static bool nested_once(void)
{
	struct nested *s = nested__open_and_load();
	int i;
	bool ok = s;

	for (i = 0; ok && i < 4; i++)
		ok = !run_prog(s->progs.add_shelf);
	ok = ok && s->bss->made;
	nested__destroy(s);
	return ok;
}

TEST_F_TIMEOUT(churn, load_and_free, 3600)
{
	struct shared *sh = &self->sh;
	long long since;
	int rounds = 0;

	start(_metadata, self->workers, &self->stop, sh->stress, sh->stress);
	since = now_ms();
	do {
		ASSERT_TRUE(owned_spin_once());
		ASSERT_TRUE(owned_res_once());
		ASSERT_TRUE(nested_once());
		rounds++;
	} while (rounds < 2 || go_on(sh, since));
	TH_LOG("%d times 3 objects loaded, filled, and unloaded", rounds);
	finish(_metadata, sh, &self->live, self->workers, &self->stop);
}

TEST_F_TIMEOUT(churn, cpus_go, 3600)
{
	struct shared *sh = &self->sh;
	long long since;
	int rounds = 0;

	if (access(CPU_ONLINE, W_OK))
		SKIP(return, "no " CPU_ONLINE ": one CPU, or no CONFIG_HOTPLUG_CPU");
	start(_metadata, self->workers, &self->stop, sh->stress, sh->stress);
	since = now_ms();
	do {
		ASSERT_EQ(0, cpu_online(false));
		sleep_ms(50);
		ASSERT_EQ(0, cpu_online(true));
		sleep_ms(50);
		rounds++;
	} while (go_on(sh, since));
	TH_LOG("CPU 1 went and came %d times", rounds);
	finish(_metadata, sh, &self->live, self->workers, &self->stop);
}

/*
 * Programs of both implementations at work on the same lists and trees: they
 * have one protocol. Where the lock is bpf_spin_lock the switch is thrown all
 * the time as well, so that objects with roots are freed by either. C does not
 * free those of bpf_res_spin_lock.
 */
TEST_F_TIMEOUT(churn, both_impls, 3600)
{
	struct shared *sh = &self->sh;
	struct targets in_rust, in_c;
	struct symbols syms;
	long long since;
	int thrown = 0;

	if (access(IMPL_SYSCTL, F_OK))
		SKIP(return, "no kernel.bpf_graph_impl: kernel built without CONFIG_BPF_GRAPH_AB");
	ASSERT_TRUE(symbols_read(&syms));
	ASSERT_TRUE(targets_read(&in_rust, self->rust, &syms));
	ASSERT_TRUE(targets_read(&in_c, self->c, &syms));
	EXPECT_TRUE(targets_has(&in_rust, symbols_find(&syms, "bpf_rbtree_remove")));
	EXPECT_FALSE(targets_has(&in_rust, symbols_find(&syms, "bpf_graph_c_bpf_rbtree_remove")));
	EXPECT_FALSE(targets_has(&in_c, symbols_find(&syms, "bpf_rbtree_remove")));
	EXPECT_TRUE(targets_has(&in_c, symbols_find(&syms, "bpf_graph_c_bpf_rbtree_remove")));
	free(syms.tab);

	start(_metadata, self->workers, &self->stop, self->rust, self->c);
	since = now_ms();
	do {
		if (!variant->res)
			ASSERT_EQ(0, impl_set(thrown++ % 2 ? "rust" : "c"));
		sleep_ms(2);
	} while (go_on(sh, since));
	ASSERT_EQ(0, impl_set("rust"));
	TH_LOG("switch thrown %d times", thrown);
	finish(_metadata, sh, &self->live, self->workers, &self->stop);
	/* Half of it by each. */
	EXPECT_LT(0, self->workers[0].runs);
	EXPECT_LT(0, self->workers[1].runs);
}

TEST_HARNESS_MAIN
