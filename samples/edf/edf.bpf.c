// SPDX-License-Identifier: GPL-2.0
/*
 * edf: a queue of jobs, the earliest deadline first. Read tasktop.bpf.c for the
 * words: owning and non-owning references, collections and their lock.
 *
 * What is new here is that the tree is searched, and that a key is changed while
 * its object stays in the tree:
 *
 *  - bpf_rbtree_find() and bpf_rbtree_lower_bound() take a key and a function
 *    that compares it with a node. The key is plain memory, here a variable on
 *    the stack: no object is made to search for another. Its length has to be a
 *    constant, and the function cannot read beyond it.
 *  - What a search returns is a non-owning reference, or NULL. It is good until
 *    the unlock; the tree still owns the object.
 *  - By a non-owning reference the object can be written to. If that was its key,
 *    bpf_rbtree_reposition() has to follow before the unlock: until then the
 *    tree is out of order, and a search may miss any node.
 *
 * Each program is run by user space, with a struct of edf.h as its context.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "edf.h"

#define EEXIST	17
#define ENOENT	2
#define ENOMEM	12

/* The tag tells the verifier which objects are in there, and by which hook. */
#define holds(type, hook) __attribute__((btf_decl_tag("contains:" #type ":" #hook)))

/* Without a bpf_refcount: there is one owner, the queue or a program. */
struct entry {
	struct bpf_rb_node hook;
	struct job job;
};

/* The lock guards the trees and lists of its section, and what is in them. */
static struct bpf_spin_lock lock SEC(".bss.guarded");
static struct bpf_rb_root queue SEC(".bss.guarded") holds(entry, hook);

__u64 made, dropped;	/* objects */

#define entry_of(node)	container_of(node, struct entry, hook)

/* The one order. Insertions and searches have to agree on it. */
static int compare(const struct job *a, const struct job *b)
{
	if (a->deadline != b->deadline)
		return a->deadline < b->deadline ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* For insertions: two nodes. */
static bool earlier(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return compare(&entry_of(a)->job, &entry_of(b)->job) < 0;
}

/* For searches: a key and a node. */
static int against(const void *key, const struct bpf_rb_node *node)
{
	return compare(key, &entry_of(node)->job);
}

/* Put a job into the queue. One that is in there already is refused. */
SEC("syscall")
int submit(struct job *ctx)
{
	struct job key = *ctx;
	struct bpf_rb_node *n;
	struct entry *e;

	/* This may sleep, so it is done before the lock is taken. */
	e = bpf_obj_new(bpf_core_type_id_local(struct entry));
	if (!e)
		return -ENOMEM;
	__sync_fetch_and_add(&made, 1);
	e->job = key;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_find(&queue, &key, sizeof(key), against);
	if (!n)
		bpf_rbtree_add(&queue, &e->hook, earlier);	/* now it is the tree's */
	bpf_spin_unlock(&lock);
	if (!n)
		return 0;

	/* It is still ours, and would be lost: the verifier insists on this. */
	bpf_obj_drop(e);
	__sync_fetch_and_add(&dropped, 1);
	return -EEXIST;
}

/*
 * Which job is the first that is not before this one? With an id of 0: the first
 * that is due at or after a time.
 */
SEC("syscall")
int next(struct job *ctx)
{
	struct job key = *ctx;
	struct bpf_rb_node *n;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_lower_bound(&queue, &key, sizeof(key), against);
	if (n)
		key = entry_of(n)->job;		/* copied: after the unlock n is gone */
	bpf_spin_unlock(&lock);
	if (!n)
		return -ENOENT;
	*ctx = key;
	return 0;
}

/* Extend or shorten a deadline. The object stays in the tree all the time. */
SEC("syscall")
int change(struct change *ctx)
{
	struct job key = ctx->job, then = { .deadline = ctx->deadline, .id = key.id };
	struct bpf_rb_node *n, *taken;
	int err = 0;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_find(&queue, &key, sizeof(key), against);
	taken = bpf_rbtree_find(&queue, &then, sizeof(then), against);
	if (!n) {
		err = -ENOENT;
	} else if (taken) {
		err = -EEXIST;
	} else {
		entry_of(n)->job.deadline = then.deadline;
		bpf_rbtree_reposition(&queue, n, earlier);
	}
	bpf_spin_unlock(&lock);
	return err;
}

/* Take the job out that is due first. */
SEC("syscall")
int take(struct job *ctx)
{
	struct bpf_rb_node *n;
	struct entry *e;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_first(&queue);
	if (n)
		n = bpf_rbtree_remove(&queue, n);	/* the reference is ours again */
	bpf_spin_unlock(&lock);
	if (!n)
		return -ENOENT;

	/* Owned by nobody else, so the lock is not needed to read it. */
	e = entry_of(n);
	*ctx = e->job;
	bpf_obj_drop(e);	/* not under the lock */
	__sync_fetch_and_add(&dropped, 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
