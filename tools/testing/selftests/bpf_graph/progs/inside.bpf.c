// SPDX-License-Identifier: GPL-2.0
/* What is in a kptr of a linked object is read in its place. */
#include "graph.bpf.h"

struct inner {
	int value;
};

struct item {
	struct bpf_list_node l;
	struct inner __kptr * in;
	struct task_struct __kptr * task;
	int key;
};

struct roots {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, l);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct roots);
	__uint(max_entries, 1);
} maps SEC(".maps");

int value, pid, owned;

static struct roots *roots(void)
{
	int i = 0;

	return bpf_map_lookup_elem(&maps, &i);
}

static struct item *make(void)
{
	struct item *n = bpf_obj_new(struct item);
	struct inner *in, *old;
	struct task_struct *task;

	if (!n)
		return NULL;
	in = bpf_obj_new(struct inner);
	if (!in) {
		bpf_obj_drop(n);
		return NULL;
	}
	in->value = 42;
	old = bpf_kptr_xchg(&n->in, in);
	if (old)
		bpf_obj_drop(old);
	task = bpf_task_acquire(bpf_get_current_task_btf());
	if (task)
		task = bpf_kptr_xchg(&n->task, task);
	if (task)
		bpf_task_release(task);
	return n;
}

/* Of an object that is owned, and of one that is in a list. */
SEC("syscall")
int read(void *ctx)
{
	struct roots *v = roots();
	struct item *n = make();
	struct bpf_list_node *l;
	struct inner *in;
	struct task_struct *task;

	if (!n)
		return 1;
	if (!v) {
		bpf_obj_drop(n);
		return 2;
	}
	bpf_rcu_read_lock();
	in = n->in;
	if (in)
		owned = in->value;
	bpf_rcu_read_unlock();
	bpf_spin_lock(&v->lock);
	bpf_list_push_back(&v->list, &n->l);
	l = bpf_list_front(&v->list);
	if (l) {
		in = container_of(l, struct item, l)->in;
		if (in)
			value = in->value;
		task = container_of(l, struct item, l)->task;
		if (task)
			pid = task->pid;
	}
	bpf_spin_unlock(&v->lock);
	return 0;
}

#define FRONT(name, what)							\
SEC("?syscall")									\
int name(void *ctx)								\
{										\
	struct roots *v = roots();						\
	struct bpf_list_node *l;						\
	struct item *n = make();						\
										\
	if (n)									\
		bpf_obj_drop(n);						\
	if (!v)									\
		return 1;							\
	bpf_spin_lock(&v->lock);						\
	l = bpf_list_front(&v->list);						\
	if (l) {								\
		n = container_of(l, struct item, l);				\
		what;								\
	}									\
	bpf_spin_unlock(&v->lock);						\
	return 0;								\
}

FRONT(written, *(__u64 *)&n->in = 0)
FRONT(in_part, value = *(int *)&n->in)
FRONT(unchecked, value = n->in->value)

/* Outside of lock and RCU the object in there can go; it is read with care. */
SEC("?syscall")
int given_away_unlocked(void *ctx)
{
	struct item *n = make();
	struct task_struct *task;

	if (!n)
		return 1;
	task = n->task;
	if (task)
		pid = bpf_task_acquire(task) ? 1 : 0;
	bpf_obj_drop(n);
	return 0;
}
