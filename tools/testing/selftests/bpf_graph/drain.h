/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DRAIN_H
#define _DRAIN_H

/* So many nodes, evenly spread, are looked at while a drain runs. */
#define NR_MARKS 128

#endif
