// SPDX-License-Identifier: GPL-2.0
// The former rendezvous for changing MTRRs: every CPU is called and spins with interrupts off until the caller opens
// the gate. This works only if the call itself does not wait for the handlers.
#include <linux/atomic.h>
#include <linux/bottom_half.h>
#include <linux/lk_ipi_low_memory_harness.h>
#include <linux/moduleparam.h>
#include <linux/smp.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lk_ipi_low_memory."

static bool rendezvous;
module_param(rendezvous, bool, 0644);
MODULE_PARM_DESC(rendezvous, "change MTRRs through cross-CPU calls");

struct gate {
	int (*function)(void *);
	void *data;
	atomic_t arrived;
	atomic_t left;
	bool open;
};

static void lk_handler(void *info)
{
	struct gate *gate = info;

	atomic_inc(&gate->arrived);
	while (!smp_load_acquire(&gate->open))
		cpu_relax();
	gate->function(gate->data);
	/* The last access to the gate, which is on the caller's stack. */
	atomic_inc_return_release(&gate->left);
}

/* The caller prevents CPU hotplug, as for stop_machine_cpuslocked(). */
bool lk_rendezvous(int (*function)(void *), void *data)
{
	struct gate gate = { .function = function, .data = data };
	unsigned long flags;
	int others;

	if (!READ_ONCE(rendezvous))
		return false;
	/*
	 * No softirq may run here before the gate is open: it might need a lock whose holder spins in the handler, as in
	 * network transmission. Hard interrupts are safe, since their locks are held with interrupts off.
	 */
	local_bh_disable();
	others = num_online_cpus() - 1;
	smp_call_function_many(cpu_online_mask, lk_handler, &gate, false);
	/*
	 * A CPU whose queue was not empty gets no interrupt from this call, because the CPU that queued the first call
	 * sends it (kernel/smp.c). But that CPU may be spinning in lk_handler() and not have sent the interrupt yet.
	 */
	arch_send_call_function_ipi_mask(cpu_online_mask);
	while (atomic_read(&gate.arrived) < others)
		cpu_relax();
	local_irq_save(flags);
	smp_store_release(&gate.open, true);
	function(data);
	local_irq_restore(flags);
	while (atomic_read_acquire(&gate.left) < others)
		cpu_relax();
	local_bh_enable();
	return true;
}
