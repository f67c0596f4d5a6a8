/* SPDX-License-Identifier: GPL-2.0 */
/* What a program takes from the kernel: variables with and without a type, a function. */
#ifndef _EXTERNS_BPF_H
#define _EXTERNS_BPF_H

struct nowhere;

extern const int bpf_prog_active __ksym;
extern const void bpf_link_fops __ksym;
extern const struct nowhere no_such_struct __ksym __weak;
int no_such_function(int number, struct nowhere *of) __ksym __weak;
extern int LINUX_KERNEL_VERSION __kconfig;

#endif
