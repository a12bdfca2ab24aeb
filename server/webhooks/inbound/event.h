// SPDX-License-Identifier: Apache-2.0
// What a CI system told, in lk's words. Pure: bodies are read here and nothing else is done.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::webhooks {

// Every text is UTF-8 without control characters and at most kMostText bytes.
struct Event {
  static constexpr size_t kMostText = 1024;
  static constexpr size_t kMostArtifacts = 256;

  struct Artifact {
    std::string name;
    std::string url;
    std::string sha256;  // 64 lower-case hexadecimal digits; empty: not told
  };

  std::string source;      // github, gitlab, generic
  std::string delivery;    // the sender's id
  std::string type;        // push, workflow_run, release; pipeline, job; a generic one's type
  std::string status;      // of workflow_run, pipeline, job: "success" ...; empty: it is not finished
  std::string repository;  // "owner/name"
  std::string branch;      // without "refs/heads/"
  std::string tag;
  std::string commit;  // 40 or 64 lower-case hexadecimal digits; empty: not told
  std::string run;     // the CI system's id of what ran
  bool fork = false;   // what ran came from another repository than `repository`
  // Nothing to be done by nature: a branch deleted, a release changed, a workflow begun.
  bool idle = false;
  std::vector<Artifact> artifacts;

  // Branch or tag.
  const std::string& ref() const { return branch.empty() ? tag : branch; }
};

// `name` is the value of X-GitHub-Event ("push"). Any event but push, workflow_run and release is idle.
// Errors: INVALID_ARGUMENT (no JSON, or a field is missing, of another type or malformed; the message names it).
StatusOr<Event> ParseGitHub(std::string_view name, std::string_view body);
// The event is told by the body's object_kind. Errors as above.
StatusOr<Event> ParseGitLab(std::string_view body);
// {"type": "...", "data": {"repository", "branch", "tag", "commit", "run", "status", "artifacts": [{"name", "url",
// "sha256"}]}}; of data, repository is required. Errors as above.
StatusOr<Event> ParseGeneric(std::string_view body);

// For the store. Reading errors: DATA_LOSS.
std::string ToJson(const Event& event);
StatusOr<Event> FromJson(const std::string& text);

}  // namespace lk::webhooks
