#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone, as C11 and as C++11.
#
# usage: headers.sh INCLUDE_DIRECTORY CC...
set -euo pipefail

include=$1
shift
cc=("$@")
cxx=("${CXX:-c++}")
flags=(-I "$include" -Wall -Wextra -Wpedantic -Werror -fsyntax-only)

# It may not even lean on the GNU extensions that the library itself is compiled with.
compiles() { # HEADER COMPILER...
    local header=$1
    shift
    printf '#include <%s>\n' "$header" | "$@" "${flags[@]}" - || {
        echo "not ok: $header with $*"
        return 1
    }
}

if ! command -v "${cxx[0]}" >/dev/null; then
    echo "no C++ compiler (${cxx[0]})"
    exit 1
fi
status=0
for path in "$include"/mproc/*.h; do
    header=${path#"$include"/}
    compiles "$header" "${cc[@]}" -std=c11 -x c || status=1
    compiles "$header" "${cxx[@]}" -std=c++11 -x c++ || status=1
done
exit $status
