// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/cord.h>

#include "server/vm/hypervisor.h"

namespace lk::vm {
namespace {

constexpr char kPayload[] = "lk.vm/fault";

}  // namespace

Fault FaultOf(const Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return Fault::kOurs;
  return *payload == "host" ? Fault::kHost : Fault::kGuest;
}

Status WithFault(Status status, Fault fault) {
  if (fault == Fault::kOurs) {
    status.ErasePayload(kPayload);
  } else {
    status.SetPayload(kPayload, absl::Cord(fault == Fault::kHost ? "host" : "guest"));
  }
  return status;
}

}  // namespace lk::vm
