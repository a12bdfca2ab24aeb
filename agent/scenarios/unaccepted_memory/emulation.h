/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

void lk_build_unaccepted_table(void);
/* True: accepted. False: there is no such memory, the platform has to know. */
bool lk_accept_memory(phys_addr_t start, phys_addr_t end);
