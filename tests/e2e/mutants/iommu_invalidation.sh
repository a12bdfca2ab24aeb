# Sourced by mutants.sh, with the run on the lab kernel.
found "queued invalidation: silence with interrupts off, a submitter waits for its descriptor" \
  "$stall and ($functions | any(test(\"qi_submit_sync\")))"
# What iommu_invalidation counts is what the kernel's own statistics say: requests (/proc/diskstats), and flushes for each.
# The kernel itself reads a new disk's partition table, once for each time that the spare one is bound.
check "each request was one of the disks'" counters '.requests > 0 and .guest_disk_requests >= .requests'
check "which had no others but a few at each bind" counters '.guest_disk_requests <= .requests + 64 * (.rebinds + 4)'
check "requests are those of all CPUs" counters '.requests == ([to_entries[] | select(.key | test("^requests_cpu")) | .value] | add)'
check "each was timed" latency io_latency '.count == $c.requests'
check "all CPUs took part, all the time" counters '.cpus == 4 and .cpus_at_work == 4 and .stuck_windows == 0'
# Strict: unmapping flushes; caching mode: mapping does, too.
check "each request was flushed, when it was mapped and when it was unmapped" counters '.inv_iotlb >= 2 * .guest_disk_requests'
check "interrupts were moved, and their entries flushed" counters '.affinity_changes > 0 and .inv_interrupt_entry > 0 and .inv_interrupt_entry <= 4 * .affinity_changes + 1000 * (.rebinds + 1)'
check "each change of a domain flushed the context cache" counters '.inv_context >= .domain_changes and .domain_changes > 0'
