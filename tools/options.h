#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/io/json.h"

namespace fanin {

/// A command line that makes no sense: exit code 2. The message names the option and what it takes.
class UsageError final : public Error {
 public:
  using Error::Error;
};

/// The options of one command: each a name, a variable it sets, and a line of help.
///
///   options.add("batch-size", &arguments.batch_size, "images a step");
///
/// An option's value comes from the command line, else from a configuration (feed), else from a recipe (suggest),
/// else it is what the variable held before.
class Options final {
 public:
  using Target = std::variant<std::string*, std::int64_t*, std::uint64_t*, double*, bool*, std::vector<std::string>*,
                              std::vector<double>*>;

  /// A bool is a flag that takes no value; --no-NAME turns it off. Lists of strings take all words up to the next
  /// option, and may be given again; lists of numbers are written with commas: --mean 0.5,0.5,0.5. Of other options
  /// given twice the last counts. `value_name` is what the help shows for the value.
  void add(std::string_view name, Target target, std::string_view help, std::string_view value_name = {});
  /// Words that belong to no option.
  void positional(std::string_view name, std::vector<std::string>& target, std::string_view help);
  /// Starts a new heading in the help.
  void heading(std::string_view title) { heading_ = title; }
  /// Options that say where and how a run is written, not what it computes: left out of resolved().
  void keep_out(std::string_view name);
  /// Another spelling, one letter: -b.
  void shorten(std::string_view name, char letter);
  /// Of a list of strings: takes only words with an equals sign, so that positional words may follow it.
  void take_pairs(std::string_view name);
  /// A list for the help to show after the options: names, and what they are.
  using Entries = std::vector<std::pair<std::string, std::string>>;
  void appendix(std::string_view title, Entries entries) { appendices_.emplace_back(title, std::move(entries)); }

  /// Sets the variables. Throws UsageError: an unknown option (with the nearest one), a value that is missing or
  /// no number. False if --help was asked for.
  bool parse(const std::vector<std::string>& words);
  std::string help(std::string_view command, std::string_view summary, std::string_view examples) const;

  /// Whether the command line or a configuration set it.
  bool given(std::string_view name) const;
  /// Whether the command line set it.
  bool typed(std::string_view name) const;
  /// Sets an option that was not given; a recipe's word.
  void suggest(std::string_view name, std::string_view value);
  /// Every option with its value: what args.json holds. Options without a value are left out.
  Json resolved() const;
  /// Takes the values of resolved() for options the command line did not set. Throws FileError naming `path`.
  void feed(const Json& values, const std::string& path);
  /// The value of one option as resolved() has it.
  Json value(std::string_view name) const;

 private:
  enum class Source : unsigned char { standard, recipe, configuration, command_line };
  struct Option {
    std::string name;
    Target target;
    std::string help;
    std::string value_name;
    std::string heading;
    std::string standard;  // the value before parsing, for the help
    char letter = 0;
    bool pairs = false;
    Source source = Source::standard;
    bool kept_out = false;
  };
  Option& find(std::string_view name);
  const Option& find(std::string_view name) const;

  std::vector<Option> options_;
  std::string heading_ = "Options";
  std::vector<std::pair<std::string, Entries>> appendices_;
  std::string positional_name_;
  std::string positional_help_;
  std::vector<std::string>* positional_ = nullptr;
};

/// `word` as a number. Throws UsageError naming `option`.
std::int64_t parse_integer(std::string_view option, std::string_view word);
/// A whole number from 0 to 2^64 − 1, likewise.
std::uint64_t parse_whole(std::string_view option, std::string_view word);
double parse_number(std::string_view option, std::string_view word);

}  // namespace fanin
