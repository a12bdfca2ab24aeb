// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/kcidb.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace lk::webhooks {
namespace {

using Json = nlohmann::ordered_json;

// The schema's words for what became of a test.
std::string_view StatusWord(campaign::Verdict verdict) {
  switch (verdict) {
    case campaign::Verdict::kPass:
      return "PASS";
    case campaign::Verdict::kFail:
      return "FAIL";
    case campaign::Verdict::kMiss:
      return "MISS";
    case campaign::Verdict::kSkip:
      return "SKIP";
    case campaign::Verdict::kError:
    case campaign::Verdict::kUnproven:
      break;
  }
  return "ERROR";
}

// Parts of a test's path: what is none of the schema's characters becomes "_".
std::string PathPart(std::string text) {
  std::ranges::replace_if(
      text,
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
      },
      '_');
  return text;
}

// The schema takes no other hashes.
constexpr size_t kCommitDigits = 40;

std::string Commit(const Outcome& outcome, const std::string& kernel_id) {
  const auto kernel = outcome.kernels.find(kernel_id);
  if (kernel == outcome.kernels.end()) return "";
  const auto label = kernel->second.labels.find("commit");
  if (label == kernel->second.labels.end() || label->second.size() != kCommitDigits) return "";
  return label->second.find_first_not_of("0123456789abcdef") == std::string::npos ? label->second : "";
}

std::string KcidbTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6S%Ez", time, absl::UTCTimeZone());
}

}  // namespace

std::string KcidbSubmission(const Outcome& outcome, const std::string& origin) {
  Json checkouts = Json::array(), builds = Json::array(), tests = Json::array();
  const auto id = [&origin](const std::string& local) { return fmt::format("{}:{}", origin, local); };
  std::map<std::string, const campaign::Run*> kernels;
  for (const campaign::Run& run : outcome.runs) kernels.try_emplace(run.kernel_id, &run);
  for (const auto& [kernel_id, run] : kernels) {
    Json checkout = {{"id", id(kernel_id)}, {"origin", origin}, {"valid", true}};
    if (const std::string commit = Commit(outcome, kernel_id); !commit.empty()) checkout["git_commit_hash"] = commit;
    checkouts.push_back(std::move(checkout));
    builds.push_back({{"id", id(kernel_id)},
                      {"checkout_id", id(kernel_id)},
                      {"origin", origin},
                      {"architecture", std::string(ToString(run->arch))},
                      {"status", "PASS"},
                      {"misc", {{"release", run->kernel_release}}}});
  }
  for (const campaign::Run& run : outcome.runs) {
    if (run.superseded || run.control || run.state != campaign::RunState::kDone) continue;
    Json test = {{"id", id(run.id)},
                 {"build_id", id(run.kernel_id)},
                 {"origin", origin},
                 {"path", fmt::format("lk.{}.{}", PathPart(run.scenario), PathPart(run.profile))},
                 {"comment", run.reason},
                 {"status", std::string(StatusWord(run.verdict))},
                 {"misc",
                  {{"campaign", outcome.campaign.id},
                   {"verdict", std::string(ToString(run.verdict))},
                   {"emulated", run.emulated}}}};
    if (run.started != absl::InfinitePast()) {
      test["start_time"] = KcidbTime(run.started);
      if (run.finished > run.started) test["duration"] = absl::ToDoubleSeconds(run.finished - run.started);
    }
    tests.push_back(std::move(test));
  }
  const Json submission = {{"version", {{"major", 5}, {"minor", 0}}},
                           {"checkouts", std::move(checkouts)},
                           {"builds", std::move(builds)},
                           {"tests", std::move(tests)}};
  return submission.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lk::webhooks
