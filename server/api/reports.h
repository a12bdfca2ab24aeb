// SPDX-License-Identifier: Apache-2.0
// Reports of campaigns, which server/report gathers and writes; what is not in the store is added here.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "server/campaign/descriptor_fwd.h"
#include "server/report/campaign_report.h"
#include "server/store/store.h"
#include "support/clock.h"

namespace lk::api {

class Reports {
 public:
  // `console` gives the place of a run's console record.
  using ConsolePath = std::function<std::filesystem::path(const std::string& run_id)>;
  Reports(store::Store& store, const campaign::Descriptors& descriptors, ConsolePath console, const Clock& clock)
      : store_(store), descriptors_(descriptors), console_(std::move(console)), clock_(clock) {}

  // The report in one of the formats of GetCampaignReportRequest. Reads the store and the disk. Thread-safe.
  // Errors: NOT_FOUND, FAILED_PRECONDITION (several campaigns begin so), INVALID_ARGUMENT (format, origin).
  StatusOr<std::string> Write(const std::string& campaign_id, const std::string& format,
                              const std::string& kcidb_origin) const;

 private:
  void AddScenarios(report::CampaignReport& report) const;
  // The ends of the consoles that a reader of the HTML report will want.
  void AddConsoles(report::CampaignReport& report) const;

  store::Store& store_;
  const campaign::Descriptors& descriptors_;
  const ConsolePath console_;
  const Clock& clock_;
};

}  // namespace lk::api
