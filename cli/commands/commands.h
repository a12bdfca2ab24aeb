// SPDX-License-Identifier: Apache-2.0
// Each function adds one noun or command to the command tree, along with its actions.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "cli/context.h"

namespace lk::cli {

void AddCampaign(CLI::App& root, Context& context);
void AddRun(CLI::App& root, Context& context);
void AddKernel(CLI::App& root, Context& context);
void AddHost(CLI::App& root, Context& context);
void AddScenario(CLI::App& root, Context& context);
void AddWebhook(CLI::App& root, Context& context);
void AddToken(CLI::App& root, Context& context);
void AddAudit(CLI::App& root, Context& context);
void AddVersion(CLI::App& root, Context& context);
// The completion script is generated when the command runs, so it also covers commands that are added later.
void AddCompletion(CLI::App& root, Context& context);

inline CLI::App& AddNoun(CLI::App& root, const std::string& name, const std::string& help) {
  CLI::App* noun = root.add_subcommand(name, help);
  noun->require_subcommand(1);
  return *noun;
}

// `options` binds command-line arguments to fields of Args, which is passed to the action.
template <typename Args>
void AddCommand(CLI::App& parent, Context& context, const std::string& name, const std::string& help,
                StatusOr<int> (*action)(Context&, const Args&), const std::function<void(CLI::App&, Args&)>& options) {
  CLI::App* command = parent.add_subcommand(name, help);
  const auto args = std::make_shared<Args>();
  options(*command, *args);
  command->callback(
      [&context, action, args] { context.action = [&context, action, args] { return action(context, *args); }; });
}

// Commands without arguments, and commands with a single positional argument (an ID, a name).
inline void AddCommand(CLI::App& parent, Context& context, const std::string& name, const std::string& help,
                       StatusOr<int> (*action)(Context&)) {
  parent.add_subcommand(name, help)->callback([&context, action] {
    context.action = [&context, action] { return action(context); };
  });
}
inline void AddCommand(CLI::App& parent, Context& context, const std::string& name, const std::string& help,
                       StatusOr<int> (*action)(Context&, const std::string&), const std::string& word,
                       const std::string& word_help) {
  AddCommand<std::string>(parent, context, name, help, action, [&](CLI::App& command, std::string& value) {
    command.add_option(word, value, word_help)->required()->type_name("");
  });
}

}  // namespace lk::cli
