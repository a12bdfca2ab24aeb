// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/lost_time.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lk::scheduler {
namespace {

constexpr size_t kMaxSamples = 256;

}  // namespace

void LostTime::Add(absl::Time at, std::vector<absl::Duration> lost) {
  Sample sample{at, std::move(lost)};
  if (!samples_.empty()) {
    const Sample& last = samples_.back();
    for (size_t vcpu = 0; vcpu < last.lost.size(); ++vcpu) {
      if (sample.Of(vcpu) >= last.lost[vcpu]) continue;
      samples_.clear();
      break;
    }
  }
  if (samples_.size() >= 2 && at - samples_[samples_.size() - 2].at < spacing_) {
    samples_.back() = std::move(sample);
  } else {
    samples_.push_back(std::move(sample));
  }
  if (samples_.size() > kMaxSamples) samples_.pop_front();
}

absl::Duration LostTime::Total() const {
  if (samples_.empty()) return absl::ZeroDuration();
  const std::vector<absl::Duration>& lost = samples_.back().lost;
  return std::accumulate(lost.begin(), lost.end(), absl::ZeroDuration());
}

LostTime::Loss LostTime::Most(absl::Time from, absl::Time to) const {
  if (samples_.size() < 2) return {};
  const auto after = std::ranges::upper_bound(samples_, from, {}, &Sample::at);
  const Sample& begin = after == samples_.begin() ? *after : *std::prev(after);
  const auto reached = std::ranges::lower_bound(samples_, to, {}, &Sample::at);
  const Sample& end = reached == samples_.end() ? samples_.back() : *reached;
  Loss most;
  most.of = std::max(end.at - begin.at, absl::ZeroDuration());
  for (size_t vcpu = 0; vcpu < end.lost.size(); ++vcpu) {
    const absl::Duration lost = end.Of(vcpu) - begin.Of(vcpu);
    if (lost > most.lost) most = {vcpu, lost, most.of};
  }
  return most;
}

}  // namespace lk::scheduler
