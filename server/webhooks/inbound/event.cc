// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/event.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace lk::webhooks {
namespace {

using nlohmann::json;

bool Hexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Reads fields and remembers the first error. Does not throw.
class Reader {
 public:
  explicit Reader(std::string_view body) : root_(json::parse(body, nullptr, /*allow_exceptions=*/false)) {
    if (!root_.is_object()) Refuse("the body is not a JSON object");
  }

  const Status& status() const { return status_; }
  void Refuse(const std::string& message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }

  // `path` looks like "workflow_run.head_repository.full_name". Returns null if the field is missing or null.
  const json* Get(const std::string& path) const { return Get(root_, path); }
  static const json* Get(const json& from, const std::string& path) {
    const json* at = &from;
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find('.', begin), path.size());
      if (!at->is_object()) return nullptr;
      const auto it = at->find(path.substr(begin, end - begin));
      if (it == at->end() || it->is_null()) return nullptr;
      at = &*it;
      begin = end + 1;
    }
    return at;
  }

  std::string Required(const std::string& path) {
    std::string text = Optional(path);
    if (text.empty()) Refuse(fmt::format("{} is missing", path));
    return text;
  }
  std::string Optional(const std::string& path) { return Text(Get(path), path); }

  // Returns a string, or the digits of a number.
  std::string Text(const json* value, const std::string& path) {
    if (value == nullptr) return "";
    if (value->is_number_unsigned()) return fmt::format("{}", value->get<uint64_t>());
    if (!value->is_string()) {
      Refuse(fmt::format("{} is not a string", path));
      return "";
    }
    const auto& text = value->get_ref<const std::string&>();
    const bool control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (text.size() > Event::kMaxText || control) {
      Refuse(fmt::format("{} is longer than {} bytes or contains control characters", path, Event::kMaxText));
      return "";
    }
    return text;
  }

  bool Flag(const std::string& path) {
    const json* value = Get(path);
    if (value != nullptr && !value->is_boolean()) Refuse(fmt::format("{} must be true or false", path));
    return value != nullptr && value->is_boolean() && value->get<bool>();
  }

  std::string Commit(const std::string& path) {
    std::string commit = Optional(path);
    if (commit.empty() || ((commit.size() == 40 || commit.size() == 64) && Hexadecimal(commit))) return commit;
    Refuse(fmt::format("{} is not a commit hash", path));
    return "";
  }

  // `url` and `digest` are the names of the fields that hold the URL and the SHA-256 of an artifact.
  std::vector<Event::Artifact> Artifacts(const std::string& path, const std::string& url, const std::string& digest) {
    std::vector<Event::Artifact> artifacts;
    const json* list = Get(path);
    if (list == nullptr) return artifacts;
    if (!list->is_array() || list->size() > Event::kMaxArtifacts) {
      Refuse(fmt::format("{} must be a list of at most {} artifacts", path, Event::kMaxArtifacts));
      return artifacts;
    }
    for (const json& item : *list) {
      Event::Artifact artifact;
      artifact.name = Text(Get(item, "name"), path + ".name");
      artifact.url = Text(Get(item, url), absl::StrCat(path, ".", url));
      std::string sum = Text(Get(item, digest), absl::StrCat(path, ".", digest));
      // GitHub prefixes the hash with the name of the algorithm.
      const bool other = sum.find(':') != std::string::npos && !sum.starts_with("sha256:");
      artifact.sha256 = other ? "" : absl::AsciiStrToLower(absl::StripPrefix(sum, "sha256:"));
      if (!artifact.sha256.empty() && (artifact.sha256.size() != 64 || !Hexadecimal(artifact.sha256))) {
        Refuse(fmt::format("{}.{} is not a SHA-256 hash", path, digest));
      }
      if (artifact.name.empty() || artifact.url.empty()) Refuse(fmt::format("{} requires name and {}", path, url));
      artifacts.push_back(std::move(artifact));
    }
    return artifacts;
  }

 private:
  json root_;
  Status status_;
};

StatusOr<Event> Done(const Reader& reader, Event event) {
  if (!reader.status().ok()) return reader.status();
  return event;
}

void SetRef(Event& event, Reader& reader, const std::string& ref) {
  absl::string_view rest = ref;
  if (absl::ConsumePrefix(&rest, "refs/heads/")) {
    event.branch = std::string(rest);
  } else if (absl::ConsumePrefix(&rest, "refs/tags/")) {
    event.tag = std::string(rest);
  } else {
    reader.Refuse("ref is neither a branch nor a tag");
  }
}

void ReadPush(Reader& reader, Event& event) {
  SetRef(event, reader, reader.Required("ref"));
  event.commit = reader.Commit("after");
  event.idle = reader.Flag("deleted");
}

