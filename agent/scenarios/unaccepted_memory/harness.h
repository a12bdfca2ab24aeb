/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

struct page;

/* Counts a call of accept_memory() that has to wait for another CPU; `counted` is false on the first retry. */
void lk_count_retry(bool *counted);
/* Counts pages that the page allocator hands out before they have been accepted. */
void lk_check_accepted(struct page *page, unsigned int order);
