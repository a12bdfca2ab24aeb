// SPDX-License-Identifier: Apache-2.0
#include "cli/output/document.h"

#include <absl/strings/str_replace.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace lk::cli {
namespace {

using Json = nlohmann::ordered_json;

void EmitYaml(YAML::Emitter& yaml, const Json& json) {
  switch (json.type()) {
    case Json::value_t::object:
      yaml << (json.empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
      for (const auto& [key, value] : json.items()) {
        yaml << YAML::Key << key << YAML::Value;
        EmitYaml(yaml, value);
      }
      yaml << YAML::EndMap;
      break;
    case Json::value_t::array:
      yaml << (json.empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
      for (const Json& value : json) EmitYaml(yaml, value);
      yaml << YAML::EndSeq;
      break;
    case Json::value_t::string:
      // Always quoted: a plain "on", "1e3" or "null" would be parsed as a different type.
      yaml << YAML::DoubleQuoted << json.get<std::string>();
      break;
    case Json::value_t::null:
      yaml << YAML::Null;
      break;
    default:
      yaml << json.dump();  // JSON numbers and booleans are valid YAML
  }
}

}  // namespace

void PrintJson(LocalContext& context, const Json& json, bool item) {
  std::ostream& out = context.io.out;
  if (context.format == Format::kYaml) {
    YAML::Emitter yaml;
    // Terminals interpret some non-ASCII characters.
    yaml.SetOutputCharset(YAML::EscapeNonAscii);
    EmitYaml(yaml, json);
    // yaml-cpp does not escape DEL, which occurs only inside quotes.
    out << (item ? "---\n" : "") << absl::StrReplaceAll(yaml.c_str(), {{"\x7f", "\\x7f"}}) << '\n';
  } else {
    // JSON does not escape C1 controls, which a terminal would interpret.
    const bool ascii = context.io.out_terminal;
    out << json.dump(item ? -1 : 2, ' ', ascii, Json::error_handler_t::replace) << '\n';
  }
  out.flush();
}

}  // namespace lk::cli
