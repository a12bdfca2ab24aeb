// SPDX-License-Identifier: Apache-2.0
// Delivers the notifications in the store (the outbox). A notification may be delivered more than once, but always
// with the same id. After a failure, delivery is retried with increasing delays; finally, the notification becomes a
// dead letter.
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
  // Uses libcurl if `transport` is null. Errors: FAILED_PRECONDITION (unusable secret file).
  static StatusOr<std::unique_ptr<Sender>> Create(const config::Webhooks& config, store::Store& store,
                                                  const Clock& clock, Chance chance,
                                                  std::unique_ptr<Transport> transport = nullptr);
  ~Sender();

  // The notifications to be stored together with a campaign's verdict, in one transaction. Pure.
  std::vector<store::Notification> For(const campaign::Campaign& campaign, const std::vector<std::string>& notify,
                                       absl::Time now) const;
  // Call when a notification has been added to the outbox. Never blocks.
  void Wake();

  // Starts a thread for each target, so that a slow target does not delay the others.
  void Start();
  void Stop();

  // Attempts to deliver the target's next notification if it is due; called in a loop by the target's thread. Returns
  // the time at which the next notification is due.
  absl::Time Step(const std::string& target);

  // Queues a dead letter again, due immediately. Errors: NOT_FOUND; FAILED_PRECONDITION (not dead, or its target is not
  // configured).
  StatusOr<store::Notification> Retry(const std::string& id);
  // Adds a test notification about a finished campaign, or about none if `campaign_id` is "" (format lk only). Errors:
  // NOT_FOUND (target, campaign); FAILED_PRECONDITION (the format requires a campaign, the campaign is not finished).
  StatusOr<store::Notification> AddTest(const std::string& target, const std::string& campaign_id);
  // Waits until delivery has been attempted or `timeout` has elapsed, and returns the notification. Errors: NOT_FOUND;
  // UNAVAILABLE (lkd is stopping).
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
  // Marks notifications as dead if their target is no longer configured.
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
  uint64_t woken_ ABSL_GUARDED_BY(mutex_) = 0;      // number of calls to Wake
  uint64_t attempted_ ABSL_GUARDED_BY(mutex_) = 0;  // number of attempts
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lk::webhooks
