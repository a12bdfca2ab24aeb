// SPDX-License-Identifier: Apache-2.0
#include "server/store/codec.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/campaign/fields.h"
#include "support/histogram_proto.h"

namespace lk::store {
namespace {

using nlohmann::json;
using FieldName = std::string_view;

// A field that has a column. Their names may differ.
struct Column {
  FieldName field;
  const char* name;
};

// Fields that are not in the body of a row. All other fields are.
template <typename T>
struct Kept {
  static constexpr std::array<Column, 0> columns = {};
  static constexpr std::array<FieldName, 0> elsewhere = {};
};
template <>
struct Kept<campaign::Campaign> {
  static constexpr auto columns = std::to_array<Column>(
      {{"id", "id"}, {"state", "state"}, {"verdict", "verdict"}, {"created", "created"}, {"finished", "finished"}});
  static constexpr std::array<FieldName, 0> elsewhere = {};
};
template <>
struct Kept<campaign::Run> {
  static constexpr auto columns = std::to_array<Column>({{"id", "id"},
                                                         {"campaign_id", "campaign_id"},
                                                         {"kernel_id", "kernel_id"},
                                                         {"kernel_release", "kernel"},
                                                         {"arch", "arch"},
                                                         {"profile", "profile"},
                                                         {"scenario", "scenario"},
                                                         {"state", "state"},
                                                         {"verdict", "verdict"},
                                                         {"superseded", "superseded"},
                                                         {"control", "control"},
                                                         {"emulated", "emulated"},
                                                         {"harness", "harness"},
                                                         {"finished", "finished"}});
  // Stored in separate tables.
  static constexpr auto elsewhere = std::to_array<FieldName>({"findings", "latencies"});
};
template <>
struct Kept<detect::Finding> {
  static constexpr std::array<Column, 0> columns = {};
  // Not stored, since it matters only until the finding is folded into another one.
  static constexpr auto elsewhere = std::to_array<FieldName>({"saturated"});
};

// Returns nullptr if the field has no column.
template <typename T>
constexpr const char* ColumnOf(FieldName field) {
  const auto& columns = Kept<T>::columns;
  const auto column = std::ranges::find(columns, field, &Column::field);
  return column == columns.end() ? nullptr : column->name;
}

template <typename T>
constexpr bool IsInBody(FieldName field) {
  static_assert(AreFields<T>(Kept<T>::elsewhere));
  static_assert(std::ranges::all_of(
      Kept<T>::columns, [](FieldName name) { return Includes(kFieldNames<T>, name); }, &Column::field));
  return ColumnOf<T>(field) == nullptr && !Includes(Kept<T>::elsewhere, field);
}

// Enumerations are stored as words.
void FromWord(const std::string& word, detect::Kind& kind) {
  if (!detect::ParseKind(word, kind)) throw Damaged(fmt::format("unknown finding kind \"{}\"", word));
}
void FromWord(const std::string& word, campaign::Arch& arch) {
  arch = Sound(campaign::ParseArch(word));
}
void FromWord(const std::string& word, campaign::Blame& blame) {
  blame = Sound(campaign::ParseBlame(word));
}
void FromWord(const std::string& word, campaign::Verdict& verdict) {
  verdict = Sound(campaign::ParseVerdict(word));
}
void FromWord(const std::string& word, campaign::RunState& state) {
  state = Sound(campaign::ParseRunState(word));
}
void FromWord(const std::string& word, campaign::CampaignState& state) {
  state = Sound(campaign::ParseCampaignState(word));
}
void FromWord(const std::string& word, campaign::Host::State& state) {
  state = Sound(campaign::ParseHostState(word));
}
void FromWord(const std::string& word, campaign::PostMortemStep::Step& step) {
  step = Sound(campaign::ParseStep(word));
}
void FromWord(const std::string& word, campaign::PostMortemStep::Outcome& outcome) {
  outcome = Sound(campaign::ParseOutcome(word));
}
void FromWord(const std::string& word, campaign::Ending::Kind& kind) {
  kind = Sound(campaign::ParseEnding(word));
}

template <typename T>
concept Word = std::is_enum_v<T> && requires(const std::string& word, T& value) {
  FromWord(word, value);
};

template <typename T>
void FromJson(const json& j, T& value) {
  j.get_to(value);
}
// A guest may report NaN, which JSON cannot represent, so it is written as null.
void FromJson(const json& j, double& value) {
  value = j.is_null() ? std::numeric_limits<double>::quiet_NaN() : j.get<double>();
}

template <typename T>
void PutFields(const T& value, json& body) {
  body = json::object();
  ForEachField(value, [&](auto field, const auto& part) {
    if constexpr (IsInBody<T>(field.name)) body[std::string(field.name)] = part;
  });
}
// A missing key leaves its field unchanged.
template <typename T>
void GetFields(const json& body, T& value) {
  ForEachField(value, [&](auto field, auto& part) {
    if constexpr (IsInBody<T>(field.name)) {
      if (const auto it = body.find(field.name); it != body.end()) FromJson(*it, part);
    }
  });
}

}  // namespace
}  // namespace lk::store

template <lk::store::Word T>
struct nlohmann::adl_serializer<T> {
  static void to_json(nlohmann::json& j, T value) { j = std::string(ToString(value)); }
  static void from_json(const nlohmann::json& j, T& value) { lk::store::FromWord(j.get<std::string>(), value); }
};

template <lk::HasFields T>
struct nlohmann::adl_serializer<T> {
  static void to_json(nlohmann::json& j, const T& value) { lk::store::PutFields(value, j); }
  static void from_json(const nlohmann::json& j, T& value) { lk::store::GetFields(j, value); }
};

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

