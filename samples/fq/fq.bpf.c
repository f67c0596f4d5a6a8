// SPDX-License-Identifier: GPL-2.0
/*
 * fq: a queueing discipline that is fair to flows, with the policy of upstream's
 * bpf_qdisc_fq. Read tasktop.bpf.c for the words: owning and non-owning
 * references, collections and their lock.
 *
 * A flow has credit, in bytes, and sends until that is used up; then it goes to
 * the end of the line and gets a quantum more. Who has just begun goes first.
 * Whose next packet is for a time in the future waits for that time:
 *
 *	idle  ->  fresh  ->  old  ->  idle
 *	             \      /   ^
 *	              v    v    |
 *	              waiting --+
 *
 *  - Three of these are lists, and one is a tree. bpf_list_move_back() and its like
 *    take a flow from one to another: a single step, so there is no reference to be
 *    counted or lost, and nothing to be undone. That it fails says that the flow is in
 *    another state. Nobody else keeps what the state is.
 *  - bpf_rbtree_find() finds the flow that a packet belongs to, and no map is needed.
 *  - All packets are in one tree, by flow, then by time. bpf_rbtree_lower_bound()
 *    finds the next one of any flow.
 *  - So all of it is under one lock, which is taken once for each packet.
 *
 * The state is that of one qdisc; there can be no second one at the same time.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "fq.h"

#define EBUSY		16
#define ENOBUFS		105
#define ENOENT		2

#define NET_XMIT_SUCCESS	0
#define NET_XMIT_DROP		1
#define TC_PRIO_CONTROL		7
#define TC_PRIO_MAX		15

#define LIMIT		10000		/* packets */
#define HORIZON		10000000000ULL	/* no packet is for later than that, in ns */
#define SLACK		10000		/* how exact the timer has to be, in ns */
#define REFILL		40		/* a pause after which credit is new, in jiffies */
#define ORPHANS		1024		/* flows for packets without a connection */
#define FORGET		8		/* idle flows, for each that is new */
#define FOREVER		(~0ULL)

/* Ids of flows. What controls the network is no flow: it comes before all. */
#define CONTROL		0
#define ORPHAN		0x100000000ULL
#define SOCKET		0x200000000ULL

/* The tag tells the verifier which objects are in there, and by which hook. */
#define holds(type, hook) __attribute__((btf_decl_tag("contains:" #type ":" #hook)))

/* Without a bpf_refcount: there is one owner, the tree or a program. */
struct packet {
	struct bpf_rb_node hook;
	u64 flow;
	u64 time;
	struct sk_buff __kptr * skb;
};

/* Two owners: the tree that finds it, and the list or tree that is its state. */
struct flow {
	struct bpf_refcount refs;
	struct bpf_rb_node by_id, by_time;
	struct bpf_list_node turn;
	u64 id;
	u64 time;	/* that it waits for */
	u64 since;	/* when it became idle */
	int credit;
	u32 length;	/* packets */
};

static struct bpf_spin_lock lock SEC(".bss.guarded");
static struct bpf_rb_root packets SEC(".bss.guarded") holds(packet, hook);
static struct bpf_rb_root flows SEC(".bss.guarded") holds(flow, by_id);
static struct bpf_rb_root waiting SEC(".bss.guarded") holds(flow, by_time);
static struct bpf_list_head idle SEC(".bss.guarded") holds(flow, turn);
static struct bpf_list_head fresh SEC(".bss.guarded") holds(flow, turn);
static struct bpf_list_head old SEC(".bss.guarded") holds(flow, turn);

/* Weak, so that its value is left to user space. Where it is false, nothing counts. */
const bool counting __weak;
__u64 made, dropped;	/* objects */

static u64 user;		/* the one qdisc */
static u64 clock;		/* as last read */
static u32 quantum;

#define packet_of(node)	container_of(node, struct packet, hook)

/* The verifier need not see that a loop ends, if this may end it: after seconds. */
static __always_inline bool can_loop(void)
{
	asm volatile goto("may_goto %l[end]" :::: end);
	return true;
end:
	return false;
}

static bool packet_before(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	struct packet *p = packet_of(a), *q = packet_of(b);

	return p->flow != q->flow ? p->flow < q->flow : p->time < q->time;
}

/* For a search: a flow by itself comes before its packets. */
static int flow_to_packet(const void *flow, const struct bpf_rb_node *n)
{
	return *(const u64 *)flow <= packet_of(n)->flow ? -1 : 1;
}

static bool flow_before(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct flow, by_id)->id < container_of(b, struct flow, by_id)->id;
}

static int id_to_flow(const void *id, const struct bpf_rb_node *n)
{
	u64 want = *(const u64 *)id, have = container_of(n, struct flow, by_id)->id;

	return want < have ? -1 : want > have;
}

static bool sooner(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct flow, by_time)->time <
	       container_of(b, struct flow, by_time)->time;
}

static void count(__u64 *what, int n)
{
	if (counting)
		__sync_fetch_and_add(what, n);
}

