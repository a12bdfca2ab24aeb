// SPDX-License-Identifier: Apache-2.0
// The time for which the vCPUs of a VM were ready to run but got no CPU of the host.
#pragma once

#include <absl/time/time.h>

#include <cstddef>
#include <deque>
#include <vector>

namespace lk::scheduler {

// Samples of that time, of which it keeps as many as are needed to know it for the length of a stall.
class LostTime {
 public:
  struct Loss {
    size_t vcpu = 0;
    absl::Duration lost;
    absl::Duration of;  // the time between the two samples

    bool operator==(const Loss&) const = default;
  };

  // Samples that are closer together than `spacing` are not all kept.
  explicit LostTime(absl::Duration spacing = absl::ZeroDuration()) : spacing_(spacing) {}

  // `lost` is the total of each vCPU so far; vCPUs that are left out have lost nothing. Must be called in the order of
  // time. If a total has fallen, the guest has booted again, and the earlier samples are dropped.
  void Add(absl::Time at, std::vector<absl::Duration> lost);

  bool empty() const { return samples_.empty(); }
  // The time of the last sample; InfinitePast if there is none.
  absl::Time last() const { return samples_.empty() ? absl::InfinitePast() : samples_.back().at; }
  // What all vCPUs have lost, according to the last sample.
  absl::Duration Total() const;

  // The vCPU that lost the most between the last sample before `from`, or the first one, and the first sample after
  // `to`, or the last one. Nothing is lost if there are fewer than two samples.
  Loss Most(absl::Time from, absl::Time to) const;

 private:
  struct Sample {
    absl::Time at;
    std::vector<absl::Duration> lost;

    absl::Duration Of(size_t vcpu) const { return vcpu < lost.size() ? lost[vcpu] : absl::ZeroDuration(); }
  };

  absl::Duration spacing_;
  std::deque<Sample> samples_;
};

}  // namespace lk::scheduler
