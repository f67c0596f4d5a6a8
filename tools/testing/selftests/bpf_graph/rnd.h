/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that are the same each time. */
#ifndef _RND_H
#define _RND_H

/* Fixed, so that a failure comes again. */
static unsigned int seed = 1;

/* A number below @n. */
static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

#endif
