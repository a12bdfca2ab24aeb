// SPDX-License-Identifier: Apache-2.0
// Runs, endings and findings for tests of folding and verdicts.
#pragma once

#include <string>
#include <vector>

#include "server/campaign/verdict.h"

namespace lk::campaign {

// A run that meets all requirements for a pass.
inline Run Good() {
  campaign::Run run;
  run.state = RunState::kFinishing;
  run.operations = 12;
  run.canary_console = run.canary_kmsg = true;
  return run;
}

inline Ending Said(std::string outcome, std::string reason = "") {
  Ending ending;
  ending.kind = Ending::Kind::kDone;
  ending.agent_outcome = std::move(outcome);
  ending.agent_reason = std::move(reason);
  return ending;
}

inline Ending Ended(Ending::Kind kind, std::string detail = "") {
  Ending ending;
  ending.kind = kind;
  ending.detail = std::move(detail);
  return ending;
}

inline Finding Console(detect::Kind kind, std::string title, uint64_t start, std::vector<std::string> alternates = {}) {
  Finding finding;
  finding.kind = kind;
  finding.title = std::move(title);
  finding.alt_titles = std::move(alternates);
  finding.start_offset = start;
  finding.end_offset = start + 100;
  finding.first_seen = finding.last_seen = absl::FromUnixSeconds(static_cast<int64_t>(start));
  finding.witnesses = {"console"};
  return finding;
}

inline Finding From(std::string witness, detect::Kind kind, std::string title,
                    std::vector<std::string> alternates = {}) {
  Finding finding = Console(kind, std::move(title), 0, std::move(alternates));
  finding.end_offset = 0;
  finding.witnesses = {std::move(witness)};
  return finding;
}

// A list with one problem, for every kind, that has not ended.
inline known::List Known(std::string title, std::string reason = "reported") {
  return known::List({{std::move(title), std::nullopt, std::move(reason), absl::CivilDay(2027, 3, 31)}});
}
inline known::ListAt Now(const known::List& list) {
  return {&list, absl::FromUnixSeconds(1800000000)};
}

// "verdict blame"
inline std::string Words(const Judgement& judgement) {
  return std::string(ToString(judgement.verdict)) + " " + std::string(ToString(judgement.blame));
}

}  // namespace lk::campaign
