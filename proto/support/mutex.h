// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace lk {

#ifdef __SANITIZE_THREAD__

// The distribution's Abseil is not built with ThreadSanitizer, so this wrapper annotates its mutexes by hand.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() { __tsan_mutex_create(this, 0); }
  ~Mutex() { __tsan_mutex_destroy(this, 0); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    __tsan_mutex_pre_lock(this, 0);
    mutex_.Lock();
    __tsan_mutex_post_lock(this, 0, 0);
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    __tsan_mutex_pre_unlock(this, 0);
    mutex_.Unlock();
    __tsan_mutex_post_unlock(this, 0);
  }
  void AssertHeld() const { mutex_.AssertHeld(); }
  void Await(const absl::Condition& condition) {
    Released([&] { mutex_.Await(condition); });
  }
  bool AwaitWithTimeout(const absl::Condition& condition, absl::Duration timeout) {
    bool met = false;
    Released([&] { met = mutex_.AwaitWithTimeout(condition, timeout); });
    return met;
  }
  bool AwaitWithDeadline(const absl::Condition& condition, absl::Time deadline) {
    bool met = false;
    Released([&] { met = mutex_.AwaitWithDeadline(condition, deadline); });
    return met;
  }

 private:
  // The wait releases the mutex and reacquires it before returning.
  template <typename Wait>
  void Released(Wait wait) {
    __tsan_mutex_pre_unlock(this, 0);
    __tsan_mutex_post_unlock(this, 0);
    __tsan_mutex_pre_lock(this, 0);
    wait();
    __tsan_mutex_post_lock(this, 0, 0);
  }

  absl::Mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

#else

using Mutex = absl::Mutex;
using MutexLock = absl::MutexLock;

#endif

}  // namespace lk
