// SPDX-License-Identifier: Apache-2.0
#include "cli/output/sarif.h"

#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "support/version.h"

namespace lk::cli {
namespace {

using detect::Kind;
using Json = nlohmann::ordered_json;

std::string_view Describe(Kind kind) {
  switch (kind) {
    case Kind::kSoftLockup:
      return "A CPU ran kernel code for too long without scheduling.";
    case Kind::kHardLockup:
      return "A CPU handled no interrupts for too long.";
    case Kind::kRcuStall:
      return "An RCU grace period did not end in time.";
    case Kind::kHungTask:
      return "A task was blocked for too long.";
    case Kind::kWorkqueueLockup:
      return "A workqueue made no progress for too long.";
    case Kind::kSpinlockLockup:
      return "A spinlock could not be acquired in time.";
    case Kind::kCsdStall:
      return "A CPU did not respond to a cross-CPU call in time.";
    case Kind::kSleepInAtomic:
      return "A function that may sleep was called in atomic context.";
    case Kind::kLockdep:
      return "The lock validator found incorrect locking.";
    case Kind::kPanic:
      return "The kernel panicked.";
    case Kind::kOops:
      return "The kernel oopsed: a bad memory access, an invalid instruction or a BUG().";
    case Kind::kSanitizer:
      return "A sanitizer (KASAN, KCSAN, KMSAN, UBSAN, KFENCE) reported an error.";
    case Kind::kWarning:
      return "A WARN() or similar check failed.";
    case Kind::kInvariant:
      return "A message that the scenario does not expect was printed.";
    case Kind::kBudget:
      return "A measurement exceeded its budget.";
    case Kind::kHang:
      return "The kernel hung without printing a report.";
    case Kind::kUnexpectedReboot:
      return "The kernel rebooted unexpectedly.";
    case Kind::kVmCrash:
      return "The virtual machine crashed.";
    case Kind::kAgentLost:
      return "The agent in the guest was lost.";
    case Kind::kCommandTimeout:
      return "A command to a device was not completed in time.";
  }
  return "";
}

// A reference relative to the working directory, or a file URI (RFC 3986).
std::string Uri(std::string_view path) {
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

// "[text](target)" in a message is a link (§3.11.6).
Json Message(const std::string& text) {
  const bool link = text.find("](") != std::string::npos;
  return {{"text", link ? absl::StrReplaceAll(text, {{"[", "\\["}, {"]", "\\]"}}) : text}};
}

// FNV-1a: a fingerprint must be the same in every version.
std::string Fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

// A stack frame's "init/main.c:123".
Json SourceLocation(const std::string& location) {
  const size_t colon = location.rfind(':');
  Json json = {{"artifactLocation", {{"uri", Uri(location.substr(0, colon))}}}};
  const std::string line = colon == std::string::npos ? "" : location.substr(colon + 1);
  const bool number = !line.empty() && line.size() < 10 && line.find_first_not_of("0123456789") == std::string::npos;
  if (number && std::stoul(line) > 0) json["region"] = {{"startLine", std::stoul(line)}};
  return json;
}

Json Stack(const std::string& name, const std::vector<detect::Frame>& frames) {
  auto list = Json::array();
  for (const detect::Frame& frame : frames) {
    Json location = {{"message", {{"text", fmt::format("{}+{:#x}", frame.function, frame.offset)}}},
                     {"logicalLocations", {{{"name", frame.function}, {"kind", "function"}}}}};
    if (!frame.location.empty()) location["physicalLocation"] = SourceLocation(frame.location);
    Json json = {{"location", std::move(location)}};
    if (!frame.module.empty()) json["module"] = frame.module;
    list.push_back(std::move(json));
  }
  return {{"message", Message(name)}, {"frames", std::move(list)}};
}

std::string CpuAndTask(int32_t cpu, const std::string& task) {
  const std::string name = cpu < 0 ? "" : fmt::format("CPU {}", cpu);
  return fmt::format("{}{}{}", name, name.empty() || task.empty() ? "" : ", ", task);
}

// A region of whole lines. It has no byteOffset, because the properties for bytes and for text must cover the same
// bytes (§3.30.1), and the offsets are those of the decompressed log.
Json LogLocation(const LogReport& log, const detect::Finding& finding) {
  const auto lines = log.lines.find(finding.start_offset);
  const LineRange range = lines == log.lines.end() ? LineRange{1, 1} : lines->second;
  return {{"physicalLocation",
           {{"artifactLocation", {{"uri", Uri(log.file)}}},
            {"region", {{"startLine", range.first}, {"endLine", range.last}}}}}};
}

class SarifPrinter final : public FindingPrinter {
 public:
  SarifPrinter(LocalContext& context, FindingStyle style) : context_(context), style_(style) {
    context_.io.out << R"({"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[)"
                    << R"({"results":[)";
  }

  void Print(const LogReport& log) override {
    for (const detect::Finding& finding : log.findings) {
      context_.io.out << (first_ ? "\n" : ",\n") << Text(Result(log, finding));
      first_ = false;
    }
    context_.io.out.flush();
  }
  void End(const Totals& totals) override {
    auto rules = Json::array();
    for (const Kind kind : kinds_) {
      const Json text = {{"text", Describe(kind)}};
      rules.push_back({{"id", detect::ToString(kind)},
                       {"shortDescription", text},
                       {"fullDescription", text},
                       {"help", text},
                       {"defaultConfiguration", {{"level", Level(kind)}}}});
    }
    const Json tool = {{"driver", {{"name", "lkctl detect"}, {"version", kVersion}, {"rules", std::move(rules)}}}};
    const auto invocations = Json::array({{{"executionSuccessful", totals.unreadable == 0}}});
    context_.io.out << "],\n\"tool\":" << Text(tool) << ",\n\"invocations\":" << Text(invocations) << "}]}\n";
  }

 private:
  static std::string_view Level(Kind kind) { return kind == Kind::kWarning ? "warning" : "error"; }

  std::string Text(const Json& json) const {
    return json.dump(-1, ' ', context_.io.out_terminal, Json::error_handler_t::replace);
  }

  Json Result(const LogReport& log, const detect::Finding& finding) {
    const auto rule = std::ranges::find(kinds_, finding.kind);
    const auto index = rule - kinds_.begin();
    if (rule == kinds_.end()) kinds_.push_back(finding.kind);
    Json result = {{"ruleId", detect::ToString(finding.kind)},
                   {"ruleIndex", index},
                   {"level", Level(finding.kind)},
                   {"message", Message(finding.title)},
                   {"locations", {LogLocation(log, finding)}},
                   // The name is the one that GitHub's code scanning knows.
                   {"partialFingerprints", {{"primaryLocationLineHash", Fingerprint(finding.title)}}}};
    auto stacks = Json::array();
    if (!finding.frames.empty()) stacks.push_back(Stack(CpuAndTask(finding.cpu, finding.task), finding.frames));
    for (const detect::CpuStack& other : finding.others) {
      if (!other.frames.empty()) stacks.push_back(Stack(CpuAndTask(other.cpu, other.task), other.frames));
    }
    if (!stacks.empty()) result["stacks"] = std::move(stacks);
    if (!finding.known.empty()) {
      result["suppressions"] = Json::array({{{"kind", "external"}, {"justification", finding.known}}});
    }
    result["occurrenceCount"] = std::max<uint32_t>(finding.count, 1);
    Json properties = {{"altTitles", finding.alt_titles},      {"startOffset", finding.start_offset},
                       {"endOffset", finding.end_offset},      {"container", log.facts.container},
                       {"architecture", finding.architecture}, {"kernelRelease", finding.kernel_release}};
    if (style_.show) properties["excerpt"] = finding.excerpt;
    result["properties"] = std::move(properties);
    return result;
  }

  LocalContext& context_;
  FindingStyle style_;
  std::vector<Kind> kinds_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<FindingPrinter> MakeSarifPrinter(LocalContext& context, FindingStyle style) {
  return std::make_unique<SarifPrinter>(context, style);
}

}  // namespace lk::cli
