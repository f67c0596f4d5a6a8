// SPDX-License-Identifier: GPL-2.0
/*
 * lru: watch the cache of lru.bpf.c, or compare it with a model.
 *
 *   lru			show how often it hits
 *   lru --test [FILE]	random accesses here and there; KTAP to FILE
 */
#include <pthread.h>
#include "../check.h"
#include "lru.h"
#include "lru.skel.h"

#define KEYS		1024
#define ACCESSES	5000
#define LARGEST		256

static struct lru *lru;
static __u32 seed = 1;

/* The model: keys and values in the order of use, moved along one by one. */
static struct access model[LARGEST];
static int nr, capacity;

static int model_access(struct access *a)
{
	int i = 0, ret = HIT;

	while (i < nr && model[i].key != a->key)
		i++;
	a->evicted = NO_KEY;
	if (i < nr) {
		a->value = model[i].value;
	} else {
		ret = MISS;
		if (nr == capacity)
			a->evicted = model[--i].key;
		else
			nr++;
	}
	memmove(model + 1, model, i * sizeof(*model));
	model[0] = *a;
	return ret;
}

/* A product is small more often than not: some keys are asked for a lot. */
static __u64 skewed(__u32 *seed)
{
	return 1ULL * rnd(seed, KEYS) * rnd(seed, KEYS) * rnd(seed, KEYS) / (KEYS * KEYS);
}

static bool load(int size)
{
	lru = lru__open();
	if (!lru)
		return false;
	nr = 0;
	capacity = size;
	lru->bss->capacity = size;
	/* Room for those that come before another one goes. */
	bpf_map__set_max_entries(lru->maps.slots, size + 64);
	return !lru__load(lru);
}

/* Forget all, and count references: is nothing left? */
static bool all_forgotten(void)
{
	struct access a;
	__u64 key;

	while (!run(lru->progs.forget, &a, sizeof(a)))
		;
	return bpf_map__get_next_key(lru->maps.slots, NULL, &key, sizeof(key)) == -ENOENT &&
	       lru->bss->refs_got && lru->bss->refs_got == lru->bss->refs_put;
}

/* Random accesses by the programs and by the model. How many agree? */
static int compare(int *hits, int *model_hits)
{
	int i, ret, expected, agreed = 0;

	*hits = *model_hits = 0;
	for (i = 0; i < ACCESSES; i++) {
		struct access got = { skewed(&seed), i }, want = got;

		ret = run(lru->progs.access, &got, sizeof(got));
		expected = model_access(&want);
		agreed += ret == expected && !memcmp(&got, &want, sizeof(got));
		*hits += ret == HIT;
		*model_hits += expected == HIT;
	}
	return agreed;
}

/* A value belongs to its key, whatever another thread does at the same time. */
static void *thread(void *arg)
{
	__u32 seed = (long)arg;
	long i, wrong = 0;

	for (i = 0; i < ACCESSES; i++) {
		struct access a = { .key = skewed(&seed) };
		__u64 value = a.value = ~a.key;

		run(lru->progs.access, &a, sizeof(a));
		wrong += a.value != value;
	}
	return (void *)wrong;
}

static int test(const char *path)
{
	struct checks checks = {};
	int agreed, hits, model_hits, i;
	struct access a;
	void *wrong[2];
	pthread_t t[2];

	if (!load(100))
		return 2;
	agreed = compare(&hits, &model_hits);
	check(&checks, agreed == ACCESSES, "each access ends as in the model");
	check(&checks, hits && hits == model_hits, "as many hits as in the model");
	for (agreed = 0, i = nr; i > 0; i--)
		agreed += !run(lru->progs.forget, &a, sizeof(a)) && a.evicted == model[i - 1].key;
	check(&checks, agreed == 100, "forgotten in the order of the model");
	check(&checks, all_forgotten(), "nothing leaked");
	for (i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, thread, (void *)(i + 1L)))
			return 2;
	for (i = 0; i < 2; i++)
		pthread_join(t[i], &wrong[i]);
	check(&checks, !wrong[0] && !wrong[1], "two threads find what belongs to the key");
	check(&checks, all_forgotten(), "nothing leaked by two threads");
	return report(&checks, path);
}

static int show(void)
{
	int size, hits, model_hits, failed = 0;

	printf("%d accesses to %d keys, some of them more often\n\n", ACCESSES, KEYS);
	printf("%8s %10s %10s %8s\n", "ENTRIES", "HITS", "EXPECTED", "LEAKED");
	for (size = 4; size <= LARGEST; size *= 4) {
		bool clean;

		if (!load(size))
			return 2;
		compare(&hits, &model_hits);
		clean = all_forgotten();
		failed |= hits != model_hits || !clean;
		printf("%8d %8.1f %% %8.1f %% %8s\n", size, 100.0 * hits / ACCESSES,
		       100.0 * model_hits / ACCESSES, clean ? "no" : "YES");
		lru__destroy(lru);
	}
	return failed;
}

int main(int argc, char **argv)
{
	bool testing = argc > 1 && !strcmp(argv[1], "--test");

	if (argc > 3 || (argc > 1 && !testing)) {
		fprintf(stderr, "usage: lru [--test [FILE]]\n");
		return 2;
	}
	return testing ? test(argv[2]) : show();
}
