// SPDX-License-Identifier: Apache-2.0
// Pushes the metrics of finished campaigns to a Pushgateway, in case lkd does not run long enough to be scraped.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "server/store/store.h"
#include "support/clock.h"
#include "support/mutex.h"
#include "support/status.h"

namespace lk::metrics {

struct PushOptions {
  std::string url;       // http://host:port or https://..., optionally with a path before /metrics
  std::string instance;  // label of the pushed metrics; identifies this lkd
  absl::Duration interval = absl::Seconds(5);  // between polls of the store; longer, up to 5 min, after a failure
  absl::Duration timeout = absl::Seconds(5);   // for connecting, for each read and for each write
};

// Statistics of one campaign's runs and of the builds that they used. The states of mutants are left out, because they
// describe only the latest campaign, whereas pushed metrics remain.
// Errors: those of the store.
StatusOr<store::RunStatistics> CampaignStatistics(store::Store& store, const std::string& campaign_id);

// Pushes each finished campaign as a separate group: job "lk", `instance`, `campaign`. If that fails, or lkd exits
// first, the push is retried until a day after the end of the campaign. Pushing a group twice does no harm.
class Pusher {
 public:
  Pusher(store::Store& store, const Clock& clock, PushOptions options);
  // Tries to push one last time.
  ~Pusher();
  Pusher(const Pusher&) = delete;
  Pusher& operator=(const Pusher&) = delete;

  // Pushes the finished campaigns that have not been pushed yet, up to 20 of them. Errors: those of the store;
  // INVALID_ARGUMENT (invalid URL); UNAVAILABLE (the Pushgateway does not respond); FAILED_PRECONDITION (the
  // Pushgateway has rejected a campaign; the error contains its response; the other campaigns have been pushed).
  Status PushAll();

 private:
  Status Push(const campaign::Campaign& campaign);
  void Loop();

  store::Store& store_;
  const Clock& clock_;
  const PushOptions options_;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lk::metrics