void ReadWorkflowRun(Reader& reader, Event& event) {
  event.branch = reader.Optional("workflow_run.head_branch");
  event.commit = reader.Commit("workflow_run.head_sha");
  event.run = reader.Required("workflow_run.id");
  event.status = reader.Optional("workflow_run.conclusion");
  event.idle = reader.Required("action") != "completed";
  // head_repository is null if the fork has been deleted.
  event.fork = reader.Optional("workflow_run.head_repository.full_name") != event.repository;
}

void ReadRelease(Reader& reader, Event& event) {
  event.tag = reader.Required("release.tag_name");
  // A branch, or a commit.
  const std::string target = reader.Optional("release.target_commitish");
  (target.size() == 40 && Hexadecimal(target) ? event.commit : event.branch) = target;
  event.idle = reader.Required("action") != "published" || reader.Flag("release.draft");
  event.artifacts = reader.Artifacts("release.assets", "browser_download_url", "digest");
}

}  // namespace

StatusOr<Event> ParseGitHub(std::string_view name, std::string_view body) {
  Reader reader(body);
  Event event;
  event.source = "github";
  event.type = name;
  if (name != "push" && name != "workflow_run" && name != "release") {
    event.idle = true;
    return Done(reader, std::move(event));
  }
  event.repository = reader.Required("repository.full_name");
  if (name == "push") ReadPush(reader, event);
  if (name == "workflow_run") ReadWorkflowRun(reader, event);
  if (name == "release") ReadRelease(reader, event);
  return Done(reader, std::move(event));
}

StatusOr<Event> ParseGitLab(std::string_view body) {
  Reader reader(body);
  Event event;
  event.source = "gitlab";
  event.type = reader.Required("object_kind");
  // GitLab calls the event "Job", but its object_kind is "build".
  if (event.type == "build") event.type = "job";
  const bool job = event.type == "job";
  if (!job && event.type != "pipeline") {
    event.idle = true;
    return Done(reader, std::move(event));
  }
  const std::string at = job ? "" : "object_attributes.";
  event.repository = reader.Required("project.path_with_namespace");
  (reader.Flag(at + "tag") ? event.tag : event.branch) = reader.Required(at + "ref");
  event.commit = reader.Commit(at + "sha");
  event.run = reader.Required(job ? "build_id" : "object_attributes.id");
  event.status = reader.Required(job ? "build_status" : "object_attributes.status");
  event.idle = event.status != "success" && event.status != "failed" && event.status != "canceled";
  event.fork = reader.Optional("merge_request.source_project_id") != reader.Optional("merge_request.target_project_id");
  return Done(reader, std::move(event));
}

StatusOr<Event> ParseGeneric(std::string_view body) {
  Reader reader(body);
  Event event;
  event.source = "generic";
  event.type = reader.Required("type");
  event.repository = reader.Required("data.repository");
  event.branch = reader.Optional("data.branch");
  event.tag = reader.Optional("data.tag");
  event.commit = reader.Commit("data.commit");
  event.run = reader.Optional("data.run");
  event.status = reader.Optional("data.status");
  event.artifacts = reader.Artifacts("data.artifacts", "url", "sha256");
  return Done(reader, std::move(event));
}

std::string ToJson(const Event& event) {
  json artifacts = json::array();
  for (const Event::Artifact& artifact : event.artifacts) {
    artifacts.push_back({{"name", artifact.name}, {"url", artifact.url}, {"sha256", artifact.sha256}});
  }
  return json{{"source", event.source},
              {"delivery", event.delivery},
              {"type", event.type},
              {"status", event.status},
              {"repository", event.repository},
              {"branch", event.branch},
              {"tag", event.tag},
              {"commit", event.commit},
              {"run", event.run},
              {"fork", event.fork},
              {"idle", event.idle},
              {"artifacts", std::move(artifacts)}}
      .dump();
}

StatusOr<Event> FromJson(const std::string& text) {
  Reader reader(text);
  Event event;
  event.source = reader.Optional("source");
  event.delivery = reader.Optional("delivery");
  event.type = reader.Optional("type");
  event.status = reader.Optional("status");
  event.repository = reader.Optional("repository");
  event.branch = reader.Optional("branch");
  event.tag = reader.Optional("tag");
  event.commit = reader.Optional("commit");
  event.run = reader.Optional("run");
  event.fork = reader.Flag("fork");
  event.idle = reader.Flag("idle");
  event.artifacts = reader.Artifacts("artifacts", "url", "sha256");
  if (!reader.status().ok()) {
    return absl::DataLossError(fmt::format("stored webhook: {}", std::string(reader.status().message())));
  }
  return event;
}

}  // namespace lk::webhooks
