// SPDX-License-Identifier: Apache-2.0
#include "server/config/webhooks_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace lk::config {
namespace {

using yaml::Item;
using yaml::Mistakes;
using yaml::ReadList;
using yaml::ReadMap;
using yaml::ReadText;

constexpr uint32_t kMaxQueued = 1'000'000;
constexpr uint32_t kMaxAttempts = 1000;
constexpr uint64_t kMaxBodyBytes = uint64_t{25} << 20;  // GitHub does not send larger bodies

std::optional<std::string> OneOf(const Item& item, Mistakes& mistakes, std::string_view what,
                                 const std::vector<std::string_view>& words) {
  yaml::Vocabulary<std::string> vocabulary;
  for (const std::string_view word : words) vocabulary.emplace_back(word, std::string(word));
  return yaml::ReadWord(item, mistakes, what, vocabulary);
}

void Text(const Item& item, Mistakes& mistakes, std::string& target) {
  yaml::Store(target, ReadText(item, mistakes));
}

void Texts(const Item& item, Mistakes& mistakes, std::vector<std::string>& target) {
  ReadList(item, mistakes, false, [&](const Item& entry) { Text(entry, mistakes, target.emplace_back()); });
}

void File(const Item& item, Mistakes& mistakes, std::filesystem::path& target) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return;
  if (!text->starts_with('/')) mistakes.Add(item.path, fmt::format("\"{}\" is not an absolute path", *text));
  target = *text;
}

void Files(const Item& item, Mistakes& mistakes, std::vector<std::filesystem::path>& target) {
  ReadList(item, mistakes, false, [&](const Item& entry) { File(entry, mistakes, target.emplace_back()); });
}

// Accepts https and, with `plain_loopback`, also http on loopback, where nobody can eavesdrop.
void Url(const Item& item, Mistakes& mistakes, bool plain_loopback, std::string& target) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return;
  const bool secure = text->starts_with("https://") && text->size() > std::string_view("https://").size();
  const bool loopback = text->starts_with("http://127.") || text->starts_with("http://[::1]") ||
                        text->starts_with("http://localhost:") || text->starts_with("http://localhost/");
  if (!secure && !(plain_loopback && loopback)) {
    mistakes.Add(item.path, fmt::format("\"{}\" is not an https URL{}", *text,
                                        plain_loopback ? "; http is accepted only on loopback" : ""));
  }
  target = *text;
}

void Source(const Item& item, Mistakes& mistakes, WebhookSource& source) {
  ReadMap(item, mistakes, {{"secretFiles", [&](const Item& i) { Files(i, mistakes, source.secret_files); }, true}});
}

void Origin(const Item& item, Mistakes& mistakes, ArtifactOrigin& origin) {
  ReadMap(item, mistakes,
          {{"url",
            [&](const Item& i) {
              Url(i, mistakes, false, origin.url);
              while (origin.url.ends_with('/')) origin.url.pop_back();
              if (origin.url.find_first_of("/?#@", std::string_view("https://").size()) != std::string::npos) {
                mistakes.Add(
                    i.path, "an origin cannot have a path, query or user (expected https://host or https://host:port)");
              }
            },
            true},
           {"tokenFile", [&](const Item& i) { File(i, mistakes, origin.token_file); }},
           {"privateAddresses",
            [&](const Item& i) { yaml::Store(origin.private_addresses, yaml::ReadBool(i, mistakes)); }}});
}

void Artifacts(const Item& item, Mistakes& mistakes, Webhooks::Artifacts& artifacts) {
  ReadMap(item, mistakes,
          {{"origins",
            [&](const Item& i) {
              ReadList(i, mistakes, true,
                       [&](const Item& entry) { Origin(entry, mistakes, artifacts.origins.emplace_back()); });
            }},
           {"caFile", [&](const Item& i) { File(i, mistakes, artifacts.ca_file); }},
           {"maxBytes", [&](const Item& i) { yaml::Store(artifacts.max_bytes, yaml::ReadBytes(i, mistakes)); }},
           {"timeout", [&](const Item& i) { yaml::Store(artifacts.timeout, yaml::ReadDuration(i, mistakes)); }}});
}

