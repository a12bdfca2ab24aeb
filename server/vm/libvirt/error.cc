// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace lk::vm::libvirt {
namespace {

struct ErrorRow {
  int code;
  absl::StatusCode status;
  Fault fault;
};

// The status and fault for each virErrorNumber; kInternal and kHost for numbers that are not listed.
constexpr ErrorRow kTable[] = {
    {VIR_ERR_NO_DOMAIN, absl::StatusCode::kNotFound, Fault::kGuest},
    {VIR_ERR_DEVICE_MISSING, absl::StatusCode::kNotFound, Fault::kGuest},
    {VIR_ERR_OPERATION_INVALID, absl::StatusCode::kFailedPrecondition, Fault::kGuest},  // domain is not running
    {VIR_ERR_DOM_EXIST, absl::StatusCode::kAlreadyExists, Fault::kOurs},
    {VIR_ERR_XML_ERROR, absl::StatusCode::kInvalidArgument, Fault::kOurs},
    {VIR_ERR_XML_DETAIL, absl::StatusCode::kInvalidArgument, Fault::kOurs},
    {VIR_ERR_XML_INVALID_SCHEMA, absl::StatusCode::kInvalidArgument, Fault::kOurs},
    {VIR_ERR_INVALID_ARG, absl::StatusCode::kInvalidArgument, Fault::kOurs},
    {VIR_ERR_CONFIG_UNSUPPORTED, absl::StatusCode::kInvalidArgument, Fault::kOurs},
    {VIR_ERR_OPERATION_UNSUPPORTED, absl::StatusCode::kFailedPrecondition, Fault::kOurs},
    {VIR_ERR_OPERATION_DENIED, absl::StatusCode::kPermissionDenied, Fault::kHost},
    {VIR_ERR_AUTH_FAILED, absl::StatusCode::kUnavailable, Fault::kHost},
    {VIR_ERR_NO_CONNECT, absl::StatusCode::kInvalidArgument, Fault::kHost},  // no driver for the URI
    {VIR_ERR_INVALID_CONN, absl::StatusCode::kUnavailable, Fault::kHost},
    {VIR_ERR_RPC, absl::StatusCode::kUnavailable, Fault::kHost},
    {VIR_ERR_SYSTEM_ERROR, absl::StatusCode::kUnavailable, Fault::kHost},
    {VIR_ERR_NO_MEMORY, absl::StatusCode::kResourceExhausted, Fault::kHost},
    {VIR_ERR_OPERATION_TIMEOUT, absl::StatusCode::kDeadlineExceeded, Fault::kHost},
};

}  // namespace

Status ToStatus(const virError& error, std::string_view what) {
  auto message = fmt::format("{}: {}", what, error.message ? error.message : "unknown error");
  std::replace(message.begin(), message.end(), '\n', ' ');  // may contain several lines of output from QEMU
  if (error.domain == VIR_FROM_URI) return WithFault(absl::InvalidArgumentError(message), Fault::kHost);
  // An internal error of the transport means that the connection has failed.
  if (error.domain == VIR_FROM_RPC || error.domain == VIR_FROM_REMOTE) {
    if (error.code == VIR_ERR_INTERNAL_ERROR) return WithFault(absl::UnavailableError(message), Fault::kHost);
  }
  const auto* row =
      std::find_if(std::begin(kTable), std::end(kTable), [&](const ErrorRow& r) { return r.code == error.code; });
  if (row == std::end(kTable)) return WithFault(absl::InternalError(message), Fault::kHost);
  return WithFault(Status(row->status, message), row->fault);
}

Status LastError(std::string_view what) {
  const virError* error = virGetLastError();
  return error ? ToStatus(*error, what) : ToStatus(virError{}, what);
}

}  // namespace lk::vm::libvirt
