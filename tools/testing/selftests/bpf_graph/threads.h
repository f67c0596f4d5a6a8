/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that run a program over and over. */
#ifndef _THREADS_H
#define _THREADS_H

#include <pthread.h>
#include <sched.h>

#include "graph_test.h"

/* Run the program @fd @repeat times as thread number @mark. Returns 0 or -errno. */
static inline int run_as(int fd, unsigned int mark, int repeat)
{
	struct __sk_buff skb = { .mark = mark };
	char packet[64] = {};
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts),
		.data_in = packet,
		.data_size_in = sizeof(packet),
		.ctx_in = &skb,
		.ctx_size_in = sizeof(skb),
		.repeat = repeat,
	};

	return bpf_prog_test_run_opts(fd, &opts);
}

struct worker {
	pthread_t thread;
	bool started;
	const bool *stop;
	int fd;			/* of the program */
	unsigned int mark;
	int err;		/* the first */
	unsigned int runs;
};

static inline void *worker_main(void *arg)
{
	struct worker *w = arg;
	int err;

	/* Who lets them loose has something to do as well. */
	if (nice(10) < 0)
		w->err = -errno;
	while (!__atomic_load_n(w->stop, __ATOMIC_ACQUIRE)) {
		err = run_as(w->fd, w->mark, 8);
		if (err && !w->err)
			w->err = err;
		w->runs++;
	}
	return NULL;
}

static inline bool worker_start(struct worker *w, int fd, unsigned int mark, const bool *stop)
{
	*w = (struct worker){ .fd = fd, .mark = mark, .stop = stop };
	w->started = !pthread_create(&w->thread, NULL, worker_main, w);
	return w->started;
}

/* Ask for @stop to be set before. Returns the first error that it met. */
static inline int worker_join(struct worker *w)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
	return w->err;
}

static inline bool on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static inline long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* OPS= asks for so many operations in all; 0 leaves it to the time. */
static inline unsigned long long wanted_ops(void)
{
	const char *ops = getenv("OPS");

	return ops ? strtoull(ops, NULL, 0) : 0;
}

#endif
