#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests deploy/kernels/patch: patches that match the tree are applied, others are reported, and all can be reverted.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/fake.sh"
run() { "$kernels/patch" tree --arch x86_64 --scenarios scenarios "$@"; }
digest tree >before

# The emulations that apply.
run >labels 2>err
expect grep -q 'skipped the emulation of gamma: the tree has no kernel/absent.c (needed for x86_64)' err
expect grep -qx 'emulates=alpha' labels
expect_not grep -q mutant labels
expect grep -q 'hook(q);' tree/kernel/queue.c
expect grep -q 'lk_alpha.h' tree/kernel/queue.c
expect cmp -s scenarios/alpha/emulation.c tree/drivers/lk/alpha.c
expect cmp -s scenarios/alpha/emulation.h tree/include/linux/lk_alpha.h
expect grep -qx 'obj-y += alpha.o' tree/drivers/lk/Makefile
expect test "$(grep -c ' lk/$' tree/drivers/Makefile)" = 1
digest tree >lab

# Applying a mutant writes only the files that its patches change.
find tree -type f -exec touch -d @1000000000 {} +
run --mutant alpha >labels 2>/dev/null
expect grep -qx 'mutant=alpha' labels
expect grep -qx 'mutation=lock' labels
expect_not grep -q 'unlock(q)' tree/kernel/queue.c
expect grep -q 'hook(q);' tree/kernel/queue.c
expect grep -q 'two()' tree/kernel/other.c
for file in drivers/Makefile drivers/lk/{alpha.c,Makefile} include/linux/lk_alpha.h Makefile; do
  expect test "$(mtime "tree/$file")" = 1000000000
done
for file in kernel/{queue,other}.c; do expect test "$(mtime "tree/$file")" != 1000000000; done
digest tree >mutant

# A second run changes nothing; reverting restores every byte, with a new timestamp.
find tree -type f -exec touch -d @1000000000 {} +
run --mutant alpha >again 2>/dev/null
expect cmp -s labels again
expect test -z "$(find tree -newermt @1000000000 -type f)"
run >/dev/null 2>&1
expect test "$(mtime tree/kernel/other.c)" != 1000000000
digest tree | expect cmp -s - lab

# A rule that matches nothing is reported, even if the rule before it matches; nothing is written.
fails 1 'the mutant beta/calls does not apply to this tree: mutant_calls.cocci matches nothing in kernel/other.c' run --mutant beta
expect grep -qx '  -three()' err
expect grep -qx '  +four()' err
expect_not grep -q -- '-one()' err
# If an emulation does not apply, that is an error for its own scenario's mutant; for other mutants it is only skipped.
fails 1 'the emulation of gamma does not apply to this tree: the tree has no kernel/absent.c (needed for x86_64)' run --mutant gamma
fails 2 'expected one of alpha/lock, beta/calls, gamma/calls' run --mutant delta
fails 2 'is not a kernel source tree' "$kernels/patch" scenarios
run --check --mutant alpha >again 2>/dev/null
expect cmp -s labels again
digest tree | expect cmp -s - lab

# If a run is interrupted (here between two files), the next one repairs the tree.
run --mutant alpha >/dev/null 2>&1
cp tree/kernel/other.c cut.c
run >/dev/null 2>&1
cp cut.c tree/kernel/other.c
echo half >tree/.lk/pristine/kernel/other.c.new
echo half >tree/kernel/queue.c.lk-new
cp -a tree cut
run >/dev/null 2>&1
rm -f tree/kernel/queue.c.lk-new
digest tree | expect cmp -s - lab
rm -rf tree
mv cut tree
run --mutant alpha >/dev/null 2>&1
digest tree | expect cmp -s - mutant
run >/dev/null 2>&1

# A patch that has been deleted is reverted.
rm -r scenarios/alpha/emulation* scenarios/gamma/emulation*
run >labels 2>&1
expect_not grep -q emulates labels
digest tree | expect cmp -s - before
echo passed
