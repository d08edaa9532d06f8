#include "init/rules.h"

#include <algorithm>
#include <set>

#include "core/io/sha256.h"
#include "core/nearest.h"
#include "core/threads.h"
#include "init/catalogue.h"

namespace fanin {
namespace {

/// Parameters in the order PyTorch's constructors make them.
class AsBuilt final : public ModuleVisitor {
 public:
  explicit AsBuilt(Module& root) { root.visit_as_built(*this); }
  void parameter(std::string_view, Tensor& tensor) override { order.push_back(&tensor); }
  void child(std::string_view, Module& module) override { module.visit_as_built(*this); }
  std::vector<const Tensor*> order;
};

class OwnWeight final : public ModuleVisitor {
 public:
  explicit OwnWeight(Module& module) { module.visit(*this); }
  void parameter(std::string_view name, Tensor& tensor) override {
    if (name == "weight") shape = tensor.shape();
  }
  std::optional<Shape> shape;
};

struct Decision {
  std::string name;
  std::vector<std::pair<std::string_view, std::string>> scopes = {};  // type of a module around it, name from there
  InitTarget target;
  const Rule* rule = nullptr;
  std::string found = {};
  std::string layer() const {
    return name.substr(0, name.size() - std::min(name.size(), target.own_name().size() + 1));
  }
};

bool fits(const Rule& rule, const Decision& d) {
  const std::string& selector = rule.selector;
  if (matches_glob(d.name, selector)) return true;
  const std::size_t dot = selector.find('.');
  const std::string_view type = std::string_view(selector).substr(0, dot);
  const std::string_view own = dot == std::string::npos ? "weight" : std::string_view(selector).substr(dot + 1);
  return std::ranges::any_of(
      d.scopes, [&](const auto& scope) { return matches_glob(scope.first, type) && matches_glob(scope.second, own); });
}

[[noreturn]] void fail_undecisive(const Rules& rules, const Rule& rule, const std::vector<Decision>& decisions) {
  for (const Decision& d : decisions)
    if (fits(rule, d))
      fail<Error>("rule '", rule.text(), "' decides nothing: '", d.rule->text(), "' comes before it and takes '",
                  d.name, "' and all else that it would fit; put the narrower rule first");
  std::set<std::string_view> candidates;
  for (const Decision& d : decisions) {
    candidates.insert(d.name);
    candidates.insert(d.target.owner->type());
  }
  const std::string_view meant = nearest(rule.selector, {candidates.begin(), candidates.end()});
  std::set<std::string_view> types;
  for (const Decision& d : decisions) types.insert(d.target.owner->type());
  fail<Error>("rule '", rule.text(), "' of '", rules.name, "' fits no parameter",
              meant.empty() ? did_you_mean("", {types.begin(), types.end()}) : text("; did you mean '", meant, "'?"));
}

/// A set that must decide something has decided nothing.
[[noreturn]] void fail_needless(const Rules& rules, const std::string& set) {
  std::string entries;
  for (const Rule& rule : rules.rules)
    if (rule.needed_by == set) entries += (entries.empty() ? "" : "; ") + rule.text();
  fail<Error>("the set '", set,
              "' does nothing here: the network has none of what its entries name, or rules before it ", "take it (",
              entries, "); leave it out, or write an entry for the network's own blocks");
}

void check_fit(const Decision& d) {
  const SchemeCall& call = d.rule->scheme;
  std::string why;
  try {
    if (call.scheme->refuses) why = call.scheme->refuses(d.target, call.arguments);
    if (why.empty() && call.scheme->expected) call.scheme->expected(d.target, call.arguments);
  } catch (const Error& error) {
    why = error.what();
  }
  check<Error>(why.empty(), "rule '", d.rule->text(), "' cannot fill '", d.name, "' ", d.target.shape(), " of ",
               d.target.owner->type(), ": ", call.scheme->name, " ", why);
}

/// Who decides what; nothing is drawn yet.
std::vector<Decision> resolve(Module& net, const Rules& rules, const BatchSource& batch) {
  std::vector<Decision> decisions;
  for (const NamedParameter& p : named_parameters(net))
    decisions.push_back({.name = p.name, .target = {.owner = p.owner, .tensor = p.tensor}});
  const std::vector<NamedModule> modules = named_modules(net);
  std::set<const Rule*> used;
  for (Decision& d : decisions) {
    d.target.name = d.name;
    for (const NamedModule& m : modules)
      if (m.path.empty())
        d.scopes.emplace_back(m.module->type(), d.name);
      else if (d.name.starts_with(m.path + "."))
        d.scopes.emplace_back(m.module->type(), d.name.substr(m.path.size() + 1));
    d.target.use = d.target.owner->weight_use();
    d.target.batch = &batch;
    d.target.weight = OwnWeight(*d.target.owner).shape.value_or(d.target.shape());
    for (const Rule& rule : rules.rules)
      if (fits(rule, d)) {
        d.rule = &rule;
        break;
      }
    check<Error>(d.rule != nullptr, "no rule of '", rules.name, "' decides '", d.name, "' ", d.target.shape(), " of ",
                 d.target.owner->type(), "; add '", d.name, "=…' or end the rules with 'pytorch'");
    used.insert(d.rule);
  }
  for (const Rule& rule : rules.rules)
    if (rule.must_decide && !used.contains(&rule)) fail_undecisive(rules, rule, decisions);
  for (const Rule& rule : rules.rules)
    if (!rule.needed_by.empty() &&
        std::ranges::none_of(used, [&](const Rule* one) { return one->needed_by == rule.needed_by; }))
      fail_needless(rules, rule.needed_by);
  for (const Decision& d : decisions) check_fit(d);
  return decisions;
}

/// What PyTorch's constructors draw. Weights that a rule is to overwrite are drawn and thrown away.
void draw_constructors(Module& net, const std::vector<Decision>& decisions, Generator& generator) {
  for (const Tensor* tensor : AsBuilt(net).order) {
    const auto d = std::ranges::find(decisions, tensor, [](const Decision& one) { return one.target.tensor; });
    if (d != decisions.end()) torch_default(d->target, generator, d->rule->scheme.scheme->after_default);
  }
}

void draw_rules(const Rules& rules, std::vector<Decision>& decisions, Generator& generator) {
  const Rule first{.selector = rules.drawn_first, .scheme = {}};
  for (const bool early : {true, false})
    for (Decision& d : decisions) {
      if (early != (!rules.drawn_first.empty() && fits(first, d))) continue;
      d.target.found = &d.found;
      d.rule->scheme.scheme->fill(d.target, d.rule->scheme.arguments, generator);
    }
}

/// LSUV for the layers whose rules ask for it; the arguments are those of the first.
std::vector<LsuvStep> rescale(Module& net, const std::vector<Decision>& decisions, const BatchSource& batch) {
  std::vector<std::string> layers;
  LsuvOptions options;
  for (const Decision& d : decisions) {
    if (!d.rule->scheme.scheme->unit_variance) continue;
    const SchemeArguments& arguments = d.rule->scheme.arguments;
    if (layers.empty())
      options = {.tolerance = arguments.number("tolerance"), .passes = static_cast<int>(arguments.integer("passes"))};
    layers.push_back(d.layer());
  }
  return layers.empty() ? std::vector<LsuvStep>{} : lsuv(net, layers, batch, options);
}

InitEntry entry_of(const Decision& d) {
  const Scheme& scheme = *d.rule->scheme.scheme;
  const SchemeArguments& arguments = d.rule->scheme.arguments;
  InitEntry entry{
      .name = d.name, .layer = std::string(d.target.owner->type()), .shape = d.target.shape(), .rule = d.rule->text()};
  if (d.target.weight.rank() >= 2) {
    entry.fans = d.target.fans();
    entry.aware = d.target.fans(FanConvention::aware);
  }
  entry.uses_aware = std::ranges::any_of(scheme.arguments, [&](const SchemeParameter& p) {
    return p.name == "groups" && arguments.word("groups") == "aware";
  });
  if (scheme.gain) entry.gain = scheme.gain(arguments);
  if (scheme.expected) entry.expected = scheme.expected(d.target, arguments);
  entry.drawn = moments(*d.target.tensor);
  entry.found = d.found;
  return entry;
}

}  // namespace

std::string Rule::text() const { return selector + "=" + scheme.text; }

InitReport initialise(Module& net, const Rules& rules, Generator& generator, const BatchSource& batch) {
  std::vector<Decision> decisions = resolve(net, rules, batch);
  InitReport report{.rules = rules.name, .seed = generator.initial_seed()};
  draw_constructors(net, decisions, generator);
  draw_rules(rules, decisions, generator);
  report.rescaled = rescale(net, decisions, batch);
  for (const Decision& d : decisions) report.parameters.push_back(entry_of(d));
  return report;
}

Metadata tensor_hashes(const StateDict& state) {
  std::vector<std::string> hashes(state.size());
  parallel_for(static_cast<Dim>(state.size()), 1, [&](Dim begin, Dim end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const Tensor plain = state[i].second.plain();
      hashes[i] = sha256({plain.raw_bytes(), plain.bytes()});
    }
  });
  Metadata metadata;
  for (std::size_t i = 0; i < state.size(); ++i) metadata["sha256." + state[i].first] = hashes[i];
  return metadata;
}

Metadata init_metadata(const InitReport& report, const StateDict& state) {
  Metadata metadata{{"init.seed", std::to_string(report.seed)}, {"init.rules", report.rules}};
  metadata.merge(tensor_hashes(state));
  return metadata;
}

}  // namespace fanin
