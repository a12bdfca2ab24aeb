// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "lk/v1/token.grpc.pb.h"
#include "support/quantity.h"

namespace lk::cli {
namespace {

using TokenStub = v1::TokenService::Stub;

struct CreateArgs {
  v1::CreateTokenRequest request;
  std::string expires = "90d";
};

// A duration, or a number of days: "12h", "90d".
StatusOr<absl::Duration> ParseValidity(const std::string& text) {
  uint32_t days = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, days);
  if (parsed.ec == std::errc() && parsed.ptr + 1 == end && *parsed.ptr == 'd') return absl::Hours(24) * days;
  if (StatusOr<absl::Duration> duration = ParseDuration(text); duration.ok()) return duration;
  return absl::InvalidArgumentError(
      fmt::format("invalid --expires \"{}\" (expected a duration such as 12h or 90d)", text));
}

StatusOr<int> Create(Context& context, const CreateArgs& args) {
  v1::CreateTokenRequest request = args.request;
  LK_ASSIGN_OR_RETURN(const absl::Duration valid, ParseValidity(args.expires));
  request.mutable_valid()->set_seconds(absl::ToInt64Seconds(valid));
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::CreateTokenResponse created, client->Call(&TokenStub::CreateToken, request));
  // The secret is the only output on stdout, so that it can be redirected to a file.
  Print(context, created, [&](std::ostream& out) { out << Escape(created.secret()) << '\n'; });
  context.io.err << Escape(fmt::format("token {} ({}), role {}, expires {}; the secret will not be shown again",
                                       created.token().name(), created.token().id(), created.token().role(),
                                       FormatTime(created.token().expires(), context.time_zone)))
                 << '\n';
  return kPassed;
}

StatusOr<int> ListTokens(Context& context) {
  return PrintList<TokenStub, v1::ListTokensRequest, v1::ListTokensResponse, v1::Token>(
      context, &TokenStub::ListTokens, {}, &v1::ListTokensResponse::tokens,
      {"ID", "NAME", "ROLE", "STATE", "EXPIRES", "CREATED", "BY"}, [&context](const v1::Token& t) -> Table::Row {
        return {t.id(),
                t.name(),
                t.role(),
                Cell(t.state(), ColorOf(t.state())),
                FormatTime(t.expires(), context.time_zone),
                FormatTime(t.created(), context.time_zone),
                t.created_by()};
      });
}

StatusOr<int> Revoke(Context& context, const std::string& id) {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::Token token, client->Call(&TokenStub::RevokeToken, request));
  Print(context, token, [&](std::ostream& out) {
    out << Escape(fmt::format("{}  {}  {}", token.id(), token.state(), token.name())) << '\n';
  });
  return kPassed;
}

}  // namespace

void AddToken(CLI::App& root, Context& context) {
  CLI::App& token = AddNoun(root, "token", "Manage tokens for access over TCP");
  AddCommand<CreateArgs>(
      token, context, "create", "Create a token and print it (it cannot be shown again)", Create,
      [](CLI::App& command, CreateArgs& args) {
        command.add_option("--name", *args.request.mutable_name(), "Name of the owner, shown in the audit log")
            ->required()
            ->type_name("NAME");
        command
            .add_option("--role", *args.request.mutable_role(),
                        "Role: viewer (read only), operator (campaigns, kernels) or admin (also hosts, tokens)")
            ->required()
            ->check(CLI::IsMember({"viewer", "operator", "admin"}))
            ->type_name("ROLE");
        command.add_option("--expires", args.expires, "Lifetime, e.g. 12h or 90d; at most 366d [default: 90d]")
            ->type_name("DURATION");
      });
  AddCommand(token, context, "list", "List tokens, without their secrets", ListTokens);
  AddCommand(token, context, "revoke", "Revoke a token with immediate effect", Revoke, "ID", "Token ID or name");
}

}  // namespace lk::cli
