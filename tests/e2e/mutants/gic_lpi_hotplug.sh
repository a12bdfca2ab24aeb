# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# The mutant's its_cpu_init() calls its_cpu_memreserve_lpi() in atomic context, where each of these two may sleep: the first
# boot reserves a table, and a boot by kexec frees the table that it does not need.
found reserve \
  '.title | IN("BUG: sleeping function called from invalid context in " + ("efi_mem_reserve_persistent", "its_free_pending_table"))'
# The boots by kexec bring up CPUs 0 and 1; CPU 3 is online for the first time after the first kexec.
check "every CPU but one has an LPI table in the first boot, and all have one after kexec" counters \
  '.tables_allocated == 4 and .tables_allocated + .tables_reserved == 4 * (.kexec_cycles + 1) - 1'
check "reserved memory grew only by tables" counters '.reserved_growth_churn < 65536 and .reserved_growth_kexec < 65536'
check "CPUs went offline and came back in each boot" counters '.cpu_transitions >= 20 * (.kexec_cycles + 1)'
check "each transition was timed" latency cpu_online '.count + 1 >= $c.cpu_transitions / 2'
check "interrupts flowed through the ITS" counters '.its_interrupts > 0 and .blocks_read > 0'
