// SPDX-License-Identifier: GPL-2.0
/*
 * Private sections: what is made of them, what user space can do with that, and
 * what the verifier refuses.
 */
#include <sys/mman.h>

#include "refusal.h"
#include "said.h"
#include "sections.skel.h"
#include "sections.lskel.h"

FIXTURE(sections) {
	struct sections *skel;
	struct counter objects;
};

FIXTURE_SETUP(sections)
{
	said_start();
	ASSERT_TRUE(counter_open(&self->objects));
	self->skel = sections__open();
	ASSERT_NE(NULL, self->skel) TH_LOG("%s", said);
}

FIXTURE_TEARDOWN(sections)
{
	sections__destroy(self->skel);
	live__destroy(self->objects.skel);
}

/* Two locks, two lists: as many maps, each found by the name of its section. */
TEST_F(sections, maps)
{
	static const char * const names[] = {
		"enqueue", "dequeue", ".private.by-their-age", "xdp/counts", "job",
	};
	struct bpf_object *obj = self->skel->obj;
	const struct bpf_map *map;
	struct bpf_map_info info;
	__u32 len;
	int i, fd;

	ASSERT_EQ(0, sections__load(self->skel)) TH_LOG("%s", said);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		map = bpf_object__find_map_by_name(obj, names[i]);
		ASSERT_NE(NULL, map) TH_LOG("%s", names[i]);
		EXPECT_STREQ(names[i], bpf_map__name(map));
		fd = bpf_object__find_map_fd_by_name(obj, names[i]);
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		ASSERT_EQ(0, bpf_map_get_info_by_fd(fd, &info, &len));
		EXPECT_EQ(BPF_MAP_TYPE_ARRAY, info.type);
		EXPECT_EQ(1, info.max_entries);
		EXPECT_EQ(0, info.map_flags & BPF_F_MMAPABLE) TH_LOG("%s", names[i]);
		EXPECT_NE(0, info.btf_value_type_id);
		EXPECT_EQ(MAP_FAILED, mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, fd, 0));
	}
	EXPECT_EQ(bpf_object__find_map_by_name(obj, "enqueue"), self->skel->maps.enqueue);
	EXPECT_EQ(bpf_object__find_map_by_name(obj, "dequeue"), self->skel->maps.dequeue);
	EXPECT_EQ(bpf_object__find_map_by_name(obj, "xdp/counts"), self->skel->maps.xdp_counts);
	EXPECT_EQ(bpf_object__find_map_by_name(obj, "job"), self->skel->maps.job);
	EXPECT_EQ(bpf_object__find_map_by_name(obj, ".private.by-their-age"),
		  self->skel->maps.private_by_their_age);
	len = sizeof(info);
	fd = bpf_map__fd(self->skel->maps.private_by_their_age);
	ASSERT_EQ(0, bpf_map_get_info_by_fd(fd, &info, &len));
	EXPECT_STREQ(".private.by_the", info.name);
}

/* What no program refers to is skipped, as it was before there were such sections. */
TEST_F(sections, unused)
{
	EXPECT_EQ(NULL, bpf_object__find_map_by_name(self->skel->obj, "unused"));
	EXPECT_EQ(NULL, bpf_object__find_map_by_name(self->skel->obj, ".odd"));
	EXPECT_STREQ("", said);
}

TEST_F(sections, queues)
{
	struct sections *skel = self->skel;
	int i;

	ASSERT_EQ(0, sections__load(skel)) TH_LOG("%s", said);
	for (i = 3; i > 0; i--) {
		skel->bss->want = i * 10;
		ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.push)));
	}
	EXPECT_EQ(3, counter_read(&self->objects));
	ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.transfer)));
	EXPECT_EQ(2, skel->bss->seen);
	ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.transfer)));
	EXPECT_EQ(1, skel->bss->seen);
	ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.sort)));
	EXPECT_EQ(30, skel->bss->got);
	ASSERT_EQ(0, run_fd(bpf_program__fd(skel->progs.sort)));
	EXPECT_EQ(20, skel->bss->got);
	EXPECT_EQ(1, run_fd(bpf_program__fd(skel->progs.sort)));
	EXPECT_EQ(3, counter_read(&self->objects));

	/* One is in the first list, two are in the tree: all go with their maps. */
	sections__destroy(skel);
	self->skel = NULL;
	EXPECT_EQ(0, counter_wait(&self->objects, 0, PATIENCE_MS));
}

