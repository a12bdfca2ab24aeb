#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Applies the mutants of crash_hotplug to source files in the shape of two kernels: Linux 6.6 to 6.9, and later. The
# files have the kernel's function names and control flow, as far as the semantic patches look at them, and our own text.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/fake.sh"
cp -r "$kernels/../../agent/scenarios/crash_hotplug" "$work/real"
rm -r "$work/scenarios" "$work/tree"
mkdir "$work/scenarios" && mv "$work/real" "$work/scenarios/crash_hotplug"

# make_tree DIR CHECK ARG: CHECK is the function behind the attribute crash_hotplug, ARG the notifier's last argument.
make_tree() {
  mkdir -p "$1"/{drivers/acpi,drivers/base,include/linux,kernel,mm,arch/x86}
  touch "$1"/{Makefile,drivers/Makefile}
  cat >"$1/kernel/crash_core.c" <<C
int $2(void)
{
	int answer = 0;

	crash_hotplug_lock();
	if (!kexec_trylock()) {
		complain();
		crash_hotplug_unlock();
		return 0;
	}
	if (kexec_crash_image)
		answer = 1;
	kexec_unlock();
	crash_hotplug_unlock();
	return answer;
}

static void crash_handle_hotplug_event(unsigned int action, unsigned int cpu${3:+, void *arg})
{
	crash_hotplug_lock();
	if (!kexec_trylock()) {
		complain();
		crash_hotplug_unlock();
		return;
	}
	if (kexec_crash_image)
		update(kexec_crash_image);
	kexec_unlock();
	crash_hotplug_unlock();
}

static int crash_memhp_notifier(struct notifier_block *block, unsigned long event, void *arg)
{
	switch (event) {
	case MEM_ONLINE:
		crash_handle_hotplug_event(KEXEC_CRASH_HP_ADD_MEMORY, KEXEC_CRASH_HP_INVALID_CPU${3:+, $3});
		break;
	case MEM_OFFLINE:
		crash_handle_hotplug_event(KEXEC_CRASH_HP_REMOVE_MEMORY, KEXEC_CRASH_HP_INVALID_CPU${3:+, $3});
		break;
	}
	return NOTIFY_OK;
}

static int crash_cpuhp_online(unsigned int cpu)
{
	crash_handle_hotplug_event(KEXEC_CRASH_HP_ADD_CPU, cpu${3:+, NULL});
	return 0;
}

static int crash_cpuhp_offline(unsigned int cpu)
{
	crash_handle_hotplug_event(KEXEC_CRASH_HP_REMOVE_CPU, cpu${3:+, NULL});
	return 0;
}
C
  cat >"$1/kernel/kexec_core.c" <<'C'
bool kexec_load_permitted(int type)
{
	struct limit *limit;

	if (!capable(CAP_SYS_BOOT) || kexec_load_disabled)
		return false;
	limit = limit_of(type);
	return take_one(limit);
}
C
  cat >"$1/kernel/ksysfs.c" <<C
static ssize_t kexec_crash_size_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	ssize_t bytes = crash_get_memory_size();

	if (bytes < 0)
		return bytes;
	return ${4}(to, "%zd\n", bytes);
}
C
  cat >"$1/mm/memory_hotplug.c" <<'C'
static int online_memory_block(struct memory_block *block, void *unused)
{
	block->online_type = policy();
	return device_online(&block->dev);
}
C
  cat >"$1/drivers/base/memory.c" <<'C'
static int memory_block_online(struct memory_block *block)
{
	struct zone *zone;
	int error;

	zone = zone_for_pfn_range(block->online_type, block->nid, block->group, first(block), pages(block));
	error = online_pages(first(block), pages(block), zone, block->group);
	if (error)
		return error;
	block->zone = zone;
	return 0;
}

