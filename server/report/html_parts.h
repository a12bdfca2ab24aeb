// SPDX-License-Identifier: Apache-2.0
// What the parts of the HTML report are built with. All text goes into a document tree, so that none of it can become
// markup, and through Escape first, so that none of it is anything but text.
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

// Elements and text at the end of `parent`.
Node Add(Node parent, const char* tag, std::string_view css_class = {});
Node AddText(Node parent, const char* tag, std::string_view text, std::string_view css_class = {});
void Text(Node parent, std::string_view text);
// <pre>: line breaks and tabs stay.
Node Pre(Node parent, std::string_view text);
Node Link(Node parent, const std::string& target, std::string_view text);
// A word in a frame, coloured by what it says: a verdict, the state of a mutant, "flaky", "emulated".
void Tag(Node parent, std::string_view word, std::string_view suffix = {});
// A section with its heading and anchor.
Node Section(Node body, const char* anchor, std::string_view heading);
// What is shown when it is clicked.
Node Details(Node parent, std::string_view summary);

// A list of names and values; what has no value is left out.
class Facts {
 public:
  explicit Facts(Node parent) : list_(html::Add(parent, "dl")) {}
  void Add(std::string_view name, std::string_view value, bool mono = false);

 private:
  Node list_;
};

// A table that scrolls where the window is narrow. A title that begins with '>' has numbers below it.
class Table {
 public:
  Table(Node parent, std::initializer_list<std::string_view> titles);
  Table(Node parent, const std::vector<std::string>& titles);
  void Row();
  // The next cell of the row; its number decides how it is aligned.
  Node Cell(std::string_view text = {}, std::string_view css_class = {});

 private:
  void Title(std::string_view title);
  Node head_, body_, row_;
  std::vector<bool> number_;
  size_t column_ = 0;
};

std::string RunAnchor(const std::string& run_id);  // "run-c0abc-001"
Node RunLink(Node parent, const campaign::Run& run);

// Which build a run was made with, in a few words: its release, and its id where the campaign has two of that release.
class KernelNames {
 public:
  explicit KernelNames(const CampaignReport& report);
  std::string Of(const campaign::Run& run) const;

 private:
  std::map<std::string, std::vector<std::string>> ids_;  // by release
};

// "kvm", "tcg, emulated", "not run".
std::string On(const campaign::Run& run);
// "1.23ms"
std::string Duration(double seconds);

// ---- the parts, each at the end of `body`; one that has nothing to tell adds nothing --------------------------------

void AddFindings(Node body, const CampaignReport& report);
void AddResults(Node body, const CampaignReport& report);
void AddControls(Node body, const CampaignReport& report);
void AddLatencies(Node body, const CampaignReport& report);
void AddRuns(Node body, const CampaignReport& report);
void AddEnvironment(Node body, const CampaignReport& report);

// The frames of a finding with those that name it marked; at most so many.
void AddFrames(Node parent, const campaign::Finding& finding, size_t most);

}  // namespace lk::report::html
