// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/vm/libvirt/error.h"
#include "server/vm/libvirt/event_loop.h"

namespace lk::vm::libvirt {
namespace {

// The connection is closed after 15 s without a response.
constexpr int kKeepAliveSeconds = 5;
constexpr unsigned kKeepAliveCount = 3;

std::string CloseReason(int reason) {
  switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_ERROR:
      return "connection failed";
    case VIR_CONNECT_CLOSE_REASON_EOF:
      return "libvirtd closed the connection";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
      return "no response for 15 s";
    default:
      return "connection closed";
  }
}

StatusOr<ConnectHandle> OpenHandle(const std::string& uri) {
  virConnectPtr raw = virConnectOpenAuth(uri.c_str(), virConnectAuthPtrDefault, 0);
  if (!raw) return WithFault(LastError(uri), Fault::kHost);
  ConnectHandle handle(raw, virConnectClose);
  // Fails for drivers without a network connection (test:///), which need no keepalive.
  virConnectSetKeepAlive(raw, kKeepAliveSeconds, kKeepAliveCount);
  return handle;
}

}  // namespace

StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& uri, ConnectionEvents events) {
  EventLoop::Get();
  std::unique_ptr<Connection> connection(new Connection(uri, std::move(events)));
  {
    std::lock_guard lock(connection->mutex_);
    LK_RETURN_IF_ERROR(connection->OpenLocked());
  }
  connection->retry_ = std::jthread([self = connection.get()](const std::stop_token& stop) { self->Retry(stop); });
  return connection;
}

Connection::Connection(std::string uri, ConnectionEvents events) : uri_(std::move(uri)), events_(std::move(events)) {}

Connection::~Connection() {
  retry_ = {};
  std::lock_guard lock(mutex_);
  Unsubscribe();
}

StatusOr<ConnectHandle> Connection::Get() {
  std::lock_guard lock(mutex_);
  if (lost_ || virConnectIsAlive(handle_.get()) != 1) {
    LK_RETURN_IF_ERROR(OpenLocked());
    EventLoop::Get().Run([&] { events_.on_back(handle_); });
  }
  return handle_;
}

Status Connection::OpenLocked() {
  LK_ASSIGN_OR_RETURN(auto fresh, OpenHandle(uri_));
  Unsubscribe();
  handle_ = std::move(fresh);
  lost_ = false;
  ++generation_;
  Subscribe();
  return absl::OkStatus();
}

void Connection::Subscribe() {
  auto add = [&](int event, virConnectDomainEventGenericCallback callback) {
    callbacks_.push_back(virConnectDomainEventRegisterAny(handle_.get(), nullptr, event, callback, this, nullptr));
  };
  add(VIR_DOMAIN_EVENT_ID_LIFECYCLE,
      VIR_DOMAIN_EVENT_CALLBACK(+[](virConnectPtr, virDomainPtr domain, int event, int detail, void* self) {
        static_cast<Connection*>(self)->events_.on_lifecycle(domain, event, detail);
        return 0;
      }));
  add(VIR_DOMAIN_EVENT_ID_WATCHDOG,
      VIR_DOMAIN_EVENT_CALLBACK(+[](virConnectPtr, virDomainPtr domain, int action, void* self) {
        static_cast<Connection*>(self)->events_.on_watchdog(domain, action);
      }));
  add(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
      VIR_DOMAIN_EVENT_CALLBACK(+[](virConnectPtr, virDomainPtr domain, const char* alias, void* self) {
        static_cast<Connection*>(self)->events_.on_device(domain, alias, true);
      }));
  add(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
      VIR_DOMAIN_EVENT_CALLBACK(+[](virConnectPtr, virDomainPtr domain, const char* alias, void* self) {
        static_cast<Connection*>(self)->events_.on_device(domain, alias, false);
      }));
  virConnectRegisterCloseCallback(handle_.get(), Closed, this, nullptr);
}

// Runs on the loop's thread, so that no callback runs at the same time, or afterwards.
void Connection::Unsubscribe() {
  if (!handle_) return;
  EventLoop::Get().Run([&] {
    virConnectUnregisterCloseCallback(handle_.get(), Closed);
    for (const int callback : std::exchange(callbacks_, {})) {
      if (callback >= 0) virConnectDomainEventDeregisterAny(handle_.get(), callback);
    }
  });
}

void Connection::Closed(virConnectPtr, int reason, void* self) {
  static_cast<Connection*>(self)->OnClosed(reason);
}

void Connection::OnClosed(int reason) {
  {
    std::lock_guard lock(wait_mutex_);
    if (lost_.exchange(true)) return;
  }
  wait_.notify_all();
  events_.on_lost(CloseReason(reason));
}

void Connection::Retry(const std::stop_token& stop) {
  using namespace std::chrono_literals;
  std::unique_lock lock(wait_mutex_);
  while (wait_.wait(lock, stop, [&] { return lost_.load(); })) {
    for (auto pause = std::chrono::milliseconds(1s); lost_;
         pause = std::min(pause * 2, std::chrono::milliseconds(30s))) {
      wait_.wait_for(lock, stop, pause, [] { return false; });
      if (stop.stop_requested()) return;
      lock.unlock();
      Get().IgnoreError();
      lock.lock();
    }
  }
}

}  // namespace lk::vm::libvirt
