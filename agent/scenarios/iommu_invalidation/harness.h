/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

/* Whether to follow each flush of I/O mappings with a drain. */
bool lk_drains(void);
