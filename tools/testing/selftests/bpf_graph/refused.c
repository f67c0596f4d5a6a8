// SPDX-License-Identifier: GPL-2.0
/*
 * What the verifier must refuse, and in which words. Upstream's accepts some of
 * it, and calls others a bug of its own.
 */
#include "graph_test.h"
#include "refused.skel.h"

static char log_buf[1 << 16];

/* Load one program and no other. */
static int load_only(const char *name)
{
	struct bpf_program *prog;
	struct refused *skel;
	int err = -ENOENT;

	log_buf[0] = '\0';
	skel = refused__open();
	if (!skel)
		return -ENOMEM;
	prog = bpf_object__find_program_by_name(skel->obj, name);
	if (prog) {
		bpf_program__set_autoload(prog, true);
		bpf_program__set_log_buf(prog, log_buf, sizeof(log_buf));
		err = refused__load(skel);
	}
	refused__destroy(skel);
	return err;
}

#define REFUSED(error, name, words)							\
TEST(name)										\
{											\
	EXPECT_EQ(error, load_only(#name));							\
	EXPECT_NE(NULL, strstr(log_buf, words)) TH_LOG("not said: %s; but: %s",		\
						       words, log_buf);			\
}

/*
 * The size of an object, its fields, and where its node is are made part of the
 * call. One that two types reach would take one of them for the other.
 */
#define BUT ", but another path brings another type to this call"

REFUSED(-EINVAL, create, "bpf_obj_new_impl: struct other_plain" BUT);
REFUSED(-EINVAL, acquire, "bpf_refcount_acquire: struct back" BUT);
REFUSED(-EINVAL, push, "bpf_list_push_front: struct back" BUT);

REFUSED(-EINVAL, create_node, "bpf_obj_new_impl: struct only_node" BUT);

REFUSED(-EINVAL, acquire_plain, "R1 doesn't point to a type with bpf_refcount field");
REFUSED(-EACCES, exchange_unchecked, "Possibly NULL pointer passed to helper R2");
REFUSED(-EACCES, exchange_borrowed,
	"invalid kptr access, R2 type=rcu_ptr_ expected=ptr_plain");

TEST_HARNESS_MAIN
