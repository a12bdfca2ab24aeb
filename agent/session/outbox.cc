// SPDX-License-Identifier: Apache-2.0
#include "agent/session/outbox.h"

#include <algorithm>
#include <utility>

#include "support/histogram_proto.h"

namespace lk::agent {

using v1::AgentMessage;

void MergeSamples(const v1::Samples& more, v1::Samples& samples) {
  for (const v1::Histogram& histogram : more.histograms()) {
    const auto same = std::find_if(samples.mutable_histograms()->begin(), samples.mutable_histograms()->end(),
                                   [&](const v1::Histogram& other) { return other.probe() == histogram.probe(); });
    if (same == samples.mutable_histograms()->end()) {
      *samples.add_histograms() = histogram;
      continue;
    }
    auto merged = HistogramFromProto(*same);
    const auto added = HistogramFromProto(histogram);
    if (!merged.ok() || !added.ok()) continue;  // cannot fail: both were made by ToProto
    merged->Merge(*added);
    *same = ToProto(*merged, histogram.probe());
  }
  for (const v1::Counter& counter : more.counters()) {
    const auto same = std::find_if(samples.mutable_counters()->begin(), samples.mutable_counters()->end(),
                                   [&](const v1::Counter& other) { return other.name() == counter.name(); });
    *(same == samples.mutable_counters()->end() ? samples.add_counters() : &*same) = counter;
  }
  for (const v1::Table& table : more.tables()) {
    const auto same = std::find_if(samples.mutable_tables()->begin(), samples.mutable_tables()->end(),
                                   [&](const v1::Table& other) { return other.name() == table.name(); });
    *(same == samples.mutable_tables()->end() ? samples.add_tables() : &*same) = table;
  }
}

void Outbox::Push(AgentMessage message) {
  if (MergeIntoWaiting(message)) return;
  waiting_bytes_ += message.ByteSizeLong();
  waiting_.push_back(std::move(message));
  if (waiting_bytes_ > limits_.waiting_bytes) DropOldestLog();
}

// A heartbeat replaces a waiting heartbeat, samples are merged into waiting samples, and kernel log records are
// appended to the latest waiting kernel log message.
bool Outbox::MergeIntoWaiting(AgentMessage& message) {
  const auto kind = message.message_case();
  if (kind != AgentMessage::kHeartbeat && kind != AgentMessage::kSamples && kind != AgentMessage::kKernelLog)
    return false;
  const auto like = std::find_if(waiting_.rbegin(), waiting_.rend(),
                                 [&](const AgentMessage& other) { return other.message_case() == kind; });
  if (like == waiting_.rend()) return false;

  const size_t before = like->ByteSizeLong();
  if (kind == AgentMessage::kHeartbeat) {
    *like = std::move(message);
  } else if (kind == AgentMessage::kSamples) {
    MergeSamples(message.samples(), *like->mutable_samples());
    *like->mutable_uptime() = message.uptime();
  } else {
    // Lost records precede the records in the same message, so a message that reports losses cannot be appended.
    if (before > limits_.merged_bytes || message.kernel_log().lost() > 0) return false;
    auto& records = *message.mutable_kernel_log()->mutable_records();
    std::move(records.begin(), records.end(),
              google::protobuf::RepeatedFieldBackInserter(like->mutable_kernel_log()->mutable_records()));
    *like->mutable_uptime() = message.uptime();
  }
  waiting_bytes_ += like->ByteSizeLong() - before;
  if (waiting_bytes_ > limits_.waiting_bytes) DropOldestLog();
  return true;
}

void Outbox::DropOldestLog() {
  const auto is_log = [](const AgentMessage& message) { return message.has_kernel_log(); };
  const auto oldest = std::find_if(waiting_.begin(), waiting_.end(), is_log);
  if (oldest == waiting_.end()) return;
  const auto following = std::find_if(oldest + 1, waiting_.end(), is_log);
  if (following == waiting_.end()) return;  // the latest log message is kept regardless of its size
  const uint64_t lost = oldest->kernel_log().lost() + static_cast<uint64_t>(oldest->kernel_log().records_size());
  following->mutable_kernel_log()->set_lost(following->kernel_log().lost() + lost);
  waiting_bytes_ -= oldest->ByteSizeLong();
  waiting_.erase(oldest);
}

const AgentMessage* Outbox::Next() {
  if (sent_ < numbered_.size()) return &numbered_[sent_++];
  if (waiting_.empty() || numbered_.size() >= limits_.window) return nullptr;
  waiting_bytes_ -= std::min(waiting_bytes_, waiting_.front().ByteSizeLong());
  numbered_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  numbered_.back().set_sequence(next_sequence_++);
  return &numbered_[sent_++];
}

void Outbox::Acknowledge(uint64_t sequence) {
  while (!numbered_.empty() && numbered_.front().sequence() <= sequence) {
    numbered_.pop_front();
    if (sent_ > 0) --sent_;
  }
}

}  // namespace lk::agent
