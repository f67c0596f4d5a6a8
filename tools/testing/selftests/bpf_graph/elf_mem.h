/* SPDX-License-Identifier: GPL-2.0 */
/* An object file in memory, to be made another that no compiler makes. */
#ifndef _ELF_MEM_H
#define _ELF_MEM_H

#include <elf.h>
#include <linux/btf.h>
#include <string.h>
#include <sys/stat.h>

#include "graph_test.h"

/* The object file @name beside this program: to be freed. NULL if it cannot be read. */
static inline char *elf_read(const char *name, size_t *size)
{
	int fd = open(file_beside(name), O_RDONLY);
	char *elf = NULL;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st))
		elf = malloc(st.st_size);
	if (elf && read(fd, elf, st.st_size) != st.st_size) {
		free(elf);
		elf = NULL;
	}
	if (fd >= 0)
		close(fd);
	if (elf)
		*size = st.st_size;
	return elf;
}

/* The first section @name of an object in memory, or NULL. */
static inline Elf64_Shdr *elf_section(char *elf, const char *name)
{
	Elf64_Ehdr *eh = (void *)elf;
	Elf64_Shdr *sh = (void *)(elf + eh->e_shoff);
	const char *names = elf + sh[eh->e_shstrndx].sh_offset;
	int i;

	for (i = 0; i < eh->e_shnum; i++)
		if (!strcmp(names + sh[i].sh_name, name))
			return &sh[i];
	return NULL;
}

/* Where the types in the section .BTF of an object in memory begin, how long they are. */
static inline __u32 *elf_btf_types(char *elf, size_t *words)
{
	Elf64_Shdr *sh = elf_section(elf, ".BTF");
	struct btf_header *btf;

	if (!sh)
		return NULL;
	btf = (void *)(elf + sh->sh_offset);
	*words = btf->type_len / 4;
	return (void *)((char *)btf + btf->hdr_len + btf->type_off);
}

/* How often libbpf has opened and refused an object. */
struct elf_opened {
	int opened, refused;
};

/* Each word of the types of the object @name spoiled in turn: libbpf is to live on. */
static inline struct elf_opened elf_spoil_btf(const char *name)
{
	static const __u32 spoilt[] = { 0, 1, 3, 0x7fffffff, 0xffffffff };
	struct elf_opened n = {};
	size_t words = 0, size = 0, w, i;
	char *elf = elf_read(name, &size);
	__u32 *types = elf ? elf_btf_types(elf, &words) : NULL, was;
	struct bpf_object *obj;

	for (w = 0; types && w < words; w++) {
		was = types[w];
		for (i = 0; i < sizeof(spoilt) / sizeof(*spoilt); i++) {
			types[w] = spoilt[i];
			obj = bpf_object__open_mem(elf, size, NULL);
			if (obj)
				n.opened++;
			else
				n.refused++;
			bpf_object__close(obj);
		}
		types[w] = was;
	}
	free(elf);
	return n;
}

#endif
