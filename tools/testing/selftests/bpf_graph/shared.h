/* SPDX-License-Identifier: GPL-2.0 */
/* What tests need that let threads loose on the worlds of progs/shared.bpf.h. */
#ifndef _SHARED_H
#define _SHARED_H

#include "threads.h"
#include "walk.h"

/* Where a loaded copy has its things, whichever its lock and its skeleton. */
struct shared {
	struct bpf_object *obj;
	struct bpf_map *world_type, *worlds;
	struct stress_stats *stats;
	struct walk *walk;
	int stress, walk_all, forget_all;
	__u32 *seeds, *batch;
};

/* Point @sh into the skeleton @s. */
#define SHARED_USE(sh, s)						\
do {									\
	(sh)->obj = (s)->obj;						\
	(sh)->world_type = (s)->maps.world_type;			\
	(sh)->worlds = (s)->maps.worlds;				\
	(sh)->stats = (struct stress_stats *)(s)->bss->stats;		\
	(sh)->walk = (struct walk *)&(s)->bss->walk;			\
	(sh)->seeds = (s)->bss->seeds;					\
	(sh)->batch = &(s)->data->batch;				\
	(sh)->stress = bpf_program__fd((s)->progs.stress);		\
	(sh)->walk_all = bpf_program__fd((s)->progs.walk_all);		\
	(sh)->forget_all = bpf_program__fd((s)->progs.forget_all);	\
} while (0)

/* Put an empty world into the map @fd. */
static inline int world_add(const struct shared *sh, int fd)
{
	char value[256] = {};
	int zero = 0;

	if (bpf_map__value_size(sh->world_type) > sizeof(value))
		return -E2BIG;
	return bpf_map_update_elem(fd, &zero, value, BPF_ANY);
}

/* A new map with an empty world in it takes the place of what there was. */
static inline int world_replace(const struct shared *sh, int which)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .btf_fd = bpf_object__btf_fd(sh->obj),
		    .btf_key_type_id = bpf_map__btf_key_type_id(sh->world_type),
		    .btf_value_type_id = bpf_map__btf_value_type_id(sh->world_type));
	int fd, err;

	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "world", sizeof(int),
			    bpf_map__value_size(sh->world_type),
			    bpf_map__max_entries(sh->world_type), &opts);
	if (fd < 0)
		return fd;
	err = world_add(sh, fd) ?:
	      bpf_map_update_elem(bpf_map__fd(sh->worlds), &which, &fd, BPF_ANY);
	close(fd);
	return err;
}

/* There is no world @which for a while, and then one from which all is gone. */
static inline int world_delete(const struct shared *sh, int which)
{
	return bpf_map_delete_elem(bpf_map__fd(sh->worlds), &which);
}

/* Only the element goes, and is made again in what may be the same memory. */
static inline int world_remake(const struct shared *sh, int which)
{
	int err, id, fd, zero = 0;

	err = bpf_map_lookup_elem(bpf_map__fd(sh->worlds), &which, &id);
	if (err)
		return err;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	err = bpf_map_delete_elem(fd, &zero) ?: world_add(sh, fd);
	close(fd);
	return err;
}

static inline unsigned long long shared_ops(const struct shared *sh, int op, int end)
{
	unsigned long long sum = 0;
	int i;

	for (i = 0; i < MAX_THREADS; i++)
		sum += __atomic_load_n(&sh->stats[i].n[op][end], __ATOMIC_RELAXED);
	return sum;
}

/* All operations, however they ended. */
static inline unsigned long long shared_all_ops(const struct shared *sh)
{
	unsigned long long sum = 0;
	int op, end;

	for (op = 0; op < NR_STRESS_OPS; op++)
		for (end = 0; end < NR_ENDS; end++)
			sum += shared_ops(sh, op, end);
	return sum;
}

static inline void shared_log(const struct shared *sh)
{
	static const char * const names[] = { "new", "drop", "add", "add_after", "del", "pop",
		"move", "rb_add", "rb_remove", "rb_pop", "rb_move", "bag", "look",
	};
	int op;

	for (op = 0; op < NR_STRESS_OPS; op++)
		ksft_print_msg("%-9s %8llu done, %8llu refused, %8llu found none, %llu no lock\n",
			       names[op], shared_ops(sh, op, END_DONE),
			       shared_ops(sh, op, END_REFUSED), shared_ops(sh, op, END_NONE),
			       shared_ops(sh, op, END_LOCK));
}

/* How many operations ended as none may. */
static inline unsigned long long shared_wrong(const struct shared *sh)
{
	unsigned long long sum = 0;
	int op;

	for (op = 0; op < NR_STRESS_OPS; op++)
		sum += shared_ops(sh, op, END_WRONG);
	return sum;
}

/* Walk everything, while nobody is at work. Returns an allocated census, or NULL. */
static inline struct census *shared_census(const struct shared *sh)
{
	struct census *c = calloc(1, sizeof(*c));
	unsigned int which, what;

	for (which = 0; c && which < WORLDS; which++) {
		for (what = WALK_LIST; what <= WALK_TREE; what++) {
			sh->walk->what = what;
			sh->walk->world = which;
			if (run_as(sh->walk_all, 0, 1) || !sh->walk->found)
				WALK_WRONG(c, "world %u was not walked", which);
			else if (what == WALK_LIST)
				census_list(c, sh->walk);
			else
				census_tree(c, sh->walk);
		}
	}
	if (!c)
		return NULL;
	sh->walk->what = WALK_SLOTS;
	if (run_as(sh->walk_all, 0, 1))
		WALK_WRONG(c, "the slots were not walked");
	census_slots(c, sh->walk);
	census_finish(c);
	return c;
}

#endif
