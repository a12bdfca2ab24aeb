// SPDX-License-Identifier: Apache-2.0
// The authorization table: the role that each method requires. A method without a row is denied to everyone.
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
  bool known = false;  // identified by socket, token or certificate, whatever the role
};

struct Rule {
  std::string_view method;  // "/lk.v1.CampaignService/StartCampaign"
  access::Role least;       // kNone if open to all
  // The subject of the audit entry: what both functions return. `asked` describes the change that a request message
  // asks for, or returns nullopt if it asks for none; the pointer is null for methods that never change anything.
  // `answered` describes the changed object, from the response; the pointer is null if the response adds nothing.
  std::optional<std::string> (*asked)(const void* request) = nullptr;
  std::string (*answered)(const void* response) = nullptr;

  bool changes() const { return asked != nullptr; }
};

std::span<const Rule> Rules();
// Returns null if the table has no row for the method.
const Rule* FindRule(std::string_view method);

// Errors: UNAUTHENTICATED (unknown caller, and the method is not open to all); PERMISSION_DENIED (no row, or
// insufficient role), with the required role.
Status Decide(std::string_view method, const Caller& caller);

}  // namespace lk::api
