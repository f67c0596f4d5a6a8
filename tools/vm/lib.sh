# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts here share: where things are, how progress and failure look.
# Progress goes to stderr: stdout is for a script's result.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
vm=$top/tools/vm
logs=$top/build/logs
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
: "${JOBS:=$(nproc)}"
: "${BPF_GRAPH_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/bpf-graph}"
: "${BPF_GRAPH_RESULTS:=$top/build/results}"
export HOME JOBS BPF_GRAPH_CACHE BPF_GRAPH_RESULTS
cache=$BPF_GRAPH_CACHE

# The series, the kernel it is for, the suite whose tools build it.
series=7.3
patches=$top/patches/$series
# shellcheck disable=SC2034 # for those who source this
suite=trixie
# shellcheck disable=SC2034 # as above
kernel_kinds='x86_64 um debug kcsan um-debug pristine'

say() { echo "${BPF_GRAPH_STEP:+[$BPF_GRAPH_STEP] }$*" >&2; }
die() { echo "error: $*" >&2; exit 1; }
elapsed() { local s=$((SECONDS - $1)); printf '%d:%02d' $((s / 60)) $((s % 60)); }

# tick WHAT LOG START: while the caller lives, say how far it is. A terminal
# gets one live line, a file a line every 20 seconds.
tick() {
	local n line
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		n=$(grep -c '^  [A-Z][A-Z_]* ' "$2" || :)
		line="${BPF_GRAPH_STEP:+[$BPF_GRAPH_STEP] }$1:"
		[ "$n" = 0 ] || line+=" $n objects,"
		line+=" $(elapsed "$3")"
		if [ -t 2 ]; then
			printf '\r\033[K%s ' "$line" >&2
		elif [ $(((SECONDS - $3) % 20)) = 0 ]; then
			echo "$line" >&2
		fi
	done
}

# What a failed step's log means, in one line; scripts override it.
explain() { :; }

# run LOG WHAT COMMAND...: a long step. Its output goes to build/logs/LOG.log;
# a failure is explained, the log named and its end shown. The command is in the
# foreground and the ticker is not, so that an interrupt reaches the command.
run() {
	local log=$logs/$1.log what=$2 start=$SECONDS ticker='' status why
	shift 2
	mkdir -p "$logs"
	if [ "${V-}" = 1 ]; then
		say "$what"
		set +e
		(set -e; "$@") 2>&1 </dev/null | tee "$log" >&2
		status=${PIPESTATUS[0]}
		set -e
	else
		: > "$log"
		[ -t 2 ] || say "$what"
		tick "$what" "$log" "$start" 9>&- >/dev/null &
		ticker=$!
		set +e
		(set -e; "$@") > "$log" 2>&1 </dev/null
		status=$?
		set -e
		kill "$ticker" 2>/dev/null
		wait "$ticker" 2>/dev/null || :
		[ ! -t 2 ] || printf '\r\033[K' >&2
	fi
	if [ "$status" != 0 ]; then
		why=$(explain "$log")
		[ "${V-}" = 1 ] || tail -n 20 "$log" | sed 's/^/  | /' >&2
		die "$what failed after $(elapsed "$start"): ${why:+$why; }log: $log"
	fi
	say "$what: done in $(elapsed "$start")"
}

# room GIB: enough space for what is still to be made.
room() {
	local free
	mkdir -p "$cache"
	free=$(df -Pk "$cache" | awk 'END { print int($4 / 1048576) }')
	[ "$free" -ge "$1" ] || die "not enough disk: $cache has $free GiB free, $1 needed;" \
		"free some or name another folder with BPF_GRAPH_CACHE=DIR"
}

# A root file system made by an ordinary user has files that are root's in that
# user's namespace only.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else unshare --user --map-root-user --map-auto "$@"; fi
}

remove() { [ $# = 0 ] || as_root rm -rf --one-file-system -- "$@"; }

# The toolchain's folder by the content of its package list.
toolchain_folder() {
	echo "$cache/toolchain-$({ echo "$suite"; grep -v '^#' "$vm/packages"; } | sha256sum | cut -c1-12)"
}

# LLVM=... for the kernel's make: the clang that has rustc's LLVM.
llvm() { if "$vm/enter" which clang-19 >/dev/null 2>&1; then echo -19; else echo 1; fi; }

# BPF objects want a newer clang than the kernel, if there is one.
bpf_clang() { if "$vm/enter" which clang-22 > /dev/null 2>&1; then echo clang-22; else echo clang; fi; }

# kernel_version DIR: 7.3.4, or nothing where DIR is no kernel source.
kernel_version() {
	[ -f "$1/Makefile" ] || return 0
	awk '$2 == "=" && /^(VERSION|PATCHLEVEL|SUBLEVEL) / { v = v (v ? "." : "") $3 }
		/^NAME/ { exit } END { print v }' "$1/Makefile"
}

# The series, in order, as paths.
series_patches() {
	[ ! -f "$patches/series" ] || sed -n "s|^\([^#[:space:]].*\)|$patches/\1|p" "$patches/series"
}

# The files that patches name.
patched_files() {
	[ $# = 0 ] || sed -n 's,^\(---\|+++\) [ab]/\([^[:space:]]*\).*,\2,p' "$@" | sort -u
}

# git, from the host or else from the toolchain; without the person's own
# settings where a result must not depend on them (plain_git).
git() {
	if type -P git >/dev/null; then command git "$@"; else "$vm/enter" git -c safe.directory='*' "$@"; fi
}
plain_git() { GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c safe.directory='*' "$@"; }

# What this clone was last prepared with, for scripts started by hand.
located() {
	# shellcheck source=/dev/null
	[ -n "${BPF_GRAPH_TREE-}" ] || [ ! -f "$top/build/env" ] || . "$top/build/env"
}

# tree_id SOURCE: names work tree and build folders, not by the patches' content:
# they are synchronised and built incrementally when that changes.
tree_id() {
	if [ -n "${KSRC-}" ]; then
		echo "ksrc-$(realpath "$KSRC" | sha256sum | cut -c1-8)"
	else
		echo "${1##*/source-}"
	fi
}

# The repository's files that go into a kernel tree, NUL-terminated: what git
# would track (all, where the clone is no git repository).
our_files() {
	local f
	{
		if [ -e "$top/.git" ]; then
			plain_git -C "$top" ls-files -coz --exclude-standard
		else
			(cd "$top" && find . -type f -not -path './build/*' -printf '%P\0')
		fi
	} | while IFS= read -rd '' f; do
		case $f in build/* | .ci/* | patches/* | .git*) continue ;; esac
		[ ! -e "$top/$f" ] || printf '%s\0' "$f"
	done
}
