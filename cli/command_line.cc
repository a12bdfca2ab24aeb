// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <ostream>

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

void AddOutputOption(CLI::App& app, LocalContext& context) {
  static const std::map<std::string, Format> formats = {{"table", Format::kTable},
                                                        {"json", Format::kJson},
                                                        {"yaml", Format::kYaml},
                                                        {"sarif", Format::kSarif},
                                                        {"markdown", Format::kMarkdown}};
  app.add_option_function<std::string>(
         "-o,--output", [&context](const std::string& word) { context.format = formats.at(word); },
         "Output format on stdout: table, json, yaml; for detect also sarif, markdown [default: table]")
      ->check(CLI::IsMember({"table", "json", "yaml", "sarif", "markdown"}))
      ->type_name("FORMAT");
}

int RunCommandLine(CLI::App& app, LocalContext& context, const std::vector<std::string>& args) {
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 expects reverse order
  } catch (const CLI::CallForHelp&) {
    const CLI::App* command = SelectedCommand(&app);
    context.io.out << command->help(command->get_parent() == nullptr ? "" : Path(command->get_parent()));
    return kPassed;
  } catch (const CLI::CallForVersion& version) {
    context.io.out << version.what() << '\n';
    return kPassed;
  } catch (const CLI::ParseError& error) {
    context.io.err << context.program << ": " << Escape(Explain(app, error), "\n") << '\n';
    return kUsage;
  }

  const StatusOr<int> code = context.action();
  context.io.out.flush();
  if (code.ok()) return *code;
  context.io.err << context.program << ": " << Escape(std::string(code.status().message()), "\n") << '\n';
  return ExitCodeOf(code.status());
}

void DescribeTerminals(Io& io) {
  io.in_terminal = isatty(STDIN_FILENO) != 0;
  io.out_terminal = isatty(STDOUT_FILENO) != 0;
  io.err_terminal = isatty(STDERR_FILENO) != 0;
  // https://no-color.org: effective if set and not empty
  const char* no_color = std::getenv("NO_COLOR");
  io.color = no_color == nullptr || *no_color == '\0';
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) io.columns = size.ws_col;
}

}  // namespace lk::cli
