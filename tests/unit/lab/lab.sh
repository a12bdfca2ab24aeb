#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests deploy/kernels/lab with the user's tree: the tree stays unchanged, changes in it reach the copy that is built,
# and results are labelled with their origin. The tree's Makefile only pretends to build.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/fake.sh"
export XDG_CACHE_HOME=$work/cache
run() { "$kernels/lab" --arch x86_64 --tree tree --scenarios scenarios "$@"; }
label() { sed -n "s/^$2=//p" "$1/labels"; }
digest tree >before

mutant=$(run --mutant alpha 2>err) || {
  grep '^lab: missing:' err && { echo "SKIP: a tool for building kernels is missing"; exit 77; }
  fail "$(cat err)"
}
expect test "$(label "$mutant" build)" = "$(basename "$mutant")"
expect test "$(label "$mutant" mutant)" = alpha
expect test "$(label "$mutant" mutation)" = lock
expect test "$(label "$mutant" emulates)" = alpha
expect test "$(label "$mutant" source)" = tree
expect test "$(label "$mutant" source-version)" = 6.99.1
expect test "$(label "$mutant" config)" = "$(sha256sum "$mutant/.config" | head -c 12)"
expect test "$(cat "$mutant/release")" = 6.99.1-lk-lab-mutant-alpha-lock
expect grep -q FROM_DEFCONFIG "$mutant/.config"
expect_not grep -q 'unlock(q)' "$mutant/arch/x86/boot/bzImage"

# The unmutated kernel has been built as well, and differs only in the mutant's patches.
base=$(dirname "$mutant")/$(label "$mutant" mutant-of)
expect test "$(run 2>err)" = "$base"
expect_not grep -q building err
expect test "$(cat "$base/release")" = 6.99.1-lk-lab
expect_not grep -q mutant "$base/labels"
expect test "$(label "$base" config)" = "$(label "$mutant" config)"
expect test "$(label "$base" patches)" != "$(label "$mutant" patches)"
expect grep -q 'unlock(q)' "$base/arch/x86/boot/bzImage"
expect grep -q 'hook(q)' "$base/arch/x86/boot/bzImage"
digest tree | expect cmp -s - before

# Only the changes in the tree reach the copy, including changes of files that are patched there.
copy=$(readlink "$base/source")
find "$copy" -type f -exec touch -d @1000000000 {} +
sed -i 's/work(q)/more_work(q)/' tree/kernel/queue.c
echo 'int added;' >tree/kernel/added.c
rm tree/Kconfig
echo '#' >tree/Kconfig.new
mv tree/Kconfig.new tree/Kconfig
changed=$(run 2>/dev/null)
expect test "$changed" != "$base"
expect grep -q 'more_work(q)' "$changed/arch/x86/boot/bzImage"
expect grep -q 'hook(q)' "$changed/arch/x86/boot/bzImage"
expect grep -q 'added' "$changed/arch/x86/boot/bzImage"
expect test "$(mtime "$copy/drivers/Makefile")" = 1000000000
rm tree/kernel/added.c
expect_not grep -q 'added' "$(run 2>/dev/null)/arch/x86/boot/bzImage"
expect test ! -e "$copy/kernel/added.c"

# Build products in the tree are not treated as sources; the tree's .config is used.
mkdir -p tree/include/generated
touch tree/kernel/queue.o tree/kernel/made.c tree/kernel/.made.c.cmd tree/include/generated/made.h tree/vmlinux
echo CONFIG_FROM_TREE=y >tree/.config
digest tree >before
own=$(run 2>err)
expect grep -q "the tree's own .config" err
expect grep -q FROM_TREE "$own/.config"
expect_not grep -q FROM_DEFCONFIG "$own/.config"
for file in kernel/queue.o kernel/made.c include/generated/made.h vmlinux; do expect test ! -e "$copy/$file"; done
digest tree | expect cmp -s - before

# In a repository, git decides which files are sources.
if command -v git >/dev/null; then
  git -C tree init -q
  echo '*.c' >tree/.gitignore
  git -C tree add -f Makefile kernel/queue.c
  run >/dev/null 2>&1
  expect test -e "$copy/kernel/queue.c"
  expect test ! -e "$copy/kernel/other.c"
  rm -r tree/.git
fi

# A mutant is not built if its patch does not apply, or if it requires a symbol that is not set.
fails 1 'mutant_calls.cocci matches nothing in kernel/other.c' run --mutant beta
expect_not grep -q building err
fails 1 'the mutant alpha/lock requires CONFIG_FROM_DEFCONFIG' run --mutant alpha
expect_not grep -q building err
fails 2 'expected one of alpha/lock, beta/calls, gamma/calls' run --mutant delta
fails 2 'is not a kernel source tree: it has no Makefile' "$kernels/lab" --arch x86_64 --tree scenarios
fails 2 'cannot be combined with --suite' run --suite sid
echo passed
