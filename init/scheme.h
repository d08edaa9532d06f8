#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "init/data_dependent.h"
#include "init/fan.h"

namespace fanin {

struct Moments {
  double mean = 0;
  double std = 0;
};

/// Mean and standard deviation (of the population) of a tensor's elements.
Moments moments(const Tensor& t);

/// What a scheme's caller wrote after the colon: "mode=fan_out,a=0.1". Every argument of the scheme is there, with its
/// default where nothing was written.
class SchemeArguments final {
 public:
  SchemeArguments() = default;
  explicit SchemeArguments(std::map<std::string, std::string, std::less<>> values) : values_(std::move(values)) {}

  const std::string& word(std::string_view name) const;  // throws Error if the scheme has no such argument
  double number(std::string_view name) const;            // throws Error if it is none; "sqrt(5)" and "1/3" are
  std::int64_t integer(std::string_view name) const;     // throws Error if it is no whole number
  FanMode mode() const { return parse_fan_mode(word("mode")); }
  double gain() const;               // a number, or the name of a nonlinearity
  FanConvention convention() const;  // the argument `groups`: torch or aware

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// The parameter a scheme is to fill.
struct InitTarget {
  std::string_view name = {};  // "layer1.0.conv2.weight"
  Module* owner = nullptr;
  Tensor* tensor = nullptr;
  Shape weight = {};  // of the owner's `weight`, or of the parameter itself if it has none
  WeightUse use = {};
  const BatchSource* batch = nullptr;  // for schemes that look at data; may be null, or empty
  std::string* found = nullptr;        // where a scheme may say what it found, for the report; may be null

  const Shape& shape() const { return tensor->shape(); }
  /// Fans of the owner's weight; a bias, too, has those of the weight beside it.
  Fans fans(FanConvention convention = FanConvention::torch) const { return fanin::fans(weight, use, convention); }
  std::string_view own_name() const;  // "weight"
};

struct SchemeParameter {
  std::string name;
  std::string default_value;  // empty: must be given
  std::string meaning;
};

/// A way to fill a parameter, as data: what rules call by name, `fanin init --explain` and init/README.md list.
///
///   register_scheme({.name = "flat", .formula = "U(−w, w)", .arguments = {{"w", "0.1", "half the width"}},
///                    .fill = [](const InitTarget& t, const SchemeArguments& a, Generator& g) {
///                      g.uniform(*t.tensor, -a.number("w"), a.number("w"));
///                    }});
struct Scheme {
  std::string name;
  std::string formula;
  std::string use = {};  // when to take it
  std::string source = {};
  std::string others = {};  // which other frameworks have it
  std::vector<SchemeParameter> arguments = {};
  /// Why it cannot fill such a parameter, and what could: "needs 2 dimensions or more; use constant". Empty if it can.
  std::function<std::string(const InitTarget&, const SchemeArguments&)> refuses = {};
  std::function<void(const InitTarget&, const SchemeArguments&, Generator&)> fill = {};
  std::function<Moments(const InitTarget&, const SchemeArguments&)> expected = {};
  std::function<double(const SchemeArguments&)> gain = {};
  /// fill finds what PyTorch's constructor draws already there.
  bool after_default = false;
  /// After everything is filled, the owner's weight is rescaled by lsuv(); the scheme takes `tolerance` and `passes`.
  bool unit_variance = false;
};

/// A scheme with its arguments: "kaiming_normal:mode=fan_out".
struct SchemeCall {
  const Scheme* scheme = nullptr;
  SchemeArguments arguments;
  std::string text;
};

/// Every scheme, in the order of the README.
const std::vector<const Scheme*>& schemes();
/// Adds one for the rest of the program. Throws Error if the name is taken, or has characters other than a-z 0-9 _.
void register_scheme(Scheme scheme);
/// Schemes as a Markdown table: what init/README.md shows of the whole shelf.
std::string scheme_table(const std::vector<const Scheme*>& list);
const Scheme& find_scheme(std::string_view name);  // throws Error with the nearest name
/// "name", "name:argument=value,…", or a number, which means constant. Throws Error on unknown names and arguments.
SchemeCall parse_scheme(std::string_view text);

}  // namespace fanin
