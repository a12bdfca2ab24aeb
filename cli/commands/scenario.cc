// SPDX-License-Identifier: Apache-2.0
#include <absl/time/time.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "lk/v1/scenario.grpc.pb.h"
#include "support/proto_time.h"
#include "support/quantity.h"

namespace lk::cli {
namespace {

using ScenarioStub = v1::ScenarioService::Stub;
using Descriptor = v1::ScenarioDescriptor;

std::string FormatProto(const google::protobuf::Duration& duration) {
  return lk::FormatDuration(ToDuration(duration));
}

// "TYPE_SIZE" -> "size"
std::string TypeWord(Descriptor::Parameter::Type type) {
  std::string word = Descriptor::Parameter::Type_Name(type).substr(sizeof "TYPE_" - 1);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return word;
}

std::string Limits(const Descriptor::Parameter& parameter) {
  if (parameter.choices_size() > 0) return fmt::format("{}", fmt::join(parameter.choices(), ", "));
  if (parameter.min().empty() && parameter.max().empty()) return "";
  return fmt::format("{} ... {}", parameter.min(), parameter.max());
}

std::string Needs(const Descriptor::Requirements& needs) {
  std::vector<std::string> words(needs.arch().begin(), needs.arch().end());
  if (!needs.min_release().empty()) words.push_back("Linux >= " + needs.min_release());
  for (const std::string& symbol : needs.config()) words.push_back("CONFIG_" + symbol);
  words.insert(words.end(), needs.vm().begin(), needs.vm().end());
  if (needs.min_vcpus() > 0) words.push_back(fmt::format("{} vCPUs", needs.min_vcpus()));
  if (needs.min_memory_bytes() > 0) words.push_back(FormatBytes(needs.min_memory_bytes()));
  return fmt::format("{}", fmt::join(words, ", "));
}

// The mutants that break an invariant.
std::string ProvenBy(const Descriptor& scenario, const std::string& invariant) {
  std::vector<std::string> mutants;
  for (const auto& mutant : scenario.mutants()) {
    const bool proves =
        std::ranges::any_of(mutant.symptoms(), [&](const auto& symptom) { return symptom.invariant() == invariant; });
    if (proves) mutants.push_back(mutant.name());
  }
  return fmt::format("{}", fmt::join(mutants, ", "));
}

// "invariant crash_header", "soft_lockup, hard_lockup in accept_memory"
std::string Symptoms(const Descriptor::Mutant& mutant) {
  std::vector<std::string> texts;
  for (const auto& symptom : mutant.symptoms()) {
    texts.push_back(symptom.invariant().empty() ? fmt::format("{} in {}", fmt::join(symptom.kinds(), ", "),
                                                              fmt::join(symptom.functions(), ", "))
                                                : "invariant " + symptom.invariant());
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

void ShowScenario(const Descriptor& scenario, bool color, std::ostream& out) {
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out << fmt::format("{:<12}  {}\n", name, Escape(value));
  };
  field("Scenario", scenario.name());
  field("Summary", scenario.summary());
  field("Source", scenario.source());
  field("Needs", Needs(scenario.requirements()));
  field("Duration",
        fmt::format("{}, at most {}", FormatProto(scenario.default_duration()), FormatProto(scenario.hard_cap())));
  field("Cmdline", fmt::format("{}", fmt::join(scenario.cmdline(), " ")));
  field("Host actions", fmt::format("{}", fmt::join(scenario.host_actions(), ", ")));
  std::string budgets;
  const std::map<std::string, std::string> sorted(scenario.default_budgets().begin(), scenario.default_budgets().end());
  for (const auto& [key, value] : sorted) budgets += fmt::format("{}{}: {}", budgets.empty() ? "" : ", ", key, value);
  field("Budgets", budgets);
  if (!scenario.description().empty()) out << '\n' << Escape(scenario.description(), "\n") << '\n';

  const auto section = [&](const Table& table) {
    if (table.empty()) return;
    out << '\n';
    table.Print(out, color);
  };
  Table parameters({"PARAMETER", "TYPE", "DEFAULT", "LIMITS", "SUMMARY"});
  for (const auto& p : scenario.parameters())
    parameters.Add({p.name(), TypeWord(p.type()), p.default_value(), Limits(p), p.summary()});
  section(parameters);
  Table probes({"PROBE", "SUMMARY"});
  for (const auto& probe : scenario.probes()) probes.Add({probe.name(), probe.summary()});
  section(probes);
  Table invariants({"INVARIANT", "PROVEN BY MUTANT", "SUMMARY"});
  for (const auto& invariant : scenario.invariants()) {
    const std::string mutants = ProvenBy(scenario, invariant.name());
    invariants.Add(
        {invariant.name(), mutants.empty() ? Cell("none", Color::kYellow) : Cell(mutants), invariant.summary()});
  }
  section(invariants);
  Table mutants({"MUTANT", "KILLED BY", "SUMMARY"});
  for (const auto& mutant : scenario.mutants()) mutants.Add({mutant.name(), Symptoms(mutant), mutant.summary()});
  section(mutants);
  Table tolerated({"TOLERATED", "TITLE CONTAINS", "REASON"});
  for (const auto& t : scenario.tolerates()) tolerated.Add({t.kind(), t.title_literal(), t.reason()});
  section(tolerated);
}

StatusOr<int> ListScenarios(Context& context) {
  return PrintList<ScenarioStub, v1::ListScenariosRequest, v1::ListScenariosResponse, Descriptor>(
      context, &ScenarioStub::ListScenarios, {}, &v1::ListScenariosResponse::scenarios,
      {"NAME", ">DURATION", "SUMMARY"}, [](const Descriptor& s) -> Table::Row {
        return {s.name(), FormatProto(s.default_duration()), s.summary()};
      });
}

StatusOr<int> ShowScenarioByName(Context& context, const std::string& name) {
  v1::GetScenarioRequest request;
  request.set_name(name);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const Descriptor scenario, client->Call(&ScenarioStub::GetScenario, request));
  Print(context, scenario, [&](std::ostream& out) { ShowScenario(scenario, context.out_color(), out); });
  return kPassed;
}

}  // namespace

void AddScenario(CLI::App& root, Context& context) {
  CLI::App& scenario = AddNoun(root, "scenario", "Show the scenarios that lk can run");
  AddCommand(scenario, context, "list", "List scenarios", ListScenarios);
  AddCommand(scenario, context, "show", "Show a scenario and its parameters, probes, invariants and mutants",
             ShowScenarioByName, "NAME", "Name of the scenario");
}

}  // namespace lk::cli
