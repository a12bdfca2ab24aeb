// SPDX-License-Identifier: Apache-2.0
#include "server/yaml/documents.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

namespace lk::yaml {
namespace {

class Begins final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  std::vector<YAML::Mark> marks;
};

}  // namespace

std::vector<YAML::Mark> Documents(const std::string& text) {
  std::istringstream input(text);
  YAML::Parser parser(input);
  Begins begins;
  while (begins.marks.size() < 2 && parser.HandleNextDocument(begins)) {
  }
  return begins.marks;
}

std::optional<YAML::Node> LoadDocument(const std::string& text, Mistakes& mistakes) {
  try {
    const size_t documents = Documents(text).size();
    if (documents == 1) return YAML::Load(text);
    mistakes.Add("", documents == 0 ? "the file is empty (expected a YAML document)"
                                    : fmt::format("expected a single YAML document, found {}", documents));
  } catch (const YAML::Exception& e) {
    // The usual one, since titles such as "BUG: soft lockup in f" contain a colon.
    const bool colon = e.msg == YAML::ErrorMsg::MAP_VALUE;
    mistakes.AddAt(
        e.mark, "",
        fmt::format("invalid YAML: {}{}", e.msg, colon ? "; put quotes around a text that contains \": \"" : ""));
  }
  return std::nullopt;
}

}  // namespace lk::yaml
