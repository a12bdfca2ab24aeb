// SPDX-License-Identifier: Apache-2.0
// Processes inbound webhooks: fetches the artifacts, adds them as a kernel build, and starts the rule's campaign. The
// queue is in the store, so it survives a restart of lkd. Any step may be repeated, but the campaign starts only once.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "server/campaign/types.h"
#include "server/config/webhooks.h"
#include "server/kernels/library.h"
#include "server/store/webhook_store.h"
#include "server/webhooks/backoff.h"
#include "server/webhooks/fetcher.h"
#include "server/webhooks/inbound/event.h"
#include "support/clock.h"
#include "support/mutex.h"

namespace lk::webhooks {

// Functions that the intake calls. All of them may block.
struct IntakePort {
  // Adds the files of one build and returns the build's id.
  std::function<StatusOr<std::string>(const std::vector<kernels::Upload>&, const campaign::Labels&,
                                      const std::string& source)>
      add_kernel;
  std::function<std::string(absl::Time now)> new_campaign_id;
  // NOT_FOUND if no such campaign is stored.
  std::function<Status(const std::string& id)> find_campaign;
  // Errors: INVALID_ARGUMENT (invalid file); UNAVAILABLE, RESOURCE_EXHAUSTED (try again later).
  std::function<Status(const std::string& id, const std::string& yaml, const std::vector<std::string>& set)>
      start_campaign;
};

class Intake {
 public:
  // Files are fetched to a temporary directory under `spool`.
  Intake(const config::Webhooks& config, store::WebhookStore& store, Fetcher fetcher, IntakePort port,
         const Clock& clock, Chance chance, std::filesystem::path spool);
  ~Intake();

  // Call when a webhook has been queued. Never blocks.
  void Wake();
  void Start();
  void Stop();

  // Processes the next webhook if it is due; called in a loop by the thread. Returns the time at which the next webhook
  // is due.
  absl::Time Step();

  // Queues a failed webhook again, due immediately. Errors: NOT_FOUND, FAILED_PRECONDITION (the webhook's state is not
  // "failed").
  StatusOr<store::InboundWebhook> Retry(const std::string& id);

 private:
  Status Work(store::InboundWebhook& webhook);
  // Returns the id of the added kernel, or "" if the rule has no artifacts.
  StatusOr<std::string> AddKernel(const config::WebhookRule& rule, const Event& event, const std::string& id);
  void Loop();
  void Forget();

  const config::Webhooks& config_;
  store::WebhookStore& store_;
  const Fetcher fetcher_;
  const IntakePort port_;
  const Clock& clock_;
  const Chance chance_;
  const std::filesystem::path spool_;
  std::atomic<bool> stop_ = false;
  absl::Time forgotten_ = absl::InfinitePast();  // used by the thread only

  Mutex mutex_;
  uint64_t woken_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lk::webhooks
