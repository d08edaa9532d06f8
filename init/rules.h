#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/safetensors.h"
#include "core/random.h"
#include "init/scheme.h"
#include "layers/module.h"

namespace fanin {

/// One line of a rule set: which parameters, and how they are filled.
///
/// A selector is matched against a parameter in two ways, of which one must fit:
///   by name   a glob over the state dict's name: "classifier.weight", "stage_1.*", "*.bias"
///   by type   a glob over the type of a module it is in, a dot, a glob over its name from there: "Conv*.bias",
///             "BasicBlock.bn2.weight"; without a dot it means a layer's own weight: "Conv2d", "Conv*"
struct Rule {
  std::string selector;
  SchemeCall scheme;
  bool must_decide = true;     // an error if it decides no parameter; not so in named sets, which serve any network
  std::string needed_by = {};  // the named set of which at least one entry must decide, if it is such a set

  std::string text() const;  // "Conv*=kaiming_normal:mode=fan_out"
};

/// An ordered list of rules: for every parameter, the first whose selector fits decides.
struct Rules {
  std::string name;  // the set's name, or the rules as text, also if they came from JSON: parse_rules(name) is the same
  std::vector<Rule> rules = {};
  /// Parameters that draw before the others: the published ResNeXt script draws its classifier first.
  std::string drawn_first = {};
};

/// Rules from, in this order:
///   a named set             "resnext" "pytorch" "torchvision" "zero_gamma" "keras"
///   a scheme for all weights  "kaiming_normal:mode=fan_out"; biases 0, the rest as PyTorch's constructors leave it
///   a JSON file or JSON text  {"rules": [{"select": "Conv*", "scheme": "kaiming_normal", "mode": "fan_out"},
///                                        {"select": "*.bias", "scheme": 0}, {"set": "pytorch"}]}
///   entries as text         "*.bias=0; classifier.weight=xavier_uniform; Conv*=kaiming_normal:mode=fan_out; pytorch":
///                           selector=scheme, or the name of a set whose entries follow here; a number is `constant`
/// Throws Error, or FileError for a JSON file, with the entry and the nearest name that exists.
Rules parse_rules(std::string_view source);

struct NamedRules {
  std::string_view name;
  std::string_view text;         // its entries
  std::string_view drawn_first;  // see Rules
  std::string_view description;
  bool must_decide = false;  // an error if none of its entries decides a parameter
};
/// Every named set.
const std::vector<NamedRules>& named_rules();

/// What was decided and drawn for one parameter.
struct InitEntry {
  std::string name;   // "stage_1.stage_1_bottleneck_0.conv_conv.weight"
  std::string layer;  // "Conv2d"
  Shape shape;
  std::string rule;         // the entry that decided, as text
  Fans fans = {};           // by PyTorch's convention
  Fans aware = {};          // by the group-aware one
  bool uses_aware = false;  // which of the two the scheme counted by
  std::optional<double> gain = {};
  std::optional<Moments> expected = {};  // what the scheme promises, if it promises anything
  Moments drawn = {};                    // what came
  std::string found = {};                // what a scheme that looks at data says of it
};

struct InitReport {
  std::string rules;
  std::uint64_t seed = 0;
  std::vector<LsuvStep> rescaled = {};     // what data-dependent schemes did, layer by layer
  std::vector<InitEntry> parameters = {};  // in the state dict's order

  /// A table, one line a parameter, and what found() says.
  std::string text() const;
  /// What data-dependent schemes found and did, a line a layer; empty if there were none.
  std::string found() const;
  std::string json() const;
};

/// Fills every parameter of `net`, and marks it as set. All rules are resolved before anything is drawn, so that an
/// error leaves the network as it was.
///
/// The generator is used as a PyTorch program uses it that makes the network and then initialises it: first the
/// constructors' default weights, in the order modules are built, then the rules' own draws in the state dict's order.
/// With a fresh Generator(seed) the parameters are those that torch.manual_seed(seed) would give, bit for bit.
/// Schemes that look at data call `batch`; what they do comes last.
/// Parameters of f32 and f64 draw in their own precision, others in f32 and are rounded.
///
/// Throws Error if a rule decides nothing, if a parameter is decided by no rule, or if a scheme does not fit a shape;
/// the message names rule, parameter and shape, and what would fit.
InitReport initialise(Module& net, const Rules& rules, Generator& generator, const BatchSource& batch = {});

/// "sha256.<name>" of every tensor's bytes, plain and row-major: what weights files carry in their metadata.
Metadata tensor_hashes(const StateDict& state);
/// What a weights file carries about how it began: "init.seed", "init.rules", which parse_rules
/// takes, and tensor_hashes().
Metadata init_metadata(const InitReport& report, const StateDict& state);

}  // namespace fanin
