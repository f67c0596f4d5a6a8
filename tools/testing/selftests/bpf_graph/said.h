/* SPDX-License-Identifier: GPL-2.0 */
/* What libbpf warns of, kept to be looked at. */
#ifndef _SAID_H
#define _SAID_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bpf/libbpf.h>

static char said[1 << 14];

static int said_keep(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t n = strlen(said);

	if (level == LIBBPF_WARN && n < sizeof(said) - 1)
		vsnprintf(said + n, sizeof(said) - n, format, args);
	return 0;
}

static inline void said_start(void)
{
	said[0] = '\0';
	libbpf_set_print(said_keep);
}

#endif
