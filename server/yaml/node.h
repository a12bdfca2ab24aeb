// SPDX-License-Identifier: Apache-2.0
// YAML nodes with their places, and mistakes in them.
#pragma once

#include <absl/time/time.h>
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/yaml/mistake.h"

namespace lk::yaml {

// A node and its path from the root: "spec.profiles[0].memory".
struct Item {
  YAML::Node node;
  std::string path;

  Item Child(const std::string& key, const YAML::Node& child) const {
    return {child, path.empty() ? key : path + "." + key};
  }
};

// Collects mistakes and knows where in the file each path that has been read stands.
class Mistakes {
 public:
  // Nothing at or under these paths is in the file: --set brought it.
  explicit Mistakes(std::vector<std::string> overridden) : overridden_(std::move(overridden)) {}

  void Remember(const std::string& path, const YAML::Mark& mark);
  // At the path's own place, or that of the nearest one above it that the file has.
  void Add(const std::string& path, std::string message);
  void AddAt(const YAML::Mark& mark, const std::string& path, std::string message);
  // Where the path stands, or the nearest one above it that the file has, as an error without a message.
  Mistake Locate(const std::string& path) const;
  size_t size() const { return errors_.size(); }
  // So many that the rest of the file is not worth reading: aliases can make a small file endless.
  bool full() const { return errors_.size() >= kMost; }
  // In order of place.
  std::vector<Mistake> Take();

 private:
  static constexpr size_t kMost = 1000;

  bool Overridden(const std::string& path) const;
  Mistake At(const YAML::Mark& mark, const std::string& path) const;

  std::vector<std::string> overridden_;
  std::map<std::string, YAML::Mark> places_;
  std::vector<Mistake> errors_;
};

// One key of a mapping.
struct Field {
  std::string_view key;
  std::function<void(const Item&)> read;
  bool required = false;
};

// Reads a mapping with these keys; unknown and repeated keys, and required ones that are missing, are mistakes.
void ReadMap(const Item& item, Mistakes& mistakes, const std::vector<Field>& fields);
// Reads a mapping of any keys.
void ReadAnyMap(const Item& item, Mistakes& mistakes,
                const std::function<void(const std::string& key, const Item&)>& read);
void ReadList(const Item& item, Mistakes& mistakes, bool may_be_empty, const std::function<void(const Item&)>& read);

// Scalars. On a mistake it is recorded and nothing returned.
std::optional<std::string> ReadText(const Item& item, Mistakes& mistakes);
std::optional<uint32_t> ReadNumber(const Item& item, Mistakes& mistakes, uint32_t min, uint32_t max);
std::optional<uint64_t> ReadBytes(const Item& item, Mistakes& mistakes);
std::optional<absl::Duration> ReadDuration(const Item& item, Mistakes& mistakes);  // above 0
std::optional<bool> ReadBool(const Item& item, Mistakes& mistakes);
// Letters and digits that make a good name of a file, a label and a command line argument.
std::optional<std::string> ReadName(const Item& item, Mistakes& mistakes);

// A word of the language and its value.
template <typename T>
using Vocabulary = std::vector<std::pair<std::string_view, T>>;

// "\"vcpu\" is not a key here; did you mean \"vcpus\"? Right are: arch, vcpus"
std::string NotOneOf(std::string_view word, std::string_view what, const std::vector<std::string>& right);

template <typename T>
std::optional<T> ReadWord(const Item& item, Mistakes& mistakes, std::string_view what, const Vocabulary<T>& words) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  std::vector<std::string> right;
  for (const auto& [word, value] : words) {
    if (word == *text) return value;
    right.emplace_back(word);
  }
  mistakes.Add(item.path, NotOneOf(*text, what, right));
  return std::nullopt;
}

// Stores what a reader returned, if anything.
template <typename T, typename U>
void Store(T& target, const std::optional<U>& value) {
  if (value) target = *value;
}

}  // namespace lk::yaml