void Artifact(const Item& item, Mistakes& mistakes, WebhookArtifact& artifact) {
  ReadMap(item, mistakes,
          {{"url", [&](const Item& i) { Url(i, mistakes, false, artifact.url); }},
           {"name", [&](const Item& i) { Text(i, mistakes, artifact.name); }},
           {"role", [&](const Item& i) {
              yaml::Store(artifact.role, OneOf(i, mistakes, "artifact role",
                                               {"debian_package", "image", "config", "modules_archive", "debug"}));
            }}});
  if (item.node.IsMap() && artifact.url.empty() == artifact.name.empty()) {
    mistakes.Add(item.path, "expected either \"url\" or \"name\"");
  }
}

const std::vector<std::string_view>& Events(const std::string& source) {
  static const std::vector<std::string_view> github = {"push", "workflow_run", "release"};
  static const std::vector<std::string_view> gitlab = {"pipeline", "job"};
  static const std::vector<std::string_view> any;
  return source == "github" ? github : source == "gitlab" ? gitlab : any;
}

void Rule(const Item& item, Mistakes& mistakes, WebhookRule& rule) {
  ReadMap(item, mistakes,
          {{"name", [&](const Item& i) { yaml::Store(rule.name, yaml::ReadName(i, mistakes)); }, true},
           {"source",
            [&](const Item& i) {
              yaml::Store(rule.source, OneOf(i, mistakes, "webhook source", {"github", "gitlab", "generic"}));
            },
            true},
           {"event", [&](const Item& i) { Text(i, mistakes, rule.event); }, true},
           {"repository", [&](const Item& i) { Text(i, mistakes, rule.repository); }, true},
           {"branches", [&](const Item& i) { Texts(i, mistakes, rule.branches); }},
           {"tags", [&](const Item& i) { Texts(i, mistakes, rule.tags); }},
           {"status", [&](const Item& i) { Text(i, mistakes, rule.status); }},
           {"forks", [&](const Item& i) { yaml::Store(rule.forks, yaml::ReadBool(i, mistakes)); }},
           {"campaign", [&](const Item& i) { File(i, mistakes, rule.campaign); }, true},
           {"artifacts",
            [&](const Item& i) {
              ReadList(i, mistakes, true,
                       [&](const Item& entry) { Artifact(entry, mistakes, rule.artifacts.emplace_back()); });
            }},
           {"set", [&](const Item& i) {
              yaml::ReadAnyMap(i, mistakes, [&](const std::string& place, const Item& value) {
                yaml::Store(rule.set[place],
                            OneOf(value, mistakes, "variable",
                                  {"repository", "branch", "tag", "ref", "commit", "run", "delivery", "kernel"}));
              });
            }}});
  const std::vector<std::string_view>& events = Events(rule.source);
  if (!rule.event.empty() && !events.empty() && std::ranges::find(events, rule.event) == events.end()) {
    mistakes.Add(item.path + ".event",
                 yaml::Unknown("event", rule.event, {events.begin(), events.end()}, " of " + rule.source));
  }
}

void Target(const Item& item, Mistakes& mistakes, WebhookTarget& target) {
  ReadMap(item, mistakes,
          {{"name",
            [&](const Item& i) {
              yaml::Store(target.name, yaml::ReadName(i, mistakes));
              // The name becomes part of webhook ids, which must not contain "." (see CheckStandard).
              if (target.name.find('.') != std::string::npos)
                mistakes.Add(i.path, "a target's name cannot contain \".\"");
            },
            true},
           {"format",
            [&](const Item& i) {
              yaml::Store(target.format, OneOf(i, mistakes, "notification format",
                                               {"lk", "github_status", "github_check", "gitlab_status", "kcidb"}));
            },
            true},
           {"url", [&](const Item& i) { Url(i, mistakes, true, target.url); }, true},
           {"secretFiles", [&](const Item& i) { Files(i, mistakes, target.secret_files); }},
           {"tokenFile", [&](const Item& i) { File(i, mistakes, target.token_file); }},
           {"repository", [&](const Item& i) { Text(i, mistakes, target.repository); }},
           {"context", [&](const Item& i) { Text(i, mistakes, target.context); }},
           {"link", [&](const Item& i) { Text(i, mistakes, target.link); }}});
  while (target.url.ends_with('/') && target.format != "lk") target.url.pop_back();
  // Required by KCIDB's schema.
  const bool origin = !target.context.empty() &&
                      target.context.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (target.format == "kcidb" && !origin) {
    mistakes.Add(item.path + ".context", "KCIDB's origin can contain only lower-case letters, digits and \"_\"");
  }
  if (target.format == "lk" && target.secret_files.empty()) {
    mistakes.Add(item.path, "\"secretFiles\" is missing: format lk requires a signature");
  } else if (!target.format.empty() && target.format != "lk" && target.token_file.empty()) {
    mistakes.Add(item.path, fmt::format("\"tokenFile\" is missing: format {} requires an API token", target.format));
  }
}

