// SPDX-License-Identifier: Apache-2.0
// Fuzzes the parser with arbitrary webhook bodies. They must be rejected or parsed into bounded strings that the store
// preserves, must not lead to any origin other than the rule's, and must enter campaign files as plain strings. The
// first byte of the input selects the sender; the rest is used as both body and headers.
#include <cstdlib>
#include <string>
#include <string_view>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/spec.h"
#include "server/webhooks/curl.h"
#include "server/webhooks/inbound/event.h"
#include "server/webhooks/inbound/rules.h"
#include "server/webhooks/signature.h"

namespace {

using lk::webhooks::Event;

constexpr char kTemplate[] = "apiVersion: lk/v1\nkind: Campaign\nmetadata: { name: t }\nspec: {}\n";

void Require(bool good) {
  if (!good) std::abort();
}

lk::StatusOr<Event> Parse(uint8_t sender, std::string_view body) {
  switch (sender % 5) {
    case 0:
      return lk::webhooks::ParseGitHub("push", body);
    case 1:
      return lk::webhooks::ParseGitHub("workflow_run", body);
    case 2:
      return lk::webhooks::ParseGitHub("release", body);
    case 3:
      return lk::webhooks::ParseGitLab(body);
    default:
      return lk::webhooks::ParseGeneric(body);
  }
}

void CheckText(const std::string& text) {
  Require(text.size() <= Event::kMaxText);
  for (const unsigned char c : text) Require(c >= ' ' && c != 0x7f);
}

void CheckFiles(const Event& event) {
  lk::config::WebhookRule rule;
  rule.artifacts = {{.url = "https://a.test:8443/${repository}/${branch}-${commit}.deb?x=${tag}${run}", .name = ""}};
  if (const auto files = lk::webhooks::WantedFiles(rule, event); files.ok()) {
    for (const lk::webhooks::Wanted& file : *files) {
      const auto url = lk::webhooks::ParseUrl(file.url);
      Require(url.ok() && url->origin == "https://a.test:8443" && url->path.find("/../") == std::string::npos);
      Require(file.name.find('/') == std::string::npos);
    }
  }
  // URLs from the event itself may have any origin, or be invalid.
  for (const Event::Artifact& artifact : event.artifacts) {
    if (const auto url = lk::webhooks::ParseUrl(artifact.url); url.ok()) Require(url->scheme.starts_with("http"));
  }
}

void CheckSubstitutions(const Event& event) {
  lk::config::WebhookRule rule;
  rule.set = {{"metadata.labels.branch", "branch"}};
  const auto set = lk::webhooks::Substitutions(rule, event, "k0123456789ab");
  if (!set.ok()) return;
  const lk::campaign::SpecResult result = lk::campaign::ParseSpec(kTemplate, *set, {});
  const lk::campaign::Labels& labels = result.spec.labels;
  Require(labels.size() <= 4 && labels.contains("branch") && labels.at("branch") == event.branch);
  if (!event.repository.empty()) Require(labels.at("repository") == event.repository);
  Require(result.spec.name == "t" && result.spec.kernels.size() == 1 && result.spec.scenarios.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  // A signature that was made without the secret is never valid.
  static const lk::webhooks::Secrets secrets = {lk::webhooks::Secret("of nobody's guessing")};
  const std::string header(body);
  Require(!lk::webhooks::GitHubSignatureGood(secrets, header, "body"));
  Require(!lk::webhooks::TokenGood(secrets, header));
  Require(lk::webhooks::CheckStandard(secrets, {"id", header, header}, "body", absl::UnixEpoch(), absl::Hours(1)) ==
          lk::webhooks::StandardResult::kWrong);

  const lk::StatusOr<Event> event = Parse(data[0], body);
  if (!event.ok()) {
    Require(absl::IsInvalidArgument(event.status()));
    return 0;
  }
  for (const std::string& text :
       {event->status, event->repository, event->branch, event->tag, event->commit, event->run}) {
    CheckText(text);
  }
  Require(event->artifacts.size() <= Event::kMaxArtifacts);
  const lk::StatusOr<Event> again = lk::webhooks::FromJson(lk::webhooks::ToJson(*event));
  Require(again.ok() && lk::webhooks::ToJson(*again) == lk::webhooks::ToJson(*event));
  CheckFiles(*event);
  CheckSubstitutions(*event);
  return 0;
}
