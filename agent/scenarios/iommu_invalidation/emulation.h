/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

bool lk_slow_queue(void);
/* Waits for the time that hardware would need for a submission. */
void lk_hardware_works(void);
