// SPDX-License-Identifier: Apache-2.0
// The first process of a VM whose console is recorded. Performs the steps in /steps, one per line, in order, each in a
// child process, since some never return. Then powers off.
//   PATH=VALUE             writes VALUE to a file
//   %WORD                  writes WORD to /proc/lk-provoke (provoke.c)
//   !TYPE                  writes TYPE to /sys/kernel/debug/provoke-crash/DIRECT (drivers/misc/lkdtm)
//   load FILE [PARAM=...]  loads a module
//   say TEXT               prints TEXT as a program does, through the terminal
//   hog                    spins in user space forever, SCHED_FIFO
//   sleep N                sleeps N seconds
//   reboot                 reboots cleanly
// A step may begin with "&" (do not wait for it) and "@N " (run it on CPU N).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void put(const char* path, const char* value) {
  const int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, value, strlen(value)) < 0) printf("%s: %s\n", path, strerror(errno));
  if (fd >= 0) close(fd);
}

static void load(char* file) {
  char* parameters = strchr(file, ' ');
  if (parameters) *parameters++ = '\0';
  const int fd = open(file, O_RDONLY);
  // test_lockup returns EAGAIN when it is done, so that it does not stay loaded.
  if (fd < 0 || (syscall(SYS_finit_module, fd, parameters ? parameters : "", 0) != 0 && errno != EAGAIN)) {
    printf("%s: %s\n", file, strerror(errno));
  }
  if (fd >= 0) close(fd);
}

static void hog(void) {
  const struct sched_param parameters = {.sched_priority = 99};
  if (sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) printf("SCHED_FIFO: %s\n", strerror(errno));
  for (volatile int spin = 1; spin;) {
  }
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) printf("CPU %d: %s\n", cpu, strerror(errno));
}

static char* after(char* step, const char* verb) {
  const size_t length = strlen(verb);
  return strncmp(step, verb, length) == 0 ? step + length : NULL;
}

static void act(char* step) {
  char* rest;
  if (*step == '@') {
    pin((int)strtol(step + 1, &step, 10));
    while (*step == ' ') step++;
  }
  if (*step == '%') {
    put("/proc/lk-provoke", step + 1);
  } else if (*step == '!') {
    put("/sys/kernel/debug/provoke-crash/DIRECT", step + 1);
  } else if ((rest = after(step, "load "))) {
    load(rest);
  } else if ((rest = after(step, "say "))) {
    printf("%s\n", rest);
  } else if ((rest = after(step, "sleep "))) {
    sleep((unsigned)atoi(rest));
  } else if (strcmp(step, "hog") == 0) {
    hog();
  } else if (strcmp(step, "reboot") == 0) {
    reboot(RB_AUTOBOOT);
  } else if (*step == '/' && (rest = strchr(step, '='))) {
    *rest++ = '\0';
    put(step, rest);
  } else {
    printf("unknown step: %s\n", step);
  }
}

int main(void) {
  char step[256];
  setvbuf(stdout, NULL, _IOLBF, 0);
  mount("proc", "/proc", "proc", 0, "");
  mount("sysfs", "/sys", "sysfs", 0, "");
  mount("devtmpfs", "/dev", "devtmpfs", 0, "");
  mount("debugfs", "/sys/kernel/debug", "debugfs", 0, "");
  if (access("/provoke.ko", F_OK) == 0) {
    char module[] = "/provoke.ko";
    load(module);
  }
  FILE* steps = fopen("/steps", "r");
  while (steps && fgets(step, sizeof(step), steps)) {
    step[strcspn(step, "\n")] = '\0';
    const int wait = *step != '&';
    const pid_t child = fork();
    if (child == 0) {
      act(wait ? step : step + 1);
      fflush(stdout);
      _exit(0);
    }
    if (wait) waitpid(child, NULL, 0);
  }
  printf("done: powering off\n");
  sleep(1);
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
