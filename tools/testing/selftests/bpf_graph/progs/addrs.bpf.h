/* SPDX-License-Identifier: GPL-2.0 */
/* Instructions whose addresses are in maps, and that can be told from others. */
#ifndef _ADDRS_BPF_H
#define _ADDRS_BPF_H

#define MARKS 0x5eed000

/* "r1 = MARKS + n", and its address in the section of @key. */
#define mark(key, n) \
	asm volatile(bpf_insn_addr(key) "r1 = %[imm]" :: [imm] "i"(MARKS + (n)) : "r1")

#endif
