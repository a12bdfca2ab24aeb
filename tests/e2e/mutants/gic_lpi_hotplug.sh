# Sourced by mutants.sh, with the run on the lab kernel.
found "LPI tables: the reservation sleeps in atomic context" \
  '.kind == "sleep_in_atomic" and (.excerpt | test("its_cpu_memreserve_lpi|gic_reserve_range|efi_mem_reserve"))'
