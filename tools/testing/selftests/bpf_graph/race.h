/* SPDX-License-Identifier: GPL-2.0 */
/* What race.c asks of the programs in progs/race.bpf.h. */
#ifndef _RACE_H
#define _RACE_H

/* What the two sides do at the same time, with one node and two worlds. */
enum race_kind {
	/* side 0 adds it to world 1, side 1 removes it from world 0, where it was */
	RACE_ADD_REMOVE,
	/* both add it, each to its own world */
	RACE_ADD_ADD,
	/* both remove it from world 0 */
	RACE_REMOVE_REMOVE,
};

struct race_result {
	unsigned int rounds;
	unsigned int won[2], lost[2];	/* by each side */
	unsigned int overlaps;		/* rounds in which a side saw the other inside */
	unsigned int missed;		/* a side waited in vain: not a round */
	unsigned int wrong;		/* rounds after which something was not right */
	unsigned int why;		/* the line in race.bpf.h that found the first */
};

#endif
