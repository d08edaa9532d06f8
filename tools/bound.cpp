#include "tools/bound.h"

#include <algorithm>

#include "core/backend.h"
#include "core/ops/conv2d/kernels.h"
#include "tools/flops.h"
#include "tools/progress.h"
#include "tools/table.h"

namespace fanin {

namespace {

Size2 size_of_attribute(const TraceEntry& entry, std::string_view name) {
  for (const auto& [key, value] : entry.op.attributes)
    if (key == name) return {std::get<std::vector<Dim>>(value)[0], std::get<std::vector<Dim>>(value)[1]};
  return {};
}

Conv2dGeometry geometry_of(const TraceEntry& entry) {
  const Shape& x = entry.inputs[0].shape;
  const Shape& w = entry.inputs[1].shape;
  const Shape& y = entry.output.shape;
  return {.N = x[0],
          .G = x[1] / w[1],
          .IC = x[1],
          .OC = w[0],
          .IH = x[2],
          .IW = x[3],
          .OH = y[2],
          .OW = y[3],
          .KH = w[2],
          .KW = w[3],
          .stride = size_of_attribute(entry, "stride"),
          .padding = size_of_attribute(entry, "padding"),
          .dilation = size_of_attribute(entry, "dilation")};
}

bool same(const TraceEntry& a, const TraceEntry& b) {
  return geometry_of(a) == geometry_of(b) && a.op.kernel == b.op.kernel && a.inputs[0].dtype == b.inputs[0].dtype &&
         a.inputs[0].layout == b.inputs[0].layout && a.output.layout == b.output.layout &&
         a.inputs[0].requires_grad == b.inputs[0].requires_grad &&
         a.inputs[1].requires_grad == b.inputs[1].requires_grad;
}

Tensor filled(const TraceEntry::Value& value) {
  return Tensor::full(value.shape, 0.01).as(value.dtype).to(value.layout);
}

/// Median of at least five calls and a tenth of a second, after two that make primitives and working copies.
template <class F>
double median_seconds(const F& run) {
  run();
  run();
  std::vector<double> times;
  for (double spent = 0; times.size() < 5 || spent < 0.1; spent += times.back()) {
    const double start = Trace::now();
    run();
    times.push_back(Trace::now() - start);
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

void measure(ConvolutionCost& cost) {
  const TraceEntry& e = cost.entry;
  const Conv2dGeometry g = geometry_of(e);
  const Conv2dKernels& kernels = choose(conv2d_kernels, g, e.inputs[0].dtype);
  const Tensor x = filled(e.inputs[0]), weight = filled(e.inputs[1]), dy = filled(e.output);
  const Tensor bias = e.inputs[2].id != 0 ? filled(e.inputs[2]) : Tensor();
  cost.forward = median_seconds([&] { kernels.forward(g, x, weight, bias); });
  if (e.inputs[0].requires_grad) cost.backward_input = median_seconds([&] { kernels.backward_input(g, dy, weight); });
  if (e.inputs[1].requires_grad) cost.backward_weight = median_seconds([&] { kernels.backward_weight(g, dy, x); });
  cost.flops = product_flops(e);
}

std::string describe(const TraceEntry& e) {
  const Conv2dGeometry g = geometry_of(e);
  return text(e.inputs[0].dtype, e.inputs[0].shape, " → ", g.OC, ", ", g.KH, "x", g.KW, ", stride ", g.stride.h,
              ", groups ", g.G);
}

}  // namespace

double Bound::convolution_seconds() const {
  double sum = 0;
  for (const ConvolutionCost& c : convolutions) sum += static_cast<double>(c.count) * c.seconds();
  return sum;
}

std::string Bound::table(const MachineLimits& limits) const {
  Table table({"convolution alone", "kernel", "count", "forward ms", "data ms", "weight ms", "GFLOP/s", "of GEMM peak"},
              "llrrrrrr");
  for (const ConvolutionCost& c : convolutions) {
    const double rate = c.flops / c.seconds();
    const double peak = limits.flops(c.entry.inputs[0].dtype);
    table.add({describe(c.entry), std::string(c.entry.op.kernel), fanin::text(c.count), fixed(1000 * c.forward, 3),
               fixed(1000 * c.backward_input, 3), fixed(1000 * c.backward_weight, 3), brief(rate / 1e9),
               peak > 0 ? fixed(100 * rate / peak, 0) + "%" : ""});
  }
  return table.text();
}

Json Bound::json(double step_seconds) const {
  Json::Array rows;
  for (const ConvolutionCost& c : convolutions) {
    Json row = Json::object();
    row.set("convolution", describe(c.entry)).set("kernel", c.entry.op.kernel).set("count", c.count);
    row.set("forward_ms", 1000 * c.forward).set("backward_data_ms", 1000 * c.backward_input);
    rows.push_back(row.set("backward_weight_ms", 1000 * c.backward_weight).set("flops", c.flops));
  }
  Json all = Json::object();
  all.set("convolutions_ms", 1000 * convolution_seconds()).set("bytes", bytes).set("memory_ms", 1000 * memory_seconds);
  all.set("bound_ms", 1000 * seconds()).set("share", seconds() / step_seconds);
  return all.set("convolutions", std::move(rows));
}

Bound measure_bound(const std::vector<TraceEntry>& step, const StateDict& trained, const MachineLimits& limits) {
  const NoGrad off;
  Bound bound;
  for (const TraceEntry& entry : step) {
    bound.bytes += least_bytes(entry);
    if (entry.op.name != "conv2d") continue;
    const auto found =
        std::ranges::find_if(bound.convolutions, [&](const auto& known) { return same(known.entry, entry); });
    if (found != bound.convolutions.end())
      ++found->count;
    else
      bound.convolutions.push_back({.entry = entry, .count = 1});
  }
  for (ConvolutionCost& cost : bound.convolutions) measure(cost);
  for (const auto& [name, weight] : trained)
    bound.bytes +=
        5 * static_cast<double>(weight.bytes());  // weight, gradient, momentum read; weight, momentum written
  bound.memory_seconds = bound.bytes / limits.update_bytes;
  return bound;
}

}  // namespace fanin
