// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <set>
#include <variant>

#include "server/config/webhooks_reader.h"
#include "server/yaml/documents.h"
#include "server/yaml/node.h"
#include "support/directories.h"
#include "support/quantity.h"

namespace lk::config {
namespace {

// ---- kinds of settings ---------------------------------------------------------------------------------------------

struct Bytes {
  std::variant<uint32_t*, uint64_t*> field;
};
// host:port. A listener without TLS (kPlain) must use a loopback address; kTlsOrNone also accepts an empty value.
struct Address {
  enum class Kind { kPlain, kTls, kTlsOrNone };
  std::string* field;
  Kind kind = Kind::kPlain;
};
struct Words {
  std::vector<std::string>* field;
  std::vector<std::string_view> allowed;
};
struct Word {
  std::string* field;
  std::vector<std::string_view> allowed;
};
struct AtLeastOne {
  double* field;
};
struct StoreUrl {
  std::string* field;
};
struct HttpUrl {
  std::string* field;
};
// Inserted into a URL's path without escaping.
struct PathWord {
  std::string* field;
};
using Field = std::variant<std::string*, std::filesystem::path*, uint32_t*, absl::Duration*, Bytes, Address, Words,
                           Word, AtLeastOne, StoreUrl, HttpUrl, PathWord>;

struct Row {
  std::string_view key;
  Field field;
};

// All settings.
std::vector<Row> Table(Config& c) {
  return {
      {"stateDirectory", &c.state_directory},
      {"operator.socket", &c.operators.socket},
      {"operator.listen", Address{&c.operators.listen, Address::Kind::kTlsOrNone}},
      {"operator.certificate", &c.operators.certificate},
      {"operator.key", &c.operators.key},
      {"operator.clientCa", &c.operators.client_ca},
      {"operator.auditKeep", &c.operators.audit_keep},
      {"agent.listen", Address{&c.agent.listen, Address::Kind::kTls}},
      {"agent.advertise", Address{&c.agent.advertise, Address::Kind::kTlsOrNone}},
      {"agent.directory", &c.agent.directory},
      {"agent.maxMessageBytes", Bytes{&c.agent.max_message_bytes}},
      {"agent.maxMessagesPerSecond", &c.agent.max_messages_per_second},
      {"http.listen", Address{&c.http.listen}},
      {"metrics.listen", Address{&c.metrics.listen}},
      {"metrics.maxSeries", &c.metrics.limits.max_series},
      {"metrics.maxTitles", &c.metrics.limits.max_titles},
      {"metrics.pushTo", HttpUrl{&c.metrics.push_to}},
      {"metrics.pushInstance", PathWord{&c.metrics.push_instance}},
      {"store", StoreUrl{&c.store}},
      {"consoleMaxBytes", Bytes{&c.console_max_bytes}},
      {"dumps.maxBytes", Bytes{&c.dumps.max_bytes}},
      {"dumps.keepFree", Bytes{&c.dumps.keep_free}},
      {"workers", &c.workers},
      {"logLevel", Word{&c.log_level, {"trace", "debug", "info", "warn", "error"}}},
      {"limits.boot", &c.limits.boot},
      {"limits.prepare", &c.limits.prepare},
      {"limits.reconnect", &c.limits.reconnect},
      {"limits.heartbeat", &c.limits.heartbeat},
      {"limits.grace", &c.limits.grace},
      {"limits.afterFatal", &c.limits.after_fatal},
      {"limits.afterFatalMost", &c.limits.after_fatal_most},
      {"limits.reportQuiet", &c.limits.report_quiet},
      {"limits.drain", &c.limits.drain},
      {"limits.destroy", &c.limits.destroy},
      {"limits.powerOff", &c.limits.power_off},
      {"limits.paused", &c.limits.paused},
      {"limits.registers", &c.limits.registers},
      {"limits.nmi", &c.limits.nmi},
      {"limits.dump", &c.limits.dump},
      {"limits.hostRetry", &c.limits.host_retry},
      {"limits.emulationFactor", AtLeastOne{&c.limits.emulation_factor}},
      {"testHooks", Words{&c.test_hooks, {"drop_console", "kill_worker"}}},
  };
}

// ---- parsing a setting ----------------------------------------------------------------------------------------------
// Each operator() of Set sets its field and returns "", or returns what was expected.

using Complaint = std::string;

template <typename Number>
bool ParseNumber(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

struct Set {
  const std::string& text;

  Complaint operator()(std::string* field) const {
    *field = text;
    return "";
  }
  Complaint operator()(std::filesystem::path* field) const {
    if (!text.empty() && text[0] != '/') return "must be an absolute path";
    *field = text;
    return "";
  }
  Complaint operator()(uint32_t* field) const {
    return ParseNumber(text, *field) ? "" : "must be a whole number from 0 to 4294967295";
  }
  Complaint operator()(absl::Duration* field) const {
    const StatusOr<absl::Duration> duration = ParseDuration(text);
    if (!duration.ok()) return std::string(duration.status().message());
    if (*duration <= absl::ZeroDuration()) return "must be greater than 0";
    *field = *duration;
    return "";
  }
  Complaint operator()(const Bytes& bytes) const {
    const StatusOr<uint64_t> value = ParseBytes(text);
    if (!value.ok()) return std::string(value.status().message());
    return std::visit(
        [&value](auto* field) -> Complaint {
          using Number = std::remove_pointer_t<decltype(field)>;
          if (*value == 0 || *value > std::numeric_limits<Number>::max()) {
            return fmt::format("must be between 1B and {}", FormatBytes(std::numeric_limits<Number>::max()));
          }
          *field = static_cast<Number>(*value);
          return "";
        },
        bytes.field);
  }
  Complaint operator()(const Address& address) const {
    if (!text.empty() || address.kind != Address::Kind::kTlsOrNone) {
      const size_t colon = text.rfind(':');
      uint16_t port = 0;
      if (colon == text.npos || colon == 0 || !ParseNumber(text.substr(colon + 1), port)) return "must be host:port";
      const std::string host = text.substr(0, colon);
      // "127.evil.example" is an ordinary host name.
      const bool loopback = host == "localhost" || host == "[::1]" ||
                            (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
      if (address.kind == Address::Kind::kPlain && !loopback) {
        return "must be a loopback address (127.0.0.1:port), since it has no TLS";
      }
    }
    *address.field = text;
    return "";
  }
  Complaint operator()(const Word& word) const {
    if (!std::ranges::count(word.allowed, std::string_view(text))) {
      return fmt::format("must be one of: {}", fmt::join(word.allowed, ", "));
    }
    *word.field = text;
    return "";
  }
  Complaint operator()(const AtLeastOne& factor) const {
    double value = 0;
    if (!ParseNumber(text, value) || !(value >= 1) || value > 1000) return "must be a number from 1 to 1000";
    *factor.field = value;
    return "";
  }
  Complaint operator()(const StoreUrl& url) const {
    constexpr std::array<std::string_view, 3> kSchemes = {"sqlite:", "postgresql://", "postgres://"};
    if (!std::ranges::any_of(kSchemes, [this](std::string_view scheme) { return text.starts_with(scheme); })) {
      return "must be sqlite:PATH or postgresql://...";
    }
    *url.field = text;
    return "";
  }
  Complaint operator()(const HttpUrl& url) const {
    const bool http = text.starts_with("http://") || text.starts_with("https://");
    const size_t host = http ? text.find("//") + 2 : text.npos;
    if (!text.empty() && (!http || host == text.size() || text[host] == '/')) {
      return "must be http://host:port or https://host:port";
    }
    *url.field = text;
    return "";
  }
  Complaint operator()(const PathWord& word) const {
    constexpr std::string_view kMarks = "._-:";
    const auto fits = [&](unsigned char c) {
      return std::isalnum(c) != 0 || kMarks.find(static_cast<char>(c)) != kMarks.npos;
    };
    if (!std::ranges::all_of(text, fits)) return "must consist of letters, digits and . _ - :";
    *word.field = text;
    return "";
  }
  // Reads one element of the list (see Reader::ReadValue).
  Complaint operator()(const Words& words) const {
    std::string word;
    Complaint complaint = (*this)(Word{&word, words.allowed});
    if (complaint.empty()) words.field->push_back(word);
    return complaint;
  }
};

// ---- parsing the file -----------------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(Config& config) : config_(config), table_(Table(config)) {}

  std::vector<ConfigError> Read(std::string_view yaml) {
    try {
      const std::string text(yaml);
      const std::vector<YAML::Mark> documents = yaml::Documents(text);
      if (documents.size() > 1) Complain(documents[1], "expected a single YAML document, found a second one");
      const YAML::Node first = YAML::Load(text);
      if (!first.IsNull()) ReadMap(first, "");
    } catch (const YAML::Exception& error) {
      Complain(error.mark, error.msg);
    }
    CheckTogether();
    std::ranges::stable_sort(errors_, {}, [](const ConfigError& e) { return std::pair(e.line, e.column); });
    return std::move(errors_);
  }

 private:
  void Complain(const YAML::Mark& mark, std::string message) {
    ConfigError error{.line = 0, .column = 0, .message = std::move(message)};
    if (!mark.is_null()) {
      error.line = static_cast<uint32_t>(mark.line) + 1;
      error.column = static_cast<uint32_t>(mark.column) + 1;
    }
    errors_.push_back(std::move(error));
  }

  // `prefix` is "", or for example "operator.".
  void ReadMap(const YAML::Node& map, const std::string& prefix) {
    if (!map.IsMap()) {
      const std::string name = prefix.empty() ? "the file" : prefix.substr(0, prefix.size() - 1);
      return Complain(map.Mark(), fmt::format("{} must be a mapping (key: value)", name));
    }
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const std::string key = prefix + entry.first.Scalar();
      if (!seen.insert(key).second) {
        Complain(entry.first.Mark(), fmt::format("duplicate key \"{}\"", key));
      } else if (key == "webhooks") {
        ReadWebhooksSection(entry.second);
      } else if (const auto row = std::ranges::find(table_, key, &Row::key); row != table_.end()) {
        ReadValue(entry.second, *row);
      } else if (std::ranges::any_of(table_, [&key](const Row& r) { return r.key.starts_with(key + "."); })) {
        ReadMap(entry.second, key + ".");
      } else {
        const std::string where = prefix.empty() ? "" : " in " + prefix.substr(0, prefix.size() - 1);
        Complain(entry.first.Mark(), yaml::Unknown("key", entry.first.Scalar(), Keys(prefix), where));
      }
    }
  }

  void ReadValue(const YAML::Node& value, const Row& row) {
    const auto* words = std::get_if<Words>(&row.field);
    if (words != nullptr && value.IsSequence()) {
      words->field->clear();
      for (const YAML::Node& element : value) ReadScalar(element, row);
    } else if (words != nullptr) {
      Complain(value.Mark(), fmt::format("{}: must be a list", row.key));
    } else {
      ReadScalar(value, row);
    }
  }

  // This section is not in the table, which cannot describe lists of mappings.
  void ReadWebhooksSection(const YAML::Node& section) {
    yaml::Mistakes mistakes({});
    ReadWebhooks({section, "webhooks"}, mistakes, config_.webhooks);
    for (yaml::Mistake& mistake : mistakes.Take()) {
      errors_.push_back({mistake.line, mistake.column, mistake.path + ": " + mistake.message});
    }
  }

  void ReadScalar(const YAML::Node& value, const Row& row) {
    marks_[row.key] = value.Mark();
    if (!value.IsScalar()) return Complain(value.Mark(), fmt::format("{}: must be a single value", row.key));
    const std::string& text = value.Scalar();
    const Complaint complaint = std::visit(Set{text}, row.field);
    if (!complaint.empty()) Complain(value.Mark(), fmt::format("{}: \"{}\": {}", row.key, text, complaint));
  }

  std::vector<std::string> Keys(const std::string& prefix) const {
    std::set<std::string> keys;
    for (const Row& row : table_) {
      if (!row.key.starts_with(prefix)) continue;
      const std::string_view rest = row.key.substr(prefix.size());
      keys.emplace(rest.substr(0, rest.find('.')));
    }
    if (prefix.empty()) keys.emplace("webhooks");
    return {keys.begin(), keys.end()};
  }

  void CheckTogether() {
    const auto& operators = config_.operators;
    if (!operators.listen.empty() && (operators.certificate.empty() || operators.key.empty())) {
      Complain(marks_["operator.listen"], "operator.listen over TCP requires operator.certificate and operator.key");
    }
    if (operators.listen.empty() && !operators.client_ca.empty()) {
      Complain(marks_["operator.clientCa"], "operator.clientCa requires operator.listen");
    }
  }

  Config& config_;
  const std::vector<Row> table_;
  std::map<std::string_view, YAML::Mark> marks_;  // position of each setting in the file
  std::vector<ConfigError> errors_;
};

}  // namespace

Config Defaults() {
  Config config;
  config.state_directory = StateDirectory();
  config.operators.socket = RuntimeDirectory() / "lkd.sock";
  return config;
}

std::vector<ConfigError> ParseConfig(std::string_view yaml, Config& config) {
  return Reader(config).Read(yaml);
}

}  // namespace lk::config
