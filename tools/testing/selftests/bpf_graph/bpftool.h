/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BPFTOOL_H
#define _BPFTOOL_H

#include <stdio.h>

#include "graph_test.h"

/* What bpftool says when it is asked for @what, which may be several words. */
static const char *bpftool(const char *what)
{
	static char out[1 << 15];
	char command[8192];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "%s %s 2>&1", file_beside("bpftool/bpftool"), what);
	f = popen(command, "r");
	n = f ? fread(out, 1, sizeof(out) - 1, f) : 0;
	out[n] = '\0';
	if (f)
		pclose(f);
	return out;
}

#endif
