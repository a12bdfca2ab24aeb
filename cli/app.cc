// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/text.h"
#include "support/edit_distance.h"

namespace lk::cli {
namespace {

const CLI::App* SelectedCommand(const CLI::App* app) {
  for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) app = chosen.front();
  return app;
}

// "lkctl campaign start"
std::string Path(const CLI::App* command) {
  const CLI::App* parent = command->get_parent();
  return parent == nullptr ? command->get_name() : Path(parent) + " " + command->get_name();
}

// The error message for an invalid command line.
std::string Explain(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* command = SelectedCommand(&root);
  std::string message = error.what();
  const auto commands = command->get_subcommands([](const CLI::App*) { return true; });
  const auto rest = root.remaining(true);
  const auto word = std::find_if(rest.begin(), rest.end(), [](const auto& w) { return !w.starts_with('-'); });
  if (!commands.empty() && word != rest.end()) {
    message = fmt::format("unknown command \"{}\"", *word);
    const auto nearest = std::min_element(commands.begin(), commands.end(), [&](const CLI::App* a, const CLI::App* b) {
      return EditDistance(a->get_name(), *word) < EditDistance(b->get_name(), *word);
    });
    if (EditDistance((*nearest)->get_name(), *word) <= 2)
      message += fmt::format("; did you mean \"{}\"?", (*nearest)->get_name());
  }
  return fmt::format("{}\nRun `{} --help` for usage.", message, Path(command));
}

}  // namespace

std::unique_ptr<CLI::App> MakeApp(Context& context) {
  auto app = std::make_unique<CLI::App>("Lockup campaigns for Linux kernels", "lkctl");
  app->require_subcommand(1);
  // Accept global options after the command, too.
  app->fallthrough();
  app->add_option("--server", context.server.address,
                  fmt::format("Address of lkd: unix:PATH, or host:port for TLS [default: {}]", DefaultServer()))
      ->envname("LK_SERVER")
      ->type_name("ADDR");
  app->add_option_function<std::string>(
         "-o,--output",
         [&context](const std::string& word) {
           context.format = word == "json" ? Format::kJson : word == "yaml" ? Format::kYaml : Format::kTable;
         },
         "Output format on stdout: table, json or yaml [default: table]")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->type_name("FORMAT");
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
  AddDetect(*app, context);
  AddCompletion(*app, context);
  AddVersion(*app, context);
  // Set last: commands added later would inherit it.
  app->footer(
      "Exit codes: 0 all passed or were skipped; 1 a run failed; 2 usage error or invalid input; 3 no run failed,\n"
      "but some are error, miss or unproven, or the campaign was cancelled; 4 server unreachable or request refused;\n"
      "130 interrupted (the campaign continues).");
  return app;
}

int RunCommandLine(const std::vector<std::string>& args, Context& context) {
  const auto app = MakeApp(context);
  try {
    app->parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 expects reverse order
  } catch (const CLI::CallForHelp&) {
    const CLI::App* command = SelectedCommand(app.get());
    context.io.out << command->help(command->get_parent() == nullptr ? "" : Path(command->get_parent()));
    return kPassed;
  } catch (const CLI::ParseError& error) {
    context.io.err << "lkctl: " << Escape(Explain(*app, error), "\n") << '\n';
    return kUsage;
  }

  const StatusOr<int> code = context.action();
  context.io.out.flush();
  if (code.ok()) return *code;
  context.io.err << "lkctl: " << Escape(std::string(code.status().message()), "\n") << '\n';
  return ExitCodeOf(code.status());
}

int RunCommandLine(const std::vector<std::string>& args, Io& io) {
  Context context(io);
  return RunCommandLine(args, context);
}

}  // namespace lk::cli
