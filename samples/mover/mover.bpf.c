// SPDX-License-Identifier: GPL-2.0
/*
 * mover: a queue of work for each cgroup, and work that goes from one cgroup to
 * another. Read tasktop.bpf.c for the words: owning and non-owning references,
 * collections and their lock.
 *
 * Each queue has a lock of its own. Who moves work needs two:
 *
 *  - bpf_spin_lock_double() takes both. The order in which they are named does
 *    not matter: while one program moves from A to B and another one from B to A,
 *    neither waits for ever. A and B may even be the same.
 *  - bpf_list_move_back() takes an object from one list to the other. In between
 *    it is not the program's, so it cannot be lost, and there is nothing to undo.
 *
 * So who holds both locks finds each object in just one of the two queues.
 *
 * Storage that is local to a cgroup cannot hold lists, so queues are in a hash map,
 * by the id of the cgroup. None is deleted here: another program may be using it.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "mover.h"

#define ENOENT	2
#define ENOMEM	12

/* The tag tells the verifier which objects are in there, and by which hook. */
#define holds(type, hook) __attribute__((btf_decl_tag("contains:" #type ":" #hook)))

/* Without a bpf_refcount: there is one owner, a queue or a program. */
struct entry {
	struct bpf_list_node hook;
	u64 id;
};

struct queue {
	struct bpf_spin_lock lock;
	struct bpf_list_head work holds(entry, hook);
	u64 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);	/* cgroups */
	__type(key, u64);
	__type(value, struct queue);
} queues SEC(".maps");

__u64 made, dropped;	/* objects */

#define entry_of(node)	container_of(node, struct entry, hook)

/* Maps are asked before a lock is taken. */
static struct queue *queue_of(u64 cgroup)
{
	return bpf_map_lookup_elem(&queues, &cgroup);
}

/* Put work at the end of the queue of the cgroup that the caller is in. */
SEC("syscall")
int enqueue(struct work *ctx)
{
	u64 cgroup = bpf_get_current_cgroup_id();
	struct queue none = {}, *q;
	struct entry *e;

	/* The first one of a cgroup makes its queue. Of several, one succeeds. */
	bpf_map_update_elem(&queues, &cgroup, &none, BPF_NOEXIST);
	q = queue_of(cgroup);
	e = q ? bpf_obj_new(bpf_core_type_id_local(struct entry)) : NULL;
	if (!e)
		return -ENOMEM;
	__sync_fetch_and_add(&made, 1);
	e->id = ctx->id;
	ctx->cgroup = cgroup;

	bpf_spin_lock(&q->lock);
	bpf_list_push_back(&q->work, &e->hook);	/* now it is the queue's */
	q->length++;
	bpf_spin_unlock(&q->lock);
	return 0;
}

/* Take out what came first. */
SEC("syscall")
int take(struct work *ctx)
{
	struct queue *q = queue_of(ctx->cgroup);
	struct bpf_list_node *n;
	struct entry *e;

	if (!q)
		return -ENOENT;
	bpf_spin_lock(&q->lock);
	n = bpf_list_pop_front(&q->work);	/* the reference is ours again */
	if (n)
		q->length--;
	bpf_spin_unlock(&q->lock);
	if (!n)
		return -ENOENT;

	/* Owned by nobody else, so the lock is not needed to read it. */
	e = entry_of(n);
	ctx->id = e->id;
	bpf_obj_drop(e);	/* not under the lock */
	__sync_fetch_and_add(&dropped, 1);
	return 0;
}

/* Interrupts are off meanwhile: where queues are long, move them in parts. */
SEC("syscall")
int migrate(struct move *ctx)
{
	struct queue *v = queue_of(ctx->from), *w = queue_of(ctx->to);
	u64 most = ctx->most;
	struct bpf_list_node *n;
	int i;

	if (!v || !w)
		return -ENOENT;
	bpf_spin_lock_double(&v->lock, &w->lock);
	if (most > v->length)
		most = v->length;
	bpf_for(i, 0, most) {
		/* A non-owning reference: the object is always some list's. */
		n = bpf_list_front(&v->work);
		if (!n || !bpf_list_move_back(&v->work, n, &w->work))
			break;
		v->length--;
		w->length++;
		ctx->moved++;
	}
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

/* In memory, since the verifier would follow a variable round by round, without end. */
static void count(struct queue *q, __u64 *found, __u64 *ids)
{
	struct bpf_list_node *n = bpf_list_front(&q->work);
	int i;

	bpf_for(i, 0, q->length) {
		if (!n)
			break;
		++*found;
		*ids += entry_of(n)->id;
		n = bpf_list_next(&q->work, n);
	}
}

/* With one lock after the other, what moves in between is counted twice, or never. */
SEC("syscall")
int total(struct total *ctx)
{
	struct queue *v = queue_of(ctx->from), *w = queue_of(ctx->to);

	if (!v || !w)
		return -ENOENT;
	bpf_spin_lock_double(&v->lock, &w->lock);
	count(v, &ctx->found[0], &ctx->ids);
	count(w, &ctx->found[1], &ctx->ids);
	bpf_spin_unlock_double(&v->lock, &w->lock);
	return 0;
}

char _license[] SEC("license") = "GPL";
