/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of stress.bpf.h, in one object by either implementation. */
#include "stress.bpf.h"

/* churn.c has C chosen when it loads programs of this section. */
SEC("graph_c")
int stress_c(struct __sk_buff *ctx)
{
	return operate(ctx);
}

SEC("graph_rust")
int stress_rust(struct __sk_buff *ctx)
{
	return operate(ctx);
}
