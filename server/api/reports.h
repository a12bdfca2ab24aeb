// SPDX-License-Identifier: Apache-2.0
// Campaign reports. server/report gathers and writes them; this class adds the data that is not in the store.
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
  // Returns the path of a run's console log.
  using ConsolePath = std::function<std::filesystem::path(const std::string& run_id)>;
  Reports(store::Store& store, const campaign::Descriptors& descriptors, ConsolePath console, const Clock& clock)
      : store_(store), descriptors_(descriptors), console_(std::move(console)), clock_(clock) {}

  // Returns the report in one of the formats of GetCampaignReportRequest. Reads the store and the disk. Thread-safe.
  // Errors: NOT_FOUND, FAILED_PRECONDITION (ambiguous id), INVALID_ARGUMENT (format, origin).
  StatusOr<std::string> Write(const std::string& campaign_id, const std::string& format,
                              const std::string& kcidb_origin) const;

 private:
  void AddScenarios(report::CampaignReport& report) const;
  // Adds the ends of the console logs of runs that neither passed nor were skipped, for the HTML report.
  void AddConsoles(report::CampaignReport& report) const;

  store::Store& store_;
  const campaign::Descriptors& descriptors_;
  const ConsolePath console_;
  const Clock& clock_;
};

}  // namespace lk::api
