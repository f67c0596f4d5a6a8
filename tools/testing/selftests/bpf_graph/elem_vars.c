// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_map_elem() and bpf_array_elem(): what a C program writes is in the element
 * that is meant, initial values are there, user space has them in the skeleton,
 * and what cannot be loaded is refused with the names of program, map, element.
 */
#include "graph_test.h"
#include "said.h"

/* As the program has it: the skeleton refers to it. */
struct odd {
	__u32 x, y, z;
};

#include "elem_vars.skel.h"

static struct odd element(const struct bpf_map *map, __u32 key)
{
	struct odd value = { -1, -1, -1 };

	bpf_map_lookup_elem(bpf_map__fd(map), &key, &value);
	return value;
}

FIXTURE(elem_vars) {
	struct elem_vars *skel;
};

FIXTURE_SETUP(elem_vars)
{
	said_start();
	self->skel = elem_vars__open();
	ASSERT_NE(NULL, self->skel) TH_LOG("%s", said);
}

FIXTURE_TEARDOWN(elem_vars)
{
	elem_vars__destroy(self->skel);
}

TEST_F(elem_vars, variables)
{
	struct elem_vars *skel = self->skel;

	/* Before the load they are the object's. */
	EXPECT_EQ(5, skel->table[1].value.y);
	EXPECT_EQ(40, skel->table[4].value.x);
	skel->table[4].value.x = 50;
	ASSERT_EQ(0, elem_vars__load(skel)) TH_LOG("%s", said);
	EXPECT_EQ(5, bpf_map__max_entries(skel->maps.table));
	EXPECT_EQ(sizeof(struct odd), bpf_map__value_size(skel->maps.table));
	EXPECT_EQ(6, element(skel->maps.table, 1).z);

	ASSERT_EQ(0, run_prog(skel->progs.variables));
	EXPECT_EQ(77 + 6, skel->bss->found);
	/* After it they are the kernel's memory: the same by either way. */
	EXPECT_EQ(105, skel->table[1].value.y);
	EXPECT_EQ(105, element(skel->maps.table, 1).y);
	EXPECT_EQ(50 + 30, skel->table[3].value.z);
	EXPECT_EQ(11, skel->table[0].value.x);
	EXPECT_EQ(2, skel->table[0].value.y);
	EXPECT_EQ(0, skel->table[2].value.x | skel->table[2].value.y | skel->table[2].value.z);
	skel->table[1].value.y = 7;
	EXPECT_EQ(7, element(skel->maps.table, 1).y);
	ASSERT_EQ(0, run_prog(skel->progs.variables));
	EXPECT_EQ(107, skel->table[1].value.y);
	EXPECT_EQ(78 + 6, skel->bss->found);
}

/* A const array is constant to all. */
TEST_F(elem_vars, constants)
{
	__u32 key = 1, value = 0;
	int fd;

	ASSERT_EQ(0, elem_vars__load(self->skel)) TH_LOG("%s", said);
	EXPECT_EQ(30, self->skel->steps[2].value);
	fd = bpf_map__fd(self->skel->maps.steps);
	EXPECT_EQ(0, bpf_map_lookup_elem(fd, &key, &value));
	EXPECT_EQ(20, value);
	EXPECT_EQ(-EPERM, bpf_map_update_elem(fd, &key, &value, 0));
}

TEST_F(elem_vars, maps)
{
	int nr = libbpf_num_possible_cpus(), i, nines = 0;
	__u32 key;
	struct {
		struct odd value;
		__u32 pad;
	} *values = calloc(nr, sizeof(*values));

	ASSERT_EQ(0, elem_vars__load(self->skel)) TH_LOG("%s", said);
	ASSERT_EQ(0, run_prog(self->skel->progs.maps));
	for (key = 0; key < 64; key++)
		EXPECT_EQ(key && key < 40 && key % 10 == 0 ? key / 10 : 0,
			  element(self->skel->maps.in_maps, key).z);
	for (key = 0; key < 64; key++) {
		ASSERT_EQ(0, bpf_map_lookup_elem(bpf_map__fd(self->skel->maps.per_cpu), &key,
						 values));
		for (i = 0; i < nr; i++)
			if (values[i].value.y) {
				EXPECT_EQ(33, key);
				nines += values[i].value.y;
			}
	}
	EXPECT_EQ(9, nines);
	free(values);
}

/* The number of elements can be set until the load: then is the time to check. */
TEST_F(elem_vars, resized)
{
	bpf_program__set_autoload(self->skel->progs.last, true);
	ASSERT_EQ(0, bpf_map__set_max_entries(self->skel->maps.in_maps, 64));
	EXPECT_EQ(0, elem_vars__load(self->skel)) TH_LOG("%s", said);
	elem_vars__destroy(self->skel);

	self->skel = elem_vars__open();
	ASSERT_NE(NULL, self->skel);
	bpf_program__set_autoload(self->skel->progs.last, true);
	ASSERT_EQ(0, bpf_map__set_max_entries(self->skel->maps.in_maps, 63));
	EXPECT_EQ(-ERANGE, elem_vars__load(self->skel));
	EXPECT_NE(NULL, strstr(said, "prog 'last': map 'in_maps'")) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "63")) TH_LOG("%s", said);
}

TEST_F(elem_vars, other_type)
{
	bpf_program__set_autoload(self->skel->progs.last, true);
	ASSERT_EQ(0, bpf_map__set_type(self->skel->maps.in_maps, BPF_MAP_TYPE_HASH));
	EXPECT_EQ(-EINVAL, elem_vars__load(self->skel));
	EXPECT_NE(NULL, strstr(said, "in_maps")) TH_LOG("%s", said);
}

TEST_HARNESS_MAIN
