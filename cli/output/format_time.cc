// SPDX-License-Identifier: Apache-2.0
#include "cli/output/text.h"
#include "support/proto_time.h"

namespace lk::cli {

std::string FormatTime(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), zone);
}

}  // namespace lk::cli