static u32 length_of(const struct sk_buff *skb)
{
	return ((struct qdisc_skb_cb *)skb->cb)->pkt_len;
}

static u64 flow_of(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if ((skb->priority & TC_PRIO_MAX) == TC_PRIO_CONTROL)
		return CONTROL;
	if (sk && !((1 << sk->__sk_common.skc_state) &
		    (TCPF_LISTEN | TCPF_NEW_SYN_RECV | TCPF_CLOSE)))
		return SOCKET | sk->__sk_common.skc_hash;
	return ORPHAN | (bpf_skb_get_hash(skb) & (ORPHANS - 1));
}

/* When to send it: as it says, or now. False: that is too far away. */
static bool set_time(struct sk_buff *skb)
{
	if (!skb->tstamp || skb->tstamp > (s64)(clock + HORIZON))
		clock = bpf_ktime_get_ns();
	if (!skb->tstamp)
		skb->tstamp = clock;
	return skb->tstamp <= (s64)(clock + HORIZON);
}

/* Take out the first flow of a list, if it has been idle since a time or before. */
static bool forget(struct bpf_list_head *list, u64 since)
{
	struct bpf_rb_node *by_id = NULL;
	struct bpf_list_node *turn;
	struct flow *f;

	bpf_spin_lock(&lock);
	turn = bpf_list_front(list);
	if (turn) {
		f = container_of(turn, struct flow, turn);
		turn = NULL;
		if (f->since <= since) {
			by_id = bpf_rbtree_remove(&flows, &f->by_id);
			turn = bpf_list_del(list, &f->turn);
		}
	}
	bpf_spin_unlock(&lock);
	/* The references that the two had are ours now. */
	if (by_id)
		bpf_obj_drop(container_of(by_id, struct flow, by_id));
	if (!turn)
		return false;
	bpf_obj_drop(container_of(turn, struct flow, turn));
	count(&dropped, 1);
	return true;
}

/* A new one is idle. Those that have been it for longest make place. */
static void make_flow(u64 id, u64 jiffies)
{
	struct flow *f, *by_id;
	int i;

	bpf_for(i, 0, FORGET)
		if (!forget(&idle, jiffies - KEPT * CONFIG_HZ))
			break;
	f = bpf_obj_new(bpf_core_type_id_local(struct flow));
	if (!f)
		return;
	count(&made, 1);
	f->id = id;
	f->since = jiffies;
	f->credit = FIRST(quantum);
	by_id = bpf_refcount_acquire(f);	/* never NULL: we own f */

	bpf_spin_lock(&lock);
	bpf_rbtree_add(&flows, &by_id->by_id, flow_before);
	bpf_list_push_back(&idle, &f->turn);
	bpf_spin_unlock(&lock);
}

/* A flow gets a packet. If it was idle, it is not any more. */
static int join(u64 id, u64 jiffies)
{
	struct bpf_rb_node *n;
	struct flow *f;

	if (id == CONTROL)
		return 0;
	n = bpf_rbtree_find(&flows, &id, sizeof(id), id_to_flow);
	if (!n)
		return -ENOENT;
	f = container_of(n, struct flow, by_id);
	if (f->length >= FLOW_LIMIT)
		return -ENOBUFS;
	f->length++;
	if (bpf_list_move_back(&idle, &f->turn, &fresh) &&
	    jiffies - f->since > REFILL && f->credit < (int)quantum)
		f->credit = quantum;
	return 0;
}

SEC("struct_ops")
int BPF_PROG(fq_enqueue, struct sk_buff *skb, struct Qdisc *sch, struct bpf_sk_buff_ptr *to_free)
{
	u64 id = flow_of(skb), jiffies = bpf_jiffies64();
	u32 length = length_of(skb);
	struct packet *p;
	int err;

	if (sch->q.qlen >= sch->limit || !set_time(skb))
		goto drop;
	p = bpf_obj_new(bpf_core_type_id_local(struct packet));
	if (!p)
		goto drop;
	p->flow = id;
	p->time = skb->tstamp;

	bpf_spin_lock(&lock);
	err = join(id, jiffies);
	if (err == -ENOENT) {
		bpf_spin_unlock(&lock);
		make_flow(id, jiffies);
		bpf_spin_lock(&lock);
		err = join(id, jiffies);
	}
	if (err) {
		bpf_spin_unlock(&lock);
		bpf_obj_drop(p);
		goto drop;
	}
	skb = bpf_kptr_xchg(&p->skb, skb);
	bpf_rbtree_add(&packets, &p->hook, packet_before);
	bpf_spin_unlock(&lock);
	count(&made, 1);
	if (skb)	/* never: nothing was in there, but that is not known */
		bpf_qdisc_skb_drop(skb, to_free);
	sch->q.qlen++;
	sch->qstats.backlog += length;
	return NET_XMIT_SUCCESS;
drop:
	bpf_qdisc_skb_drop(skb, to_free);
	sch->qstats.drops++;
	return NET_XMIT_DROP;
}

