# SPDX-License-Identifier: GPL-2.0
#
# For a person. The kernel's build reads Kbuild, beside this file, instead.
# Times: 2 cores; the first on a bare machine adds toolchain, source and build.

vm := tools/vm
export KSRC KCONFIG JOBS V MIRROR KEYRING FRESH BPF_GRAPH_CACHE OPS SEED N

# Each target's line in `make help` is the comment beside it.
.PHONY: help
help: ## this list
	@echo 'bpf-graph: the BPF graph objects of Linux 7.3, in Rust. make ...'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r t w; do printf '%-14s %s\n' "$$t" "$$w"; done
	@echo '  with KSRC=DIR (your own 7.3 tree), KCONFIG=FILE (more options), JOBS=N, V=1,'
	@echo '       BPF_GRAPH_CACHE=DIR (else ~/.cache/bpf-graph), MIRROR=URL, KEYRING=FILE (Debian)'

.PHONY: demo test test-debug kernel boot kunit selftests conformance stress fuzz fuzz-btf mutants bench bench-load lint tree refresh patchset pictures clean distclean
demo: ## a live table of tasks, kept in Rust's lists and trees (1 min; bare machine: 13)
	@$(vm)/prepare x86_64 -- samples/run

test: ## everything: host, UML and QEMU; ends with the count (27 min; bare machine: 50)
	@$(vm)/prepare x86_64 um um-debug -- $(vm)/test

test-debug: ## on kernels that watch themselves: KASAN, lockdep, kmemleak (hours)
	@$(vm)/prepare debug um-debug -- $(vm)/test debug

kernel: ## build what the guest boots (incremental: 30 s; from nothing: 12 min)
	@$(vm)/prepare x86_64

boot: ## a shell in the guest; exit or Ctrl-A X to leave (5 s)
	@$(vm)/prepare -u x86_64 -- $(vm)/guest

kunit: ## the KUnit suites under UML (20 s; first: 3 min)
	@$(vm)/prepare um -- $(vm)/test kunit

selftests: ## our own BPF selftests, in the guest (3 min)
	@$(vm)/prepare x86_64 -- $(vm)/test selftests

conformance: ## upstream's selftests, served by Rust and by C, compared (4 min)
	@$(vm)/prepare x86_64 -- $(vm)/test conformance

stress: ## threads on two CPUs against one another (1 min; OPS=: operations, SEED=)
	@$(vm)/prepare um -- $(vm)/test stress

fuzz: ## random programs by C, by Rust and by a model (2 min; N=: programs, SEED=)
	@$(vm)/prepare x86_64 -- $(vm)/test fuzz

fuzz-btf: ## mutated BTF, on a kernel with KASAN and by upstream's own (N=: how many, SEED=)
	@$(vm)/prepare x86_64 debug pristine -- tools/testing/fuzz-btf/run -a

mutants: ## defects that the tests must find, one after another (40 min; M=NAME: one)
	@$(vm)/prepare x86_64 um -- tools/testing/mutants/run -a $(M)

bench: ## Rust beside C, operation by operation; direct values beside lookups (2 min)
	@$(vm)/prepare um x86_64 -- tools/testing/bench

bench-load: ## loading upstream's largest programs: upstream's own kernel and this one (13 min; first: 20)
	@$(vm)/prepare x86_64 pristine -- tools/testing/bench-load

lint: ## rustfmt, clippy, checkpatch, shellcheck, the series itself (1 min)
	@$(vm)/prepare x86_64 um -- $(vm)/lint

tree: ## a git tree of the kernel, a commit a patch, in build/linux (2 min)
	@$(vm)/prepare -- $(vm)/tree

refresh: ## write the commits of build/linux back to patches/7.3 (2 s)
	@$(vm)/prepare -- $(vm)/refresh

patchset: ## all of it as a mailing-list series, in build/patchset (5 s)
	@$(vm)/prepare -- $(vm)/patchset

pictures: ## draw Documentation/pictures again (1 s; LOG=FILE: what make demo > FILE wrote; BENCH=FILE: build/bench/bench.json)
	@tools/pictures $(LOG) $(BENCH)

clean: ## remove build/ of this clone (CACHE=1: the cache as well)
	@$(vm)/clean $(CACHE)

distclean: ## remove build/ and the cache: toolchain, source, kernels
	@$(vm)/clean 1
