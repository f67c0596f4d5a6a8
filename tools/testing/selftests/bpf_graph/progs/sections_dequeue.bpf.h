/* SPDX-License-Identifier: GPL-2.0 */
/* What another file has in SEC("dequeue"), as sections.bpf.c defines it. */
#ifndef _SECTIONS_DEQUEUE_BPF_H
#define _SECTIONS_DEQUEUE_BPF_H

#include "sections.bpf.h"

extern struct bpf_spin_lock out_lock SEC("dequeue");
extern struct bpf_list_head out_list SEC("dequeue") __contains(job, l);
extern int out_nr SEC("dequeue");

#endif
