// SPDX-License-Identifier: GPL-2.0
/*
 * fq: send traffic through the queueing discipline of fq.bpf.c.
 *
 *   fq				show how flows share, and wait
 *   fq --test [FILE]		and write KTAP to FILE
 *   fq --measure OBJECT QDISC	what each program of another one takes: numbers
 */
#include "traffic.h"
#include "fq.h"
#include "fq.skel.h"

#define BYTES	1048576		/* through each connection */
#define RATE	1000000		/* bytes a second, where connections are paced */
#define PACED	102400		/* and what goes through them then */
#define BURST	90		/* datagrams of a flow, fewer than FLOW_LIMIT */

static struct bpf_link *attach(struct bpf_object *obj)
{
	struct bpf_link *link = NULL;
	struct bpf_map *map;

	must(!bpf_object__load(obj), "cannot load");
	bpf_object__for_each_map(map, obj)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			link = bpf_map__attach_struct_ops(map);
	must(link, "cannot register the qdisc");
	return link;
}

/*
 * Connections that leave it to the qdisc to pace them. TCP does so where it has
 * met the kernel's own fq on the way, and else waits by itself.
 */
static void connect_paced(struct flows *f, const char *name)
{
	must(use_qdisc("fq"), "no fq: it takes CONFIG_NET_SCH_FQ");
	connect_flows(f, RATE);
	transfer(f, 1);
	must(use_qdisc(name), "cannot use the qdisc");
}

struct burst {
	int nr;		/* of all that came */
	int apart;	/* at most, in bytes, while each flow had some left */
	bool in_order;	/* within each flow */
	bool early;	/* anything */
	char line[3 * BURST + 1];
};

/* Three flows have packets for the same time, and were sent one after the other. */
static void burst(struct burst *b)
{
	int rx = open_socket(there, SOCK_DGRAM, THERE, NULL), tx[3], next[3] = {}, bytes[3] = {};
	const int len[3] = { 1042, 1042, 542 };
	struct sockaddr_in sin = name_of(rx);
	__u64 then = now() + SEC;	/* that is, when all are there */
	struct datagram d;
	int i, j, n;

	*b = (struct burst){ .in_order = true };
	for (i = 0; i < 3; i++) {
		tx[i] = timed_socket(&sin);
		for (j = 0; j < BURST; j++)
			send_at(tx[i], i, j, then, len[i]);
	}
	while (b->nr < 3 * BURST && (n = receive(rx, &d)) > 0) {
		b->line[b->nr++] = 'A' + d.flow;
		b->early |= now() < d.time;
		b->in_order &= d.nr == next[d.flow]++;
		bytes[d.flow] += n;
		for (i = 0; i < 3 && next[0] < BURST && next[1] < BURST && next[2] < BURST; i++)
			if (bytes[d.flow] - bytes[i] > b->apart)
				b->apart = bytes[d.flow] - bytes[i];
	}
	for (i = 0; i < 3; i++)
		close(tx[i]);
	close(rx);
}

/*
 * Datagrams of several flows come in another order than that of their times. What is
 * for now is not to wait for others, nor what controls the network for anything.
 */
static const char by_time[] = "!.0123456789abc";

static void wait_for_times(char *line, bool *early)
{
	enum { FAST, CONTROL, SLOW, B, A, C, NR };
	int rx = open_socket(there, SOCK_DGRAM, THERE, NULL), tx[NR], i, control = 7;
	struct sockaddr_in sin = name_of(rx);
	__u64 then = now() + 300 * MSEC;
	struct datagram d;

	for (i = 0; i < NR; i++)
		tx[i] = timed_socket(&sin);
	must(!setsockopt(tx[CONTROL], SOL_SOCKET, SO_PRIORITY, &control, sizeof(control)),
	     "no priority");
	for (i = '9'; i >= '0'; i--)
		send_at(tx[SLOW], i, 0, then + (i - '0') * 5 * MSEC, 200);
	send_at(tx[B], 'b', 0, then + 200 * MSEC, 200);
	send_at(tx[A], 'a', 0, then + 100 * MSEC, 200);
	send_at(tx[C], 'c', 0, then + 300 * MSEC, 200);
	send_at(tx[CONTROL], '!', 0, then, 200);
	send_at(tx[FAST], '.', 0, now(), 200);
	for (*early = false, i = 0; by_time[i] && receive(rx, &d) > 0; i++) {
		line[i] = d.flow;
		*early |= d.flow != '!' && now() < d.time;
	}
	line[i] = 0;
	for (i = 0; i < NR; i++)
		close(tx[i]);
	close(rx);
}

