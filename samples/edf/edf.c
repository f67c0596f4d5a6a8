// SPDX-License-Identifier: GPL-2.0
/*
 * edf: watch the queue of edf.bpf.c, or compare it with a model.
 *
 *   edf			show what it is for
 *   edf --test [FILE]	random steps here and there; KTAP to FILE
 */
#include "../check.h"
#include "edf.h"
#include "edf.skel.h"

#define STEPS	5000	/* of the test, */
#define DUE	32	/* with so many deadlines */
#define IDS	8	/* and ids: few, so that the same are met again */
#define TICKS	2000

#define RUN(prog, ctx)	run(edf->progs.prog, ctx, sizeof(*(ctx)))

static struct edf *edf;
static __u32 seed = 1;

/* The model: jobs in no order, so that there is none to keep. */
static struct job jobs[DUE * IDS];
static int nr;

static bool before(struct job a, struct job b)
{
	return a.deadline != b.deadline ? a.deadline < b.deadline : a.id < b.id;
}

/* The first that is not before @job. */
static struct job *first_from(struct job job)
{
	struct job *best = NULL, *j;

	for (j = jobs; j < jobs + nr; j++)
		if (!before(*j, job) && (!best || before(*j, *best)))
			best = j;
	return best;
}

static struct job *find(struct job job)
{
	struct job *j = first_from(job);

	return j && !before(job, *j) ? j : NULL;
}

enum { SUBMIT, NEXT, CHANGE, TAKE };

/* One step, by the programs and by the model. Do they agree? */
static bool step(int what, struct job job, __u64 deadline)
{
	struct job got = job, want = job, then = { deadline, job.id }, *j;
	struct change change = { job, deadline };
	int ret, expected = 0;

	switch (what) {
	case SUBMIT:
		ret = RUN(submit, &got);
		if (find(job))
			expected = -EEXIST;
		else
			jobs[nr++] = job;
		break;
	case CHANGE:
		ret = RUN(change, &change);
		j = find(job);
		expected = !j ? -ENOENT : find(then) ? -EEXIST : 0;
		if (!expected)
			*j = then;
		break;
	default:
		ret = what == NEXT ? RUN(next, &got) : RUN(take, &got);
		j = first_from(what == NEXT ? job : (struct job){});
		if (j)
			want = *j;
		else
			expected = -ENOENT;
		if (j && what == TAKE)
			*j = jobs[--nr];
	}
	if (ret == expected && !before(got, want) && !before(want, got))
		return true;
	fprintf(stderr, "edf: %d: %d, job %llu at %llu; in the model: %d, job %llu at %llu\n",
		what, ret, got.id, got.deadline, expected, want.id, want.deadline);
	return false;
}

static int test(const char *path)
{
	const int mix[] = { SUBMIT, SUBMIT, NEXT, CHANGE, CHANGE, TAKE };
	struct checks checks = {};
	int i, left, agreed = 0;

	/* After a difference the two are not at the same point any more. */
	for (i = 0; i < STEPS && agreed == i; i++) {
		struct job job = { rnd(&seed, DUE), rnd(&seed, IDS) };
		int what = mix[rnd(&seed, 6)];

		/* Mostly, a job that is there. */
		if (what == CHANGE && nr && rnd(&seed, 8))
			job = jobs[rnd(&seed, nr)];
		agreed += step(what, job, rnd(&seed, DUE));
	}
	check(&checks, agreed == STEPS, "random steps end as in the model");
	left = nr;
	for (i = 0, agreed = 0; i < left; i++)
		agreed += step(TAKE, (struct job){}, 0);
	check(&checks, left && agreed == left, "the rest is taken in order");
	check(&checks, step(TAKE, (struct job){}, 0), "then the queue is empty");
	check(&checks, edf->bss->made && edf->bss->made == edf->bss->dropped,
	      "as many objects were dropped as made");
	return report(&checks, path);
}

/* Each search begins behind what the one before has found. */
static void print_queue(const char *what)
{
	struct job job = {};

	printf("%-28s", what);
	for (; !RUN(next, &job); job.id++)
		printf("%4llu at %-4llu", job.id, job.deadline);
	printf("\n");
}

/*
 * Jobs come in bursts, and one is done in each tick. How many are late if the
 * queue says which, and how many if they are done as they came?
 */
static void compete(void)
{
	static __u64 came[TICKS * 8];
	int head = 0, tail = 0, late = 0, late_fifo = 0, burst;
	struct job job;
	__u64 now;

	for (now = 1; now <= TICKS || head < tail; now++) {
		burst = now <= TICKS && !rnd(&seed, 8) ? 5 : 0;
		while (burst--) {
			job = (struct job){ now + 5 + rnd(&seed, 60), tail };
			came[tail++] = job.deadline;
			RUN(submit, &job);
		}
		late += !RUN(take, &job) && job.deadline < now;
		if (head < tail)
			late_fifo += came[head++] < now;
	}
	printf("%d jobs in bursts: %d late by deadline, %d late as they came\n",
	       tail, late, late_fifo);
}

static int show(void)
{
	struct change sooner = { { 90, 5 }, 10 }, later = { { 15, 2 }, 60 };
	struct job some[] = { { 40, 1 }, { 15, 2 }, { 70, 3 }, { 15, 4 }, { 90, 5 } };
	struct job job = { .deadline = 50 };
	int i;

	for (i = 0; i < 5; i++)
		RUN(submit, &some[i]);
	print_queue("queue: job at deadline");
	RUN(next, &job);
	printf("%-28s%4llu at %llu\n", "first at or after 50", job.id, job.deadline);
	RUN(change, &sooner);
	print_queue("job 5 shortened to 10");
	RUN(change, &later);
	print_queue("job 2 extended to 60");
	RUN(take, &job);
	print_queue("the earliest is taken");
	while (!RUN(take, &job))
		;
	compete();
	printf("%llu objects made, %llu dropped\n", edf->bss->made, edf->bss->dropped);
	return edf->bss->made != edf->bss->dropped;
}

int main(int argc, char **argv)
{
	bool testing = argc > 1 && !strcmp(argv[1], "--test");

	if (argc > 3 || (argc > 1 && !testing)) {
		fprintf(stderr, "usage: edf [--test [FILE]]\n");
		return 2;
	}
	edf = edf__open_and_load();
	return !edf ? 2 : testing ? test(argv[2]) : show();
}
