#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fanin {

/// A JSON value, objects in the order they were filled. Doubles are written with as many digits as give them back
/// exactly; those that are not finite become null.
class Json final {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;
  using Value = std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object>;

  Json() = default;
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  template <class T>
  static Json list(const std::vector<T>& values) {
    return Json(Array(values.begin(), values.end()));
  }
  static Json object() { return Json(Object{}); }

  const Value& value() const { return value_; }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }
  bool is_null() const { return as<std::nullptr_t>() != nullptr; }
  /// Any number as a double; `otherwise` if this is none.
  double number(double otherwise = 0) const;
  std::string string(std::string_view otherwise = {}) const;
  /// A string as it is, anything else as text(): for people to read.
  std::string shown() const { return as<std::string>() != nullptr ? *as<std::string>() : text(); }

  /// The member of an object; null if there is none.
  const Json& operator[](std::string_view name) const;
  /// Adds a member to an object, or replaces it.
  Json& set(std::string_view name, Json value);

  /// One line, or indented.
  std::string text(bool indented = false) const;
  /// Throws FileError naming `path`.
  static Json parse(std::string_view text, const std::string& path);

 private:
  Value value_ = nullptr;
};

}  // namespace fanin
