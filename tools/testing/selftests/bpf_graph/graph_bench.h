/* SPDX-License-Identifier: GPL-2.0 */
/* What graph_bench and its programs agree on. */
#ifndef _GRAPH_BENCH_H
#define _GRAPH_BENCH_H

/* How often a program does what is counted. */
#define OPS 16

/* How many nodes trees have, in an order that is no order, and a key between two. */
#define TREE_NODES	1023
#define TREE_KEY(i)	(((i) * 389 & 1023) * 2)
#define TREE_WANTED	1025

#endif
