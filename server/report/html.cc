// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "server/campaign/mutation.h"
#include "server/report/campaign_report.h"
#include "server/report/html_parts.h"
#include "server/report/html_style.h"
#include "server/report/outcome.h"
#include "support/text.h"

namespace lk::report {
namespace {

using html::Add;
using html::AddText;
using html::Node;

// Forbids fetching or running anything, in case markup ever gets past the escaping. The page's own style is allowed.
constexpr char kPolicy[] = "default-src 'none'; style-src 'unsafe-inline'";

std::string CountsText(const campaign::Counts& counts) {
  const std::pair<uint32_t, std::string_view> named[] = {
      {counts.pass, "pass"},       {counts.fail, "fail"},         {counts.error, "error"},
      {counts.miss, "miss"},       {counts.unproven, "unproven"}, {counts.skip, "skip"},
      {counts.pending, "pending"}, {counts.controls, "control"},  {counts.superseded, "superseded"}};
  std::string text;
  for (const auto& [count, name] : named) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  }
  return text.empty() ? "no runs" : text;
}

void AddHeader(Node body, const CampaignReport& report) {
  const campaign::Campaign& campaign = report.campaign;
  Node header = Add(body, "header");
  Node head = Add(header, "div", "head");
  AddText(head, "h1", campaign.spec.name);
  html::Tag(head, campaign.verdict ? campaign::ToString(*campaign.verdict) : "pending");
  AddText(head, "span", CountsText(campaign::Count(report.runs)));
  std::string line = fmt::format("Campaign {}, {}, started {}", campaign.id, campaign::ToString(campaign.state),
                                 UtcTime(campaign.created));
  if (campaign.verdict) line += fmt::format(", ended {}", UtcTime(campaign.finished));
  for (const auto& [key, value] : campaign.spec.labels) line += fmt::format(", {}={}", key, value);
  AddText(header, "p", line, "dim");
}

void AddNavigation(Node body) {
  Node nav = body.insert_child_after("nav", body.child("header"));
  for (const Node section : body.children("section")) {
    html::Link(nav, section.attribute("id").value(), section.child("h2").text().get());
  }
}

void AddCampaignAgain(Node body, const CampaignReport& report) {
  const campaign::Campaign& campaign = report.campaign;
  Node section = html::Section(body, "again", "Run it again");
  AddText(section, "p", "This command repeats the whole campaign. For a single run, see its details above.");
  std::string set;
  for (const std::string& assignment : campaign.overrides) set += fmt::format(" \\\n    --set '{}'", assignment);
  std::string yaml = campaign.spec_yaml;
  if (!yaml.ends_with('\n')) yaml += '\n';
  html::Pre(section, fmt::format("lkctl campaign start - --wait{} <<'END'\n{}END\n", set, yaml));
}

}  // namespace

std::string ToHtml(const CampaignReport& report) {
  pugi::xml_document document;
  Node body = document.append_child("body");
  AddHeader(body, report);
  html::AddFindings(body, report);
  html::AddResults(body, report);
  html::AddControls(body, report);
  html::AddLatencies(body, report);
  html::AddEnvironment(body, report);
  html::AddRuns(body, report);
  AddCampaignAgain(body, report);
  AddNavigation(body);
  AddText(body, "footer",
          fmt::format(
              "Written by lk {} at {}. * marks runs in which hardware was emulated: they say nothing about real "
              "hardware. + marks runs on a kernel with a harness, that is, another caller of the code under test or "
              "an edited version of it: they say nothing about the kernel as released.",
              report.lk_version, UtcTime(report.written)));

  pugi::xml_document title;
  AddText(title, "title", fmt::format("{} - lk campaign {}", report.campaign.spec.name, report.campaign.id));
  std::ostringstream out;
  // Void elements of HTML appear only here: the trees have none, so every element in them is closed.
  out << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      << "<meta http-equiv=\"Content-Security-Policy\" content=\"" << kPolicy << "\"/>\n";
  constexpr unsigned kFormat = pugi::format_raw | pugi::format_no_empty_element_tags | pugi::format_no_declaration;
  title.save(out, "", kFormat, pugi::encoding_utf8);
  out << "\n<style>" << kStyle << "</style>\n</head>\n";
  document.save(out, "", kFormat, pugi::encoding_utf8);
  out << "\n</html>\n";
  return out.str();
}

}  // namespace lk::report
