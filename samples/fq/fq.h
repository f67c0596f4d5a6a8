/* SPDX-License-Identifier: GPL-2.0 */
/* What the queueing discipline and its front end have in common. */
#ifndef FQ_H
#define FQ_H

#define FQ_ID		"bpf_fq_graph"	/* as tc knows it */

#define FLOW_LIMIT	100		/* packets of a flow that are kept */
#define KEPT		3		/* seconds for that an idle flow is kept, at least */
#define FIRST(quantum)	(5 * (quantum))	/* the credit that a flow begins with */
#define QUANTUM(frame)	(2 * (frame))	/* and what it gets in each round */

#ifdef __bpf__
extern int CONFIG_HZ __kconfig;
#endif

#endif
