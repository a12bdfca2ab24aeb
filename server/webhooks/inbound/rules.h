// SPDX-License-Identifier: Apache-2.0
// Which campaign an event starts, with what. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/config/webhooks.h"
#include "server/webhooks/inbound/event.h"
#include "support/status.h"

namespace lk::webhooks {

// The first rule that fits; null: none does.
const config::WebhookRule* FindRule(const std::vector<config::WebhookRule>& rules, const Event& event);

// What ${variables} and `set` of a rule may name: repository, branch, tag, ref, commit, run, delivery.
std::map<std::string, std::string> Variables(const Event& event);

// A file to be fetched.
struct Wanted {
  std::string url;
  std::string role;
  std::string name;    // what it is called, a name without "/"
  std::string sha256;  // empty: not known
};
// Errors: INVALID_ARGUMENT (an empty or unknown variable in a URL, a "." or ".." step made of one); NOT_FOUND (the
// event has no artefact that a `name` matches, or several).
StatusOr<std::vector<Wanted>> WantedFiles(const config::WebhookRule& rule, const Event& event);

// "path=value" as of campaign::ParseSpec for the rule's template: what its `set` declares, the labels repository, ref
// and commit, and, unless `kernel` is empty, spec.kernels. Each value is one quoted YAML text, whatever it holds, so
// that an event says what a value is and never what the file says. Error: INVALID_ARGUMENT (the event lacks what `set`
// names).
StatusOr<std::vector<std::string>> Substitutions(const config::WebhookRule& rule, const Event& event,
                                                 const std::string& kernel);

}  // namespace lk::webhooks
