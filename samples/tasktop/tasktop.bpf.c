// SPDX-License-Identifier: GPL-2.0
/*
 * tasktop: keep every task the scheduler runs in a tree and in a list at once.
 *
 * Words used below:
 *
 *  - bpf_rb_root and bpf_list_head are collections, bpf_rb_node and
 *    bpf_list_node the hooks by which an object hangs in one. An object with
 *    two hooks can be in two collections.
 *  - An owning reference keeps its object alive. bpf_obj_new() makes the first
 *    one, bpf_refcount_acquire() a further one. Each has to go somewhere:
 *    into a collection, into a map, or to bpf_obj_drop(). The verifier refuses
 *    a program that loses one, so a program cannot forget to free.
 *  - Adding an object to a collection gives the reference to the collection.
 *    Removing it gives the reference back, or NULL if it was not in there.
 *  - A non-owning reference is for looking: what bpf_rbtree_root() or a read
 *    of a map's __kptr gives. It ends when the lock is let go, and may be NULL:
 *    nothing there.
 *  - One bpf_spin_lock guards the collections declared beside it. Nothing is
 *    allocated, dropped or looked up in a map under it.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "tasktop.h"

#define PF_EXITING	0x00000004
#define MAX_TASKS	8192
#define MAX_DEPTH	32	/* no red-black tree of MAX_TASKS is deeper than 27 */

/* The tag tells the verifier which objects are in there, and by which hook. */
#define holds(type, hook) __attribute__((btf_decl_tag("contains:" #type ":" #hook)))

struct task {
	struct bpf_refcount refs;	/* without it: one owner, so one collection */
	struct bpf_rb_node cpu_hook;
	struct bpf_list_node run_hook;
	struct row row;
};

static struct bpf_spin_lock lock SEC(".bss.guarded");
static struct bpf_rb_root by_cpu SEC(".bss.guarded") holds(task, cpu_hook);
static struct bpf_list_head by_run SEC(".bss.guarded") holds(task, run_hook);
static struct bpf_list_head exited SEC(".bss.guarded") holds(task, run_hook);

/* Which object is a task's. A __kptr in a map owns a reference, too. */
struct slot {
	__kptr struct task *task;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TASKS);
	__type(key, struct id);
	__type(value, struct slot);
} slots SEC(".maps");

static struct counts counts;
struct view view SEC(".bss.view");	/* what user space reads */

#define count(what, n)	__sync_fetch_and_add(&counts.what, n)

/* The order of the tree: most CPU time first, then by pid. */
static bool before(u64 cpu_ns, u64 pid, const struct row *row)
{
	return cpu_ns > row->cpu_ns || (cpu_ns == row->cpu_ns && pid < row->id.pid);
}

static bool busier(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	struct row *row = &container_of(a, struct task, cpu_hook)->row;

	return before(row->cpu_ns, row->id.pid, &container_of(b, struct task, cpu_hook)->row);
}

static struct id id_of(struct task_struct *p)
{
	return (struct id){ .pid = p->pid, .start_ns = p->start_time };
}

static void fill(struct row *row, struct task_struct *p, u64 now)
{
	row->id = id_of(p);
	row->cpu_ns = p->se.sum_exec_runtime;
	row->ran_ns = now;
	__builtin_memcpy(row->comm, p->comm, sizeof(row->comm));
}

/* A task met for the first time: one object, three owners. */
static int add(struct task_struct *p, u64 now)
{
	struct slot none = {}, *slot;
	struct task *t, *for_list, *for_slot;
	struct id id = id_of(p);

	bpf_map_update_elem(&slots, &id, &none, BPF_NOEXIST);
	slot = bpf_map_lookup_elem(&slots, &id);
	t = slot ? bpf_obj_new(bpf_core_type_id_local(struct task)) : NULL;
	if (!t) {
		count(lost, 1);		/* the map is full, or no memory */
		bpf_map_delete_elem(&slots, &id);
		return 0;
	}
	fill(&t->row, p, now);
	/* These cannot be NULL: we own t, so its count is not zero. */
	for_list = bpf_refcount_acquire(t);
	for_slot = bpf_refcount_acquire(t);
	count(allocated, 1);
	count(refs_got, 3);

	for_slot = bpf_kptr_xchg(&slot->task, for_slot);
	bpf_spin_lock(&lock);
	bpf_rbtree_add(&by_cpu, &t->cpu_hook, busier);
	bpf_list_push_front(&by_run, &for_list->run_hook);
	counts.in_tree++;
	counts.in_list++;
	/* What the slot held before. It was empty, but only we know that. */
	if (for_slot)
		bpf_list_push_back(&exited, &for_slot->run_hook);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u64 now = bpf_ktime_get_ns();
	struct bpf_list_node *l;
	struct bpf_rb_node *rb;
	struct slot *slot;
	struct task *t;
	struct id id = id_of(prev);

	count(switches, 1);
	/* Not the idle task, and none that on_exit() has seen already. */
	if (!id.pid || prev->flags & PF_EXITING)
		return 0;

	slot = bpf_map_lookup_elem(&slots, &id);
	t = slot ? slot->task : NULL;
	if (!t)
		return add(prev, now);

	bpf_spin_lock(&lock);
	/* The key may change only while the object is out of the tree. */
	rb = bpf_rbtree_remove(&by_cpu, &t->cpu_hook);
	if (rb) {
		fill(&container_of(rb, struct task, cpu_hook)->row, prev, now);
		bpf_rbtree_add(&by_cpu, rb, busier);
	}
	l = bpf_list_del(&by_run, &t->run_hook);
	if (l)
		bpf_list_push_front(&by_run, l);
	bpf_spin_unlock(&lock);
	return 0;
}