template <>
struct nlohmann::adl_serializer<absl::CivilDay> {
  static void to_json(json& j, absl::CivilDay day) { j = absl::FormatCivilTime(day); }
  static void from_json(const json& j, absl::CivilDay& day) {
    if (!absl::ParseCivilTime(j.get<std::string>(), &day)) throw lk::store::Damaged("invalid date");
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

// Apart from the text of the campaign file, only these fields are stored; a reader that needs the rest parses the text
// again.
template <>
struct nlohmann::adl_serializer<lk::campaign::CampaignSpec> {
  static void to_json(json& j, const lk::campaign::CampaignSpec& spec) {
    j = {{"name", spec.name}, {"labels", spec.labels}, {"known", spec.known.problems()}};
  }
  static void from_json(const json& j, lk::campaign::CampaignSpec& spec) {
    spec.name = j.value("name", spec.name);
    spec.labels = j.value("labels", spec.labels);
    spec.known = lk::known::List(j.value("known", spec.known.problems()));
  }
};

namespace lk::store {
namespace {

// Guests can send anything: bytes that are not UTF-8 become U+FFFD, and everything that is not ASCII is escaped,
// because PostgreSQL accepts neither NUL nor invalid UTF-8.
template <typename T>
std::string Encode(const T& value) {
  return json(value).dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

// Called after the fields that have columns have been set.
template <typename T>
void Decode(const std::string& body, T& value) {
  GetFields(json::parse(body), value);
}

}  // namespace

std::string ToBase64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

std::string FromBase64(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) throw Damaged("invalid base64");
  return bytes;
}

std::string EncodeHistogram(const Histogram& histogram) {
  return ToBase64(ToProto(histogram, "").SerializeAsString());
}

Histogram DecodeHistogram(const std::string& body) {
  v1::Histogram proto;
  if (!proto.ParseFromString(FromBase64(body))) throw Damaged("invalid histogram");
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

namespace {

using soci::values;

void Get(const values& row, const std::string& column, std::string& value) {
  value = row.get<std::string>(column);
}
void Get(const values& row, const std::string& column, absl::Time& time) {
  time = row.get<absl::Time>(column);
}
void Get(const values& row, const std::string& column, bool& value) {
  value = row.get<long long>(column) != 0;
}
void Get(const values& row, const std::string& column, Word auto& value) {
  FromWord(row.get<std::string>(column), value);
}
// An empty string means no value.
template <Word T>
void Get(const values& row, const std::string& column, std::optional<T>& value) {
  if (!row.get<std::string>(column).empty()) Get(row, column, value.emplace());
}

void Set(values& row, const std::string& column, const std::string& value) {
  row.set(column, value);
}
void Set(values& row, const std::string& column, absl::Time time) {
  row.set(column, time);
}
void Set(values& row, const std::string& column, bool value) {
  row.set(column, static_cast<long long>(value));
}
void Set(values& row, const std::string& column, Word auto value) {
  row.set(column, std::string(ToString(value)));
}
template <Word T>
void Set(values& row, const std::string& column, std::optional<T> value) {
  row.set(column, value ? std::string(ToString(*value)) : std::string());
}

template <typename T>
std::vector<std::string> ColumnsOf(std::vector<std::string> more) {
  for (const Column& column : Kept<T>::columns) {
    if (column.field != "id") more.emplace_back(column.name);
  }
  return more;
}

template <typename T>
void FromRow(const values& row, T& value) {
  value = T();
  ForEachField(value, [&](auto field, auto& part) {
    if constexpr (ColumnOf<T>(field.name) != nullptr) Get(row, ColumnOf<T>(field.name), part);
  });
  DecodeBody(row.get<std::string>("body"), value);
}

template <typename T>
void ToRow(const T& value, values& row) {
  ForEachField(value, [&](auto field, const auto& part) {
    if constexpr (ColumnOf<T>(field.name) != nullptr) Set(row, ColumnOf<T>(field.name), part);
  });
  row.set("body", EncodeBody(value));
}

}  // namespace

const std::vector<std::string>& CampaignColumns() {
  static const std::vector<std::string> columns = ColumnsOf<campaign::Campaign>({"body"});
  return columns;
}
const std::vector<std::string>& RunColumns() {
  static const std::vector<std::string> columns = ColumnsOf<campaign::Run>({"position", "body"});
  return columns;
}

}  // namespace lk::store

namespace soci {

void type_conversion<lk::campaign::Campaign>::from_base(const values& row, indicator,
                                                        lk::campaign::Campaign& campaign) {
  lk::store::FromRow(row, campaign);
}

void type_conversion<lk::campaign::Campaign>::to_base(const lk::campaign::Campaign& campaign, values& row,
                                                      indicator& ind) {
  lk::store::ToRow(campaign, row);
  ind = i_ok;
}

void type_conversion<lk::campaign::Run>::from_base(const values& row, indicator, lk::campaign::Run& run) {
  lk::store::FromRow(row, run);
  // Both kFinishing and kAwaitingControls are stored as "finishing". Only a run that awaits its controls has the
  // verdict pass already.
  if (run.state == lk::campaign::RunState::kFinishing && run.verdict == lk::campaign::Verdict::kPass) {
    run.state = lk::campaign::RunState::kAwaitingControls;
  }
}

void type_conversion<lk::campaign::Run>::to_base(const lk::campaign::Run& run, values& row, indicator& ind) {
  lk::store::ToRow(run, row);
  row.set("position", lk::store::Position(run.id));
  ind = i_ok;
}

}  // namespace soci
