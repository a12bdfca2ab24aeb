/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

void lk_build_unaccepted_table(void);
/* Returns true if it has accepted the memory, false if nothing is emulated and the platform has to accept it. */
bool lk_accept_memory(phys_addr_t start, phys_addr_t end);
/* Whether the emulated platform has not accepted all of this memory yet. */
bool lk_is_unaccepted(phys_addr_t start, phys_addr_t end);
