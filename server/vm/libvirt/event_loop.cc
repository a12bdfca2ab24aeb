// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/event_loop.h"

#include <absl/synchronization/notification.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <deque>
#include <thread>

#include "support/mutex.h"

namespace lk::vm::libvirt {
namespace {

struct Queue {
  Mutex mutex;
  std::deque<std::function<void()>> posted ABSL_GUARDED_BY(mutex);
  int timer = -1;  // fires immediately while functions are queued
  std::thread::id thread;
};

Queue& TheQueue() {
  static auto* const kQueue = new Queue;  // outlives the detached thread
  return *kQueue;
}

void Drain(int timer, void*) {
  auto& queue = TheQueue();
  std::deque<std::function<void()>> work;
  {
    MutexLock lock(&queue.mutex);
    work.swap(queue.posted);
    virEventUpdateTimeout(timer, -1);
  }
  for (auto& function : work) function();
}

}  // namespace

EventLoop& EventLoop::Get() {
  static auto* const kLoop = new EventLoop;
  return *kLoop;
}

EventLoop::EventLoop() {
  // By default, libvirt prints every error to stderr; lk returns errors as a Status instead.
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  virInitialize();
  virEventRegisterDefaultImpl();
  auto& queue = TheQueue();
  queue.timer = virEventAddTimeout(-1, Drain, nullptr, nullptr);
  absl::Notification started;
  std::thread([&queue, &started] {
    queue.thread = std::this_thread::get_id();
    started.Notify();
    while (true) virEventRunDefaultImpl();
  }).detach();
  started.WaitForNotification();
}

void EventLoop::Post(std::function<void()> function) {
  auto& queue = TheQueue();
  MutexLock lock(&queue.mutex);
  queue.posted.push_back(std::move(function));
  virEventUpdateTimeout(queue.timer, 0);
}

void EventLoop::Run(const std::function<void()>& function) {
  if (OnThread()) return function();
  absl::Notification done;
  Post([&] {
    function();
    done.Notify();
  });
  done.WaitForNotification();
}

bool EventLoop::OnThread() const {
  return std::this_thread::get_id() == TheQueue().thread;
}

}  // namespace lk::vm::libvirt
