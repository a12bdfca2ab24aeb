// SPDX-License-Identifier: GPL-2.0
// Observes the code under test from within: counts the calls of accept_memory() that have to retry, and the pages that
// are handed out unaccepted.
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/lk_unaccepted_memory.h>
#include <linux/lk_unaccepted_memory_harness.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/spinlock.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lk_unaccepted_memory_harness."

static unsigned long retries;
module_param(retries, ulong, 0444);
MODULE_PARM_DESC(retries, "calls of accept_memory() that found their range in progress on another CPU");

static unsigned long used_unaccepted;
module_param(used_unaccepted, ulong, 0444);
MODULE_PARM_DESC(used_unaccepted, "pages handed out before they were accepted");

static DEFINE_RAW_SPINLOCK(lock);

static void add(unsigned long *counter, unsigned long count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	*counter += count;
	raw_spin_unlock_irqrestore(&lock, flags);
}

void lk_count_retry(bool *counted)
{
	if (!*counted)
		add(&retries, 1);
	*counted = true;
}

void lk_check_accepted(struct page *page, unsigned int order)
{
	phys_addr_t start = page_to_phys(page);

	if (!lk_is_unaccepted(start, start + (PAGE_SIZE << order)))
		return;
	pr_err_once("lk: the page at %pa was handed out before it was accepted\n", &start);
	add(&used_unaccepted, 1UL << order);
}
