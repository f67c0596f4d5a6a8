// SPDX-License-Identifier: GPL-2.0
/*
 * What the verifier must refuse, and in which words. Upstream's accepts some of
 * it, and calls others a bug of its own.
 */
#include "refusal.h"
#include "refused.skel.h"

/*
 * The size of an object, its fields, and where its node is are made part of the
 * call. One that two types reach would take one of them for the other.
 */
#define BUT ", but another path brings another type to this call"

REFUSED(refused, -EINVAL, create, "bpf_obj_new_impl: struct other_plain" BUT);
REFUSED(refused, -EINVAL, acquire, "bpf_refcount_acquire: struct back" BUT);
REFUSED(refused, -EINVAL, push, "bpf_list_push_front: struct back" BUT);

REFUSED(refused, -EINVAL, create_node, "bpf_obj_new_impl: struct only_node" BUT);

REFUSED(refused, -EINVAL, acquire_plain, "R1 doesn't point to a type with bpf_refcount field");
REFUSED(refused, -EACCES, exchange_unchecked, "Possibly NULL pointer passed to helper R2");
REFUSED(refused, -EACCES, exchange_borrowed,
	"invalid kptr access, R2 type=rcu_ptr_ expected=ptr_plain");

TEST_HARNESS_MAIN
