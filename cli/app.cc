// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/commands/commands.h"
#include "cli/commands/detect.h"

namespace lk::cli {
std::unique_ptr<CLI::App> MakeApp(Context& context) {
  auto app = std::make_unique<CLI::App>("Lockup campaigns for Linux kernels", "lkctl");
  app->require_subcommand(1);
  // Accept global options after the command, too.
  app->fallthrough();
  app->add_option("--server", context.server.address,
                  fmt::format("Address of lkd: unix:PATH, or host:port for TLS [default: {}]", DefaultServer()))
      ->envname("LK_SERVER")
      ->type_name("ADDR");
  AddOutputOption(*app, context);
  app->add_option("--token-file", context.server.token_file, "File that contains the token for lkd")->type_name("FILE");
  app->add_option("--ca", context.server.ca_file,
                  "File with the CA certificate to verify lkd with (PEM) [default: the system's CAs]")
      ->type_name("FILE");
  CLI::Option* certificate = app->add_option("--cert", context.server.certificate_file,
                                             "File with a client certificate (PEM) to use instead of a token")
                                 ->type_name("FILE");
  CLI::Option* key =
      app->add_option("--key", context.server.key_file, "File with the private key of the client certificate (PEM)")
          ->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);

  AddCampaign(*app, context);
  AddRun(*app, context);
  AddKernel(*app, context);
  AddHost(*app, context);
  AddScenario(*app, context);
  AddWebhook(*app, context);
  AddToken(*app, context);
  AddAudit(*app, context);
  SetUpDetect(*app->add_subcommand("detect", kDetectHelp), context);
  AddCompletion(*app, context);
  AddVersion(*app, context);
  app->final_callback([&context, root = app.get()] {
    const bool report = context.format == Format::kSarif || context.format == Format::kMarkdown;
    if (!report || root->got_subcommand("detect")) return;
    throw CLI::ValidationError("-o", fmt::format("{} requires the command detect (expected table, json or yaml)",
                                                 context.format == Format::kSarif ? "sarif" : "markdown"));
  });
  // Set last: commands added later would inherit it.
  app->footer(
      "Exit codes: 0 all passed or were skipped; 1 a run failed, or detect --exit-status found something; 2 usage "
      "error or invalid input; 3 no run failed,\n"
      "but some are error, miss or unproven, or the campaign was cancelled; 4 server unreachable or request refused;\n"
      "130 interrupted (the campaign continues).");
  return app;
}

int RunCommandLine(const std::vector<std::string>& args, Context& context) {
  return RunCommandLine(*MakeApp(context), context, args);
}

int RunCommandLine(const std::vector<std::string>& args, Io& io) {
  Context context(io);
  return RunCommandLine(args, context);
}

}  // namespace lk::cli
