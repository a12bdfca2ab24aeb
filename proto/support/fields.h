// SPDX-License-Identifier: Apache-2.0
// Lists the fields of a struct by name. All code that stores, sends or fills in every field iterates over the list, so
// that a new field needs to be added in only one place:
//
//   struct Frame {
//     std::string function;
//     uint32_t offset = 0;
//   };
//   LK_FIELDS(Frame, function, offset)
//
//   ForEachField(frame, [](auto field, auto& value) { fmt::print("{}: {}\n", field.name, value); });
//
// A list that omits a field of its struct, or names one twice, does not compile. `field` has a distinct type for each
// field (see LK_FIELD_TAG), which provides the name, and accessors for the protobuf field with the same name.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lk {

// A type with a list of fields.
template <typename T>
concept HasFields = requires {
  FieldNames(std::type_identity<T>());
};

template <HasFields T>
inline constexpr auto kFieldNames = FieldNames(std::type_identity<T>());

template <typename Names>
constexpr bool Includes(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::ranges::end(names);
}

// Whether all `names` are fields of T.
template <HasFields T, typename Names>
constexpr bool AreFields(const Names& names) {
  return std::ranges::all_of(names, [](std::string_view name) { return Includes(kFieldNames<T>, name); });
}

namespace fields {

template <typename Self, typename T>
concept Is = std::same_as<std::remove_const_t<Self>, T>;

struct Anything {
  template <typename T>
  operator T() const;
};

// T is derived from the parts, in this order, and has no other bases or fields.
template <typename T, typename... Parts>
concept ConsistsOf = (std::derived_from<T, Parts> && ...) && requires {
  T{Parts()...};
}
&&!requires {
  T{Parts()..., Anything()};
};

template <size_t... N>
constexpr auto Join(const std::array<std::string_view, N>&... names) {
  std::array<std::string_view, (N + ...)> all;
  auto end = all.begin();
  ((end = std::ranges::copy(names, end).out), ...);
  return all;
}

template <typename... Parts, typename Self, typename Visit>
void ForEachFieldOf(Self& self, Visit& visit) {
  (ForEachField(static_cast<std::conditional_t<std::is_const_v<Self>, const Parts, Parts>&>(self), visit), ...);
}

}  // namespace fields
}  // namespace lk

// Use in the namespace of the struct, after its definition.
#define LK_FIELDS(Type, ...)                                                       \
  inline void LkAllFieldsOf##Type(const Type& all_) {                              \
    [[maybe_unused]] const auto& [__VA_ARGS__] = all_;                             \
  }                                                                                \
  struct LkFieldsOf##Type {                                                        \
    LK_EACH(LK_FIELD_TAG, __VA_ARGS__)                                             \
  };                                                                               \
  constexpr auto FieldNames(std::type_identity<Type>) {                            \
    return std::to_array<std::string_view>({LK_EACH(LK_FIELD_NAME, __VA_ARGS__)}); \
  }                                                                                \
  template <lk::fields::Is<Type> Self, typename Visit>                             \
  void ForEachField(Self& self_, Visit&& visit_) {                                 \
    using Fields = LkFieldsOf##Type;                                               \
    LK_EACH(LK_FIELD_VISIT, __VA_ARGS__)                                           \
  }

// The same for a struct whose fields are all inherited. Each of its bases must have a list.
#define LK_PARTS(Type, ...)                                                                         \
  static_assert(lk::fields::ConsistsOf<Type, __VA_ARGS__>,                                          \
                #Type " has a base that is not listed, or a field outside its bases");              \
  constexpr auto FieldNames(std::type_identity<Type>) {                                             \
    return lk::fields::Join(LK_EACH(LK_PART_NAMES, __VA_ARGS__) std::array<std::string_view, 0>()); \
  }                                                                                                 \
  template <lk::fields::Is<Type> Self, typename Visit>                                              \
  void ForEachField(Self& self_, Visit&& visit_) {                                                  \
    lk::fields::ForEachFieldOf<__VA_ARGS__>(self_, visit_);                                         \
  }

#define LK_FIELD_TAG(field)                                         \
  struct field##_ {                                                 \
    static constexpr std::string_view name = #field;                \
    template <typename Message>                                     \
    static decltype(auto) Get(const Message& message) {             \
      return message.field();                                       \
    }                                                               \
    template <typename Message, typename Value>                     \
    static void Set(Message& message, Value&& value) {              \
      message.set_##field(std::forward<Value>(value));              \
    }                                                               \
    template <typename Message>                                     \
    static auto* Mutable(Message& message) {                        \
      return message.mutable_##field();                             \
    }                                                               \
    template <typename Message, typename... Value>                  \
    static decltype(auto) Add(Message& message, Value&&... value) { \
      return message.add_##field(std::forward<Value>(value)...);    \
    }                                                               \
  };
#define LK_FIELD_NAME(field) #field,
#define LK_FIELD_VISIT(field) visit_(Fields::field##_(), self_.field);
#define LK_PART_NAMES(Part) lk::kFieldNames<Part>,

// Expands to macro(a) macro(b) ... for at most 256 arguments: each of four levels rescans four times, and each scan
// expands one more argument.
#define LK_EACH(macro, ...) __VA_OPT__(LK_SCAN(LK_EACH_NEXT(macro, __VA_ARGS__)))
#define LK_EACH_NEXT(macro, first, ...) macro(first) __VA_OPT__(LK_EACH_AGAIN LK_PARENTHESES(macro, __VA_ARGS__))
#define LK_PARENTHESES ()
#define LK_EACH_AGAIN() LK_EACH_NEXT
#define LK_SCAN(...) LK_SCAN3(LK_SCAN3(LK_SCAN3(LK_SCAN3(__VA_ARGS__))))
#define LK_SCAN3(...) LK_SCAN2(LK_SCAN2(LK_SCAN2(LK_SCAN2(__VA_ARGS__))))
#define LK_SCAN2(...) LK_SCAN1(LK_SCAN1(LK_SCAN1(LK_SCAN1(__VA_ARGS__))))
#define LK_SCAN1(...) LK_SCAN0(LK_SCAN0(LK_SCAN0(LK_SCAN0(__VA_ARGS__))))
#define LK_SCAN0(...) __VA_ARGS__
