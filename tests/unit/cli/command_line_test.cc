// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>

#include "harness.h"

namespace lk::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

// Adds an unreachable server, so that a command that gets as far as calling it exits with 4.
std::vector<std::string> Nowhere(std::vector<std::string> args) {
  args.insert(args.begin(), {"--server", "unix:/nonexistent/lkd.sock"});
  return args;
}

TEST(CommandLine, UsageErrorsExitWith2AndLeaveStdoutEmpty) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"frobnicate"},
                                                       {"campaign"},
                                                       {"campaign", "frobnicate"},
                                                       {"campaign", "show"},
                                                       {"campaign", "show", "a", "b"},
                                                       {"campaign", "start", "--frobnicate", "x"},
                                                       {"-o", "xml", "campaign", "list"},
                                                       {"run", "list", "--verdict", "good"},
                                                       {"run", "artifacts"},
                                                       {"run", "artifacts", "c1-1", "--download"},
                                                       {"host", "add", "qemu:///system", "--max-vcpus", "many"},
                                                       {"host", "add", "qemu:///system", "--max-memory", "8"},
                                                       {"kernel", "add", "/nonexistent/a.deb"},
                                                       {"kernel", "add", "/dev/null", "--label", "novalue"},
                                                       {"completion", "tcsh"},
                                                       {"campaign", "start", "/nonexistent/file.yaml"},
                                                       {"--token-file", "/nonexistent/token", "campaign", "list"}};
  for (const auto& args : wrong) {
    const Result result = Lkctl(Nowhere(args));
    EXPECT_EQ(result.code, 2) << testing::PrintToString(args) << result.err;
    EXPECT_EQ(result.out, "") << testing::PrintToString(args);
    EXPECT_THAT(result.err, testing::StartsWith("lkctl: ")) << testing::PrintToString(args);
  }
}

TEST(CommandLine, SuggestsTheNearestCommand) {
  EXPECT_THAT(Lkctl({"campain", "list"}).err, HasSubstr("unknown command \"campain\"; did you mean \"campaign\"?"));
  EXPECT_THAT(Lkctl({"campaign", "strat"}).err, HasSubstr("did you mean \"start\"?"));
  EXPECT_THAT(Lkctl({"campaign", "strat"}).err, HasSubstr("lkctl campaign --help"));
  EXPECT_THAT(Lkctl({"campaign", "xxxxxxxxx"}).err, Not(HasSubstr("did you mean")));
}

TEST(CommandLine, AnArgumentMayBeNamedLikeACommand) {
  EXPECT_EQ(Lkctl(Nowhere({"scenario", "show", "kernel"})).code, 4);
  EXPECT_EQ(Lkctl(Nowhere({"run", "show", "list"})).code, 4);
}

TEST(CommandLine, GlobalOptionsAreAcceptedAnywhere) {
  EXPECT_EQ(Lkctl({"version", "--server", "unix:/nonexistent/s", "-o", "json"}).json()["server"], nullptr);
}

TEST(CommandLine, HelpExitsWith0) {
  const Result root = Lkctl({"--help"});
  EXPECT_EQ(root.code, 0);
  EXPECT_THAT(root.out, HasSubstr("Exit codes"));
  const Result start = Lkctl({"campaign", "start", "--help"});
  EXPECT_EQ(start.code, 0);
  EXPECT_THAT(start.out, HasSubstr("Usage: lkctl campaign start [OPTIONS] FILE"));
  EXPECT_THAT(start.out, HasSubstr("--wait"));
}

TEST(CommandLine, AnUnreachableServerIsNamedAndExitsWith4) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"campaign", "list"},
                                               {"campaign", "watch", "c1"},
                                               {"run", "logs", "c1-1", "--follow"}}) {
    const Result result = Lkctl(Nowhere(args));
    EXPECT_EQ(result.code, 4);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("cannot reach lkd at unix:/nonexistent/lkd.sock"));
    EXPECT_THAT(result.err, HasSubstr("systemctl start lkd"));
  }
}

TEST(CommandLine, TheOptionOverridesTheEnvironment) {
  setenv("LK_SERVER", "unix:/nonexistent/from-environment", 1);
  EXPECT_THAT(Lkctl({"campaign", "list"}).err, HasSubstr("from-environment"));
  EXPECT_THAT(Lkctl({"--server", "/nonexistent/path", "campaign", "list"}).err, HasSubstr("unix:/nonexistent/path"));
  unsetenv("LK_SERVER");
}

TEST(CommandLine, VersionNeverFails) {
  const Result table = Lkctl(Nowhere({"version"}));
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.out, HasSubstr("not reachable"));
  const auto json = Lkctl(Nowhere({"version", "-o", "json"})).json();
  EXPECT_NE(json["client"]["version"], "");
  EXPECT_EQ(json["server"], nullptr);
}

// Runs the completion script in bash and returns the completions for a line that ends in the word being typed.
std::vector<std::string> BashOffers(const std::vector<std::string>& line) {
  const TempDir directory;
  std::string script = Lkctl({"completion", "bash"}).out + "COMP_WORDS=(";
  for (const std::string& word : line) script += "'" + word + "' ";
  script += ")\nCOMP_CWORD=" + std::to_string(line.size() - 1) + "\n_lkctl\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
  const std::string path = directory.Write("completion.bash", script);
  std::vector<std::string> words;
  FILE* bash = popen(("bash --norc " + path).c_str(), "r");
  for (std::array<char, 256> text; fgets(text.data(), text.size(), bash) != nullptr;) {
    words.emplace_back(text.data());
    words.back().pop_back();
  }
  EXPECT_EQ(pclose(bash), 0);
  return words;
}

TEST(Completion, BashFollowsTheCommandTree) {
  EXPECT_THAT(BashOffers({"lkctl", ""}),
              UnorderedElementsAre("campaign", "run", "kernel", "host", "scenario", "webhook", "token", "audit",
                                   "detect", "completion", "version"));
  EXPECT_THAT(BashOffers({"lkctl", "campaign", ""}),
              UnorderedElementsAre("start", "validate", "list", "show", "watch", "report", "rerun", "cancel"));
  EXPECT_THAT(BashOffers({"lkctl", "-o", "json", "host", "re"}), UnorderedElementsAre("resume", "remove"));
  EXPECT_THAT(BashOffers({"lkctl", "campaign", "start", "--w"}), ElementsAre("--wait"));
  EXPECT_THAT(BashOffers({"lkctl", "campaign", "start", "--ser"}), ElementsAre("--server"));
  EXPECT_THAT(BashOffers({"lkctl", "campaign", "list", "-o", "y"}), ElementsAre("yaml"));
}

// Collects all commands of the tree as "noun verb".
void Paths(const CLI::App& app, const std::string& prefix, std::vector<std::string>& paths) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    paths.push_back(prefix + command->get_name());
    Paths(*command, paths.back() + " ", paths);
  }
}

TEST(Completion, EveryShellCompletesEveryCommand) {
  std::istringstream in;
  std::ostringstream out, err;
  Io io{.in = in, .out = out, .err = err};
  Context context(io);
  std::vector<std::string> paths;
  Paths(*MakeApp(context), "", paths);
  EXPECT_GT(paths.size(), 20u);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Result script = Lkctl({"completion", shell});
    EXPECT_EQ(script.code, 0);
    for (const std::string& path : paths) EXPECT_THAT(script.out, HasSubstr(path)) << shell;
    EXPECT_THAT(script.out, HasSubstr(std::string(shell) == "fish" ? "-l follow" : "--follow")) << shell;
  }
}

}  // namespace
}  // namespace lk::cli
