// SPDX-License-Identifier: Apache-2.0
// The building blocks of the HTML report. All text is passed through Escape and put into a document tree, so that it
// contains no control characters and cannot become markup.
#pragma once

#include <initializer_list>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/report/campaign_report.h"

namespace lk::report::html {

using Node = pugi::xml_node;

// Add an element or text at the end of `parent`.
Node Add(Node parent, const char* tag, std::string_view css_class = {});
Node AddText(Node parent, const char* tag, std::string_view text, std::string_view css_class = {});
void Text(Node parent, std::string_view text);
// <pre>: keeps newlines and tabs.
Node Pre(Node parent, std::string_view text);
Node Link(Node parent, const std::string& target, std::string_view text);
// A framed word, coloured by its meaning: a verdict, the state of a mutant, "flaky", "emulated".
void Tag(Node parent, std::string_view word, std::string_view suffix = {});
// A section with its heading and anchor.
Node Section(Node body, const char* anchor, std::string_view heading);
// Returns the element whose contents are shown when the summary is clicked.
Node Details(Node parent, std::string_view summary);

// A list of names and values. Empty values are left out.
class Facts {
 public:
  explicit Facts(Node parent) : list_(html::Add(parent, "dl")) {}
  void Add(std::string_view name, std::string_view value, bool mono = false);

 private:
  Node list_;
};

// A table that scrolls if the window is too narrow. A title that begins with '>' marks a column of numbers.
class Table {
 public:
  Table(Node parent, std::initializer_list<std::string_view> titles);
  Table(Node parent, const std::vector<std::string>& titles);
  void Row();
  // Adds the next cell of the row, aligned according to its column.
  Node Cell(std::string_view text = {}, std::string_view css_class = {});

 private:
  void Title(std::string_view title);
  Node head_, body_, row_;
  std::vector<bool> number_;
  size_t column_ = 0;
};

std::string RunAnchor(const std::string& run_id);  // "run-c0abc-001"
Node RunLink(Node parent, const campaign::Run& run);

// A short name for the build that a run used: its release, and its id if the campaign has several builds of that
// release.
class KernelNames {
 public:
  explicit KernelNames(const CampaignReport& report);
  std::string Of(const campaign::Run& run) const;

 private:
  std::map<std::string, std::vector<std::string>> ids_;  // by release
};

// "*" for an emulated run, "+" for one with a harness, "*+" for both. The page's footer explains the marks.
std::string Marks(bool emulated, bool harness);
// "kvm", "tcg, emulated, harness", "not run".
std::string On(const campaign::Run& run);
// "1.23ms"
std::string Duration(double seconds);

// ---- sections, each added at the end of `body` unless it would be empty ---------------------------------------------

void AddFindings(Node body, const CampaignReport& report);
void AddResults(Node body, const CampaignReport& report);
void AddControls(Node body, const CampaignReport& report);
void AddLatencies(Node body, const CampaignReport& report);
void AddRuns(Node body, const CampaignReport& report);
void AddEnvironment(Node body, const CampaignReport& report);

// Adds why the finding does not count, if it does not.
void AddExcuse(Node parent, const campaign::Finding& finding);
// Adds the victim and the culprit, if the kernel named them.
void AddParties(Node parent, const campaign::Finding& finding);
// Adds at most `most` frames of a finding. Frames of the function that the finding is named after are highlighted.
void AddFrames(Node parent, const campaign::Finding& finding, size_t most);

}  // namespace lk::report::html
