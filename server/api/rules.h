// SPDX-License-Identifier: Apache-2.0
// Who may call what: a table, and the one decision made with it. What has no row is refused to everybody.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/access/access.h"

namespace lk::api {

struct Caller {
  std::string name = "nobody";  // for the audit log, printable
  access::Role role = access::Role::kNone;
  bool known = false;  // by socket, token or certificate, whatever the role
};

struct Rule {
  std::string_view method;  // "/lk.v1.CampaignService/StartCampaign"
  access::Role least;       // kNone: open to all
  // Of a call that changes something, for the audit log: what a message of the request, and one of the answer, is
  // about. nullopt: this request changes nothing. Null for calls that never do.
  std::optional<std::string> (*asked)(const void* request) = nullptr;
  std::string (*answered)(const void* response) = nullptr;

  bool changes() const { return asked != nullptr; }
};

std::span<const Rule> Rules();
// Nullptr: no row.
const Rule* FindRule(std::string_view method);

// Errors: UNAUTHENTICATED (nobody known, and the call is not open to all); PERMISSION_DENIED (no row, or too low a
// role), saying what is needed.
Status Decide(std::string_view method, const Caller& caller);

}  // namespace lk::api
