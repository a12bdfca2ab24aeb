// SPDX-License-Identifier: Apache-2.0
// `limits` and `dumps` in the configuration.
#pragma once

#include <absl/time/time.h>

#include <cstdint>

namespace lk::scheduler {

struct Limits {
  absl::Duration boot = absl::Seconds(60);        // from VM start until the agent connects; x3 under tcg
  absl::Duration prepare = absl::Minutes(5);      // building the image and launching the VM
  absl::Duration reconnect = absl::Seconds(10);   // for the agent to reconnect; x3 under tcg
  absl::Duration heartbeat = absl::Seconds(10);   // longest silence of a connected agent; x3 under tcg
  absl::Duration grace = absl::Seconds(10);       // for the trigger to finish after its duration; x3 under tcg
  absl::Duration after_fatal = absl::Seconds(2);  // after a fatal report: end when the console is quiet for this long
  absl::Duration after_fatal_most = absl::Seconds(15);  // after a fatal report: end even if the console is not quiet
  absl::Duration report_quiet = absl::Seconds(3);       // a report being read is closed after this much silence
  absl::Duration drain = absl::Seconds(5);              // after the VM is gone, wait for the end of the console
  absl::Duration destroy = absl::Seconds(60);           // for the VM to be destroyed; then lkd tries again
  absl::Duration power_off = absl::Seconds(5);          // for the VM to power off after Finish; x3 under tcg
  absl::Duration paused = absl::Seconds(60);            // a VM that somebody has paused for this long counts as lost
  absl::Duration registers = absl::Seconds(10);         // post-mortem: wait for QEMU's monitor
  absl::Duration nmi = absl::Seconds(20);               // post-mortem: wait for the backtraces; x3 under tcg
  absl::Duration dump = absl::Minutes(5);               // post-mortem: wait for the memory dump
  absl::Duration host_retry = absl::Seconds(60);        // for a suitable host to come up; then queued runs end as miss
  double emulation_factor = 3;
};

// A dump that would exceed a limit is skipped; the detail of the post-mortem step names the limit.
struct DumpLimits {
  uint64_t max_bytes = uint64_t{8} << 30;   // largest guest memory (hotplug included) to dump
  uint64_t keep_free = uint64_t{10} << 30;  // space to leave free on the disk after an uncompressed dump
};

}  // namespace lk::scheduler
