// SPDX-License-Identifier: GPL-2.0
/*
 * Trees in the order of a declared key, against a sorted array: where nodes go, what
 * searches find, and what is refused, in which words.
 */
#include <bpf/btf.h>

#include "refusal.h"
#include "keyed.h"
#include "rnd.h"
#include "said.h"
#include "keyed.skel.h"

#define STEPS	400
#define MOST	32

struct node {
	__u64 first, second, id;
};

typedef bool (*less_t)(const struct node *a, const struct node *b);

#define LESS(name, type)						\
static bool less_##name(const struct node *a, const struct node *b)	\
{									\
	return (type)a->first < (type)b->first;				\
}

LESS(u32, __u32)
LESS(s32, __s32)
LESS(u64, __u64)
LESS(s64, __s64)

static bool less_two(const struct node *a, const struct node *b)
{
	return less_s32(a, b) || (!less_s32(b, a) && a->second < b->second);
}

/* Both ends of each range, and neighbours. A u32 is passed as one, an s32 too. */
static const __u64 wide[] = {
	0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0x8000000000000000, 0xffffffff80000000, 0xffffffffffffffff,
};

static const __u64 unsigned32[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

static const __u64 signed32[] = {
	0, 1, 2, 0x7fffffff, 0xffffffff80000000, 0xffffffff80000001, 0xffffffffffffffff,
};

FIXTURE(keyed) {
	struct keyed *skel;
	struct bpf_program *prog;
	struct node nodes[MOST];	/* what the tree should hold */
	int nr;
};

FIXTURE_VARIANT(keyed) {
	const char *prog;
	less_t less;
	const __u64 *firsts;
	int nr_firsts;
};

#define VARIANT(name, values)						\
FIXTURE_VARIANT_ADD(keyed, name) {					\
	.prog = "by_" #name, .less = less_##name,			\
	.firsts = values, .nr_firsts = ARRAY_SIZE(values),		\
}

VARIANT(u32, unsigned32);
VARIANT(s32, signed32);
VARIANT(u64, wide);
VARIANT(s64, wide);
VARIANT(two, signed32);
FIXTURE_VARIANT_ADD(keyed, global) {
	.prog = "in_global", .less = less_u64, .firsts = wide, .nr_firsts = ARRAY_SIZE(wide),
};

FIXTURE_SETUP(keyed)
{
	self->nr = 0;
	self->skel = keyed__open_and_load();
	ASSERT_NE(NULL, self->skel);
	self->prog = bpf_object__find_program_by_name(self->skel->obj, variant->prog);
	ASSERT_NE(NULL, self->prog);
}

FIXTURE_TEARDOWN(keyed)
{
	keyed__destroy(self->skel);
}

/* Where @node goes: behind its equals. */
static int place(const struct node *nodes, int nr, const struct node *node, less_t less)
{
	int i = 0;

	while (i < nr && !less(node, &nodes[i]))
		i++;
	return i;
}

/* What a search for @key should find. */
static __u64 found(const struct node *nodes, int nr, enum keyed_op op, const struct node *key,
		   less_t less)
{
	int i = 0;

	while (i < nr && (op == KEYED_UPPER ? !less(key, &nodes[i]) : less(&nodes[i], key)))
		i++;
	if (i == nr || (op == KEYED_FIND && less(key, &nodes[i])))
		return KEYED_NONE;
	return nodes[i].id;
}

/* What the program leaves, or -1. */
static long run(struct keyed *skel, struct bpf_program *prog, enum keyed_op op,
		const struct node *node)
{
	skel->bss->in = (struct keyed_in) {
		.op = op, .first = node->first, .second = node->second, .id = node->id,
	};
	return run_prog(prog) ? -1 : (long)skel->bss->out;
}

TEST_F(keyed, steps)
{
	struct node n = {};
	int i;

	for (i = 0; i < STEPS; i++) {
		enum keyed_op op = rnd(8);

		n.first = variant->firsts[rnd(variant->nr_firsts)];
		n.second = rnd(3);
		n.id = i + 1;
		if (op > KEYED_UPPER)
			op = KEYED_ADD;
		if (op == KEYED_ADD && self->nr == MOST)
			op = KEYED_POP;
		switch (op) {
		case KEYED_ADD: {
			int at = place(self->nodes, self->nr, &n, variant->less);

			ASSERT_EQ(0, run(self->skel, self->prog, op, &n));
			memmove(&self->nodes[at + 1], &self->nodes[at],
				(self->nr - at) * sizeof(n));
			self->nodes[at] = n;
			self->nr++;
			break;
		}
		case KEYED_POP: {
			__u64 id = self->nr ? self->nodes[0].id : KEYED_NONE;

			ASSERT_EQ(id, run(self->skel, self->prog, op, &n));
			if (!self->nr)
				break;
			self->nr--;
			memmove(&self->nodes[0], &self->nodes[1], self->nr * sizeof(n));
			break;
		}
		default:
			ASSERT_EQ(found(self->nodes, self->nr, op, &n, variant->less),
				  run(self->skel, self->prog, op, &n))
				TH_LOG("step %d, op %d, key %llx %llx", i, op, n.first, n.second);
		}
	}
	while (self->nr) {
		ASSERT_EQ(self->nodes[0].id, run(self->skel, self->prog, KEYED_POP, &n));
		self->nr--;
		memmove(&self->nodes[0], &self->nodes[1], self->nr * sizeof(n));
	}
	EXPECT_EQ(KEYED_NONE, run(self->skel, self->prog, KEYED_POP, &n));
}

TEST(callback_without_key)
{
	struct keyed *skel = keyed__open_and_load();
	struct node n = { .id = 1 };

	ASSERT_NE(NULL, skel);
	EXPECT_EQ(0, run(skel, skel->progs.unkeyed, KEYED_ADD, &n));
	keyed__destroy(skel);
}

REFUSED(keyed, -EINVAL, add_without_key,
	"bpf_rbtree_add_key: the bpf_rb_root at offset=88, of struct item, declares no key; add __attr");
REFUSED(keyed, -EINVAL, find_without_key,
	"bpf_rbtree_find_key: the bpf_rb_root at offset=88, of struct item, declares no key; add __attr");
REFUSED(keyed, -EINVAL, callback_with_key, "declares a key; use bpf_rbtree_add_key()");
REFUSED(keyed, -EINVAL, find_without_lock, "bpf_spin_lock at off=0 must be held for bpf_rb_root");
REFUSED(keyed, -EACCES, found_after_unlock, "invalid mem access 'scalar'");
REFUSED(keyed, -EINVAL, two_keys, "but another path brings another type to this call");

/* Each of these is one mistake in the tag; "good" is none. */
static const struct {
	const char *name, *names;
} bad[] = {
	{ "good" },
	{ "no_such_field", "key" },
	{ "too_small", "half" },
	{ "not_an_integer", "r" },
	{ "bitfield", "bits" },
	{ "three_fields", "first:second:first" },
	{ "no_field", "" },
	{ "key_of_list", "first" },
	{ "key_twice", "(several)" },
};

TEST(tags)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		char name[64], words[128];
		struct bpf_object *obj;

		snprintf(name, sizeof(name), "keyed_bad_%s.bpf.o", bad[i].name);
		obj = bpf_object__open_file(file_beside(name), NULL);
		ASSERT_NE(NULL, obj) TH_LOG("%s", name);
		said_start();
		EXPECT_EQ(!strcmp(bad[i].name, "good"), !bpf_object__load(obj))
			TH_LOG("%s: %s", bad[i].name, said);
		libbpf_set_print(NULL);
		bpf_object__close(obj);
		snprintf(words, sizeof(words),
			 "struct roots: key \"%s\" of root has to be one or two integers",
			 bad[i].names ?: "");
		EXPECT_EQ(!!bad[i].names, !!strstr(said, words))
			TH_LOG("%s: %s", bad[i].name, said);
	}
}

