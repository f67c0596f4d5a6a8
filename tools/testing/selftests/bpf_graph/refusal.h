/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that must not load, each alone, and what is said of them. */
#ifndef _REFUSAL_H
#define _REFUSAL_H

#include "graph_test.h"

static char log_buf[1 << 16];

/* Load program @name of @obj and no other. */
static inline int load_only(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	log_buf[0] = '\0';
	if (!prog)
		return -ENOENT;
	bpf_program__set_autoload(prog, true);
	bpf_program__set_log_buf(prog, log_buf, sizeof(log_buf));
	return bpf_object__load(obj);
}

/* Program @name of the skeleton @skel is refused with @error, and the log has @words. */
#define REFUSED(skel, error, name, words)					\
TEST(name)									\
{										\
	__auto_type s = skel##__open();						\
										\
	ASSERT_NE(NULL, s);							\
	EXPECT_EQ(error, load_only(s->obj, #name))				\
		TH_LOG("%s", log_buf);						\
	EXPECT_NE(NULL, strstr(log_buf, words))					\
		TH_LOG("not said: %s; but: %s", words, log_buf);		\
	skel##__destroy(s);							\
}

#endif