/* Delete the qdisc while it has packets and flows. Are they gone? */
static void delete_full(struct checks *checks, struct fq *fq)
{
	int rx = open_socket(there, SOCK_DGRAM, THERE, NULL), i, fd[FLOWS], left = 0, full = 0;
	struct sockaddr_in sin = name_of(rx);
	__u64 kept;

	for (i = 0; i < FLOWS; i++) {
		fd[i] = timed_socket(&sin);
		send_at(fd[i], i, 0, now() + 5 * SEC, 1000);
		send_at(fd[i], i, 1, now() + 6 * SEC, 1000);
		full += queued(fd[i]) > 0;
	}
	kept = fq->bss->made - fq->bss->dropped;
	must(use_qdisc(NULL), "cannot delete the qdisc");
	for (i = 0; i < FLOWS; i++) {
		left += queued(fd[i]);
		close(fd[i]);
	}
	close(rx);
	printf("deleted with %llu objects in it: %d bytes of packets are left, %llu objects\n",
	       kept, left, fq->bss->made - fq->bss->dropped);
	check(checks, full == FLOWS && kept >= 3 * FLOWS, "it is full when it is deleted");
	check(checks, !left, "then all packets are gone");
	check(checks, fq->bss->made && fq->bss->made == fq->bss->dropped,
	      "and as many objects were dropped as made");
}

static void print_flows(const char *what, const struct flows *f)
{
	int i;

	printf("%-28s", what);
	for (i = 0; i < FLOWS; i++)
		printf("%6zu", f->half[i] >> 10);
	printf("  KiB at half, %s after %llu ms\n", f->whole ? "whole" : "NOT WHOLE",
	       f->took / MSEC);
}

/* Which flow, and how many packets of it in a row: the beginning. */
static void print_burst(const struct burst *b)
{
	int i, n, shown;

	printf("%-28s", "three flows at one time");
	for (i = 0, shown = 0; i < b->nr && shown < 12; i += n, shown++) {
		for (n = 1; b->line[i + n] == b->line[i]; n++)
			;
		printf("%c%d ", b->line[i], n);
	}
	printf("...\n%-28s%d bytes at most\n", "one is ahead of another by", b->apart);
}

/* What is not used for long is forgotten where a new flow comes. */
static bool forgets(struct fq *fq)
{
	int rx = open_socket(there, SOCK_DGRAM, THERE, NULL);
	struct sockaddr_in sin = name_of(rx);
	int fd = timed_socket(&sin);
	__u64 before;

	/* A flow is idle once its turn has come in vain, as while others wait. */
	send_at(fd, 0, 0, now() + 100 * MSEC, 200);
	close(fd);
	close(rx);
	sleep(KEPT + 1);
	before = fq->bss->dropped;
	must(sh("busybox ping -c 1 " THERE " > /dev/null"), "cannot ping");
	return fq->bss->dropped >= before + FLOWS;
}

