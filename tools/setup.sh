#!/usr/bin/env bash
# Installs the Debian packages of the named sets (tools/packages.txt) that are missing.
#
#   tools/setup.sh [--list] SET…     SET: base, test, dev
#
# SKIP_SETUP=1 leaves the machine as it is: the build then uses whatever it finds.
set -euo pipefail

packages_file=$(dirname "$0")/packages.txt
list_only=no
sets=()
for argument in "$@"; do
  case $argument in
    --list) list_only=yes ;;
    base | test | dev) sets+=("$argument") ;;
    *)
      echo "usage: tools/setup.sh [--list] base|test|dev…" >&2
      exit 2
      ;;
  esac
done
[[ ${#sets[@]} -gt 0 ]] || sets=(base)

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

if [[ ${SKIP_SETUP:-0} == 1 ]]; then
  say "skipped, as SKIP_SETUP=1 asks"
  exit 0
fi

wanted=()
declare -A reason
while read -r set package why; do
  [[ -n ${set:-} && $set != \#* ]] || continue
  for name in "${sets[@]}"; do
    if [[ $set == "$name" ]]; then
      wanted+=("$package")
      reason[$package]=$why
    fi
  done
done <"$packages_file"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  fail "this is not a Debian system, so nothing can be installed by itself." \
    "Install the equivalents of: ${wanted[*]}" \
    "then run again with SKIP_SETUP=1."
fi

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | head -n 1) || true
  [[ $status == installed ]] || missing+=("$package")
done

if [[ ${#missing[@]} -eq 0 ]]; then
  say "the ${#wanted[@]} packages of ${sets[*]} are installed"
  exit 0
fi

say "missing from ${sets[*]}:"
for package in "${missing[@]}"; do
  printf '         %-20s %s\n' "$package" "${reason[$package]}"
done
[[ $list_only == no ]] || exit 0

install_line="apt-get install --no-install-recommends ${missing[*]}"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    fail "installing needs root, and there is no sudo. As root, run:" "  $install_line"
  elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  elif [[ -t 0 ]]; then
    as_root=(sudo)
  else
    fail "installing needs root, and sudo asks for a password. Run first:" "  sudo $install_line"
  fi
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@" </dev/null
}
# An installation that was cut off leaves packages unpacked but not configured, and apt refuses to work
# until that is done.
finish_interrupted() {
  [[ -n $(dpkg --audit 2>/dev/null) || -n $(ls -A /var/lib/dpkg/updates 2>/dev/null) ]] || return 0
  say "an earlier installation was interrupted; finishing it: dpkg --configure -a"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a </dev/null ||
    fail "dpkg --configure -a failed."
}
install() { apt install --no-install-recommends "${missing[@]}"; }
update() {
  say "refreshing the package lists"
  apt update || fail "apt-get update failed; check the network and the sources of apt."
}

known=yes
for package in "${missing[@]}"; do
  apt-cache show "$package" >/dev/null 2>&1 || known=no
done
[[ $known == yes ]] || update

finish_interrupted
say "$install_line"
if ! install; then
  # The lists may be older than the archive.
  [[ $known == yes ]] || fail "apt-get install failed."
  update
  install || fail "apt-get install failed."
fi
