// SPDX-License-Identifier: Apache-2.0
// Campaign reports in several formats. Pure functions: the same input gives the same bytes.
#pragma once

#include <absl/time/time.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"
#include "support/status.h"

namespace lk::report {

// The end of a console log.
struct ConsoleTail {
  std::string text;
  uint64_t left_out = 0;  // number of bytes before `text`
};

// Facts about a scenario, from its descriptor.
struct Scenario {
  std::string summary;
  std::vector<std::string> emulation;  // names of the patches that emulate hardware
  std::vector<std::string> harness;    // names of the patches that add callers to the code under test or edit it
};

// All input for a report. Kernels, hosts and scenarios are those of the runs, without any that have been removed.
struct CampaignReport {
  campaign::Campaign campaign;
  std::vector<campaign::Run> runs;                       // in order of id
  std::map<std::string, campaign::KernelBuild> kernels;  // by id
  std::map<std::string, campaign::Host> hosts;           // by id
  std::map<std::string, Scenario> scenarios;             // by name
  std::map<std::string, ConsoleTail> consoles;           // by run id; other consoles are not in the report
  std::string lk_version;
  absl::Time written;
};

// For people: a single self-contained file without scripts. The anchor of a run is "run-<id>".
std::string ToHtml(const CampaignReport& report);

// JUnit XML for CI servers: a suite for each kernel and profile, and one for the positive controls; a case for each run
// that is not superseded.
std::string ToJunit(const CampaignReport& report);

// KTAP version 1 (Documentation/dev-tools/ktap.rst in Linux), with the same suites and cases as in JUnit.
std::string ToKtap(const CampaignReport& report);

// KCIDB's report format, version 5.0, with `origin` as the submitter (see CheckOrigin): a checkout and a build for each
// kernel, a test for each run that is done, and another test for each of its probes. Positive controls and superseded
// attempts are marked as waived, since they do not count towards the result of a kernel. Webhooks submit the same text;
// KCIDB merges objects that have the same id, taking values from either.
std::string ToKcidb(const CampaignReport& report, const std::string& origin);
// Error: INVALID_ARGUMENT unless the origin consists of lower-case letters, digits and underscores, as KCIDB requires.
Status CheckOrigin(std::string_view origin);

}  // namespace lk::report
