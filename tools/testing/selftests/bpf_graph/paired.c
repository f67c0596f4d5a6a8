// SPDX-License-Identifier: GPL-2.0
/*
 * Two locks at once: nodes move between map values, nobody sees one in neither of them,
 * and nobody waits for ever, whichever order the locks are named in; what is refused.
 */
#include "threads.h"
#include "refusal.h"
#include "paired.h"
#include "paired_spin.skel.h"
#include "paired_res.skel.h"

#define ENOUGH 20000
#define LIMIT_MS 60000

#define SEEN(what) __atomic_load_n(&s->bss->seen.what, __ATOMIC_RELAXED)

/* Two threads move all items to and fro until all has been seen. */
#define SWING(skel)								\
do {										\
	__auto_type s = skel##__open_and_load();				\
	struct worker workers[2];						\
	long long start;							\
	bool stop = false;							\
										\
	ASSERT_NE(NULL, s);							\
	ASSERT_EQ(0, run_prog(s->progs.fill));					\
	for (int i = 0; i < 2; i++)						\
		ASSERT_TRUE(worker_start(&workers[i],				\
					 bpf_program__fd(s->progs.swing), i, &stop));	\
	start = now_ms();							\
	while ((SEEN(moved) < ENOUGH || !SEEN(same)) && !SEEN(wrong) &&		\
	       now_ms() - start < LIMIT_MS)					\
		sleep_ms(1);							\
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);			\
	for (int i = 0; i < 2; i++)						\
		EXPECT_EQ(0, worker_join(&workers[i]));				\
	EXPECT_LE(ENOUGH, SEEN(moved));						\
	EXPECT_NE(0, SEEN(same));						\
	EXPECT_EQ(0, SEEN(wrong));						\
	EXPECT_EQ(0, SEEN(refused));						\
	skel##__destroy(s);							\
} while (0)

TEST(nobody_sees_an_item_in_neither)
{
	SWING(paired_spin);
}

TEST(nor_with_resilient_locks)
{
	SWING(paired_res);
}

TEST(values_that_are_named)
{
	struct paired_spin *s = paired_spin__open_and_load();

	ASSERT_NE(NULL, s);
	EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.between_variables)));
	EXPECT_EQ(0, s->bss->left);
	EXPECT_EQ(1, s->bss->right);
	paired_spin__destroy(s);
}

TEST(what_cannot_be_had_is_not_held)
{
	struct paired_res *s = paired_res__open_and_load();

	ASSERT_NE(NULL, s);
	EXPECT_EQ(0, run_fd(bpf_program__fd(s->progs.under_another)));
	EXPECT_EQ(0, s->bss->below);
	EXPECT_EQ(-EDEADLK, s->bss->above);
	paired_res__destroy(s);
}

REFUSED(paired_spin, -EINVAL, one_of_two_released,
	"bpf_spin_unlock: bpf_spin_lock_double() took this lock with another; release both by bpf_spin_unlock_double()");
REFUSED(paired_spin, -EINVAL, taken_alone,
	"bpf_spin_unlock_double: R1 is no lock that bpf_spin_lock_double() took");
REFUSED(paired_spin, -EINVAL, another_one_released,
	"bpf_spin_unlock_double: R2 is no lock that bpf_spin_lock_double() took");
REFUSED(paired_spin, -EINVAL, one_released_twice,
	"bpf_spin_unlock_double: R2 is no lock that bpf_spin_lock_double() took");
REFUSED(paired_spin, -EINVAL, under_a_lock,
	"bpf_spin_lock_double: a lock is held already; take the two before it, or without it");
REFUSED(paired_spin, -EINVAL, twice_the_same,
	"bpf_spin_lock_double: both are one lock; take it by bpf_spin_lock()");
REFUSED(paired_spin, -EINVAL, never_released,
	"BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region");
REFUSED(paired_spin, -EINVAL, no_lock_there,
	"doesn't point to 'struct bpf_spin_lock' that is at 0");
REFUSED(paired_spin, -EACCES, node_used_behind, "invalid mem access 'scalar'");
REFUSED(paired_res, -EINVAL, out_of_order, "bpf_res_spin_unlock cannot be out of order");
REFUSED(paired_res, -EINVAL, released_alone,
	"bpf_res_spin_unlock: bpf_res_spin_lock_double() took this lock with another; release both by bpf_res_spin_unlock_double()");
REFUSED(paired_res, -EINVAL, not_looked_at, "bpf_res_spin_unlock without taking a lock");
REFUSED(paired_res, -EINVAL, held_already, "Acquiring the same lock again, AA deadlock detected");

TEST_HARNESS_MAIN
