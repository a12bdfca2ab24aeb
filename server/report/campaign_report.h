// SPDX-License-Identifier: Apache-2.0
// Reports of a campaign: the domain in, text out. Pure: what is told is given, and the same gives the same bytes.
#pragma once

#include <absl/time/time.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"
#include "support/status.h"

namespace lk::report {

// The end of a console record.
struct ConsoleTail {
  std::string text;
  uint64_t left_out = 0;  // bytes before it
};

// What its descriptor says of a scenario.
struct Scenario {
  std::string summary;
  std::vector<std::string> emulation;  // names of the patches that stand in for hardware
};

// All that a report tells of. Kernels, hosts and scenarios are those of its runs, as far as they are still known.
struct CampaignReport {
  campaign::Campaign campaign;
  std::vector<campaign::Run> runs;                       // in order of id
  std::map<std::string, campaign::KernelBuild> kernels;  // by id
  std::map<std::string, campaign::Host> hosts;           // by id
  std::map<std::string, Scenario> scenarios;             // by name
  std::map<std::string, ConsoleTail> consoles;           // by run; what is not here is not inlined
  std::string lk_version;
  absl::Time written;
};

// For people: one file that needs nothing else, no script in it. Runs have the anchors "run-<id>".
std::string ToHtml(const CampaignReport& report);

// JUnit's XML as CI servers read it: a suite for each kernel and profile, and one for the positive controls; a case for
// each run that counts.
std::string ToJunit(const CampaignReport& report);

// KTAP version 1 (Documentation/dev-tools/ktap.rst of Linux), the same nesting.
std::string ToKtap(const CampaignReport& report);

// KCIDB's report format, version 5.0, submitted as `origin` (see CheckOrigin). A checkout and a build for each kernel,
// a test for each run that is done and one more for each of its probes. Positive controls and superseded attempts are
// waived there: they happened, and judge no kernel. Webhooks submit the same text: an object that comes twice with one
// id is one object there, with values from either.
std::string ToKcidb(const CampaignReport& report, const std::string& origin);
// Error: INVALID_ARGUMENT: KCIDB takes lower-case letters, digits and underscores.
Status CheckOrigin(std::string_view origin);

}  // namespace lk::report
