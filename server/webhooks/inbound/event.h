// SPDX-License-Identifier: Apache-2.0
// Events from CI systems in a common form. Pure: only parses bodies.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::webhooks {

// Every text is UTF-8 without control characters and at most kMaxText bytes.
struct Event {
  static constexpr size_t kMaxText = 1024;
  static constexpr size_t kMaxArtifacts = 256;

  struct Artifact {
    std::string name;
    std::string url;
    std::string sha256;  // 64 lower-case hexadecimal digits; empty if unknown
  };

  std::string source;      // github, gitlab, generic
  std::string delivery;    // the sender's id of the delivery
  std::string type;        // push, workflow_run, release; pipeline, job; the type of a generic event
  std::string status;      // of a workflow_run, pipeline or job, for example "success"; empty if the event has none
  std::string repository;  // "owner/name"
  std::string branch;      // without "refs/heads/"
  std::string tag;
  std::string commit;  // 40 or 64 lower-case hexadecimal digits; empty if unknown
  std::string run;     // the CI system's id of the run
  bool fork = false;   // the code came from a repository other than `repository`
  // Requires no work: for example a deleted branch, a changed release, a workflow that has just started.
  bool idle = false;
  std::vector<Artifact> artifacts;

  // Branch or tag.
  const std::string& ref() const { return branch.empty() ? tag : branch; }
};

// `name` is the value of X-GitHub-Event, for example "push". Any event except push, workflow_run and release is idle.
// Errors: INVALID_ARGUMENT (not JSON, or a field is missing, malformed or of the wrong type; the message names the
// field).
StatusOr<Event> ParseGitHub(std::string_view name, std::string_view body);
// The body's object_kind names the event. Errors as above.
StatusOr<Event> ParseGitLab(std::string_view body);
// {"type": "...", "data": {"repository", "branch", "tag", "commit", "run", "status", "artifacts": [{"name", "url",
// "sha256"}]}}. "type" and "repository" are required. Errors as above.
StatusOr<Event> ParseGeneric(std::string_view body);

// For the store. FromJson's errors: DATA_LOSS.
std::string ToJson(const Event& event);
StatusOr<Event> FromJson(const std::string& text);

}  // namespace lk::webhooks
