# Sourced by mutants.sh; $T/run.json is the run on the lab kernel.
# qi_submit_sync() waits, with interrupts off, for its wait descriptor, which reclaim_free_desc() of the mutant has freed.
# A CPU that waits for one of its locks must not be named. RCU and the soft-lockup detector need a CPU that still handles
# interrupts, and soon there is none.
found reclaim \
  '.title | IN("hang in qi_submit_sync", "BUG: hard lockup in qi_submit_sync", "BUG: CSD lock stall in qi_submit_sync")'
# The counters of iommu_invalidation match the kernel's own statistics: requests (/proc/diskstats), and flushes for each
# request. The kernel also reads the partition table whenever the spare disk is bound.
# The kernel forgets the requests of a disk that is removed, including those that read its partition table.
check "each request reached a disk" counters '.requests > 0 and .guest_disk_requests + 64 >= .requests'
check "the disks had no other requests, except for a few at each bind" counters \
  '.guest_disk_requests <= .requests + .requests_removed + 64 * (.rebinds + .removals + 4)'
check "the requests of all CPUs add up to the total" counters '.requests == ([to_entries[] | select(.key | test("^requests_cpu")) | .value] | add)'
check "each request was timed" latency io_latency '.count == $c.requests + $c.requests_removed'
check "nothing failed" counters '.requests_failed == 0 and .rebinds_failed == 0 and .disks_lost == 0'
check "a disk was removed under I/O, and came back" counters '.removals > 0'
check "the run is marked as one on a harness" counters '.harness == 1'
check "all CPUs took part the whole time" counters '.cpus == 4 and .cpus_at_work == 4 and .stuck_windows == 0'
# Strict mode causes a flush on unmapping, and caching mode causes one on mapping.
check "each request caused two flushes: on mapping and on unmapping" counters '.inv_iotlb >= 2 * .guest_disk_requests'
check "interrupts were moved, and their entries were flushed" counters '.affinity_changes > 0 and .inv_interrupt_entry > 0 and .inv_interrupt_entry <= 4 * .affinity_changes + 1000 * (.rebinds + 1)'
check "each change of a domain flushed the context cache" counters '.inv_context >= .domain_changes and .domain_changes > 0'
