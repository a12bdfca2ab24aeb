# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests in this directory: creates a tiny source tree and tiny scenarios in $work.
set -euo pipefail
# shellcheck disable=SC2034  # used by the tests
kernels=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../deploy/kernels" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v spatch >/dev/null || { echo "SKIP: spatch is not installed (Debian package: coccinelle)"; exit 77; }

fail() { echo "FAIL line ${BASH_LINENO[*]}: $1"; exit 1; }
expect() { "$@" || fail "$*"; }
expect_not() { ! "$@" || fail "not $*"; }
# fails STATUS TEXT COMMAND... expects the command to exit with STATUS and TEXT on stderr.
fails() {
  local want=$1 text=$2 code=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" || code=$?
  [ "$code" = "$want" ] || fail "$*: got exit status $code, expected $want: $(cat "$work/err")"
  grep -qF -- "$text" "$work/err" || fail "$*: expected \"$text\" in: $(cat "$work/err")"
}
# Prints digests of all files in a tree, except those that `patch` keeps for itself.
digest() { (cd "$1" && find . -path ./.lk -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }
mtime() { stat -c %Y "$@"; }

mkdir -p "$work"/tree/{drivers,include/linux,kernel,arch/x86/boot} "$work"/scenarios/{alpha,beta,gamma}
cd "$work/tree"
touch arch/x86/Makefile Kconfig COPYING include/linux/queue.h
echo 'obj-y += base/' >drivers/Makefile
cat >kernel/queue.c <<'C'
#include <linux/queue.h>

int take(struct queue *q)
{
	lock(q);
	work(q);
	unlock(q);
	return 0;
}
C
printf 'int other(void)\n{\n\treturn one();\n}\n' >kernel/other.c
# The targets of the kernel's Makefile that `lab` uses.
cat >Makefile <<'MAKE'
x86_64_defconfig:
	@echo CONFIG_FROM_DEFCONFIG=y >$(KCONFIG_CONFIG)
olddefconfig:
	@:
kernelversion:
	@echo 6.99.1
bzImage modules: .config
	@mkdir -p arch/x86/boot include/config
	@cat kernel/*.c >arch/x86/boot/bzImage
	@echo 6.99.1$(LOCALVERSION) >include/config/kernel.release
	@touch System.map modules.order modules.builtin modules.builtin.modinfo
include/generated/utsrelease.h:
	@:
.PHONY: x86_64_defconfig olddefconfig kernelversion bzImage modules include/generated/utsrelease.h
MAKE

cd "$work/scenarios"
# alpha: an emulation, and a mutant in two files.
echo 'int lk_alpha;' >alpha/emulation.c
echo 'extern int lk_alpha;' >alpha/emulation.h
cat >alpha/emulation_hook.cocci <<'COCCI'
// Files: kernel/moved_here_later.c|kernel/queue.c
@hook@
expression q;
@@
 take(...)
 {
 <+...
 lock(q);
+hook(q);
 ...+>
 }

@depends on hook@
@@
 #include <linux/queue.h>
+#include <linux/lk_alpha.h>
COCCI
cat >alpha/mutant_lock.cocci <<'COCCI'
// Files: kernel/queue.c
// Config: FROM_DEFCONFIG
@@
expression q;
@@
 take(...)
 {
 <+...
-unlock(q);
 ...+>
 }
COCCI
cat >alpha/mutant_lock.other.cocci <<'COCCI'
// Files: kernel/other.c
@@
@@
-one()
+two()

@@
@@
 other(...)
 {
 <...
-absent_in_this_version();
 ...>
 }
COCCI
# beta: a mutant with a rule that matches nothing.
cat >beta/mutant_calls.cocci <<'COCCI'
// Files: kernel/other.c
@@
@@
-one()
+two()

@@
@@
-three()
+four()
COCCI
# gamma: an emulation for a different kernel.
echo 'int lk_gamma;' >gamma/emulation.c
printf '// Files: kernel/absent.c\n@@\n@@\n-one()\n+two()\n' >gamma/emulation.cocci
printf '// Files: kernel/other.c\n@@\n@@\n-one()\n+two()\n' >gamma/mutant_calls.cocci
cd "$work"
