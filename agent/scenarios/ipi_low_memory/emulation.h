/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

/* Calls the function on all CPUs at once. False: not done, since it is not switched on. */
bool lk_rendezvous(int (*function)(void *), void *data);
