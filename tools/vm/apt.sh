# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Where Debian's packages come from: the mirror, keyring and transport settings
# that the host's own apt uses. Sourced after lib.sh.
: "${cache:?}" "${suite:?}"

# transport FILE: proxy, certificates and the like, as an apt.conf of its own.
transport() {
	apt-config dump | grep -E '^Acquire::(https?|ftp|Retries|ForceIPv[46])[^ ]* "[^"]' > "$1" || :
}

# mirror: an archive in the host's apt set-up that has Debian's suite.
# Asking for its InRelease is the test for the network, too.
mirror() {
	local probe uri uris
	[ -z "${MIRROR-}" ] || { echo "$MIRROR"; return; }
	type -P apt-get >/dev/null || die "this host has no apt: install apt and mmdebstrap" \
		"and pass MIRROR=URL and KEYRING=FILE of a Debian archive"
	probe=$cache/InRelease.probe
	uris=$(apt-get update --print-uris 2>/dev/null |
		sed -n "s|^'\(https\?://[^']*\)/dists/.*|\1|p" | grep -v security | sort -u || :)
	for uri in $uris; do
		rm -f "$probe"
		/usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=2 \
			download-file "$uri/dists/$suite/InRelease" "$probe" >/dev/null 2>&1 || continue
		grep -q '^Origin: Debian$' "$probe" || continue
		rm -f "$probe"
		echo "$uri"
		return
	done
	rm -f "$probe"
	die "no Debian archive with $suite can be reached (tried, from this host's apt:" \
		"${uris:-none}): check the network, or pass MIRROR=URL"
}

# keyring MIRROR: what the host's apt trusts for it, else Debian's own.
keyring() {
	local own=/usr/share/keyrings/debian-archive-keyring.gpg found
	[ -z "${KEYRING-}" ] || { echo "$KEYRING"; return; }
	found=$({
		awk -v uri="$1" 'BEGIN { RS = "" } index($0, uri) && match($0, /Signed-By: *\/[^ \n]+/) {
			print substr($0, RSTART + 10, RLENGTH - 10) }' /etc/apt/sources.list.d/*.sources
		awk -v uri="$1" 'index($0, uri) && match($0, /signed-by=\/[^] ]+/) {
			print substr($0, RSTART + 10, RLENGTH - 10) }' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
	} 2>/dev/null | tr -d ' ' | head -n 1)
	[ -n "$found" ] || [ ! -f "$own" ] || found=$own
	echo "$found"
}