/* A BTF that no compiler makes, of one item with one key, and what is odd about it. */
struct odd_btf {
	const char *what;
	int bits;		/* of the key's type, of 8 bytes */
	int item_size, key_at;
	const char *second;	/* a second member of that name, and type */
	int err;
};

static int load_odd(const struct odd_btf *odd)
{
	struct btf *btf = btf__new_empty();
	int u64, u32, words[3], lock, root, node, item, key, roots, i, fd;
	const void *data;
	__u32 *encoding, size;

	if (!btf)
		return -ENOMEM;
	u32 = btf__add_int(btf, "u32", 4, 0);
	u64 = btf__add_int(btf, "u64", 8, 0);
	key = btf__add_int(btf, "odd", 8, 0);
	encoding = (void *)((struct btf_type *)btf__type_by_id(btf, key) + 1);
	*encoding = (*encoding & ~0xff) | odd->bits;
	for (i = 1; i < 3; i++)
		words[i] = btf__add_array(btf, u32, u64, 2 * i);
	lock = btf__add_struct(btf, "bpf_spin_lock", 4);
	btf__add_field(btf, "val", u32, 0, 0);
	root = btf__add_struct(btf, "bpf_rb_root", 16);
	btf__add_field(btf, "__opaque", words[1], 0, 0);
	node = btf__add_struct(btf, "bpf_rb_node", 32);
	btf__add_field(btf, "__opaque", words[2], 0, 0);
	item = btf__add_struct(btf, "item", odd->item_size);
	btf__add_field(btf, "r", node, 0, 0);
	btf__add_field(btf, "k", key, odd->key_at * 8, 0);
	if (odd->second)
		btf__add_field(btf, odd->second, key, odd->key_at * 8, 0);
	roots = btf__add_struct(btf, "roots", 24);
	btf__add_field(btf, "lock", lock, 0, 0);
	btf__add_field(btf, "root", root, 64, 0);
	btf__add_decl_tag(btf, "contains:item:r", roots, 1);
	btf__add_decl_tag(btf, "key:k", roots, 1);
	data = btf__raw_data(btf, &size);
	fd = item > 0 && data ? bpf_btf_load(data, size, NULL) : -ENOMEM;
	btf__free(btf);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

TEST(odd_keys)
{
	static const struct odd_btf odd[] = {
		{ "nothing", 64, 48, 40, NULL, 0 },
		{ "fewer bits than its size", 5, 48, 40, NULL, -EINVAL },
		{ "no bits, behind the end", 0, 48, 48, NULL, -EINVAL },
		{ "no bits", 0, 48, 40, NULL, -EINVAL },
		{ "in the node's links", 64, 48, 8, NULL, -EINVAL },
		{ "the node's owner", 64, 48, 24, NULL, -EINVAL },
		{ "there twice", 64, 48, 40, "k", -EINVAL },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++)
		EXPECT_EQ(odd[i].err, load_odd(&odd[i])) TH_LOG("%s", odd[i].what);
}

TEST_HARNESS_MAIN
