// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace lk::vm::libvirt {

// libvirt's event loop on a thread of its own. One for the process: libvirt's registration is global. It lasts as long
// as the process, since nothing can be unregistered.
class EventLoop {
 public:
  // Started at the first call, which has to come before the first connection.
  static EventLoop& Get();

  // Has the function called on the loop's thread, soon, in order of posting.
  void Post(std::function<void()> function);
  // The same, and waits for it. On the loop's own thread it is called at once.
  void Run(const std::function<void()>& function);
  bool OnThread() const;

 private:
  EventLoop();
};

}  // namespace lk::vm::libvirt
