// SPDX-License-Identifier: Apache-2.0
// Delivers the outbox: at least once, each with the same id however often. What is not taken is tried again with
// growing pauses, and is a dead letter in the end.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/campaign/types.h"
#include "server/config/webhooks.h"
#include "server/store/store.h"
#include "server/webhooks/backoff.h"
#include "server/webhooks/secret.h"
#include "server/webhooks/transport.h"
#include "support/clock.h"
#include "support/mutex.h"

namespace lk::webhooks {

class Sender {
 public:
  // Null `transport`: libcurl. Errors: FAILED_PRECONDITION (a secret file).
  static StatusOr<std::unique_ptr<Sender>> Create(const config::Webhooks& config, store::Store& store,
                                                  const Clock& clock, Chance chance,
                                                  std::unique_ptr<Transport> transport = nullptr);
  ~Sender();

  // What is to be stored with a campaign's verdict, so that neither is there without the other. Pure.
  std::vector<store::Notification> For(const campaign::Campaign& campaign, const std::vector<std::string>& notify,
                                       absl::Time now) const;
  // There is something new in the outbox. Never blocks.
  void Wake();

  // A thread for each target: one that is slow delays no other.
  void Start();
  void Stop();

  // Tries the target's next notification if it is due; one step of its thread. Gives the time at which the next is due.
  absl::Time Step(const std::string& target);

  // Puts a dead letter back, to be tried now. Errors: NOT_FOUND; FAILED_PRECONDITION (not dead, or its target is not
  // configured).
  StatusOr<store::Notification> Retry(const std::string& id);
  // A notification of nothing, or of a finished campaign ("": nothing; format lk only). Errors: NOT_FOUND (target,
  // campaign); FAILED_PRECONDITION (its format needs a campaign, the campaign is not finished).
  StatusOr<store::Notification> AddTest(const std::string& target, const std::string& campaign_id);
  // Waits until it was tried, not longer than `timeout`; gives it as it is then. Errors: NOT_FOUND.
  StatusOr<store::Notification> AwaitAttempt(const std::string& id, absl::Duration timeout);

 private:
  struct Target {
    config::WebhookTarget config;
    Secrets signing;
    Secrets token;  // none or one
  };

  Sender(const config::Webhooks& config, store::Store& store, const Clock& clock, Chance chance,
         std::unique_ptr<Transport> transport);

  StatusOr<PostRequest> Request(const Target& target, const store::Notification& notification) const;
  void Attempt(const Target& target, store::Notification notification);
  // Those whose target is not configured any more.
  Status BuryOrphans();
  void Loop(const std::string& target);

  const config::Webhooks& config_;
  store::Store& store_;
  const Clock& clock_;
  const Chance chance_;
  std::map<std::string, Target> targets_;
  std::atomic<bool> stop_ = false;
  std::unique_ptr<Transport> transport_;

  Mutex mutex_;
  uint64_t woken_ ABSL_GUARDED_BY(mutex_) = 0;      // how often
  uint64_t attempted_ ABSL_GUARDED_BY(mutex_) = 0;  // the same
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lk::webhooks
