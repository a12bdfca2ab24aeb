// SPDX-License-Identifier: GPL-2.0
// Makes the kernel print the report that is requested by a word written to /proc/lk-provoke. Only for recording the
// corpus in a VM whose first process is init.c; only PID 1 can load the module.
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

static unsigned long seconds = 8;
module_param(seconds, ulong, 0644);
MODULE_PARM_DESC(seconds, "how long to spin");

static DEFINE_MUTEX(held);

static noinline void spin(void) {
  const unsigned long long end = ktime_get_mono_fast_ns() + seconds * NSEC_PER_SEC;
  while (ktime_get_mono_fast_ns() < end) cpu_relax();
}

static void spin_no_preempt(void) {
  preempt_disable();
  spin();
  preempt_enable();
}

static void spin_no_irq(void) {
  unsigned long flags;
  local_irq_save(flags);
  spin();
  local_irq_restore(flags);
}

static void work_fn(struct work_struct* work) {
  spin_no_preempt();
}
static DECLARE_WORK(work, work_fn);
static void spin_work(void) {
  schedule_work(&work);
}

static int sleeper(void* data) {
  mutex_lock(&held);
  mutex_unlock(&held);
  return 0;
}

static void hang_task(void) {
  mutex_lock(&held);
  kthread_run(sleeper, NULL, "lk sleeper: 1");
  msleep(seconds * 1000);
  mutex_unlock(&held);
}

static void slow_handler(void* data) {
  spin();
}
static void call_other_cpu(void) {
  smp_call_function_single(raw_smp_processor_id() ? 0 : 1, slow_handler, NULL, 1);
}

static void expedite(void) {
  synchronize_rcu_expedited();
}
static void wait_for_readers(void) {
  synchronize_rcu();
}

static void spin_reader(void) {
  rcu_read_lock();
  spin();
  rcu_read_unlock();
}

static void null_read(void) {
  pr_info("%d\n", READ_ONCE(*(int*)8));
}
static void wild_read(void) {
  pr_info("%d\n", READ_ONCE(*(int*)0xdead000000000100UL));
}
static void bug(void) {
  BUG();
}
static void warn(void) {
  WARN(1, "told to warn, code %d\n", 7);
}

static void sleep_atomic(void) {
  preempt_disable();
  schedule_timeout_uninterruptible(1);
  preempt_enable();
}

static void sleep_atomic_mutex(void) {
  preempt_disable();
  mutex_lock(&held);
  mutex_unlock(&held);
  preempt_enable();
}

// Sleeps only on PREEMPT_RT.
static void sleep_atomic_spinlock(void) {
  static DEFINE_SPINLOCK(lock);
  preempt_disable();
  spin_lock(&lock);
  spin_unlock(&lock);
  preempt_enable();
}

// Cases that lockdep reports. None of them actually deadlocks, since a single task takes one lock after another.
static DEFINE_MUTEX(alpha);
static DEFINE_MUTEX(beta);
static void alpha_beta(void) {
  mutex_lock(&alpha);
  mutex_lock(&beta);
  mutex_unlock(&beta);
  mutex_unlock(&alpha);
}
static void beta_alpha(void) {
  mutex_lock(&beta);
  mutex_lock(&alpha);
  mutex_unlock(&alpha);
  mutex_unlock(&beta);
}
static void circular(void) {
  alpha_beta();
  beta_alpha();
}

static void recursive(void) {
  static struct mutex pair[2];
  int i;
  for (i = 0; i < 2; i++) mutex_init(&pair[i]);  // both have the same lock class
  mutex_lock(&pair[0]);
  mutex_lock(&pair[1]);
  mutex_unlock(&pair[1]);
  mutex_unlock(&pair[0]);
}

static DEFINE_SPINLOCK(in_irq);
static DEFINE_SPINLOCK(with_irqs_on);
static void take_in_irq(struct timer_list* unused) {
  spin_lock(&in_irq);
  spin_unlock(&in_irq);
}
static DEFINE_TIMER(irq_timer, take_in_irq);
static void use_in_irq(void) {
  mod_timer(&irq_timer, jiffies + 1);
  msleep(50);
}

static void inconsistent(void) {
  use_in_irq();
  spin_lock(&in_irq);
  spin_unlock(&in_irq);
}

