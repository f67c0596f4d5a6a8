# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The series as commits. Sourced after lib.sh.
: "${top:?}" "${patches:?}" "${series:?}"

# How a patch is written, always: a series that went through git comes back the
# same, to the byte.
format=(--no-stat -U1 -N --zero-commit --no-signature --full-index
	--no-renames --diff-algorithm=histogram --subject-prefix=PATCH)
tree=$top/build/linux

# Commits are made by the clone's user, or by the project.
identify() { # DIR
	git -C "$1" config user.name "$(git -C "$top" config user.name || echo "bpf-graph developers")"
	git -C "$1" config user.email "$(git -C "$top" config user.email || echo bpf-graph@localhost)"
}

# base_commit DIR: what is in the index, as the commit `base`, the same for all.
base_commit() {
	local tree commit date='2000-01-01T00:00:00Z'
	tree=$(git -C "$1" write-tree)
	commit=$(GIT_AUTHOR_NAME=Linux GIT_AUTHOR_EMAIL=linux@localhost GIT_AUTHOR_DATE=$date \
		GIT_COMMITTER_NAME=Linux GIT_COMMITTER_EMAIL=linux@localhost GIT_COMMITTER_DATE=$date \
		git -C "$1" commit-tree "$tree" -m "Linux $(kernel_version "$BPF_GRAPH_SOURCE")")
	git -C "$1" update-ref refs/heads/base "$commit"
}

# small_repo DIR: a git repository of only those source files that the series
# touches; git am cannot tell it from the whole, and it takes no time.
small_repo() {
	local f list
	mapfile -t list < <(series_patches)
	rm -rf "$1"
	git init -q "$1"
	identify "$1"
	while read -r f; do
		[ -f "$BPF_GRAPH_SOURCE/$f" ] || continue
		mkdir -p "$1/$(dirname "$f")"
		cp "$BPF_GRAPH_SOURCE/$f" "$1/$f"
	done < <(
		echo .gitattributes # says how hunks are headed
		patched_files ${list[@]+"${list[@]}"}
	)
	git -C "$1" add -Af
	base_commit "$1"
	plain_git -C "$1" checkout -q -b graph base
}

# am DIR: each patch of the series becomes a commit.
am() {
	local p out
	while read -r p; do
		out=$(plain_git -C "$1" -c advice.mergeConflict=false am -q --whitespace=nowarn "$p" 2>&1) || {
			plain_git -C "$1" am --abort 2>/dev/null || :
			die "git am does not take patches/$series/${p##*/}:" \
				"$(echo "$out" | grep -m 1 -E '^(error|fatal|Patch format)' || echo "$out" | head -n 1)"
		}
	done < <(series_patches)
}

# written DIR OUT: its commits, as patches/7.3 has them.
written() {
	rm -rf "$2"
	mkdir -p "$2"
	plain_git -C "$1" format-patch -q "${format[@]}" -o "$2" base..graph
	{
		sed '/^#/!d' "$patches/series" 2>/dev/null || :
		(cd "$2" && ls -- *.patch 2>/dev/null) || :
	} > "$2/series"
}

# differs OUT: which patches are not as in patches/7.3?
differs() {
	local f
	for f in "$1"/*.patch "$1/series" "$patches"/*.patch; do
		[ -e "$f" ] || continue
		cmp -s "$1/${f##*/}" "$patches/${f##*/}" || echo "${f##*/}"
	done | sort -u
}

# Nothing that is only in the work tree may get lost.
clean_tree() {
	local left
	left=$(git -C "$tree" status --porcelain | head -n 3)
	[ -z "$left" ] || die "build/linux has changes that are not committed: $(echo "$left" | xargs)"
}
