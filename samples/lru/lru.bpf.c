// SPDX-License-Identifier: GPL-2.0
/*
 * lru: a cache that forgets what was not used for longest. Read tasktop.bpf.c for
 * the words: owning and non-owning references, collections and their lock.
 *
 * An entry has two owners:
 *
 *  - the list, in the order of use, the last used at the front. It says who has
 *    to go when the cache is full.
 *  - the map, which finds an entry by key. A __kptr in a map is an owner like
 *    any other, and a handle: what is read there is a non-owning reference, by
 *    which bpf_list_move_front() moves the entry at once. Nobody walks the list.
 *
 * The lock guards the list. The map has locks of its own, and may not be called
 * under ours, so for a moment an entry can be in one and not in the other:
 *
 *  - to insert: who creates the slot of a key fills it. Then comes the list.
 *  - to evict: who took an entry from the list removes its slot.
 *
 * An entry that is not in the list cannot be moved; that is a miss, not a fault.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "lru.h"

#define ENOENT	2

/* The tag tells the verifier which objects are in there, and by which hook. */
#define holds(type, hook) __attribute__((btf_decl_tag("contains:" #type ":" #hook)))

struct entry {
	struct bpf_refcount refs;	/* there is more than one owner */
	struct bpf_list_node hook;
	u64 key;
	u64 value;
};

static struct bpf_spin_lock lock SEC(".bss.guarded");
static struct bpf_list_head by_use SEC(".bss.guarded") holds(entry, hook);
static u64 used SEC(".bss.guarded");	/* how many are in there */

struct slot {
	struct entry __kptr * entry;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);		/* user space says how many */
	__type(key, u64);
	__type(value, struct slot);
} slots SEC(".maps");

__u64 capacity;
__u64 refs_got, refs_put;

/* Give a reference back; the last one frees the object. */
static void put(struct entry *e)
{
	bpf_obj_drop(e);
	__sync_fetch_and_add(&refs_put, 1);
}

/* Is it there? Then it is the last used now. */
static bool hit(u64 key, u64 *value)
{
	/* Maps are asked before the lock is taken. */
	struct slot *slot = bpf_map_lookup_elem(&slots, &key);
	bool found = false;
	struct entry *e;

	if (!slot)
		return false;
	bpf_spin_lock(&lock);
	/*
	 * Under the lock the handle may be read, and is good until the unlock,
	 * even if another CPU takes the entry out of the slot and drops it. A
	 * slot that was removed may serve another key at once, so look.
	 */
	e = slot->entry;
	if (e && e->key == key)
		found = bpf_list_move_front(&by_use, &e->hook, &by_use);
	if (found)
		*value = e->value;
	bpf_spin_unlock(&lock);
	return found;
}

/* Take the entry out that was not used for longest, if there are more than @most. */
static u64 evict(u64 most)
{
	struct bpf_list_node *l = NULL;
	struct entry *e, *mapped;
	struct slot *slot;
	u64 key;

	bpf_spin_lock(&lock);
	if (used > most) {
		l = bpf_list_pop_back(&by_use);
		used--;
	}
	bpf_spin_unlock(&lock);
	if (!l)
		return NO_KEY;

	/* The list's reference is ours now. The other one is in the map. */
	e = container_of(l, struct entry, hook);
	key = e->key;
	slot = bpf_map_lookup_elem(&slots, &key);
	mapped = slot ? bpf_kptr_xchg(&slot->entry, NULL) : NULL;
	bpf_map_delete_elem(&slots, &key);
	if (mapped)
		put(mapped);
	put(e);
	return key;
}

/* Look a key up. What is not there is put there. */
SEC("syscall")
int access(struct access *ctx)
{
	u64 key = ctx->key, value = ctx->value;
	struct slot none = {}, *slot;
	struct entry *e, *for_slot;

	ctx->evicted = NO_KEY;
	if (hit(key, &value)) {
		ctx->value = value;
		return HIT;
	}

	/* Of several CPUs that miss the same key one succeeds here. */
	if (bpf_map_update_elem(&slots, &key, &none, BPF_NOEXIST))
		return MISS_NOT_KEPT;
	slot = bpf_map_lookup_elem(&slots, &key);
	e = slot ? bpf_obj_new(bpf_core_type_id_local(struct entry)) : NULL;
	if (!e) {
		bpf_map_delete_elem(&slots, &key);
		return MISS_NOT_KEPT;
	}
	e->key = key;
	e->value = value;
	for_slot = bpf_refcount_acquire(e);	/* never NULL: we own e */
	__sync_fetch_and_add(&refs_got, 2);

	/* This gives a reference away, and back what was in there: nothing. */
	for_slot = bpf_kptr_xchg(&slot->entry, for_slot);
	if (for_slot)
		put(for_slot);
	bpf_spin_lock(&lock);
	bpf_list_push_front(&by_use, &e->hook);
	used++;
	bpf_spin_unlock(&lock);

	ctx->evicted = evict(capacity);
	return MISS;
}

/* Forget the one that was not used for longest. */
SEC("syscall")
int forget(struct access *ctx)
{
	ctx->evicted = evict(0);
	return ctx->evicted == NO_KEY ? -ENOENT : 0;
}

char _license[] SEC("license") = "GPL";
