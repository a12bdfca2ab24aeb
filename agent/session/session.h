// SPDX-License-Identifier: Apache-2.0
// The agent's connection to its controller (lk.v1.AgentService).
#pragma once

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agent/session/outbox.h"
#include "lk/v1/agent.pb.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent {

// Exponential with jitter: the n-th wait is between half of and the whole of min(first << n, most).
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration most) : first_(first), most_(most), next_(first) {}
  // `chance` in [0, 1).
  absl::Duration Next(double chance);
  void Reset() { next_ = first_; }

 private:
  absl::Duration first_, most_, next_;
};

// Connects, and connects again; nothing pushed is lost over that. For one thread.
class Session {
 public:
  struct Endpoint {
    std::string address;      // host:port, numeric
    std::string ca_pem;       // whose certificate the controller's is signed with
    std::string server_name;  // that the controller's certificate is for
  };
  // `hello` begins each connection.
  Session(Endpoint endpoint, v1::Hello hello);
  ~Session();

  // Becomes readable when there is something for Take or Tick.
  int event_fd() const { return event_.get(); }
  void Push(v1::AgentMessage message);
  // Connects when it is time to, gives up a connection that has gone silent. Call at least every 100 ms.
  void Tick(absl::Time now);
  // Messages of the controller but acknowledgements, in order.
  std::vector<v1::ControllerMessage> Take();

  // Since when there is no connection that works; InfiniteFuture while there is one.
  absl::Time down_since() const { return down_since_; }
  // The controller does not know the run, or it is over.
  bool refused() const { return refused_; }
  // Everything pushed is acknowledged.
  bool drained() const;
  // Why the last connection ended.
  const Status& last_error() const { return last_error_; }

 private:
  class Call;
  void Connect();
  void Signal();

  const Endpoint endpoint_;
  v1::Hello hello_;
  UniqueFd event_;
  std::mt19937_64 random_;
  Backoff backoff_{absl::Milliseconds(100), absl::Seconds(3)};
  absl::Time connect_at_ = absl::InfinitePast();
  absl::Time down_since_;
  bool refused_ = false;
  Status last_error_;

  // Shared with the call's reactions, which come on gRPC's threads.
  mutable absl::Mutex mutex_;
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ControllerMessage> inbox_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Call> call_;
};

}  // namespace lk::agent
