// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/rules.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace lk::webhooks {
namespace {

bool Matches(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME | FNM_NOESCAPE) == 0;
}

bool MatchesAny(const std::vector<std::string>& patterns, const std::string& text) {
  return !text.empty() &&
         std::ranges::any_of(patterns, [&text](const std::string& pattern) { return Matches(pattern, text); });
}

bool HasStatus(const Event& event) {
  return event.type == "workflow_run" || event.type == "pipeline" || event.type == "job";
}

bool Fits(const config::WebhookRule& rule, const Event& event) {
  if (rule.source != event.source || rule.event != event.type || !Matches(rule.repository, event.repository))
    return false;
  if (event.fork && !rule.forks) return false;
  if (HasStatus(event) && rule.status != event.status) return false;
  if (rule.branches.empty() && rule.tags.empty()) return true;
  return MatchesAny(rule.branches, event.branch) || MatchesAny(rule.tags, event.tag);
}

// Percent-encodes all characters except the unreserved ones (RFC 3986) and "/": repository and branch names contain
// "/".
StatusOr<std::string> UrlEncoded(const std::string& variable, const std::string& value) {
  std::string encoded;
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || c == '/';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  const std::string path = "/" + value + "/";
  if (value.empty() || path.find("/./") != path.npos || path.find("/../") != path.npos ||
      path.find("//") != path.npos) {
    return absl::InvalidArgumentError(
        fmt::format("the event's {} \"{}\" cannot be part of an artifact's URL", variable, value));
  }
  return encoded;
}

StatusOr<std::string> Expand(const std::string& text, const std::map<std::string, std::string>& variables) {
  std::string expanded;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = text.find("${", at);
    const size_t end = begin == text.npos ? text.npos : text.find('}', begin);
    if (end == text.npos) return expanded + text.substr(at);
    expanded += text.substr(at, begin - at);
    const std::string name = text.substr(begin + 2, end - begin - 2);
    const auto variable = variables.find(name);
    if (variable == variables.end()) return absl::InvalidArgumentError(fmt::format("unknown variable ${{{}}}", name));
    LK_ASSIGN_OR_RETURN(const std::string value, UrlEncoded(name, variable->second));
    expanded += value;
    at = end + 1;
  }
  return expanded;
}

// The name is only stored with the kernel; it never becomes a path.
std::string BaseName(const std::string& url) {
  const std::string path = url.substr(0, url.find_first_of("?#"));
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() ? "artifact" : name;
}

std::string Quoted(const std::string& text) {
  // A JSON string is a valid double-quoted YAML string (https://yaml.org/spec/1.2.2, section 1.2).
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

const config::WebhookRule* FindRule(const std::vector<config::WebhookRule>& rules, const Event& event) {
  if (event.idle) return nullptr;
  const auto rule = std::ranges::find_if(rules, [&event](const config::WebhookRule& r) { return Fits(r, event); });
  return rule == rules.end() ? nullptr : &*rule;
}

std::map<std::string, std::string> Variables(const Event& event) {
  return {{"repository", event.repository}, {"branch", event.branch}, {"tag", event.tag},          {"ref", event.ref()},
          {"commit", event.commit},         {"run", event.run},       {"delivery", event.delivery}};
}

StatusOr<std::vector<Wanted>> WantedFiles(const config::WebhookRule& rule, const Event& event) {
  std::vector<Wanted> wanted;
  for (const config::WebhookArtifact& artifact : rule.artifacts) {
    if (!artifact.url.empty()) {
      LK_ASSIGN_OR_RETURN(std::string url, Expand(artifact.url, Variables(event)));
      std::string name = BaseName(url);
      wanted.push_back({std::move(url), artifact.role, std::move(name), ""});
      continue;
    }
    size_t found = 0;
    for (const Event::Artifact& of_event : event.artifacts) {
      if (!Matches(artifact.name, of_event.name)) continue;
      ++found;
      wanted.push_back({of_event.url, artifact.role, BaseName(of_event.url), of_event.sha256});
    }
    if (found != 1) {
      return absl::NotFoundError(
          fmt::format("expected one artifact named \"{}\" in the event, found {}", artifact.name, found));
    }
  }
  return wanted;
}

StatusOr<std::vector<std::string>> Substitutions(const config::WebhookRule& rule, const Event& event,
                                                 const std::string& kernel) {
  std::map<std::string, std::string> values = Variables(event);
  values["kernel"] = kernel;
  std::vector<std::string> substitutions;
  if (!kernel.empty()) substitutions.push_back(fmt::format("spec.kernels=[{}]", Quoted(kernel)));
  for (const char* label : {"repository", "ref", "commit"}) {
    if (!values[label].empty())
      substitutions.push_back(fmt::format("metadata.labels.{}={}", label, Quoted(values[label])));
  }
  for (const auto& [place, variable] : rule.set) {
    if (values[variable].empty()) {
      return absl::InvalidArgumentError(
          fmt::format("rule {} sets {} to the event's {}, but the event has none", rule.name, place, variable));
    }
    substitutions.push_back(fmt::format("{}={}", place, Quoted(values[variable])));
  }
  return substitutions;
}

}  // namespace lk::webhooks
