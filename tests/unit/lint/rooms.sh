#!/usr/bin/env bash
set -uo pipefail
rooms=$(cd "$(dirname "$0")/../../lint" && pwd)/rooms
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
failures=0

# Three components: api links store, which links support. A fourth, limits, is a single header in store's directory.
mkdir -p "$T"/{proto/support,proto/lk/v1,server/store/sql,server/api} && cd "$T" || exit 1
cat >proto/CMakeLists.txt <<'CMAKE'
add_library(lk_proto STATIC ${generated})  # add_library(lk_remark STATIC remark.cc)
add_library(lk::proto ALIAS lk_proto)
set_target_properties(lk_proto PROPERTIES CODE "#define (
)")
add_library(lk_support STATIC support/text.cc)
add_library(lk::support ALIAS lk_support)
CMAKE
touch proto/support/{text.cc,text.h,clock.h,version.h.in}
cat >server/store/CMakeLists.txt <<'CMAKE'
add_library(lk_limits INTERFACE limits.h)
add_library(lk::limits ALIAS lk_limits)
add_library(lk_store STATIC store.cc ${CMAKE_CURRENT_BINARY_DIR}/migrations.cc)
add_library(lk::store ALIAS lk_store)
target_link_libraries(lk_store PUBLIC lk::support
                               PRIVATE sqlite3)
CMAKE
touch server/store/{limits.h,store.cc,sql/dialect.h}
printf '#include <string>\n#include "support/clock.h"\n' >server/store/store.h
printf '#include "server/store/sql/dialect.h"\n' >server/store/migrations.cc.in
cat >server/api/CMakeLists.txt <<'CMAKE'
add_library(lk_api STATIC api.cc)
add_library(lk::api ALIAS lk_api)
target_link_libraries(lk_api PUBLIC lk::store PRIVATE lk::proto)
CMAKE
printf '#include "server/store/store.h"\n#include "lk/v1/run.pb.h"\n#include "tests/x.h"\n' >server/api/api.cc
git init -q && git add . && git -c user.name=t -c user.email=t@t commit -qm sound

# finds TEXT [LINE...] checks that the lint reports as many problems as there are LINEs, and that it prints each LINE.
finds() {
  local text=$1 said status=0 good=1 line
  shift
  said=$("$rooms" "$T") || status=$?
  [ "$(grep -c . <<<"$said")" = $# ] || good=0
  [ $status = $(($# > 0)) ] || good=0
  for line in "$@"; do grep -qF "$line" <<<"$said" || good=0; done
  if [ $good = 1 ]; then echo "ok - $text"; else echo "not ok - $text"; echo "$said"; failures=$((failures + 1)); fi
  git checkout -q . && git clean -qfd
}

finds "no problem in a correct tree"

echo '#include "support/version.h"' >>server/api/api.cc
finds "an included component that is linked only through another one" \
  "server/api/api.cc:4: lk::api includes support/version.h without linking lk::support; add lk::support to its target_link_libraries in server/api/CMakeLists.txt, or"

echo '#include "server/store/limits.h"' >server/api/api.h
finds "an included component that consists of a single header" "server/api/api.h:1: lk::api includes server/store/limits.h without linking lk::limits;"

sed -i '/store.h/d' server/api/api.cc
finds "an unused link" "server/api/CMakeLists.txt:3: lk::api links lk::store but includes nothing from it; remove the link"

sed -i 's/PUBLIC lk::support/PUBLIC lk::support lk::api/' server/store/CMakeLists.txt
echo '#include "server/api/api.h"' >server/store/sql/dialect.cc
touch server/api/api.h
finds "an include cycle, even if its components are linked" \
  "include cycle: lk::api -> lk::store (server/api/api.cc:1) -> lk::api (server/store/sql/dialect.cc:1); move"

[ $failures = 0 ] || { echo "$failures checks failed"; exit 1; }