/* Initial values come to the map; until then user space can have others. */
TEST_F(sections, initial_values)
{
	struct sections *skel = self->skel;
	int *value, key = 0, values[4] = {};
	size_t size = 0;

	value = bpf_map__initial_value(skel->maps.xdp_counts, &size);
	ASSERT_NE(NULL, value);
	EXPECT_EQ(sizeof(values), size);
	EXPECT_EQ(2, value[1]);
	value[1] = 20;
	memcpy(values, value, sizeof(values));
	values[2] = 30;
	EXPECT_EQ(0, bpf_map__set_initial_value(skel->maps.xdp_counts, values, sizeof(values)));
	ASSERT_EQ(0, sections__load(skel)) TH_LOG("%s", said);
	EXPECT_EQ(NULL, bpf_map__initial_value(skel->maps.xdp_counts, &size));
	ASSERT_EQ(0, run_prog(skel->progs.constants));
	ASSERT_EQ(0, bpf_map__lookup_elem(skel->maps.xdp_counts, &key, sizeof(key), values,
					  sizeof(values), 0));
	EXPECT_EQ(1, values[0]);
	EXPECT_EQ(20, values[1]);
	EXPECT_EQ(30, values[2]);
	EXPECT_EQ(4 + 5, values[3]);
}

/* What is beside a lock has its value, too. */
TEST_F(sections, value_beside_lock)
{
	struct bpf_map *map = self->skel->maps.dequeue;
	char *value, copy[128];
	size_t size = 0, i;
	int key = 0, n = 0;

	value = bpf_map__initial_value(map, &size);
	ASSERT_NE(NULL, value);
	ASSERT_GE(sizeof(copy), size);
	ASSERT_EQ(0, sections__load(self->skel)) TH_LOG("%s", said);
	ASSERT_EQ(0, bpf_map__lookup_elem(map, &key, sizeof(key), copy, size, 0));
	for (i = 0; i + 4 <= size; i += 4)
		n += *(int *)(copy + i) == 100;
	EXPECT_EQ(1, n);
}

/* A lock, list or tree begins as 0, whoever sets it. */
TEST_F(sections, value_of_lock)
{
	struct bpf_map *map = self->skel->maps.enqueue;
	char *value, copy[128];
	size_t size = 0;

	value = bpf_map__initial_value(map, &size);
	ASSERT_NE(NULL, value);
	ASSERT_GE(sizeof(copy), size);
	EXPECT_EQ(0, bpf_map__set_initial_value(map, value, size));
	memset(copy, 1, sizeof(copy));
	EXPECT_EQ(-EINVAL, bpf_map__set_initial_value(map, copy, size));
	EXPECT_NE(NULL, strstr(said, "section 'enqueue': variable 'in_l"))
		TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "leave it 0")) TH_LOG("%s", said);
	said[0] = '\0';
	memset(value, 1, size);
	EXPECT_EQ(-EINVAL, sections__load(self->skel));
	EXPECT_NE(NULL, strstr(said, "section 'enqueue': variable 'in_l"))
		TH_LOG("%s", said);
}

/* A section of constants is constant to all, from the load on. */
TEST_F(sections, constants)
{
	struct bpf_map *map = self->skel->maps.job;
	int key = 0, value = 6;

	ASSERT_EQ(0, bpf_map__set_initial_value(map, &value, sizeof(value)));
	ASSERT_EQ(0, sections__load(self->skel)) TH_LOG("%s", said);
	EXPECT_EQ(-EPERM, bpf_map__update_elem(map, &key, sizeof(key), &value, sizeof(value), 0));
	value = 0;
	EXPECT_EQ(0, bpf_map__lookup_elem(map, &key, sizeof(key), &value, sizeof(value), 0));
	EXPECT_EQ(6, value);
}

