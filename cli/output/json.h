// SPDX-License-Identifier: Apache-2.0
// Prints messages and lists on stdout in the format selected by the user.
#pragma once

#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/context.h"
#include "cli/output/document.h"
#include "cli/output/table.h"
#include "google/protobuf/message.h"
#include "support/status.h"

namespace lk::cli {

// Protobuf's JSON mapping, including fields with default values, such as "emulated": false and "findings": [].
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// As PrintJson in document.h.
void PrintJson(Context& context, const google::protobuf::Message& message, bool item);

// Prints a message as JSON or YAML, or calls `table`.
void Print(Context& context, const google::protobuf::Message& message, const std::function<void(std::ostream&)>& table);

// Prints all items from a paginated list RPC: JSON and YAML items as they arrive, or a single table at the end.
template <typename Stub, typename Request, typename Response, typename Item>
StatusOr<int> PrintList(Context& context, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        Request request, const google::protobuf::RepeatedPtrField<Item>& (Response::*items)() const,
                        const std::vector<std::string>& titles, const std::function<Table::Row(const Item&)>& row) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  Table table(titles);
  for (bool more = true; more;) {
    LK_ASSIGN_OR_RETURN(const Response response, client->Call(method, request));
    for (const Item& item : (response.*items)()) {
      if (context.format == Format::kTable) {
        table.Add(row(item));
      } else {
        PrintJson(context, item, true);
      }
    }
    more = false;
    if constexpr (requires { request.set_page_token(response.next_page_token()); }) {
      request.set_page_token(response.next_page_token());
      more = !response.next_page_token().empty();
    }
  }
  if (context.format == Format::kTable) table.Print(context.io.out, context.out_color());
  return 0;
}

}  // namespace lk::cli
