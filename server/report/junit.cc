// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "server/campaign/findings.h"
#include "server/report/campaign_report.h"
#include "server/report/outcome.h"
#include "support/text.h"

namespace lk::report {
namespace {

using campaign::Finding;
using campaign::Run;

// The totals of one suite, or of all suites.
struct Tally {
  size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;

  void Add(const Suite& suite) {
    for (const Suite::Case& test : suite.cases) {
      const std::string_view word = WordsOf(test.reported.verdict).junit;
      ++tests;
      failures += word == "failure";
      errors += word == "error";
      skipped += word == "skipped";
      seconds += Seconds(*test.run);
    }
  }
  void Write(pugi::xml_node node) const {
    node.append_attribute("tests") = static_cast<unsigned>(tests);
    node.append_attribute("failures") = static_cast<unsigned>(failures);
    node.append_attribute("errors") = static_cast<unsigned>(errors);
    node.append_attribute("skipped") = static_cast<unsigned>(skipped);
    node.append_attribute("time") = fmt::format("{:.3f}", seconds).c_str();
  }
};

void Set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name) = Escape(value).c_str();
}

void Property(pugi::xml_node properties, const char* name, const std::string& value) {
  if (value.empty()) return;
  pugi::xml_node property = properties.append_child("property");
  Set(property, "name", name);
  Set(property, "value", value);
}

// CI servers split names into a tree at dots.
std::string WithoutDots(std::string text) {
  std::ranges::replace(text, '.', '_');
  return text;
}

std::string Evidence(const Run& run) {
  std::string text;
  for (const Finding& finding : run.findings) {
    text += fmt::format("{}: {}{}\n", detect::ToString(finding.kind), finding.title,
                        campaign::HeldAgainstKernel(finding) ? ""
                        : finding.known.empty()              ? " (not held against the kernel)"
                                                             : fmt::format(" (known: {})", finding.known));
    for (const detect::Frame& frame : finding.frames) text += fmt::format("  {}\n", FormatFrame(frame));
    if (!finding.excerpt.empty()) text += "\n" + finding.excerpt + "\n";
  }
  return text;
}

// Where the result comes from, for readers who have only this file.
std::string Circumstances(const Suite::Case& test) {
  const Run& run = *test.run;
  const campaign::Provenance& from = run.provenance;
  std::string text = fmt::format("run {}, seed {}{}{}\n", run.id, run.seed,
                                 run.emulated ? ", emulated: says nothing about real hardware" : "",
                                 run.harness ? ", harness: says nothing about the kernel as released" : "");
  if (!run.host_id.empty()) {
    text += fmt::format("host {} {}, {} {}, libvirt {}, host kernel {}\n", run.host_id, from.host_uri, run.accelerator,
                        from.hypervisor, from.libvirt, from.host_kernel.empty() ? "unknown" : from.host_kernel);
  }
  if (!from.image_sha256.empty()) text += fmt::format("image {}\n", from.image_sha256);
  if (!run.cmdline.empty()) text += fmt::format("command line {}\n", run.cmdline);
  if (test.flaky) text += "flaky: some attempts at this repeat passed, others failed\n";
  for (const Run* before : test.superseded) {
    text += fmt::format("attempt {} ({}): {}: {}\n", before->attempt, before->id, campaign::ToString(before->verdict),
                        before->reason);
  }
  for (const Finding& finding : run.findings) {
    if (campaign::IsKnown(finding)) text += fmt::format("known: {} ({})\n", finding.title, finding.known);
  }
  text += fmt::format("lkctl run show {0}; lkctl run logs {0}\n", run.id);
  return text;
}

void AddCase(pugi::xml_node suite_node, const Suite& suite, const Suite::Case& test) {
  const Run& run = *test.run;
  pugi::xml_node node = suite_node.append_child("testcase");
  Set(node, "classname",
      suite.controls ? "controls" : WithoutDots(run.kernel_release) + "." + WithoutDots(run.profile));
  Set(node, "name", CaseName(suite, test));
  Set(node, "time", fmt::format("{:.3f}", Seconds(run)));
  if (const std::string_view word = WordsOf(test.reported.verdict).junit; !word.empty()) {
    pugi::xml_node result = node.append_child(std::string(word).c_str());
    Set(result, "message", test.reported.reason);
    if (word != "skipped") {
      const Finding* finding = suite.controls ? nullptr : MainFinding(run);
      Set(result, "type",
          std::string(finding != nullptr ? detect::ToString(finding->kind)
                                         : campaign::ToString(test.reported.verdict)));
      result.text() = Escape(Evidence(run), "\n\t").c_str();
    }
  }
  node.append_child("system-out").text() = Escape(Circumstances(test), "\n\t").c_str();
}

void AddJunitSuite(pugi::xml_node root, const CampaignReport& report, const Suite& suite) {
  pugi::xml_node node = root.append_child("testsuite");
  Set(node, "name", suite.Name());
  Tally tally;
  tally.Add(suite);
  tally.Write(node);
  absl::Time first = absl::InfiniteFuture();
  for (const Suite::Case& test : suite.cases) first = std::min(first, test.run->created);
  // Times in this format have no time zone.
  if (const std::string time = UtcTime(first); !time.empty()) Set(node, "timestamp", time.substr(0, 19));

  pugi::xml_node properties = node.append_child("properties");
  Property(properties, "campaign", report.campaign.id);
  Property(properties, "kernel", suite.kernel_release);
  Property(properties, "kernel_id", suite.kernel_id);
  Property(properties, "profile", suite.profile);
  if (!suite.controls) {
    const campaign::Provenance& from = suite.cases.front().run->provenance;
    Property(properties, "config_sha256", from.config_sha256);
    Property(properties, "source", from.kernel_source);
    Property(properties, "commit", from.kernel_commit);
  }
  for (const Suite::Case& test : suite.cases) AddCase(node, suite, test);
}

}  // namespace

std::string ToJunit(const CampaignReport& report) {
  const std::vector<Suite> suites = MakeSuites(report);
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("testsuites");
  Set(root, "name", report.campaign.spec.name);
  Tally tally;
  for (const Suite& suite : suites) tally.Add(suite);
  tally.Write(root);
  for (const Suite& suite : suites) AddJunitSuite(root, report, suite);
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace lk::report
