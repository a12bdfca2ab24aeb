// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "lk/v1/agent.pb.h"

namespace lk::agent {

// The agent's messages on their way to the controller. A message gets its sequence number when it is first sent, and is
// kept until it is acknowledged. Messages without a number may be merged with others of the same kind. When
// messages without a number exceed waiting_bytes in total, the oldest kernel log message among them is dropped, and its
// records are counted in `lost` of the next kernel log message. Nothing else is ever dropped. Not thread-safe.
class Outbox {
 public:
  struct Limits {
    size_t window = 128;             // messages sent but not acknowledged
    size_t waiting_bytes = 4 << 20;  // messages without a number
    size_t merged_bytes = 64 << 10;  // size up to which a kernel log message accepts more records
  };
  Outbox() : Outbox(Limits{}) {}
  explicit Outbox(Limits limits) : limits_(limits) {}

  // `message` has no sequence number yet.
  void Push(v1::AgentMessage message);
  // Returns the next message to send, or null if there is none or too many are unacknowledged. Valid until the next
  // call to a non-const function.
  const v1::AgentMessage* Next();
  // Call when the controller has stored all messages up to this one.
  void Acknowledge(uint64_t sequence);
  // Call for each new connection, so that unacknowledged messages are sent again, in order.
  void Rewind() { sent_ = 0; }

  bool unacknowledged() const { return !numbered_.empty(); }
  bool empty() const { return numbered_.empty() && waiting_.empty(); }

 private:
  bool MergeIntoWaiting(v1::AgentMessage& message);
  void DropOldestLog();

  const Limits limits_;
  uint64_t next_sequence_ = 1;
  std::deque<v1::AgentMessage> numbered_;  // unacknowledged, sorted by number
  size_t sent_ = 0;                        // how many of numbered_ were sent over this connection
  std::deque<v1::AgentMessage> waiting_;
  size_t waiting_bytes_ = 0;
};

// Adds `more` to `samples`: merges histograms of the same probe, and replaces counters and tables of the same name.
void MergeSamples(const v1::Samples& more, v1::Samples& samples);

}  // namespace lk::agent
