// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "lk/v1/agent.pb.h"

namespace lk::agent {

// The agent's messages on their way to the controller. A message gets its sequence number when it is first handed out,
// and is kept until it is acknowledged. What waits for a number may still be merged with its like, and when too much
// waits the oldest kernel log goes first, counted in the `lost` of the log that follows. Nothing else is ever dropped.
// Not thread-safe.
class Outbox {
 public:
  struct Limits {
    size_t window = 128;             // messages sent and not acknowledged
    size_t waiting_bytes = 4 << 20;  // messages without a number
    size_t merged_bytes = 64 << 10;  // size up to which messages are merged
  };
  Outbox() : Outbox(Limits{}) {}
  explicit Outbox(Limits limits) : limits_(limits) {}

  // `message` has no sequence number yet.
  void Push(v1::AgentMessage message);
  // The next message to send; null when there is none, or too many are unacknowledged. Valid until the next call of a
  // non-const function.
  const v1::AgentMessage* Next();
  // Every message up to this one is stored by the controller.
  void Acknowledge(uint64_t sequence);
  // A new connection: what is not acknowledged is sent again, in order.
  void Rewind() { sent_ = 0; }

  bool unacknowledged() const { return !numbered_.empty(); }
  bool empty() const { return numbered_.empty() && waiting_.empty(); }

 private:
  bool MergeIntoWaiting(v1::AgentMessage& message);
  void DropOldestLog();

  const Limits limits_;
  uint64_t next_sequence_ = 1;
  std::deque<v1::AgentMessage> numbered_;  // ascending, unacknowledged
  size_t sent_ = 0;                        // of numbered_, over this connection
  std::deque<v1::AgentMessage> waiting_;
  size_t waiting_bytes_ = 0;
};

// Adds `more` to `samples`: histograms of a probe merge, counters and tables are replaced.
void MergeSamples(const v1::Samples& more, v1::Samples& samples);

}  // namespace lk::agent
