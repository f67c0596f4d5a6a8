// SPDX-License-Identifier: GPL-2.0
/*
 * Lists, trees and locks in the elements of an array, each addressed directly:
 * what is pushed to one comes out of that one, and no lock guards another's.
 */
#include "graph_test.h"
#include "elem_roots.skel.h"

FIXTURE(elem_roots) {
	struct counter live;
	struct elem_roots *skel;
};

FIXTURE_SETUP(elem_roots)
{
	ASSERT_TRUE(counter_open(&self->live));
	self->skel = elem_roots__open_and_load();
	ASSERT_NE(NULL, self->skel);
}

FIXTURE_TEARDOWN(elem_roots)
{
	elem_roots__destroy(self->skel);
	EXPECT_EQ(0, counter_wait(&self->live, 0, PATIENCE_MS));
	live__destroy(self->live.skel);
}

/* Fields behind list and tree are plain memory to user space. */
static int element_nr(int map, int key, int size)
{
	char value[64] = {};

	return bpf_map_lookup_elem(map, &key, value) ? -1 : *(int *)(value + size - 8);
}

TEST_F(elem_roots, own_lists)
{
	struct elem_roots *skel = self->skel;
	int map = bpf_map__fd(skel->maps.queues), size = bpf_map__value_size(skel->maps.queues);
	int i;

	for (i = 0; i < 3; i++) {
		skel->bss->want = 100 + i;
		ASSERT_EQ(0, run_prog(skel->progs.push0));
		skel->bss->want = 300 + i;
		ASSERT_EQ(0, run_prog(skel->progs.push3));
	}
	EXPECT_EQ(3, element_nr(map, 0, size));
	EXPECT_EQ(0, element_nr(map, 1, size));
	EXPECT_EQ(0, element_nr(map, 2, size));
	EXPECT_EQ(3, element_nr(map, 3, size));
	EXPECT_EQ(6, counter_read(&self->live));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, run_prog(skel->progs.pop3));
		EXPECT_EQ(300 + i, skel->bss->popped[3]);
	}
	ASSERT_EQ(0, run_prog(skel->progs.pop3));
	EXPECT_EQ(-1, skel->bss->popped[3]);
	EXPECT_EQ(3, counter_read(&self->live));
	ASSERT_EQ(0, run_prog(skel->progs.pop0));
	EXPECT_EQ(100, skel->bss->popped[0]);
	/* The rest goes with the map. */
	EXPECT_EQ(2, counter_read(&self->live));
	EXPECT_EQ(0, skel->bss->refused);
}

TEST_F(elem_roots, two_res_locks)
{
	int map = bpf_map__fd(self->skel->maps.res_queues);
	int size = bpf_map__value_size(self->skel->maps.res_queues);

	ASSERT_EQ(0, run_prog(self->skel->progs.two_res_locks));
	EXPECT_EQ(0, element_nr(map, 0, size));
	EXPECT_EQ(1, element_nr(map, 1, size));
	EXPECT_EQ(2, element_nr(map, 2, size));
	EXPECT_EQ(0, element_nr(map, 3, size));
}

static const struct {
	const char *program, *words;
} refused[] = {
	{ "lock_of_another", "held lock and object are not in the same allocation" },
	{ "right_then_wrong", "held lock and object are not in the same allocation" },
	{ "wrong_then_right", "held lock and object are not in the same allocation" },
	{ "spilled", "held lock and object are not in the same allocation" },
	{ "locked_then_met", "held lock and object are not in the same allocation" },
	{ "unlock_of_another", "bpf_spin_unlock of different lock" },
	{ "locked_twice", "Acquiring the same lock again, AA deadlock detected" },
	{ "lock_by_lookup", "held lock and object are not in the same allocation" },
	{ "writes_to_lock", "bpf_spin_lock cannot be accessed directly by load/store" },
};

TEST(elem_roots_refused)
{
	static char log[1 << 16];
	struct bpf_program *prog;
	struct elem_roots *skel;
	unsigned int i;

	libbpf_set_print(NULL);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		skel = elem_roots__open();
		ASSERT_NE(NULL, skel);
		bpf_object__for_each_program(prog, skel->obj)
			bpf_program__set_autoload(prog, false);
		prog = bpf_object__find_program_by_name(skel->obj, refused[i].program);
		ASSERT_NE(NULL, prog);
		bpf_program__set_autoload(prog, true);
		log[0] = '\0';
		bpf_program__set_log_buf(prog, log, sizeof(log));
		EXPECT_NE(0, elem_roots__load(skel)) TH_LOG("%s", refused[i].program);
		EXPECT_NE(NULL, strstr(log, refused[i].words))
			TH_LOG("%s: not said: %s; but: %s", refused[i].program, refused[i].words,
			       log + (strlen(log) > 500 ? strlen(log) - 500 : 0));
		elem_roots__destroy(skel);
	}
}

TEST_HARNESS_MAIN
