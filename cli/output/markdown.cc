// SPDX-License-Identifier: Apache-2.0
#include "cli/output/markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

#include "cli/output/text.h"

namespace lk::cli {
namespace {

constexpr std::string_view kUnsafeInSpans = "`|\\";

// As HTML, in which nothing is left that Markdown could interpret.
std::string HtmlCode(std::string_view text) {
  std::string html = "<code>";
  for (const char c : Escape(text)) {
    const bool plain = static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || std::string_view(" +-/,=()").find(c) != std::string_view::npos;
    html += plain ? std::string(1, c) : fmt::format("&#{};", static_cast<int>(c));
  }
  return html + "</code>";
}

// A block of code whose fence is longer than any in the text.
std::string Block(std::string_view text) {
  size_t longest = 0;
  for (size_t at = 0; (at = text.find('`', at)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_not_of('`', at), text.size());
    longest = std::max(longest, end - at);
    at = end;
  }
  const std::string fence(std::max<size_t>(3, longest + 1), '`');
  std::string lines = Escape(text, "\n\t");
  if (!lines.ends_with('\n')) lines += '\n';
  return fmt::format("{}text\n{}{}\n", fence, lines, fence);
}

class MarkdownPrinter final : public FindingPrinter {
 public:
  MarkdownPrinter(LocalContext& context, FindingStyle style) : out_(context.io.out), style_(style) {}

  void Print(const LogReport& log) override {
    if (log.ended && log.earlier > 0 && log.findings.empty()) return;
    out_ << fmt::format("### {}: {} {}\n\n", MarkdownCode(log.file), log.findings.size(),
                        log.findings.size() == 1 ? "finding" : "findings");
    if (!log.findings.empty()) {
      std::vector<std::pair<const char*, const char*>> columns = {
          {"Finding", "---"}, {"Kind", "---"}, {"Line", "---:"}, {"CPU", "---:"}, {"Task", "---"}, {"Count", "---:"}};
      if (style_.located) columns.emplace_back("At", "---");
      columns.emplace_back("Note", "---");
      for (const auto& column : columns) out_ << "| " << column.first << ' ';
      out_ << "|\n";
      for (const auto& column : columns) out_ << "| " << column.second << ' ';
      out_ << "|\n";
      for (const detect::Finding& finding : log.findings) Row(log, finding);
      out_ << '\n';
      for (const detect::Finding& finding : log.findings) Details(finding);
    }
    out_.flush();
  }
  void End(const Totals& totals) override {
    if (totals.files > 1) out_ << Summary(totals) << '\n';
  }

 private:
  void Row(const LogReport& log, const detect::Finding& finding) {
    const auto lines = log.lines.find(finding.start_offset);
    const auto code = [](const std::string& text) { return text.empty() ? "" : MarkdownCode(text); };
    out_ << fmt::format("| {} | {} | {} | {} | {} | {} |", MarkdownCode(finding.title), detect::ToString(finding.kind),
                        lines == log.lines.end() ? "" : std::to_string(lines->second.first),
                        finding.cpu < 0 ? "" : std::to_string(finding.cpu), code(finding.task), finding.count);
    if (style_.located) out_ << ' ' << code(LocationOf(finding)) << " |";
    out_ << ' ' << code(NoteOf(finding)) << " |\n";
  }
  void Details(const detect::Finding& finding) {
    // The blank lines make the block Markdown again within HTML.
    out_ << "<details><summary>" << HtmlCode(finding.title) << "</summary>\n\n";
    for (const std::string& title : finding.alt_titles) out_ << "- also " << MarkdownCode(title) << '\n';
    if (!finding.alt_titles.empty()) out_ << '\n';
    out_ << Block(finding.excerpt) << "\n</details>\n\n";
  }

  std::ostream& out_;
  FindingStyle style_;
};

}  // namespace

std::string MarkdownCode(std::string_view text) {
  const std::string safe = Escape(text);
  // Only these have a meaning in a span; spaces at its ends would be lost.
  const bool span = !safe.empty() && safe.find_first_of(kUnsafeInSpans) == std::string::npos && safe.front() != ' ' &&
                    safe.back() != ' ';
  return span ? fmt::format("`{}`", safe) : HtmlCode(text);
}

std::unique_ptr<FindingPrinter> MakeMarkdownPrinter(LocalContext& context, FindingStyle style) {
  return std::make_unique<MarkdownPrinter>(context, style);
}

}  // namespace lk::cli
