// SPDX-License-Identifier: Apache-2.0
#include "server/store/codec.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "support/histogram_proto.h"

namespace {

using nlohmann::json;

// Enumerations are kept as their words.
template <typename T, typename Parse>
T FromWord(const json& j, Parse parse) {
  return lk::store::Sound(parse(j.get<std::string>()));
}
template <typename T>
json ToWord(T value) {
  return std::string(ToString(value));
}

}  // namespace

template <>
struct nlohmann::adl_serializer<absl::Time> {
  static void to_json(json& j, absl::Time time) {
    if (time == absl::InfinitePast()) {
      j = nullptr;
    } else {
      j = absl::ToUnixMicros(time);
    }
  }
  static void from_json(const json& j, absl::Time& time) {
    time = j.is_null() ? absl::InfinitePast() : absl::FromUnixMicros(j.get<int64_t>());
  }
};

template <typename T>
struct nlohmann::adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& value) {
    if (value) {
      j = *value;
    } else {
      j = nullptr;
    }
  }
  static void from_json(const json& j, std::optional<T>& value) {
    value = j.is_null() ? std::nullopt : std::optional<T>(j.get<T>());
  }
};

// What is kept of each type: one list of fields each. JSON of these types is made nowhere else in lkd (the outside is
// told in lk.v1 messages), so the functions may stand in the types' own namespaces, where the library looks for them.
namespace lk::detect {

void to_json(json& j, Kind kind) {
  j = ToWord(kind);
}
void from_json(const json& j, Kind& kind) {
  if (const auto word = j.get<std::string>(); !ParseKind(word, kind)) {
    throw store::Damaged(fmt::format("\"{}\" is not a kind of finding", word));
  }
}
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Frame, function, offset, module, location)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(CpuStack, cpu, task, function, frames)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Finding, kind, title, alt_titles, corrupted, start_offset, end_offset,
                                                excerpt, function, frames, others, cpu, task, open, seconds_stuck,
                                                count, nmi, fatal, taint, kernel_release, first_seen, last_seen,
                                                witnesses, phase, activity, tolerated, distrust, counted)

}  // namespace lk::detect

namespace lk::campaign {

void to_json(json& j, Blame blame) {
  j = ToWord(blame);
}
void from_json(const json& j, Blame& blame) {
  blame = FromWord<Blame>(j, ParseBlame);
}
void to_json(json& j, Arch arch) {
  j = ToWord(arch);
}
void from_json(const json& j, Arch& arch) {
  arch = FromWord<Arch>(j, ParseArch);
}
void to_json(json& j, Host::State state) {
  j = ToWord(state);
}
void from_json(const json& j, Host::State& state) {
  state = FromWord<Host::State>(j, ParseHostState);
}

void to_json(json& j, PostMortemStep::Step step) {
  j = ToWord(step);
}
void from_json(const json& j, PostMortemStep::Step& step) {
  step = FromWord<PostMortemStep::Step>(j, ParseStep);
}
void to_json(json& j, PostMortemStep::Outcome outcome) {
  j = ToWord(outcome);
}
void from_json(const json& j, PostMortemStep::Outcome& outcome) {
  outcome = FromWord<PostMortemStep::Outcome>(j, ParseOutcome);
}

// A guest may count to NaN; JSON has no word for it and writes null.
void to_json(json& j, const CounterValue& counter) {
  j = {{"value", counter.value}, {"unit", counter.unit}};
}
void from_json(const json& j, CounterValue& counter) {
  const json& value = j.at("value");
  counter.value = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  counter.unit = j.at("unit").get<std::string>();
}
void to_json(json& j, Ending::Kind kind) {
  j = ToWord(kind);
}
void from_json(const json& j, Ending::Kind& kind) {
  kind = FromWord<Ending::Kind>(j, ParseEnding);
}
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Ending, kind, detail, agent_outcome, agent_reason)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PostMortemStep, step, outcome, detail, text, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Table, columns, rows)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(CampaignSpec, name, labels)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Provenance, config_sha256, kernel_source, kernel_commit, image_sha256,
                                                host_uri, host_kernel, hypervisor, libvirt)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Campaign, spec, spec_yaml, overrides, seed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Run, cell, repeat, attempt, reason, blame, host_id, accelerator,
                                                created, started, phase_seconds, counters, tables, canary_console,
                                                canary_kmsg, operations, console_bytes, cmdline, skipped_parts, journal,
                                                post_mortem, paused_seconds, steal_seconds, token, canary_nonce, ending,
                                                boot_id, agent_sequence, reboot_until, announced_boots, seed,
                                                provenance)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(KernelBuild, id, release, arch, flavour, labels, config_sha256, config,
                                                has_modules, guest_modules, image_bytes, banner, added, source)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Host, id, uri, state, state_reason, vcpus, memory_bytes, accelerator,
                                                accelerator_reason, hypervisor_version, libvirt_version, kernel_release,
                                                broken_qemu, allow_broken_qemu, features, archs, added)

}  // namespace lk::campaign

