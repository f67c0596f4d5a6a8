/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel that cannot do everything: libbpf asks it by way of this instead of
 * libc's syscall(), and gets an error for what @refuses returns one for.
 */
#ifndef _HOOKED_H
#define _HOOKED_H

#include <errno.h>
#include <stdarg.h>
#include <linux/bpf.h>
#include <sys/syscall.h>

/* The error, or 0: then the kernel is asked. */
static int (*refuses)(enum bpf_cmd cmd, const union bpf_attr *attr);

long syscall(long nr, ...)
{
	long a, b, c, d, e, f, ret;
	va_list args;

	va_start(args, nr);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	e = va_arg(args, long);
	f = va_arg(args, long);
	va_end(args);
	if (refuses && nr == __NR_bpf) {
		ret = refuses(a, (void *)b);
		if (ret) {
			errno = -ret;
			return -1;
		}
	}
	{
		register long r10 asm("r10") = d;
		register long r8 asm("r8") = e;
		register long r9 asm("r9") = f;

		asm volatile("syscall" : "=a"(ret)
			     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			     : "rcx", "r11", "memory");
	}
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

#endif
