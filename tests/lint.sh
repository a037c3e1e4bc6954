#!/bin/sh
# Format, clang-tidy, cppcheck and shellcheck over every source, and the deployment
# files: make lint
#
# .clang-format and .clang-tidy say what is wanted.  Prints the findings and a
# line for each tool; exits 1 when there are any.
set -eu
cd "$(dirname "$0")/.."
tests/dependencies.sh lint

sources=$(find core api server tests -name '*.[ch]' | sort)
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT
failed=0

part() { # name, command …
    name=$1
    shift
    if "$@" > "$findings" 2>&1; then
        echo "lint: $name: no findings"
    else
        grep -vE '^[0-9]+ (warning|error)s? (generated|treated as errors?)' "$findings" || true
        echo "lint: $name: see above"
        failed=1
    fi
}

# One process a file, because clang-tidy 14 confuses the va_lists of several.
tidy() { # flag …
    echo "$sources" | grep '\.c$' | xargs -P2 -I{} clang-tidy --quiet {} -- "$@"
}

# What systemd thinks of the units, with a program that is there.
units() {
    copies=$(mktemp -d)
    for unit in docker/mlpd.service docker/mlpd.socket; do
        sed 's|^ExecStart=mlpd|ExecStart=/bin/true|' "$unit" > "$copies/${unit##*/}"
    done
    status=0
    systemd-analyze verify "$copies"/* || status=1
    rm -r "$copies"
    return "$status"
}

# shellcheck disable=SC2086 # one word a file
part clang-format clang-format --dry-run -Werror $sources
# shellcheck disable=SC2046 # one word a file
part shellcheck shellcheck --severity=warning .ci/run $(find tests -name '*.sh' | sort)
# Off: invalidPointerCast, as a buffer is a run of bytes aligned for numbers;
# arrayIndexThenCheck, which takes a comparison of indices for a bound; and
# varFuncNullUB, as POSIX has NULL end a list of arguments.
part cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -j2 \
    --enable=warning,performance,portability --suppress=missingIncludeSystem \
    --suppress=invalidPointerCast --suppress=arrayIndexThenCheck --suppress=varFuncNullUB \
    -I. -D_GNU_SOURCE core api server tests
# shellcheck disable=SC2046 # one word a flag
part clang-tidy tidy -I. -D_GNU_SOURCE -DMLPD_VERSION='"0"' -std=c17 -Wall -Wextra \
    $(pkg-config --cflags libmicrohttpd jansson nettle gnutls libxxhash openblas check libcurl zlib)
part systemd units
part yaml /usr/bin/python3 -c \
    'import sys, yaml; [list(yaml.safe_load_all(open(name))) for name in sys.argv[1:]]' docker/*.yaml
exit "$failed"
