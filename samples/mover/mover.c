// SPDX-License-Identifier: GPL-2.0
/*
 * mover: watch the queues of mover.bpf.c, and compare them with a model.
 *
 *   mover			show how much is where
 *   mover --test [FILE]	and write KTAP to FILE
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../check.h"
#include "mover.h"
#include "mover.skel.h"

#define ITEMS	150	/* with the ids 1 to ITEMS */
#define LOOKS	20000	/* at both queues, while threads move */
#define STEPS	5000	/* at random */

#define RUN(prog, ctx)	run(mover->progs.prog, ctx, sizeof(*(ctx)))

static struct mover *mover;
static const char * const names[] = { "mover-left", "mover-right" };
static __u64 cgroups[2];	/* their ids, */
static int cgroup2;		/* and the folder they are in */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mover: %s: %s. Run it as root, outside of containers, with %s\n",
		what, strerror(errno), "CONFIG_CGROUPS");
	exit(2);
}

static void make_cgroups(void)
{
	struct statfs fs;
	struct stat st;
	int i;

	cgroup2 = open("/sys/fs/cgroup", O_RDONLY);
	if (cgroup2 < 0 || fstatfs(cgroup2, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		/* Mount it where nobody else sees it. */
		i = fsopen("cgroup2", 0);
		must(!fsconfig(i, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "cannot mount cgroup2");
		cgroup2 = fsmount(i, 0, 0);
	}
	for (i = 0; i < 2; i++) {
		must((!mkdirat(cgroup2, names[i], 0755) || errno == EEXIST) &&
		     !fstatat(cgroup2, names[i], &st, 0), "cannot make cgroups");
		cgroups[i] = st.st_ino;
	}
}

/* From now on this process is in that cgroup. */
static void enter(const char *cgroup)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = openat(cgroup2, path, O_WRONLY);
	must(fd >= 0 && write(fd, "0", 1) == 1, path);
	close(fd);
}

/* It is in cgroup @q: is that where the work goes? */
static bool enqueue(int q, __u64 id)
{
	struct work work = { .id = id };

	return !RUN(enqueue, &work) && work.cgroup == cgroups[q];
}

/* A process in each enqueues, two thirds and one third. */
static bool fill(void)
{
	int q, id, status, failed = 0;

	for (q = 0; q < 2; q++) {
		if (fork())
			continue;
		enter(names[q]);
		for (id = 1; id <= ITEMS; id++)
			failed |= (id > ITEMS / 3 * 2) == q && !enqueue(q, id);
		_exit(failed);
	}
	while (wait(&status) > 0)
		failed |= status;
	return !failed;
}

static int wrong;

/* Is each item in one of the queues, once? */
static void look(const char *what)
{
	struct total t = { cgroups[0], cgroups[1] };
	bool ok = !RUN(total, &t) && t.found[0] + t.found[1] == ITEMS &&
		  t.ids == ITEMS * (ITEMS + 1) / 2;

	if (what)
		printf("%-32s%8llu%8llu%8s\n", what, t.found[0], t.found[1], ok ? "yes" : "NO");
	wrong += !ok;
}

static bool stop;
static __u64 moved[2];

/* Move the one way; another thread, the other. */
static void *thread(void *arg)
{
	long from = (long)arg;
	__u32 seed = from + 1;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct move move = { cgroups[from], cgroups[!from], rnd(&seed, 8) };

		RUN(migrate, &move);
		moved[from] += move.moved;
		sched_yield();
	}
	return NULL;
}

static void compete(void)
{
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, thread, (void *)(long)i))
			exit(2);
	for (i = 0; i < LOOKS; i++)
		look(NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* The model: the ids in each queue, moved along one by one. */
static __u64 model[2][STEPS];
static int nr[2];

static __u64 pop(int q)
{
	__u64 id = model[q][0];

	memmove(model[q], model[q] + 1, --nr[q] * sizeof(id));
	return id;
}

static bool take(int q)
{
	struct work work = { cgroups[q] };
	int ret = RUN(take, &work);

	return nr[q] ? !ret && work.id == pop(q) : ret == -ENOENT;
}

/* A random step, by the programs and by the model. Do they agree? */
static bool step(__u64 id)
{
	static __u32 seed = 1;
	static int here;
	int what = rnd(&seed, 5), q = rnd(&seed, 2), to = rnd(&seed, 2), n, i;
	struct move move = { cgroups[q], cgroups[to], rnd(&seed, 8) ?: ALL };

	if (id == 1 || !rnd(&seed, 64))
		enter(names[here = q]);
	if (what < 2)
		return enqueue(here, model[here][nr[here]++] = id);
	if (what == 2)
		return take(q);
	n = move.most < nr[q] ? move.most : nr[q];
	for (i = 0; i < n; i++) {
		id = pop(q);
		model[to][nr[to]++] = id;
	}
	return !RUN(migrate, &move) && move.moved == n;
}

int main(int argc, char **argv)
{
	int i, agreed = 0, items = 0;
	struct checks checks = {};
	struct move some, all;
	bool ok;

	if (argc > 3 || (argc > 1 && strcmp(argv[1], "--test"))) {
		fprintf(stderr, "usage: mover [--test [FILE]]\n");
		return 2;
	}
	mover = mover__open_and_load();
	if (!mover)
		return 2;
	make_cgroups();
	some = (struct move){ cgroups[0], cgroups[1], 30 };
	all = (struct move){ cgroups[1], cgroups[0], ALL };

	check(&checks, fill(), "processes enqueue to their own cgroup");
	printf("%-32s%8s%8s%8s\n", "", "LEFT", "RIGHT", "ALL");
	look("a process in each enqueues");
	RUN(migrate, &some);
	look("30 go to the right");
	RUN(migrate, &all);
	look("all that are there go left");
	compete();
	look("two threads moved, both ways");
	printf("%llu went right, %llu left; of %d looks meanwhile %d were wrong\n",
	       moved[0], moved[1], LOOKS, wrong);
	check(&checks, moved[0] && moved[1], "two threads move both ways");
	check(&checks, !wrong, "under both locks each item is there once");
	for (i = 0; i < 2; i++)
		for (struct work work = { cgroups[i] }; !RUN(take, &work); )
			items++;
	check(&checks, items == ITEMS, "and can be taken then");
	/* After a difference the two are not at the same point any more. */
	while (agreed < STEPS && step(agreed + 1))
		agreed++;
	check(&checks, agreed == STEPS, "random steps end as in the model");
	for (i = 0, ok = agreed == STEPS; ok && i < 2; i += !nr[i])
		ok = take(i);
	check(&checks, ok, "the rest is taken in order");
	check(&checks, mover->bss->made && mover->bss->made == mover->bss->dropped,
	      "as many objects were dropped as made");
	printf("%d of %d random steps as in the model; %llu objects made, %llu dropped\n",
	       agreed, STEPS, mover->bss->made, mover->bss->dropped);

	enter(".");
	for (i = 0; i < 2; i++)
		unlinkat(cgroup2, names[i], AT_REMOVEDIR);
	return argc > 1 ? report(&checks, argv[2]) : checks.failed > 0;
}