/*
 * A tracing program may run in NMI, where dropping an object with hooks is not
 * safe: this one moves the task to another list, and reap() does the rest.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	struct id id = id_of(p);
	struct bpf_list_node *l;
	struct slot *slot;
	struct task *t;

	slot = bpf_map_lookup_elem(&slots, &id);
	t = slot ? slot->task : NULL;
	if (!t)
		return 0;

	bpf_spin_lock(&lock);
	l = bpf_list_del(&by_run, &t->run_hook);
	if (l) {
		bpf_list_push_back(&exited, l);
		counts.in_list--;
		counts.exited++;
	}
	bpf_spin_unlock(&lock);
	return 0;
}

static void put(struct task *t)
{
	bpf_obj_drop(t);
	count(refs_put, 1);
}

/* Free all tasks of a list. Removed under the lock, dropped outside of it. */
static __always_inline void free_list(struct bpf_list_head *head, u64 *length)
{
	struct bpf_list_node *l;
	struct bpf_rb_node *rb;
	struct slot *slot;
	struct task *t, *mapped;
	struct id id;
	int i;

	bpf_for(i, 0, MAX_TASKS) {
		bpf_spin_lock(&lock);
		l = bpf_list_pop_front(head);
		if (!l) {
			bpf_spin_unlock(&lock);
			break;
		}
		t = container_of(l, struct task, run_hook);
		rb = bpf_rbtree_remove(&by_cpu, &t->cpu_hook);
		counts.in_tree -= !!rb;
		--*length;
		bpf_spin_unlock(&lock);

		/* Take the map's reference out: deleting alone would not drop it. */
		id = t->row.id;
		slot = bpf_map_lookup_elem(&slots, &id);
		mapped = slot ? bpf_kptr_xchg(&slot->task, NULL) : NULL;
		bpf_map_delete_elem(&slots, &id);
		if (mapped)
			put(mapped);
		if (rb)
			put(container_of(rb, struct task, cpu_hook));
		put(t);
		count(dropped, 1);
	}
}

/* The rest is run by user space. Free what has exited. */
SEC("syscall")
int reap(void *ctx)
{
	free_list(&exited, &counts.exited);
	return 0;
}

/* Write the first rows of the tree, and its shape, to the view. */
SEC("syscall")
int snapshot(void *ctx)
{
	u64 cpu_ns = ~0ULL, pid = 0, now = bpf_ktime_get_ns();
	u32 depth = 0, walked = 0, i, d;
	struct bpf_list_node *l;
	struct bpf_rb_node *rb;
	struct task *t, *found;

	bpf_spin_lock(&lock);
	/*
	 * No stack to remember a path on: each step goes down from the root to
	 * the first task that comes after (cpu_ns, pid). All references in
	 * here are non-owning: looking is enough, and the lock keeps them good.
	 */
	bpf_for(i, 0, MAX_TASKS) {
		found = NULL;
		rb = bpf_rbtree_root(&by_cpu);
		bpf_for(d, 1, MAX_DEPTH + 1) {
			if (!rb)	/* the tree is empty, or we are past a leaf */
				break;
			depth = d > depth ? d : depth;
			t = container_of(rb, struct task, cpu_hook);
			if (before(cpu_ns, pid, &t->row)) {
				found = t;
				rb = bpf_rbtree_left(&by_cpu, rb);
			} else {
				rb = bpf_rbtree_right(&by_cpu, rb);
			}
		}
		if (!found)
			break;
		cpu_ns = found->row.cpu_ns;
		pid = found->row.id.pid;
		if (i < MAX_ROWS)
			view.rows[i] = found->row;
		walked++;
	}
	view.walked = walked;
	view.depth = depth;
	view.now_ns = now;
	view.counts = counts;
	l = bpf_list_back(&by_run);
	if (l)
		view.longest_ago = container_of(l, struct task, run_hook)->row;
	bpf_spin_unlock(&lock);
	return 0;
}

/* At the end, with on_switch and on_exit detached: free all of it. */
SEC("syscall")
int drain(void *ctx)
{
	free_list(&exited, &counts.exited);
	free_list(&by_run, &counts.in_list);

	bpf_spin_lock(&lock);
	view.empty = !bpf_rbtree_first(&by_cpu) && bpf_list_empty(&by_run) &&
		     bpf_list_empty(&exited);
	view.counts = counts;
	bpf_spin_unlock(&lock);
	return 0;
}

char _license[] SEC("license") = "GPL";
