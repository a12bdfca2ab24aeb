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

// A sender of webhooks. Without a secret file, requests to its path get a 404.
struct WebhookSource {
  std::vector<std::filesystem::path> secret_files;  // several while a secret is being replaced
};

// An origin from which artifacts may be fetched.
struct ArtifactOrigin {
  std::string url;  // https://host[:port]
  // Token that is sent to this origin only, as "Authorization: Bearer". If empty, none is sent.
  std::filesystem::path token_file;
  // Allows the name to resolve to private, loopback and link-local addresses, too.
  bool private_addresses = false;
};

// A file of the kernel build that an event announces. It is fetched from `url`, which may contain ${variables}, or,
// if `url` is empty, it is that artifact in the event's list whose name matches `name`.
struct WebhookArtifact {
  std::string url;
  std::string name;
  std::string role = "debian_package";  // as in kernels::Upload
};

// Selects events and the campaign that they start. The first rule that matches an event applies.
struct WebhookRule {
  std::string name;
  std::string source;      // github, gitlab, generic
  std::string event;       // push, workflow_run, release; pipeline, job; the type of a generic event
  std::string repository;  // shell pattern; "*" does not match "/"
  // Shell patterns. If both lists are empty, any branch or tag matches; otherwise one of the patterns must match.
  std::vector<std::string> branches;
  std::vector<std::string> tags;
  // Required status of workflow_run, pipeline and job events.
  std::string status = "success";
  // Accepts events from forks, too, whose branch names and builds are controlled by strangers.
  bool forks = false;
  std::filesystem::path campaign;  // template: a campaign file
  std::vector<WebhookArtifact> artifacts;
  // Path in the template ("metadata.labels.branch", "spec.profiles[0].cmdline") -> variable whose value is inserted
  // there as text.
  std::map<std::string, std::string> set;
};

// A receiver of notifications about the campaigns that name it in `notify`.
struct WebhookTarget {
  std::string name;    // lower-case letters, digits, "_", "-"
  std::string format;  // lk, github_status, github_check, gitlab_status, kcidb
  // lk, kcidb: the URL to POST to; other formats: the root of the API (https://api.github.com, https://gitlab.com).
  std::string url;
  std::vector<std::filesystem::path> secret_files;  // for lk: signing keys, one signature per key
  std::filesystem::path token_file;                 // for the API
  std::string repository;                           // if empty, the campaign's label "repository"
  std::string context = "lk";                       // name of the status or check; for kcidb, the origin
  std::string link;                                 // shown with the result; ${campaign} is the id
};

struct Webhooks {
  uint64_t max_body_bytes = 1 << 20;
  // Limit on events waiting to be processed; beyond it, requests get a 503.
  uint32_t max_queued = 1000;
  // How long repeated deliveries are recognised and delivered notifications are listed.
  absl::Duration remember = absl::Hours(30 * 24);
  // How far a generic webhook's timestamp may differ from lkd's clock.
  absl::Duration tolerance = absl::Minutes(5);

  WebhookSource github, gitlab, generic;

  struct Artifacts {
    std::vector<ArtifactOrigin> origins;
    std::filesystem::path ca_file;  // PEM; replaces the system's CA certificates
    uint64_t max_bytes = uint64_t{1} << 30;
    absl::Duration timeout = absl::Minutes(10);
  } artifacts;

  std::vector<WebhookRule> rules;
  std::vector<WebhookTarget> targets;
  std::filesystem::path target_ca_file;  // PEM, for targets; replaces the system's CA certificates

  // Delivery attempts: the delay doubles from `first` up to `most`, minus a random part of up to half.
  struct Retry {
    absl::Duration first = absl::Seconds(5);
    absl::Duration most = absl::Hours(4);
    uint32_t attempts = 20;
    absl::Duration timeout = absl::Seconds(20);
  } retry;
};

}  // namespace lk::config
