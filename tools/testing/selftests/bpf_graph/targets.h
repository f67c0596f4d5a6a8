/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do a loaded program's calls go? Read from the machine code that runs,
 * not from anything the kernel says about it: x86-64's call with a 32-bit
 * displacement, whose target is where a function of kallsyms begins.
 */
#ifndef _TARGETS_H
#define _TARGETS_H

#include "graph_test.h"

struct symbol {
	unsigned long addr;
	char name[64];
};

/* The kernel's functions with "bpf_" at the start of their names. */
struct symbols {
	struct symbol *tab;
	int nr;
};

static inline bool symbols_read(struct symbols *s)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	int room = 0;
	char line[512], name[256], type;
	unsigned long addr;

	memset(s, 0, sizeof(*s));
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %c %255s", &addr, &type, name) != 3)
			continue;
		if (!addr || !strchr("tTwW", type) || strncmp(name, "bpf_", 4) ||
		    strlen(name) >= sizeof(s->tab->name))
			continue;
		if (s->nr == room) {
			room = room ? 2 * room : 1024;
			s->tab = realloc(s->tab, room * sizeof(*s->tab));
			if (!s->tab)
				break;
		}
		s->tab[s->nr].addr = addr;
		memcpy(s->tab[s->nr++].name, name, strlen(name) + 1);
	}
	if (f)
		fclose(f);
	return s->nr > 0;
}

/* Address of @name, 0 if there is none, 1 if there are several. */
static inline unsigned long symbols_find(const struct symbols *s, const char *name)
{
	unsigned long addr = 0;
	int i;

	for (i = 0; i < s->nr; i++) {
		if (strcmp(s->tab[i].name, name))
			continue;
		if (addr)
			return 1;
		addr = s->tab[i].addr;
	}
	return addr;
}

#define MAX_TARGETS 512

struct targets {
	unsigned long addr[MAX_TARGETS];
	int nr;
};

static inline bool targets_has(const struct targets *t, unsigned long addr)
{
	int i;

	for (i = 0; i < t->nr; i++)
		if (t->addr[i] == addr)
			return true;
	return false;
}

/* All functions of @s that the image of the program @fd calls. */
static inline bool targets_read(struct targets *t, int fd, const struct symbols *s)
{
	static unsigned char code[64 * 1024];
	unsigned long ksyms[16];
	unsigned int lens[16];
	struct bpf_prog_info info = {
		.jited_prog_insns = (unsigned long)code,
		.jited_prog_len = sizeof(code),
		.jited_ksyms = (unsigned long)ksyms,
		.nr_jited_ksyms = 16,
		.jited_func_lens = (unsigned long)lens,
		.nr_jited_func_lens = 16,
	};
	unsigned int len = sizeof(info), i, j, at = 0;

	t->nr = 0;
	if (bpf_prog_get_info_by_fd(fd, &info, &len) || !info.nr_jited_ksyms ||
	    info.nr_jited_ksyms != info.nr_jited_func_lens || info.nr_jited_ksyms > 16 ||
	    info.jited_prog_len > sizeof(code))
		return false;
	for (i = 0; i < info.nr_jited_ksyms; at += lens[i++]) {
		for (j = 0; j + 5 <= lens[i]; j++) {
			unsigned long to;
			int rel, k;

			if (code[at + j] != 0xe8)
				continue;
			memcpy(&rel, &code[at + j + 1], sizeof(rel));
			to = ksyms[i] + j + 5 + rel;
			if (targets_has(t, to))
				continue;
			for (k = 0; k < s->nr; k++) {
				if (s->tab[k].addr != to)
					continue;
				if (t->nr < MAX_TARGETS)
					t->addr[t->nr++] = to;
				break;
			}
		}
	}
	return true;
}

/* The kfuncs, and which of them have a twin whose name ends in _impl. */
static const struct {
	const char *name;
	bool twin;
} graph_kfuncs[] = {
	{ "bpf_obj_new", true },
	{ "bpf_obj_drop", true },
	{ "bpf_percpu_obj_new", true },
	{ "bpf_percpu_obj_drop", true },
	{ "bpf_refcount_acquire", true },
	{ "bpf_list_push_front", true },
	{ "bpf_list_push_back", true },
	{ "bpf_list_add", false },
	{ "bpf_list_del", false },
	{ "bpf_list_pop_front", false },
	{ "bpf_list_pop_back", false },
	{ "bpf_list_front", false },
	{ "bpf_list_back", false },
	{ "bpf_list_is_first", false },
	{ "bpf_list_is_last", false },
	{ "bpf_list_empty", false },
	{ "bpf_rbtree_add", true },
	{ "bpf_rbtree_remove", false },
	{ "bpf_rbtree_first", false },
	{ "bpf_rbtree_root", false },
	{ "bpf_rbtree_left", false },
	{ "bpf_rbtree_right", false },
};

#define NR_GRAPH_KFUNCS ((int)ARRAY_SIZE(graph_kfuncs))

/* Does the kernel check each step on a list? Then all calls stay. */
static inline bool hardened(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " __list_add_valid_or_report");
	if (f)
		fclose(f);
	return found;
}

#endif