namespace lk::store {
namespace {

// Guests say what they like: bytes that are not UTF-8 become U+FFFD, and all that is not ASCII is escaped, because
// PostgreSQL takes neither NUL nor bad UTF-8.
template <typename T>
std::string Encode(const T& value) {
  return json(value).dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

// Over what the columns have given: from_json would begin with a fresh value.
template <typename T>
void Decode(const std::string& body, T& value) {
  from_json(json::parse(body), value);
}

}  // namespace

std::string ToBase64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

std::string FromBase64(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) throw Damaged("bad base64");
  return bytes;
}

std::string EncodeHistogram(const Histogram& histogram) {
  return ToBase64(ToProto(histogram, "").SerializeAsString());
}

Histogram DecodeHistogram(const std::string& body) {
  v1::Histogram proto;
  if (!proto.ParseFromString(FromBase64(body))) throw Damaged("not a histogram");
  return Sound(HistogramFromProto(proto));
}

std::string EncodeBody(const campaign::Campaign& campaign) {
  return Encode(campaign);
}
std::string EncodeBody(const campaign::Run& run) {
  return Encode(run);
}
std::string EncodeBody(const campaign::Finding& finding) {
  return Encode(finding);
}
std::string EncodeBody(const campaign::KernelBuild& kernel) {
  return Encode(kernel);
}
std::string EncodeBody(const campaign::Host& host) {
  return Encode(host);
}
void DecodeBody(const std::string& body, campaign::Campaign& campaign) {
  Decode(body, campaign);
}
void DecodeBody(const std::string& body, campaign::Run& run) {
  Decode(body, run);
}
void DecodeBody(const std::string& body, campaign::Finding& finding) {
  Decode(body, finding);
}
void DecodeBody(const std::string& body, campaign::KernelBuild& kernel) {
  Decode(body, kernel);
}
void DecodeBody(const std::string& body, campaign::Host& host) {
  Decode(body, host);
}

std::string Position(std::string_view run_id) {
  constexpr size_t kDigits = 9;
  const size_t dash = run_id.rfind('-');
  if (dash == run_id.npos) return std::string(run_id);
  std::string position(run_id.substr(0, dash + 1));
  for (std::string_view rest = run_id.substr(dash + 1); !rest.empty();) {
    const auto digits = static_cast<size_t>(
        std::ranges::find_if_not(rest, [](unsigned char c) { return std::isdigit(c) != 0; }) - rest.begin());
    if (digits > 0) position.append(digits < kDigits ? kDigits - digits : 0, '0');
    const size_t taken = std::max<size_t>(digits, 1);
    position += rest.substr(0, taken);
    rest.remove_prefix(taken);
  }
  return position;
}

}  // namespace lk::store

namespace soci {

using lk::store::Sound;

void type_conversion<lk::campaign::Campaign>::from_base(const values& row, indicator,
                                                        lk::campaign::Campaign& campaign) {
  campaign.id = row.get<std::string>("id");
  campaign.state = Sound(lk::campaign::ParseCampaignState(row.get<std::string>("state")));
  if (const auto verdict = row.get<std::string>("verdict"); !verdict.empty()) {
    campaign.verdict = Sound(lk::campaign::ParseVerdict(verdict));
  }
  campaign.created = row.get<absl::Time>("created");
  campaign.finished = row.get<absl::Time>("finished");
  lk::store::DecodeBody(row.get<std::string>("body"), campaign);
}

void type_conversion<lk::campaign::Campaign>::to_base(const lk::campaign::Campaign& campaign, values& row,
                                                      indicator& ind) {
  row.set("id", campaign.id);
  row.set("state", std::string(ToString(campaign.state)));
  row.set("verdict", campaign.verdict ? std::string(ToString(*campaign.verdict)) : std::string());
  row.set("created", campaign.created);
  row.set("finished", campaign.finished);
  row.set("body", lk::store::EncodeBody(campaign));
  ind = i_ok;
}

void type_conversion<lk::campaign::Run>::from_base(const values& row, indicator, lk::campaign::Run& run) {
  run.id = row.get<std::string>("id");
  run.campaign_id = row.get<std::string>("campaign_id");
  run.kernel_id = row.get<std::string>("kernel_id");
  run.kernel_release = row.get<std::string>("kernel");
  run.arch = Sound(lk::campaign::ParseArch(row.get<std::string>("arch")));
  run.profile = row.get<std::string>("profile");
  run.scenario = row.get<std::string>("scenario");
  run.state = Sound(lk::campaign::ParseRunState(row.get<std::string>("state")));
  run.verdict = Sound(lk::campaign::ParseVerdict(row.get<std::string>("verdict")));
  run.superseded = row.get<long long>("superseded") != 0;
  run.control = row.get<long long>("control") != 0;
  run.emulated = row.get<long long>("emulated") != 0;
  run.finished = row.get<absl::Time>("finished");
  lk::store::DecodeBody(row.get<std::string>("body"), run);
}

void type_conversion<lk::campaign::Run>::to_base(const lk::campaign::Run& run, values& row, indicator& ind) {
  row.set("id", run.id);
  row.set("campaign_id", run.campaign_id);
  row.set("position", lk::store::Position(run.id));
  row.set("kernel_id", run.kernel_id);
  row.set("kernel", run.kernel_release);
  row.set("arch", std::string(ToString(run.arch)));
  row.set("profile", run.profile);
  row.set("scenario", run.scenario);
  row.set("state", std::string(ToString(run.state)));
  row.set("verdict", std::string(ToString(run.verdict)));
  row.set("superseded", static_cast<long long>(run.superseded));
  row.set("control", static_cast<long long>(run.control));
  row.set("emulated", static_cast<long long>(run.emulated));
  row.set("finished", run.finished);
  row.set("body", lk::store::EncodeBody(run));
  ind = i_ok;
}

}  // namespace soci
