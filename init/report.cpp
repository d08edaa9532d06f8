#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/io/json.h"
#include "core/simd.h"
#include "core/threads.h"
#include "init/rules.h"

namespace fanin {
namespace {

std::string shown(const std::optional<double>& value) { return value ? fmt::format("{:.4g}", *value) : "-"; }

std::string shown(const Shape& shape) { return text(shape); }

/// Sums of x − shift and of its squares, in eight lanes so that the loop vectorises.
template <class T>
Moments sums_of(const T* x, Dim count, double shift) {
  constexpr Dim lanes = 8;
  std::array<double, lanes> sum{};
  std::array<double, lanes> squares{};
  vectorized([&]() __attribute__((always_inline)) {
    for (Dim i = 0; i + lanes <= count; i += lanes)
      for (Dim lane = 0; lane < lanes; ++lane) {
        const double v = static_cast<double>(x[i + lane]) - shift;
        sum[static_cast<std::size_t>(lane)] += v;
        squares[static_cast<std::size_t>(lane)] += v * v;
      }
  });
  for (Dim i = count / lanes * lanes; i < count; ++i) {
    const double v = static_cast<double>(x[i]) - shift;
    sum[0] += v;
    squares[0] += v * v;
  }
  return {std::reduce(sum.begin(), sum.end()), std::reduce(squares.begin(), squares.end())};
}

}  // namespace

Moments moments(const Tensor& t) {
  if (t.numel() == 0) return {};
  Moments result;
  dispatch(t.dtype(), [&]<class T>() {
    const std::span<const T> x = t.raw<T>();
    const auto shift = static_cast<double>(x[0]);  // constants come out with exactly no spread
    constexpr Dim block = 1 << 15;                 // sums of blocks, added in their order: the same on any threads
    const Dim blocks = (t.numel() + block - 1) / block;
    std::vector<Moments> sums(static_cast<std::size_t>(blocks));
    parallel_for(blocks, 4, [&](Dim begin, Dim end) {
      for (Dim b = begin; b < end; ++b) {
        sums[static_cast<std::size_t>(b)] =
            sums_of(x.data() + b * block, std::min(block, t.numel() - b * block), shift);
      }
    });
    double sum = 0;
    double squares = 0;
    for (const Moments& one : sums) sum += one.mean, squares += one.std;
    const auto n = static_cast<double>(t.numel());
    result = {shift + sum / n, std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)))};
  });
  return result;
}

std::string scheme_table(const std::vector<const Scheme*>& list) {
  std::string table = "| scheme | formula | when | source | who else has it |\n|---|---|---|---|---|\n";
  for (const Scheme* scheme : list) {
    std::string arguments;
    for (const SchemeParameter& p : scheme->arguments)
      arguments += fmt::format("{}{}{}", arguments.empty() ? ":" : ",", p.name,
                               p.default_value.empty() ? "=…" : "=" + p.default_value);
    table += fmt::format("| `{}{}` | {} | {} | {} | {} |\n", scheme->name, arguments, scheme->formula, scheme->use,
                         scheme->source, scheme->others);
  }
  return table;
}

std::string InitReport::text() const {
  std::vector<std::vector<std::string>> rows = {
      {"parameter", "layer", "shape", "rule", "fan_in", "fan_out", "gain", "mean", "drawn", "std", "drawn"}};
  for (const InitEntry& e : parameters) {
    const Fans& fans = e.uses_aware ? e.aware : e.fans;
    const bool has_fans = fans.in > 0 || fans.out > 0;
    rows.push_back({e.name, e.layer, shown(e.shape), e.rule, has_fans ? std::to_string(fans.in) : "-",
                    has_fans ? std::to_string(fans.out) : "-", shown(e.gain),
                    e.expected ? shown(e.expected->mean) : "-", shown(e.drawn.mean),
                    e.expected ? shown(e.expected->std) : "-", shown(e.drawn.std)});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out = fmt::format("rules {}, seed {}\n", rules, seed);
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i < 4 ? fmt::format("{:<{}}  ", row[i], widths[i]) : fmt::format("{:>{}}  ", row[i], widths[i]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  const std::string more = found();
  return more.empty() ? out : out + more + "\n";
}

std::string InitReport::found() const {
  std::string out;
  for (const InitEntry& e : parameters)
    if (!e.found.empty())
      out += (out.empty() ? "" : "\n") + fmt::format("{} {}: {}", e.rule.substr(e.rule.find('=') + 1), e.name, e.found);
  for (const LsuvStep& step : rescaled)
    out += (out.empty() ? "" : "\n") + fmt::format("lsuv {}: std {:.4g} became {:.4g} in {} {}, factor {:.4g}",
                                                   step.layer, step.before, step.after, step.passes,
                                                   step.passes == 1 ? "pass" : "passes", step.factor);
  return out;
}

std::string InitReport::json() const {
  const auto object_of = [](const Moments& m) {
    Json object = Json::object();
    return object.set("mean", m.mean).set("std", m.std);
  };
  Json::Array list;
  for (const InitEntry& e : parameters) {
    Json entry = Json::object();
    entry.set("name", e.name).set("layer", e.layer);
    entry.set("shape", Json::list(std::vector<Dim>(e.shape.begin(), e.shape.end()))).set("rule", e.rule);
    entry.set("fan_in", e.fans.in).set("fan_out", e.fans.out).set("fan_in_aware", e.aware.in);
    entry.set("fan_out_aware", e.aware.out).set("groups", e.uses_aware ? "aware" : "torch");
    if (e.gain) entry.set("gain", *e.gain);
    if (e.expected) entry.set("expected", object_of(*e.expected));
    if (!e.found.empty()) entry.set("found", e.found);
    list.push_back(entry.set("drawn", object_of(e.drawn)));
  }
  Json::Array steps;
  for (const LsuvStep& s : rescaled) {
    Json step = Json::object();
    step.set("layer", s.layer).set("passes", s.passes).set("factor", s.factor);
    steps.push_back(step.set("before", s.before).set("after", s.after));
  }
  Json all = Json::object();
  all.set("rules", rules).set("seed", seed);
  return all.set("parameters", std::move(list)).set("rescaled", std::move(steps)).text(true);
}

}  // namespace fanin
