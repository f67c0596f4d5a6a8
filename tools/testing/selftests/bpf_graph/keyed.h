/* SPDX-License-Identifier: GPL-2.0 */
/* What keyed and its programs agree on. */
#ifndef _KEYED_H
#define _KEYED_H

enum keyed_op {
	KEYED_ADD,
	KEYED_POP,
	KEYED_FIND,
	KEYED_LOWER,
	KEYED_UPPER,
};

/* Found nothing. */
#define KEYED_NONE 0

/* What a program is told. */
struct keyed_in {
	unsigned int op;
	unsigned long long first, second, id;
};

#endif
