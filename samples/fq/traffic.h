/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traffic for a queueing discipline: two network namespaces with a veth pair
 * between them, the qdisc at the one end; connections, and datagrams that say
 * when they are to be sent. All of it is gone when the process ends.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#define _GNU_SOURCE	/* setns(): so this comes before all others */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../check.h"

#define FLOWS	8
#define HERE	"10.0.0.1"
#define THERE	"10.0.0.2"
#define FRAME	1514		/* of the veth pair: MTU and header */
#define HEADERS	42		/* of a datagram, within that */
#define MSEC	1000000ULL
#define SEC	(1000 * MSEC)

static int here, there;		/* the two namespaces */

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fq: %s: %s. Run it as root, with iproute2 and CONFIG_VETH, %s\n",
		what, strerror(errno), "CONFIG_NET_NS, CONFIG_NET_SCH_BPF");
	exit(2);
}

static inline bool sh(const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return !system(command);
}

static inline __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SEC + t.tv_nsec;
}

static inline int new_namespace(void)
{
	int fd;

	must(!unshare(CLONE_NEWNET), "no network namespace");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	must(fd >= 0, "no network namespace");
	return fd;
}

static inline void make_link(void)
{
	there = new_namespace();
	here = new_namespace();
	must(sh("ip link add fq0 type veth peer name fq1"), "no veth pair");
	must(sh("ip link set fq1 netns /proc/%d/fd/%d", getpid(), there), "no veth pair");
	/* Packets are to be as they go over a wire, and not some dozen in one. */
	must(sh("ip link set fq0 gso_max_segs 1"), "no veth pair");
	must(sh("ip addr add " HERE "/24 dev fq0 && ip link set fq0 up"), "no veth pair");
	must(!setns(there, 0), "no network namespace");
	must(sh("ip addr add " THERE "/24 dev fq1 && ip link set fq1 up"), "no veth pair");
	must(!setns(here, 0), "no network namespace");
}

/* NULL: none any more. */
static inline bool use_qdisc(const char *name)
{
	return name ? sh("tc qdisc replace dev fq0 root %s", name) :
		      sh("tc qdisc del dev fq0 root");
}

/* A socket in @where, bound to @address if there is one, connected to @peer if there is one. */
static inline int open_socket(int where, int type, const char *address, struct sockaddr_in *peer)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd, much = 4 << 20;

	must(!setns(where, 0), "no network namespace");
	fd = socket(AF_INET, type, 0);
	must(fd >= 0, "no socket");
	must(!setns(here, 0), "no network namespace");
	if (type == SOCK_DGRAM) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof(much));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &much, sizeof(much));
	}
	if (address) {
		sin.sin_addr.s_addr = inet_addr(address);
		must(!bind(fd, (void *)&sin, sizeof(sin)), "cannot bind");
	}
	if (peer)
		must(!connect(fd, (void *)peer, sizeof(*peer)), "cannot connect");
	return fd;
}

static inline struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	must(!getsockname(fd, (void *)&sin, &len), "no address");
	return sin;
}

/* Connections from here to there, and what has come through each. */
struct flows {
	int tx[FLOWS], rx[FLOWS];
	size_t sent[FLOWS], got[FLOWS];
	size_t half[FLOWS];	/* what has come through when half of all had */
	bool whole;
	__u64 took;		/* ns */
};

/* At @rate bytes a second, or as fast as they can. */
static inline void connect_flows(struct flows *f, unsigned long rate)
{
	int i, server = open_socket(there, SOCK_STREAM, THERE, NULL);
	struct sockaddr_in sin = name_of(server);

	must(!listen(server, FLOWS), "cannot listen");
	*f = (struct flows){ .whole = true };
	for (i = 0; i < FLOWS; i++) {
		f->tx[i] = open_socket(here, SOCK_STREAM, HERE, &sin);
		f->rx[i] = accept(server, NULL, NULL);
		must(f->rx[i] >= 0, "cannot accept");
		if (rate)
			setsockopt(f->tx[i], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate));
	}
	close(server);
}

static inline void close_flows(struct flows *f)
{
	int i;

	for (i = 0; i < FLOWS; i++) {
		close(f->tx[i]);
		close(f->rx[i]);
	}
}

static inline __u8 pattern(int flow, size_t at)
{
	return at * 31 + (at >> 8) + flow * 17;
}

/* Send @bytes more through each, all at once, and look at each byte that comes. */
static inline void transfer(struct flows *f, size_t bytes)
{
	struct pollfd fds[2 * FLOWS];
	size_t total = 0, to = f->sent[0] + bytes;
	__u64 begin = now();
	__u8 buf[16384];
	ssize_t n, j;
	int i;

	while (total < FLOWS * bytes) {
		for (i = 0; i < FLOWS; i++) {
			fds[i] = (struct pollfd){ f->rx[i], POLLIN };
			fds[FLOWS + i] = (struct pollfd){
				f->sent[i] < to ? f->tx[i] : -1, POLLOUT
			};
		}
		must(poll(fds, 2 * FLOWS, 10000) > 0, "nothing comes through");
		for (i = 0; i < FLOWS; i++) {
			n = to - f->sent[i] < sizeof(buf) ? to - f->sent[i] : sizeof(buf);
			for (j = 0; j < n; j++)
				buf[j] = pattern(i, f->sent[i] + j);
			n = n ? send(f->tx[i], buf, n, MSG_DONTWAIT) : 0;
			if (n > 0)
				f->sent[i] += n;
		}
		for (i = 0; i < FLOWS; i++) {
			n = recv(f->rx[i], buf, sizeof(buf), MSG_DONTWAIT);
			for (j = 0; j < n; j++)
				f->whole &= buf[j] == pattern(i, f->got[i] + j);
			if (n <= 0)
				continue;
			f->got[i] += n;
			total += n;
			if (total - n < FLOWS * bytes / 2 && total >= FLOWS * bytes / 2)
				memcpy(f->half, f->got, sizeof(f->half));
		}
	}
	f->took = now() - begin;
}

/* A socket whose datagrams say when they are to be sent. */
static inline int timed_socket(struct sockaddr_in *to)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	int fd = open_socket(here, SOCK_DGRAM, HERE, to);

	must(!setsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime)), "no SO_TXTIME");
	return fd;
}

struct datagram {
	int flow, nr;
	__u64 time;
	char rest[1400];
};

/* Send a datagram that takes @len bytes on the wire. */
static inline void send_at(int fd, int flow, int nr, __u64 time, int len)
{
	struct datagram d = { flow, nr, time };
	struct iovec iov = { &d, len - HEADERS };
	char control[CMSG_SPACE(sizeof(time))] = {};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_TXTIME;
	c->cmsg_len = CMSG_LEN(sizeof(time));
	memcpy(CMSG_DATA(c), &time, sizeof(time));
	must(sendmsg(fd, &msg, 0) == len - HEADERS, "cannot send");
}

/* What comes next, within some seconds: its length on the wire, or -1. */
static inline int receive(int fd, struct datagram *d)
{
	struct pollfd p = { fd, POLLIN };

	return poll(&p, 1, 5000) == 1 ? recv(fd, d, sizeof(*d), 0) + HEADERS : -1;
}

/* Bytes of a socket's packets that are in a queue yet. */
static inline int queued(int fd)
{
	int bytes = -1;

	ioctl(fd, SIOCOUTQ, &bytes);
	return bytes;
}

#endif
