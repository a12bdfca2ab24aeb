/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

/* Calls the function on all CPUs simultaneously. Returns false without calling it if the rendezvous is off. */
bool lk_rendezvous(int (*function)(void*), void* data);
