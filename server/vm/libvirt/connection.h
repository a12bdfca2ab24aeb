// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// What happens on a connection. All on the event loop's thread.
struct ConnectionEvents {
  std::function<void(virDomain*, int event, int detail)> on_lifecycle;
  std::function<void(virDomain*, int action)> on_watchdog;
  // A device the guest was asked to give back is gone, or it refused.
  std::function<void(virDomain*, const char* alias, bool removed)> on_device;
  std::function<void(const std::string& reason)> on_lost;
  std::function<void(const ConnectHandle&)> on_back;
};

// A connection that comes back: after a loss it is opened again by whoever needs it first, a caller of Get() or a
// thread that retries with growing pauses (1 s to 30 s).
class Connection {
 public:
  static StatusOr<std::unique_ptr<Connection>> Open(const std::string& uri, ConnectionEvents events);
  ~Connection();

  // Errors: UNAVAILABLE (kHost).
  StatusOr<ConnectHandle> Get();
  // Counts connections made: what is known of the host is good for one of them.
  uint64_t generation() const { return generation_; }
  const std::string& uri() const { return uri_; }

 private:
  Connection(std::string uri, ConnectionEvents events);
  Status OpenLocked();
  void Subscribe();
  void Unsubscribe();
  static void Closed(virConnectPtr handle, int reason, void* self);
  void OnClosed(int reason);
  void Retry(const std::stop_token& stop);

  const std::string uri_;
  const ConnectionEvents events_;
  std::mutex mutex_;  // held while connecting
  ConnectHandle handle_;
  std::vector<int> callbacks_;
  std::atomic<bool> lost_ = false;
  std::atomic<uint64_t> generation_ = 0;
  std::mutex wait_mutex_;
  std::condition_variable_any wait_;
  std::jthread retry_;
};

}  // namespace lk::vm::libvirt
