// SPDX-License-Identifier: Apache-2.0
// `lkctl detect -o sarif` and `-o markdown`.
#include <gmock/gmock.h>

#include <memory>
#include <regex>
#include <set>

#include "cli/output/finding_view.h"
#include "cli/output/markdown.h"
#include "harness.h"

namespace lk::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// An escape sequence, a new row and cell, ends of code and of a fence, HTML, a link, a mention, a placeholder, bytes
// that are not UTF-8, a right-to-left override.
constexpr char kHostile[] =
    "\x1b[2J\n| `x` ``` | <script>alert(1)</script> </details> [a](http://b) @all {0} \\ \xff\xe2\x80\xae";

// Checks what the schema requires of the objects that lkctl writes
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json), and what GitHub's code
// scanning requires beyond that.
void ExpectSarif(const nlohmann::json& sarif) {
  EXPECT_EQ(sarif["version"], "2.1.0");
  ASSERT_EQ(sarif["runs"].size(), 1u);
  const auto& run = sarif["runs"][0];
  const auto has_keys = [](const nlohmann::json& object, const std::set<std::string>& allowed) {
    for (const auto& [key, value] : object.items()) EXPECT_TRUE(allowed.contains(key)) << key << " in " << object;
  };
  has_keys(sarif, {"$schema", "version", "runs"});
  has_keys(run, {"tool", "results", "invocations"});
  EXPECT_TRUE(run["invocations"][0]["executionSuccessful"].is_boolean());
  const auto& driver = run["tool"]["driver"];
  has_keys(driver, {"name", "version", "rules"});
  EXPECT_TRUE(driver["name"].is_string());
  const std::set<std::string> levels = {"none", "note", "warning", "error"};
  std::set<std::string> ids;
  for (const auto& rule : driver["rules"]) {
    has_keys(rule, {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration"});
    EXPECT_TRUE(ids.insert(rule["id"]).second) << "rules are unique";
    for (const char* text : {"shortDescription", "fullDescription", "help"}) EXPECT_NE(rule[text]["text"], "");
    EXPECT_TRUE(levels.contains(rule["defaultConfiguration"]["level"]));
  }
  const std::regex uri(R"((file:///)?([-A-Za-z0-9._~/]|%[0-9A-F]{2})+)");
  const auto physical = [&](const nlohmann::json& location) {
    EXPECT_TRUE(std::regex_match(location["artifactLocation"]["uri"].get<std::string>(), uri)) << location;
    if (!location.contains("region")) return;
    EXPECT_GE(location["region"]["startLine"], 1);
    if (location["region"].contains("endLine")) {
      EXPECT_GE(location["region"]["endLine"], location["region"]["startLine"]);
    }
  };
  for (const auto& result : run["results"]) {
    has_keys(result, {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "stacks",
                      "suppressions", "occurrenceCount", "properties"});
    EXPECT_EQ(driver["rules"][result["ruleIndex"].get<size_t>()]["id"], result["ruleId"]);
    EXPECT_TRUE(levels.contains(result["level"]));
    EXPECT_TRUE(result["message"]["text"].is_string());
    EXPECT_GE(result["occurrenceCount"], 1);
    ASSERT_EQ(result["locations"].size(), 1u);
    ASSERT_TRUE(result["locations"][0]["physicalLocation"].contains("region"));
    physical(result["locations"][0]["physicalLocation"]);
    for (const auto& [name, value] : result["partialFingerprints"].items()) EXPECT_TRUE(value.is_string());
    if (!result.contains("stacks")) continue;
    for (const auto& stack : result["stacks"]) {
      has_keys(stack, {"message", "frames"});
      EXPECT_TRUE(stack["message"]["text"].is_string());
      for (const auto& frame : stack["frames"]) {
        has_keys(frame, {"location", "module"});
        has_keys(frame["location"], {"message", "logicalLocations", "physicalLocation"});
        EXPECT_TRUE(frame["location"]["logicalLocations"][0]["name"].is_string());
        if (frame["location"].contains("physicalLocation")) physical(frame["location"]["physicalLocation"]);
      }
    }
  }
}

// A hostile finding in every string.
detect::Finding Hostile() {
  detect::Finding finding;
  finding.kind = detect::Kind::kPanic;
  finding.title = finding.task = finding.function = finding.taint = finding.kernel_release = finding.architecture =
      kHostile;
  finding.alt_titles = {kHostile};
  finding.modules = {kHostile};
  finding.excerpt = std::string(kHostile) + "\n````\n";
  finding.frames = {{.function = kHostile, .offset = 1, .module = kHostile, .location = std::string(kHostile) + ":12"}};
  finding.others = {{.cpu = 1, .task = kHostile, .function = kHostile, .frames = finding.frames}};
  finding.victim = detect::Party{.cpu = 2, .task = kHostile, .function = kHostile};
  return finding;
}

std::string PrintHostile(Format format, bool terminal = false) {
  std::istringstream in;
  std::ostringstream out, err;
  Io io{.in = in, .out = out, .err = err};
  io.out_terminal = terminal;
  io.color = false;
  LocalContext context(io);
  context.format = format;
  const auto printer = MakeFindingPrinter(context, {.show = true, .located = true});
  LogReport log;
  log.file = kHostile;
  log.facts = {.container = "console", .kernel_lines = true, .architecture = kHostile, .kernel_release = kHostile};
  log.findings = {Hostile()};
  log.lines = {{0, {.first = 3, .last = 5}}};
  printer->Print(log);
  printer->End({.files = 1, .findings = 1, .with_findings = 1});
  return out.str();
}

std::string Report(const std::string& time, const std::string& function) {
  const std::string stamp = "[  " + time + ".000000] ";
  return stamp + "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [tester:77]\n" + stamp +
         "CPU: 1 PID: 77 Comm: tester Not tainted 6.12.0 #1\n" + stamp + "RIP: 0010:" + function + "+0x1/0x40\n" +
         stamp + "Call Trace:\n" + stamp + " <TASK>\n" + stamp + " " + function + "+0x1/0x40\n" + stamp +
         " do_syscall_64+0x60/0x90\n" + stamp + " </TASK>\n" + stamp + "end of it\n";
}

TEST(Sarif, HasARuleForEachKindAndAResultForEachFinding) {
  const TempDir directory;
  const std::string quiet = "[    1.000000] Linux version 6.12.0 (build@host) #1 SMP\n";
  const std::string log = directory.Write("a b#1.log", quiet + quiet.substr(0, 40) + "\n" + Report("100", "spins"));
  const std::string other =
      directory.Write("other.log", Report("100", "elsewhere") +
                                       "[  300.000000] BUG: workqueue lockup - pool cpus=0 node=0 "
                                       "flags=0x0 nice=0 stuck for 31s!\n");
  const Result result = Lkctl({"-o", "sarif", "detect", "--vmlinux", LK_SAMPLE_KERNEL, log, other});
  EXPECT_EQ(result.code, 0);
  const auto sarif = result.json();
  ExpectSarif(sarif);
  const auto& run = sarif["runs"][0];
  EXPECT_EQ(run["tool"]["driver"]["rules"].size(), 2u);
  ASSERT_EQ(run["results"].size(), 3u);
  const auto& first = run["results"][0];
  EXPECT_EQ(first["ruleId"], "soft_lockup");
  EXPECT_EQ(first["message"]["text"], "BUG: soft lockup in spins");
  const auto& location = first["locations"][0]["physicalLocation"];
  EXPECT_EQ(location["artifactLocation"]["uri"], "file://" + directory.path().string() + "/a%20b%231.log");
  EXPECT_EQ(location["region"]["startLine"], 3);
  EXPECT_GE(location["region"]["endLine"], 9);
  EXPECT_LE(location["region"]["endLine"], 11);
  const auto& frame = first["stacks"][0]["frames"][0]["location"];
  EXPECT_EQ(frame["physicalLocation"]["artifactLocation"]["uri"], "init/main.c");
  EXPECT_EQ(first["stacks"][0]["message"]["text"], "CPU 1, tester:77");
  EXPECT_NE(first["partialFingerprints"], run["results"][1]["partialFingerprints"]);
  EXPECT_EQ(run["invocations"][0]["executionSuccessful"], true);
}

TEST(Sarif, FingerprintsDependOnTheTitleOnly) {
  const auto fingerprint = [](const std::string& log) {
    return Lkctl({"-o", "sarif", "detect"}, {.in = log}).json()["runs"][0]["results"][0]["partialFingerprints"];
  };
  const auto expected = nlohmann::json({{"primaryLocationLineHash", "c4a61acbb671ec37"}});
  EXPECT_EQ(fingerprint(Report("100", "spins")), expected) << "stored by code scanning services: must not change";
  EXPECT_EQ(fingerprint("[    1.000000] Linux version 6.12.0\n" + Report("900", "spins")), expected);
  EXPECT_NE(fingerprint(Report("100", "waits")), expected);
}

TEST(Sarif, NumbersLinesInBigLogs) {
  const std::string line = "[    2.000000] usb 1-1: New USB device found, with nothing to worry about at all.\n";
  std::string text;
  uint64_t lines = 0;
  for (; text.size() < 3 << 20; ++lines) text += line;
  text += std::string(1 << 20, 'x') + "\n";  // a long line
  lines += 1;
  const TempDir directory;
  const std::string report = Report("100", "spins");
  const Result result =
      Lkctl({"-o", "sarif", "detect", directory.Write("big.log", text + report + text + Report("900", "waits"))});
  const auto results = result.json()["runs"][0]["results"];
  ASSERT_EQ(results.size(), 2u);
  const auto start = [&](size_t i) { return results[i]["locations"][0]["physicalLocation"]["region"]["startLine"]; };
  EXPECT_EQ(start(0), lines + 1);
  EXPECT_EQ(start(1), 2 * lines + static_cast<uint64_t>(std::count(report.begin(), report.end(), '\n')) + 1);
}

TEST(Sarif, IsValidWithoutFindingsAndIfAFileCannotBeRead) {
  const auto quiet = Lkctl({"-o", "sarif", "detect"}, {.in = "[    1.000000] Linux version 6.12.0\n"}).json();
  ExpectSarif(quiet);
  EXPECT_EQ(quiet["runs"][0]["results"], nlohmann::json::array());
  const Result unreadable = Lkctl({"-o", "sarif", "detect", "/nonexistent"});
  EXPECT_EQ(unreadable.code, 2);
  ExpectSarif(unreadable.json());
  EXPECT_EQ(unreadable.json()["runs"][0]["invocations"][0]["executionSuccessful"], false);
  EXPECT_EQ(Lkctl({"-o", "sarif", "detect", "--vmlinux", "/nonexistent"}).out, "");
}

TEST(Sarif, HostileTextIsText) {
  const std::string text = PrintHostile(Format::kSarif);
  const auto sarif = nlohmann::json::parse(text);
  ExpectSarif(sarif);
  const auto& result = sarif["runs"][0]["results"][0];
  EXPECT_THAT(result["message"]["text"].get<std::string>(), HasSubstr("\\[a\\](http://b)")) << "not a link";
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xff"))));
  EXPECT_EQ(result["locations"][0]["physicalLocation"]["region"], nlohmann::json({{"startLine", 3}, {"endLine", 5}}));
  EXPECT_THAT(PrintHostile(Format::kSarif, true), Not(HasSubstr("\xe2\x80\xae")));
}

TEST(Markdown, HasATableAndTheReports) {
  const Result result = Lkctl({"-o", "markdown", "detect"}, {.in = Report("100", "spins")});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out,
              testing::StartsWith("### `-`: 1 finding\n"
                                  "\n"
                                  "| Finding | Kind | Line | CPU | Task | Count | Note |\n"
                                  "| --- | --- | ---: | ---: | --- | ---: | --- |\n"
                                  "| `BUG: soft lockup in spins` | soft_lockup | 1 | 1 | `tester:77` | 1 |  |\n"
                                  "\n"
                                  "<details><summary><code>BUG&#58; soft lockup in spins</code></summary>\n"
                                  "\n"));
  EXPECT_THAT(result.out, HasSubstr("\n```text\n[  100.000000] watchdog: BUG: soft lockup"));
  EXPECT_THAT(result.out, testing::EndsWith("\n```\n\n</details>\n\n"));
  EXPECT_EQ(Lkctl({"-o", "markdown", "detect"}, {.in = ""}).out, "### `-`: 0 findings\n\n");
}

TEST(Markdown, HostileTextIsText) {
  const std::string text = PrintHostile(Format::kMarkdown);
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xff")), Not(HasSubstr("\xe2\x80\xae"))));
  // Outside the block with the excerpt, nothing is left but what lkctl itself writes.
  const size_t fence = text.find("\n`````text\n");
  ASSERT_NE(fence, std::string::npos) << "the fence must be longer than the longest in the excerpt: " << text;
  const size_t end = text.find("\n`````\n", fence);
  ASSERT_NE(end, std::string::npos);
  const std::string outside = text.substr(0, fence) + text.substr(end + 7);
  EXPECT_THAT(outside, AllOf(Not(HasSubstr("`")), Not(HasSubstr("<script")), Not(HasSubstr("](")), Not(HasSubstr("@")),
                             Not(HasSubstr("{")), Not(HasSubstr("\\"))));
  std::istringstream in(outside);
  size_t rows = 0;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| ")) continue;
    ++rows;
    EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 9) << line;
  }
  EXPECT_EQ(rows, 3u);
  size_t details = 0;
  for (size_t at = 0; (at = outside.find("</details>", at)) != std::string::npos; ++at) ++details;
  EXPECT_EQ(details, 1u);
}

