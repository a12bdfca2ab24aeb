// SPDX-License-Identifier: GPL-2.0
// Emulates a platform on which memory has to be accepted before it is used: provides the table that firmware would
// leave behind, and makes acceptance take time. The kernel's own acceptance code is used unchanged.
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
MODULE_PARM_DESC(ns_per_page, "nanoseconds to accept 4 KiB");

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
	phys_addr_t end = memblock_end_of_DRAM(), at;
	struct efi_unaccepted_memory *table;
	u64 bytes;

	/* Do nothing if firmware has left memory to accept. */
	if (from >= end || efi.unaccepted != EFI_INVALID_TABLE_ADDR)
		return;
	from = round_up(from, unit);
	bytes = DIV_ROUND_UP(DIV_ROUND_UP(end - from, unit), BITS_PER_BYTE);
	bytes = round_up(bytes, sizeof(unsigned long));
	at = memblock_phys_alloc_range(sizeof(*table) + bytes, PAGE_SIZE, 0, SZ_1G);
	if (!at) {
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
	emulated = true;
	efi.unaccepted = at;
	pr_info("lk: emulating unaccepted memory from %pa upwards, in units of %lu bytes\n", &from, unit);
}

bool lk_accept_memory(phys_addr_t start, phys_addr_t end)
{
	u64 cost = (u64)READ_ONCE(ns_per_page) * ((end - start) >> PAGE_SHIFT);

	if (!emulated)
		return false;
	/* Wait in wall-clock time, so that sharing a core does not slow a vCPU down. Interrupts are off. */
	if (cost) {
		u64 begin = sched_clock();

		while (sched_clock() - begin < cost)
			cpu_relax();
	}
	return true;
}
