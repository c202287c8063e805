# shellcheck shell=bash
# Shared by the scripts in this folder; sourced, not run. Needs bash with `set -euo pipefail`.

# shellcheck disable=SC2034  # the scripts that source this use it
TASKMESH_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# fail WHAT WHY FIX: every error says what happened, why, and what to do.
fail() {
  printf 'error: %s\n  why: %s\n  fix: %s\n' "$1" "$2" "$3" >&2
  exit 1
}

say() { printf '== %s\n' "$*"; }

# How many compilers at once: one per core, but a C++ compiler wants about 700 MB.
build_jobs() {
  local cores memory_kb by_memory
  cores="$(nproc)"
  memory_kb="$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)"
  by_memory=$((${memory_kb:-1000000} / 700000))
  if ((by_memory < 1)); then by_memory=1; fi
  echo $((cores < by_memory ? cores : by_memory))
}

# build PRESET LOG TARGET...: one moving status line on a terminal; in a file, silence until it fails.
# The log keeps what was printed.
build() {
  local preset="$1" log="$2"
  shift 2
  local command=(cmake --build "build/$preset" --parallel "$(build_jobs)")
  if (($# > 0)); then command+=(--target "$@"); fi
  mkdir -p "$(dirname "$log")"
  if [[ -t 1 ]]; then
    NINJA_STATUS="   building [%f/%t] " "${command[@]}" ||
      fail "the $preset build failed" "see the compiler's messages above" "mend the code, then run this again"
  elif ! "${command[@]}" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    fail "the $preset build failed" "see the compiler's messages above, all of them in $log" "mend the code, then run this again"
  fi
}

# configure PRESET ARGUMENT...
configure() {
  local preset="$1" log="build/configure-$1.log"
  shift
  mkdir -p build
  if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "the $preset preset could not be configured" "see CMake's message above" "run tools/setup --tests, then this again"
  fi
}
