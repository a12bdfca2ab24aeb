// SPDX-License-Identifier: Apache-2.0
// The configuration's `limits` and `dumps`.
#pragma once

#include <absl/time/time.h>

#include <cstdint>

namespace lk::scheduler {

struct Limits {
  absl::Duration boot = absl::Seconds(60);              // VM start to agent; x3 under tcg
  absl::Duration prepare = absl::Minutes(5);            // image and launch
  absl::Duration reconnect = absl::Seconds(10);         // agent away, VM running; x3 under tcg
  absl::Duration heartbeat = absl::Seconds(10);         // silence with the stream up; x3 under tcg
  absl::Duration grace = absl::Seconds(10);             // beyond duration for the trigger to say done; x3 under tcg
  absl::Duration after_fatal = absl::Seconds(2);        // console quiet this long after a fatal report began: over
  absl::Duration after_fatal_most = absl::Seconds(15);  // whatever it still prints
  absl::Duration report_quiet = absl::Seconds(3);       // a report being read is closed after this much silence
  absl::Duration drain = absl::Seconds(5);              // VM gone, end of console awaited
  absl::Duration destroy = absl::Seconds(60);           // destroy awaited, then asked again
  absl::Duration power_off = absl::Seconds(5);          // after Finish, before destroy; x3 under tcg
  absl::Duration paused = absl::Seconds(60);            // the VM paused by somebody this long: lost
  absl::Duration registers = absl::Seconds(10);         // post-mortem: QEMU's monitor is awaited
  absl::Duration nmi = absl::Seconds(20);               // post-mortem: the backtraces are awaited; x3 under tcg
  absl::Duration dump = absl::Minutes(5);               // post-mortem: the memory dump is awaited
  absl::Duration host_retry = absl::Seconds(60);        // all suitable hosts down this long: queued runs end as miss
  double emulation_factor = 3;
};

// A dump that would break a limit is not begun; the step says which.
struct DumpLimits {
  uint64_t max_bytes = uint64_t{8} << 30;   // greatest guest memory (hotplug included) that is dumped
  uint64_t keep_free = uint64_t{10} << 30;  // left free on the disk, were the guest's memory written uncompressed
};

}  // namespace lk::scheduler
