// SPDX-License-Identifier: Apache-2.0
// lkd's configuration, read from a YAML file whose keys are the field names in camelCase (`stateDirectory`,
// `agent.listen`, `limits.boot`). Unknown keys, wrong types and bad units are errors; all errors are reported, with
// their lines.
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
  // Directory of the store, kernels, console logs and keys. Default: StateDirectory() of support/directories.h.
  std::filesystem::path state_directory;

  struct Operator {
    // Unix socket for lkctl, mode 0660: anyone who can open it is an admin. Default: lkd.sock in RuntimeDirectory().
    std::filesystem::path socket;
    // host:port for TCP; if empty, no TCP. Requires certificate and key.
    std::string listen;
    std::filesystem::path certificate;
    std::filesystem::path key;
    // CA of client certificates (PEM). The role is in the subject: OU=lk-viewer, lk-operator or lk-admin. If empty,
    // TCP accepts tokens only.
    std::filesystem::path client_ca;
    // Audit entries older than this are deleted when lkd starts.
    absl::Duration audit_keep = absl::Hours(24) * 400;
  } operators;  // key: operator

  struct Agent {
    // Always TLS, with lkd's own CA, which is in the state directory.
    std::string listen = "127.0.0.1:7641";
    // Address at which guests reach lkd. In libvirt's user-mode network, 10.0.2.2 is the host's loopback.
    // If empty, 10.0.2.2 with the port of `listen`.
    std::string advertise;
    // Directory of the lk-agent binaries: lk-agent for guests of lkd's own architecture, lk-agent-aarch64 or
    // lk-agent-x86_64 for guests of the other one. If empty, lkd's own directory.
    std::filesystem::path directory;
    // Limits per session. If an agent exceeds one, its run ends with the verdict error.
    uint32_t max_message_bytes = 1 << 20;
    uint32_t max_messages_per_second = 2000;
  } agent;

  // Serves /healthz, /readyz, /reports/campaigns/<id> and /hooks/v1.
  struct Http {
    std::string listen = "127.0.0.1:7642";
  } http;

  struct Metrics {
    std::string listen = "127.0.0.1:9464";
    metrics::Limits limits;  // maxSeries, maxTitles
    // Pushgateway to which the metrics of each finished campaign are pushed, http(s)://host:port; if empty, none.
    std::string push_to;
    // Label "instance" of the pushed metrics. If empty, this machine's host name.
    std::string push_instance;
  } metrics;

  Webhooks webhooks;

  // sqlite:PATH or postgresql://...; if empty, SQLite in the state directory.
  std::string store;
  // Maximum size of a run's console log in bytes; given with a unit in the file.
  uint64_t console_max_bytes = 64u << 20;

  // Memory dumps of hung guests, if a campaign requests them (onHang.dump). A dump that would exceed a limit is not
  // taken, and the run reports that.
  scheduler::DumpLimits dumps;  // maxBytes, keepFree: given with a unit

  // Worker threads for libvirt calls and for building initramfs images; 0 means 2 + number of CPUs.
  uint32_t workers = 0;
  // trace, debug, info, warn, error
  std::string log_level = "info";

  scheduler::Limits limits;

  // For lk's own tests: "drop_console" breaks console capture in the libvirt adapter, "kill_worker" kills every
  // trigger's process a few seconds after it starts.
  std::vector<std::string> test_hooks;
};

// Defaults for this user and environment.
Config Defaults();

struct ConfigError {
  uint32_t line = 0;
  uint32_t column = 0;
  std::string message;
};
// Applies `yaml` to `config`. Returns an empty vector on success.
std::vector<ConfigError> ParseConfig(std::string_view yaml, Config& config);

}  // namespace lk::config
