#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests that the patches of ipi_low_memory apply to kernels before 5.7, which allocate in on_each_cpu_cond(): to sources
# that have the shape of 5.4's.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/fake.sh"
scenarios=$kernels/../../agent/scenarios
mkdir -p tree/kernel/sched tree/arch/x86/kernel/cpu/mtrr
cat >tree/kernel/smp.c <<'C'
#include <linux/cpu.h>

void smp_call_function_many(const struct cpumask *mask, smp_call_func_t func, void *info, bool wait)
{
	struct call_function_data *cfd;
	int cpu = another_cpu(mask);

	if (no_more(cpu, mask)) {
		smp_call_function_single(cpu, func, info, wait);
		return;
	}
	cfd = this_cpu_ptr(&cfd_data);
	queue_on_all(cfd, mask, func, info);
	if (wait)
		wait_for_all(cfd);
}

void on_each_cpu_cond_mask(bool (*cond)(int cpu, void *info), smp_call_func_t func, void *info, bool wait, gfp_t gfp,
			   const struct cpumask *mask)
{
	cpumask_var_t cpus;
	int cpu, ret;

	if (likely(zalloc_cpumask_var(&cpus, gfp))) {
		choose(cpus, cond, info, mask);
		on_each_cpu_mask(cpus, func, info, wait);
		free_cpumask_var(cpus);
	} else {
		for_each_cpu(cpu, mask)
			if (cond(cpu, info)) {
				ret = smp_call_function_single(cpu, func, info, wait);
				WARN_ON_ONCE(ret);
			}
	}
}
C
cat >tree/kernel/cpu.c <<'C'
static int do_cpu_up(unsigned int cpu, enum cpuhp_state target)
{
	int err = 0;

	cpu_maps_update_begin();
	if (cpu_hotplug_disabled) {
		err = -EBUSY;
		goto out;
	}
	err = _cpu_up(cpu, 0, target);
out:
	cpu_maps_update_done();
	return err;
}
C
cat >tree/kernel/sched/core.c <<'C'
int sched_cpu_activate(unsigned int cpu)
{
	struct rq *rq = cpu_rq(cpu);

	set_cpu_active(cpu, true);
	set_rq_online(rq);
	return 0;
}
C
cat >tree/kernel/sched/membarrier.c <<'C'
#include "sched.h"

static int membarrier_private_expedited(int flags)
{
	bool fallback = false;
	cpumask_var_t tmpmask;

	if (num_online_cpus() == 1)
		return 0;
	return call(tmpmask, fallback);
}
C
cat >tree/arch/x86/kernel/cpu/mtrr/mtrr.c <<'C'
#include <linux/stop_machine.h>

static void set_mtrr_cpuslocked(unsigned int reg)
{
	struct set_mtrr_data data = { .smp_reg = reg };

	stop_machine_cpuslocked(mtrr_rendezvous_handler, &data, cpu_online_mask);
}

int mtrr_add_page(unsigned long base, unsigned long size, unsigned int type, bool increment)
{
	int error = -EINVAL;

	if (!mtrr_if)
		return -ENXIO;
	set_mtrr_cpuslocked(0);
	return error;
}
C
cp -a tree before

# changed MUTANT FILE PATTERN COUNT: the mutant's lines in the file that match the pattern.
changed() {
  "$kernels/patch" tree --arch x86_64 --scenarios "$scenarios" --quiet --mutant "ipi_low_memory/$1" >labels 2>err || fail "$1: $(cat err)"
  expect grep -qx "mutation=$1" labels
  expect grep -qx harness=ipi_low_memory labels
  expect test "$(comm -13 <(sort "before/$2") <(sort "tree/$2") | grep -cE "$3")" = "$4"
}
changed wait kernel/smp.c 'wait = true;|GFP_ATOMIC' 2
changed wait kernel/smp.c '^[[:space:]]*true\);' 1
changed wait arch/x86/kernel/cpu/mtrr/mtrr.c 'if \(!lk_rendezvous\(mtrr_rendezvous_handler, &data\)\)' 1
changed disabled kernel/cpu.c 'cpu_hotplug_disabled\+\+;' 1
changed inactive kernel/sched/core.c 'if \(system_state < SYSTEM_RUNNING\)' 1
changed backoff kernel/sched/membarrier.c 'schedule_timeout_uninterruptible\(8 \* HZ\);' 1
changed refuse arch/x86/kernel/cpu/mtrr/mtrr.c 'return -EINVAL;' 1
# The sources of these versions are in no suite that can be asked.
echo "SKIP: booting 4.19 and 5.4"
echo passed
