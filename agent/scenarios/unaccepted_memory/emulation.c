// SPDX-License-Identifier: GPL-2.0
// Emulates a platform on which memory has to be accepted before it is used: provides the table that firmware would
// leave behind, makes acceptance take time, and keeps account of what has been accepted.
#include <linux/bitmap.h>
#include <linux/efi.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/lk_unaccepted_memory.h>
#include <linux/log2.h>
#include <linux/memblock.h>
#include <linux/moduleparam.h>
#include <linux/sched/clock.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lk_unaccepted_memory."

static bool emulated __ro_after_init;
module_param(emulated, bool, 0444);
MODULE_PARM_DESC(emulated, "emulated unaccepted memory is present");

static unsigned long unit __ro_after_init = SZ_2M;
module_param(unit, ulong, 0444);
MODULE_PARM_DESC(unit, "granularity of acceptance in bytes");

static unsigned int ns_per_page;
module_param(ns_per_page, uint, 0644);
MODULE_PARM_DESC(ns_per_page, "nanoseconds to accept 4 KiB, once the scheduler runs");

static unsigned long accepted;
module_param(accepted, ulong, 0444);
MODULE_PARM_DESC(accepted, "bytes accepted so far");

static unsigned long accepted_twice;
module_param(accepted_twice, ulong, 0444);
MODULE_PARM_DESC(accepted_twice, "units accepted again");

static unsigned long boot_ns;
module_param(boot_ns, ulong, 0444);
MODULE_PARM_DESC(boot_ns, "time from the first acceptance while the scheduler ran to the last one while booting");

static unsigned int most_cpus;
module_param(most_cpus, uint, 0644);
MODULE_PARM_DESC(most_cpus, "largest number of CPUs that accepted memory simultaneously; may be set back to 0");

/* One bit per unit, set once the unit is accepted. Protects itself and the statistics. */
static DEFINE_RAW_SPINLOCK(lock);
static unsigned long *done __ro_after_init;
static phys_addr_t base __ro_after_init;
static unsigned long units __ro_after_init;
static unsigned int cpus;

/* lk_unaccepted=FROM[,UNIT] marks all RAM from address FROM upwards as unaccepted, in units of UNIT bytes. */
static phys_addr_t from __initdata = PHYS_ADDR_MAX;

static int __init parse(char *text)
{
	unsigned long bytes = unit;

	from = memparse(text, &text);
	if (*text == ',')
		bytes = memparse(text + 1, NULL);
	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE)
		return -EINVAL;
	unit = bytes;
	return 0;
}
early_param("lk_unaccepted", parse);

void __init lk_build_unaccepted_table(void)
{
	phys_addr_t end = memblock_end_of_DRAM(), at, bitmap, first, last;
	struct efi_unaccepted_memory *table;
	u64 bytes, i;

	/* Do nothing if firmware has left memory to accept. */
	if (from >= end || efi.unaccepted != EFI_INVALID_TABLE_ADDR)
		return;
	from = round_up(from, unit);
	bytes = DIV_ROUND_UP(DIV_ROUND_UP(end - from, unit), BITS_PER_BYTE);
	bytes = round_up(bytes, sizeof(unsigned long));
	at = memblock_phys_alloc_range(sizeof(*table) + bytes, PAGE_SIZE, 0, SZ_1G);
	bitmap = memblock_phys_alloc_range(bytes, PAGE_SIZE, 0, SZ_1G);
	if (!at || !bitmap) {
		pr_err("lk: failed to allocate the unaccepted memory table\n");
		return;
	}
	table = __va(at);
	*table = (struct efi_unaccepted_memory){
		.version = 1,
		.unit_size = unit,
		.phys_base = from,
		.size = bytes,
	};
	memset(table->bitmap, 0xff, bytes);
	done = __va(bitmap);
	memset(done, 0, bytes);
	base = from;
	units = bytes * BITS_PER_BYTE;
	/* Memory that is in use has been accepted. */
	for_each_reserved_mem_range(i, &first, &last) {
		if (last <= from)
			continue;
		first = (max(first, from) - from) / unit;
		last = min_t(phys_addr_t, DIV_ROUND_UP(last - from, unit), units);
		bitmap_clear((unsigned long *)table->bitmap, first, last - first);
		bitmap_set(done, first, last - first);
	}
	emulated = true;
	efi.unaccepted = at;
	pr_info("lk: emulating unaccepted memory from %pa upwards, in units of %lu bytes\n", &from, unit);
}

bool lk_accept_memory(phys_addr_t start, phys_addr_t end)
{
	static u64 boot_begin;
	u64 cost = (u64)READ_ONCE(ns_per_page) * ((end - start) >> PAGE_SHIFT), begin = sched_clock();
	bool scheduling = system_state >= SYSTEM_SCHEDULING;
	unsigned long flags, at;

	if (!emulated)
		return false;
	raw_spin_lock_irqsave(&lock, flags);
	most_cpus = max(most_cpus, ++cpus);
	raw_spin_unlock_irqrestore(&lock, flags);

	/*
	 * Wait in wall-clock time, so that sharing a core does not slow a vCPU down. Interrupts are off. Early in the
	 * boot, the clock may depend on them.
	 */
	while (scheduling && sched_clock() - begin < cost)
		cpu_relax();

	raw_spin_lock_irqsave(&lock, flags);
	cpus--;
	if (scheduling && system_state < SYSTEM_RUNNING) {
		boot_begin = boot_begin ?: begin;
		boot_ns = sched_clock() - boot_begin;
	}
	for (at = (start - base) / unit; at < (end - base) / unit; at++) {
		if (__test_and_set_bit(at, done))
			accepted_twice++;
		else
			accepted += unit;
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	return true;
}

bool lk_is_unaccepted(phys_addr_t start, phys_addr_t end)
{
	unsigned long first, last, flags;
	bool unaccepted;

	if (!emulated || end <= base)
		return false;
	first = (max(start, base) - base) / unit;
	last = min_t(phys_addr_t, DIV_ROUND_UP(end - base, unit), units);
	raw_spin_lock_irqsave(&lock, flags);
	unaccepted = find_next_zero_bit(done, last, first) < last;
	raw_spin_unlock_irqrestore(&lock, flags);
	return unaccepted;
}