/* Whose time has come is at the end of the line. */
static void wake(u64 now)
{
	struct bpf_rb_node *n;

	struct flow *f;

	while ((n = bpf_rbtree_first(&waiting)) && can_loop()) {
		f = container_of(n, struct flow, by_time);
		if (f->time > now ||
		    !bpf_rbtree_move_list_back(&waiting, &f->by_time, &old, &f->turn))
			break;
	}
}

/* The packet that is to be sent now, if there is one. */
static struct bpf_rb_node *choose(u64 now, u64 jiffies)
{
	struct bpf_list_head *list;
	struct bpf_list_node *l;
	struct bpf_rb_node *n;
	struct sk_buff *skb;
	struct flow *f;

	while (can_loop()) {
		list = &fresh;
		l = bpf_list_front(&fresh);
		if (!l) {
			list = &old;
			l = bpf_list_front(&old);
		}
		if (!l)
			break;
		f = container_of(l, struct flow, turn);
		if (f->credit <= 0) {
			f->credit += quantum;
			bpf_list_move_back(list, l, &old);
			continue;
		}
		n = NULL;
		if (f->length)
			n = bpf_rbtree_lower_bound(&packets, &f->id, sizeof(f->id), flow_to_packet);
		if (!n) {
			/* Not at once, if it was fresh: it would be so again with its next. */
			if (list == &fresh && !bpf_list_empty(&old)) {
				bpf_list_move_back(list, l, &old);
			} else {
				f->since = jiffies;
				bpf_list_move_back(list, l, &idle);
			}
			continue;
		}
		if (packet_of(n)->time > now) {
			f->time = packet_of(n)->time;
			bpf_list_move_rbtree(list, &f->turn, &waiting, &f->by_time, sooner);
			continue;
		}
		skb = packet_of(n)->skb;	/* it is read where it is */
		if (skb)
			f->credit -= length_of(skb);
		f->length--;
		return n;
	}
	return NULL;
}

/* Take out the first packet, or the one that is to be sent now. */
SEC("struct_ops")
struct sk_buff *BPF_PROG(fq_dequeue, struct Qdisc *sch)
{
	u64 now, jiffies = bpf_jiffies64(), then = FOREVER;
	struct sk_buff *skb = NULL;
	struct bpf_rb_node *n, *t;

	if (!sch->q.qlen)
		return NULL;
	now = bpf_ktime_get_ns();
	clock = now;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_first(&packets);
	if (!n || packet_of(n)->flow != CONTROL) {
		wake(now);
		n = choose(now, jiffies);
	}
	if (n) {
		n = bpf_rbtree_remove(&packets, n);
	} else {
		t = bpf_rbtree_first(&waiting);
		if (t)
			then = container_of(t, struct flow, by_time)->time;
	}
	bpf_spin_unlock(&lock);

	if (n) {
		skb = bpf_kptr_xchg(&packet_of(n)->skb, NULL);
		bpf_obj_drop(packet_of(n));
		count(&dropped, 1);
	}
	if (skb) {
		sch->q.qlen--;
		sch->qstats.backlog -= length_of(skb);
		bpf_qdisc_bstats_update(sch, skb);
	} else if (then != FOREVER) {
		bpf_qdisc_watchdog_schedule(sch, then, SLACK);
	}
	return skb;
}

/* An object that goes away takes the packet that is in it along. */
static bool drop_packet(void)
{
	struct bpf_rb_node *n;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_first(&packets);
	if (n)
		n = bpf_rbtree_remove(&packets, n);
	bpf_spin_unlock(&lock);
	if (!n)
		return false;
	bpf_obj_drop(packet_of(n));
	count(&dropped, 1);
	return true;
}

SEC("struct_ops")
void BPF_PROG(fq_reset, struct Qdisc *sch)
{
	bpf_spin_lock(&lock);
	wake(FOREVER);
	bpf_spin_unlock(&lock);
	while (drop_packet() && can_loop())
		;
	while ((forget(&idle, FOREVER) || forget(&fresh, FOREVER) || forget(&old, FOREVER)) &&
	       can_loop())
		;
	sch->q.qlen = 0;
	sch->qstats.backlog = 0;
}

SEC("struct_ops")
int BPF_PROG(fq_init, struct Qdisc *sch, struct nlattr *opt, struct netlink_ext_ack *extack)
{
	struct net_device *dev = sch->dev_queue->dev;

	if (user)
		return -EBUSY;
	user = (u64)sch;
	quantum = QUANTUM(dev->mtu + dev->hard_header_len);
	sch->limit = LIMIT;
	return 0;
}

/* Called for one that was refused, too. */
SEC("struct_ops")
void BPF_PROG(fq_destroy, struct Qdisc *sch)
{
	if (user == (u64)sch)
		user = 0;
}

SEC(".struct_ops.link")
struct Qdisc_ops fq = {
	.enqueue	= (void *)fq_enqueue,
	.dequeue	= (void *)fq_dequeue,
	.reset		= (void *)fq_reset,
	.init		= (void *)fq_init,
	.destroy	= (void *)fq_destroy,
	.id		= FQ_ID,
};

char _license[] SEC("license") = "GPL";
