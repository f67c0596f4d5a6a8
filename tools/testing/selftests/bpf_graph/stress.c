// SPDX-License-Identifier: GPL-2.0
/*
 * Threads add, remove, move, acquire and drop the same nodes through two lists
 * and two trees under two locks, from BPF programs; in "worlds_go" while the
 * map values with those lists and trees are deleted and made again. Afterwards
 * every link, ownership word and reference count is looked at, and the number
 * of objects.
 *
 * OPS= operations for each test, instead of three seconds.
 */
#include "shared.h"
#include "stress_res.skel.h"
#include "stress_spin.skel.h"

#define THREADS		6
#define RUN_MS		3000

FIXTURE(stress) {
	struct counter live;
	struct stress_spin *spin;
	struct stress_res *res;
	struct shared sh;
	struct worker workers[THREADS];
	bool stop;
};

FIXTURE_VARIANT(stress) {
	bool res;
};

FIXTURE_VARIANT_ADD(stress, spin) { .res = false };
FIXTURE_VARIANT_ADD(stress, res) { .res = true };

FIXTURE_SETUP(stress)
{
	int i;

	if (variant->res && getenv("BPF_GRAPH_STOCK"))
		SKIP(return, "roots of bpf_res_spin_lock are not freed: see res_lock_free");
	ASSERT_TRUE(counter_open(&self->live));
	if (variant->res) {
		self->res = stress_res__open_and_load();
		ASSERT_NE(NULL, self->res);
		SHARED_USE(&self->sh, self->res);
	} else {
		self->spin = stress_spin__open_and_load();
		ASSERT_NE(NULL, self->spin);
		SHARED_USE(&self->sh, self->spin);
	}
	for (i = 0; i < WORLDS; i++)
		ASSERT_EQ(0, world_replace(&self->sh, i));
	for (i = 0; i < THREADS; i++)
		self->sh.seeds[i] = i + 1;
}

/* Whatever was left in worlds and slots goes with the maps. */
FIXTURE_TEARDOWN(stress)
{
	stress_spin__destroy(self->spin);
	stress_res__destroy(self->res);
	if (self->live.skel)
		EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
	live__destroy(self->live.skel);
}

static void start(struct __test_metadata *_metadata, struct shared *sh, struct worker *workers,
		  bool *stop)
{
	int i;

	*stop = false;
	for (i = 0; i < THREADS; i++)
		ASSERT_TRUE(worker_start(&workers[i], sh->stress, i, stop));
}

static void join(struct __test_metadata *_metadata, struct worker *workers, bool *stop)
{
	int i;

	__atomic_store_n(stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++)
		EXPECT_EQ(0, worker_join(&workers[i]));
}

/* Is there still something to do? */
static bool go_on(const struct shared *sh, long long since)
{
	unsigned long long ops = wanted_ops();

	return ops ? shared_all_ops(sh) < ops : now_ms() - since < RUN_MS;
}

/* Everything that is there is right, and nothing else is. */
static void check(struct __test_metadata *_metadata, struct shared *sh, struct counter *live,
		  struct census **census)
{
	struct census *c = shared_census(sh);

	ASSERT_NE(NULL, c);
	EXPECT_EQ(0, c->wrong);
	EXPECT_EQ(c->nr, counter_wait(live, c->nr, PATIENCE_MS));
	TH_LOG("%llu operations; %u nodes: %u in lists, %u in trees",
	       shared_all_ops(sh), c->nr, c->nr_listed, c->nr_treed);
	*census = c;
}

/* Insertions less removals: what must still be in the lists, or the trees. */
static unsigned long long lists_hold(const struct shared *sh)
{
	return shared_ops(sh, S_ADD, END_DONE) + shared_ops(sh, S_ADD_AFTER, END_DONE) -
	       shared_ops(sh, S_DEL, END_DONE) - shared_ops(sh, S_POP, END_DONE) -
	       shared_ops(sh, S_MOVE, END_REFUSED);
}

static unsigned long long trees_hold(const struct shared *sh)
{
	return shared_ops(sh, S_RB_ADD, END_DONE) - shared_ops(sh, S_RB_REMOVE, END_DONE) -
	       shared_ops(sh, S_RB_POP, END_DONE) - shared_ops(sh, S_RB_MOVE, END_REFUSED);
}

TEST_F_TIMEOUT(stress, two_worlds, 3600)
{
	static const int refusing[] = { S_ADD, S_ADD_AFTER, S_DEL, S_RB_ADD, S_RB_REMOVE };
	struct shared *sh = &self->sh;
	long long since = now_ms();
	struct census *c;
	int i, op;

	start(_metadata, sh, self->workers, &self->stop);
	while (go_on(sh, since))
		sleep_ms(20);
	join(_metadata, self->workers, &self->stop);

	shared_log(sh);
	check(_metadata, sh, &self->live, &c);
	EXPECT_EQ(0, shared_wrong(sh));
	EXPECT_EQ(lists_hold(sh), c->nr_listed);
	EXPECT_EQ(trees_hold(sh), c->nr_treed);
	/* It was a test of everything. */
	for (op = 0; op < NR_STRESS_OPS; op++)
		EXPECT_LT(0, shared_ops(sh, op, END_DONE)) TH_LOG("operation %d", op);
	for (i = 0; i < ARRAY_SIZE(refusing); i++)
		EXPECT_LT(0, shared_ops(sh, refusing[i], END_REFUSED))
			TH_LOG("operation %d", refusing[i]);

	/* Without the slots, nodes are left that lists and trees have. */
	EXPECT_EQ(0, run_as(sh->forget_all, 0, 1));
	free(c);
	check(_metadata, sh, &self->live, &c);
	free(c);
}

TEST_F_TIMEOUT(stress, worlds_go, 3600)
{
	unsigned int gone = 0, remade = 0, seed = 1;
	struct shared *sh = &self->sh;
	long long since = now_ms();
	struct census *c;
	int i, which;

	start(_metadata, sh, self->workers, &self->stop);
	while (go_on(sh, since)) {
		which = seed++ % WORLDS;
		sleep_ms(seed % 5);
		if (seed % 3) {
			ASSERT_EQ(0, world_remake(sh, which));
			remade++;
			continue;
		}
		if (seed % 2)
			ASSERT_EQ(0, world_delete(sh, which));
		sleep_ms(seed % 4);
		ASSERT_EQ(0, world_replace(sh, which));
		gone++;
	}
	join(_metadata, self->workers, &self->stop);
	TH_LOG("%u worlds deleted with their map, %u by themselves", gone, remade);
	EXPECT_LT(0, gone);
	EXPECT_LT(0, remade);
	EXPECT_EQ(0, shared_wrong(sh));

	/* When all that there was is drained, the slots' nodes are left: free. */
	for (i = 0; i < WORLDS; i++)
		ASSERT_EQ(0, world_replace(sh, i));
	sh->walk->what = WALK_SLOTS;
	ASSERT_EQ(0, run_as(sh->walk_all, 0, 1));
	EXPECT_EQ(sh->walk->nr, counter_wait(&self->live, sh->walk->nr, PATIENCE_MS));
	check(_metadata, sh, &self->live, &c);
	EXPECT_EQ(0, c->nr_listed);
	EXPECT_EQ(0, c->nr_treed);
	free(c);
	EXPECT_EQ(0, run_as(sh->forget_all, 0, 1));
	EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
}

TEST_HARNESS_MAIN
