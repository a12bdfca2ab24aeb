// SPDX-License-Identifier: Apache-2.0
// The work behind webhooks that came in: fetch the artefacts, file them as a kernel build, start the rule's campaign.
// The queue is in the store, so it outlives lkd; each step may be done again, and the campaign is started once.
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

// What the intake has others do. All may block.
struct IntakePort {
  // Files of one build; gives its id.
  std::function<StatusOr<std::string>(const std::vector<kernels::Upload>&, const campaign::Labels&,
                                      const std::string& source)>
      add_kernel;
  std::function<std::string(absl::Time now)> new_campaign_id;
  // NOT_FOUND: no such campaign is stored.
  std::function<Status(const std::string& id)> find_campaign;
  // Errors: INVALID_ARGUMENT (the file is wrong); UNAVAILABLE, RESOURCE_EXHAUSTED (not now).
  std::function<Status(const std::string& id, const std::string& yaml, const std::vector<std::string>& set)>
      start_campaign;
};

class Intake {
 public:
  // Files are fetched to a directory below `spool`, which is removed afterwards.
  Intake(const config::Webhooks& config, store::WebhookStore& store, Fetcher fetcher, IntakePort port,
         const Clock& clock, Chance chance, std::filesystem::path spool);
  ~Intake();

  // There is something new in the queue. Never blocks.
  void Wake();
  void Start();
  void Stop();

  // Does the next webhook if it is due; one step of the thread. Gives the time at which the next is due.
  absl::Time Step();

  // Puts one that failed back, to be tried now. Errors: NOT_FOUND, FAILED_PRECONDITION (it did not fail).
  StatusOr<store::InboundWebhook> Retry(const std::string& id);

 private:
  Status Work(store::InboundWebhook& webhook);
  // "": the rule asks for no files.
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
  absl::Time forgotten_ = absl::InfinitePast();  // of the thread

  Mutex mutex_;
  uint64_t woken_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lk::webhooks
