/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests in this folder share. */
#ifndef _GRAPH_TEST_H
#define _GRAPH_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kselftest_harness.h"

/*
 * Half a minute is too short where a kernel that watches itself runs on an
 * emulated CPU. The guest as a whole has a limit of its own.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

#include "live.skel.h"

#define IMPL_SYSCTL "/proc/sys/kernel/bpf_graph_impl"
#define INLINE_SYSCTL "/proc/sys/kernel/bpf_graph_inline"

/* Which implementation programs get that are loaded now: "rust" or "c". */
static inline const char *impl(void)
{
	static char buf[16];
	int fd = open(IMPL_SYSCTL, O_RDONLY);
	ssize_t n;

	/* A kernel without the switch: what it has must be ours. */
	if (fd < 0)
		return "rust";
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* Returns 0 or -errno. */
static inline int sysctl_set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Choose what programs get from now on. Returns 0 or -errno. */
static inline int impl_set(const char *value)
{
	return sysctl_set(IMPL_SYSCTL, value);
}

/*
 * Choose whether calls are inlined in programs that are loaded from now on.
 * Returns whether they were before, or -errno.
 */
static inline int inline_set(bool on)
{
	int fd = open(INLINE_SYSCTL, O_RDONLY), err;
	char was = '0';

	if (fd < 0)
		return -errno;
	err = read(fd, &was, 1) == 1 ? 0 : -errno;
	close(fd);
	err = err ?: sysctl_set(INLINE_SYSCTL, on ? "1" : "0");
	return err ?: was == '1';
}

/*
 * Run @prog once, on a packet it does not look at; a SEC("syscall") program on
 * nothing, so that the kernel allocates nothing for it. Returns 0 or -errno.
 */
static inline int run_prog(const struct bpf_program *prog)
{
	char packet[64] = {};
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };

	if (bpf_program__type(prog) != BPF_PROG_TYPE_SYSCALL) {
		opts.data_in = packet;
		opts.data_size_in = sizeof(packet);
		opts.repeat = 1;
	}
	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
}

/* Run a program that is no more than a descriptor: what it returns, or -errno. */
static inline int run_fd(int fd)
{
	char packet[64] = {};
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts),
		.data_in = packet,
		.data_size_in = sizeof(packet),
		.repeat = 1,
	};
	int err = bpf_prog_test_run_opts(fd, &opts);

	return err ?: (int)opts.retval;
}

/* The number by which the kernel knows the map at @fd, or -errno. */
static inline int map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_map_get_info_by_fd(fd, &info, &len) ? -errno : (int)info.id;
}

/* The file @name beside this program. */
static inline const char *file_beside(const char *name)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		snprintf(slash + 1, sizeof(path) - (slash + 1 - path), "%s", name);
	return path;
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Counts the objects of this process that are alive, see progs/graph.bpf.h. */
struct counter {
	struct live *skel;
	int before;
};

static inline int counter_read(struct counter *c)
{
	if (run_prog(c->skel->progs.count))
		return -1;
	return c->skel->bss->held - c->before;
}

static inline bool counter_open(struct counter *c)
{
	c->before = 0;
	c->skel = live__open_and_load();
	if (!c->skel)
		return false;
	c->before = counter_read(c);
	return c->before > 0;
}

#define PATIENCE_MS 10000

/*
 * A map's elements are freed some time after its last user went: wait until
 * @objects are left, but no longer than @ms. Returns how many there are then.
 */
static inline int counter_wait(struct counter *c, int objects, int ms)
{
	int now;

	while ((now = counter_read(c)) != objects && ms > 0) {
		sleep_ms(10);
		ms -= 10;
	}
	return now;
}

#endif
