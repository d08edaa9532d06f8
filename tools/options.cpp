#include "tools/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/nearest.h"

namespace fanin {

namespace {

bool looks_like_value(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return true;
  return (word[1] >= '0' && word[1] <= '9') || word[1] == '.';
}

template <class T>
T parse_as(std::string_view option, std::string_view word, std::string_view kind) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size())
    fail<UsageError>("--", option, ": expected ", kind, ", got '", word, "'");
  return value;
}

std::vector<double> parse_list(std::string_view option, std::string_view word) {
  std::vector<double> values;
  for (std::size_t begin = 0; begin <= word.size();) {
    const std::size_t end = std::min(word.find(',', begin), word.size());
    values.push_back(parse_number(option, word.substr(begin, end - begin)));
    begin = end + 1;
  }
  return values;
}

/// Sets what is not a flag from a word of text.
void assign(const Options::Target& target, std::string_view option, std::string_view word) {
  std::visit(
      [&]<class T>(T* variable) {
        if constexpr (std::is_same_v<T, std::string>)
          *variable = word;
        else if constexpr (std::is_same_v<T, std::int64_t>)
          *variable = parse_integer(option, word);
        else if constexpr (std::is_same_v<T, std::uint64_t>)
          *variable = parse_whole(option, word);
        else if constexpr (std::is_same_v<T, double>)
          *variable = parse_number(option, word);
        else if constexpr (std::is_same_v<T, std::vector<double>>)
          *variable = parse_list(option, word);
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
          variable->emplace_back(word);
        else
          *variable = word != "false";
      },
      target);
}

Json to_json(const Options::Target& target) {
  return std::visit(
      []<class T>(const T* variable) -> Json {
        if constexpr (std::is_same_v<T, std::string>) {
          return variable->empty() ? Json() : Json(*variable);
        } else if constexpr (std::is_same_v<T, double>) {
          return std::isfinite(*variable) ? Json(*variable) : Json();
        } else if constexpr (std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::vector<std::string>>) {
          return variable->empty() ? Json() : Json::list(*variable);
        } else {
          return *variable;
        }
      },
      target);
}

/// A word for the help and for assign(): strings without quotes, lists with commas.
std::string to_word(const Json& value) {
  if (const auto* list = value.as<Json::Array>()) {
    std::string words;
    for (const Json& element : *list) words += (words.empty() ? "" : ",") + to_word(element);
    return words;
  }
  return value.is_null() ? "" : value.shown();
}

/// What is explained in a column of its own, and the words beside it, broken into lines.
std::string entry(const std::string& name, std::string_view words) {
  constexpr std::size_t width = 110, indent = 30;
  const auto columns = static_cast<std::size_t>(  // UTF-8 continuation bytes take none
      std::ranges::count_if(name, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
  std::string lines = name;
  lines += columns + 2 > indent ? "\n" + std::string(indent, ' ') : std::string(indent - columns, ' ');
  std::size_t column = indent;
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find(' ', begin), words.size());
    const std::string_view word = words.substr(begin, end - begin);
    if (column + word.size() + 1 > width && column > indent) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    }
    lines += std::string(column > indent ? " " : "") + std::string(word);
    column += word.size() + 1;
    begin = end + 1;
  }
  return lines + "\n";
}

}  // namespace

std::int64_t parse_integer(std::string_view option, std::string_view word) {
  return parse_as<std::int64_t>(option, word, "a whole number");
}

std::uint64_t parse_whole(std::string_view option, std::string_view word) {
  return parse_as<std::uint64_t>(option, word, "a whole number from 0 to 2^64 - 1");
}

double parse_number(std::string_view option, std::string_view word) {
  const auto value = parse_as<double>(option, word, "a number");
  check<UsageError>(std::isfinite(value), "--", option, ": expected a finite number, got '", word, "'");
  return value;
}

void Options::add(std::string_view name, Target target, std::string_view help, std::string_view value_name) {
  constexpr std::array<std::string_view, 7> kinds{"TEXT", "N", "N", "X", "", "TEXT …", "X,…"};
  options_.push_back({.name = std::string(name),
                      .target = target,
                      .help = std::string(help),
                      .value_name = std::string(value_name.empty() ? kinds[target.index()] : value_name),
                      .heading = heading_,
                      .standard = to_word(to_json(target))});
}

void Options::positional(std::string_view name, std::vector<std::string>& target, std::string_view help) {
  positional_name_ = name;
  positional_help_ = help;
  positional_ = &target;
}

Options::Option& Options::find(std::string_view name) {
  return const_cast<Option&>(static_cast<const Options*>(this)->find(name));
}

const Options::Option& Options::find(std::string_view name) const {
  const auto found = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
  if (found != options_.end()) return *found;
  std::vector<std::string_view> names{"help"};
  for (const Option& option : options_) names.push_back(option.name);
  const std::string_view near = nearest(name, names);
  fail<UsageError>("there is no option --", name,
                   near.empty() ? std::string("; --help lists them") : text("; did you mean --", near, "?"));
}

