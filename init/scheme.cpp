#include "init/scheme.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>

#include "core/nearest.h"
#include "init/catalogue.h"

namespace fanin {
namespace {

/// "0.1", "-2", "sqrt(5)", "1/3".
std::optional<double> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with("sqrt(") && text.ends_with(")")) {
    const auto inside = parse_number(text.substr(5, text.size() - 6));
    if (!inside || *inside < 0) return {};
    return std::sqrt(*inside);
  }
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto top = parse_number(text.substr(0, slash));
    const auto bottom = parse_number(text.substr(slash + 1));
    if (!top || !bottom) return {};
    return *top / *bottom;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

struct Shelf {
  std::deque<Scheme> schemes;  // never moves what it holds
  std::vector<const Scheme*> list;

  Shelf() {
    for (auto& group : {torch_schemes(), field_schemes(), structured_schemes(), data_schemes()})
      for (const Scheme& scheme : group) add(scheme);
  }
  void add(Scheme scheme) { list.push_back(&schemes.emplace_back(std::move(scheme))); }
};

Shelf& shelf() {
  static Shelf all;
  return all;
}

const Scheme* look_up(std::string_view name) {
  for (const Scheme* scheme : shelf().list)
    if (scheme->name == name) return scheme;
  return nullptr;
}

/// A value must be a number where the default is one; `gain` may also name a nonlinearity.
void check_value(const Scheme& scheme, const SchemeParameter& parameter, const std::string& value) {
  if (parameter.name == "gain" && !parse_number(value)) {
    calculate_gain(value);
    return;
  }
  const bool wants_number = parameter.default_value.empty() || parse_number(parameter.default_value);
  check<Error>(!wants_number || parse_number(value), "scheme ", scheme.name, ": ", parameter.name,
               " must be a number, got '", value, "'");
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

const std::string& SchemeArguments::word(std::string_view name) const {
  const auto found = values_.find(name);
  check<Error>(found != values_.end(), "the scheme has no argument '", name, "'");
  return found->second;
}

double SchemeArguments::number(std::string_view name) const {
  const std::optional<double> value = parse_number(word(name));
  check<Error>(value.has_value(), name, " must be a number, got '", word(name), "'");
  return *value;
}

double SchemeArguments::gain() const {
  const std::string& value = word("gain");
  const std::optional<double> number = parse_number(value);
  return number ? *number : calculate_gain(value);
}

std::int64_t SchemeArguments::integer(std::string_view name) const {
  const double value = number(name);
  check<Error>(value == std::floor(value) && std::abs(value) < 1e15, name, " must be a whole number, got ", value);
  return static_cast<std::int64_t>(value);
}

FanConvention SchemeArguments::convention() const {
  const std::string& value = word("groups");
  check<Error>(value == "torch" || value == "aware", "groups must be torch or aware, got '", value, "'");
  return value == "torch" ? FanConvention::torch : FanConvention::aware;
}

std::string_view InitTarget::own_name() const { return name.substr(name.rfind('.') + 1); }

const std::vector<const Scheme*>& schemes() { return shelf().list; }

void register_scheme(Scheme scheme) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  check<Error>(!scheme.name.empty() && std::ranges::all_of(scheme.name, fits) && !parse_number(scheme.name),
               "a scheme's name must be of a-z 0-9 _, got '", scheme.name, "'");
  check<Error>(look_up(scheme.name) == nullptr, "there is a scheme '", scheme.name, "' already");
  check<Error>(static_cast<bool>(scheme.fill), "scheme '", scheme.name, "' has no function that fills");
  shelf().add(std::move(scheme));
}

const Scheme& find_scheme(std::string_view name) {
  if (const Scheme* scheme = look_up(name)) return *scheme;
  std::vector<std::string_view> names;
  for (const Scheme* scheme : shelf().list) names.push_back(scheme->name);
  fail<Error>("there is no scheme '", name, "'", did_you_mean(name, names));
}

SchemeCall parse_scheme(std::string_view text) {
  text = trimmed(text);
  if (parse_number(text)) {
    SchemeCall call = parse_scheme("constant:value=" + std::string(text));
    call.text = text;
    return call;
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  const Scheme& scheme = find_scheme(trimmed(text.substr(0, colon)));
  std::map<std::string, std::string, std::less<>> values;
  std::vector<std::string_view> known;
  for (const SchemeParameter& parameter : scheme.arguments) known.push_back(parameter.name);

  std::string_view rest = text.substr(std::min(colon + 1, text.size()));
  while (!trimmed(rest).empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view pair = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const std::size_t equals = pair.find('=');
    check<Error>(equals != std::string_view::npos, "scheme '", text, "': expected argument=value, got '", pair, "'");
    const std::string_view name = trimmed(pair.substr(0, equals));
    const auto parameter = std::ranges::find(scheme.arguments, name, &SchemeParameter::name);
    check<Error>(parameter != scheme.arguments.end(), "scheme '", scheme.name, "' has no argument '", name, "'",
                 known.empty() ? "; it takes none" : did_you_mean(name, known));
    const std::string value(trimmed(pair.substr(equals + 1)));
    check_value(scheme, *parameter, value);
    values[std::string(name)] = value;
  }
  for (const SchemeParameter& parameter : scheme.arguments) {
    const bool given = values.contains(parameter.name);
    check<Error>(given || !parameter.default_value.empty(), "scheme '", scheme.name, "' needs ", parameter.name, " (",
                 parameter.meaning, "): ", scheme.name, ":", parameter.name, "=…");
    if (!given) values[std::string(parameter.name)] = parameter.default_value;
  }
  return {.scheme = &scheme, .arguments = SchemeArguments(std::move(values)), .text = std::string(text)};
}

}  // namespace fanin
