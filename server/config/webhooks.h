// SPDX-License-Identifier: Apache-2.0
// The `webhooks` section of lkd's configuration; server/webhooks/README.md explains it with examples. Keys are the
// field names in camelCase.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lk::config {

// Who may send webhooks. Without a secret file the path answers 404.
struct WebhookSource {
  std::vector<std::filesystem::path> secret_files;  // several: while a secret is being replaced
};

// An origin that artefacts may come from.
struct ArtifactOrigin {
  std::string url;  // https://host[:port]
  // Sent to this origin only, as "Authorization: Bearer"; empty: none.
  std::filesystem::path token_file;
  // Lets its name lead to private, loopback and link-local addresses too.
  bool private_addresses = false;
};

// A file of a kernel build that an event leads to: at `url`, with ${variables}; or the event's own artefact whose name
// matches `name`. One of the two.
struct WebhookArtifact {
  std::string url;
  std::string name;
  std::string role = "debian_package";  // as of kernels::Upload
};

// What an event starts. The first rule that fits an event is its rule.
struct WebhookRule {
  std::string name;
  std::string source;      // github, gitlab, generic
  std::string event;       // push, workflow_run, release; pipeline, job; a generic one's type
  std::string repository;  // shell pattern; "*" does not match "/"
  // Shell patterns; neither: any branch or tag. Both: either fits.
  std::vector<std::string> branches;
  std::vector<std::string> tags;
  // Of workflow_run, pipeline and job.
  std::string status = "success";
  // Takes events of forks too. Their branches are named by strangers, and what they built is theirs.
  bool forks = false;
  std::filesystem::path campaign;  // template: a campaign file
  std::vector<WebhookArtifact> artifacts;
  // Place in the template ("metadata.labels.branch", "spec.profiles[0].cmdline") -> variable that is put there as text.
  std::map<std::string, std::string> set;
};

// Who is told of a campaign that has it in `notify`.
struct WebhookTarget {
  std::string name;    // lower-case letters, digits, "_", "-"
  std::string format;  // lk, github_status, github_check, gitlab_status, kcidb
  // lk, kcidb: where to POST; the others: the API's root (https://api.github.com, https://gitlab.com).
  std::string url;
  std::vector<std::filesystem::path> secret_files;  // for lk: signs, one signature each
  std::filesystem::path token_file;                 // of the API
  std::string repository;                           // empty: the campaign's label "repository"
  std::string context = "lk";                       // name of the status or check; origin of KCIDB
  std::string link;                                 // shown with it; ${campaign} is the id
};

struct Webhooks {
  uint64_t max_body_bytes = 1 << 20;
  // Waiting for work; more are answered with 503.
  uint32_t max_queued = 1000;
  // How long deliveries are known as such, and delivered notifications listed.
  absl::Duration remember = absl::Hours(30 * 24);
  // How far a generic webhook's timestamp may be off.
  absl::Duration tolerance = absl::Minutes(5);

  WebhookSource github, gitlab, generic;

  struct Artifacts {
    std::vector<ArtifactOrigin> origins;
    std::filesystem::path ca_file;  // PEM, instead of the system's
    uint64_t max_bytes = uint64_t{1} << 30;
    absl::Duration timeout = absl::Minutes(10);
  } artifacts;

  std::vector<WebhookRule> rules;
  std::vector<WebhookTarget> targets;
  std::filesystem::path target_ca_file;  // PEM, of targets, instead of the system's

  // Attempts to deliver: the pause doubles from `first` to `most`, less up to half of it by chance.
  struct Retry {
    absl::Duration first = absl::Seconds(5);
    absl::Duration most = absl::Hours(4);
    uint32_t attempts = 20;
    absl::Duration timeout = absl::Seconds(20);
  } retry;
};

}  // namespace lk::config
