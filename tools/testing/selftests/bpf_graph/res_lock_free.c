// SPDX-License-Identifier: GPL-2.0
/*
 * Lists and trees are freed with the map or the object they are in, whichever
 * lock guards them. Upstream's C (7.3) never frees those that are guarded by
 * bpf_res_spin_lock: the tests of fixture variant "res" fail there.
 */
#include "graph_test.h"
#include "owned_res.skel.h"
#include "owned_spin.skel.h"

#define NODES	2000
#define PAIRS	(NODES / 2)

/* A loaded copy of progs/owned.bpf.h, with either lock. */
struct owned {
	struct owned_spin *spin;
	struct owned_res *res;
	struct bpf_map *hash;
	__u32 *want, *made;
};

static void owned_close(struct owned *o)
{
	owned_res__destroy(o->res);
	owned_spin__destroy(o->spin);
	o->res = NULL;
	o->spin = NULL;
}

/* @flags are the hash map's. */
static bool owned_open(struct owned *o, bool res, unsigned int flags)
{
	int err = -ENOMEM;

	if (res) {
		o->res = owned_res__open();
		if (o->res) {
			o->hash = o->res->maps.in_hash;
			bpf_map__set_map_flags(o->hash, flags);
			err = owned_res__load(o->res);
			o->want = &o->res->bss->want;
			o->made = &o->res->bss->made;
		}
	} else {
		o->spin = owned_spin__open();
		if (o->spin) {
			o->hash = o->spin->maps.in_hash;
			bpf_map__set_map_flags(o->hash, flags);
			err = owned_spin__load(o->spin);
			o->want = &o->spin->bss->want;
			o->made = &o->spin->bss->made;
		}
	}
	if (err)
		owned_close(o);
	return !err;
}

static int owned_run(struct owned *o, const char *name)
{
	struct bpf_object *obj = o->res ? o->res->obj : o->spin->obj;

	return run_prog(bpf_object__find_program_by_name(obj, name));
}

/*
 * Run program @name until it has made @nodes: it gets as many as the allocator has at
 * hand, which is refilled between the runs. Returns how many it made.
 */
static int owned_fill(struct owned *o, const char *name, unsigned int nodes)
{
	int tries = 1000;

	*o->made = 0;
	while (*o->made < nodes && tries--) {
		*o->want = nodes - *o->made;
		if (owned_run(o, name))
			return -1;
	}
	return *o->made;
}

FIXTURE(res_lock_free) {
	struct counter live;
	struct owned o;
	int patience;
};

FIXTURE_VARIANT(res_lock_free) {
	bool res;
};

FIXTURE_VARIANT_ADD(res_lock_free, spin) { .res = false };
FIXTURE_VARIANT_ADD(res_lock_free, res) { .res = true };

FIXTURE_SETUP(res_lock_free)
{
	/* Do not wait long for what is known to fail. */
	self->patience = variant->res && (getenv("BPF_GRAPH_STOCK") || !strcmp(impl(), "c")) ?
			 500 : PATIENCE_MS;
	ASSERT_TRUE(counter_open(&self->live));
	ASSERT_TRUE(owned_open(&self->o, variant->res, 0));
}

FIXTURE_TEARDOWN(res_lock_free)
{
	owned_close(&self->o);
	live__destroy(self->live.skel);
}

TEST_F(res_lock_free, array_list)
{
	ASSERT_EQ(NODES, owned_fill(&self->o, "array_list", NODES));
	ASSERT_EQ(NODES, counter_read(&self->live));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

TEST_F(res_lock_free, array_tree)
{
	ASSERT_EQ(NODES, owned_fill(&self->o, "array_tree", NODES));
	ASSERT_EQ(NODES, counter_read(&self->live));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

/* An element of a hash map: freed with the map, or by itself. */
static int hash_add(struct owned *o)
{
	char value[256] = {};
	int key = 0;

	return bpf_map__update_elem(o->hash, &key, sizeof(key), value,
				    bpf_map__value_size(o->hash), BPF_NOEXIST);
}

TEST_F(res_lock_free, hash_list)
{
	ASSERT_EQ(0, hash_add(&self->o));
	ASSERT_EQ(NODES, owned_fill(&self->o, "hash_list", NODES));
	ASSERT_EQ(NODES, counter_read(&self->live));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

TEST_F(res_lock_free, hash_tree)
{
	ASSERT_EQ(0, hash_add(&self->o));
	ASSERT_EQ(NODES, owned_fill(&self->o, "hash_tree", NODES));
	ASSERT_EQ(NODES, counter_read(&self->live));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

/*
 * The fields of a deleted element stay until its memory is used for something
 * else or the map goes (7.3). Two ways to get there: from the elements the map
 * made in advance, ...
 */
TEST_F(res_lock_free, hash_delete)
{
	int key = 0;

	ASSERT_EQ(0, hash_add(&self->o));
	ASSERT_EQ(PAIRS, owned_fill(&self->o, "hash_list", PAIRS));
	ASSERT_EQ(PAIRS, owned_fill(&self->o, "hash_tree", PAIRS));
	ASSERT_EQ(2 * PAIRS, counter_read(&self->live));
	ASSERT_EQ(0, bpf_map__delete_elem(self->o.hash, &key, sizeof(key), 0));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

/* ... and from the allocator, which has a copy of the map's record for that. */
TEST_F(res_lock_free, hash_no_prealloc)
{
	int key = 0;

	owned_close(&self->o);
	ASSERT_TRUE(owned_open(&self->o, variant->res, BPF_F_NO_PREALLOC));
	ASSERT_EQ(0, hash_add(&self->o));
	ASSERT_EQ(PAIRS, owned_fill(&self->o, "hash_list", PAIRS));
	ASSERT_EQ(PAIRS, owned_fill(&self->o, "hash_tree", PAIRS));
	ASSERT_EQ(2 * PAIRS, counter_read(&self->live));
	ASSERT_EQ(0, bpf_map__delete_elem(self->o.hash, &key, sizeof(key), 0));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

/* An allocated object with both in it, dropped by the program. */
TEST_F(res_lock_free, object_drop)
{
	*self->o.want = PAIRS;
	ASSERT_EQ(0, owned_run(&self->o, "object_drop"));
	ASSERT_NE(0, *self->o.made);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

/* The same, kept in a map and dropped with it. */
TEST_F(res_lock_free, object_stash)
{
	*self->o.want = PAIRS;
	ASSERT_EQ(0, owned_run(&self->o, "object_stash"));
	ASSERT_NE(0, *self->o.made);
	ASSERT_EQ(*self->o.made, counter_read(&self->live));
	owned_close(&self->o);
	EXPECT_EQ(0, counter_wait(&self->live, 0, self->patience));
}

/* kB of memory that nobody has. */
static long free_kb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/*
 * The objects' memory comes back too: twelve times 2000 nodes of 2 kB would be
 * 48 MB. The first rounds only fill the allocator's caches.
 */
TEST_F(res_lock_free, memory)
{
	long before = 0, lost;
	int round;

	for (round = 0; round < 16; round++) {
		if (round == 4)
			before = free_kb();
		if (round)
			ASSERT_TRUE(owned_open(&self->o, variant->res, 0));
		ASSERT_EQ(NODES, owned_fill(&self->o, "array_list", NODES));
		owned_close(&self->o);
		ASSERT_EQ(0, counter_wait(&self->live, 0, self->patience));
	}
	sleep_ms(200);
	lost = before - free_kb();
	TH_LOG("%ld kB of free memory lost in %d rounds", lost, round - 4);
	EXPECT_LT(lost, 16 * 1024);
}

TEST_HARNESS_MAIN
