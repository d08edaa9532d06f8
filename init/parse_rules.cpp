#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/io/json.h"
#include "core/nearest.h"
#include "init/catalogue.h"
#include "init/rules.h"

namespace fanin {
namespace {

const NamedRules* find_set(std::string_view name) {
  for (const NamedRules& set : named_rules())
    if (set.name == name) return &set;
  return nullptr;
}

void add_rule(Rules& rules, std::string_view selector, std::string_view scheme, bool must_decide,
              std::string_view needed_by = {}) {
  check<Error>(!selector.empty(), "a rule has no selector: '=", scheme, "'");
  rules.rules.push_back({std::string(selector), parse_scheme(scheme), must_decide, std::string(needed_by)});
}

void add_text(Rules& rules, std::string_view text, bool must_decide, std::string_view needed_by = {});

void add_set(Rules& rules, std::string_view name) {
  const NamedRules* set = find_set(name);
  if (set == nullptr) {
    std::vector<std::string_view> names;
    for (const NamedRules& one : named_rules()) names.push_back(one.name);
    fail<Error>("'", name, "' is neither selector=scheme nor a set of rules", did_you_mean(name, names));
  }
  if (rules.drawn_first.empty()) rules.drawn_first = set->drawn_first;
  add_text(rules, set->text, false, set->must_decide ? set->name : std::string_view());
}

void add_text(Rules& rules, std::string_view text, bool must_decide, std::string_view needed_by) {
  while (!trimmed(text).empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view entry = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.empty()) continue;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos)
      add_set(rules, entry);
    else
      add_rule(rules, trimmed(entry.substr(0, equals)), trimmed(entry.substr(equals + 1)), must_decide, needed_by);
  }
}

void add_name(Rules& rules, std::string_view entry) {
  if (!rules.name.empty()) rules.name += "; ";
  rules.name += entry;
}

/// {"select": …, "scheme": …, argument: value, …} or {"set": …}. The rules' name becomes their text.
void add_json(Rules& rules, const Json& entry) {
  const auto* members = entry.as<Json::Object>();
  check<Error>(members != nullptr, "rules: expected {\"select\": …, \"scheme\": …} or {\"set\": …}, got ",
               entry.text());
  if (const Json& set = entry["set"]; !set.is_null()) {
    check<Error>(members->size() == 1 && set.as<std::string>(), "rules: a set stands alone, got ", entry.text());
    add_set(rules, set.string());
    return add_name(rules, set.string());
  }
  const Json& select = entry["select"];
  check<Error>(select.as<std::string>() && !entry["scheme"].is_null(),
               "rules: an entry needs \"select\" and \"scheme\", got ", entry.text());
  std::string scheme = entry["scheme"].shown();
  for (const auto& [name, value] : *members)
    if (name != "select" && name != "scheme")
      scheme += (scheme.find(':') == std::string::npos ? ":" : ",") + name + "=" + value.shown();
  add_rule(rules, select.string(), scheme, true);
  add_name(rules, rules.rules.back().text());
}

Json parsed(const std::string& text) {
  try {
    return Json::parse(text, "rules");
  } catch (const FileError& error) {
    fail<Error>(error.what(), ": ", text.substr(0, 60));
  }
}

void add_json_text(Rules& rules, const std::string& text) {
  const Json json = parsed(text);
  const Json& list = json["rules"].is_null() ? json : json["rules"];
  const auto* entries = list.as<Json::Array>();
  check<Error>(entries != nullptr, "rules: expected {\"rules\": […]}, got ", text.substr(0, 60));
  for (const Json& entry : *entries) add_json(rules, entry);
}

void add_file(Rules& rules, const std::string& path) {
  std::ifstream file(path);
  check<FileError>(file.good(), "cannot read the rules in '", path, "'");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    add_json_text(rules, text);
  } catch (const Error& error) {
    fail<FileError>(path, ": ", error.what());
  }
}

/// "kaiming_normal:mode=fan_out" rather than "Conv*=…": the first of the two signs is the colon, or there is none.
bool is_scheme(std::string_view source) {
  if (source.find(';') != std::string_view::npos) return false;
  const std::size_t colon = source.find(':');
  const std::size_t equals = source.find('=');
  return equals == std::string_view::npos || (colon != std::string_view::npos && colon < equals);
}

void add_words(Rules& rules, std::string_view source) {
  if (find_set(source) != nullptr) return add_set(rules, source);
  if (!is_scheme(source)) return add_text(rules, source, true);
  // The scheme goes to weights that have fans; those of normalisation layers have none.
  const SchemeCall call = parse_scheme(source);
  for (const char* selector : {"Conv*", "Linear", "Embedding"})
    rules.rules.push_back({.selector = selector, .scheme = call, .must_decide = false});
  add_text(rules, "*.bias=0; *=default", false);
}

}  // namespace

const std::vector<NamedRules>& named_rules() {
  static const std::vector<NamedRules> sets = {
      {"pytorch", "*=default", "", "what PyTorch's constructors draw, in the order they draw it"},
      {"resnext", "Linear=kaiming_normal; *.bias=0; Conv*=kaiming_normal:mode=fan_out; BatchNorm*=1; *=default",
       "Linear", "the published ResNeXt script: Kaiming normal, by fan_out for convolutions; batch norm 1; biases 0"},
      {"torchvision", "Conv*=kaiming_normal:mode=fan_out,nonlinearity=relu; BatchNorm*=1; BatchNorm*.bias=0; *=default",
       "", "torchvision's ResNets: convolutions Kaiming normal by fan_out, the rest as PyTorch's constructors"},
      {"zero_gamma", "ResNeXtBottleneck.bn_expand.weight=0; Bottleneck.bn3.weight=0; BasicBlock.bn2.weight=0", "",
       "residual branches that start at 0 (Goyal et al. 2017), before another set: `zero_gamma; resnext`", true},
      {"keras", "*.bias=0; Conv*=xavier_uniform; Linear=xavier_uniform; *=default", "",
       "Keras' layers: Glorot uniform and biases 0"},
  };
  return sets;
}

Rules parse_rules(std::string_view source) {
  source = trimmed(source);
  check<Error>(!source.empty(), "the rules are empty; name a set such as 'pytorch' or a scheme");
  Rules rules;
  if (source.front() == '{' || source.front() == '[')
    add_json_text(rules, std::string(source));
  else if (source.ends_with(".json"))
    add_file(rules, std::string(source));
  else {
    rules.name = source;
    add_words(rules, source);
  }
  check<Error>(!rules.rules.empty(), "the rules '", source, "' are empty; name a set such as 'pytorch' or a scheme");
  return rules;
}

}  // namespace fanin