/* Programs have offsets into what the compiler has laid out. */
TEST_F(sections, fixed)
{
	struct bpf_map *map = self->skel->maps.enqueue;
	int fd;

	EXPECT_EQ(-EOPNOTSUPP, bpf_map__set_value_size(map, 4096));
	EXPECT_EQ(-EOPNOTSUPP, bpf_map__set_type(map, BPF_MAP_TYPE_HASH));
	EXPECT_NE(NULL, strstr(said, "map 'enqueue'")) TH_LOG("%s", said);
	said[0] = '\0';
	EXPECT_EQ(-EINVAL, bpf_map__set_max_entries(map, 2));
	EXPECT_NE(NULL, strstr(said, "map 'enqueue': is made from a section")) TH_LOG("%s", said);
	EXPECT_EQ(0, bpf_map__set_max_entries(map, 1));
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "small", 4, 4, 1, NULL);
	ASSERT_LE(0, fd);
	said[0] = '\0';
	EXPECT_EQ(-EINVAL, bpf_map__reuse_fd(map, fd));
	EXPECT_NE(NULL, strstr(said, "map 'enqueue': cannot reuse")) TH_LOG("%s", said);
	close(fd);
	ASSERT_EQ(0, sections__load(self->skel)) TH_LOG("%s", said);
}

/* Two objects have the map of one section, if the second is told to. */
TEST_F(sections, reused)
{
	struct sections *second;
	int key = 0, values[4];

	ASSERT_EQ(0, sections__load(self->skel)) TH_LOG("%s", said);
	second = sections__open();
	ASSERT_NE(NULL, second);
	ASSERT_EQ(0, bpf_map__reuse_fd(second->maps.xdp_counts,
				       bpf_map__fd(self->skel->maps.xdp_counts)));
	ASSERT_EQ(0, sections__load(second)) TH_LOG("%s", said);
	ASSERT_EQ(0, run_prog(self->skel->progs.constants));
	ASSERT_EQ(0, run_prog(second->progs.constants));
	ASSERT_EQ(0, bpf_map__lookup_elem(second->maps.xdp_counts, &key, sizeof(key), values,
					  sizeof(values), 0));
	EXPECT_EQ(4 + 2 * 5, values[3]);
	sections__destroy(second);
}

/* The kernel itself makes the maps, and gives them their initial values. */
TEST_F(sections, light_skeleton)
{
	struct sections_light *skel = sections_light__open();
	int key = 0, values[4] = {};

	ASSERT_NE(NULL, skel);
	ASSERT_EQ(0, sections_light__load(skel));
	ASSERT_EQ(0, run_fd(skel->progs.constants.prog_fd));
	ASSERT_EQ(0, bpf_map_lookup_elem(skel->maps.xdp_counts.map_fd, &key, values));
	EXPECT_EQ(2, values[1]);
	EXPECT_EQ(4 + 5, values[3]);
	EXPECT_EQ(-EPERM, bpf_map_update_elem(skel->maps.job.map_fd, &key, values, 0));
	ASSERT_EQ(0, run_fd(skel->progs.push.prog_fd));
	ASSERT_EQ(0, run_fd(skel->progs.transfer.prog_fd));
	EXPECT_EQ(1, counter_read(&self->objects));
	sections_light__destroy(skel);
	EXPECT_EQ(0, counter_wait(&self->objects, 0, PATIENCE_MS));
}

REFUSED(sections, -EINVAL, lock_of_another, "held lock and object are not in the same allocation")
REFUSED(sections, -EACCES, writes_to_lock, "bpf_spin_lock cannot be accessed directly")
REFUSED(sections, -EACCES, writes_to_constant, "write into map forbidden")

TEST_HARNESS_MAIN
