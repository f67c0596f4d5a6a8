/* SPDX-License-Identifier: GPL-2.0 */
/* Have the kernel's allocations fail: Documentation/fault-injection/fault-injection.rst. */
#ifndef _INJECT_H
#define _INJECT_H

#include <glob.h>
#include <sys/mount.h>

#include "graph_test.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug"

static inline bool inject_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

/* Set @name of the capability @fault, "failslab" or "fail_page_alloc". */
static inline bool inject_set(const char *fault, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", fault, name);
	return inject_write(path, value);
}

/* Why nothing can be injected here, or NULL if it can. */
static inline const char *inject_missing(void)
{
	if (access(DEBUGFS "/failslab", F_OK))
		mount("none", DEBUGFS, "debugfs", 0, NULL);
	if (access(FAIL_NTH, W_OK))
		return "no " FAIL_NTH ": kernel built without CONFIG_FAULT_INJECTION";
	if (access(DEBUGFS "/failslab/probability", W_OK))
		return "no " DEBUGFS "/failslab: CONFIG_FAILSLAB and _DEBUG_FS are missing";
	if (access(DEBUGFS "/fail_page_alloc/probability", W_OK))
		return "no " DEBUGFS "/fail_page_alloc: CONFIG_FAIL_PAGE_ALLOC is missing";
	return NULL;
}

/* Nothing fails by chance, and what fails is not told to the kernel's log. */
static inline bool inject_quiet(void)
{
	bool ok = true;
	glob_t paths;
	size_t i;

	if (glob(DEBUGFS "/fail*/verbose", 0, NULL, &paths))
		return false;
	for (i = 0; i < paths.gl_pathc; i++)
		ok = inject_write(paths.gl_pathv[i], "0") && ok;
	globfree(&paths);
	/* Single pages are allocations, too. */
	return ok && inject_set("failslab", "probability", "0") &&
	       inject_set("fail_page_alloc", "probability", "0") &&
	       inject_set("fail_page_alloc", "min-order", "0");
}

/* Between these the kernel's log may tell of page allocations that fail, see ../report. */
static inline bool inject_announce(bool on)
{
	return inject_write("/dev/kmsg", on ? "bpf-graph: page allocations fail\n" :
					      "bpf-graph: page allocations work\n");
}

/*
 * The next allocation but @nth - 1 of this thread fails; 0: none does. Returns
 * what was left of the last such number: 0 if it was reached.
 */
static inline int inject_nth(int fd, int nth)
{
	char buf[16] = {};
	int left = -1;

	if (pread(fd, buf, sizeof(buf) - 1, 0) > 0)
		left = atoi(buf);
	snprintf(buf, sizeof(buf), "%d", nth);
	if (pwrite(fd, buf, strlen(buf), 0) != (ssize_t)strlen(buf))
		return -1;
	return left;
}

/* Every allocation in the kernel that may not sleep fails from now on, or none. */
static inline bool inject_always(const char *fault, bool on)
{
	return inject_set(fault, "probability", "0") && inject_set(fault, "interval", "1") &&
	       inject_set(fault, "times", "-1") && inject_set(fault, "task-filter", "N") &&
	       inject_set(fault, "ignore-gfp-wait", "Y") &&
	       inject_set(fault, "probability", on ? "100" : "0");
}

#endif
