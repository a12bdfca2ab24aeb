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

// Exponential with jitter: wait n, counted from 0, is between half and all of min(first << n, most).
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration most) : first_(first), most_(most), next_(first) {}
  // Returns the next wait. `chance` is a random number in [0, 1): 0 selects half, a number near 1 all.
  absl::Duration Next(double chance);
  void Reset() { next_ = first_; }

 private:
  absl::Duration first_, most_, next_;
};

// Connects and reconnects; pushed messages are not lost if the connection is lost. To be used by one thread.
class Session {
 public:
  struct Endpoint {
    std::string address;      // host:port, numeric
    std::string ca_pem;       // CA that issued the controller's certificate
    std::string server_name;  // in the controller's certificate
  };
  // `hello` opens each connection.
  Session(Endpoint endpoint, v1::Hello hello);
  ~Session();

  // Becomes readable when Take or Tick has work to do.
  int event_fd() const { return event_.get(); }
  void Push(v1::AgentMessage message);
  // Connects when a connection attempt is due, and drops a connection that has gone silent. Call at least every 100 ms.
  void Tick(absl::Time now);
  // Returns the controller's messages except acknowledgements, in order.
  std::vector<v1::ControllerMessage> Take();

  // Start of the time without a working connection; InfiniteFuture while there is one.
  absl::Time down_since() const { return down_since_; }
  // Whether the controller has refused the run, because the run is unknown or over.
  bool refused() const { return refused_; }
  // Whether all pushed messages have been acknowledged.
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

  // Shared with the call's callbacks, which run on gRPC's threads.
  mutable absl::Mutex mutex_;
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ControllerMessage> inbox_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Call> call_;
};

}  // namespace lk::agent
