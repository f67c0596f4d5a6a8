// SPDX-License-Identifier: GPL-2.0
/*
 * Private sections: variables in sections of names that a program chooses, each
 * a map with one lock and what that guards.
 */
#include "sections.bpf.h"

/* The lock of each queue guards its list, and nothing else. */
struct bpf_spin_lock in_lock SEC("enqueue");
struct bpf_list_head in_list SEC("enqueue") __contains(job, l);
static int in_nr SEC("enqueue");

struct bpf_spin_lock out_lock SEC("dequeue");
struct bpf_list_head out_list SEC("dequeue") __contains(job, l);
int out_nr SEC("dequeue") = 100;

/* A section whose name the kernel's is too short for. */
struct bpf_spin_lock age_lock SEC(".private.by-their-age");
struct bpf_rb_root ages SEC(".private.by-their-age") __contains(job, r);

/* The name is that of programs; what is in the section is what counts. */
int plain[4] SEC("xdp/counts") = { 1, 2, 3, 4 };

/* A structure has the name of the section, too. */
const int limit SEC("job") = 5;

/* No program uses it, so that it is no map: as it always was. */
struct bpf_spin_lock unused_lock SEC("unused") = { 1 };
int odd SEC(".odd") = 1;

int want, got, seen;

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct job, r)->key < container_of(b, struct job, r)->key;
}

SEC("tc")
int push(struct __sk_buff *ctx)
{
	struct job *n = bpf_obj_new(struct job);

	if (!n)
		return 1;
	n->key = want;
	if (!count_object(n)) {
		bpf_obj_drop(n);
		return 2;
	}
	bpf_spin_lock(&in_lock);
	bpf_list_push_back(&in_list, &n->l);
	in_nr++;
	bpf_spin_unlock(&in_lock);
	return 0;
}

/* From one queue to the other, under the one's lock and then the other's. */
SEC("tc")
int transfer(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;

	bpf_spin_lock(&in_lock);
	l = bpf_list_pop_front(&in_list);
	if (l)
		in_nr--;
	seen = in_nr;
	bpf_spin_unlock(&in_lock);
	if (!l)
		return 1;
	bpf_spin_lock(&out_lock);
	bpf_list_push_back(&out_list, l);
	out_nr++;
	bpf_spin_unlock(&out_lock);
	return 0;
}

/* Out of the second queue, into the tree; which is the leftmost there. */
SEC("tc")
int sort(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;
	struct bpf_rb_node *r;

	bpf_spin_lock(&out_lock);
	l = bpf_list_pop_front(&out_list);
	bpf_spin_unlock(&out_lock);
	if (!l)
		return 1;
	bpf_spin_lock(&age_lock);
	bpf_rbtree_add(&ages, &container_of(l, struct job, l)->r, less);
	r = bpf_rbtree_first(&ages);
	if (r)
		got = container_of(r, struct job, r)->key;
	bpf_spin_unlock(&age_lock);
	return 0;
}

/* What is constant is known before the program runs: the other way is none. */
SEC("tc")
int constants(struct __sk_buff *ctx)
{
	plain[3] += *unseen(&limit);
	if (*unseen(&limit) > 100)
		asm volatile("r0 = *(u64 *)(r10 + 8)" ::: "r0");
	return 0;
}

/* What follows is refused: sections.c says in which words. */
SEC("?tc")
int lock_of_another(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;

	bpf_spin_lock(&in_lock);
	l = bpf_list_pop_front(&out_list);
	bpf_spin_unlock(&in_lock);
	if (l)
		bpf_obj_drop(container_of(l, struct job, l));
	return 0;
}

SEC("?tc")
int writes_to_lock(struct __sk_buff *ctx)
{
	*(int *)&in_lock = 1;
	return 0;
}

SEC("?tc")
int writes_to_constant(struct __sk_buff *ctx)
{
	*unseen(&limit) = 1;
	return 0;
}
