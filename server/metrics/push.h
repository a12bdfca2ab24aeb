// SPDX-License-Identifier: Apache-2.0
// Pushes finished campaigns to a Pushgateway, for an lkd that lives too short to be scraped.
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
  std::string url;       // http://host:port or https://..., with or without a path before /metrics
  std::string instance;  // label of what is pushed: which lkd this is
  absl::Duration interval = absl::Seconds(5);  // between looks at the store; longer, up to 5 min, after a failure
  absl::Duration timeout = absl::Seconds(5);   // of connecting, of each read and of each write
};

// What a campaign's runs alone add up to, and the builds that they were of. The states of mutants are left out: they
// are of the last campaign only, and what is pushed stays.
// Errors: those of the store.
StatusOr<store::RunStatistics> CampaignStatistics(store::Store& store, const std::string& campaign_id);

// Puts each finished campaign in a group of its own: job "lk", `instance`, `campaign`. One that could not be pushed, or
// was not when lkd ended, is tried again until a day after its end; a group that is put twice is the same.
class Pusher {
 public:
  Pusher(store::Store& store, const Clock& clock, PushOptions options);
  // Has a last try.
  ~Pusher();
  Pusher(const Pusher&) = delete;
  Pusher& operator=(const Pusher&) = delete;

  // Pushes what there is to push. Errors: those of the store; INVALID_ARGUMENT (not such a URL); UNAVAILABLE (the
  // Pushgateway does not answer); FAILED_PRECONDITION (it refuses one, in its words; the others were pushed).
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
