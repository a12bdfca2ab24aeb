// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/output/json.h"
#include "lk/v1/audit.grpc.pb.h"

namespace lk::cli {
namespace {

using AuditStub = v1::AuditService::Stub;

StatusOr<int> ListAuditEntries(Context& context) {
  return PrintList<AuditStub, v1::ListAuditEntriesRequest, v1::ListAuditEntriesResponse, v1::AuditEntry>(
      context, &AuditStub::ListAuditEntries, {}, &v1::ListAuditEntriesResponse::entries,
      {"TIME", "CALLER", "METHOD", "SUBJECT", "OUTCOME"}, [&context](const v1::AuditEntry& entry) -> Table::Row {
        return {FormatTime(entry.time(), context.time_zone), entry.caller(), entry.method(), entry.subject(),
                Cell(entry.outcome(), entry.outcome() == "OK" ? Color::kNone : Color::kRed)};
      });
}

}  // namespace

void AddAudit(CLI::App& root, Context& context) {
  CLI::App& audit = AddNoun(root, "audit", "Show the audit log");
  AddCommand(audit, context, "list", "List all requested changes, including refused ones, newest first",
             ListAuditEntries);
}

}  // namespace lk::cli
