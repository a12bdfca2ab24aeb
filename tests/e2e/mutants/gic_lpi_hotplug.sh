# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# The mutant's its_cpu_init() calls its_cpu_memreserve_lpi() in atomic context, where each of these two may sleep: the first
# boot reserves a table, and a boot by kexec frees the table that it does not need.
found "mutant of gic_lpi_hotplug: its_cpu_memreserve_lpi() sleeps in atomic context" \
  '.title | IN("BUG: sleeping function called from invalid context in " + ("efi_mem_reserve_persistent", "its_free_pending_table"))'
