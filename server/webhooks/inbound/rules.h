// SPDX-License-Identifier: Apache-2.0
// Selects the campaign that an event starts, and its inputs. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/config/webhooks.h"
#include "server/webhooks/inbound/event.h"
#include "support/status.h"

namespace lk::webhooks {

// The first rule that matches, or null.
const config::WebhookRule* FindRule(const std::vector<config::WebhookRule>& rules, const Event& event);

// The variables that a rule can use in ${...} and `set`: repository, branch, tag, ref, commit, run, delivery. `set` can
// also use kernel.
std::map<std::string, std::string> Variables(const Event& event);

// A file to be fetched.
struct Wanted {
  std::string url;
  std::string role;
  std::string name;    // a file name without "/"
  std::string sha256;  // empty if unknown
};
// Errors: INVALID_ARGUMENT (a variable in a URL is unknown or empty, or its value has a path component that is empty,
// "." or ".."); NOT_FOUND (not exactly one of the event's artifacts matches a `name`).
StatusOr<std::vector<Wanted>> WantedFiles(const config::WebhookRule& rule, const Event& event);

// Returns overrides for the rule's campaign file, in the form "path=value" that campaign::ParseSpec expects: for the
// paths in `set`, the labels repository, ref and commit, and spec.kernels unless `kernel` is empty. Each value is
// quoted as one YAML string, so an event can change values but not the structure of the file. Error: INVALID_ARGUMENT
// (the event has no value for a variable in `set`).
StatusOr<std::vector<std::string>> Substitutions(const config::WebhookRule& rule, const Event& event,
                                                 const std::string& kernel);

}  // namespace lk::webhooks
