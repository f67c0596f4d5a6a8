/* SPDX-License-Identifier: GPL-2.0 */
/* What graph_bench and its programs agree on. */
#ifndef _GRAPH_BENCH_H
#define _GRAPH_BENCH_H

/* How often a program does what is counted. */
#define OPS 16

#endif
