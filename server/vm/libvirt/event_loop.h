// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace lk::vm::libvirt {

// libvirt's event loop on a separate thread. There is only one per process, because it is registered with libvirt
// globally, and it runs until the process exits, because it cannot be unregistered.
class EventLoop {
 public:
  // The first call starts the loop, and must precede the first connection.
  static EventLoop& Get();

  // Queues a function. Functions are called on the loop's thread, in the order of posting.
  void Post(std::function<void()> function);
  // The same, but waits until the function has returned. On the loop's own thread, it is called directly.
  void Run(const std::function<void()>& function);
  bool OnThread() const;

 private:
  EventLoop();
};

}  // namespace lk::vm::libvirt
