// SPDX-License-Identifier: Apache-2.0
#include "server/report/html_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "support/quantity.h"
#include "support/text.h"

namespace lk::report::html {

Node Add(Node parent, const char* tag, std::string_view css_class) {
  Node node = parent.append_child(tag);
  if (!css_class.empty()) node.append_attribute("class") = std::string(css_class).c_str();
  return node;
}

void Text(Node parent, std::string_view text) {
  parent.append_child(pugi::node_pcdata).set_value(Escape(text).c_str());
}

Node AddText(Node parent, const char* tag, std::string_view text, std::string_view css_class) {
  Node node = Add(parent, tag, css_class);
  Text(node, text);
  return node;
}

Node Pre(Node parent, std::string_view text) {
  Node node = Add(parent, "pre");
  // Scrollable content must be reachable with the keyboard.
  node.append_attribute("tabindex") = "0";
  node.append_child(pugi::node_pcdata).set_value(Escape(text, "\n\t").c_str());
  return node;
}

Node Link(Node parent, const std::string& target, std::string_view text) {
  Node node = AddText(parent, "a", text);
  node.append_attribute("href") = Escape("#" + target).c_str();
  return node;
}

void Tag(Node parent, std::string_view word, std::string_view suffix) {
  AddText(parent, "span", std::string(word) + std::string(suffix), fmt::format("tag {}", word));
}

Node Section(Node body, const char* anchor, std::string_view heading) {
  Node section = Add(body, "section");
  section.append_attribute("id") = anchor;
  AddText(section, "h2", heading);
  return section;
}

Node Details(Node parent, std::string_view summary) {
  Node details = Add(parent, "details");
  AddText(details, "summary", summary);
  return details;
}

void Facts::Add(std::string_view name, std::string_view value, bool mono) {
  if (value.empty()) return;
  AddText(list_, "dt", name);
  AddText(list_, "dd", value, mono ? "mono" : "");
}

Table::Table(Node parent, std::initializer_list<std::string_view> titles)
    : Table(parent, std::vector<std::string>(titles.begin(), titles.end())) {}

Table::Table(Node parent, const std::vector<std::string>& titles) {
  Node scroll = Add(parent, "div", "scroll");
  scroll.append_attribute("tabindex") = "0";
  Node table = Add(scroll, "table");
  head_ = Add(Add(table, "thead"), "tr");
  body_ = Add(table, "tbody");
  for (const std::string& title : titles) Title(title);
}

void Table::Title(std::string_view title) {
  const bool number = title.starts_with('>');
  number_.push_back(number);
  AddText(head_, "th", title.substr(number ? 1 : 0), number ? "num" : "").append_attribute("scope") = "col";
}

void Table::Row() {
  row_ = Add(body_, "tr");
  column_ = 0;
}

Node Table::Cell(std::string_view text, std::string_view css_class) {
  const bool number = column_ < number_.size() && number_[column_];
  ++column_;
  Node cell = Add(row_, "td", number ? "num" : css_class);
  if (!text.empty()) Text(cell, text);
  return cell;
}

std::string RunAnchor(const std::string& run_id) {
  return "run-" + run_id;
}

Node RunLink(Node parent, const campaign::Run& run) {
  return Link(parent, RunAnchor(run.id), run.id);
}

KernelNames::KernelNames(const CampaignReport& report) {
  for (const campaign::Run& run : report.runs) {
    std::vector<std::string>& ids = ids_[run.kernel_release];
    if (std::ranges::find(ids, run.kernel_id) == ids.end()) ids.push_back(run.kernel_id);
  }
}

std::string KernelNames::Of(const campaign::Run& run) const {
  const auto ids = ids_.find(run.kernel_release);
  const bool one = ids == ids_.end() || ids->second.size() < 2;
  return one ? run.kernel_release : fmt::format("{} ({})", run.kernel_release, run.kernel_id);
}

std::string Marks(bool emulated, bool harness) {
  return std::string(emulated ? "*" : "") + (harness ? "+" : "");
}

std::string On(const campaign::Run& run) {
  return (run.accelerator.empty() ? "not run" : run.accelerator) + (run.emulated ? ", emulated" : "") +
         (run.harness ? ", harness" : "");
}

std::string Duration(double seconds) {
  return lk::FormatDuration(absl::Seconds(seconds));
}

}  // namespace lk::report::html
