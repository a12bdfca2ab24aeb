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
  CLI::App& webhook = AddNoun(root, "webhook", "Webhooks that came in, and notifications that go out");
  AddCommand<ListArgs>(webhook, context, "list", "List notifications, or webhooks that came in", ListWebhooks,
                       [](CLI::App& command, ListArgs& args) {
                         command.add_flag("--in", args.in, "Those that came in");
                         command
                             .add_option("--state", *args.request.mutable_state(),
                                         "pending, delivered or dead; with --in: queued, done, ignored or failed")
                             ->type_name("STATE");
                       });
  AddCommand<v1::TestWebhookRequest>(
      webhook, context, "test", "Notify a target now, and tell what came of it (exit 1: not delivered)", Test,
      [](CLI::App& command, v1::TestWebhookRequest& request) {
        command.add_option("TARGET", *request.mutable_target(), "Its name in lkd's configuration")
            ->required()
            ->type_name("");
        command.add_option("--campaign", *request.mutable_campaign_id(), "Tell of this finished campaign [of none]")
            ->type_name("ID");
      });
  AddCommand(webhook, context, "retry", "Try a dead notification, or a webhook whose work failed, again", RetryWebhook,
             "ID", "Its id, as list shows it");
}

}  // namespace lk::cli
