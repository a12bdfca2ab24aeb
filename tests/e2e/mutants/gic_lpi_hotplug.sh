# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
found "mutant of gic_lpi_hotplug: reserving the LPI tables sleeps in atomic context" \
  '.kind == "sleep_in_atomic" and (.excerpt | test("its_cpu_memreserve_lpi|gic_reserve_range|efi_mem_reserve"))'
