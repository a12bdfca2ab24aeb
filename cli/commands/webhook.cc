// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "lk/v1/webhook.grpc.pb.h"

namespace lk::cli {
namespace {

using WebhookStub = v1::WebhookService::Stub;

struct ListArgs {
  v1::ListWebhooksRequest request;
  bool in = false;
};

Color ColorOfState(const std::string& state) {
  if (state == "dead" || state == "failed") return Color::kRed;
  if (state == "delivered" || state == "done") return Color::kGreen;
  return Color::kNone;
}

StatusOr<int> ListWebhooks(Context& context, const ListArgs& args) {
  v1::ListWebhooksRequest request = args.request;
  request.set_direction(args.in ? "in" : "out");
  return PrintList<WebhookStub, v1::ListWebhooksRequest, v1::ListWebhooksResponse, v1::Webhook>(
      context, &WebhookStub::ListWebhooks, request, &v1::ListWebhooksResponse::webhooks,
      {"ID", args.in ? "SOURCE" : "TARGET", "EVENT", "STATE", ">ATTEMPTS", "CREATED", "CAMPAIGN", "NOTE"},
      [&context](const v1::Webhook& w) -> Table::Row {
        const std::string note = w.error().empty() && !w.rule().empty() ? "rule " + w.rule() : w.error();
        return {w.id(),
                w.peer(),
                w.event(),
                Cell(w.state(), ColorOfState(w.state())),
                fmt::format("{}", w.attempts()),
                FormatTime(w.created(), context.time_zone),
                w.campaign_id(),
                note};
      });
}

void PrintOne(Context& context, const v1::Webhook& webhook) {
  Print(context, webhook, [&](std::ostream& out) {
    out << Escape(fmt::format("{}  {}  {}{}{}", webhook.id(), webhook.peer(), webhook.state(),
                              webhook.error().empty() ? "" : ": ", webhook.error()))
        << '\n';
  });
}

StatusOr<int> Test(Context& context, const v1::TestWebhookRequest& request) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::Webhook webhook, client->Call(&WebhookStub::TestWebhook, request));
  PrintOne(context, webhook);
  return webhook.state() == "delivered" ? kPassed : kFailed;
}

StatusOr<int> RetryWebhook(Context& context, const std::string& id) {
  v1::RetryWebhookRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::Webhook webhook, client->Call(&WebhookStub::RetryWebhook, request));
  PrintOne(context, webhook);
  return kPassed;
}

}  // namespace

void AddWebhook(CLI::App& root, Context& context) {
  CLI::App& webhook = AddNoun(root, "webhook", "Inspect outgoing notifications and incoming webhooks");
  AddCommand<ListArgs>(webhook, context, "list", "List outgoing notifications or, with --in, incoming webhooks",
                       ListWebhooks, [](CLI::App& command, ListArgs& args) {
                         command.add_flag("--in", args.in, "List incoming webhooks");
                         command
                             .add_option("--state", *args.request.mutable_state(),
                                         "List only entries in this state: pending, delivered or dead; with --in: "
                                         "queued, done, ignored or failed")
                             ->type_name("STATE");
                       });
  AddCommand<v1::TestWebhookRequest>(
      webhook, context, "test",
      "Send a notification to a target now and print the outcome (exit code 1 if not delivered)", Test,
      [](CLI::App& command, v1::TestWebhookRequest& request) {
        command.add_option("TARGET", *request.mutable_target(), "Name of the target in lkd's configuration")
            ->required()
            ->type_name("");
        command
            .add_option("--campaign", *request.mutable_campaign_id(),
                        "Finished campaign to notify about [default: none]")
            ->type_name("ID");
      });
  AddCommand(webhook, context, "retry", "Retry a dead notification or a failed incoming webhook", RetryWebhook, "ID",
             "ID as shown by list");
}

}  // namespace lk::cli
