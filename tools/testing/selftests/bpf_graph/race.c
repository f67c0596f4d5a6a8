// SPDX-License-Identifier: GPL-2.0
/*
 * The three interleavings of the 2022 discussion of shared ownership, on two
 * CPUs at the same time:
 *
 *   add_remove		a node added to one list while it is removed from another
 *   add_add		a node added to two lists
 *   remove_remove	a node removed twice
 *
 * each with lists and with trees, and with both locks. After each round all
 * words of the node and of the roots are looked at (progs/race.bpf.h). A test
 * goes on until each side has won and lost, and the sides were seen inside at
 * the same time; that they never were is a failure.
 *
 * OPS= rounds for each, instead of a second.
 */
#include "threads.h"
#include "race.h"
#include "race_res.skel.h"
#include "race_spin.skel.h"

#define SECOND		1000
#define LIMIT_MS	60000	/* for all to be seen */
#define ROUNDS		50	/* in one run of the program */

struct race {
	struct race_spin *spin;
	struct race_res *res;
	struct race_result *result;
	__u32 *kind, *tree, *rounds, *seeds;
	int prepare, race;
};

/* Point @r into the skeleton @s. */
#define RACE_USE(r, s)							\
do {									\
	(r)->result = (struct race_result *)&(s)->bss->result;		\
	(r)->kind = &(s)->bss->kind;					\
	(r)->tree = &(s)->bss->tree;					\
	(r)->rounds = &(s)->bss->rounds;				\
	(r)->seeds = (s)->bss->seeds;					\
	(r)->prepare = bpf_program__fd((s)->progs.prepare);		\
	(r)->race = bpf_program__fd((s)->progs.race);			\
} while (0)

static bool race_open(struct race *r, bool res)
{
	if (res) {
		r->res = race_res__open_and_load();
		if (r->res)
			RACE_USE(r, r->res);
		return r->res;
	}
	r->spin = race_spin__open_and_load();
	if (r->spin)
		RACE_USE(r, r->spin);
	return r->spin;
}

FIXTURE(race) {
	struct counter live;
	struct race r;
};

FIXTURE_VARIANT(race) {
	bool res, tree;
};

FIXTURE_VARIANT_ADD(race, spin_list) { .res = false, .tree = false };
FIXTURE_VARIANT_ADD(race, spin_tree) { .res = false, .tree = true };
FIXTURE_VARIANT_ADD(race, res_list) { .res = true, .tree = false };
FIXTURE_VARIANT_ADD(race, res_tree) { .res = true, .tree = true };

FIXTURE_SETUP(race)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	ASSERT_TRUE(counter_open(&self->live));
	ASSERT_TRUE(race_open(&self->r, variant->res));
}

FIXTURE_TEARDOWN(race)
{
	race_spin__destroy(self->r.spin);
	race_res__destroy(self->r.res);
	if (self->live.skel)
		EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
	live__destroy(self->live.skel);
}

/* Side 1 is a thread of its own on CPU 1: once per run of side 0. */
struct side {
	struct race *race;
	pthread_barrier_t begin, end;
	bool stop;
	int err;
};

static void *side_main(void *arg)
{
	struct side *s = arg;

	if (!on_cpu(1))
		s->err = -EINVAL;
	for (;;) {
		pthread_barrier_wait(&s->begin);
		if (s->stop)
			return NULL;
		s->err = run_as(s->race->race, 1, 1) ?: s->err;
		pthread_barrier_wait(&s->end);
	}
}

/* Has everything been seen that this kind of race can show? */
static bool all_seen(const struct race_result *res, enum race_kind kind)
{
	return res->overlaps && res->won[0] && res->lost[0] &&
	       (kind == RACE_ADD_REMOVE || (res->won[1] && res->lost[1]));
}

static void run_race(struct __test_metadata *_metadata, struct race *r, struct counter *live,
		     enum race_kind kind, bool tree)
{
	unsigned long long ops = wanted_ops();
	struct side side = { .race = r };
	long long spent, start;
	struct race_result res;
	pthread_t thread;
	int err = 0;

	*r->kind = kind;
	*r->tree = tree;
	*r->rounds = ROUNDS;
	r->seeds[0] = 1;
	r->seeds[1] = 2;
	pthread_barrier_init(&side.begin, NULL, 2);
	pthread_barrier_init(&side.end, NULL, 2);
	ASSERT_TRUE(on_cpu(0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, side_main, &side));
	start = now_ms();
	do {
		err = run_as(r->prepare, 0, 1) ?: err;
		pthread_barrier_wait(&side.begin);
		err = run_as(r->race, 0, 1) ?: err;
		pthread_barrier_wait(&side.end);
		spent = now_ms() - start;
	} while (!err && !side.err && !r->result->wrong &&
		 ((ops ? r->result->rounds < ops : spent < SECOND) ||
		  (!all_seen(r->result, kind) && spent < LIMIT_MS)));
	side.stop = true;
	pthread_barrier_wait(&side.begin);
	pthread_join(thread, NULL);

	res = *r->result;
	TH_LOG("%u rounds, %u overlapped; side 0 won %u, lost %u; 1 won %u, lost %u; %u missed",
	       res.rounds, res.overlaps, res.won[0], res.lost[0], res.won[1], res.lost[1],
	       res.missed);
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, side.err);
	EXPECT_EQ(0, res.wrong) TH_LOG("the first: progs/race.bpf.h, line %u", res.why);
	EXPECT_TRUE(all_seen(&res, kind));
	/* The slot has the only node that there is. */
	EXPECT_EQ(1, counter_wait(live, 1, PATIENCE_MS));
}

TEST_F_TIMEOUT(race, add_remove, 3600)
{
	run_race(_metadata, &self->r, &self->live, RACE_ADD_REMOVE, variant->tree);
}

TEST_F_TIMEOUT(race, add_add, 3600)
{
	run_race(_metadata, &self->r, &self->live, RACE_ADD_ADD, variant->tree);
}

TEST_F_TIMEOUT(race, remove_remove, 3600)
{
	run_race(_metadata, &self->r, &self->live, RACE_REMOVE_REMOVE, variant->tree);
}

TEST_HARNESS_MAIN
