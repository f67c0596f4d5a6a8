// SPDX-License-Identifier: GPL-2.0
/*
 * One fault on purpose: bark.ko fault=NAME. What watches for it has to tell of
 * it in the kernel's log. Loading fails in any case, so that it can be loaded
 * again for the next.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *fault = "";
module_param(fault, charp, 0);
MODULE_PARM_DESC(fault, "which");

static int __rcu *pointer;
static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static DEFINE_SPINLOCK(spin);
static unsigned long shared;

/* A pointer that the compiler knows nothing about. */
static void *unknown(void *p)
{
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *q = unknown(p);

	kfree(p);
	if (p)
		READ_ONCE(q[8]);
}

static void beside_vmalloc(void)
{
	char *p = vmalloc(100), *q = unknown(p);

	if (p)
		READ_ONCE(q[200]);
	vfree(p);
}

static void rcu_unlocked(void)
{
	rcu_dereference(pointer);
}

static void lock_order(void)
{
	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);
	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void unsure_cpu(void)
{
	smp_processor_id();
}

static void list_broken(void)
{
	struct list_head head, lost, node;

	INIT_LIST_HEAD(&head);
	INIT_LIST_HEAD(&lost);
	head.prev = &lost;
	list_add_tail(&node, &head);
}

static void no_timeout(struct timer_list *timer)
{
}

static void timer_freed(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, no_timeout, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

static void leak(void)
{
	int i;

	/* Some of the addresses may still be in a register or on a stack. */
	for (i = 0; i < 32; i++)
		unknown(kmalloc(96, GFP_KERNEL));
}

static int count(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

static void race(void)
{
	struct task_struct *threads[2];
	int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = kthread_run(count, NULL, "bark");
	msleep(5000);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		if (!IS_ERR(threads[i]))
			kthread_stop(threads[i]);
}

static const struct {
	const char *name;
	void (*make)(void);
} faults[] = {
	{ "use_after_free", use_after_free },
	{ "beside_vmalloc", beside_vmalloc },
	{ "rcu_unlocked", rcu_unlocked },
	{ "lock_order", lock_order },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "unsure_cpu", unsure_cpu },
	{ "list_broken", list_broken },
	{ "timer_freed", timer_freed },
	{ "leak", leak },
	{ "race", race },
};

static int __init bark(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(fault, faults[i].name))
			continue;
		faults[i].make();
		return -EAGAIN;
	}
	pr_err("no such fault: \"%s\"\n", fault);
	return -EINVAL;
}
module_init(bark);

MODULE_DESCRIPTION("Faults on purpose");
MODULE_LICENSE("GPL");