static void unsafe_order(void) {
  use_in_irq();
  spin_lock(&with_irqs_on);
  spin_unlock(&with_irqs_on);
  spin_lock_bh(&in_irq);
  spin_lock(&with_irqs_on);
  spin_unlock(&with_irqs_on);
  spin_unlock_bh(&in_irq);
}

static void unbalanced(void) {
  mutex_unlock(&beta);
}

static void free_held(void) {
  struct mutex* mutex = kmalloc(sizeof(*mutex), GFP_KERNEL);
  if (!mutex) return;
  mutex_init(mutex);
  mutex_lock(mutex);
  kfree(mutex);
}

static int __rcu* published;
static void careless(void) {
  (void)rcu_dereference(published);
}

// Cases that other debugging features report.
static void overflow(void) {
  const size_t size = 40;
  volatile char* p = kmalloc(size, GFP_KERNEL);
  if (!p) return;
  p[size] = 1;
  kfree((void*)p);
}

// Copies from beyond the end of an object to user space, which HARDENED_USERCOPY reports.
static void usercopy(void) {
  volatile size_t size = 40;
  char* p = kmalloc(size, GFP_KERNEL);
  if (p && copy_to_user(NULL, p, 2 * size)) kfree(p);
}

static void shift(void) {
  volatile int distance = 35;
  pr_info("%d\n", 1 << distance);
}

static void free_active(void) {
  struct timer_list* timer = kmalloc(sizeof(*timer), GFP_KERNEL);
  if (!timer) return;
  timer_setup(timer, take_in_irq, 0);
  mod_timer(timer, jiffies + 1000 * HZ);
  kfree(timer);
}

static void bad_page(void) {
  struct page* page = alloc_page(GFP_KERNEL);
  if (!page) return;
  page->mapping = (void*)8;
  __free_page(page);
}

// Uses a spinlock whose magic number has been overwritten.
static void bad_magic(void) {
  static DEFINE_RAW_SPINLOCK(lock);
#ifdef CONFIG_DEBUG_SPINLOCK
  lock.magic = 0;
#endif
  raw_spin_lock(&lock);
  raw_spin_unlock(&lock);
}

// The sleep lets KFENCE's sampling interval pass, so that KFENCE guards this allocation.
static void use_after_free(void) {
  char* p;
  msleep(100);
  p = kmalloc(64, GFP_KERNEL);
  kfree(p);
  (void)READ_ONCE(*(volatile char*)p);
}

static const struct {
  const char* word;
  void (*function)(void);
} table[] = {
    {"spin", spin_no_preempt},
    {"spin_irq", spin_no_irq},
    {"spin_work", spin_work},
    {"spin_reader", spin_reader},
    {"call_other_cpu", call_other_cpu},
    {"expedite", expedite},
    {"wait_readers", wait_for_readers},
    {"hang_task", hang_task},
    {"null", null_read},
    {"wild", wild_read},
    {"bug", bug},
    {"warn", warn},
    {"atomic", sleep_atomic},
    {"atomic_mutex", sleep_atomic_mutex},
    {"atomic_spinlock", sleep_atomic_spinlock},
    {"circular", circular},
    {"recursive", recursive},
    {"inconsistent", inconsistent},
    {"unsafe_order", unsafe_order},
    {"unbalanced", unbalanced},
    {"free_held", free_held},
    {"careless", careless},
    {"uaf", use_after_free},
    {"overflow", overflow},
    {"usercopy", usercopy},
    {"shift", shift},
    {"free_active", free_active},
    {"bad_page", bad_page},
    {"bad_magic", bad_magic},
};

static ssize_t provoke_write(struct file* file, const char __user* buffer, size_t size, loff_t* position) {
  char word[24] = "";
  size_t i;
  if (size >= sizeof(word) || copy_from_user(word, buffer, size)) return -EINVAL;
  for (i = 0; i < ARRAY_SIZE(table); i++) {
    if (!strcmp(word, table[i].word)) {
      table[i].function();
      return size;
    }
  }
  return -EINVAL;
}

static const struct proc_ops operations = {.proc_write = provoke_write};

static int __init provoke_init(void) {
  if (task_pid_nr(current) != 1) return -EPERM;
  return proc_create("lk-provoke", 0200, NULL, &operations) ? 0 : -ENOMEM;
}

static void __exit provoke_exit(void) {
  remove_proc_entry("lk-provoke", NULL);
}

module_init(provoke_init);
module_exit(provoke_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Provokes kernel reports in a VM that records them");
