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

// Callbacks for the events of a connection, all called on the event loop's thread.
struct ConnectionEvents {
  std::function<void(virDomain*, int event, int detail)> on_lifecycle;
  std::function<void(virDomain*, int action)> on_watchdog;
  // The guest has released a device that it was asked to release, or has refused to.
  std::function<void(virDomain*, const char* alias, bool removed)> on_device;
  std::function<void(const std::string& reason)> on_lost;
  std::function<void(const ConnectHandle&)> on_back;
};

// A connection that is reopened after a loss: by the next call of Get() or by a thread that retries with increasing
// delays (1 s to 30 s), whichever comes first.
class Connection {
 public:
  static StatusOr<std::unique_ptr<Connection>> Open(const std::string& uri, ConnectionEvents events);
  ~Connection();

  // Errors: UNAVAILABLE (kHost).
  StatusOr<ConnectHandle> Get();
  // Number of connections opened so far. Facts about the host are valid only for the connection they were read from.
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