TEST(Markdown, CodeIsASpanWherePossible) {
  EXPECT_EQ(MarkdownCode("WARNING in __do_x"), "`WARNING in __do_x`");
  EXPECT_EQ(MarkdownCode("<b> *x* [y](z)"), "`<b> *x* [y](z)`");
  EXPECT_EQ(MarkdownCode("a|b"), "<code>a&#124;b</code>");
  EXPECT_EQ(MarkdownCode("a`b"), "<code>a&#96;b</code>");
  EXPECT_EQ(MarkdownCode(" a"), "<code> a</code>");
  EXPECT_EQ(MarkdownCode(""), "<code></code>");
  EXPECT_EQ(MarkdownCode("\xc3\xa9|"), "<code>\xc3\xa9&#124;</code>");
}

TEST(FindingView, HostileTextDoesNotControlTheTerminal) {
  for (const Format format : {Format::kTable, Format::kJson, Format::kYaml}) {
    EXPECT_THAT(PrintHostile(format, true),
                AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xff")), Not(HasSubstr("\xe2\x80\xae"))));
  }
}

TEST(FindingView, ShowsVictimAndCulprit) {
  std::istringstream in;
  std::ostringstream out, err;
  Io io{.in = in, .out = out, .err = err};
  LocalContext context(io);
  LogReport log;
  detect::Finding& finding = log.findings.emplace_back();
  finding.title = "INFO: task hung in waits";
  finding.victim = detect::Party{.cpu = -1, .task = "waiter:12", .function = "waits"};
  finding.culprit = detect::Party{.cpu = 3, .task = "holder:7", .function = "holds"};
  finding.architecture = "aarch64";
  finding.modules = {"nvme", "xfs"};
  MakeFindingPrinter(context, {.show = true})->Print(log);
  EXPECT_THAT(out.str(),
              AllOf(HasSubstr("  arch     aarch64\n"), HasSubstr("  victim   waiter:12, in waits\n"),
                    HasSubstr("  culprit  CPU 3, holder:7, in holds\n"), HasSubstr("  modules  nvme xfs\n")));
  out.str("");
  context.format = Format::kJson;
  MakeFindingPrinter(context, {})->Print(log);
  const auto json = nlohmann::json::parse(out.str())["findings"][0];
  EXPECT_EQ(json["victim"], nlohmann::json({{"cpu", -1}, {"task", "waiter:12"}, {"function", "waits"}}));
  EXPECT_EQ(json["culprit"], nlohmann::json({{"cpu", 3}, {"task", "holder:7"}, {"function", "holds"}}));
  EXPECT_EQ(json["modules"], nlohmann::json({"nvme", "xfs"}));
  EXPECT_EQ(json["architecture"], "aarch64");
}

}  // namespace
}  // namespace lk::cli
