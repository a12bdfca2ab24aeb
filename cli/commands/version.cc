// SPDX-License-Identifier: Apache-2.0
#include "support/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "lk/v1/system.grpc.pb.h"

namespace lk::cli {
namespace {

// Long enough for a distant server, short enough not to be annoying if there is none.
constexpr absl::Duration kServerDeadline = absl::Seconds(3);

std::string Words(const v1::GetVersionResponse& version) {
  return version.commit().empty() ? version.version() : fmt::format("{} ({})", version.version(), version.commit());
}

// The version of lkctl, and of lkd if it can be reached.
StatusOr<int> Version(Context& context) {
  v1::GetVersionResponse own;
  own.set_version(kVersion);
  own.set_commit(kCommit);
  const auto client = context.Connect();
  const auto server =
      client.ok() ? (*client)->Call(&v1::SystemService::Stub::GetVersion, v1::GetVersionRequest(), kServerDeadline)
                  : StatusOr<v1::GetVersionResponse>(client.status());
  if (context.format == Format::kTable) {
    context.io.out << "lkctl  " << Words(own) << "\nlkd    " << (server.ok() ? Escape(Words(*server)) : "not reachable")
                   << '\n';
    return kPassed;
  }
  nlohmann::ordered_json json;
  json["client"] = ToJson(own);
  json["server"] = server.ok() ? ToJson(*server) : nlohmann::ordered_json();
  PrintJson(context, json, false);
  return kPassed;
}

}  // namespace

void AddVersion(CLI::App& root, Context& context) {
  AddCommand(root, context, "version", "Print the versions of lkctl and, if reachable, lkd", Version);
}

}  // namespace lk::cli
