/* SPDX-License-Identifier: GPL-2.0 */
/* What found and its programs agree on. */
#ifndef _FOUND_H
#define _FOUND_H

/* Items have the times 0, 2, 4 and so on, each twice: with a rank of 0 and of 1. */
#define ITEMS 32
#define NOTHING -1

#endif
