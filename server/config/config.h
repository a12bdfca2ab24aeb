// SPDX-License-Identifier: Apache-2.0
// Everything that can be set in lkd, read from a YAML file whose keys are the field names in camelCase
// (`stateDirectory`, `agent.listen`, `limits.boot`). An unknown key, a wrong type or a bad unit is an error with its
// line; all errors are told at once.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/webhooks.h"
#include "server/metrics/limits.h"
#include "server/scheduler/limits.h"
#include "support/status.h"

namespace lk::config {

struct Config {
  // Store, kernels, consoles, keys. Default: StateDirectory() of support/directories.h.
  std::filesystem::path state_directory;

  struct Operator {
    // Unix socket for lkctl, mode 0660: who may open it is admin. Default: lkd.sock in RuntimeDirectory().
    std::filesystem::path socket;
    // host:port for TCP; empty: none. Needs certificate and key.
    std::string listen;
    std::filesystem::path certificate;
    std::filesystem::path key;
    // CA of client certificates (PEM). The role is in the subject: OU=lk-viewer, lk-operator or lk-admin. Empty: TCP
    // takes tokens only.
    std::filesystem::path client_ca;
    // Audit entries older than this go when lkd starts.
    absl::Duration audit_keep = absl::Hours(24) * 400;
  } operators;  // key: operator

  struct Agent {
    // Always TLS, with a CA of lkd's own in the state directory.
    std::string listen = "127.0.0.1:7641";
    // Where guests reach it. In libvirt's user network the host's loopback is 10.0.2.2.
    // Empty: 10.0.2.2 with the port of `listen`.
    std::string advertise;
    // Where lk-agent binaries are: lk-agent for guests of lkd's own architecture, lk-agent-aarch64 (lk-agent-x86_64)
    // for those of the other one; which of them a guest gets is up to its kernel. Empty: beside lkd.
    std::filesystem::path directory;
    // Per session: larger messages and faster senders are cut off.
    uint32_t max_message_bytes = 1 << 20;
    uint32_t max_messages_per_second = 2000;
  } agent;

  // /healthz, /readyz, /reports/campaigns/<id>, /hooks/v1.
  struct Http {
    std::string listen = "127.0.0.1:7642";
  } http;

  struct Metrics {
    std::string listen = "127.0.0.1:9464";
    metrics::Limits limits;  // maxSeries, maxTitles
    // Pushgateway that each finished campaign is pushed to, http(s)://host:port; empty: none.
    std::string push_to;
    // Label "instance" of what is pushed. Empty: this machine's host name.
    std::string push_instance;
  } metrics;

  Webhooks webhooks;

  // sqlite:PATH or postgresql://...; empty: sqlite in the state directory.
  std::string store;
  // Greatest console record of a run; bytes, written with a unit.
  uint64_t console_max_bytes = 64u << 20;

  // Memory dumps of guests that hung, where a campaign asks for them (onHang.dump). One that would break a limit is
  // left out, and the run says so.
  scheduler::DumpLimits dumps;  // maxBytes, keepFree: with a unit

  // Worker threads for libvirt and image work; 0: 2 + number of CPUs.
  uint32_t workers = 0;
  // trace, debug, info, warn, error
  std::string log_level = "info";

  scheduler::Limits limits;

  // For lk's own tests: "drop_console" breaks console capture in the libvirt adapter, "kill_worker" has every trigger's
  // process killed some seconds after its start.
  std::vector<std::string> test_hooks;
};

// Defaults of this user and environment.
Config Defaults();

struct ConfigError {
  uint32_t line = 0;
  uint32_t column = 0;
  std::string message;
};
// Reads `yaml` over `config`. Empty result: good.
std::vector<ConfigError> ParseConfig(std::string_view yaml, Config& config);

}  // namespace lk::config