static int memory_block_offline(struct memory_block *block)
{
	int error;

	if (!block->zone)
		return -EINVAL;
	error = offline_pages(first(block), pages(block), block->zone, block->group);
	if (error)
		goto out;
	block->zone = NULL;
out:
	return error;
}
C
  cat >"$1/drivers/acpi/scan.c" <<'C'
static acpi_status acpi_bus_offline(acpi_handle handle, u32 level, void *data, void **failed)
{
	acpi_status status = AE_OK;

	list_for_each_entry(node, &nodes(handle), node) {
		int ret;

		ret = device_offline(node->dev);
		if (ret >= 0) {
			node->put_online = !ret;
		} else {
			*failed = node->dev;
			status = AE_ERROR;
			break;
		}
	}
	return status;
}
C
}

run() { "$kernels/patch" "$tree" --arch x86_64 --scenarios scenarios --mutant "crash_hotplug/$1"; }
# body FILE FUNCTION prints the function.
body() { sed -n "/ $2(\|^$2(/,/^}/p" "$tree/$1"; }

for shape in 'old crash_check_update_elfcorehdr  sprintf' 'new crash_check_hotplug_support arg sysfs_emit'; do
  IFS=' ' read -r tree check arg print <<<"${shape/  / - }"
  make_tree "$tree" "$check" "${arg#-}" "$print"
  cp -r "$tree" "$tree.before"

  expect run mutex >/dev/null
  for function in "$check" crash_handle_hotplug_event; do
    expect grep -q 'kexec_trylock()' <<<"$(body kernel/crash_core.c "$function")"
  done
  expect_not grep -q crash_hotplug_ "$tree/kernel/crash_core.c"

  expect run header >/dev/null
  expect_not grep -q ADD_MEMORY "$tree/kernel/crash_core.c"
  for other in REMOVE_MEMORY ADD_CPU REMOVE_CPU; do expect grep -q "$other" "$tree/kernel/crash_core.c"; done

  expect run cpu >/dev/null
  expect grep -q 'return -EBUSY;' <<<"$(body kernel/crash_core.c crash_cpuhp_online)"
  expect grep -q 'return 0;' <<<"$(body kernel/crash_core.c crash_cpuhp_offline)"

  expect run load >/dev/null
  expect test "$(grep -n elfcorehdr_updated "$tree/kernel/kexec_core.c" | cut -d: -f1)" -lt \
    "$(grep -n CAP_SYS_BOOT "$tree/kernel/kexec_core.c" | cut -d: -f1)"

  expect run size >/dev/null
  expect test "$(grep -A 2 'kexec_crash_loaded()' "$tree/kernel/ksysfs.c" | tail -n 2 | tr -d '\n')" = \
    "		return -ENOENT;	return $print(to, \"%zd\\n\", bytes);"

  expect run block >/dev/null
  expect grep -q '^	return 1;' "$tree/mm/memory_hotplug.c"

  expect run online >/dev/null
  expect grep -q 'return -EBUSY;' <<<"$(body drivers/base/memory.c memory_block_online)"
  expect_not grep -q 'zone = NULL' "$tree/drivers/base/memory.c"

  expect run offline >/dev/null
  expect_not grep -q 'zone = zone;' "$tree/drivers/base/memory.c"

  expect run detach >/dev/null
  expect grep -q 'if (!ret) {' "$tree/drivers/acpi/scan.c"

  # Each mutant has changed its own files only, and the last one has reverted the others.
  expect test "$(diff -rq -x .lk "$tree.before" "$tree" | wc -l)" = 1
done

# The mutex is removed from both functions or not at all.
sed -i 's/crash_check_hotplug_support/crash_check_with_a_new_name/' new/kernel/crash_core.c new/.lk/pristine/kernel/crash_core.c
tree=new
fails 1 'mutant_mutex.cocci matches nothing in kernel/crash_core.c for "-crash_hotplug_lock();"' run mutex
expect grep -q 'check =~' err
expect test "$(grep -c 'crash_hotplug_lock();' new/kernel/crash_core.c)" = 2
echo passed
