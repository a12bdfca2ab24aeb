// SPDX-License-Identifier: Apache-2.0
#include "cli/output/json.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace lk::cli {
using Json = nlohmann::ordered_json;

Json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  // Fails only for malformed well-known types, such as a timestamp after the year 9999.
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) return {{"unprintable", std::string(status.message())}};
  return Json::parse(text);
}

void PrintJson(Context& context, const google::protobuf::Message& message, bool item) {
  PrintJson(context, ToJson(message), item);
}

void Print(Context& context, const google::protobuf::Message& message,
           const std::function<void(std::ostream&)>& table) {
  if (context.format == Format::kTable) {
    table(context.io.out);
  } else {
    PrintJson(context, message, false);
  }
}

}  // namespace lk::cli