void Retry(const Item& item, Mistakes& mistakes, Webhooks::Retry& retry) {
  ReadMap(item, mistakes,
          {{"first", [&](const Item& i) { yaml::Store(retry.first, yaml::ReadDuration(i, mistakes)); }},
           {"most", [&](const Item& i) { yaml::Store(retry.most, yaml::ReadDuration(i, mistakes)); }},
           {"attempts",
            [&](const Item& i) { yaml::Store(retry.attempts, yaml::ReadNumber(i, mistakes, 1, kMaxAttempts)); }},
           {"timeout", [&](const Item& i) { yaml::Store(retry.timeout, yaml::ReadDuration(i, mistakes)); }}});
}

template <typename Named>
void NamesOnce(const std::vector<Named>& things, const std::string& path, Mistakes& mistakes) {
  std::set<std::string> names;
  for (size_t i = 0; i < things.size(); ++i) {
    if (things[i].name.empty() || names.insert(things[i].name).second) continue;
    mistakes.Add(fmt::format("{}[{}].name", path, i), fmt::format("duplicate name \"{}\"", things[i].name));
  }
}

}  // namespace

void ReadWebhooks(const Item& item, Mistakes& mistakes, Webhooks& webhooks) {
  mistakes.Remember(item.path, item.node.Mark());
  const auto duration = [&mistakes](absl::Duration& target) {
    return [&mistakes, &target](const Item& i) { yaml::Store(target, yaml::ReadDuration(i, mistakes)); };
  };
  ReadMap(item, mistakes,
          {{"maxBodyBytes",
            [&](const Item& i) {
              yaml::Store(webhooks.max_body_bytes, yaml::ReadBytes(i, mistakes));
              if (webhooks.max_body_bytes == 0 || webhooks.max_body_bytes > kMaxBodyBytes) {
                mistakes.Add(i.path, "expected 1B to 25MiB");
              }
            }},
           {"maxQueued",
            [&](const Item& i) { yaml::Store(webhooks.max_queued, yaml::ReadNumber(i, mistakes, 1, kMaxQueued)); }},
           {"remember", duration(webhooks.remember)},
           {"tolerance", duration(webhooks.tolerance)},
           {"github", [&](const Item& i) { Source(i, mistakes, webhooks.github); }},
           {"gitlab", [&](const Item& i) { Source(i, mistakes, webhooks.gitlab); }},
           {"generic", [&](const Item& i) { Source(i, mistakes, webhooks.generic); }},
           {"artifacts", [&](const Item& i) { Artifacts(i, mistakes, webhooks.artifacts); }},
           {"rules",
            [&](const Item& i) {
              ReadList(i, mistakes, true,
                       [&](const Item& entry) { Rule(entry, mistakes, webhooks.rules.emplace_back()); });
              NamesOnce(webhooks.rules, i.path, mistakes);
            }},
           {"targets",
            [&](const Item& i) {
              ReadList(i, mistakes, true,
                       [&](const Item& entry) { Target(entry, mistakes, webhooks.targets.emplace_back()); });
              NamesOnce(webhooks.targets, i.path, mistakes);
            }},
           {"targetCaFile", [&](const Item& i) { File(i, mistakes, webhooks.target_ca_file); }},
           {"retry", [&](const Item& i) { Retry(i, mistakes, webhooks.retry); }}});
}

}  // namespace lk::config
