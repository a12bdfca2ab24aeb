// SPDX-License-Identifier: Apache-2.0
// Shell completion, generated from the command tree.
#include <fmt/format.h>

#include <ostream>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"

namespace lk::cli {
namespace {

struct Word {
  std::string text;
  std::string help;
};

// The words that can follow a command: "campaign start" -> --wait, --set ...
struct Node {
  std::string path;
  std::vector<Word> commands;
  std::vector<Word> options;
};

void AddOptions(const CLI::App& app, std::vector<Word>& words) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back({"--" + name, option->get_description()});
    for (const std::string& name : option->get_snames()) words.push_back({"-" + name, option->get_description()});
  }
}

void Collect(const CLI::App& app, const std::string& path, const std::vector<Word>& global, std::vector<Node>& nodes) {
  Node node{.path = path, .commands = {}, .options = {}};
  AddOptions(app, node.options);
  // Global options are accepted anywhere.
  if (!path.empty()) node.options.insert(node.options.end(), global.begin(), global.end());
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) node.commands.push_back({command->get_name(), command->get_description()});
  nodes.push_back(std::move(node));
  for (const CLI::App* command : commands) {
    Collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), global, nodes);
  }
}

std::vector<Node> Tree(const CLI::App& root) {
  std::vector<Word> global;
  AddOptions(root, global);
  std::erase_if(global, [](const Word& word) { return word.text == "--help" || word.text == "-h"; });
  std::vector<Node> nodes;
  Collect(root, "", global, nodes);
  return nodes;
}

std::string Join(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

// Single quotes work the same way in all supported shells.
std::string Quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// `case` arms with the words that can follow each command path.
void Arms(const std::vector<Node>& nodes, std::ostream& out) {
  for (const Node& node : nodes) {
    out << "    " << Quote(node.path) << ") verbs=" << Quote(Join(node.commands))
        << " flags=" << Quote(Join(node.options)) << " ;;\n";
  }
}

void Bash(const std::vector<Node>& nodes, std::ostream& out) {
  out << "# bash completion for lkctl: source <(lkctl completion bash)\n"
         "_lkctl_words() {\n"
         "  case \"$1\" in\n";
  Arms(nodes, out);
  out << "  esac\n"
         "}\n"
         "_lkctl() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= word verbs flags\n"
         "  COMPREPLY=()\n"
         "  _lkctl_words \"$path\"\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    [[ \" $verbs \" == *\" $word \"* ]] || continue\n"
         "    path=${path:+$path }$word\n"
         "    _lkctl_words \"$path\"\n"
         "  done\n"
         "  if [[ $previous == -o || $previous == --output ]]; then\n"
         "    COMPREPLY=($(compgen -W 'table json yaml sarif markdown' -- \"$current\"))\n"
         "  elif [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
         "  elif [[ $verbs ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$verbs\" -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _lkctl lkctl\n";
}

void Zsh(const std::vector<Node>& nodes, std::ostream& out) {
  out << "#compdef lkctl\n"
         "# zsh completion for lkctl: source <(lkctl completion zsh)\n"
         "_lkctl_words() {\n"
         "  case \"$1\" in\n";
  Arms(nodes, out);
  out << "  esac\n"
         "}\n"
         "_lkctl() {\n"
         "  local path_= word verbs flags\n"
         "  _lkctl_words \"$path_\"\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
         "    [[ \" $verbs \" == *\" $word \"* ]] || continue\n"
         "    path_=${path_:+$path_ }$word\n"
         "    _lkctl_words \"$path_\"\n"
         "  done\n"
         "  if [[ ${words[CURRENT-1]} == (-o|--output) ]]; then\n"
         "    compadd -- table json yaml sarif markdown\n"
         "  elif [[ ${words[CURRENT]} == -* ]]; then\n"
         "    compadd -- ${=flags}\n"
         "  elif [[ -n $verbs ]]; then\n"
         "    compadd -- ${=verbs}\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "compdef _lkctl lkctl\n";
}

void Fish(const std::vector<Node>& nodes, std::ostream& out) {
  out << "# fish completion for lkctl: lkctl completion fish | source\n"
         "function __lkctl_path\n"
         "  set -l path\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    switch (string join ' ' -- $path $word)\n"
         "      case";
  for (const Node& node : nodes) {
    if (!node.path.empty()) out << ' ' << Quote(node.path);
  }
  out << "\n"
         "        set -a path $word\n"
         "    end\n"
         "  end\n"
         "  string join ' ' -- $path\n"
         "end\n"
         "function __lkctl_at\n"
         "  test \"$(__lkctl_path)\" = \"$argv[1]\"\n"
         "end\n";
  for (const Node& node : nodes) {
    const std::string condition =
        fmt::format("complete -c lkctl -n {}", Quote(fmt::format("__lkctl_at \"{}\"", node.path)));
    for (const Word& word : node.commands)
      out << fmt::format("{} -f -a {} -d {}\n", condition, word.text, Quote(word.help));
    for (const Word& word : node.options) {
      const bool is_long = word.text.starts_with("--");
      out << fmt::format("{} {} {} -d {}\n", condition, is_long ? "-l" : "-s", word.text.substr(is_long ? 2 : 1),
                         Quote(word.help));
    }
  }
}

}  // namespace

void AddCompletion(CLI::App& root, Context& context) {
  CLI::App* command = root.add_subcommand("completion", "Print a shell completion script");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "Shell: bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  command->callback([&root, &context, shell] {
    context.action = [&root, &context, shell]() -> StatusOr<int> {
      const std::vector<Node> nodes = Tree(root);
      (*shell == "bash" ? Bash : *shell == "zsh" ? Zsh : Fish)(nodes, context.io.out);
      return kPassed;
    };
  });
}

}  // namespace lk::cli