static int test(const char *path, bool testing)
{
	struct fq *fq = fq__open();
	struct checks checks = {};
	struct bpf_link *link;
	struct flows f, paced;
	char line[sizeof(by_time)];
	struct burst b;
	bool early;

	must(fq, "cannot open");
	fq->rodata->counting = true;
	link = attach(fq->obj);
	must(use_qdisc(FQ_ID), "cannot use the qdisc");
	check(&checks, !sh("tc qdisc add dev lo root " FQ_ID " 2> /dev/null"),
	      "there is one of it");

	connect_flows(&f, 0);
	transfer(&f, BYTES);
	print_flows("as fast as they can", &f);
	check(&checks, f.whole, "what connections send comes whole");

	connect_paced(&paced, FQ_ID);
	transfer(&paced, PACED);
	print_flows("at 1 MB a second", &paced);
	check(&checks, paced.whole, "so does what is paced");
	check(&checks, paced.took > PACED * SEC / RATE / 2, "and it takes its time");

	burst(&b);
	print_burst(&b);
	check(&checks, b.nr == 3 * BURST && b.in_order && !b.early,
	      "of three flows each packet comes, in order and not too early");
	check(&checks, b.apart <= FIRST(QUANTUM(FRAME)) + FRAME,
	      "none is more than its credit ahead");

	wait_for_times(line, &early);
	printf("%-28s%s\n", "by their times", line);
	check(&checks, !strcmp(line, by_time) && !early, "packets wait for their times, alone");

	close_flows(&f);
	close_flows(&paced);
	check(&checks, forgets(fq), "flows that are idle for long are forgotten");
	delete_full(&checks, fq);
	bpf_link__destroy(link);
	fq__destroy(fq);
	return testing ? report(&checks, path) : checks.failed > 0;
}

/* Where the counting starts: what each program took so far. */
struct taken {
	__u64 runs, time;
};

static struct bpf_prog_info info_of(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	must(!bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len), "no bpf_prog_info");
	return info;
}

/* What counting itself takes, by a program that does nothing. */
static double counting(void)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = BPF_F_SLEEPABLE);
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int i, fd;

	fd = bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "nothing", "GPL", nothing, 2, &load);
	must(fd >= 0, "cannot load");
	for (i = 0; i < 20000; i++)
		must(!bpf_prog_test_run_opts(fd, &run), "cannot run");
	must(!bpf_prog_get_info_by_fd(fd, &info, &len) && info.run_cnt, "no bpf_prog_info");
	close(fd);
	return (double)info.run_time_ns / info.run_cnt;
}

/* For each program a line: traffic, program, its runs, and what they took altogether. */
static void print_taken(struct bpf_object *obj, const char *traffic, struct taken *before)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = info_of(prog);

		printf("took %s %s %llu %llu\n", traffic, strrchr(bpf_program__name(prog), '_') + 1,
		       info.run_cnt - before->runs, info.run_time_ns - before->time);
		*before++ = (struct taken){ info.run_cnt, info.run_time_ns };
	}
}

/* Numbers for samples/run --compare. Under -icount a nanosecond is an instruction. */
static int measure(const char *file, const char *name)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	struct taken before[16] = {};
	struct bpf_program *prog;
	struct bpf_link *link;
	struct flows f;
	struct burst b;

	must(obj, file);
	link = attach(obj);
	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = info_of(prog);

		printf("size %s %u %u %u\n", strrchr(bpf_program__name(prog), '_') + 1,
		       info.verified_insns, info.xlated_prog_len / 8, info.jited_prog_len);
	}
	must(bpf_enable_stats(BPF_STATS_RUN_TIME) >= 0, "no statistics of programs");
	printf("counting %.1f\n", counting());
	must(use_qdisc(name), "cannot use the qdisc");
	connect_flows(&f, 0);
	print_taken(obj, "setup", before);
	transfer(&f, BYTES);
	must(f.whole, "not whole");
	print_taken(obj, "unpaced", before);
	close_flows(&f);
	connect_paced(&f, name);
	print_taken(obj, "setup", before);
	transfer(&f, PACED);
	must(f.whole, "not whole");
	print_taken(obj, "paced", before);
	close_flows(&f);
	print_taken(obj, "setup", before);
	burst(&b);
	must(b.nr == 3 * BURST && b.in_order, "not whole");
	printf("order %s\n", b.line);
	print_taken(obj, "burst", before);
	must(use_qdisc(NULL), "cannot delete the qdisc");
	bpf_link__destroy(link);
	bpf_object__close(obj);
	return 0;
}

int main(int argc, char **argv)
{
	bool testing = argc > 1 && !strcmp(argv[1], "--test");
	bool measuring = argc == 4 && !strcmp(argv[1], "--measure");

	if (argc > 1 && !measuring && (!testing || argc > 3)) {
		fprintf(stderr, "usage: fq [--test [FILE] | --measure OBJECT QDISC]\n");
		return 2;
	}
	make_link();
	return measuring ? measure(argv[2], argv[3]) : test(argv[2], testing);
}
