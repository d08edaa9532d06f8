#include "core/io/json.h"

#include <nlohmann/json.hpp>

#include "core/check.h"

namespace fanin {

namespace {

nlohmann::ordered_json out(const Json& json) {
  return std::visit(
      []<class T>(const T& value) -> nlohmann::ordered_json {
        if constexpr (std::is_same_v<T, Json::Array>) {
          auto array = nlohmann::ordered_json::array();
          for (const Json& element : value) array.push_back(out(element));
          return array;
        } else if constexpr (std::is_same_v<T, Json::Object>) {
          auto object = nlohmann::ordered_json::object();
          for (const auto& [name, member] : value) object[name] = out(member);
          return object;
        } else {
          return value;
        }
      },
      json.value());
}

Json in(const nlohmann::ordered_json& json) {
  switch (json.type()) {
    case nlohmann::json::value_t::boolean: return json.get<bool>();
    case nlohmann::json::value_t::number_integer: return json.get<std::int64_t>();
    case nlohmann::json::value_t::number_unsigned: {
      const auto value = json.get<std::uint64_t>();
      if (value <= INT64_MAX) return static_cast<std::int64_t>(value);
      return value;
    }
    case nlohmann::json::value_t::number_float: return json.get<double>();
    case nlohmann::json::value_t::string: return json.get<std::string>();
    case nlohmann::json::value_t::array: {
      Json::Array array;
      for (const auto& element : json) array.push_back(in(element));
      return array;
    }
    case nlohmann::json::value_t::object: {
      Json::Object object;
      for (const auto& [name, member] : json.items()) object.emplace_back(name, in(member));
      return object;
    }
    default: return {};
  }
}

}  // namespace

double Json::number(double otherwise) const {
  if (const auto* value = as<double>()) return *value;
  if (const auto* value = as<std::int64_t>()) return static_cast<double>(*value);
  if (const auto* value = as<std::uint64_t>()) return static_cast<double>(*value);
  return otherwise;
}

std::string Json::string(std::string_view otherwise) const {
  const auto* value = as<std::string>();
  return value != nullptr ? *value : std::string(otherwise);
}

const Json& Json::operator[](std::string_view name) const {
  static const Json null;
  if (const auto* object = as<Object>())
    for (const auto& [key, member] : *object)
      if (key == name) return member;
  return null;
}

Json& Json::set(std::string_view name, Json value) {
  if (is_null()) value_ = Object{};
  auto& object = std::get<Object>(value_);
  for (auto& [key, member] : object)
    if (key == name) {
      member = std::move(value);
      return *this;
    }
  object.emplace_back(name, std::move(value));
  return *this;
}

std::string Json::text(bool indented) const {
  // File names need not be UTF-8; what is not is replaced.
  return out(*this).dump(indented ? 2 : -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Json Json::parse(std::string_view text, const std::string& path) {
  try {
    return in(nlohmann::ordered_json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at …"
    fail<FileError>(path, ": not JSON: ", what.substr(what.find("] ") + 2));
  }
}

}  // namespace fanin
