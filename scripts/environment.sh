# Sourced by all scripts: folders, the PATH with the tools, functions for output and versions.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit

# shellcheck source=scripts/versions.env
source scripts/versions.env

# The tools are outside the working tree, so that a new clone does not compile them again.
TOOLS=${GUESTPASS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/guestpass}
# shellcheck disable=SC2034 # for the scripts that source this
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
WASM_PACK_ROOT=$TOOLS/wasm-pack-$WASM_PACK_VERSION
WASM_BINDGEN_ROOT=$TOOLS/wasm-bindgen-cli-$WASM_BINDGEN_VERSION
GECKODRIVER_ROOT=$TOOLS/geckodriver-$GECKODRIVER_VERSION
CARGO_MUTANTS_ROOT=$TOOLS/cargo-mutants-$CARGO_MUTANTS_VERSION
CARGO_FUZZ_ROOT=$TOOLS/cargo-fuzz-$CARGO_FUZZ_VERSION
CARGO_DENY_ROOT=$TOOLS/cargo-deny-$CARGO_DENY_VERSION

# The folder of rustup: a shell that was open when Rust was installed does not have it on its PATH.
PATH="$ROOT/node_modules/.bin:$WASM_PACK_ROOT/bin:$WASM_BINDGEN_ROOT/bin:$GECKODRIVER_ROOT/bin:$CARGO_MUTANTS_ROOT/bin:$CARGO_FUZZ_ROOT/bin:$CARGO_DENY_ROOT/bin:$PATH"
export PATH="$PATH:$HOME/.cargo/bin"

say() { printf '%s\n' "$*"; }

heading() { printf '\n── %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# has COMMAND…: all of them are on the PATH.
has() {
  local command
  for command in "$@"; do command -v "$command" >/dev/null 2>&1 || return 1; done
}

# The version of the crates and of the npm package.
workspace_version() { sed -n '/^\[workspace\.package\]/,/^$/ s/^version = "\(.*\)"$/\1/p' Cargo.toml; }

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Prints one hash of all files under the given paths, of their names and contents.
hash_of() {
  find "$@" -type f -not -path '*/target/*' -not -path '*/node_modules/*' -print0 |
    sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16
}

# Prints the folder of the toolchain from Debian's packages. Its name has the version, because std fits one compiler only.
debian_rust() { printf '%s/debian-rust-%s\n' "$TOOLS" "$(dpkg-query -W -f '${Version}' rustc-web 2>/dev/null || echo none)"; }

# Succeeds if a sysroot has what the SDK needs: std for wasm32 (for tests), and the source of std (for the smallest build).
sysroot_compiles_wasm() {
  compgen -G "$1/lib/rustlib/wasm32-unknown-unknown/lib/libstd-*.rlib" >/dev/null &&
    [ -f "$1/lib/rustlib/src/rust/library/Cargo.toml" ]
}

# Prints which Rust compiles the SDK: rustup (the Rust on the PATH), debian, or nothing if neither is ready.
# GUESTPASS_WASM_TOOLCHAIN forces one of the two.
wasm_toolchain() {
  local forced=${GUESTPASS_WASM_TOOLCHAIN:-}
  if [ "$forced" != debian ] && sysroot_compiles_wasm "$(rustc --print sysroot)"; then
    echo rustup
  elif [ "$forced" != rustup ] && sysroot_compiles_wasm "$(debian_rust)"; then
    echo debian
  fi
}

# Puts the Rust that compiles the SDK first on the PATH.
use_wasm_toolchain() {
  case $(wasm_toolchain) in
    rustup) ;;
    debian) PATH="$(debian_rust)/bin:$PATH" ;;
    *) fail "no Rust that compiles to WebAssembly is ready; run: scripts/setup wasm" ;;
  esac
}

# python_venv FOLDER: prints the virtual environment of tests/FOLDER, one for each version of its requirements.txt.
python_venv() { printf '%s/python-%s\n' "$TOOLS" "$(hash_of "tests/$1/requirements.txt")"; }

# Prints the folder with the newest PostgreSQL programs, or nothing. Debian does not put it on the PATH.
postgres_programs() {
  local folder
  for folder in ${GUESTPASS_POSTGRES:-} $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) $(dirname "$(command -v initdb)"); do
    if [ -x "$folder/initdb" ]; then echo "$folder" && return; fi
  done
}