void Options::keep_out(std::string_view name) { find(name).kept_out = true; }
void Options::shorten(std::string_view name, char letter) { find(name).letter = letter; }
void Options::take_pairs(std::string_view name) { find(name).pairs = true; }
bool Options::given(std::string_view name) const { return find(name).source >= Source::configuration; }
bool Options::typed(std::string_view name) const { return find(name).source == Source::command_line; }
Json Options::value(std::string_view name) const { return to_json(find(name).target); }

bool Options::parse(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--help" || word == "-h") return false;
    if (looks_like_value(word)) {
      check<UsageError>(positional_ != nullptr, "'", word, "' belongs to no option; --help lists them");
      positional_->push_back(word);
      continue;
    }
    const std::size_t equals = std::min(word.find('='), word.size());
    std::string name = word.substr(word.starts_with("--") ? 2 : 1, equals - (word.starts_with("--") ? 2 : 1));
    if (!word.starts_with("--"))
      for (const Option& option : options_)
        if (option.letter != 0 && name == std::string(1, option.letter)) name = option.name;
    const bool off = name.starts_with("no-") && std::any_of(options_.begin(), options_.end(), [&](const Option& o) {
                       return o.name == name.substr(3) && std::holds_alternative<bool*>(o.target);
                     });
    Option& option = find(off ? name.substr(3) : name);
    if (auto* const* flag = std::get_if<bool*>(&option.target)) {
      check<UsageError>(equals == word.size(), "--", name, " takes no value");
      **flag = !off;
    } else if (equals < word.size()) {
      assign(option.target, option.name, word.substr(equals + 1));
    } else {
      check<UsageError>(i + 1 < words.size() && looks_like_value(words[i + 1]), "--", name,
                        " needs a value: ", option.value_name);
      assign(option.target, option.name, words[++i]);
      if (std::holds_alternative<std::vector<std::string>*>(option.target))
        while (i + 1 < words.size() && looks_like_value(words[i + 1]) &&
               (!option.pairs || words[i + 1].find('=') != std::string::npos))
          assign(option.target, option.name, words[++i]);
    }
    option.source = Source::command_line;
  }
  return true;
}

void Options::suggest(std::string_view name, std::string_view value) {
  Option& option = find(name);
  if (option.source >= Source::configuration) return;
  assign(option.target, option.name, value);
  option.source = Source::recipe;
}

Json Options::resolved() const {
  Json values = Json::object();
  for (const Option& option : options_) {
    if (option.kept_out) continue;
    if (Json value = to_json(option.target); !value.is_null()) values.set(option.name, std::move(value));
  }
  return values;
}

void Options::feed(const Json& values, const std::string& path) {
  const auto* object = values.as<Json::Object>();
  check<FileError>(object != nullptr, path, ": expected an object of options");
  for (const auto& entry : *object) {
    const auto& name = entry.first;
    const auto& value = entry.second;
    const auto found = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
    check<FileError>(found != options_.end() && !found->kept_out, path, ": '", name, "' is no option of this command");
    if (found->source == Source::command_line) continue;
    try {
      if (const auto* list = value.as<Json::Array>(); list && std::get_if<std::vector<std::string>*>(&found->target))
        for (const Json& element : *list) assign(found->target, name, to_word(element));
      else
        assign(found->target, name, to_word(value));
    } catch (const UsageError& error) {
      fail<FileError>(path, ": ", error.what());
    }
    found->source = Source::configuration;
  }
}

std::string Options::help(std::string_view command, std::string_view summary, std::string_view examples) const {
  std::string page = text("fanin ", command, ": ", summary, "\n\nUsage: fanin ", command, " [options]",
                          positional_ ? " " + positional_name_ : "", "\n");
  if (positional_ != nullptr) page += text("\n  ", positional_name_, "  ", positional_help_, "\n");
  std::string heading;
  for (const Option& option : options_) {
    if (option.heading != heading) page += "\n" + (heading = option.heading) + ":\n";
    std::string flag = option.letter != 0 ? text("  -", option.letter, ", --") : std::string("  --");
    flag += option.name + (option.value_name.empty() ? "" : " " + option.value_name);
    // Zero stands for "not told"; what that means is in the words of the help.
    const bool shown = !option.standard.empty() && option.standard != "0" && option.standard != "0.0" &&
                       !std::holds_alternative<bool*>(option.target);
    page += entry(flag, option.help + (shown ? " (default: " + option.standard + ")" : ""));
  }
  for (const auto& [title, entries] : appendices_) {
    page += "\n" + title + ":\n";
    for (const auto& [name, words] : entries) page += entry("  " + name, words);
  }
  return page + "\nExamples:\n" + std::string(examples);
}

}  // namespace fanin
